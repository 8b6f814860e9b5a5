"""What the numbers in an index depend on, kept beside them."""

from dataclasses import asdict, dataclass

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the stored numbers depend on; an index made by another recipe must be made anew."""

    dimension: int
    embedder: str
    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    bm25_avg_len: float = 60.0
    bm25_language: str = "english"

    def encoder(self) -> Bm25Encoder:
        """Gives the encoder of the keyword half."""
        return Bm25Encoder(k1=self.bm25_k1, b=self.bm25_b, avg_len=self.bm25_avg_len, language=self.bm25_language)


def require_same_recipe(stored: Recipe, asked: Recipe, place: str, rebuild: str) -> None:
    """Refuses an index that was made by another recipe; `place` names it and `rebuild` says how to make it anew.

    Raises:
        ConfigurationError: the recipes differ; the message says in what.
    """
    now = asdict(asked)
    for name, value in asdict(stored).items():
        if value != now[name]:
            differs = f"was made with {name} {value!r}, the settings now say {now[name]!r}"
            raise ConfigurationError(f"{place} {differs}: set it back, or {rebuild}")
