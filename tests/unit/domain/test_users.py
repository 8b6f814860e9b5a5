"""Who is the same user, by name."""

import unicodedata
from typing import Literal

import pytest

from rag_llm_system.domain.users import folded_name, user_id


@pytest.mark.parametrize("name", ["Sebastián Ramírez", "İlker Şen", "Ὀδυσσεύς ᾼ", "ΐ", "한 글"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_one_in_every_case_and_normal_form(name: str, form: Literal["NFC", "NFD"]) -> None:
    written = unicodedata.normalize(form, name)
    assert folded_name(f" {written} ") == folded_name(name)
    assert folded_name(folded_name(written)) == folded_name(name)
    assert user_id(written.casefold()) == user_id(name)


def test_accents_tell_people_apart() -> None:
    assert folded_name("Müller") != folded_name("Muller")


def test_the_ids_of_names_stay_what_they_were() -> None:
    assert user_id("Paul  IUSZTIN") == "3143852a-83fa-511a-aaea-8f004bc766c5"
    assert user_id("Sebastián Ramírez") == "394ee923-5249-5543-b64e-1f5bb2e5d176"
