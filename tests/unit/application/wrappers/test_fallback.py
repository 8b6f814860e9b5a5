"""The second engine answers while the first is away, and says so."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from loguru import logger

from rag_llm_system.application.wrappers.fallback import FallbackEngine
from rag_llm_system.domain.answers import AnswerDelta, AnswerLimits, Passage
from rag_llm_system.domain.errors import BackendError, BackendUnavailableError, RagError

LIMITS = AnswerLimits()


class Engine:
    """Says its name in two pieces; `error` is raised before piece number `fails_at`."""

    def __init__(self, name: str, error: RagError | None = None, fails_at: int = 0) -> None:
        self.name = name
        self.error = error
        self._fails_at = fails_at
        self.n_closed = 0

    def stream(self, question: str, passages: Sequence[Passage], limits: AnswerLimits) -> Iterator[AnswerDelta]:
        try:
            for n, piece in enumerate((self.name, "!")):
                if self.error is not None and n == self._fails_at:
                    raise self.error
                yield AnswerDelta(piece)
        finally:
            self.n_closed += 1


AWAY = BackendUnavailableError("The server is away.")


def text_of(engine: FallbackEngine) -> str:
    return "".join(delta.text for delta in engine.stream("q", [], LIMITS))


@pytest.fixture
def events() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="DEBUG")
    yield lines
    logger.remove(sink)


def test_the_first_engine_answers_while_it_is_there() -> None:
    second = Engine("second")
    deltas = list(FallbackEngine(Engine("first"), second).stream("q", [], LIMITS))
    assert [delta.text for delta in deltas] == ["first", "!"]
    assert all(delta.notes == () for delta in deltas)
    assert second.n_closed == 0


def test_the_second_engine_answers_while_the_first_is_away_and_a_note_says_so() -> None:
    deltas = list(FallbackEngine(Engine("first", AWAY), Engine("second")).stream("q", [], LIMITS))
    assert "".join(delta.text for delta in deltas) == "second!"
    assert deltas[0].notes == ("The server is away. The answer is by 'second' instead.",)


def test_an_engine_that_breaks_off_in_the_middle_fails_the_answer() -> None:
    deltas = FallbackEngine(Engine("first", AWAY, fails_at=1), Engine("second")).stream("q", [], LIMITS)
    assert next(deltas).text == "first"
    with pytest.raises(BackendUnavailableError):
        next(deltas)


def test_an_error_of_another_kind_is_not_hidden() -> None:
    with pytest.raises(BackendError, match="malformed"):
        text_of(FallbackEngine(Engine("first", BackendError("malformed")), Engine("second")))


def test_both_away_is_an_error() -> None:
    with pytest.raises(BackendUnavailableError):
        text_of(FallbackEngine(Engine("first", AWAY), Engine("second", AWAY)))


def test_an_outage_is_logged_once_and_so_is_its_end(events: list[str]) -> None:
    first = Engine("first", AWAY)
    engine = FallbackEngine(first, Engine("second"))
    assert [text_of(engine) for _ in range(3)] == ["second!"] * 3
    first.error = None
    assert [text_of(engine) for _ in range(2)] == ["first!"] * 2
    first.error = AWAY
    text_of(engine)
    assert [line.strip() for line in events] == [
        "engine_away engine=first fallback=second",
        "engine_back engine=first",
        "engine_away engine=first fallback=second",
    ]


def test_an_outage_seen_by_many_threads_is_logged_once(events: list[str]) -> None:
    engine = FallbackEngine(Engine("first", AWAY), Engine("second"))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: text_of(engine), range(50))) == {"second!"}
    assert len(events) == 1


@pytest.mark.parametrize("error", [None, AWAY])
def test_closing_early_closes_the_engine_that_answers(error: RagError | None) -> None:
    first, second = Engine("first", error), Engine("second")
    deltas = FallbackEngine(first, second).stream("q", [], LIMITS)
    for _ in range(2 if error else 1):
        next(deltas)
    deltas.close()  # type: ignore[attr-defined]
    assert (second if error else first).n_closed == 1


def test_its_name_tells_both() -> None:
    assert FallbackEngine(Engine("first"), Engine("second")).name == "first+second"
