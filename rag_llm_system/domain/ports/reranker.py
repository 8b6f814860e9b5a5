"""From a rough order to a better one."""

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """Judges how well texts answer a query. Safe to use from several threads."""

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """Gives a score in [0, 1] for each text, in the order of the texts; higher is better."""
