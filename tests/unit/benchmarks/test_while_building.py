"""The benchmark of questions that are asked while an index is built."""

from pathlib import Path

import pytest

from benchmarks.life.while_building import measure_while_building, while_building_lines


@pytest.mark.slow
def test_readers_follow_to_the_new_generation_and_get_whole_answers(tmp_path: Path) -> None:
    report = measure_while_building(150, 120, 1, tmp_path / "index", tell=lambda line: None)

    (reader,) = report["readers"]
    assert reader["generations"] == (1, 2)
    assert (reader["n_questions"] > 10, reader["n_bad_answers"]) == (True, 0)
    assert reader["p50_ms"] <= reader["p95_ms"] <= reader["longest_ms"]
    assert 50 < report["build_rss_mb"] < 1_000
    built, memory, *_ = while_building_lines(report)
    assert ("150 windows built" in built, f"at most {report['build_rss_mb']} MB" in memory) == (True, True)
    assert not (tmp_path / "index").exists()
