"""How crash tests look in a terminal and in a file."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.crash_testing.findings import Findings, together
from tools.crash_testing.rounds import RoundReport

_MOST_SHOWN = 5
_COLUMNS = ("operation", "rounds", "struck", "losses", "duplicates", "stale hits", "unreadable", "seconds")


def round_line(operation: str, n_rounds: int, report: RoundReport, seconds: float) -> str:
    """Gives a line for a round that has ended, so many seconds after the first one of its operation began."""
    what = f"{operation} {report.variant}".strip()
    whom = "with its children" if report.with_children else "alone"
    kill = f"killed {whom} after {report.delay_s:.2f} s" if report.struck else "had ended before the kill"
    found = ", ".join(f"{n} {_in_words(kind)}" for kind, n in report.findings.counts().items() if n) or "nothing wrong"
    left_s = seconds / report.number * (n_rounds - report.number)
    left = f"{left_s // 60:.0f} min {left_s % 60:.0f} s left of {operation}"
    return f"{report.number:>4}/{n_rounds}  {what:<15} {kill:<40} {found}   ({report.seconds:.1f} s, {left})"


def table_lines(reports: Mapping[str, Sequence[RoundReport]]) -> list[str]:
    """Gives a line for each operation, and then the first things that are wrong."""
    rows = [_COLUMNS, *(_row(name, of_operation) for name, of_operation in reports.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return lines + [line for name, of_operation in reports.items() for line in _finding_lines(name, of_operation)]


def as_json(reports: Mapping[str, Sequence[RoundReport]], *, seed: int) -> dict[str, Any]:
    """Gives everything for machines."""
    found = all_findings(reports)
    return {
        "seed": seed,
        "ok": found.n == 0,
        **found.counts(),
        "operations": {name: _operation_json(of_operation) for name, of_operation in reports.items()},
    }


def all_findings(reports: Mapping[str, Sequence[RoundReport]]) -> Findings:
    """Gives what was found in all rounds together."""
    return together(report.findings for of_operation in reports.values() for report in of_operation)


def _operation_json(reports: Sequence[RoundReport]) -> dict[str, Any]:
    return {
        "rounds": len(reports),
        "struck": sum(report.struck for report in reports),
        "seconds": round(sum(report.seconds for report in reports), 1),
        **together(report.findings for report in reports).counts(),
        "found": [
            {
                "round": report.number,
                "variant": report.variant,
                "with_children": report.with_children,
                "delay_s": round(report.delay_s, 4),
                "struck": report.struck,
                **report.findings.by_kind(),
            }
            for report in reports
            if report.findings.n
        ],
    }


def _row(name: str, reports: Sequence[RoundReport]) -> tuple[str, ...]:
    counts = together(report.findings for report in reports).counts()
    seconds = sum(report.seconds for report in reports)
    n_struck = sum(report.struck for report in reports)
    return name, str(len(reports)), str(n_struck), *map(str, counts.values()), f"{seconds:.0f}"


def _finding_lines(name: str, reports: Sequence[RoundReport]) -> list[str]:
    return [
        f"  {name} round {report.number}: {_in_words(kind)}: {line}"
        for report in reports
        for kind, some in report.findings.by_kind().items()
        for line in some[:_MOST_SHOWN]
    ]


def _in_words(kind: str) -> str:
    return kind.replace("_", " ")
