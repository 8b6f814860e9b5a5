"""HTML pages, made and real."""

import os
import re
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.ports.source import Fetched, Parsed
from rag_llm_system.infrastructure.parsers.html import HtmlParser

PAGES = Path(os.environ["RAG_TEST_DATA_DIR"], "ingest_files", "html")
SENTENCE = "A paragraph has to be long enough to be taken for prose, and so this one goes on for a while. "


def parse(body: bytes | str, name: str = "page.html", media_type: str = "text/html") -> Parsed:
    body = body.encode() if isinstance(body, str) else body
    return HtmlParser().parse(Fetched(f"file:///{name}", body, media_type, "file", path=name))


def parse_from_web(body: str, link: str = "https://blog.example/2024/page") -> Parsed:
    return HtmlParser().parse(Fetched(link, body.encode(), "text/html", "blog.example"))


def article(inside: str, head: str = "", around: str = "") -> str:
    prose = f"<p>{SENTENCE * 3}</p>"
    return f"<html><head>{head}</head><body>{around}<article>{prose}{inside}{prose}</article></body></html>"


def inside_of(parsed: Parsed) -> str:
    """Gives what stands between the first and the last paragraph."""
    prose = (SENTENCE * 3).strip()
    assert parsed.text.startswith(f"{prose}\n\n")
    assert parsed.text.endswith(f"\n\n{prose}")
    return parsed.text.removeprefix(prose).removesuffix(prose).strip("\n")


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


def test_a_page_longer_than_a_book_is_taken_whole_within_bounds() -> None:
    paragraphs = [" ".join(f"{n * 100 + k:x}g" for k in range(100)) for n in range(2_500)]
    inside = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    page = f"<html><body><nav>Menu</nav><article><h1>T</h1><pre>if x:\n    y</pre>{inside}</article></body></html>"
    tracemalloc.start()
    try:
        text = parse(page).text
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert text == "\n\n".join(["# T", "```\nif x:\n    y\n```", *paragraphs])
    assert peak_bytes < 20 * len(page)


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


@pytest.mark.parametrize(
    ("encoding", "media_type", "meta"),
    [
        ("iso-2022-jp", "text/html; charset=ISO-2022-JP", "<meta charset=utf-8>"),
        ("shift_jis", 'text/html;charset="shift_jis"', ""),
        ("utf-16-le", "text/html; charset=utf-16le", ""),
        ("utf-8", "text/html; charset=windows-1252", "<meta charset=windows-1252>"),
        ("utf-8", "text/html; charset=gbk", ""),
        ("utf-8-sig", "text/html; charset=shift_jis", ""),
        ("euc_jp", "text/html", "<meta charset=euc-jp>"),
        ("utf-8", "text/html; charset=no-such-set", "<meta charset=utf-16>"),
    ],
)
def test_the_servers_character_set_counts_before_the_pages(encoding: str, media_type: str, meta: str) -> None:
    text = "すべての人間は、生まれながらにして自由である。" * 3
    page = f"<html><head>{meta}</head><body><p>{text}</p></body></html>"
    assert parse(page.encode(encoding), media_type=media_type).text == text


def test_code_is_kept_to_the_character() -> None:
    code = "def f(x):\n    return  'a  b'   # two  spaces\n\n\nclass A:\n\tpass\n    \n  &lt;p&gt; &amp;amp; *x* _y_"
    text = inside_of(parse(article(f'<pre><code class="language-python hljs">{code}\n</code></pre>')))
    assert text == "```python\n" + code.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") + "\n```"


def test_coloured_and_numbered_code_is_kept_without_colours_and_numbers() -> None:
    page = """<div class="highlight-go"><table><tr><td class="linenos"><pre>1\n2</pre></td><td class="code">
      <pre><span class="k">for</span> <span>i</span> {\n\t<b>x</b>()  <!-- no -->\n}</pre></td></tr></table></div>
      <pre><div>one</div><div>  two</div></pre><pre>a<br>  b<button>Copy</button></pre>"""
    blocks = inside_of(parse(article(page))).split("\n\n")
    assert blocks == ["```\nfor i {\n\tx()  \n}\n```", "```\none\n  two\n```", "```\na\n  b\n```"]


def test_backticks_in_code_end_no_fence() -> None:
    text = inside_of(parse(article("<pre>```\nx\n```</pre><p>Some code is <code>a `b` c</code> in a sentence.</p>")))
    assert text == "````\n```\nx\n```\n````\n\nSome code is `` a `b` c `` in a sentence."


def test_structure_is_kept() -> None:
    page = f"""<h2>Steps <a class="headerlink" href="#steps">¶</a></h2><ol start="3"><li>three<pre>a\n\n  b</pre></li>
      <li>four<ul><li>inner</li></ul></li></ol><blockquote><p>{SENTENCE}</p><p>{SENTENCE}</p></blockquote>
      <table><caption>{SENTENCE}</caption><tr><th>key</th><td>value</td></tr><tr><th>one</th><td>two</td></tr></table>"""
    quoted = f"> {SENTENCE.strip()}"
    assert inside_of(parse(article(page))) == (
        "## Steps\n\n3. three\n   ```\n   a\n\n     b\n   ```\n4. four\n   - inner\n\n"
        f"{quoted}\n>\n{quoted}\n\n{SENTENCE.strip()}\n\n| key | value |\n|---|---|\n| one | two |"
    )


def test_a_data_sheet_stays_a_table_though_its_cells_hold_lists() -> None:
    rows = "<tr><th>k</th><td><ul><li>a</li><li>b</li></ul></td></tr><tr><th>l</th><td>c</td></tr>"
    assert parse(f"<table>{rows}</table>").text == "| k | a b |\n|---|---|\n| l | c |"


def test_links_are_made_absolute_where_the_page_came_from_the_web() -> None:
    page = article(
        "<p>A sentence with <a href='../x (1)'>one</a>, <a href='#n'>two</a>, <a href='javascript:x'>three</a>"
        " and <a href='//b.example/y?z=1'>four</a>, <a href='http://['>five</a>.</p>"
    )
    expected = (
        "A sentence with [one](https://blog.example/x%20%281%29), two, three and [four](https://b.example/y?z=1), five."
    )
    assert inside_of(parse_from_web(page)) == expected
    based = page.replace("<head>", "<head><base href='https://c.example/d/e/'>")
    assert "[one](https://c.example/d/x%20%281%29)" in parse_from_web(based).text


def test_banners_and_what_is_hidden_are_left_out_of_short_pages_too() -> None:
    page = """<body class="cookie-notice-open" aria-hidden="true"><div id="cookie-banner"><p>We use cookies.</p></div>
      <div class="onetrust-pc"><p>Accept all</p></div><p hidden>h1</p><p style="color:red;display: none">h2</p>
      <p aria-hidden="true">h3</p><div role="navigation"><a href="/">Home</a></div>
      <p class="cookie-bars-recipe">Bake!</p>"""
    assert parse(page).text == "Bake!"


def test_menus_around_a_long_text_are_left_out_even_where_its_words_repeat_them() -> None:
    menu = (
        "<div class=menu><ul><li><a href=/a>paragraph</a><li><a href=/b>Products</a></ul></div><p>Please subscribe!</p>"
    )
    assert inside_of(parse(article("<p>Between.</p>", around=menu))) == "Between."


def test_authors_come_from_the_pages_metadata() -> None:
    head = """<meta name="author" content="Ada Lovelace"><meta property="article:author" content="https://x.org/ada">
      <meta name="citation_author" content="Bob  Ross"><meta name="author" content="a@b.org">
      <script type="application/ld+json">{"@graph": [{"author": [{"@type": "Person", "name": "ADA LOVELACE"},
      {"@type": ["Person"], "name": "Carl Orff"}, {"@type": "Organization", "name": "Inc"}, 7]}]}</script>
      <script type="application/ld+json">{not json</script>
      <script type="application/ld+json">[{"author": null}]</script>"""
    assert parse(article("", head)).authors == ("Ada Lovelace", "Bob Ross", "Carl Orff")


@pytest.mark.parametrize(
    "shell",
    [
        '<div id="root"></div>',
        '<div id="app">Loading…</div>',
        "<noscript>You need to enable JavaScript to run this app.</noscript><div>Please wait</div>",
    ],
)
def test_a_page_that_scripts_would_fill_is_refused_with_a_hint(shell: str) -> None:
    with pytest.raises(InputError, match="may be built by scripts, so save it from a browser"):
        parse(f"<html><head><title>App</title></head><body>{shell}<script src=/x.js></script></body></html>")


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


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "least_f1"), [("001", 0.99), ("medium-1", 0.985), ("wikipedia-2", 0.97)])
def test_main_text_agrees_with_what_people_marked_as_such(name: str, least_f1: float) -> None:
    from lxml import html  # type: ignore[import-untyped]

    folder = PAGES.parent / "html_readability"
    gold = html.fromstring((folder / f"readability__{name}__expected.html").read_text(encoding="utf-8"))
    text = parse((folder / f"readability__{name}__source.html").read_bytes()).text
    found, expected = words(re.sub(r"\]\(\S*\)", "]", text)), words(gold.text_content())
    assert 2 * sum((found & expected).values()) / (found.total() + expected.total()) >= least_f1
    code = [block.text_content().strip("\n") for block in gold.iter("pre")]
    assert [block for block in code if block not in text] == []


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))
