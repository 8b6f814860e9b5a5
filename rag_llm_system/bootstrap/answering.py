"""For answering questions."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from loguru import logger

from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.embedding import open_embedder
from rag_llm_system.bootstrap.language_model import open_language_model
from rag_llm_system.bootstrap.models import Tell, model_weights, models_folder
from rag_llm_system.bootstrap.vector_index import open_index
from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.application.rag.follow_ups import FollowUpRewriter
    from rag_llm_system.application.rag.learned_ranking import LearnedRanking
    from rag_llm_system.application.rag.search_scope import Phraser, ScopeFinder
    from rag_llm_system.domain.ports.answer_engine import AnswerEngine
    from rag_llm_system.domain.ports.document_store import UserStore
    from rag_llm_system.domain.ports.language_model import LanguageModel
    from rag_llm_system.domain.ports.reranker import Reranker
    from rag_llm_system.services import AnsweringServices, ModelServices

_USERS_REMEMBERED_S = 1.0
"""A new author's documents are indexed later than that, and reading the authors costs 0.8 CPU ms a question."""


class _QuestionReaders(NamedTuple):
    """What stands between a question and the search."""

    follow_ups: "FollowUpRewriter"
    self_query: "ScopeFinder"
    expansion: "Phraser"


@contextmanager
def open_answering(
    settings: Settings,
    *,
    own_engine: bool = False,
    tell: Tell = logger.info,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator["AnsweringServices"]:
    """Opens the index to be read and everything between a question and its answer.

    Args:
        own_engine: run the answer engine in this process instead of asking the model server.
        tell: is given a line when something takes long, such as making the embedder at first use.
        clock: gives the seconds that stages are timed by.

    Raises:
        ConfigurationError: settings, weights or packages are not as they must be.
    """
    from rag_llm_system.application.rag.generation import GroundedAnswering
    from rag_llm_system.application.rag.retriever import ContextRetriever
    from rag_llm_system.domain.answers import AnswerLimits
    from rag_llm_system.services import AnsweringServices

    embedder, _ = open_embedder(settings, tell)
    beside = ThreadPoolExecutor(1, thread_name_prefix="embedder-loading")
    loading = beside.submit(embedder.embed, ["ready"])  # while the index's child opens its files
    beside.shutdown(wait=False)
    with (
        open_document_store(settings) as store,
        open_index(settings, embedder) as index,
        _engine_of_this_process(settings) if own_engine else _model_server_engine(settings) as engine,
        open_language_model(settings) as language_model,
    ):
        loading.result()  # now, so that the first question does not wait for it
        readers = _question_readers(settings, store, language_model)
        retriever = ContextRetriever(
            index,
            embedder,
            readers.self_query,
            readers.expansion,
            learned_ranking=_learned_ranking(settings),
            reranker=_reranker(settings, tell),
            rerank_budget_ms=settings.rag_rerank_budget_ms,
            max_context_tokens=settings.rag_context_tokens,
            prefetch=settings.rag_prefetch,
            max_passage_chars=settings.rag_passage_chars,
            clock=clock,
        )
        answering = GroundedAnswering(
            retriever,
            engine,
            AnswerLimits(settings.max_new_tokens_inference, settings.rag_model_server_timeout_s),
            top_k=settings.top_k,
            min_candidates=settings.rag_candidates,
            max_question_chars=settings.rag_max_question_chars,
            follow_ups=readers.follow_ups,
            clock=clock,
        )
        yield AnsweringServices(answering=answering, retriever=retriever)


def load_retrieval_models(settings: Settings, tell: Tell = logger.info) -> None:
    """Makes the embedder and the reranker that are set where they are not made yet, and loads each once.

    Raises:
        ConfigurationError: one of them is missing or cannot be used.
    """
    open_embedder(settings, tell)[0].embed(["ready"])
    _reranker(settings, tell)


@contextmanager
def open_model(settings: Settings) -> Iterator["ModelServices"]:
    """Opens the engine that the model server answers with."""
    from rag_llm_system.services import ModelServices

    with _engine_of_this_process(settings) as engine:
        yield ModelServices(engine=engine)


@contextmanager
def _model_server_engine(settings: Settings) -> Iterator["AnswerEngine"]:
    """Gives the client of the model server, with the extractive engine behind it while the server is away."""
    from rag_llm_system.application.wrappers.fallback import FallbackEngine
    from rag_llm_system.infrastructure.api.request_ids import outgoing_headers
    from rag_llm_system.model.engines.extractive import ExtractiveEngine
    from rag_llm_system.model.inference.local import ModelServerEngine

    server = ModelServerEngine(
        settings.model_server_url, timeout_s=settings.rag_model_server_timeout_s, headers=outgoing_headers
    )
    try:
        own = ExtractiveEngine(min_confidence=settings.rag_min_confidence)
        yield FallbackEngine(server, own) if settings.rag_answer_fallback else server
    finally:
        server.close()


@contextmanager
def _engine_of_this_process(settings: Settings) -> Iterator["AnswerEngine"]:
    from rag_llm_system.model.engines.extractive import ExtractiveEngine

    engines = {"extractive": partial(ExtractiveEngine, min_confidence=settings.rag_min_confidence)}
    yield engines[settings.rag_answer_engine]()


def _question_readers(settings: Settings, users: "UserStore", model: "LanguageModel | None") -> _QuestionReaders:
    """Gives what reads questions: rules, or a language model with the rules behind it."""
    from rag_llm_system.application.rag.follow_ups import FollowUps
    from rag_llm_system.application.rag.query_expansion import QueryExpansion
    from rag_llm_system.application.rag.self_query import SelfQuery
    from rag_llm_system.application.wrappers.remembered import Remembered

    known_users = Remembered(users.users, for_s=_USERS_REMEMBERED_S)
    self_query, expansion = SelfQuery(known_users), QueryExpansion(settings.rag_phrasings)
    follow_ups = FollowUps(max_question_chars=settings.rag_max_question_chars)
    if model is None:
        return _QuestionReaders(follow_ups, self_query, expansion)
    from rag_llm_system.application.rag.language_model_stages import (
        LanguageModelExpansion,
        LanguageModelFollowUps,
        LanguageModelSelfQuery,
    )

    timeout_s = settings.rag_question_model_timeout_s
    return _QuestionReaders(
        LanguageModelFollowUps(model, follow_ups, timeout_s=timeout_s),
        LanguageModelSelfQuery(model, known_users, self_query, timeout_s=timeout_s),
        LanguageModelExpansion(model, expansion, n_phrasings=settings.rag_phrasings, timeout_s=timeout_s),
    )


def _learned_ranking(settings: Settings) -> "LearnedRanking | None":
    if settings.rag_rerank != "learned":
        return None
    from rag_llm_system.application.rag.learned_ranking import LearnedRanking, shipped_model

    return LearnedRanking(shipped_model())


def _reranker(settings: Settings, tell: Tell) -> "Reranker | None":
    if settings.rag_rerank != "cross-encoder":
        return None
    weights = model_weights(settings, settings.reranking_cross_encoder_model_id, tell)
    reranker: Reranker
    if settings.rag_rerank_backend == "torch":
        from rag_llm_system.model.rerankers.cross_encoder import CrossEncoderReranker

        reranker = CrossEncoderReranker(weights_dir=weights, device=settings.rag_model_device)
    else:
        from rag_llm_system.model.rerankers.onnx_cross_encoder import OnnxCrossEncoderReranker

        reranker = OnnxCrossEncoderReranker(
            weights_dir=weights,
            cache_dir=models_folder(settings),
            precision=settings.rag_rerank_precision,
            n_threads=settings.rag_embed_threads,
            on_message=tell,
        )
    reranker.score("ready", ["ready"])  # what is missing is found out now, and the model is loaded
    return reranker
