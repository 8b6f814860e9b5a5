"""Runs a pipeline: ETL (links -> documents), feature engineering (documents -> index), or both.

Links are files, folders, file:// addresses, packages://direct, packages://all, packages://NAME.
"""

import argparse
from pathlib import Path

from rag_llm_system.domain.errors import ConfigurationError, InputError
from tools.command_line import caller_path, resolved_link, run_tool
from tools.pipeline_runs import run_end_to_end_data, run_etl, run_feature_engineering
from tools.printing import indexing_lines, ingestion_lines
from tools.zenml_settings import read_settings_from_zenml

_CONFIGS = Path(__file__).resolve().parent.parent / "configs"
_DEFAULT_CONFIG = "digital_data_etl_project.yaml"


def main() -> None:
    """Runs what the options ask for and prints what it did."""
    arguments = _parser().parse_args()
    if arguments.settings_from_zenml:
        read_settings_from_zenml()
    if arguments.run_feature_engineering:
        cleaning, indexing = run_feature_engineering(arguments.author_full_name)
        print(*indexing_lines(cleaning, indexing), sep="\n")
        if not indexing.n_documents + indexing.n_unchanged:
            print("The document store is empty: bring writing in with `poe run-digital-data-etl` first.")
        return
    user_full_name, links = _whose_links(arguments)
    if arguments.run_etl:
        print(*ingestion_lines(run_etl(user_full_name, links)), sep="\n")
    else:
        ingestion, cleaning, indexing = run_end_to_end_data(user_full_name, links)
        print(*ingestion_lines(ingestion), *indexing_lines(cleaning, indexing), sep="\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run-etl", action="store_true", help="bring what the links lead to into the document store")
    which.add_argument("--run-feature-engineering", action="store_true", help="bring stored documents into the index")
    which.add_argument("--run-end-to-end-data", action="store_true", help="one after the other")
    parser.add_argument(
        "--etl-config-filename",
        metavar="FILE",
        default=_DEFAULT_CONFIG,
        help="YAML in configs/, or a path: whose writing, and the links to it (default: %(default)s)",
    )
    parser.add_argument("--user-full-name", metavar="NAME", help="whose writing the LINKs lead to")
    parser.add_argument("--link", action="append", default=[], help="instead of a configuration file; repeatable")
    parser.add_argument(
        "--author-full-name", action="append", metavar="NAME", help="index only this author's documents; repeatable"
    )
    parser.add_argument(
        "--settings-from-zenml", action="store_true", help="also read settings from ZenML's secret 'settings'"
    )
    return parser


def _whose_links(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    if arguments.link:
        if not arguments.user_full_name:
            raise InputError("--link needs --user-full-name: say whose writing it is.")
        return arguments.user_full_name, [resolved_link(link, caller_path(".")) for link in arguments.link]
    user_full_name, links = read_config(arguments.etl_config_filename)
    return arguments.user_full_name or user_full_name, links


def read_config(name: str) -> tuple[str, list[str]]:
    """Gives whose writing it is and the links to it; paths are seen from the configuration file's folder.

    Raises:
        ConfigurationError: there is no such file, or it does not say that.
    """
    import yaml

    path = _CONFIGS / name if (_CONFIGS / name).is_file() else caller_path(name)
    try:
        parameters = yaml.safe_load(path.read_text(encoding="utf-8"))["parameters"]
        user_full_name, links = parameters["user_full_name"], parameters["links"]
        if not isinstance(user_full_name, str) or not isinstance(links, list):
            raise TypeError
        return user_full_name, [resolved_link(str(link), path.parent) for link in links]
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}): give a file of configs/ or a path."
        ) from None
    except (yaml.YAMLError, ValueError, KeyError, TypeError):
        raise ConfigurationError(f"{path} must be YAML with parameters: user_full_name and a list of links.") from None


if __name__ == "__main__":
    run_tool(main)
