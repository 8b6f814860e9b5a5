"""Moves the index between the embedded engine and the Qdrant server or cloud that the settings name, or empties one.

Vectors and keyword weights are copied as they are: nothing is embedded again. The index that is read stays as it is. A
move that was stopped is completed by running it again. An index that was made by other settings is not moved: it is
emptied, and ./poe run-feature-engineering-pipeline builds it anew.
"""

import argparse

from rag_llm_system.bootstrap.migration import Place, empty_index, open_migration
from rag_llm_system.settings import Settings, load_settings
from steps.progress import progress_bar
from tools.command_line import run_tool


def main() -> None:
    """Moves everything and prints the counts, or empties an index and prints what it removed."""
    parser = argparse.ArgumentParser(prog="python -m tools.migrate_index", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    places = ["server", "embedded"]
    what.add_argument(
        "--to",
        choices=places,
        help="which index is filled; the other one is read. The server: QDRANT_DATABASE_HOST, or USE_QDRANT_CLOUD",
    )
    what.add_argument("--empty", choices=places, help="move nothing: remove all that this index holds, without asking")
    parser.add_argument("--replace", action="store_true", help="first remove all that the index to be filled holds")
    arguments = parser.parse_args()
    if arguments.empty and arguments.replace:
        parser.error("--replace goes with --to alone")
    if arguments.empty:
        _empty(load_settings(), arguments.empty)
    else:
        _move(load_settings(), arguments.to, arguments.replace)


def _move(settings: Settings, to: Place, replace: bool) -> None:
    with (
        open_migration(settings, to=to, replace=replace, tell=print) as migration,
        progress_bar("moving", unit="points") as show,
    ):
        report = migration.run(show)
    for name, n_points in report.counts.items():
        print(f"{n_points:>9,}  {name}")
    print(f"{report.n_points:>9,}  points moved in {report.duration_s:.1f} s; the counts are the same in both indexes")
    if to == "embedded":
        print("To use it, unset USE_QDRANT_CLOUD and QDRANT_DATABASE_HOST.")


def _empty(settings: Settings, place: Place) -> None:
    for name in empty_index(settings, place):
        print(f"removed  {name}")
    print(f"The index ({place}) is empty. To build it anew: ./poe run-feature-engineering-pipeline")


if __name__ == "__main__":
    run_tool(main)
