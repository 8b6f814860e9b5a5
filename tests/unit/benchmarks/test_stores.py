"""The benchmark of the stores: its windows, its measures, and one small run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.stores.benchmark import Choice, StoreRecord, choice_of, measure_stores
from benchmarks.stores.material import Material
from benchmarks.stores.quality import exact_first, ndcgs, recall
from benchmarks.stores.table import store_table
from benchmarks.stores.windows import NOISE_SIGMA, Windows, place_of
from rag_llm_system.domain.errors import ConfigurationError, DiskFullError, InputError
from rag_llm_system.infrastructure.vector_stores.bm25 import Bm25Encoder

DIMENSION = 32
ROOT = Path(__file__).resolve().parents[3]
WORDS = ("tide", "moon", "gravity", "harbour", "chart", "pilot", "current", "sounding")


def unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def material() -> Material:
    """100 windows of 50 documents, and a question beside each of the first 5 documents."""
    rng = np.random.default_rng(3)
    vectors = unit(rng.standard_normal((100, DIMENSION)))
    return Material(
        name="made up",
        embedder="none",
        payloads=[{"document_id": f"d{i // 2}", "author_id": "a"} for i in range(100)],
        texts=[f"{WORDS[i % 8]} {WORDS[i % 5]} number{i // 2}" for i in range(100)],
        vectors=vectors,
        questions=[f"number{i}" for i in range(5)],
        question_vectors=unit(vectors[0:10:2] + 0.02 * rng.standard_normal((5, DIMENSION))),
        relevant=[{f"d{i}": 1} for i in range(5)],
    )


def vectors_of(windows: Windows) -> Any:
    return np.concatenate([vectors for _, vectors in windows.vector_blocks()])


def test_the_real_windows_come_first_and_then_copies_near_them(material: Material) -> None:
    vectors = vectors_of(Windows(material, 1_250, seed=0))
    assert vectors.shape == (1_250, DIMENSION)
    np.testing.assert_allclose(vectors[:100], material.vectors, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    nearness = np.sum(vectors[100:200] * material.vectors, axis=1)
    assert nearness.mean() == pytest.approx(1 / np.sqrt(1 + DIMENSION * NOISE_SIGMA**2), abs=0.01)
    assert len(np.unique(vectors, axis=0)) == 1_250


def test_the_same_seed_gives_the_same_windows_and_another_one_others(material: Material) -> None:
    encoder = Bm25Encoder()
    first, again, other = (Windows(material, 300, seed=seed) for seed in (0, 0, 1))
    assert (vectors_of(first) == vectors_of(again)).all()
    assert not (vectors_of(first) == vectors_of(other)).all()
    of_first, of_again = next(first.batches(encoder)), next(again.batches(encoder))
    for terms, same in zip(of_first.terms, of_again.terms, strict=True):
        assert terms is not None
        assert same is not None
        assert [list(part) for part in terms] == [list(part) for part in same]


def test_fewer_windows_than_there_are_real_ones_are_all_real(material: Material) -> None:
    windows = Windows(material, 40, seed=0)
    assert windows.n_real == 40
    np.testing.assert_allclose(vectors_of(windows), material.vectors[:40], atol=1e-6)


def test_a_copy_has_ids_of_its_own_and_the_document_of_its_original(material: Material) -> None:
    windows = Windows(material, 250, seed=0)
    batch = next(windows.batches(Bm25Encoder()))
    assert [place_of(point_id) for point_id in batch.ids] == list(range(250))
    assert [payload["document_id"] for payload in batch.payloads] == [windows.document_id(i) for i in range(250)]
    assert windows.document_id(103) == "d1"


def test_exact_search_agrees_with_sorting_everything(material: Material) -> None:
    windows = Windows(material, 2_300, seed=0)
    scores = material.question_vectors @ vectors_of(windows).T
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :50]
    assert (exact_first(windows, material.question_vectors, 50) == expected).all()


def test_recall_is_the_share_of_the_exact_first_ones() -> None:
    exact = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert recall([[2, 1, 9, 3], [5, 6, 7, 8]], exact, 2) == 1.0
    assert recall([[1, 9, 2], [9, 9, 9]], exact, 2) == 0.25


def test_ndcg_counts_a_document_once_where_its_best_window_stands() -> None:
    assert ndcgs([["a", "a", "b"]], [{"b": 1}]) == [pytest.approx(1 / np.log2(3))]
    assert ndcgs([["b", "a"], ["x"]], [{"b": 1}, {"b": 1}]) == [1.0, 0.0]
    assert ndcgs([["x", "a", "b"]], [{"a": 2, "b": 1}]) == [
        pytest.approx((2 / np.log2(3) + 1 / np.log2(4)) / (2 + 1 / np.log2(3)))
    ]


def test_a_choice_is_a_name_and_maybe_how_it_is_searched() -> None:
    assert choice_of("turbo4") == Choice("turbo4")
    assert choice_of("turbo4:exact") == Choice("turbo4", has_graph=False)
    assert choice_of("int8:graph") == Choice("int8", has_graph=True)
    with pytest.raises(InputError, match="write int8:graph or int8:exact"):
        choice_of("int8:fast")
    with pytest.raises(ConfigurationError, match="no compression 'zip'"):
        choice_of("zip")


def test_without_a_word_a_graph_is_built_where_the_index_would() -> None:
    assert not Choice("float32").is_searched_by_graph(49_999)
    assert Choice("float32").is_searched_by_graph(50_000)
    assert not Choice("turbo4").is_searched_by_graph(50_000)


def test_a_small_run_reports_every_field_and_leaves_nothing_behind(tmp_path: Path, material: Material) -> None:
    kept: list[int] = []
    report = measure_stores(
        Windows(material, 300, seed=0),
        [Choice("float32"), Choice("int8", has_graph=True)],
        tmp_path,
        lambda line: None,
        lambda so_far: kept.append(len(so_far["records"])),
    )
    assert kept == [1, 2]
    assert list(tmp_path.iterdir()) == []
    report = json.loads(json.dumps(report))
    assert {"n", "seed", "machine", "versions", "material", "records"} <= set(report)
    assert report["material"]["n_perturbed_copies"] == 200
    assert [record["compression"] for record in report["records"]] == ["float32", "int8"]
    assert [record["search"] for record in report["records"]] == ["exact", "graph"]
    for record in report["records"]:
        assert set(record) == set(StoreRecord.__dataclass_fields__)
        assert None not in record.values()
        assert record["recall_at_10"] == 1.0
        assert record["ndcg_at_10_dense"] == 1.0
        assert min(record["build_cpu_s"], record["disk_mb"], record["dense_p50_ms"], record["memory_mapped_mb"]) > 0
    lines = list(store_table(report))
    assert len(lines) == 4
    assert all(line.count("|") == lines[0].count("|") for line in lines)


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks" / "results").glob("stores-*.json")), ids=lambda f: f.stem)
def test_the_document_holds_the_table_of_every_result(file: Path) -> None:
    document = (ROOT / "docs" / "benchmarks" / "stores.md").read_text(encoding="utf-8")
    assert "\n".join(store_table(json.loads(file.read_text(encoding="utf-8")))) in document


def test_too_little_room_is_said_before_anything_is_built(tmp_path: Path, material: Material) -> None:
    with pytest.raises(DiskFullError, match="make room or lower --n"):
        measure_stores(Windows(material, 10**12, seed=0), [], tmp_path, print, print)
