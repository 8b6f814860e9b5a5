"""What is asked, what is noted, and where a document stands in a ranking."""

from itertools import count
from pathlib import Path

from rag_llm_system.application.evaluation.beir_files import CorpusDocument, Question
from rag_llm_system.application.evaluation.harness import AUTHOR, answer_all, bring_in, search_all
from rag_llm_system.application.rag.candidates import Candidate
from rag_llm_system.application.rag.retriever import Found
from rag_llm_system.domain.answers import Answer
from rag_llm_system.domain.documents import ArticleDocument
from rag_llm_system.domain.errors import ContextOverflowError, InputError
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore

QUESTIONS = [Question("q1", "one"), Question("q2", "two")]


def candidate(chunk: str, document: str) -> Candidate:
    return Candidate(chunk, document, "", f"beir://{document}", "", "", "text", 0, 1.0, None)


def ticking() -> float:
    return float(next(TICKS))


TICKS = count()


def test_a_document_stands_where_its_best_chunk_stands() -> None:
    chunks = [candidate("1", "b#2"), candidate("2", "a"), candidate("3", "b#2"), candidate("4", "beir://odd")]
    asked: list[tuple[str, int]] = []

    def find(question: str, *, k: int) -> Found:
        asked.append((question, k))
        return Found(tuple(chunks), (), {"search": 2.0, "fusion": float(len(asked))})

    shown: list[tuple[int, int]] = []
    searches = search_all(QUESTIONS, find, lambda *progress: shown.append(progress), clock=ticking)
    assert searches.rankings == {key: ["b#2", "a", "beir://odd"] for key in ("q1", "q2")}
    assert searches.milliseconds == {"q1": 1000.0, "q2": 1000.0}
    assert searches.stage_ms == {"search": [2.0, 2.0], "fusion": [1.0, 2.0]}
    assert asked == [("one", 100), ("two", 100)]
    assert shown == [(1, 2), (2, 2)]


def test_a_question_that_is_refused_is_noted_and_the_others_are_asked() -> None:
    def find(question: str, *, k: int) -> Found:
        if question == "one":
            raise ContextOverflowError("too long")
        return Found((candidate("1", "a"),))

    def answer(question: str) -> Answer:
        if question == "two":
            raise InputError("too odd")
        return Answer("yes", (), (), refused=False)

    searches = search_all(QUESTIONS, find, lambda *_: None)
    assert (searches.rankings, searches.failures) == ({"q2": ["a"]}, {"q1": "too long"})
    answered = answer_all(QUESTIONS, answer, lambda *_: None, clock=ticking)
    assert (list(answered.answers), answered.failures) == (["q1"], {"q2": "too odd"})
    assert answered.milliseconds == {"q1": 1000.0}


def test_documents_enter_as_articles_of_one_author_a_thousand_at_a_time(tmp_path: Path) -> None:
    store = SqlDocumentStore(f"sqlite:///{tmp_path}/documents.sqlite")
    shown: list[int] = []
    corpus = (CorpusDocument(f"d{number}", "", f"text {number}") for number in range(1001))
    assert bring_in(corpus, store, store, shown.append) == 1001
    assert shown == [1000, 1001]
    articles = list(store.find(ArticleDocument.category))
    assert len(articles) == 1001
    assert {article.author_full_name for article in articles} == {AUTHOR}
    assert {article.link for article in articles} >= {"beir://d0", "beir://d1000"}


def test_characters_that_no_store_can_hold_are_mended(tmp_path: Path) -> None:
    store = SqlDocumentStore(f"sqlite:///{tmp_path}/documents.sqlite")
    bring_in([CorpusDocument("\udc80", "\0", "a\ud800b\r\n\0c")], store, store, lambda _: None)
    (article,) = store.find(ArticleDocument.category)
    assert isinstance(article, ArticleDocument)
    assert (article.content.title, article.content.text, article.link) == (None, "a\ufffdb\nc", "beir://\ufffd")
