import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_llm_system.domain.sentences import sentence_spans

_PIECES = st.sampled_from(
    [
        "Dr. ",
        "It ended. ",
        "e.g. ",
        "\n",
        "\n\n",
        "    ",
        "- item\n",
        "1. ",
        "# Head\n",
        "今天。",
        "「好！」",
        "?! ",
        "…",
        '."',
        "x",
    ]
)


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
def test_spans_hold_every_character_once_and_none_is_empty(text: str) -> None:
    sentences = _sentences(text)
    assert "".join(sentences) == text
    assert all(sentences)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One. ", "Two! ", "Three? ", "Four"]),
        (
            "Dr. Smith et al. wrote it, e.g. here. Then J. Doe.",
            ["Dr. Smith et al. wrote it, e.g. here. ", "Then J. Doe."],
        ),
        ('"Why?" he asked. "No." She left.', ['"Why?" he asked. ', '"No." ', "She left."]),
        ("Version 1.5 is out. It works.", ["Version 1.5 is out. ", "It works."]),
        ("See e.g.\n- one\n- two", ["See e.g.\n", "- one\n", "- two"]),
        ("1. First. Second\n2. Third", ["1. First. ", "Second\n", "2. Third"]),
        ("End.\n\n    code()\n\nMore", ["End.\n\n", "    code()\n\n", "More"]),
        ("今天好。「你好！」他说。", ["今天好。", "「你好！」", "他说。"]),
        ("أين؟ هنا. نعم", ["أين؟ ", "هنا. ", "نعم"]),
        ("wrapped\nline goes on", ["wrapped\nline goes on"]),
    ],
)
def test_sentences_end_where_a_reader_says(text: str, sentences: list[str]) -> None:
    assert _sentences(text) == sentences


@pytest.mark.parametrize("piece", [".", "\n", "\n ", ". ", "A.", ".)", "。", " .   ", "-\n"])
def test_repeated_marks_take_linear_time(piece: str) -> None:
    assert "".join(_sentences(piece * 50_000)) == piece * 50_000
