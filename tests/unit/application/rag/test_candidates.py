"""A candidate is a chunk, or of a long one the part around what was found, to the character."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.rag.candidates import FoundWindow, candidate_from


def payload(text: str, first: int, last: int, chunk_start: int = 0) -> dict[str, Any]:
    return {
        "chunk_id": "c", "document_id": "d", "title": "T", "link": "l", "path": "p", "author_full_name": "A",
        "chunk_text": text, "chunk_start": chunk_start,
        "window_start": chunk_start + first, "window_end": chunk_start + last,
    }  # fmt: skip


def test_a_short_chunk_is_given_whole_without_the_space_at_its_ends() -> None:
    candidate = candidate_from(payload("\n One. Two. \n", 2, 6, chunk_start=100), 0.5, 0.25, 2000)
    assert (candidate.text, candidate.start) == ("One. Two.", 102)
    assert (candidate.score, candidate.similarity) == (0.5, 0.25)


def test_a_long_chunk_is_given_around_its_window_cut_between_sentences() -> None:
    sentences = [f"This is sentence number {n} of the text. " for n in range(100)]
    text = "".join(sentences)
    first = text.index(sentences[50])
    candidate = candidate_from(payload(text, first, first + len(sentences[50])), 1.0, None, 400)
    assert sentences[50].strip() in candidate.text
    assert 250 <= len(candidate.text) <= 400
    assert candidate.text.startswith("This is")
    assert candidate.text.endswith("text.")


def test_what_one_side_cannot_use_the_other_gets() -> None:
    text = "".join(f"line {n}\n" for n in range(500))
    at_the_start = candidate_from(payload(text, 0, 50), 1.0, None, 1000)
    at_the_end = candidate_from(payload(text, len(text) - 50, len(text)), 1.0, None, 1000)
    assert at_the_start.start == 0
    assert text.rstrip().endswith(at_the_end.text)
    assert min(len(at_the_start.text), len(at_the_end.text)) > 950


def test_a_window_longer_than_a_passage_stays_whole() -> None:
    text = "x" * 5000
    assert candidate_from(payload(text, 1000, 4000), 1.0, None, 500).text == "x" * 3000


@given(st.text("ab .\n", min_size=1, max_size=300), st.data(), st.integers(1, 80), st.integers(0, 50))
def test_the_text_is_a_span_of_the_document_and_holds_the_window(
    text: str, data: st.DataObject, max_chars: int, chunk_start: int
) -> None:
    first = data.draw(st.integers(0, len(text) - 1))
    last = data.draw(st.integers(first + 1, len(text)))
    candidate = candidate_from(payload(text, first, last, chunk_start), 1.0, None, max_chars)
    document = "#" * chunk_start + text
    assert document[candidate.start : candidate.start + len(candidate.text)] == candidate.text
    assert text[first:last].strip() in candidate.text
    assert len(candidate.text) <= max(max_chars, last - first)


def test_a_candidate_takes_in_the_windows_of_its_chunk_that_its_text_holds() -> None:
    text = "".join(f"line {n}\n" for n in range(500))
    candidate = candidate_from(payload(text, 1000, 1050, chunk_start=7), 0.9, None, 400)
    near = candidate_from(payload(text, 1050, 1100, chunk_start=7), 0.5, None, 400)
    far = candidate_from(payload(text, 3000, 3050, chunk_start=7), 0.7, None, 400)
    both = candidate.with_windows_of(far).with_windows_of(near)
    assert both.windows == (FoundWindow(1007, 1057, 0.9), FoundWindow(1057, 1107, 0.5))
    assert both.text == candidate.text


def test_a_part_of_a_candidate_stands_where_it_says() -> None:
    candidate = candidate_from(payload(" One. Two.  Three. ", 1, 5, chunk_start=10), 0.5, None, 100)
    part = candidate.part(15, 22)
    assert (part.text, part.start) == ("Two.", 16)
