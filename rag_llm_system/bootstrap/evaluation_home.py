"""The home of an evaluation: under RAG_HOME, with its models and nothing else of it, and with settings of its own."""

import difflib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import SecretStr

from rag_llm_system.bootstrap.models import models_folder
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, InputError
from rag_llm_system.settings import Settings, known_keys, load_settings

Overrides = Mapping[str, Any]
"""Field of the settings -> value."""

_OF_ITS_OWN: dict[str, Any] = {
    "database_url": None,
    "database_host": None,
    "qdrant_database_host": None,
    "use_qdrant_cloud": False,
}
"""A collection must not come among the writing that a server keeps."""
_PLACES = {"rag_home", "qdrant_database_port", "qdrant_cloud_url", "qdrant_apikey", *_OF_ITS_OWN}
_TEMPORARY = "temporary-"
_LOCK = ".evaluation.lock"


def read_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """Gives field -> value of "key=value" texts; nothing behind the "=" is the default.

    Raises:
        InputError: a text has no "=", a key is not known, or it names where things are kept.
    """
    fields = {**known_keys(), **{name.upper(): name for name in Settings.model_fields}}
    overrides: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        name = fields.get(key.strip().upper())
        if not equals:
            raise InputError(f"--set {key} has no value: write --set key=value.")
        if name is None:
            near = difflib.get_close_matches(key.strip().upper(), fields, n=1, cutoff=0.5)
            hint = f"did you mean {near[0].lower()}?" if near else "docs/settings.md lists them."
            raise InputError(f"--set {key.strip()}: there is no such setting; {hint}")
        if name in _PLACES:
            raise InputError(f"--set {key.strip()}: an evaluation has an index of its own; leave it out.")
        field = Settings.model_fields[name]
        overrides[name] = value if value else field.get_default(call_default_factory=True)
    return overrides


@contextmanager
def evaluation_home(overrides: Overrides, *, keep_as: str | None = None) -> Iterator[Settings]:
    """Gives the settings of a home that is there for this evaluation and removed afterwards.

    It lies in RAG_HOME/evaluations/homes. What a killed process left there is removed first.

    Args:
        overrides: settings that win over the environment and `.env`.
        keep_as: the name of a home that stays, and may be there already.

    Raises:
        InputError: an override cannot be used.
        BackendUnavailableError: another evaluation is using the kept home.
        ConfigurationError: the home cannot be made.
    """
    person = load_settings()
    homes = person.home / "evaluations" / "homes"
    own = {**_OF_ITS_OWN, **overrides}
    _settings_with(own)  # what cannot be used is said before anything is made
    home, lock = _made_home(homes, keep_as)
    try:
        _share_models(person, home)
        yield _settings_with({**own, "rag_home": home})
    finally:
        lock.release()
        if keep_as is None:
            shutil.rmtree(home, ignore_errors=True)


def kept_home_name(folder: Path, limit_docs: int | None) -> str:
    """Gives the name of the home that holds the index of that part of a collection."""
    part = hashlib.sha256(f"{folder.resolve()}\n{limit_docs}".encode()).hexdigest()
    return f"{folder.name}-{part[:8]}"


def changed_settings(settings: Settings) -> dict[str, str | int | float | bool | None]:
    """Gives the settings that are not the defaults, without secrets, and without the home."""
    changed: dict[str, str | int | float | bool | None] = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if name in _PLACES or isinstance(value, SecretStr) or value == field.get_default(call_default_factory=True):
            continue
        changed[name] = value if isinstance(value, str | int | float | bool | None) else str(value)
    return changed


def _settings_with(overrides: Overrides) -> Settings:
    try:
        return load_settings(**overrides)
    except ConfigurationError as error:
        what, _, _ = error.message.partition(" Change it in ")
        raise InputError(f"{what} Correct --set, or the environment.") from None


def _made_home(homes: Path, keep_as: str | None) -> tuple[Path, FileLock]:
    """Gives a home with a lock on it, which ends with this process: an unlocked one belongs to nobody."""
    try:
        homes.mkdir(parents=True, exist_ok=True)
        with FileLock(homes / _LOCK):
            for left in homes.glob(f"{_TEMPORARY}*"):
                _remove_unless_used(left)
            home = homes / keep_as if keep_as else Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=homes))
            home.mkdir(exist_ok=True)
            return home, _locked(home)
    except OSError as error:
        raise ConfigurationError(f"{homes} cannot be written ({error.strerror}): check RAG_HOME.") from None


def _locked(home: Path) -> FileLock:
    lock = FileLock(home / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BackendUnavailableError(f"Another evaluation uses {home}: wait for it, or leave out --keep.") from None
    return lock


def _remove_unless_used(home: Path) -> None:
    try:
        lock = _locked(home)
    except BackendUnavailableError:
        return
    lock.release()
    shutil.rmtree(home, ignore_errors=True)


def _share_models(person: Settings, home: Path) -> None:
    models = models_folder(person)
    models.mkdir(parents=True, exist_ok=True)
    link = home / models.name
    if not link.is_symlink():
        link.symlink_to(models, target_is_directory=True)
