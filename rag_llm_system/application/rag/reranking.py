"""Stage 4, reranking: a slower judge reads the candidates with the question, as many as there is time for.

A judge reads one text at a time: nothing can stop it within a call, and a batch is hardly faster on a CPU. What it
reads is the window that was found, with the title: a whole chunk takes it three to four times as long.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from loguru import logger

from rag_llm_system.application.rag.candidates import Candidate, scored_down_to
from rag_llm_system.domain.errors import BackendError, RagError
from rag_llm_system.domain.ports.reranker import Reranker

MAX_JUDGED = 27
"""Candidates for a reranker: what three phrasings would bring from three collections at k // 3 each, for k = 9."""


class Reranking:
    """Reorders the first candidates within a time budget. Safe to use from several threads.

    The best candidates are judged first, and it stops before the text that would not be done in time. What was judged
    comes first, with the judge's scores; what was not keeps its order behind. A judge that fails costs the new order,
    not the answer.

    Args:
        reranker: the judge.
        budget_ms: how long judging may take.
        clock: gives seconds.
    """

    def __init__(
        self, reranker: Reranker, budget_ms: float = 500.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._reranker = reranker
        self._budget_s = budget_ms / 1000
        self._clock = clock
        self._expected_s_per_char = 0.0
        """What the first text of a question is expected to take. Threads may overwrite it: it is but an estimate."""

    def __call__(self, question: str, candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[str]]:
        """Gives the candidates in their new order, and notes on what was skipped. Ties keep their order."""
        first = candidates[:MAX_JUDGED]
        if len(first) < 2:
            return list(candidates), []
        try:
            scores = self._scores_in_time(question, [_text_to_judge(candidate) for candidate in first])
        except RagError as error:
            logger.warning("reranking_failed error={}", type(error).__name__)
            return list(candidates), ["Reranking failed and was skipped."]
        # The others come behind, and fewer scores are no fault: there was no time for more.
        judged = [replace(candidate, score=score) for candidate, score in zip(first, scores, strict=False)]
        judged.sort(key=lambda candidate: -candidate.score)
        return scored_down_to(judged, candidates[len(scores) :]), self._notes(len(scores), len(first))

    def _scores_in_time(self, question: str, texts: Sequence[str]) -> list[float]:
        scores: list[float] = []
        started = now = self._clock()
        s_per_char, slowest = self._expected_s_per_char, 0.0
        for text in texts:
            n_chars = len(question) + len(text)
            if now - started + s_per_char * n_chars > self._budget_s:
                break
            scores.append(self._score(question, text))
            before, now = now, self._clock()
            slowest = s_per_char = max(slowest, (now - before) / max(1, n_chars))
        # A machine that was busy once must not end reranking for good: what was not even tried counts half next time.
        self._expected_s_per_char = slowest if scores else s_per_char / 2
        return scores

    def _score(self, question: str, text: str) -> float:
        """Gives the judge's score.

        Raises:
            RagError: the judge failed, or what it gives is no score.
        """
        scores = self._reranker.score(question, [text])
        if len(scores) != 1 or not math.isfinite(scores[0]):
            raise BackendError("The reranker gave no score for a text: check its weights.")
        return scores[0]

    def _notes(self, n_judged: int, n_candidates: int) -> list[str]:
        if n_judged == n_candidates:
            return []
        budget_ms = f"{1000 * self._budget_s:.0f} ms (RAG_RERANK_BUDGET_MS)"
        return [f"Reranking judged {n_judged} of {n_candidates} candidates within {budget_ms}."]


def _text_to_judge(candidate: Candidate) -> str:
    """Gives the candidate's best window, or all of its text where none is known, beneath its title."""
    window = candidate.windows[0] if candidate.windows else None
    text = candidate.part(window.start, window.end).text if window else candidate.text
    return f"{candidate.title}\n{text}" if candidate.title else text
