"""The context holds whole passages within its budget."""

from rag_llm_system.application.rag.candidates import Candidate
from rag_llm_system.application.rag.context import ContextBuilder, estimated_tokens


def candidate(text: str, chunk_id: str = "c") -> Candidate:
    return Candidate(chunk_id, "d", "T", "l", "p", "A", text, 7, 0.5, 0.25)


def count_words(text: str) -> int:
    return len(text.split())


def test_passages_keep_their_order_and_are_numbered_from_one() -> None:
    passages, notes = ContextBuilder(count_words)([candidate("one", "a"), candidate("two", "b"), candidate("three")], 2)
    assert [(passage.number, passage.text, passage.id) for passage in passages] == [(1, "one", "a"), (2, "two", "b")]
    assert notes == []
    first = passages[0]
    assert (first.document_id, first.title, first.link, first.path) == ("d", "T", "l", "p")
    assert (first.author_full_name, first.start, first.score, first.similarity) == ("A", 7, 0.5, 0.25)


def test_a_passage_that_does_not_fit_is_left_out_with_a_note_and_the_next_takes_its_place() -> None:
    long, short = candidate("word " * 9), candidate("short")
    passages, notes = ContextBuilder(count_words, max_tokens=5)([candidate("a b"), long, short], 3)
    assert [passage.text for passage in passages] == ["a b", "short"]
    assert notes == ["1 passage was left out: the context holds 5 tokens (RAG_CONTEXT_TOKENS)."]


def test_titles_count_towards_the_budget() -> None:
    assert len(ContextBuilder(count_words, max_tokens=5)([candidate("a b"), candidate("c d")], 2)[0]) == 1


def test_equal_texts_are_given_once() -> None:
    passages, notes = ContextBuilder(count_words)([candidate("A  b"), candidate("a b"), candidate("c")], 3)
    assert [passage.text for passage in passages] == ["A  b", "c"]
    assert notes == []


def test_an_estimate_errs_on_the_high_side() -> None:
    assert estimated_tokens("") == 0
    assert estimated_tokens("The quick brown fox jumps over the lazy dog.") >= 10
