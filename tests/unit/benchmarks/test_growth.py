"""The benchmark of growth: its exponents, its picture, and one small run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.growth.benchmark import COST_FIELDS, exponents, measure_growth
from benchmarks.growth.table import growth_table, plot_growth
from benchmarks.stores.material import Material
from rag_llm_system.domain.errors import InputError


def record_of(n: int, exponent: float) -> dict[str, Any]:
    return {"n": n, **dict.fromkeys(COST_FIELDS, 3.0 * n**exponent)}


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.2])
def test_the_exponent_of_a_power_law_is_found(exponent: float) -> None:
    records = [record_of(n, exponent) for n in (1_000, 10_000, 100_000)]
    assert exponents(records) == dict.fromkeys(COST_FIELDS, pytest.approx(exponent, abs=1e-3))


def test_one_size_has_no_exponent() -> None:
    assert exponents([record_of(1_000, 1.0)]) == {}


def test_the_picture_has_a_title_with_the_exponent_for_each_cost(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    records = [record_of(n, 0.5) for n in (1_000, 10_000)]
    plot_growth({"records": records, "exponents": exponents(records)}, tmp_path / "growth.svg")
    assert (tmp_path / "growth.svg").read_text().startswith("<?xml")


def test_no_windows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one window"):
        measure_growth(material(), [10, 0], tmp_path, print, keep=lambda report: None)


@pytest.mark.slow
def test_a_small_index_is_built_and_asked_and_leaves_nothing_behind(tmp_path: Path) -> None:
    kept: list[Any] = []
    report = measure_growth(material(), [150], tmp_path / "work", lambda line: None, keep=kept.append)
    (record,) = report["records"]
    assert (record["n"], record["n_real"], record["n_questions"]) == (150, 100, 5)
    assert all(record[field] > 0 for field in ("build_cpu_s", "disk_mb", "question_cpu_ms", "question_p50_ms"))
    assert kept == [report]
    assert len(list(growth_table(report))) == 3
    assert list((tmp_path / "work").iterdir()) == []


def material() -> Material:
    vectors = np.random.default_rng(3).standard_normal((105, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Material(
        name="made up",
        embedder="none",
        payloads=[{"document_id": f"d{i // 2}", "author_id": "a"} for i in range(100)],
        texts=[f"tide harbour number{i}" for i in range(100)],
        vectors=vectors[:100],
        questions=[f"number{i}" for i in range(5)],
        question_vectors=vectors[100:],
        relevant=None,
    )
