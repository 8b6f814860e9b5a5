"""What every document store says of its version, and of the time."""

from collections.abc import Callable
from datetime import UTC, datetime

from rag_llm_system.domain.errors import ConfigurationError

Clock = Callable[[], datetime]
"""Gives the time, with its zone."""


def now_in_utc() -> datetime:
    """Gives the time."""
    return datetime.now(UTC)


def timestamp(clock: Clock) -> str:
    """Gives the time as ISO 8601 in UTC, in whole seconds, so that texts are ordered as times are."""
    return clock().astimezone(UTC).isoformat(timespec="seconds")


def require_known(version: int, known: int, place: str) -> None:
    """Refuses what a newer release made: this one would read it wrongly, and spoil it.

    Raises:
        ConfigurationError: the version is above the known one.
    """
    if version > known:
        what = f"{place} has schema version {version}, and this program knows none above {known}"
        raise ConfigurationError(f"{what}: install the release that made it or a newer one")
