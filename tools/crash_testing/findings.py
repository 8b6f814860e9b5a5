"""What a round has found wrong."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Findings:
    """A line for each thing that is wrong, without any text of a document.

    Args:
        losses: acknowledged, and not there to the letter.
        duplicates: there twice.
        stale_hits: found though deleted, replaced, or never completed.
        unreadable: errors where there should be answers.
    """

    losses: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    stale_hits: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            self.losses + other.losses,
            self.duplicates + other.duplicates,
            self.stale_hits + other.stale_hits,
            self.unreadable + other.unreadable,
        )

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.losses) + len(self.duplicates) + len(self.stale_hits) + len(self.unreadable)

    def counts(self) -> dict[str, int]:
        """Counts them by kind."""
        return {kind: len(lines) for kind, lines in self.by_kind().items()}

    def by_kind(self) -> dict[str, tuple[str, ...]]:
        """Gives the lines by kind, under the names that tables and files use."""
        return {
            "losses": self.losses,
            "duplicates": self.duplicates,
            "stale_hits": self.stale_hits,
            "unreadable": self.unreadable,
        }


def lost(line: str) -> Findings:
    """Gives one loss."""
    return Findings(losses=(line,))


def doubled(line: str) -> Findings:
    """Gives one duplicate."""
    return Findings(duplicates=(line,))


def stale(line: str) -> Findings:
    """Gives one stale hit."""
    return Findings(stale_hits=(line,))


def unreadable(line: str) -> Findings:
    """Gives one error where there should be an answer."""
    return Findings(unreadable=(" ".join(line.split()),))


def together(some: Iterable[Findings]) -> Findings:
    """Gives all of them as one."""
    return sum(some, Findings())


def fewest(some: Iterable[Findings]) -> Findings:
    """Gives the ones of the state that was met best, where any of several would be right."""
    return min(some, key=lambda findings: findings.n)
