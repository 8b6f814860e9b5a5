"""What the benchmark of chunking counts."""

import json
from pathlib import Path

import pytest

from benchmarks.chunking.benchmark import Choice, choice_of, score
from benchmarks.chunking.contexts import Finding, passages, whole_chunks, windows_alone, windows_and_neighbours
from benchmarks.chunking.questions import Question, merged, read_questions
from benchmarks.chunking.table import chunking_tables
from rag_llm_system.application.rag.candidates import Candidate, FoundWindow
from rag_llm_system.domain.errors import InputError

TEXT = "".join(f"{n:03} is here. " for n in range(40))
N = 13


def _candidate(chunk: int, *windows: int) -> Candidate:
    """Gives a chunk of ten sentences of 13 characters, in which these were found."""
    found = tuple(FoundWindow(n * N, n * N + N, 1 - chunk / 10 - place / 100) for place, n in enumerate(windows))
    start = chunk * 10 * N
    return Candidate(str(chunk), "d", "", "", "", "", TEXT[start : start + 10 * N - 1], start, 0.5, None, found)


def _finding() -> Finding:
    windows = [("d", n * N, n * N + N) for n in (3, 4, 17)]
    beside = {("d", n * N, n * N + N): ("d", (n - 1) * N, (n + 2) * N) for n in range(1, 39)}
    return Finding(windows, [_candidate(0, 3, 4), _candidate(1, 17)], beside)


def test_contexts_keep_to_the_budget_and_hold_what_they_say() -> None:
    finding = _finding()
    assert whole_chunks(finding, 129) == {"d": [(0, 129)]}
    assert whole_chunks(finding, 100) == {}
    assert windows_alone(finding, 3 * N) == {"d": [(3 * N, 5 * N), (17 * N, 18 * N)]}
    assert windows_alone(finding, 2 * N) == {"d": [(3 * N, 5 * N)]}
    assert windows_and_neighbours(finding, 4 * N) == {"d": [(2 * N, 6 * N)]}
    ((start, end),) = passages(1)(finding, 60)["d"]
    assert start <= 3 * N < 5 * N - 1 <= end <= start + 60


def test_a_score_counts_characters() -> None:
    question = Question("?", "d", ((10, 20), (30, 40)))
    assert score(question, {"d": [(15, 35)], "e": [(0, 20)]}) == (0.5, 0.25, 10 / 50, 40)
    assert score(question, {}) == (0, 0, 0, 0)


def test_spans_are_merged() -> None:
    assert merged([(5, 9), (0, 2), (2, 4), (6, 7)]) == [(0, 4), (5, 9)]


def test_texts_and_questions_are_read_to_the_character(tmp_path: Path) -> None:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "finance.md").write_bytes(b"One.\r\nTwo.\r\n")
    gold = json.dumps([{"content": "Two.", "start_index": 6, "end_index": 10}]).replace('"', '""')
    rows = f'question,references,corpus_id\nWhat?,"{gold}",finance\nWho?,"{gold}",wikitexts\n'
    (tmp_path / "questions_df.csv").write_text(rows, encoding="utf-8")
    (document,), questions = read_questions(tmp_path)
    assert document.text[slice(*questions[0].gold[0])] == "Two."
    assert [question.split for question in questions] == ["dev", "test"]


def test_a_folder_without_the_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="RAG_TEST_DATA_DIR"):
        read_questions(tmp_path)


def test_a_way_of_cutting_is_read() -> None:
    assert choice_of("category") == Choice("category")
    assert choice_of("fixed:250", 64).sizes.chunk_tokens == 250
    for wrong in ("clever", "fixed:many", ""):
        with pytest.raises(InputError, match="no way of cutting"):
            choice_of(wrong)


def test_a_report_becomes_tables() -> None:
    result = {"context": "4 passages", "budget_chars": 1000, "recall": 0.5, "recall_standard_error": 0.1}
    results = [{**result, "split": split, "precision": 0.25} for split in ("dev", "test")]
    sizes = {"chunk_tokens": 350, "overlap_tokens": 50, "parent_tokens": 1000}
    choice = {"strategy": "overlapping", "window_tokens": 128, "sizes": sizes, "n_windows": 1234, "n_chunks": 5}
    report = {"n_questions": {"dev": 2, "test": 3}, "choices": [{**choice, "cut_cpu_s": 1.2, "embed_cpu_s": 2.2}]}
    report["choices"][0]["results"] = results  # type: ignore[index]
    lines = list(chunking_tables(report))
    assert lines[2] == "| chunking | windows | chunks | CPU s | 1,000 characters |"
    assert lines[3] == "| --- | --- | --- | --- | --- |"
    assert lines[4] == "| overlapping 350/50, windows 128 | 1,234 | 5 | 3 | 0.500 / 0.250 |"
    assert lines[-1] == "| 4 passages | 0.500 ± 0.100; 0.500 ± 0.100 |"
