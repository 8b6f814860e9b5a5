"""Runs pipelines: ETL (links -> documents), feature engineering (documents -> index), both, evaluation, or an export.

Links are files, folders, packages://direct, packages://all, packages://NAME, git repositories
(https://github.com/OWNER/REPO, git@HOST:OWNER/REPO.git, git+PATH), web pages, feeds and sitemaps.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace

from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.settings import load_settings
from tools.command_line import caller_path, resolved_link, run_tool
from tools.pipeline_runs import (
    run_end_to_end_data,
    run_etl,
    run_evaluation,
    run_export_artifact_to_json,
    run_feature_engineering,
)
from tools.printing import indexing_lines, ingestion_lines
from tools.run_configs import (
    AuthorLinks,
    read_artifact_export,
    read_author_full_names,
    read_author_links,
    read_evaluation,
)
from tools.zenml_settings import delete_settings_from_zenml, export_settings_to_zenml, read_settings_from_zenml

_ETL_CONFIG = "digital_data_etl_project.yaml"
_END_TO_END_CONFIG = "end_to_end_data.yaml"
_FEATURES_CONFIG = "feature_engineering.yaml"
_EVALUATION_CONFIG = "evaluation.yaml"
_EXPORT_CONFIG = "export_artifact_to_json.yaml"
_NOT_HERE = 3
_OF_THE_ANCESTOR = {
    "run_generate_instruct_datasets": "instruction data sets",
    "run_generate_preference_datasets": "preference data sets",
    "run_training": "training",
}
"""Options of the LLM Engineer's Handbook whose pipelines this system does not have."""


def main() -> int:
    """Runs what the options ask for, in the order of the help page, and prints what it did."""
    parser = _parser()
    arguments = parser.parse_args()
    missing = [what for option, what in _OF_THE_ANCESTOR.items() if getattr(arguments, option)]
    if missing:
        print(f"error: not part of this system: {', '.join(missing)}; ./poe lists what is", file=sys.stderr)
        return _NOT_HERE
    if arguments.settings_from_zenml:
        read_settings_from_zenml()
    asked_for = [run for option, run in _ACTIONS.items() if getattr(arguments, option)]
    if not asked_for:
        parser.error(f"nothing to run: give {', '.join('--' + name.replace('_', '-') for name in _ACTIONS)}")
    for run in asked_for:
        run(arguments)
    return 0


def _export_settings(_: argparse.Namespace) -> None:
    keys = export_settings_to_zenml(load_settings())
    print(f"ZenML's secret 'settings' now holds: {', '.join(keys)}")


def _delete_settings(_: argparse.Namespace) -> None:
    delete_settings_from_zenml()
    print("ZenML's secret 'settings' is deleted.")


def _end_to_end_data(arguments: argparse.Namespace) -> None:
    ingestion, cleaning, indexing = run_end_to_end_data(_whose_links(arguments, _END_TO_END_CONFIG))
    print(*ingestion_lines(ingestion), *indexing_lines(cleaning, indexing), sep="\n")


def _etl(arguments: argparse.Namespace) -> None:
    for user_full_name, links in _whose_links(arguments, _ETL_CONFIG):
        print(*ingestion_lines(run_etl(user_full_name, links)), sep="\n")


def _feature_engineering(arguments: argparse.Namespace) -> None:
    cleaning, indexing = run_feature_engineering(arguments.author_full_name or read_author_full_names(_FEATURES_CONFIG))
    print(*indexing_lines(cleaning, indexing), sep="\n")
    if not indexing.n_documents + indexing.n_unchanged:
        print("The document store is empty: bring writing in with `./poe run-digital-data-etl` first.")


def _evaluation(arguments: argparse.Namespace) -> None:
    from rag_llm_system.application.evaluation.report import run_lines

    request = read_evaluation(arguments.evaluation_config_filename or _EVALUATION_CONFIG)
    if arguments.data_dir:
        request = replace(request, data_dir=caller_path(arguments.data_dir))
    if not request.data_dir.is_dir():
        what = "give one with --data-dir, or as data_dir in configs/evaluation.yaml"
        raise NotFoundError(f"There is no folder {request.data_dir} to evaluate on: {what}.")
    print(*run_lines(run_evaluation(request)), sep="\n")


def _export_artifacts(_: argparse.Namespace) -> None:
    print(*run_export_artifact_to_json(*read_artifact_export(_EXPORT_CONFIG)), sep="\n")


_ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "export_settings": _export_settings,
    "delete_settings": _delete_settings,
    "run_end_to_end_data": _end_to_end_data,
    "run_etl": _etl,
    "run_feature_engineering": _feature_engineering,
    "run_evaluation": _evaluation,
    "run_export_artifact_to_json": _export_artifacts,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags = {
        "export-settings": "write the settings that are set into ZenML's secret 'settings'",
        "delete-settings": "delete that secret",
        "run-end-to-end-data": "links -> documents -> index",
        "run-etl": "bring what the links lead to into the document store",
        "run-feature-engineering": "bring stored documents into the index",
        "run-evaluation": "measure retrieval and answers on a collection with known answers; see poe evaluate",
        "run-export-artifact-to-json": f"write what the last runs reported as JSON, as configs/{_EXPORT_CONFIG} says",
    }
    what = parser.add_argument_group("what to run, one or several")
    for flag, description in flags.items():
        what.add_argument(f"--{flag}", action="store_true", help=description)
    parser.add_argument(
        "--etl-config-filename",
        metavar="FILE",
        help="YAML in configs/, or a path: whose writing, and the links to it "
        f"(default: {_ETL_CONFIG}, for --run-end-to-end-data {_END_TO_END_CONFIG})",
    )
    parser.add_argument(
        "--evaluation-config-filename",
        metavar="FILE",
        help=f"YAML in configs/, or a path: what to evaluate on (default: {_EVALUATION_CONFIG})",
    )
    parser.add_argument("--data-dir", metavar="DIR", help="evaluate on this folder in BEIR layout instead")
    parser.add_argument("--user-full-name", metavar="NAME", help="whose writing the LINKs lead to")
    parser.add_argument("--link", action="append", default=[], help="instead of a configuration file; repeatable")
    parser.add_argument(
        "--author-full-name",
        action="append",
        metavar="NAME",
        help=f"index only this author's documents; repeatable (default: configs/{_FEATURES_CONFIG})",
    )
    parser.add_argument(
        "--settings-from-zenml", action="store_true", help="also read settings from ZenML's secret 'settings'"
    )
    parser.add_argument("--no-cache", action="store_true", help="no step's result is ever reused: changes nothing")
    for option in _OF_THE_ANCESTOR:
        parser.add_argument(f"--{option.replace('_', '-')}", action="store_true", help=argparse.SUPPRESS)
    return parser


def _whose_links(arguments: argparse.Namespace, default_config: str) -> list[AuthorLinks]:
    if arguments.link:
        if not arguments.user_full_name:
            raise InputError("--link needs --user-full-name: say whose writing it is.")
        return [(arguments.user_full_name, [resolved_link(link, caller_path(".")) for link in arguments.link])]
    author_links = read_author_links(arguments.etl_config_filename or default_config)
    return [(arguments.user_full_name or user_full_name, links) for user_full_name, links in author_links]


if __name__ == "__main__":
    run_tool(main)
