import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.application.preprocessing.text_operations import (
    as_plain_text,
    collapse_spaces,
    drop_see_more,
    mend_characters,
    plain_letters,
    shorten,
    words_of_hashtags,
)
from tests.unit.application.preprocessing.cases import PROPERTY


def test_plain_text_can_be_encoded_and_has_one_kind_of_line_end() -> None:
    assert as_plain_text("a\r\nb\rc\0\ud800") == "a\nb\nc\ufffd"


@PROPERTY
@given(st.text())
def test_mended_characters_are_nfc_and_mending_again_changes_nothing(text: str) -> None:
    mended = mend_characters(text)
    assert unicodedata.is_normalized("NFC", mended)
    assert mend_characters(mended) == mended


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("zero\u200bwidth\ufeff soft\u00adhyphen bell\x07", "zerowidth softhyphen bell"),
        ("hidden\u202eorder\u2066\U000e0041", "hiddenorder"),
        ("e\u0301", "é"),
        ("line\u2028separator", "line\nseparator"),
        ("👩\u200d💻 می\u200cخواهم", "👩\u200d💻 می\u200cخواهم"),
        ("donâ€™t", "don’t"),
        ("naÃ¯ve cafÃ©", "naïve café"),
        ("ðŸš€", "🚀"),
        ("«ROMÂ» stays", "«ROMÂ» stays"),
        ("Âge, Ã la carte", "Âge, Ã la carte"),
    ],
)
def test_characters_are_mended_only_where_it_is_safe(text: str, mended: str) -> None:
    assert mend_characters(text) == mended


def test_spaces_collapse_within_lines_and_indentation_stays() -> None:
    assert collapse_spaces("a  b\u00a0 c \n\n\n\n  - item   x\n\t\n\ty") == "a b c\n\n  - item x\n\n    y"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("𝗯𝗼𝗹𝗱 𝘪𝘵𝘢𝘭𝘪𝘤 𝟭𝟮", "bold italic 12"),
        ("Ⓐ Ｆｕｌｌ", "A Full"),
        ("u̲n̶", "un"),
        ("x² ½ ™ ℃ № ﬁ 漢 é", "x² ½ ™ ℃ № ﬁ 漢 é"),
    ],
)
def test_styled_letters_become_plain_and_others_keep_their_meaning(text: str, plain: str) -> None:
    assert plain_letters(text) == plain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#AI and #LLMOps!", "AI and LLMOps!"),
        ("hashtag#AI hashtag#MLOps", "AI MLOps"),
        ("#ai#ml", "ai#ml"),
        ("C# #1 # Heading https://a.b/#part", "C# #1 # Heading https://a.b/#part"),
        ("#日本語", "日本語"),
    ],
)
def test_hashtags_become_words(text: str, words: str) -> None:
    assert words_of_hashtags(text) == words


def test_a_folded_posts_see_more_goes() -> None:
    assert drop_see_more("It goes on …see more\nReally...more") == "It goes on\nReally"


@PROPERTY
@given(st.text(), st.integers(2, 50))
def test_a_shortened_text_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = shorten(text, limit)
    assert len(line) <= limit
    assert "\n" not in line


def test_a_text_is_shortened_at_a_word() -> None:
    assert shorten("several words, of which", 16) == "several words…"
