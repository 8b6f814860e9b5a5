"""Texts that are longer than a model's window: halved until each part fits, and put together again as a mean."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_SPACE = re.compile(r"\s+")


def halves_that_fit(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Gives parts that fit and that joined give the text; cut at the white space nearest the middle, if near.

    A single character is given as it is.
    """
    if len(text) <= 1 or fits(text):
        return [text]
    cut = _near_the_middle(text)
    return [*halves_that_fit(text[:cut], fits), *halves_that_fit(text[cut:], fits)]


def weighted_mean(vectors: Sequence[NDArray[np.float32]], weights: Sequence[int]) -> NDArray[np.float32]:
    """Gives the weighted mean, L2-normalised: float32, shape (dimension,).

    Args:
        vectors: at least one, each float32, shape (dimension,), L2-normalised.
        weights: how much each vector counts, >= 0, not all 0.
    """
    total = np.asarray(weights, np.float32) @ np.stack(vectors)
    return np.asarray(total / max(np.linalg.norm(total), np.finfo(np.float32).tiny), np.float32)


def _near_the_middle(text: str) -> int:
    """Gives a position within the middle half, so that parts shrink steadily whatever the text is like."""
    middle = len(text) // 2
    reach = len(text) // 4
    spaces = (match.start() for match in _SPACE.finditer(text, middle - reach, middle + reach) if match.start() > 0)
    return min(spaces, key=lambda position: abs(position - middle), default=middle)
