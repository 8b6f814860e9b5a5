"""From ZenML's artifacts to JSON files."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError
from zenml import step
from zenml.client import Client

from rag_llm_system.domain.errors import ConfigurationError, InputError, NotFoundError
from steps.progress import tell
from steps.run_metadata import log_on_step_and_run

if TYPE_CHECKING:
    from zenml.models import ArtifactVersionResponse


@step
def export_artifacts(artifact_names: list[str], output_dir: str) -> Annotated[list[str], "exported_files"]:
    """Writes the latest version of each artifact to NAME.json in that folder, and says which are not there yet.

    Raises:
        NotFoundError: there is none of them.
        InputError: an artifact cannot be written as JSON.
        ConfigurationError: the folder cannot be written.
    """
    versions = _latest_versions(artifact_names)
    texts = {_file_name(name): _as_json(name, version.load()) for name, version in versions.items()}
    files = _write(Path(output_dir), texts)
    log_on_step_and_run("export", {"files": {Path(file).name: Path(file).stat().st_size for file in files}})
    return files


def _latest_versions(names: list[str]) -> "dict[str, ArtifactVersionResponse]":
    known = [artifact.name for artifact in Client().list_artifacts(sort_by="name", size=1000)]
    missing = [name for name in names if name not in known]
    if missing:
        what = f"No artifact is called {', '.join(missing)}: run the pipeline that makes it first"
        what = f"{what}. There are: {', '.join(known)}." if known else f"{what}. There is none yet."
        if len(missing) == len(names):
            raise NotFoundError(what)
        tell(what)
    return {name: Client().get_artifact_version(name) for name in dict.fromkeys(names) if name in known}


def _as_json(name: str, value: Any) -> str:
    try:
        return TypeAdapter(Any).dump_json(value, indent=2).decode() + "\n"
    except PydanticSerializationError as error:
        raise InputError(f"The artifact {name!r} cannot be written as JSON ({error}): leave it out.") from None


def _write(folder: Path, texts: dict[str, str]) -> list[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        reason = f"{folder} cannot be written ({error.strerror})"
        raise ConfigurationError(f"{reason}: give another output_dir.") from None
    return [str(folder / name) for name in texts]


def _file_name(artifact_name: str) -> str:
    """Gives a name that every file system takes: those that ZenML makes up itself hold colons."""
    return re.sub(r"[^\w.-]+", "_", artifact_name) + ".json"
