"""Exports all stored documents and users as JSON files, or imports such files.

The files of the LLM Engineer's Handbook are read too.
"""

import argparse

from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.settings import load_settings
from tools.command_line import caller_path, run_tool

_DEFAULT_FOLDER = "data_warehouse_raw_data"


def main() -> None:
    """Exports or imports, and prints the counts."""
    parser = argparse.ArgumentParser(prog="python -m tools.data_warehouse", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--export-raw-data", action="store_true", help="document store -> JSON files")
    which.add_argument("--import-raw-data", action="store_true", help="JSON files -> document store")
    parser.add_argument("--data-dir", metavar="DIR", help=f"default: {_DEFAULT_FOLDER} under RAG_HOME")
    arguments = parser.parse_args()
    settings = load_settings()
    folder = caller_path(arguments.data_dir) if arguments.data_dir else settings.home / _DEFAULT_FOLDER
    with open_ingestion(settings) as services:
        report = (
            services.warehouse.export_to(folder)
            if arguments.export_raw_data
            else services.warehouse.import_from(folder)
        )
    print(folder, report, sep="\n")


if __name__ == "__main__":
    run_tool(main)
