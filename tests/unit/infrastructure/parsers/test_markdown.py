"""Markdown and reStructuredText: title, authors and text."""

import pytest

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.ports.source import Fetched, Parsed
from rag_llm_system.infrastructure.parsers.markdown import MarkdownParser


def parse(text: str, media_type: str = "text/markdown", title: str = "") -> Parsed:
    fetched = Fetched("file:///d/notes.md", text.encode(), media_type, "file", title=title, path="d/notes.md")
    return MarkdownParser().parse(fetched)


def test_front_matter_gives_title_subtitle_and_authors() -> None:
    parsed = parse(
        '---\ntitle: "On Engines: a note"\nsubtitle: Short\nauthor: Ada Lovelace, Bob\n---\n# Other\n\nText.\n'
    )
    assert (parsed.title, parsed.subtitle, parsed.authors) == ("On Engines: a note", "Short", ("Ada Lovelace", "Bob"))
    assert parsed.text == "# Other\n\nText.\n"


def test_a_list_of_authors_is_read_and_other_keys_stay_in_the_text() -> None:
    parsed = parse(
        "---\nauthors:\n  - Ada\n  - name: Bob\n    email: b@x.org\ndate: 2024-01-02\ntags: [a, b]\n---\nText\n"
    )
    assert parsed.authors == ("Ada", "Bob")
    assert parsed.text == "date: 2024-01-02\ntags: [a, b]\n\nText\n"


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    assert parse("---\nJust words.\n\n---\nmore").text == "---\nJust words.\n\n---\nmore"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n## The **Big** `idea` [here](https://x.org) ##\n# Later", "The Big idea here"),
        ("```sh\n# a comment\n```\n# Real", "Real"),
        ("Setext Title\n============\n", "Setext Title"),
        ("    # code\n\n- item\n-----\n", "- item"),
        ("<h1>html</h1>\n\n# <img src='x'>\n# Name", "Name"),
        ("no heading at all", "notes"),
    ],
)
def test_the_title_is_the_first_heading_or_the_name_of_the_file(text: str, title: str) -> None:
    assert parse(text).title == title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("=====\nTitle\n=====\n\nText", "Title"),
        (".. image:: x.png\n\nThe *Name*\n**********\n\nMore\n----\n", "The Name"),
        ("A line longer than its rule\n---\n", "notes"),
        ("# not a heading here", "notes"),
    ],
)
def test_restructured_text_has_titles_of_its_own(text: str, title: str) -> None:
    assert parse(text, "text/x-rst").title == title


def test_what_the_source_calls_it_comes_first_and_markup_stays() -> None:
    parsed = parse("# Heading\n\n* a **b**\n", title="fastapi")
    assert (parsed.title, parsed.text, parsed.category) == ("fastapi", "# Heading\n\n* a **b**\n", Category.ARTICLES)
