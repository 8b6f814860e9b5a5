"""Choosing a page's blocks by the words that an extractor kept."""

from rag_llm_system.infrastructure.parsers.main_blocks import coverage, main_blocks

FIRST = "The first paragraph says something about ducks and about the water that they live on."
LAST = "The last paragraph says that there is no more to be said about any of it."
CODE = "```\nduck = 1\n\n\nwater = 2\n```"
EXTRACTED = f"# Ducks\n{FIRST} - pond 1. [lake](https://a.org/very/long/link) duck = 1 water = 2\n{LAST} Thanks"


def test_blocks_come_unchanged_and_in_order_with_the_code_between_them() -> None:
    blocks = ["# Ducks", FIRST, CODE, "```\nnot extracted\n```", "1. [lake](/l)", LAST, "Thanks"]
    assert main_blocks(["Menu", *blocks, "Imprint"], EXTRACTED) == blocks


def test_what_the_extractor_left_out_is_left_out_between_kept_blocks_too() -> None:
    advertisement = "Buy our new rubber boots today and get a second pair of them for free."
    assert main_blocks([FIRST, advertisement, "Advertisement", LAST], EXTRACTED) == [FIRST, LAST]


def test_a_menu_is_not_kept_for_words_that_it_shares_with_the_text() -> None:
    assert main_blocks(["Ducks", "```\nbanner\n```", "Imprint", FIRST, LAST, "Imprint", "Water"], EXTRACTED) == [
        FIRST,
        LAST,
    ]


def test_nothing_is_kept_where_no_paragraph_agrees() -> None:
    assert (
        main_blocks(["Water", CODE, "Something else altogether that nobody has ever extracted here."], EXTRACTED) == []
    )
    assert main_blocks([], "") == []


def test_coverage_is_the_share_of_the_extracted_words_that_blocks_hold() -> None:
    assert coverage([FIRST], FIRST) == 1.0
    assert coverage([FIRST], "") == coverage([], FIRST) == 0.0
    assert 0.4 < coverage([FIRST], f"{FIRST} {LAST}") < 0.6
