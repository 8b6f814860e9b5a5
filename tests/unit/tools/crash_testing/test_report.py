"""What a person and a program are told of a crash test."""

from tools.crash_testing.findings import Findings, lost
from tools.crash_testing.report import all_findings, as_json, round_line, table_lines
from tools.crash_testing.rounds import RoundReport

CLEAN = RoundReport(1, "fresh", False, 0.25, True, Findings(), 2.0)
FAULTY = RoundReport(2, "", True, 0.5, False, lost("article_chunks_embedded/7 is gone"), 3.0)
REPORTS = {"build": [CLEAN, FAULTY]}


def test_a_line_says_what_was_killed_when_and_what_was_found() -> None:
    clean, faulty = round_line("build", 4, CLEAN, 40.0), round_line("build", 4, FAULTY, 80.0)

    assert "build fresh" in clean
    assert "killed alone after 0.25 s" in clean
    assert "nothing wrong   (2.0 s, 2 min 0 s left of build)" in clean
    assert "had ended before the kill" in faulty
    assert "1 losses" in faulty


def test_the_table_counts_each_kind_and_names_what_is_wrong() -> None:
    header, build, finding = table_lines(REPORTS)

    assert header.split("  ")[0] == "operation"
    assert build.split() == ["build", "2", "1", "1", "0", "0", "0", "5"]
    assert finding == "  build round 2: losses: article_chunks_embedded/7 is gone"


def test_machines_are_given_the_same() -> None:
    given = as_json(REPORTS, seed=7)

    assert (given["seed"], given["ok"], given["losses"]) == (7, False, 1)
    assert given["operations"]["build"]["rounds"] == 2
    assert given["operations"]["build"]["found"][0]["losses"] == ("article_chunks_embedded/7 is gone",)
    assert all_findings(REPORTS).n == 1
    assert as_json({"build": [CLEAN]}, seed=7)["ok"] is True
