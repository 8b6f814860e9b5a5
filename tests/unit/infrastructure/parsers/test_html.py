"""HTML pages, made and real."""

import os
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.ports.source import Fetched, Parsed
from rag_llm_system.infrastructure.parsers.html import HtmlParser

PAGES = Path(os.environ["RAG_TEST_DATA_DIR"], "ingest_files", "html")
SENTENCE = "A paragraph has to be long enough to be taken for prose, and so this one goes on for a while. "


def parse(body: bytes | str, name: str = "page.html") -> Parsed:
    body = body.encode() if isinstance(body, str) else body
    return HtmlParser().parse(Fetched(f"file:///{name}", body, "text/html", "file", path=name))


def real(name: str) -> Parsed:
    return parse((PAGES / name).read_bytes(), name)


def test_a_page_becomes_markdown_without_its_menus() -> None:
    page = f"""<html><head><title>My Page | Site</title><meta name="author" content="Ada  Lovelace"></head><body>
    <nav><a href="/">Home</a></nav><article><h1>My Page</h1><p>{SENTENCE * 3}</p><h2>List</h2><ul><li>one</li>
    <li>two <a href="https://x.org">link</a></li></ul><pre>if x:\n    pass</pre><p>{SENTENCE * 2}</p></article>
    <script>evil()</script></body></html>"""
    parsed = parse(page)
    assert (parsed.title, parsed.authors) == ("My Page", ("Ada Lovelace",))
    for part in ("## List", "- one", "[link](https://x.org)", "if x:\n    pass", SENTENCE.strip()):
        assert part in parsed.text
    assert "Home" not in parsed.text
    assert "evil" not in parsed.text


def test_a_page_laid_out_with_a_table_keeps_its_paragraphs() -> None:
    cell = "<br><br>".join(f"{number}. {SENTENCE}" for number in range(6))
    parsed = parse(f"<html><body><table><tr><td><img src=x></td><td>{cell}</td></tr></table></body></html>")
    assert parsed.text.split("\n\n") == [f"{number}. {SENTENCE.strip()}" for number in range(6)]


def test_a_short_page_is_taken_whole() -> None:
    page = "<body><h1>Hi</h1><p>Some <b>bold</b> and <code>x = 1</code>.<ol><li>a<li>b</ol><blockquote>q</blockquote>"
    table = "<table><tr><th>k<th>v<tr><td>a|b<td>1</table>"
    assert parse(page + table).text == (
        "# Hi\n\nSome **bold** and `x = 1`.\n\n1. a\n2. b\n\n> q\n\n| k | v |\n|---|---|\n| a\\|b | 1 |"
    )


def test_a_declared_character_set_is_believed() -> None:
    page = "<html><head><meta charset='windows-1251'></head><body><p>да</p></body></html>"
    assert parse(page.encode("cp1251")).text == "да"


@pytest.mark.parametrize("body", ["", "<html></html>", "<body><script>x()</script></body>"])
def test_a_page_without_words_is_refused(body: str) -> None:
    with pytest.raises(InputError, match=r"^page\.html"):
        parse(body)


def test_a_page_nested_thousands_deep_ends_nothing() -> None:
    body = "<div>" * 50_000 + SENTENCE + "</div>" * 50_000
    try:
        text = parse(body).text
    except InputError as error:
        text = error.message
    assert text


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "title", "phrases"),
    [
        ("docling__wiki_duck.html", "Duck", ["**Duck** is the common name", "[waterfowl]"]),
        (
            "markitdown__test_blog.html",
            "Does Model and Inference Parameter Matter in LLM Applications? - A Case Study for MATH",
            ["Large language models (LLMs) are powerful tools", "- **Just by tuning"],
        ),
        ("markitdown__test_wikipedia.html", "Microsoft", ["April 4, 1975", "Albuquerque"]),
        ("unstructured__example-10k-1p.html", "unstructured__example-10k-1p", ["Galaxy Gaming, Inc.", "20-8143439"]),
        (
            "unstructured__example-with-scripts.html",
            "Russian Offensive Campaign Assessment, December 13",
            ["**Karolina Hird, George Barros, Grace Mappes"],
        ),
        ("unstructured__fake-html-cp1252.html", "My First Heading", ["Die schöne Frau", "15,50 €", "L'été était très"]),
        (
            "unstructured__ideas-page.html",
            "How to Get New Ideas",
            ["\n\nKnowledge grows fractally.", "\n\nThe way to get"],
        ),
    ],
)
def test_real_pages_give_title_and_text(name: str, title: str, phrases: list[str]) -> None:
    parsed = real(name)
    assert parsed.title == title
    assert [phrase for phrase in phrases if phrase not in parsed.text] == []
    assert "<div" not in parsed.text
    assert "\n\n\n" not in parsed.text


@pytest.mark.real_data
def test_names_found_in_a_text_are_not_taken_for_authors() -> None:
    assert real("docling__wiki_duck.html").authors == ()
