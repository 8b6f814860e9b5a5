"""Asks the product every question of a data set, and notes what comes back.

Documents go the way of all documents: `bring_in` saves them as articles, and the feature pipeline does the rest. A
document's place in a ranking is that of its best chunk.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from rag_llm_system.application.evaluation.beir_files import CorpusDocument, Question
from rag_llm_system.application.evaluation.consumption import Consumption, metered
from rag_llm_system.application.preprocessing.text_operations import as_plain_text
from rag_llm_system.application.rag.candidates import Candidate
from rag_llm_system.application.rag.retriever import Found
from rag_llm_system.domain.answers import Answer
from rag_llm_system.domain.documents import ArticleContent, ArticleDocument, Category, document_id
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.ports.document_store import DocumentStore, UserStore

LINK = "beir://"
"""Comes before a document's id in its link."""
DEPTH = 100
"""k: chunks that are asked for."""
AUTHOR = "Beircorpus"
"""Whose the documents are: no word that a question could name, so that self-query has nothing to find."""

_PLATFORM = "beir"
_DOCUMENTS_PER_CALL = 1_000
_Progress = Callable[[int, int], None]


class _Find(Protocol):
    def __call__(self, question: str, *, k: int) -> Found: ...


@dataclass(slots=True)
class Searches:
    """What was found, by question id; `failures` maps a question to the reason why nothing could be."""

    rankings: dict[str, list[str]] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    stage_ms: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    consumption: Consumption = field(default_factory=Consumption)


@dataclass(slots=True)
class Answers:
    """What was answered, by question id; `failures` as in `Searches`."""

    answers: dict[str, Answer] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def bring_in(
    documents: Iterable[CorpusDocument], store: DocumentStore, users: UserStore, on_progress: Callable[[int], None]
) -> int:
    """Saves the documents as articles of one author, and says how many there were."""
    author = users.get_or_create(AUTHOR)
    articles = (_article(document, author.id, author.full_name) for document in documents)
    n_saved = 0
    while some := list(islice(articles, _DOCUMENTS_PER_CALL)):
        store.save(some)
        n_saved += len(some)
        on_progress(n_saved)
    return n_saved


def search_all(
    questions: Sequence[Question], find: _Find, on_progress: _Progress, clock: Callable[[], float] = time.perf_counter
) -> Searches:
    """Gives a ranking of documents for each question, and how long each took."""
    searches = Searches()
    with metered() as searches.consumption:
        for question in _counted(questions, on_progress):
            started = clock()
            try:
                found = find(question.text, k=DEPTH)
            except InputError as error:
                searches.failures[question.id] = error.message
                continue
            searches.milliseconds[question.id] = 1000 * (clock() - started)
            searches.rankings[question.id] = _ranked_documents(found.candidates)
            for stage, milliseconds in found.timings_ms.items():
                searches.stage_ms.setdefault(stage, []).append(milliseconds)
    return searches


def answer_all(
    questions: Sequence[Question],
    answer: Callable[[str], Answer],
    on_progress: _Progress,
    clock: Callable[[], float] = time.perf_counter,
) -> Answers:
    """Gives an answer to each question, and how long each took."""
    answered = Answers()
    for question in _counted(questions, on_progress):
        started = clock()
        try:
            answered.answers[question.id] = answer(question.text)
        except InputError as error:
            answered.failures[question.id] = error.message
        else:
            answered.milliseconds[question.id] = 1000 * (clock() - started)
    return answered


def _article(document: CorpusDocument, author_id: str, author_full_name: str) -> ArticleDocument:
    link = LINK + as_plain_text(document.id)
    return ArticleDocument(
        id=document_id(Category.ARTICLES, link),
        platform=_PLATFORM,
        link=link,
        author_id=author_id,
        author_full_name=author_full_name,
        content=ArticleContent(title=as_plain_text(document.title) or None, text=as_plain_text(document.text)),
    )


def _ranked_documents(candidates: Iterable[Candidate]) -> list[str]:
    """Gives the documents in the order of the best chunk of each."""
    return list(dict.fromkeys(candidate.link.removeprefix(LINK) for candidate in candidates))


def _counted(questions: Sequence[Question], on_progress: _Progress) -> Iterator[Question]:
    for number, question in enumerate(questions, start=1):
        yield question
        on_progress(number, len(questions))
