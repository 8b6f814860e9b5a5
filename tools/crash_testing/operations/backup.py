"""Backing up, and restoring into an empty home."""

import shutil
from contextlib import suppress
from pathlib import Path

from rag_llm_system.bootstrap.backup import back_up, check_backup, restore
from rag_llm_system.bootstrap.generations import open_generations
from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.domain.errors import ConfigurationError, InputError, NotFoundError, RagError
from tools.crash_testing.comparison import compare_index, compare_state
from tools.crash_testing.expected_index import expected_of
from tools.crash_testing.findings import Findings, lost, stale, unreadable
from tools.crash_testing.homes import (
    build,
    home_settings,
    link_models,
    opened_generation,
    silent,
    store_state,
    stored_documents,
)
from tools.crash_testing.processes import Work
from tools.crash_testing.round import Operation, Round

_NAME = "backup"


def prepare(round_: Round) -> None:
    """Makes a home to back up and, where a restore is to be killed, the backup and an empty home."""
    link_models(round_.home, round_.models)
    settings = home_settings(round_.home)
    store_state(settings, round_.corpus, round_.after)
    build(settings)
    _archive(round_).unlink(missing_ok=True)
    shutil.rmtree(_target(round_), ignore_errors=True)
    if _restores(round_):
        back_up(settings, _archive(round_))


def operate(round_: Round) -> Work:
    """Backs up, or restores."""
    yield
    if _restores(round_):
        _restore(round_, _target(round_))
    else:
        back_up(home_settings(round_.home), _archive(round_))
    round_.log_entry(_NAME, "archive")


def look(round_: Round) -> Findings:
    """There is no backup or a whole one. A home that was restored into is empty or whole, or says it is neither."""
    done = round_.is_acknowledged(_NAME)
    if _restores(round_):
        if _is_empty(round_):
            return lost("what was restored is not there") if done else Findings()
        return _compare(round_, _target(round_))
    if not _archive(round_).exists():
        return lost("the backup is not there") if done else Findings()
    return _compare_archive(round_)


def complete(round_: Round) -> Findings:
    """Does it again; in the end there is a whole backup, and all of it in another home."""
    if _restores(round_):
        with suppress(InputError):  # the home is not empty: it had been restored
            _restore(round_, _target(round_))
        return _compare(round_, _target(round_)) + _leftovers(_target(round_), "restoring")
    back_up(home_settings(round_.home), _archive(round_), replace=True)
    return _compare_archive(round_) + _leftovers(round_.folder, "*.part")


def _variant(round_: Round) -> str:
    return "restore" if _restores(round_) else "backup"


def _restores(round_: Round) -> bool:
    return round_.number % 2 == 0


def _archive(round_: Round) -> Path:
    return round_.folder / "archive.tar.zst"


def _target(round_: Round) -> Path:
    return round_.folder / "restored"


def _restore(round_: Round, home: Path) -> None:
    link_models(home, round_.models)
    restore(home_settings(home), _archive(round_))


def _is_empty(round_: Round) -> bool:
    """Says whether nothing counts that is in the home: one that was cut off says so itself."""
    settings = home_settings(_target(round_))
    try:
        open_home(settings, create=False)
        n_documents = len(stored_documents(settings))
    except (ConfigurationError, NotFoundError):
        n_documents = 0
    return not n_documents and not open_generations(settings, tell=silent).generations()


def _compare_archive(round_: Round) -> Findings:
    """Has the backup checked, and restored into a home of its own."""
    home = round_.folder / "trial"
    shutil.rmtree(home, ignore_errors=True)
    try:
        check_backup(_archive(round_))
        _restore(round_, home)
    except RagError as error:
        return unreadable(f"the backup: {error.message}")
    return _compare(round_, home)


def _compare(round_: Round, home: Path) -> Findings:
    settings = home_settings(home)
    open_home(settings, create=False)
    with opened_generation(settings) as index:
        findings = compare_index(index, expected_of(round_, round_.after))
    return findings + compare_state(stored_documents(settings), round_.corpus, round_.after)


def _leftovers(folder: Path, pattern: str) -> Findings:
    found = sorted(path.name for path in folder.glob(pattern))
    return stale(f"{', '.join(found)} is left of what was cut off") if found else Findings()


BACKUP = Operation(_NAME, _variant, prepare, operate, look, complete)
