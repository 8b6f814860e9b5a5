"""Pieces that are no trace of what goes, since what stays may hold them, are not looked for."""

from rag_llm_system.application.deletion.pieces import Pieces
from rag_llm_system.domain.deletions import Targets

LINK = "https://writing.example.org/2026/1"


def test_a_link_that_goes_on_from_one_that_stays_by_few_signs_is_not_looked_for() -> None:
    # A row of a database holds a link and, without anything between, what begins with a sign of its own.
    pieces = Pieces(1)
    pieces.add_targets(Targets(documents=(), links=(f"{LINK}0", f"{LINK}1-told-apart")))
    pieces.leave_out_continued([LINK])
    assert pieces.by_kind["links"] == {f"{LINK}1-told-apart".encode()[-32:]}


def test_links_that_a_packer_could_spell_out_of_one_that_stays_are_not_looked_for() -> None:
    # Packed, "…/2026/17" may stand as "…/2026/", a byte of the packer's, and where to find the rest.
    pieces = Pieces(1)
    pieces.add_targets(Targets(documents=(), links=(f"{LINK}/8", f"{LINK}/told-apart")))
    pieces.leave_out_continued([f"{LINK}/17"])
    assert pieces.by_kind["links"] == {f"{LINK}/told-apart".encode()[-32:]}
