"""For evaluation: a data set goes the whole way through the product, in a home of its own, and figures come out."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from rag_llm_system.bootstrap.answering import load_retrieval_models, open_answering
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.evaluation_home import changed_settings, evaluation_home, kept_home_name
from rag_llm_system.bootstrap.half_restored import write_durably
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.bootstrap.models import Tell
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import ConfigurationError, InputError
from rag_llm_system.settings import Settings, load_settings

if TYPE_CHECKING:
    from rag_llm_system.application.evaluation.data_set import DataSet
    from rag_llm_system.application.evaluation.harness import Answers, Searches
    from rag_llm_system.application.evaluation.report import EvaluationRun
    from rag_llm_system.bootstrap.evaluation_home import Overrides
    from rag_llm_system.domain.answers import Citation
    from rag_llm_system.domain.ports.document_store import DocumentStore
    from rag_llm_system.services import AnsweringServices

ProgressBar = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]
"""Gives, for a description and a unit, a callback that takes how many are done and how many there are."""

_PACKAGES = ("rag_llm_system", "numpy", "onnxruntime", "qdrant-edge-py", "ir-measures", "pytrec-eval-terrier")
_INDEX_FILE = "evaluation_index.json"


@dataclass(frozen=True, slots=True)
class _Built:
    """What is known of an index once it stands."""

    n_documents: int
    n_windows: int
    seconds: float
    cpu_seconds: float
    notes: tuple[str, ...]


def evaluate(
    data_set: "DataSet", overrides: "Overrides", *, keep: bool = False, tell: Tell, progress_bar: ProgressBar
) -> "EvaluationRun":
    """Indexes the documents, asks the questions, and gives the figures, which RAG_HOME keeps as JSON as well.

    Args:
        data_set: what is evaluated on.
        overrides: settings that win over the environment and `.env`.
        keep: keep the index for later runs on the same documents, and use the one that is there.
        tell: is given a line when something takes long.
        progress_bar: shows how far it is.

    Raises:
        InputError: an override cannot be used, or a kept index holds documents that the collection has no more.
        MissingExtraError: what computes the measures is not installed.
        RagError: what the product raised, other than of a single question.
    """
    from rag_llm_system.application.evaluation.consumption import MemoryWatch
    from rag_llm_system.application.evaluation.measures import ranking_measures

    ranking_measures({}, {})  # what is missing is found out before the work, not after it
    started_at = datetime.now(UTC)
    name = kept_home_name(data_set.folder, data_set.selection.limit_docs) if keep else None
    with evaluation_home(overrides, keep_as=name) as settings:
        # Made once for all homes; what is missing is found out now, and named by the folder that stays.
        load_retrieval_models(load_settings(**overrides), tell)
        with MemoryWatch() as memory:
            built = _build_index(settings, data_set, tell, progress_bar)
            with open_answering(settings, own_engine=True, tell=tell) as services:
                searches = _search(services, data_set, progress_bar)
                answers = _answer(services, data_set, progress_bar)
        run = _run(settings, data_set, started_at, built, searches, answers, memory.peak_mb)
    tell(f"kept as {_kept(run)}")
    return run


def _build_index(settings: Settings, data_set: "DataSet", tell: Tell, progress_bar: ProgressBar) -> _Built:
    from rag_llm_system.application.evaluation.consumption import metered
    from rag_llm_system.application.evaluation.harness import bring_in

    tell(f"{data_set.name}: {data_set.n_documents:,} documents, {len(data_set.questions):,} questions")
    with open_document_store(settings) as store, progress_bar("saving", "documents") as show:
        bring_in(data_set.documents(), store, store, lambda n_saved: show(n_saved, data_set.n_documents))
        _refuse_other_documents(store, data_set, settings.home)
    with metered() as consumption:
        try:
            n_windows, n_kept, notes = _index(settings, False, tell, progress_bar)
        except ConfigurationError:  # a kept index that was made by other settings, or else it fails again
            n_windows, n_kept, notes = _index(settings, True, tell, progress_bar)
    known = settings.home / _INDEX_FILE
    if n_kept == data_set.n_documents and known.is_file():
        times = json.loads(known.read_text(encoding="utf-8"))
        notes = (*notes, "The index was there already: index_seconds are those of its making.")
    else:
        times = {"seconds": consumption.seconds, "cpu_seconds": consumption.cpu_seconds}
        known.write_text(json.dumps(times) + "\n", encoding="utf-8")
        if n_kept:
            notes = (*notes, f"{n_kept} documents were indexed before: index_seconds are of the others.")
    tell(f"{n_windows:,} windows in {times['seconds']:.0f} s")
    return _Built(data_set.n_documents, n_windows, times["seconds"], times["cpu_seconds"], notes)


def _refuse_other_documents(store: "DocumentStore", data_set: "DataSet", home: Path) -> None:
    n_others = store.count(Category.ARTICLES) - data_set.n_documents
    if n_others > 0:
        raise InputError(
            f"The index that was kept holds {n_others} documents that are not in {data_set.folder} any more: delete "
            f"{home}, or leave out --keep."
        )


def _index(settings: Settings, fresh: bool, tell: Tell, progress_bar: ProgressBar) -> tuple[int, int, tuple[str, ...]]:
    """Runs the feature pipeline's work; gives the index's windows, the documents that were in it before, and notes."""
    from rag_llm_system.application.indexing.indexer import select_documents

    with open_indexing(settings, fresh=fresh, tell=tell) as services:
        selection = select_documents(services.documents, services.users)
        with progress_bar("cleaning", "documents") as show:
            cleaning = services.indexer.load_cleaned_documents(selection, on_progress=show)
        with progress_bar("embedding", "characters") as show:
            indexing = services.indexer.load_embedded_chunks(cleaning, on_progress=show)
        services.draft.publish(switch=True)
    n_failed = len(cleaning.failures) + len(indexing.failures)
    notes = [f"{n_failed} documents could not be indexed."] if n_failed else []
    if indexing.n_reused:
        notes.append(
            f"Of {indexing.n_windows} windows {indexing.n_reused} were not embedded: their vectors were known."
        )
    return sum(indexing.totals[name] for name in CHUNK_COLLECTIONS.values()), indexing.n_unchanged, tuple(notes)


def _search(services: "AnsweringServices", data_set: "DataSet", progress_bar: ProgressBar) -> "Searches":
    from rag_llm_system.application.evaluation.harness import search_all

    with progress_bar("searching", "questions") as show:
        return search_all(data_set.questions, services.retriever.find, show)


def _answer(services: "AnsweringServices", data_set: "DataSet", progress_bar: ProgressBar) -> "Answers":
    from rag_llm_system.application.evaluation.harness import answer_all

    answerable = [question for question in data_set.questions if question.id in data_set.gold_answers]
    with progress_bar("answering", "questions") as show:
        return answer_all([*answerable, *data_set.unanswerable], services.answering.answer, show)


def _run(
    settings: Settings,
    data_set: "DataSet",
    started_at: datetime,
    built: _Built,
    searches: "Searches",
    answers: "Answers",
    peak_mb: float,
) -> "EvaluationRun":
    from rag_llm_system.application.evaluation.measures import ranking_measures
    from rag_llm_system.application.evaluation.report import (
        EvaluationRun,
        answer_figures,
        answer_measures,
        failure_notes,
        means,
        search_figures,
        standard_errors,
    )

    per_question = {
        **ranking_measures(data_set.relevance, searches.rankings),
        **answer_measures(answers, data_set.gold_answers),
    }
    counts = {
        "docs": built.n_documents,
        "windows": built.n_windows,
        "queries": len(data_set.questions),
        "index_seconds": built.seconds,
        "index_cpu_seconds": built.cpu_seconds,
        "peak_rss_mb": peak_mb,
    }
    with open_document_store(settings) as store:
        of_answers = answer_figures(answers, _source_texts(store))
    return EvaluationRun(
        data_set=data_set.name,
        split=data_set.selection.in_words(),
        started_at=started_at,
        seconds=(datetime.now(UTC) - started_at).total_seconds(),
        figures={**means(per_question), **search_figures(searches), **counts, **of_answers},
        standard_errors=standard_errors(per_question),
        stage_ms={stage: sum(times) / len(times) for stage, times in searches.stage_ms.items()},
        per_question={**per_question, "ms": searches.milliseconds},
        settings=changed_settings(settings),
        versions=versions(_PACKAGES),
        machine=machine(),
        notes=(*data_set.notes, *built.notes, *failure_notes(searches.failures, answers.failures)),
    )


def _kept(run: "EvaluationRun") -> Path:
    """Writes the run into RAG_HOME/evaluations, each into a file of its own."""
    folder = load_settings().home / "evaluations"
    name = f"{run.started_at:%Y-%m-%dT%H-%M-%S}-{run.data_set}"
    names = (f"{name}{suffix}.json" for suffix in chain([""], (f"-{number}" for number in count(2))))
    file = next(folder / name for name in names if not (folder / name).exists())
    try:
        write_durably(file, run.to_json().encode())
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written ({error.strerror}): make room, or check RAG_HOME."
        ) from None
    return file


def _source_texts(store: "DocumentStore") -> "Callable[[Citation], str | None]":
    """Gives what reads a citation's place in the document as it is stored and cleaned, not in its passage."""
    from rag_llm_system.application.preprocessing.dispatchers import CleaningDispatcher

    cleaning = CleaningDispatcher()

    def source_text(citation: "Citation") -> str | None:
        found = list(store.find(Category.ARTICLES, ids=[citation.document_id]))
        return cleaning.clean(found[0]).text[citation.start : citation.end] if found else None

    return source_text
