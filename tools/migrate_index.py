"""Moves the index between the embedded engine and the Qdrant server or cloud that the settings name.

Vectors and keyword weights are copied as they are: nothing is embedded again. The index that is read stays as it is. A
move that was stopped is completed by running it again.
"""

import argparse

from rag_llm_system.bootstrap.migration import open_migration
from rag_llm_system.settings import load_settings
from steps.progress import progress_bar
from tools.command_line import run_tool


def main() -> None:
    """Moves everything and prints the counts."""
    parser = argparse.ArgumentParser(prog="python -m tools.migrate_index", description=__doc__)
    parser.add_argument(
        "--to",
        choices=["server", "embedded"],
        required=True,
        help="which index is filled; the other one is read. The server: QDRANT_DATABASE_HOST, or USE_QDRANT_CLOUD",
    )
    parser.add_argument("--replace", action="store_true", help="first remove all that the index to be filled holds")
    arguments = parser.parse_args()
    settings = load_settings()
    with (
        open_migration(settings, to=arguments.to, replace=arguments.replace) as migration,
        progress_bar("moving", unit="points") as show,
    ):
        report = migration.run(show)
    for name, n_points in report.counts.items():
        print(f"{n_points:>9,}  {name}")
    print(f"{report.n_points:>9,}  points moved in {report.duration_s:.1f} s; the counts are the same in both indexes")
    if arguments.to == "embedded":
        print("To use it, unset USE_QDRANT_CLOUD and QDRANT_DATABASE_HOST.")


if __name__ == "__main__":
    run_tool(main)
