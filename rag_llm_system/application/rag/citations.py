"""Stage 7, citations: a quote counts only when it stands in its passage to the character."""

from collections.abc import Sequence

from rag_llm_system.domain.answers import Citation, Passage, Quote


def cite(quotes: Sequence[Quote], passages: Sequence[Passage]) -> tuple[list[Citation], int]:
    """Gives the citations of the quotes that hold, in order and without repeats, and how many quotes do not hold."""
    by_number = {passage.number: passage for passage in passages}
    citations: dict[tuple[int, int, int], Citation] = {}
    n_wrong = 0
    for quote in quotes:
        passage = by_number.get(quote.passage_number)
        if passage is None or not _holds(quote, passage):
            n_wrong += 1
        else:
            citations.setdefault((quote.passage_number, quote.start, quote.end), _citation(quote, passage))
    return list(citations.values()), n_wrong


def _holds(quote: Quote, passage: Passage) -> bool:
    """Says whether the words stand there. Negative places are refused, since Python would count them from the end."""
    within = 0 <= quote.start < quote.end <= len(passage.text)
    return within and bool(quote.text.strip()) and passage.text[quote.start : quote.end] == quote.text


def _citation(quote: Quote, passage: Passage) -> Citation:
    return Citation(
        passage_number=passage.number,
        title=passage.title,
        link=passage.link,
        author_full_name=passage.author_full_name,
        quote=quote.text,
        document_id=passage.document_id,
        start=passage.start + quote.start,
        end=passage.start + quote.end,
    )
