"""The generations in an index directory, and which of them is live.

A generation is a directory under its number that is never written to again. It gets there whole, by being renamed, and
`catalogue.json`, which is replaced at once, says which one is live: no reader ever sees half of either.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from rag_llm_system.domain.errors import BackendError, InputError, IntegrityError, NotFoundError
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import (
    REPAIR,
    Manifest,
    read_json,
    read_manifest,
    write_json,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import (
    fsync_directory,
    remove_leftovers,
    remove_tree,
)
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

_CATALOGUE_NAME = "catalogue.json"
_LOCK_NAME = ".catalogue.lock"
_LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Which generation is live, which one was before it, and the last number that was given.

    `arriving` is the number of one that is being moved in just now, and `to_be_live` what becomes of it then.
    """

    live: int | None = None
    previous: int | None = None
    last: int = 0
    arriving: int | None = None
    to_be_live: bool = False


class Generations:
    """The generations in an index directory; nothing is made before the first one comes.

    Safe to use from several processes.

    Args:
        path: the index directory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._home = path / "generations"

    def catalogue(self) -> Catalogue:
        """Gives what is live now; nothing is, where there is no index yet.

        Raises:
            ConfigurationError: it was written by a newer version of this system.
            IntegrityError: it is damaged.
        """
        try:
            return Catalogue(**read_json(self._path / _CATALOGUE_NAME))
        except FileNotFoundError:
            if self.numbers():
                raise IntegrityError(f"the catalogue of the index at {self._path} is gone: {REPAIR}") from None
            return Catalogue()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"the catalogue of the index at {self._path} is damaged: {REPAIR}") from error

    def numbers(self) -> list[int]:
        """Gives the numbers of all generations, the oldest first."""
        try:
            return sorted(int(entry.name) for entry in self._home.iterdir() if entry.name.isdigit())
        except FileNotFoundError:
            return []

    def path_of(self, number: int) -> Path:
        """Gives the directory of that generation."""
        return self._home / str(number)

    def manifest(self, number: int) -> Manifest:
        """Gives the manifest of that generation.

        Raises:
            NotFoundError: there is no such generation.
            IntegrityError: it is damaged.
        """
        self._require(number)
        return read_manifest(self.path_of(number))

    def live_recipe(self) -> Recipe | None:
        """Gives the recipe that the live generation was made by; None where there is none.

        Raises:
            IntegrityError: it is damaged.
        """
        live = self.catalogue().live
        return None if live is None else self.manifest(live).recipe

    def adopt(self, sealed: Path, *, switch: bool = True) -> int:
        """Makes a complete directory the next generation by moving it here, and live where `switch` says so.

        Raises:
            OSError: it cannot be moved.
        """
        with self._locked():
            was = self.catalogue()
            number = max([was.last, *self.numbers()]) + 1
            self._home.mkdir(exist_ok=True)
            self._write(replace(was, arriving=number, to_be_live=switch))
            sealed.rename(self.path_of(number))
            fsync_directory(self._home)
            self._complete_arrival()
        return number

    def switch(self, number: int) -> None:
        """Makes that generation the live one.

        Raises:
            NotFoundError: there is no such generation.
        """
        with self._locked():
            self._require(number)
            was = self.catalogue()
            if number != was.live:
                self._write(Catalogue(number, was.live, max(was.last, number)))

    def drop(self, number: int) -> None:
        """Removes that generation.

        Raises:
            NotFoundError: there is no such generation.
            InputError: it is the live one.
        """
        with self._locked():
            self._require(number)
            was = self.catalogue()
            if number == was.live:
                raise InputError(f"generation {number} is live: switch to another one before it is dropped")
            if number == was.previous:
                self._write(Catalogue(was.live, None, was.last))
            remove_tree(self.path_of(number))

    def drop_older(self, n_kept: int) -> list[int]:
        """Removes what is older than the live generation but for `n_kept`, and gives the numbers.

        What was live before is kept rather than what is newer: after a rollback that is what had to be left.
        """
        with self._locked():
            was = self.catalogue()
            older = [number for number in self.numbers() if was.live is not None and number < was.live]
            older.sort(key=lambda number: (number == was.previous, number))
            dropped = older[: max(0, len(older) - n_kept)]
            if was.previous in dropped:
                self._write(replace(was, previous=None))
            for number in dropped:
                remove_tree(self.path_of(number))
        return dropped

    def forget_all(self) -> list[str]:
        """Removes all generations, and gives the names of what was there; numbers go on counting."""
        with self._locked():
            numbers = self.numbers()
            self._write(Catalogue(None, None, max([self.catalogue().last, *numbers], default=0)))
            for number in numbers:
                remove_tree(self.path_of(number))
        return [f"generation {number}" for number in numbers]

    def tidy(self) -> None:
        """Completes what a process that died has left half done.

        Raises:
            IntegrityError: the catalogue is damaged.
        """
        with self._locked():
            pass

    def rewrite(self, catalogue: Catalogue) -> None:
        """Replaces a catalogue that is damaged."""
        with self._locked(tidily=False):
            self._write(catalogue)

    def _complete_arrival(self) -> None:
        was = self.catalogue()
        if was.arriving is None:
            return
        if not self.path_of(was.arriving).is_dir():
            self._write(replace(was, arriving=None))
        elif was.to_be_live:
            self._write(Catalogue(was.arriving, was.live, was.arriving))
        else:
            self._write(Catalogue(was.live, was.previous, was.arriving))

    def _require(self, number: int) -> None:
        if not self.path_of(number).is_dir():
            known = ", ".join(map(str, self.numbers())) or "none"
            raise NotFoundError(f"there is no generation {number}: there are {known}; see ./poe index list")

    def _write(self, catalogue: Catalogue) -> None:
        write_json(self._path / _CATALOGUE_NAME, asdict(catalogue))

    @contextmanager
    def _locked(self, *, tidily: bool = True) -> Iterator[None]:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path / _LOCK_NAME, timeout=_LOCK_TIMEOUT_S):
                if tidily:
                    self._complete_arrival()
                    remove_leftovers(self._home)
                yield
        except Timeout:
            raise BackendError(
                f"the catalogue of the index at {self._path} has been locked for {_LOCK_TIMEOUT_S:.0f} s: "
                "stop the process that holds it"
            ) from None
