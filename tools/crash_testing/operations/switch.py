"""Switching: two processes switch, roll back and drop at once, while others ask all the time."""

import json
import random
import time
from contextlib import AbstractContextManager
from pathlib import Path

from rag_llm_system.bootstrap.generations import open_generations
from rag_llm_system.bootstrap.vector_index import open_index
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.errors import InputError, NotFoundError, RagError
from rag_llm_system.domain.index_points import KeywordQuery
from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
from rag_llm_system.domain.ports.vector_index import ReadableIndex, SwitchingIndex
from rag_llm_system.settings import Settings
from tools.crash_testing.comparison import compare_index
from tools.crash_testing.expected_index import expected_of
from tools.crash_testing.findings import Findings, lost, stale, together, unreadable
from tools.crash_testing.homes import (
    build,
    embedder_of,
    home_settings,
    link_models,
    opened_generation,
    silent,
    store_state,
)
from tools.crash_testing.processes import Work
from tools.crash_testing.round import Operation, Round

_NAME = "switch"
_DROP = "drop"
_AT_FIRST = "live at first"
_N_OF_EACH = 2
_N_STEPS = 40
_MOST_KEPT = 1_000
_MOST_PAUSE_S = 0.02
_Signature = tuple[tuple[int, ...], int, int]


def prepare(round_: Round) -> None:
    """Makes four generations, two of each of two states; those that an earlier round has left are kept."""
    link_models(round_.home, round_.models)
    settings = _settings(round_)
    contents = _contents(round_)
    there = {generation.number for generation in open_generations(settings, tell=silent).generations()}
    contents = {number: state for number, state in contents.items() if number in there}
    for state, versions in enumerate(_states(round_)):
        n_missing = _N_OF_EACH - list(contents.values()).count(state)
        if n_missing:
            store_state(settings, round_.corpus, versions)
        for _ in range(n_missing):
            built = build(settings, fresh=True)
            assert built is not None
            contents[built.number] = state
    _contents_file(round_).write_text(json.dumps(contents))


def operate(round_: Round, writer: str = "first") -> Work:
    """Switches, rolls back and drops, at random."""
    catalogue = open_generations(_settings(round_), tell=silent)
    rng = random.Random(f"{round_.corpus.seed}/switch/{round_.number}/{writer}")
    for generation in catalogue.generations():
        if generation.is_live:
            round_.log_entry(_AT_FIRST, writer, number=generation.number)
    yield
    for _ in range(_N_STEPS):
        _do_something(round_, catalogue, rng, writer)
        time.sleep(rng.uniform(0, _MOST_PAUSE_S))


def look(round_: Round) -> Findings:
    """What is live was switched to last; it is whole, as is another one, and what was dropped is gone."""
    catalogue = open_generations(_settings(round_), tell=silent)
    there = {generation.number for generation in catalogue.generations()}
    live = [generation.number for generation in catalogue.generations() if generation.is_live]
    dropped = {entry.number for entry in round_.entries(_DROP) if entry.state == "acknowledged"}
    findings = [stale(f"generation {number} was dropped") for number in sorted(dropped & there)]
    allowed = _may_be_live(round_)
    if not live or live[0] not in allowed:
        findings.append(lost(f"generation {live} is live, and not one of {sorted(allowed)}"))
    looked_at = sorted(there)[:1] + live
    return together([*findings, *(_compare(round_, number) for number in dict.fromkeys(looked_at))])


def complete(round_: Round) -> Findings:
    """Switches to a generation of each state, and asks."""
    settings = _settings(round_)
    catalogue = open_generations(settings, tell=silent)
    findings = []
    contents = _contents(round_)
    of_state = {contents[generation.number]: generation.number for generation in catalogue.generations()}
    for state, number in of_state.items():
        catalogue.switch(number)
        with _asked(settings) as index:
            if _signature(round_, index) != _signatures(round_)[state]:
                findings.append(lost(f"generation {number} was switched to, and another one answers"))
    return together(findings)


def write_beside(round_: Round) -> Work:
    """Does the same as the one that is killed, until it is told to stop."""
    while not round_.stop.exists():
        yield from operate(round_, "second")
    return Findings()


def read_on(round_: Round) -> Work:
    """Asks one reader all the time, which follows the switches."""
    signatures = _signatures(round_)
    n_asked, findings = 0, Findings()
    with _asked(_settings(round_)) as index:
        yield
        while not round_.stop.exists():
            findings += _ask(round_, index, signatures)
            n_asked += 1
    return findings if n_asked else unreadable("the reader was never answered")


def read_anew(round_: Round) -> Work:
    """Opens a reader, asks once and closes it, all the time."""
    signatures = _signatures(round_)
    findings = Findings()
    yield
    while not round_.stop.exists():
        try:
            with _asked(_settings(round_)) as index:
                findings += _ask(round_, index, signatures)
        except RagError as error:
            findings += unreadable(f"a new reader is refused: {error.message}")
    return findings


def _settings(round_: Round) -> Settings:
    return home_settings(round_.home, rag_keep_generations=_MOST_KEPT)


def _contents_file(round_: Round) -> Path:
    return round_.folder / "contents.json"


def _contents(round_: Round) -> dict[int, int]:
    """Gives for each generation which of the two states it holds."""
    if not _contents_file(round_).exists():
        return {}
    return {int(number): state for number, state in json.loads(_contents_file(round_).read_text()).items()}


def _states(round_: Round) -> tuple[dict[int, int], dict[int, int]]:
    """Gives the two states, the same ones in every round."""
    return round_.corpus.versions(0), round_.corpus.versions(1)


def _droppable(round_: Round) -> list[int]:
    """Gives a generation of each state."""
    contents = _contents(round_)
    return [min(number for number, held in contents.items() if held == state) for state in (0, 1)]


def _do_something(round_: Round, catalogue: IndexCatalogue, rng: random.Random, writer: str) -> None:
    numbers = sorted(_contents(round_))
    what = rng.choices(("switch", "rollback", "drop"), (70, 15, 15))[0]
    if what == "rollback":
        previous = [generation.number for generation in catalogue.generations() if generation.is_previous]
        number = previous[0] if previous else numbers[-1]
    else:
        number = rng.choice(_droppable(round_) if what == "drop" else numbers)
    operation = _DROP if what == "drop" else _NAME
    round_.log_entry(operation, writer, begun=True, number=number)
    try:
        (catalogue.drop if what == "drop" else catalogue.switch)(number)
    except (NotFoundError, InputError):
        return  # dropped, or made live, by the other one
    round_.log_entry(operation, writer, number=number)


def _may_be_live(round_: Round) -> set[int]:
    """Gives what may be live: of each writer what it has switched to last, and was switching to; at first what was.

    A writer's last switch may have come before those of the other one, so that any writer's may be the last.
    """
    switches = round_.entries(_NAME)
    done = {entry.subject: entry.number for entry in switches if entry.state == "acknowledged"}
    last = {entry.subject: entry.number for entry in switches}
    at_first = set() if done else {entry.number for entry in round_.entries(_AT_FIRST)}
    return {*done.values(), *last.values()} | at_first


def _compare(round_: Round, number: int) -> Findings:
    states = _states(round_)
    expected = expected_of(round_, states[_contents(round_)[number]], states)
    with opened_generation(_settings(round_), number) as index:
        return compare_index(index, expected)


def _asked(settings: Settings) -> AbstractContextManager[SwitchingIndex]:
    embedder, _ = embedder_of(settings)
    return open_index(settings, embedder)


def _ask(round_: Round, index: SwitchingIndex, signatures: list[_Signature]) -> Findings:
    try:
        with index.pinned() as pinned:
            answer = _signature(round_, pinned)
    except RagError as error:
        return unreadable(f"a reader is given an error: {error.message}")
    if answer in signatures:
        return Findings()
    counts, n_before, n_after = answer
    if not any(counts):
        return lost("a reader is given an empty answer")
    return stale(f"a reader is given a mixed answer: counts {counts}, hits {n_before} and {n_after}")


def _signature(round_: Round, index: ReadableIndex) -> _Signature:
    """Gives what tells the two states apart: the counts, and how many words of either are found."""
    counts = tuple(index.count(name) for name in CHUNK_COLLECTIONS.values())
    n_before, n_after = (_n_found(index, words) for words in _own_words(round_))
    return counts, n_before, n_after


def _own_words(round_: Round) -> tuple[list[str], list[str]]:
    """Gives the words that are in one of the two states alone."""
    before, after = map(round_.corpus.words, _states(round_))
    return sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())


def _n_found(index: ReadableIndex, words: list[str]) -> int:
    queries = [KeywordQuery(word, 1, with_payload=False) for word in words]
    return sum(len(hits) for name in CHUNK_COLLECTIONS.values() for hits in index.search(name, queries))


def _signatures(round_: Round) -> list[_Signature]:
    signatures = []
    for state in _states(round_):
        expected = expected_of(round_, state, _states(round_))
        counts = tuple(len(expected.points[name]) for name in CHUNK_COLLECTIONS.values())
        n_before, n_after = (len(expected.hits.keys() & set(words)) for words in _own_words(round_))
        signatures.append((counts, n_before, n_after))
    return signatures


SWITCH = Operation(_NAME, lambda _: "", prepare, operate, look, complete, companions=(write_beside, read_on, read_anew))
