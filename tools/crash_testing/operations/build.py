"""Building: the index is brought up to documents that have changed, by increments and from nothing."""

from rag_llm_system.bootstrap.generations import repair_index
from tools.crash_testing.comparison import compare_index
from tools.crash_testing.expected_index import expected_of
from tools.crash_testing.findings import Findings, fewest, together, unreadable
from tools.crash_testing.homes import build, home_settings, link_models, opened_generation, store_state
from tools.crash_testing.processes import Work
from tools.crash_testing.round import Operation, Round

_NAME = "build"
_EVERY_FRESH = 3


def prepare(round_: Round) -> None:
    """Makes an index of the state before, and then the documents those of the state after."""
    link_models(round_.home, round_.models)
    settings = home_settings(round_.home)
    if not round_.follows_directly:
        store_state(settings, round_.corpus, round_.before)
        build(settings)
    store_state(settings, round_.corpus, round_.after)


def operate(round_: Round) -> Work:
    """Builds the index of the state after."""
    yield
    build(home_settings(round_.home), fresh=_is_fresh(round_))
    round_.log_entry(_NAME, "index")


def look(round_: Round) -> Findings:
    """The index holds one of the two states and nothing else; the one after, where that was acknowledged."""
    states = [round_.after] if round_.is_acknowledged(_NAME) else [round_.before, round_.after]
    with opened_generation(home_settings(round_.home)) as index:
        return fewest(compare_index(index, expected_of(round_, state)) for state in states)


def complete(round_: Round) -> Findings:
    """Builds again, and compares with the state after. No file of any generation is damaged."""
    settings = home_settings(round_.home)
    build(settings, fresh=_is_fresh(round_))
    with opened_generation(settings) as index:
        findings = compare_index(index, expected_of(round_, round_.after))
    damaged = repair_index(settings).dropped
    return findings + together(unreadable(f"generation {n} had a damaged file, {file}") for n, file in damaged.items())


def _is_fresh(round_: Round) -> bool:
    return round_.number % _EVERY_FRESH == 0


def _variant(round_: Round) -> str:
    return "fresh" if _is_fresh(round_) else "more"


BUILD = Operation(_NAME, _variant, prepare, operate, look, complete)
