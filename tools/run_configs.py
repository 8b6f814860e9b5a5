"""The YAML files in configs/: what a pipeline is run with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks.measured_data import data_folder
from rag_llm_system.domain.errors import ConfigurationError
from tools.command_line import caller_path, resolved_link

CONFIGS = Path(__file__).resolve().parent.parent / "configs"

_Split = Literal["dev", "test", "all"]

AuthorLinks = tuple[str, list[str]]
"""An author's full name, and the links to what that author has written."""


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What the evaluation pipeline is to measure; see `pipelines/evaluation.py`."""

    data_dir: Path
    split: _Split
    limit_docs: int | None
    limit_queries: int | None
    settings: tuple[str, ...]


def read_author_links(name: str) -> list[AuthorLinks]:
    """Gives whose writing it is and the links to it; paths are seen from the configuration file's folder.

    The parameters are `user_full_name` and `links`, or `author_links`: a list of these, for several authors.

    Raises:
        ConfigurationError: there is no such file, or it does not say that.
    """
    path, parameters = _read(name)
    try:
        author_links = [_author_links(entry, path.parent) for entry in parameters.get("author_links", [parameters])]
    except (KeyError, TypeError):
        what = "user_full_name and links, or author_links, a list of these"
        raise ConfigurationError(f"{path} must be YAML with parameters: {what}.") from None
    if not author_links:
        raise ConfigurationError(f"{path} names no author: give author_links at least one entry.")
    return author_links


def read_author_full_names(name: str) -> list[str] | None:
    """Gives whose documents are to be indexed; None for all authors'.

    Raises:
        ConfigurationError: there is no such file, or it does not say that.
    """
    path, parameters = _read(name)
    names = parameters.get("author_full_names")
    if names is not None and not (isinstance(names, list) and all(isinstance(each, str) for each in names)):
        raise ConfigurationError(f"{path} must be YAML with parameters: author_full_names, a list of names or nothing.")
    return names or None


def read_artifact_export(name: str) -> tuple[list[str], Path]:
    """Gives the names of the artifacts to export, and the folder to write them to, seen from where the person stands.

    Raises:
        ConfigurationError: there is no such file, or it does not say that.
    """
    path, parameters = _read(name)
    names, folder = parameters.get("artifact_names"), parameters.get("output_dir")
    if not isinstance(names, list) or not isinstance(folder, str) or not all(isinstance(each, str) for each in names):
        raise ConfigurationError(f"{path} must be YAML with parameters: artifact_names, a list, and output_dir.")
    return names, caller_path(folder)


def read_evaluation(name: str) -> EvaluationRequest:
    """Gives what to evaluate on; without `data_dir` it is SciFact of RAG_TEST_DATA_DIR, or beside the clone.

    Raises:
        ConfigurationError: there is no such file, or it does not say that.
    """
    path, parameters = _read(name)
    data_dir, settings = parameters.get("data_dir"), parameters.get("settings") or {}
    split = parameters.get("split", "dev")
    limit_docs, limit_queries = parameters.get("limit_docs"), parameters.get("limit_queries")
    limited = isinstance(limit_docs, int | None) and isinstance(limit_queries, int | None)
    if not (isinstance(data_dir, str | None) and split in get_args(_Split) and isinstance(settings, dict) and limited):
        what = "data_dir, a folder; split: dev, test or all; limit_docs and limit_queries, numbers; settings, a mapping"
        raise ConfigurationError(f"{path} must be YAML with parameters: {what}.")
    return EvaluationRequest(
        data_dir=path.parent / Path(data_dir).expanduser() if data_dir else data_folder("scifact"),
        split=split,
        limit_docs=limit_docs,
        limit_queries=limit_queries,
        settings=tuple(f"{key}={'' if value is None else value}" for key, value in settings.items()),
    )


def _read(name: str) -> tuple[Path, dict[str, Any]]:
    """Gives the path of a file in configs/, or of one seen from where the person stands, and its parameters."""
    import yaml

    path = CONFIGS / name if (CONFIGS / name).is_file() else caller_path(name)
    try:
        parameters = yaml.safe_load(path.read_text(encoding="utf-8"))["parameters"]
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}): give a file of configs/ or a path."
        ) from None
    except (yaml.YAMLError, ValueError, KeyError, TypeError):
        parameters = None
    if not isinstance(parameters, dict):
        raise ConfigurationError(f"{path} must be YAML with parameters: see the files in configs/.")
    return path, parameters


def _author_links(entry: Any, folder: Path) -> AuthorLinks:
    user_full_name, links = entry["user_full_name"], entry["links"]
    if not isinstance(user_full_name, str) or not isinstance(links, list):
        raise TypeError
    return user_full_name, [resolved_link(str(link), folder) for link in links]
