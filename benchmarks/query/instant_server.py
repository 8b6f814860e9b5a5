"""The main API over a service that answers at once: what it consumes is the API's own."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from loguru import logger

from rag_llm_system.application.rag.generation import GroundedAnswering
from rag_llm_system.application.rag.retriever import ContextRetriever
from rag_llm_system.domain.answers import Answer, Citation
from rag_llm_system.domain.conversations import Turn
from rag_llm_system.infrastructure.api.serving import serve
from rag_llm_system.infrastructure.inference_pipeline_api import create_app
from rag_llm_system.services import AnsweringServices

_QUOTE = "The embargo caused an oil crisis with many short- and long-term effects on global politics and the economy."
_STAGES = ("self_query", "expansion", "embedding", "search", "fusion", "reranking", "context", "llm", "total")


class _InstantAnswering:
    """Gives the same answer to every question: two quotes and nine stages, as most real ones have."""

    def __init__(self) -> None:
        citations = (_citation(1), _citation(2))
        self._answer = Answer(
            text=f"{_QUOTE} [1] {_QUOTE} [2]",
            citations=citations,
            passages=(),
            refused=False,
            notes=(),
            timings_ms=dict.fromkeys(_STAGES, 1.25),
        )

    def answer(self, question: str, *, top_k: int | None = None, history: Sequence[Turn] = ()) -> Answer:  # noqa: ARG002
        """Gives the answer."""
        return self._answer


def main() -> None:
    """Serves until standard input is closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    logger.remove()
    logger.add(sys.stderr, level="WARNING")  # as the product's servers do unless they are told otherwise
    threading.Thread(target=_stop_with_stdin, daemon=True).start()
    serve(create_app(_open_services), host="127.0.0.1", port=port, announce=lambda _url: None)


@contextmanager
def _open_services() -> Iterator[AnsweringServices]:
    answering = cast(GroundedAnswering, _InstantAnswering())
    yield AnsweringServices(answering=answering, retriever=cast(ContextRetriever, None))


def _citation(number: int) -> Citation:
    return Citation(
        passage_number=number,
        title="1973 oil crisis",
        link=f"beir://1973_oil_crisis#{number}",
        author_full_name="Beircorpus",
        quote=_QUOTE,
        document_id=f"0f0e6a53-7d21-5f0b-9d6e-0c8f3b1f8a1{number}",
        start=120,
        end=120 + len(_QUOTE),
    )


def _stop_with_stdin() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
