"""Events are given as soon as their line is whole, however the bytes are cut."""

from collections.abc import Iterator

import pytest

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.model.language_models.event_stream import event_data


def test_an_event_is_given_before_more_is_asked_for() -> None:
    asked: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number, chunk in enumerate([b"data: o", b"ne\n", b"\ndata: two\r\n"]):
            asked.append(number)
            yield chunk

    events = event_data(chunks(), max_bytes=100)
    assert next(events) == b"one"
    assert asked == [0, 1]
    assert list(events) == [b"two"]


def test_a_carriage_return_within_a_line_ends_nothing() -> None:
    assert list(event_data([b"data: a\rb\n"], max_bytes=100)) == [b"a\rb"]


def test_comments_other_fields_and_a_line_without_end_are_left_out() -> None:
    assert list(event_data([b": ping\n\nid: 7\nevent: x\ndata:one\ndata: cut"], max_bytes=100)) == [b"one"]


def test_more_than_may_come_is_refused() -> None:
    with pytest.raises(BackendError, match="larger than 10 bytes"):
        list(event_data([b"data: 123", b"45"], max_bytes=10))
