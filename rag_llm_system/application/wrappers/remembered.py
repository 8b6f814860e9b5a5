"""What is asked for at every question, and changes seldom."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Gives what a function gave, and asks it again when that is some time ago. As safe to use from several threads as
    the function is.

    Args:
        read: gives the value; callers must not change it.
        for_s: how long it is remembered.
        clock: gives seconds.
    """

    def __init__(self, read: Callable[[], T], *, for_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._for_s = for_s
        self._clock = clock
        self._known: tuple[float, T] | None = None

    def __call__(self) -> T:
        """Gives the value; what the function raises is not remembered."""
        known, now = self._known, self._clock()
        if known is None or now - known[0] >= self._for_s:
            known = self._known = now, self._read()
        return known[1]
