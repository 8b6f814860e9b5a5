"""Halving loses nothing, and a mean is a unit vector."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_llm_system.model.embeddings.long_texts import halves_that_fit, weighted_mean


@given(st.text(alphabet="ab \n", max_size=300), st.integers(1, 40))
def test_the_parts_fit_and_joined_give_the_text(text: str, limit: int) -> None:
    parts = halves_that_fit(text, lambda part: len(part) <= limit)
    assert "".join(parts) == text
    assert all(len(part) <= limit for part in parts)
    assert "" not in parts or text == ""


def test_a_text_that_fits_is_left_alone() -> None:
    assert halves_that_fit("one two", lambda part: True) == ["one two"]


def test_the_cut_is_at_the_white_space_nearest_the_middle() -> None:
    assert halves_that_fit("one two three", lambda part: len(part) <= 8) == ["one two", " three"]


def test_words_stay_whole_unless_they_are_very_long() -> None:
    assert halves_that_fit("a " + "b" * 20, lambda part: len(part) <= 16) == ["a " + "b" * 9, "b" * 11]


def test_a_single_character_is_given_as_it_is() -> None:
    assert halves_that_fit("a", lambda part: False) == ["a"]


def test_a_megabyte_without_white_space_is_cut() -> None:
    parts = halves_that_fit("x" * 1_000_000, lambda part: len(part) <= 1000)
    assert len(parts) == 1024


def test_the_mean_is_weighted_and_normalised() -> None:
    mean = weighted_mean([np.array([1, 0], np.float32), np.array([0, 1], np.float32)], [3, 4])
    assert mean.dtype == np.float32
    assert mean.tolist() == pytest.approx([0.6, 0.8])


def test_vectors_that_cancel_out_do_not_give_nan() -> None:
    mean = weighted_mean([np.array([1, 0], np.float32), np.array([-1, 0], np.float32)], [1, 1])
    assert mean.tolist() == [0, 0]
