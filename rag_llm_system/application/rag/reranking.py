"""Stage 4, reranking: a slower judge reads the candidates with the question, as many as there is time for."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from loguru import logger

from rag_llm_system.application.rag.candidates import Candidate
from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.ports.reranker import Reranker

_BATCH = 4


@dataclass(frozen=True, slots=True)
class Reranking:
    """Reorders candidates within a time budget.

    The best candidates are judged first, a few at a time, and it stops before the batch that would not be done in time.
    What was judged comes first, with the judge's scores; what was not keeps its order behind. A judge that fails costs
    the new order, not the answer.

    Args:
        reranker: the judge.
        budget_ms: how long judging may take.
        clock: gives seconds.
    """

    reranker: Reranker
    budget_ms: float = 500.0
    clock: Callable[[], float] = time.perf_counter

    def __call__(self, question: str, candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[str]]:
        """Gives the candidates in their new order, and notes on what was skipped."""
        try:
            scores = self._scores_in_time(question, candidates)
        except BackendError as error:
            logger.warning("reranking_failed error={}", type(error).__name__)
            return list(candidates), ["Reranking failed and was skipped."]
        judged = [replace(candidate, score=score) for candidate, score in zip(candidates, scores, strict=False)]
        judged.sort(key=lambda candidate: (-candidate.score, candidate.chunk_id))
        return [*judged, *candidates[len(scores) :]], self._notes(len(scores), len(candidates))

    def _scores_in_time(self, question: str, candidates: Sequence[Candidate]) -> list[float]:
        scores: list[float] = []
        started = self.clock()
        slowest_s = 0.0
        for first in range(0, len(candidates), _BATCH):
            before = self.clock()
            if before - started + slowest_s > self.budget_ms / 1000:
                break
            scores += self.reranker.score(
                question, [candidate.text for candidate in candidates[first : first + _BATCH]]
            )
            slowest_s = max(slowest_s, self.clock() - before)
        return scores

    def _notes(self, n_judged: int, n_candidates: int) -> list[str]:
        if n_judged == n_candidates:
            return []
        return [f"Reranking judged {n_judged} of {n_candidates} candidates within {self.budget_ms:.0f} ms."]
