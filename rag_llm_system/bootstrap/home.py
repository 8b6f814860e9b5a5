"""The home, RAG_HOME, and the versions of what lies in it.

`home.json` says which version a home has. A home without that file which holds documents or an index is version 1: that
is how release 0.1.0 left it. Another version is one function and one line in `UPGRADES`.
"""

import errno
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from loguru import logger

from rag_llm_system import __version__
from rag_llm_system.bootstrap.half_restored import complete_restore, discard_restore, restore_state, write_durably
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, DiskFullError, IntegrityError
from rag_llm_system.settings import Settings

_NAME = "home.json"
_LOCK = ".home.lock"
_LOCK_TIMEOUT_S = 60.0
_OF_THE_FIRST_VERSION = ("documents.sqlite", "index")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A step from one version to the next.

    Args:
        from_version: the version that it takes a home from.
        what: says in a few words what it does.
        run: does it to a home. Killed at any point and run again, it ends as if it had run once.
    """

    from_version: int
    what: str
    run: Callable[[Path], None]


def _index_becomes_a_generation(home: Path) -> None:
    from rag_llm_system.infrastructure.vector_stores.qdrant_edge.upgrade import adopt_format_1

    adopt_format_1(home / "index")


UPGRADES: tuple[Upgrade, ...] = (Upgrade(1, "the index becomes a generation", _index_becomes_a_generation),)
HOME_VERSION = 1 + len(UPGRADES)


def open_home(settings: Settings, *, create: bool = True, upgrades: Sequence[Upgrade] = UPGRADES) -> None:
    """Brings the home up to this version, where it is older; to be called before anything in it is opened.

    A home that is up to date is only read. A restore that was killed when all was there is completed.

    Args:
        settings: say where the home is.
        create: whether a home that is not there is made.
        upgrades: the steps from version 1 to the present one.

    Raises:
        ConfigurationError: a newer version made the home, a restore into it was cut off, or it cannot be written to.
        BackendUnavailableError: another process is upgrading it or restoring into it.
        DiskFullError: there is no room for the upgrade.
    """
    home = settings.home
    present = 1 + len(upgrades)
    version = home_version(home, known=present)
    state = restore_state(home)
    if state == "half":
        what = f"a restore into {home} is under way, or was cut off"
        raise ConfigurationError(f"{what}: wait for it, or run ./poe restore with the same file again")
    if state == "none" and (version == present or (version is None and not create)):
        return
    with locked_home(home):
        if restore_state(home) == "complete":
            complete_restore(home)
            write_home_version(home)
            discard_restore(home)
        version = home_version(home, known=present)
        for upgrade in upgrades[version - 1 :] if version else ():
            upgrade.run(home)
            logger.warning("home_upgraded from={} what={}", upgrade.from_version, upgrade.what)
            write_home_version(home, upgrade.from_version + 1)
        if version is None:
            write_home_version(home, present)


def home_version(home: Path, *, known: int = HOME_VERSION) -> int | None:
    """Gives the version of a home; None where there is none yet.

    Args:
        home: the folder.
        known: the newest version that this program can open.

    Raises:
        ConfigurationError: a newer version of this system made it.
        IntegrityError: its file is damaged.
    """
    try:
        fields = json.loads((home / _NAME).read_bytes())
        version, written_by = int(fields["schema"]), str(fields["written_by"])
    except FileNotFoundError:
        return 1 if any((home / name).exists() for name in _OF_THE_FIRST_VERSION) else None
    except NotADirectoryError:
        raise ConfigurationError(f"{home} cannot be made: set RAG_HOME to a folder, not a file") from None
    except OSError as error:
        raise ConfigurationError(f"{home} cannot be read ({error.strerror}): check its owner, or RAG_HOME") from None
    except (ValueError, KeyError, TypeError):
        what = f"{home / _NAME} is damaged"
        raise IntegrityError(
            f'{what}: write {{"schema": {HOME_VERSION}, "written_by": "{__version__}"}} in it'
        ) from None
    if version > known:
        what = f"{home} has version {version}, written by rag_llm_system {written_by}"
        raise ConfigurationError(f"{what}; this one, {__version__}, knows versions up to {known}: update it")
    return version


def write_home_version(home: Path, version: int = HOME_VERSION) -> None:
    """Writes down which version the home has.

    Raises:
        OSError: it cannot be written.
    """
    fields = {"schema": version, "written_by": __version__}
    write_durably(home / _NAME, json.dumps(fields).encode() + b"\n")


@contextmanager
def locked_home(home: Path) -> Iterator[None]:
    """Keeps other processes from upgrading the home or restoring into it; makes it where it is not there.

    Raises:
        BackendUnavailableError: another process has been at it for a minute.
        DiskFullError: the disk is full.
        ConfigurationError: the home cannot be written to.
    """
    lock = FileLock(home / _LOCK, timeout=_LOCK_TIMEOUT_S)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with lock:
            yield
    except Timeout:
        what = f"another process is upgrading {home}, or restoring into it"
        raise BackendUnavailableError(f"{what}: wait until it has ended") from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(f"the disk that holds {home} is full: make room there and run it again") from None
        what = f"{home} cannot be written ({error.strerror})"
        raise ConfigurationError(f"{what}: check its owner, or set RAG_HOME to another folder") from None
