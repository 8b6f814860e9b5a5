"""What can be quoted: prose, a row of a table, a heading that is a sentence, code as a block; no badges or rules."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.model.engines.quotable import quotables, shortened

README = """\
# A heading without a full stop

[![Build](https://ci.example/badge.svg)](https://ci.example) ![PyPI](https://pypi.example/badge.svg)
<p align="center"><img src="logo.png"></p>

A title that is underlined has a full stop.
===========================================

This tool reads files. It also writes them,
over two lines.

| Option | Meaning of it |
|--------|---------------|
| `-v`   | says more of what it does |

Another table | without outer bars | is a table too.

* Fast as the wind
* [x] **Safe**: it checks every single file
1. First install it
> A quoted line of prose is prose.

Table of Contents

Install it with:

```bash
pip install tool
tool --help
```

.. image:: logo.png
https://example.org/some/where
[link]: https://example.org
---
Made with care by people.
"""


def pieces(text: str, *, code: bool = False) -> list[str]:
    return [text[part.start : part.end] for part in quotables(text) if (part.kind == "code") == code]


def test_sentences_and_list_items_are_found_and_nothing_else() -> None:
    assert pieces(README) == [
        "This tool reads files.",
        "It also writes them,\nover two lines.",
        "| `-v`   | says more of what it does |",
        "Fast as the wind",
        "**Safe**: it checks every single file",
        "First install it",
        "A quoted line of prose is prose.",
        "Install it with:",
        "Made with care by people.",
    ]


def test_a_block_of_code_is_found_whole_without_its_fence() -> None:
    assert pieces(README, code=True) == ["pip install tool\ntool --help"]


def test_a_passage_cut_from_the_middle_of_code_is_read_right() -> None:
    text = "x = load()\nprint(x)\n```\nThe call above prints what was loaded.\n```python\ny = 1\n```\n"
    assert pieces(text) == ["The call above prints what was loaded."]
    assert pieces(text, code=True) == ["x = load()\nprint(x)", "y = 1"]
    assert pieces("and then\n```\nThe call above prints what was loaded.\n") == [
        "The call above prints what was loaded."
    ]


@pytest.mark.parametrize(
    "line",
    [
        "encoded = tokenizer.encode('a b c')",
        ">>> parse('now') # a date of today",
        "from os import path",
        "foo(1, 2, 3)",
    ],
)
def test_code_without_a_fence_is_code(line: str) -> None:
    assert pieces(f"Some prose stands here.\n\n{line}\n") == ["Some prose stands here."]


def test_inline_code_does_not_make_a_sentence_code() -> None:
    text = "Call `load(path='a.txt')` to read the file."
    assert pieces(text) == [text]


def test_a_heading_that_says_something_is_found_without_its_mark() -> None:
    text = (
        "# 2. The list of names is a part of the book\n\n## Installation of it\n\n## What is the list of all names?\n"
    )
    assert [(text[part.start : part.end], part.kind) for part in quotables(text)] == [
        ("The list of names is a part of the book", "heading")
    ]


def test_rows_of_a_table_are_found_but_neither_its_header_nor_its_rule() -> None:
    text = "| key of it | the default |\n|---|:--:|\n| `PORT` | `80` | port of all |\n| | x |\n"
    assert [(text[part.start : part.end], part.kind) for part in quotables(text)] == [
        ("| `PORT` | `80` | port of all |", "row")
    ]


def test_lines_of_settings_are_no_prose() -> None:
    assert pieces("- path: some/where\n  split: train\n  type: intel\n") == []


def test_a_word_or_two_are_no_quote() -> None:
    assert pieces("Yes.\n\nOf course.\n\n12 34 56 78\n\n") == []


@given(st.text("aB .!\n#|*-`>=1[](){}:", max_size=200))
def test_what_is_found_is_trimmed_in_order_and_does_not_overlap(text: str) -> None:
    parts = quotables(text)
    assert all(text[part.start : part.end].strip() == text[part.start : part.end] != "" for part in parts)
    assert all(left.end <= right.start for left, right in pairwise(parts))


def test_a_long_sentence_is_shortened_around_what_is_wanted() -> None:
    text = "intro " * 50 + "the treasure lies here " + "outro " * 50
    start, end = shortened(text, 0, len(text), 10, lambda word: word == "treasure")
    assert "treasure" in text[start:end]
    assert len(text[start:end].split()) == 10
    assert text[start:end].strip() == text[start:end]


def test_a_short_sentence_is_not_shortened() -> None:
    assert shortened("  one two three", 2, 15, 3, lambda word: False) == (2, 15)


def test_of_equally_good_parts_the_beginning_is_given() -> None:
    assert shortened("one two three four", 0, 18, 2, lambda word: False) == (0, 7)
