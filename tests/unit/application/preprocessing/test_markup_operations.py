import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.preprocessing.markup_operations import first_heading, words_of_markup
from tests.unit.application.preprocessing.cases import PROPERTY


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "List<int> Map<String, T> Vec<data>",
        "the token <s>[INST] and </s> and <unk> and <TOOLS>",
        "run `git clone <title>` or <title>",
        "x <y@z.org> and <https://example.org>",
        "call handlers[name](self.text) and arr[i](x)",
        "- [ ] a task\n- [x] done",
        "a footnote[^1]\n\n[^1]: Its text",
        "if a <b and c> d",
        "snake_case and 2 * 3 * 4",
        "| a | b |\n|---|---|\n| 1 | 2 |",
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert words_of_markup(text) == text


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("Some <b>bold</b> &amp; <a href='x'>linked</a> words<br>more", "Some bold & linked words\nmore"),
        ("&lt;div&gt; stays a word, AT&T and a?b=1&para=2 too", "<div> stays a word, AT&T and a?b=1&para=2 too"),
        ("<h2>Head</h2>\n<p>One</p><p>Two</p>", "## Head\n\nOne\n\nTwo"),
        ("<ul>\n  <li>a</li>\n  <li>b</li>\n</ul>", "- a\n- b"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"),
        ("before<!-- a comment --><script>evil()</script><style>p{}</style> after", "before after"),
        ("<p>Use <code>List&lt;int&gt;</code></p>", "Use `List<int>`"),
        (
            "<p>x</p><pre><code class='c'>if (a &lt; b) {\n    x\n}</code></pre><p>y</p>",
            "x\n\n```\nif (a < b) {\n    x\n}\n```\n\ny",
        ),
        ("<div>\n      <p>indented HTML</p>\n</div>", "indented HTML"),
    ],
)
def test_html_leaves_its_words(markup: str, words: str) -> None:
    assert words_of_markup(markup) == words


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("[the `docs`](https://x.y/z_(w) 'title') say", "the `docs` say"),
        ("![a cat](cat.png) ![](data:image/png;base64,iVBORw0KGgo=)", "a cat"),
        ("[![CI](https://github.com/a/b/actions/workflows/ci.svg)](https://github.com/a/b)\n# Name", "# Name"),
        ("[![PyPI](https://img.shields.io/pypi/v/x)][pypi]\n\nText\n\n[pypi]: https://pypi.org/p/x", "Text"),
        ("See [the guide][g] or [g].\n\n[g]: https://a.b 'Guide'", "See the guide or [g]."),
        ("<img src='https://img.shields.io/x.svg' alt='badge'><img src='a.png' alt='A diagram'>", "A diagram"),
        ("[https://a.b/c](https://a.b/c)", "https://a.b/c"),
    ],
)
def test_links_leave_words_and_images_descriptions_and_badges_nothing(markup: str, words: str) -> None:
    assert words_of_markup(markup) == words


@pytest.mark.parametrize(
    "code",
    [
        "```html\n<b>  x </b> &amp;   [a](http://b)\n\n\n\ndone\n```",
        "~~~\n``` <p> \n~~~",
        "    def f(a,   b):\n        return  a &amp; b <b>\n\n\n    g()",
        "`<b>  &amp;  [a](http://b)`",
        "``a ` <i>b</i>``",
    ],
)
def test_code_stays_to_the_character(code: str) -> None:
    assert words_of_markup(f"Before   it\n\n{code}\n\nAfter   it") == f"Before it\n\n{code}\n\nAfter it"


def test_paragraphs_lists_and_their_indentation_stay() -> None:
    text = "# Head\n\nOne  line\nwrapped\n\n\n\n* item\n    * nested   item\n\n      its paragraph"
    assert words_of_markup(text) == "# Head\n\nOne line\nwrapped\n\n* item\n    * nested item\n\n      its paragraph"


@PROPERTY
@given(st.text())
def test_any_text_is_cleaned_to_one_that_can_be_encoded_and_has_no_marks_left(text: str) -> None:
    words = words_of_markup(text)
    words.encode()
    assert "\0" not in words
    assert not words or not words[-1].isspace()


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "<script>",
        "`a``",
        "[",
        "[a",
        "[x]",
        "<p ",
        '<a href="',
        "![a](",
        "[[x](y",
        "<pre>",
        "```\n",
        "    \n",
        "&amp;",
    ],
)
def test_broken_markup_takes_linear_time(piece: str) -> None:
    assert isinstance(words_of_markup(piece * 20_000), str)


@pytest.mark.parametrize("opening", ["![a](", "[a](", "[![a](", "[![a](b)](", '[a](b "t"', "[a](b", "[a]: b"])
@pytest.mark.parametrize("space", [" ", "\t", "\n"])
def test_markup_that_breaks_off_in_a_run_of_spaces_takes_linear_time(opening: str, space: str) -> None:
    started_s = time.process_time()
    assert words_of_markup(opening + space * 20_000 + "x").endswith("x")
    assert time.process_time() - started_s < 2


def test_the_first_heading_is_found() -> None:
    assert first_heading("text\n\n## The  head ##\n\n# Other") == "The  head"
    assert first_heading("none") == ""
