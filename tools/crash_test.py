"""Kills processes at random moments (kill -9) and looks whether anything that was acknowledged is lost.

Everything happens in a temporary home: yours is not touched. What is counted: losses (acknowledged, and not there to
the letter), duplicates (there twice), stale hits (found though deleted, replaced, or never completed), and unreadable
(an error where there should be an answer). It ends with 0 only where all of these are 0.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rag_llm_system.domain.errors import InputError
from tools.command_line import caller_path, run_tool
from tools.crash_testing.corpus import Corpus
from tools.crash_testing.operations import OPERATIONS
from tools.crash_testing.report import all_findings, as_json, round_line, table_lines
from tools.crash_testing.rounds import CrashTest, RoundReport

_MOST_SEEDS = 1_000_000


def main() -> int:
    """Runs the rounds, prints each, and a table at the end."""
    arguments = _parser().parse_args()
    if arguments.rounds < 1:
        raise InputError("--rounds must be 1 or more")
    seed = random.SystemRandom().randrange(_MOST_SEEDS) if arguments.seed is None else arguments.seed
    names = [*dict.fromkeys(arguments.operation or OPERATIONS)]
    chosen = "".join(f" --operation {name}" for name in names) if arguments.operation else ""
    again = f"./poe crash-test --rounds {arguments.rounds} --seed {seed}{chosen}"
    print(f"seed {seed}", flush=True)
    with _folder(arguments.keep) as folder, CrashTest(folder, corpus=Corpus(seed), keep=arguments.keep) as test:
        reports = _run(test, names, arguments.rounds)
    print(*table_lines(reports), f"seed {seed}; the same moments again: {again}", sep="\n")
    if arguments.json:
        _write(caller_path(arguments.json), json.dumps(as_json(reports, seed=seed), indent=1))
    return 1 if all_findings(reports).n else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="poe crash-test", description=__doc__)
    parser.add_argument("--rounds", type=int, required=True, metavar="N", help="of each operation")
    parser.add_argument(
        "--operation", action="append", choices=[*OPERATIONS], help="only this one; repeatable (default: all)"
    )
    parser.add_argument("--seed", type=int, help="of documents, decisions and moments (default: another each time)")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--keep", action="store_true", help="keep the temporary home, and say where it is")
    return parser


def _run(test: CrashTest, names: list[str], n_rounds: int) -> dict[str, list[RoundReport]]:
    if {*names} != {"ingest"}:
        test.make_model()
    reports: dict[str, list[RoundReport]] = {}
    for name in names:
        tell = partial(_tell, name, n_rounds, time.monotonic())
        reports[name] = test.run(OPERATIONS[name], n_rounds, tell)
    return reports


def _tell(name: str, n_rounds: int, began: float, report: RoundReport) -> None:
    print(round_line(name, n_rounds, report, time.monotonic() - began), flush=True)


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rag-crash-test-"))
    try:
        yield folder
    finally:
        if keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}): give another --json") from error


if __name__ == "__main__":
    run_tool(main)
