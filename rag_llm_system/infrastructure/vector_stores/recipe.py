"""What the numbers in an index depend on, kept beside them."""

from dataclasses import asdict, dataclass

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the stored points and their numbers depend on; an index made by another recipe must be made anew.

    Args:
        dimension: of the vectors.
        embedder: the embedder's fingerprint.
        bm25_k1, bm25_b, bm25_avg_len, bm25_language: as `Bm25Encoder` takes them.
        chunking: how texts are cleaned and cut, in words; "" where nobody said.
        compression: how vectors are stored (`qdrant_edge/compression.py`).
    """

    dimension: int
    embedder: str
    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    bm25_avg_len: float = 60.0
    bm25_language: str = "english"
    chunking: str = ""
    compression: str = "float32"

    def encoder(self) -> Bm25Encoder:
        """Gives the encoder of the keyword half."""
        return Bm25Encoder(k1=self.bm25_k1, b=self.bm25_b, avg_len=self.bm25_avg_len, language=self.bm25_language)


def require_same_recipe(stored: Recipe, asked: Recipe, place: str, rebuild: str) -> None:
    """Refuses an index that was made by another recipe; `place` names it and `rebuild` says how to make it anew.

    Raises:
        ConfigurationError: the recipes differ; the message says in what.
    """
    difference = difference_of(stored, asked)
    if difference:
        # What no setting says (how releases cut texts) cannot be set back.
        way = rebuild if "version " in difference else f"set it back, or {rebuild}"
        raise ConfigurationError(f"{place} {difference}: {way}")


def difference_of(stored: Recipe, asked: Recipe) -> str:
    """Says in what the recipes differ; "" where they agree. A chunking that nobody told agrees."""
    now = asdict(asked)
    made_with, say_now = [], []
    for name, value in asdict(stored).items():
        untold = name == "chunking" and not (value and now[name])
        if value != now[name] and not untold:
            was, is_now = _different_parts(str(value), str(now[name]))
            made_with.append(f"{name} {was}")
            say_now.append(is_now)
    return f"was made with {', '.join(made_with)}, the settings now say {', '.join(say_now)}" if made_with else ""


def _different_parts(was: str, is_now: str) -> tuple[str, str]:
    """Leaves of two lists in words what stands in one of them alone; both whole where that is nothing."""
    was_parts, now_parts = was.split(", "), is_now.split(", ")
    only_was = [part for part in was_parts if part not in now_parts]
    only_now = [part for part in now_parts if part not in was_parts]
    if not (only_was and only_now):
        return repr(was), repr(is_now)
    return repr(", ".join(only_was)), repr(", ".join(only_now))
