"""How an answer looks in a terminal."""

from rag_llm_system.domain.answers import Answer, Citation
from tools.printing import answer_lines


def citation(number: int, quote: str, *, title: str = "Engines", author: str = "Ada Lovelace") -> Citation:
    return Citation(
        passage_number=number,
        title=title,
        link=f"file:///{number}.md",
        author_full_name=author,
        quote=quote,
        document_id="d",
        start=0,
        end=len(quote),
    )


def answer(
    *citations: Citation, text: str = "It weaves [1].", notes: tuple[str, ...] = (), **timings_ms: float
) -> Answer:
    return Answer(text=text, citations=citations, passages=(), refused=False, notes=notes, timings_ms=timings_ms)


def test_question_answer_source_quote_note_and_timings_stand_below_one_another() -> None:
    given = answer(citation(1, "It weaves."), notes=("The server was away.",), search=1.25, total=3.0)
    assert answer_lines("Does it weave?", given) == [
        "Q  Does it weave?",
        "A  It weaves [1].",
        "   [1] Engines by Ada Lovelace, file:///1.md",
        "       “It weaves.”",
        "   note: The server was away.",
        "   search 1.2 ms · total 3.0 ms",
    ]


def test_quotes_from_one_passage_stand_below_one_source() -> None:
    lines = answer_lines("Q", answer(citation(2, "One."), citation(1, "Other."), citation(2, "Two.")))
    assert [line.strip() for line in lines[2:-1]] == [
        "[2] Engines by Ada Lovelace, file:///2.md",
        "“One.”",
        "“Two.”",
        "[1] Engines by Ada Lovelace, file:///1.md",
        "“Other.”",
    ]


def test_an_author_that_is_unknown_or_the_title_again_is_left_out() -> None:
    lines = answer_lines("Q", answer(citation(1, "a", author=""), citation(2, "b", title="tqdm", author="tqdm")))
    assert lines[2] == "   [1] Engines, file:///1.md"
    assert lines[4] == "   [2] tqdm, file:///2.md"


def test_stages_that_took_no_time_are_left_out() -> None:
    lines = answer_lines("Q", answer(self_query=0.0, expansion=0.04, search=0.06, total=0.16))
    assert lines[-1].strip() == "search 0.1 ms · total 0.2 ms"


def test_long_and_broken_text_is_wrapped_under_its_beginning() -> None:
    lines = answer_lines("Q", answer(text="word\n" * 60))
    body = lines[1:-1]
    assert len(body) > 2
    assert all(len(line) <= 100 for line in lines)
    assert body[0].startswith("A  word word")
    assert all(line.startswith("   word") for line in body[1:])


def test_a_link_is_never_cut_in_two() -> None:
    long = citation(1, "It weaves.", title="A title of some length " * 6)
    assert [line for line in answer_lines("Q", answer(long)) if line.endswith("file:///1.md")]
