"""What lies within a folder of this machine, and what certainly no longer does."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_Listing = Mapping[str, Path]
_NO_FOLDER: _Listing = {}


class FolderTerritory:
    """A folder and all below it.

    A file is gone where a folder on the way to it can be read, holds something else that is not hidden, and does not
    hold it. So nothing is gone while the folder is missing, cannot be read, or is empty, for then a drive may be away
    that was mounted there; and nothing is gone that is there, whether or not a crawl would bring it.

    Names are compared as the folder gives them: "A.md" in place of "a.md" is another file also where a file system
    takes both for one.

    Args:
        folder: as an absolute path without symbolic links.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prefix = folder.as_uri().rstrip("/") + "/"

    def holds(self, link: str) -> bool:
        """Says whether a link is the file:// address of something below the folder."""
        return link.startswith(self._prefix)

    def gone(self, links: Iterable[str]) -> Iterator[str]:
        """Gives those of the links that lead to files which are gone."""
        listings: dict[Path, _Listing | None] = {}
        for link in links:
            if self._is_gone(link.removeprefix(self._prefix).split("/"), listings):
                yield link

    def _is_gone(self, names: list[str], listings: dict[Path, _Listing | None]) -> bool:
        """Goes down from the folder, name by name as they stand in links, and looks into each folder once."""
        place = self._folder
        for name in names:
            if place not in listings:
                listings[place] = _listing(place)
            listing = listings[place]
            if listing is None:
                return False
            if listing is _NO_FOLDER:
                return place != self._folder
            if name not in listing:
                return any(not other.startswith(".") for other in listing)
            place = listing[name]
        return False


def _listing(place: Path) -> _Listing | None:
    """Gives what a folder holds, by name as in links; None where it cannot be read."""
    try:
        return {path.as_uri().rpartition("/")[2]: path for path in place.iterdir()}
    except NotADirectoryError:
        return _NO_FOLDER
    except OSError:
        return None
