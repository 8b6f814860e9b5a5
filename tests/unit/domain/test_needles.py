"""Needles: found in whatever form runs write them down."""

import html
import json

import pytest

from rag_llm_system.domain.needles import Needles

ID = "730acc54-e6e2-5cbf-96a5-358887246164"
LINK = 'https://example.org/é?a=1&b="2"'


@pytest.mark.parametrize(
    "text",
    [
        f"left out articles/{ID}: no words",
        json.dumps({"link": LINK}),
        json.dumps({"link": LINK}, ensure_ascii=False),
        json.dumps(json.dumps({"link": LINK})),
        f"<td>{html.escape(LINK)}</td>",
    ],
)
def test_a_needle_is_found(text: str) -> None:
    assert Needles([ID, LINK]).stand_in(text)
    assert Needles([ID, LINK]).stand_in(text.encode())


def test_other_ids_and_links_are_not_found() -> None:
    assert not Needles([ID, LINK, ""]).stand_in(f"{ID[:-1]}5 and https://example.org/other")


def test_a_name_within_a_longer_word_is_not_found() -> None:
    assert not Needles(["Li"]).stand_in("a List of Lilies, LiLi and Oli")
    assert Needles(["Li"]).stand_in('a List for "Li"')
    assert Needles(["Li"]).stand_in("Li")
    assert not Needles(["https://a.org/1"]).stand_in("https://a.org/12")
    assert Needles(["https://a.org/1"]).stand_in("https://a.org/12 https://a.org/1.")
    assert Needles(["Li"]).stand_in(json.dumps("by\nLi"))
