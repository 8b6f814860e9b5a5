"""The log of what was acknowledged, and what it allows to be found."""

from pathlib import Path

from tools.crash_testing.acknowledged import Entry, Standing, append, read, standings


def test_what_was_written_is_read_in_its_order(tmp_path: Path) -> None:
    entries = [Entry("ingest", "begun", "a", "1", 1), Entry("ingest", "acknowledged", "a", "1", 1)]
    for entry in entries:
        append(tmp_path / "log", [entry])

    assert read(tmp_path / "log") == entries


def test_a_last_line_that_was_cut_off_acknowledges_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    append(log, [Entry("ingest", "acknowledged", "a", "1")])
    append(log, [Entry("ingest", "acknowledged", "a", "2")])
    log.write_bytes(log.read_bytes()[:-1])

    assert [entry.text_hash for entry in read(log)] == ["1"]


def test_there_is_nothing_in_a_log_that_was_never_written(tmp_path: Path) -> None:
    assert read(tmp_path / "log") == []


def test_what_is_acknowledged_must_be_there_and_nothing_else_may() -> None:
    standing = standings([Entry("i", "begun", "a", "1"), Entry("i", "acknowledged", "a", "1")])["a"]

    assert standing.allowed == {"1"}
    assert standing.replaced == set()


def test_what_was_begun_may_be_there_or_not() -> None:
    log = [Entry("i", "begun", "a", "1"), Entry("i", "acknowledged", "a", "1"), Entry("i", "begun", "a", "2")]

    assert standings(log)["a"].allowed == {"1", "2"}
    assert standings([Entry("i", "begun", "a", "1")])["a"].allowed == {"", "1"}


def test_what_was_replaced_is_remembered_as_such() -> None:
    log = [Entry("i", "acknowledged", "a", "1"), Entry("i", "acknowledged", "a", "2")]
    gone = [*log, Entry("i", "acknowledged", "a", "")]

    assert standings(log)["a"] == Standing(frozenset({"2"}), frozenset({"1"}))
    assert standings(gone)["a"] == Standing(frozenset({""}), frozenset({"1", "2"}))
