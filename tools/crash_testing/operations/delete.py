"""Deleting with proof: some documents go from every store, to the last byte."""

import random

from rag_llm_system.application.deletion.verification import verify
from rag_llm_system.bootstrap.deletion import load_receipt, open_deletion, open_surroundings
from rag_llm_system.domain.deletions import Criterion
from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.infrastructure.security.file_traces import RECORDS
from rag_llm_system.settings import Settings
from tools.crash_testing.comparison import compare_index, compare_state, find_words
from tools.crash_testing.expected_index import expected_of
from tools.crash_testing.findings import Findings, fewest, stale, together
from tools.crash_testing.homes import (
    build,
    home_settings,
    link_models,
    opened_generation,
    store_state,
    stored_documents,
)
from tools.crash_testing.processes import Work
from tools.crash_testing.round import Operation, Round

_NAME = "delete"
_N_DELETED = 3


def prepare(round_: Round) -> None:
    """Makes an index of the state after, with an older generation of the state before."""
    link_models(round_.home, round_.models)
    settings = home_settings(round_.home)
    for state in (round_.before, round_.after):
        store_state(settings, round_.corpus, state)
        build(settings)


def operate(round_: Round) -> Work:
    """Deletes some documents of the state after."""
    yield
    _delete(round_)
    round_.log_entry(_NAME, "documents")


def look(round_: Round) -> Findings:
    """A reader finds the state after or what is to stay of it: the latter, where the deletion was acknowledged."""
    settings = home_settings(round_.home)
    if round_.is_acknowledged(_NAME):
        return _compare(round_, settings)
    with opened_generation(settings) as index:
        states = (round_.after, _staying(round_))
        indexed = fewest(compare_index(index, expected_of(round_, state)) for state in states)
    stored = stored_documents(settings)
    return indexed + fewest(compare_state(stored, round_.corpus, state) for state in states)


def complete(round_: Round) -> Findings:
    """Ends the deletion, and looks for what it was to delete everywhere."""
    settings = home_settings(round_.home)
    _delete(round_)
    return _compare(round_, settings)


def _delete(round_: Round) -> None:
    with open_deletion(home_settings(round_.home)) as deletion:
        deletion.resume()
        try:
            deletion.delete(_criteria(round_))
        except NotFoundError:
            return  # ended by `resume`


def _criteria(round_: Round) -> list[Criterion]:
    documents = round_.corpus.documents(_going(round_))
    first, *others = documents
    by_id = Criterion(kind="document", value=f"{first.category}/{first.id}")
    return [by_id, *(Criterion(kind="link", value=document.link) for document in others)]


def _going(round_: Round) -> dict[int, int]:
    rng = random.Random(f"{round_.corpus.seed}/delete/{round_.number}")
    return {number: round_.after[number] for number in rng.sample(sorted(round_.after), _N_DELETED)}


def _staying(round_: Round) -> dict[int, int]:
    going = _going(round_)
    return {number: version for number, version in round_.after.items() if number not in going}


def _gone_words(round_: Round) -> list[str]:
    """Gives the words of what is to go, and of what it was in the older generation."""
    going = _going(round_)
    replaced = {number: version for number, version in round_.before.items() if number in going}
    return [*round_.corpus.words(going), *round_.corpus.words(replaced)]


def _compare(round_: Round, settings: Settings) -> Findings:
    """Compares all stores with what is to stay, the bytes of all files too, and has every receipt verified."""
    staying = _staying(round_)
    with opened_generation(settings) as index:
        findings = compare_index(index, expected_of(round_, staying))
    findings += compare_state(stored_documents(settings), round_.corpus, staying)
    findings += find_words(round_.home, _gone_words(round_))
    return findings + _verified(settings)


def _verified(settings: Settings) -> Findings:
    """Has the product verify the newest receipt."""
    receipts = sorted((settings.home / RECORDS).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    if not receipts:
        return stale("there is no receipt of a deletion that has ended")
    with open_surroundings(settings) as surroundings:
        verdict = verify(load_receipt(receipts[-1]), surroundings)
        pending = surroundings.records.pending()
    left = [stale(f"{look.place} holds {look.n_left} of what the receipt says is gone") for look in verdict.looks]
    counted = [finding for finding, look in zip(left, verdict.looks, strict=True) if look.n_left]
    return together([*counted, *(stale(f"deletion {intent.id} has not ended") for intent in pending)])


DELETE = Operation(_NAME, lambda _: "", prepare, operate, look, complete)
