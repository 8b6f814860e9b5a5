"""What a question costs within the product, stage by stage, without HTTP."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rag_llm_system.application.evaluation.consumption import metered
from rag_llm_system.bootstrap.answering import open_answering
from rag_llm_system.settings import Settings

COUNTED = ("embedding", "search", "fusion", "context")
"""What a question must cost at the least; the other stages are what makes it a better one."""
_WARM_UP = 30


@dataclass(frozen=True)
class StageRound:
    """CPU milliseconds a question, the mean over all questions of one round.

    `by_stage` is this process's time. The index's child works during the search alone, so its time is the search's.
    """

    by_stage: dict[str, float]
    child_cpu_ms: float
    counted_cpu_ms: float
    total_cpu_ms: float
    wall_ms: float


def measure_stages(settings: Settings, questions: Sequence[str], n_rounds: int) -> list[StageRound]:
    """Gives each round's costs of finding the passages as `POST /rag` does. Runs in a fresh process."""
    with open_answering(settings, own_engine=True, clock=time.process_time) as services:
        n_chunks = max(settings.rag_candidates, 3 * settings.top_k)

        def ask(question: str) -> dict[str, float]:
            return dict(services.retriever.retrieve(question, k=n_chunks, top_k=settings.top_k).timings_ms)

        for question in questions[:_WARM_UP]:
            ask(question)
        rounds = []
        for _ in range(n_rounds):
            own_before = time.process_time()
            with metered() as consumption:
                timings = [ask(question) for question in questions]
            own_s = time.process_time() - own_before
            n = len(questions)
            by_stage = {stage: sum(one[stage] for one in timings) / n for stage in timings[0]}
            child = 1000 * (consumption.cpu_seconds - own_s) / n
            rounds.append(
                StageRound(
                    by_stage=by_stage,
                    child_cpu_ms=child,
                    counted_cpu_ms=child + sum(by_stage[stage] for stage in COUNTED),
                    total_cpu_ms=1000 * consumption.cpu_seconds / n,
                    wall_ms=1000 * consumption.seconds / n,
                )
            )
    return rounds
