"""What an index that was made otherwise is told."""

from dataclasses import replace

import pytest

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, difference_of, require_same_recipe

MADE = Recipe(4, "an embedder", chunking="articles 1000-2000 characters, windows 128 tokens, version 1.1.1")


def test_the_same_recipe_differs_in_nothing() -> None:
    assert difference_of(MADE, replace(MADE)) == ""
    assert difference_of(MADE, replace(MADE, chunking="")) == ""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"bm25_language": "english, no stemmer"},
            "was made with bm25_language 'english', the settings now say 'english, no stemmer'",
        ),
        ({"bm25_language": "german"}, "was made with bm25_language 'english', the settings now say 'german'"),
        (
            {"chunking": "fixed chunks 350 tokens, windows 128 tokens, version 1.1.1"},
            "was made with chunking 'articles 1000-2000 characters', the settings now say 'fixed chunks 350 tokens'",
        ),
    ],
)
def test_what_differs_is_said_in_one_line(changed: dict[str, str], said: str) -> None:
    assert difference_of(MADE, replace(MADE, **changed)) == said  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="the index was made") as refusal:
        require_same_recipe(MADE, replace(MADE, **changed), "the index", "build it")  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


def test_what_no_setting_says_is_not_to_be_set_back() -> None:
    newer = replace(MADE, chunking=MADE.chunking.replace("1.1.1", "2.1.1.2"))
    with pytest.raises(ConfigurationError, match=r"settings now say 'version 2\.1\.1\.2': run it$"):
        require_same_recipe(MADE, newer, "the index", "run it")
    with pytest.raises(ConfigurationError, match=r"settings now say 'german': set it back, or run it$"):
        require_same_recipe(MADE, replace(MADE, bm25_language="german"), "the index", "run it")
