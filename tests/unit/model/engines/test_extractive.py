"""The extractive engine quotes what answers, and refuses what the passages say nothing about."""

import time

import pytest

from rag_llm_system.domain.answers import AnswerLimits, Passage
from rag_llm_system.model.engines.extractive import MIN_CONFIDENCE, ExtractiveEngine
from rag_llm_system.settings import Settings

LIMITS = AnswerLimits()
README = """\
# tidy

[![Build](https://ci.example/b.svg)](https://ci.example)

Tidy is a small library that sorts files into folders by their type. It was written by Jane Roe and Sam Poe in 2019.
Tidy needs Python 3.9 or newer, because it uses dictionary unions. How many files can it sort?

| Option | Default |
|--------|---------|
| depth of folders | 12 |

The tool can sort 5000 files per second on a laptop. Install it with:

```bash
pip install tidy
```

- The cache lives in the folder `~/.tidy`, which can be moved.
"""
ABOUT_TIDY = Passage(1, "t", README, "tidy", "", author_full_name="Jane Roe", similarity=0.6)
OTHER = Passage(
    2, "o", "Boats float on water. The harbour was built in 1850 by King John.", "boats", "", similarity=0.2
)


def first_quote(question: str, *passages: Passage) -> str:
    deltas = list(ExtractiveEngine().stream(question, passages or (ABOUT_TIDY, OTHER), LIMITS))
    return "(refused)" if deltas[0].refused else deltas[0].quotes[0].text


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is tidy?", "Tidy is a small library that sorts files into folders by their type."),
        ("Who wrote tidy?", "It was written by Jane Roe and Sam Poe in 2019."),
        ("Why does tidy need Python 3.9?", "Tidy needs Python 3.9 or newer, because it uses dictionary unions."),
        ("How many files can tidy sort?", "The tool can sort 5000 files per second on a laptop."),
        ("Where does the cache live?", "The cache lives in the folder `~/.tidy`, which can be moved."),
        ("When was the harbour built?", "The harbour was built in 1850 by King John."),
    ],
)
def test_the_sentence_that_answers_comes_first(question: str, expected: str) -> None:
    assert first_quote(question) == expected


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        (
            "What is zorb?",
            "We moved to zorb last year. Zorb is a queue that forgets nothing. Zorb has friends, as zorb deserves.",
            "Zorb is a queue that forgets nothing.",
        ),
        (
            "Why did the mill close?",
            "The mill did close in May after long years. The mill did close because the river dried up.",
            "The mill did close because the river dried up.",
        ),
        (
            "Who runs the mill?",
            "Who runs the mill, and is it Bob? The mill is one that Ann runs.",
            "The mill is one that Ann runs.",
        ),
        (
            "What year did the mill burn?",
            "The mill did burn at night. The mill burned in 1850.",
            "The mill burned in 1850.",
        ),
        (
            "When was the fire of 1666 put out?",
            "The fire of 1666 was put out at last. The fire was put out on 6 September 1666.",
            "The fire was put out on 6 September 1666.",
        ),
        ("Who wrote the play?", "The play is long. The play was written by Ann.", "The play was written by Ann."),
    ],
)
def test_of_sentences_with_the_same_words_the_one_that_can_answer_comes_first(
    question: str, text: str, expected: str
) -> None:
    assert first_quote(question, Passage(1, "a", text, "", "", similarity=0.6)) == expected


def test_of_equal_sentences_the_one_of_the_better_passage_comes_first() -> None:
    texts = ("The mill was built in 1850 by Ann.", "The mill was built in 1850 by Ann, a mill.")
    for order in (texts, texts[::-1]):
        passages = [Passage(n, "", text, "", "", similarity=0.6) for n, text in enumerate(order, start=1)]
        assert first_quote("When was the mill built?", *passages) == order[0]


def test_code_follows_the_sentence_that_announces_it() -> None:
    deltas = list(ExtractiveEngine(margin=0).stream("How do I install tidy?", [ABOUT_TIDY], LIMITS))
    assert [quote.text for delta in deltas for quote in delta.quotes] == ["Install it with:", "pip install tidy"]


def test_an_answer_is_each_quote_followed_by_its_number() -> None:
    deltas = list(ExtractiveEngine(max_quotes=1).stream("When was the harbour built?", [ABOUT_TIDY, OTHER], LIMITS))
    assert "".join(delta.text for delta in deltas) == '"The harbour was built in 1850 by King John." [2]'


def test_no_more_than_two_sentences_are_quoted_and_none_twice() -> None:
    text = "".join(f"The harbour number {n % 5} was built in 185{n % 5}. " for n in range(20))
    deltas = list(ExtractiveEngine().stream("When was the harbour built?", [Passage(1, "a", text, "", "")], LIMITS))
    quoted = [quote.text for delta in deltas for quote in delta.quotes]
    assert len(quoted) == 2 == len(set(quoted))


def test_a_long_sentence_is_quoted_in_part() -> None:
    text = "It is so, " + "and so on " * 60 + "but the harbour of Dover was built in 1850 " + "and so on " * 60 + "."
    quote = first_quote("When was the harbour of Dover built?", Passage(1, "a", text, "", ""))
    assert "harbour of Dover was built in 1850" in quote
    assert len(quote.split()) == 60


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Australia?",
        "what is the capital of australia",
        "Who painted the Mona Lisa?",
        "How do I bake sourdough bread?",
        "What is it?",
        "?!",
    ],
)
@pytest.mark.parametrize("similarity", [0.15, None])
def test_a_question_about_something_else_is_refused(question: str, similarity: float | None) -> None:
    text = "Names are written with a capital letter. The capital T is set in bold."
    passages = [Passage(n, "", text, "", "", similarity=similarity) for n, text in enumerate((README, text), start=1)]
    assert first_quote(question, *passages) == "(refused)"


def test_a_passage_that_is_near_in_meaning_needs_fewer_of_the_words() -> None:
    text = "The vessel was constructed at Leith in May 1850."
    far, near = (Passage(1, "a", text, "", "", similarity=similarity) for similarity in (0.1, 0.8))
    assert first_quote("When was the ship built at Leith by its owner?", far) == "(refused)"
    assert first_quote("When was the ship built at Leith by its owner?", near) == text


def test_a_passage_without_prose_is_refused() -> None:
    table = "# harbour built\n\n| harbour | built |\n|---|---|\n| Dover | 1850 |\n"
    assert first_quote("When was the harbour built?", Passage(1, "a", table, "", "", similarity=0.9)) == "(refused)"


def test_how_sure_it_must_be_can_be_set() -> None:
    strict = ExtractiveEngine(min_confidence=1.0)
    for passages in ([ABOUT_TIDY], [Passage(1, "t", README, "tidy", "")]):
        assert next(iter(strict.stream("What is tidy?", passages, LIMITS))).refused


def test_nine_passages_of_two_thousand_characters_take_little_time() -> None:
    passages = [Passage(n + 1, str(n), (README * 4)[:2000], "tidy", "", similarity=0.6) for n in range(9)]
    engine = ExtractiveEngine()
    seconds = []
    for _ in range(5):
        started = time.process_time()
        list(engine.stream("How many files can tidy sort?", passages, LIMITS))
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.05  # 7 ms here; the room is for slower machines


def test_a_question_with_a_name_that_the_passage_lacks_is_answered_with_less_confidence() -> None:
    passage = Passage(1, "a", "The mill at Leith was built by Ann Roe in 1850.", "", "", similarity=0.45)
    engine = ExtractiveEngine(min_confidence=0.4)
    refused = [
        next(iter(engine.stream(question, [passage], LIMITS))).refused
        for question in ("When was the mill at Leith built?", "When was the mill at Perth burned by Napoleon?")
    ]
    assert refused == [False, True]


@pytest.mark.parametrize(
    "question",
    [
        "\ud800 mill",
        "Was ist eine Mühle? 水車",
        "🙂",
        "\x00\x07",
        "mill " * 2000,
        "İstanbul'da ne zaman? what year",
        "the of and",
    ],
)
def test_odd_questions_get_an_answer_or_a_refusal(question: str) -> None:
    assert list(ExtractiveEngine().stream(question, [ABOUT_TIDY, OTHER], LIMITS))


def test_the_setting_refuses_where_the_engine_was_measured_to() -> None:
    assert Settings.model_fields["rag_min_confidence"].default == MIN_CONFIDENCE
