"""The context holds whole chunks where they fit into its budget, else what was found in them and what is around it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.rag.candidates import Candidate, FoundWindow
from rag_llm_system.application.rag.context import ContextBuilder, CountTokens, estimated_tokens

SENTENCES = [f"Sentence {number} says one thing. " for number in range(40)]
CHUNK = "".join(SENTENCES).strip()
N = len(SENTENCES[10])


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


def chunk(first_found: int, *others: int, score: float = 0.5, at: int = 1000, name: str = "c") -> Candidate:
    """Gives a chunk of 40 sentences in which these were found, each with a tenth less than the one before."""
    starts = [at + len("".join(SENTENCES[:n])) for n in (first_found, *others)]
    windows = [FoundWindow(start, start + N - 1, score - place / 10) for place, start in enumerate(starts)]
    return Candidate(name, name, "", "l", "p", "A", f"{name}{CHUNK[1:]}", at, score, None, tuple(windows))


def test_whole_chunks_are_given_while_they_fit() -> None:
    passages, notes = ContextBuilder(len, max_tokens=2 * len(CHUNK) + 2)([chunk(10, name="a"), chunk(20, name="b")], 2)
    assert [passage.text[1:] for passage in passages] == [CHUNK[1:], CHUNK[1:]]
    assert notes == []


def test_a_chunk_that_does_not_fit_is_given_around_what_was_found_in_it() -> None:
    passages, notes = ContextBuilder(len, max_tokens=300)([chunk(20)], 4)
    (passage,) = passages
    assert SENTENCES[20].strip() in passage.text
    assert 200 < len(passage.text) < 300
    assert passage.text == ("c" + CHUNK[1:])[passage.start - 1000 :][: len(passage.text)]
    assert passage.text.startswith("Sentence")
    assert passage.text.endswith("thing.")
    assert notes == ["1 passage was shortened: the context holds 300 tokens (RAG_CONTEXT_TOKENS)."]


def test_a_short_chunk_stays_whole_beside_a_long_one_that_is_cut() -> None:
    short = replace(chunk(1, name="b", score=0.9), text=f"b{CHUNK[1:80]}")
    passages, notes = ContextBuilder(len, max_tokens=400)([short, chunk(20)], 2)
    assert passages[0].text == short.text
    assert 200 < len(passages[1].text) < 320
    assert notes[0].startswith("1 passage was shortened: ")


def test_what_was_found_in_all_chunks_comes_before_what_is_around_it() -> None:
    candidates = [chunk(5, score=0.9, name="a"), chunk(30, score=0.8, name="b"), chunk(17, score=0.7, name="c")]
    passages, _ = ContextBuilder(len, max_tokens=3 * N + 10)(candidates, 3)
    assert [SENTENCES[n].strip() in passage.text for n, passage in zip((5, 30, 17), passages, strict=True)] == [
        True
    ] * 3


def test_windows_come_by_their_scores_and_not_by_their_chunks() -> None:
    candidates = [chunk(5, 7, score=0.9, name="a"), chunk(30, score=0.2, name="b")]
    passages, notes = ContextBuilder(len, max_tokens=4 * N - 5)(candidates, 2)
    assert [passage.id for passage in passages] == ["a"]
    assert all(SENTENCES[n].strip() in passages[0].text for n in (5, 6, 7))
    assert notes[0].startswith("1 passage was shortened and 1 passage was left out: the context holds ")


def test_a_reranker_moves_the_windows_with_their_chunk() -> None:
    first, second = chunk(5, 7, score=0.9, name="a"), chunk(30, score=0.2, name="b")
    moved = [replace(second, score=0.99), replace(first, score=0.01)]
    passages, _ = ContextBuilder(len, max_tokens=N + 10)(moved, 2)
    assert [passage.id for passage in passages] == ["b"]


@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39), st.floats(-1, 1)), max_size=5),
    st.integers(1, 4000),
    st.integers(1, 6),
    st.sampled_from([len, count_words, estimated_tokens]),
)
def test_a_passage_is_a_span_of_its_document_and_the_budget_is_kept(
    found: list[tuple[int, int, float]], max_tokens: int, top_k: int, count: CountTokens
) -> None:
    candidates = [chunk(first, second, score=score, name="abcde"[n]) for n, (first, second, score) in enumerate(found)]
    passages, _ = ContextBuilder(count, max_tokens)(candidates, top_k)
    assert len(passages) <= top_k
    assert sum(count(f"{passage.title}\n{passage.text}") for passage in passages) <= max_tokens
    places = [passage.id for passage in passages]
    assert places == sorted(places)
    for passage in passages:
        whole = f"{passage.id}{CHUNK[1:]}"
        assert passage.text
        assert whole[passage.start - 1000 :][: len(passage.text)] == passage.text


def test_titles_count_towards_the_budget() -> None:
    assert len(ContextBuilder(count_words, max_tokens=5)([candidate("a b"), candidate("c d")], 2)[0]) == 1


def test_equal_texts_are_given_once() -> None:
    passages, notes = ContextBuilder(count_words)([candidate("A  b"), candidate("a b"), candidate("c")], 3)
    assert [passage.text for passage in passages] == ["A  b", "c"]
    assert notes == []


def test_an_estimate_errs_on_the_high_side() -> None:
    assert estimated_tokens("") == 0
    assert estimated_tokens("The quick brown fox jumps over the lazy dog.") >= 10
