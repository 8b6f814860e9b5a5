"""Looks at what is installed, set, stored and reachable, and says what to do about each problem. Repairs nothing."""

import argparse
import json
import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable
from functools import partial

from rag_llm_system.application.diagnosis.examination import Check, Examined, examine
from rag_llm_system.application.diagnosis.findings import Finding, Level, failure
from rag_llm_system.bootstrap.diagnosis.checks import (
    checks_of_the_installation,
    checks_of_the_machine,
    checks_of_the_system,
)
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import load_settings
from tools.command_line import run_tool
from tools.main_api import running_main_api
from tools.zenml_diagnosis import pipelines

_NARROWEST, _WIDEST = 50, 100
_COMMAND = re.compile(r"\./poe (?=\w)")


def main() -> int:
    """Prints what was found, each check as soon as it is made; gives 1 where something does not work."""
    parser = argparse.ArgumentParser(prog="poe doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments = parser.parse_args()
    checks = _checks()
    examined = examine(checks)
    if arguments.json:
        made = list(examined)
        print(json.dumps(as_json(made), indent=2))
    else:
        made = _print_each(examined, name_width=max(len(check.name) for check in checks))
        print(f"\n{_summary(made)}")
    return int(any(each.finding.level is Level.FAIL for each in made))


def _checks() -> list[Check]:
    try:
        settings = load_settings()
    except ConfigurationError as error:
        unusable = Check("settings", partial(_unusable, error))
        return [*checks_of_the_installation(), unusable, *checks_of_the_machine()]
    of_the_system = checks_of_the_system(
        settings,
        find_main_api=partial(running_main_api, settings.home),
        further=[Check("pipelines", partial(pipelines, settings))],
    )
    return [*checks_of_the_installation(), *of_the_system, *checks_of_the_machine()]


def _unusable(error: ConfigurationError) -> Finding:
    found = failure(error)
    return Finding(found.level, f"{found.found} (nothing behind the settings was looked at)", found.advice)


def _print_each(examined: Iterable[Examined], *, name_width: int) -> list[Examined]:
    width = max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))
    made = []
    for each in examined:
        print(*lines_of(each, name_width=name_width, width=width), sep="\n", flush=True)
        made.append(each)
    return made


def lines_of(each: Examined, *, name_width: int, width: int) -> list[str]:
    """Gives the level, the name and what was found, in one column each; below it what to do."""
    margin = " " * (6 + name_width + 2)
    start = f"{each.finding.level:<6}{each.name:<{name_width}}  "
    lines = _wrapped(each.finding.found, width, start, margin)
    if each.finding.advice:
        lines += _wrapped(f"do: {each.finding.advice}", width, margin, f"{margin}    ")
    return lines


def _wrapped(text: str, width: int, start: str, margin: str) -> list[str]:
    unbroken = _COMMAND.sub("./poe\N{NO-BREAK SPACE}", text)  # a command that is copied must not be in two lines
    lines = textwrap.wrap(
        unbroken, width, initial_indent=start, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _summary(made: Iterable[Examined]) -> str:
    counts = Counter(each.finding.level for each in made)
    if not counts[Level.FAIL] + counts[Level.WARN]:
        return "Nothing is broken."
    return f"{counts[Level.FAIL]} to mend (fail), {counts[Level.WARN]} to look at (warn)."


def as_json(made: Iterable[Examined]) -> dict[str, object]:
    """Gives whether all works, and each finding; the keys, and the names of the checks, stay the same."""
    findings = [
        {
            "name": each.name,
            "level": str(each.finding.level),
            "found": each.finding.found,
            "advice": each.finding.advice,
            "seconds": round(each.seconds, 3),
        }
        for each in made
    ]
    return {"works": all(finding["level"] != Level.FAIL for finding in findings), "findings": findings}


if __name__ == "__main__":
    run_tool(main, works_without_settings=True)
