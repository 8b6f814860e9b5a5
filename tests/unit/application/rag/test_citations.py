"""A citation stands in its passage to the character."""

import pytest

from rag_llm_system.application.rag.citations import cite
from rag_llm_system.domain.answers import Passage, Quote

PASSAGE = Passage(2, "p", "Ada wrote the first program.", "Notes", "link", "Ada", document_id="d", start=100)


def test_a_quote_that_holds_becomes_a_citation_with_its_span_in_the_document() -> None:
    citations, n_wrong = cite([Quote(2, 4, 9, "wrote")], [PASSAGE])
    assert n_wrong == 0
    (citation,) = citations
    assert (citation.quote, citation.start, citation.end, citation.document_id) == ("wrote", 104, 109, "d")
    assert (citation.passage_number, citation.title, citation.link) == (2, "Notes", "link")
    assert citation.author_full_name == "Ada"


@pytest.mark.parametrize(
    "quote",
    [
        Quote(1, 4, 9, "wrote"),
        Quote(2, 4, 9, "Wrote"),
        Quote(2, 5, 10, "wrote"),
        Quote(2, -8, -1, "program"),
        Quote(2, 4, 4, ""),
        Quote(2, 3, 4, " "),
        Quote(2, 0, 99, PASSAGE.text),
    ],
)
def test_a_quote_that_does_not_hold_is_counted_and_dropped(quote: Quote) -> None:
    assert cite([quote], [PASSAGE]) == ([], 1)


def test_a_quote_given_twice_is_cited_once() -> None:
    citations, n_wrong = cite([Quote(2, 4, 9, "wrote"), Quote(2, 0, 3, "Ada"), Quote(2, 4, 9, "wrote")], [PASSAGE])
    assert [citation.quote for citation in citations] == ["wrote", "Ada"]
    assert n_wrong == 0
