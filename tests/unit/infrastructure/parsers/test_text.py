"""From bytes to text, whatever they were written in."""

import hashlib
import os
from pathlib import Path

import pytest

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.ports.source import Fetched
from rag_llm_system.infrastructure.parsers.code import CodeParser
from rag_llm_system.infrastructure.parsers.text import PlainTextParser, clean_text, decode_text

NOISE = b"".join(hashlib.sha256(bytes([seed])).digest() for seed in range(50)).replace(b"\0", b"")
FILES = Path(os.environ["RAG_TEST_DATA_DIR"], "ingest_files")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_in_all_its_forms(encoding: str) -> None:
    assert decode_text("Grüße, 世界 🤖".encode(encoding), name="x") == "Grüße, 世界 🤖"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Il était une fois à l'école, déjà vu — “quoted” naïveté"),
        ("cp1252", "Språket är på svenska, där åtta små älgar äter äpplen"),
        ("cp1252", "Grüße aus München, schöne Straße"),
        ("cp1250", "Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni i równi pod względem swej godności."),
        ("cp1251", "Все люди рождаются свободными и равными в своем достоинстве и правах."),
        ("shift_jis", "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"),
    ],
)
def test_older_character_sets_are_guessed(encoding: str, text: str) -> None:
    assert decode_text(text.encode(encoding), name="x") == text


def test_a_declared_character_set_wins_over_a_guess_but_not_over_utf_8() -> None:
    assert decode_text("да".encode("cp1251"), name="x", declared="cp1251") == "да"
    assert decode_text("à".encode(), name="x", declared="cp1252") == "à"
    assert decode_text("schöne Straße".encode("cp1252"), name="x", declared="no-such-set") == "schöne Straße"


@pytest.mark.parametrize("body", [b"\x89PNG\r\n\0\0", NOISE])
def test_bytes_that_are_no_text_are_refused(body: bytes) -> None:
    with pytest.raises(InputError, match=r"^x\.txt is not text"):
        decode_text(body, name="x.txt")


def test_control_characters_go_and_lines_end_alike() -> None:
    assert clean_text("a\r\nb\rc\u2028d\x0c\x00\x1b[0m\ufeffe\tf\x7f\x9f") == "a\nb\nc\nd[0me\tf"


def test_code_is_kept_to_the_character_but_for_line_ends() -> None:
    body = b"\xef\xbb\xbfdef f():\r\n\treturn '\x0c  '  \r\n\r\n\r\n"
    parsed = CodeParser().parse(Fetched("file:///a/b.py", body, "text/x-python", "file", path="a/b.py"))
    assert parsed.text == "def f():\n\treturn '\x0c  '  \n\n\n"
    assert (parsed.title, parsed.category) == ("a/b.py", Category.REPOSITORIES)
    with pytest.raises(InputError, match=r"a/b\.py holds no code"):
        CodeParser().parse(Fetched("file:///a/b.py", b" \n", "text/x-python", "file", path="a/b.py"))


def test_plain_text_is_titled_by_its_file() -> None:
    parsed = PlainTextParser().parse(
        Fetched("file:///a/my-notes.txt", b"words", "text/plain", "file", path="a/my-notes.txt")
    )
    assert (parsed.title, parsed.text, parsed.category) == ("my-notes", "words", Category.ARTICLES)


@pytest.mark.real_data
def test_real_files_in_other_character_sets_are_read() -> None:
    umlauts = (FILES / "md/unstructured__umlauts-non-utf8.md").read_bytes()
    assert decode_text(umlauts, name="x") == "## können\n\nkönnen\n\näöüß\n"
    utf_16 = (FILES / "text/unstructured__fake-text-utf-16.txt").read_bytes()
    assert decode_text(utf_16, name="x").startswith("This is a test document to use for unit tests.")
    peace = (FILES / "text/unstructured__book-war-and-peace-1p.txt").read_bytes()
    assert "Well, Prince, so Genoa and Lucca" in decode_text(peace, name="x")
