from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.preprocessing.tokens import TokenizedText
from tests.unit.application.preprocessing.cases import PROPERTY, TEXTS, WordTokenizer


@PROPERTY
@given(TEXTS, st.data())
def test_counts_are_those_of_the_tokens_that_touch_a_span(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    offsets = WordTokenizer().encode_with_offsets([text])[0].tolist()
    expected = [first for first, last in offsets if first < end and last > start]
    tokens = TokenizedText(text, WordTokenizer().encode_with_offsets([text])[0])
    if start < end and all(
        b - a <= 100 for (_, a), (b, _) in zip([(0, 0), *offsets], [*offsets, (len(text), 0)], strict=True)
    ):
        assert tokens.count(start, end) == len(expected)
        assert tokens.starts_between(start, end) == [first for first in expected if first >= start]
    assert tokens.count(start, start) == 0


def test_a_long_text_is_handed_over_in_blocks_and_counted_as_one() -> None:
    text = "several words\n" * 10_000
    tokenizer = WordTokenizer()
    tokens = TokenizedText.of(text, tokenizer)
    assert tokenizer.n_calls == 1
    assert tokens.starts_between(0, len(text)) == TokenizedText(
        text, tokenizer.encode_with_offsets([text])[0]
    ).starts_between(0, len(text))
    assert tokens.count(100_000, len(text)) == tokenizer.count(text[100_000:])


def test_a_hundred_characters_count_as_a_token_at_least() -> None:
    one_token = TokenizedText.of("f" * 1050, WordTokenizer(letters=5000))
    assert one_token.count(0, 1050) == 11
    assert one_token.starts_between(0, 250) == [0, 100, 200]
    no_token = TokenizedText.of("a" + " " * 1050 + "b", WordTokenizer())
    assert no_token.count(0, 1052) == 13


def test_the_last_tokens_before_a_position_are_found() -> None:
    tokens = TokenizedText.of("one two three four", WordTokenizer())
    assert tokens.start_of_last(2, 13) == 4
    assert tokens.start_of_last(9, 13) == 0
    assert tokens.start_of_last(0, 13) == 13
    assert TokenizedText.of("", WordTokenizer()).start_of_last(3, 0) == 0
