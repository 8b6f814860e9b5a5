"""As many windows as are wanted: the real ones first, then perturbed copies of them, the same for the same seed.

A copy is no real text. Its vector is the original's plus Gaussian noise, normalised again; its keyword half keeps each
term of the original with a probability, and changes its weight a little; its payload is the original's. So it stands
for another text on the same matter, and its document counts as the original's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.stores.material import Material
from rag_llm_system.domain.index_points import TermWeights
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.requests import PointBatch

BLOCK_WINDOWS = 1_000
NOISE_SIGMA = 0.04
"""Of each component. A copy's cosine to its original is 1 / sqrt(1 + dimension * sigma^2): 0.79 at 384 components."""
TERM_KEPT = 0.7
TERM_WEIGHT_SIGMA = 0.1


@dataclass(frozen=True)
class Windows:
    """`n` windows in blocks, made when they are asked for: a million of them need not fit into the memory at once.

    Args:
        material: where the real ones come from.
        n: how many there are.
        seed: of the copies' noise.
    """

    material: Material
    n: int
    seed: int

    @property
    def n_real(self) -> int:
        return min(self.n, len(self.material.texts))

    def document_id(self, place: int) -> str:
        """Gives the document of the window at that place."""
        document_id: str = self.material.payloads[place % len(self.material.texts)]["document_id"]
        return document_id

    def vector_blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Gives the place of each block's first window, and the block's vectors: float32, rows L2-normalised."""
        for first in range(0, self.n, BLOCK_WINDOWS):
            yield first, self._vectors(first)

    def batches(self, encoder: Bm25Encoder) -> Iterator[PointBatch]:
        """Gives what is written, block by block."""
        real_terms = [encoder.encode_document(text) for text in self.material.texts]
        for first, vectors in self.vector_blocks():
            originals = self._originals(first)
            generator = np.random.default_rng([self.seed, 1, first])
            yield PointBatch(
                ids=[point_id(first + row) for row in range(len(originals))],
                payloads=[self.material.payloads[original] for original in originals],
                texts=[""] * len(originals),
                terms=[
                    real_terms[original]
                    if first + row < self.n_real
                    else _perturbed_terms(real_terms[original], generator)
                    for row, original in enumerate(originals)
                ],
                vectors=vectors,
            )

    def _originals(self, first: int) -> list[int]:
        places = range(first, min(first + BLOCK_WINDOWS, self.n))
        return [place % len(self.material.texts) for place in places]

    def _vectors(self, first: int) -> NDArray[np.float32]:
        originals = self._originals(first)
        vectors = self.material.vectors[originals]
        generator = np.random.default_rng([self.seed, 0, first])
        noise = NOISE_SIGMA * generator.standard_normal(vectors.shape, dtype=np.float32)
        noise[: max(0, self.n_real - first)] = 0.0
        vectors = vectors + noise
        normalised: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normalised


def point_id(place: int) -> str:
    """Gives the id of the window at that place; ids sort as places do."""
    return str(UUID(int=place))


def place_of(point_id: str) -> int:
    """Gives the place of the window with that id."""
    return UUID(point_id).int


def _perturbed_terms(terms: TermWeights, generator: np.random.Generator) -> TermWeights:
    numbers, weights = terms
    kept = generator.random(len(numbers)) < TERM_KEPT
    factors = np.exp(TERM_WEIGHT_SIGMA * generator.standard_normal(int(kept.sum()), dtype=np.float32))
    return numbers[kept], weights[kept] * factors
