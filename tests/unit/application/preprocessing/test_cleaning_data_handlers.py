from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.preprocessing.cleaning_data_handlers import (
    ArticleCleaningHandler,
    PostCleaningHandler,
    RepositoryCleaningHandler,
)
from tests.unit.application.preprocessing.cases import PROPERTY, article, post, raw_repository


def test_an_article_keeps_what_a_citation_needs() -> None:
    document = article("<p>Words</p>")
    cleaned = ArticleCleaningHandler().clean(document)
    assert (cleaned.id, cleaned.link, cleaned.platform) == (document.id, document.link, document.platform)
    assert (cleaned.author_id, cleaned.author_full_name) == (document.author_id, document.author_full_name)
    assert (cleaned.title, cleaned.text, cleaned.sections) == ("A title", "Words", ())


def test_an_article_without_a_title_takes_its_heading_or_first_line_or_link() -> None:
    titles = [
        ArticleCleaningHandler().clean(article(text, title=title)).title
        for text, title in [
            ("x", "Say &amp; <b>do</b>\n it"),
            ("text\n\n# Head", None),
            ("- **First** line\nsecond", " "),
            ("...", None),
        ]
    ]
    assert titles == ["Say & do it", "Head", "First line", "https://a.b/c"]


def test_a_subtitle_comes_first_unless_the_text_holds_it() -> None:
    handler = ArticleCleaningHandler()
    assert handler.clean(article("Words", subtitle="What it is about")).text == "What it is about\n\nWords"
    assert handler.clean(article("Sub\n\nWords", subtitle="Sub")).text == "Sub\n\nWords"
    assert handler.clean(article("Words", subtitle="None")).text == "Words"


def test_an_article_without_words_is_empty() -> None:
    assert ArticleCleaningHandler().clean(article("<p> \n</p>")).text == ""


def test_a_post_becomes_plain_words_and_keeps_lines_and_emojis() -> None:
    raw = "𝗕𝗶𝗴 𝗻𝗲𝘄𝘀 🚀   today\n\n\n👉  it   works\n\n#MLOps hashtag#AI\u200b …see more"
    cleaned = PostCleaningHandler().clean(post(raw))
    assert cleaned.text == "Big news 🚀 today\n\n👉 it works\n\nMLOps AI"
    assert cleaned.title == "Big news 🚀 today"


def test_a_posts_title_is_short() -> None:
    title = PostCleaningHandler().clean(post("word " * 60)).title
    assert len(title) <= 80
    assert title.endswith("word…")


def test_a_posts_hashtag_at_a_lines_start_is_no_heading() -> None:
    assert PostCleaningHandler().clean(post("#AI is here")).text == "AI is here"


def test_a_post_of_nothing_is_named_after_its_author() -> None:
    assert PostCleaningHandler().clean(post(" ")).title == "Ada Lovelace on linkedin"


def test_code_stays_to_the_character_and_markdown_is_cleaned() -> None:
    code = "def f(a,   b):\r\n\treturn a  <b>  &amp;\r\n\r\n\r\n# e\u0301 #tag"
    files = {
        "src/b.py": code,
        "README.md": "[![x](https://img.shields.io/x)](y)\n# Name  &amp; more\n",
        "empty.py": " \n",
    }
    cleaned = RepositoryCleaningHandler().clean(raw_repository(files))
    texts = {section.path: cleaned.text[section.start : section.end] for section in cleaned.sections}
    assert texts == {"README.md": "# Name & more\n", "src/b.py": code.replace("\r\n", "\n") + "\n"}


@PROPERTY
@given(st.dictionaries(st.sampled_from(["a.py", "b/README.md", "b.txt", "B.js", "z"]), st.text()))
def test_sections_are_sorted_and_hold_every_character(files: dict[str, str]) -> None:
    cleaned = RepositoryCleaningHandler().clean(raw_repository(files))
    assert [section.path for section in cleaned.sections] == sorted(section.path for section in cleaned.sections)
    assert "".join(cleaned.text[section.start : section.end] for section in cleaned.sections) == cleaned.text
    assert [section.start for section in cleaned.sections[1:]] == [section.end for section in cleaned.sections[:-1]]
