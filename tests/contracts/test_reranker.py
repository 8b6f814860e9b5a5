"""What every Reranker does, checked against BERT in plain numpy."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rag_llm_system.domain.ports.reranker import Reranker
from rag_llm_system.model.rerankers.cross_encoder import CrossEncoderReranker
from rag_llm_system.model.rerankers.onnx_cross_encoder import OnnxCrossEncoderReranker
from tests.tiny_bert import MAX_LENGTH, WORDS, make_tiny_bert, reference_score

NO_TORCH = importlib.util.find_spec("sentence_transformers") is None
QUERY = "cat on a mat"
TEXTS = ["the cat sat on a mat", "rain", "", "we saw a dog!"]


@dataclass(frozen=True)
class Case:
    """A reranker, its model's folder, and how far from float64 its scores may be, at most and on average."""

    reranker: Reranker
    folder: Path
    tolerance: float
    mean_tolerance: float


@pytest.fixture(
    scope="module",
    params=[
        "fp32",
        "int8",
        pytest.param(
            "torch", marks=[pytest.mark.torch, pytest.mark.skipif(NO_TORCH, reason="no sentence-transformers")]
        ),
    ],
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    root = tmp_path_factory.mktemp("reranker")
    folder = make_tiny_bert(root / "tiny", classifier=True)
    if request.param == "torch":
        return Case(CrossEncoderReranker(weights_dir=folder, batch_size=3), folder, 1e-5, 1e-5)
    reranker = OnnxCrossEncoderReranker(weights_dir=folder, cache_dir=root, precision=request.param)
    # So small a model, with weights drawn at random, is rough in int8: a real one has averages over 384 numbers.
    return Case(reranker, folder, *((1e-5, 1e-5) if request.param == "fp32" else (0.2, 0.03)))


@pytest.fixture(scope="module")
def reranker(case: Case) -> Reranker:
    return case.reranker


def texts_at_random(n: int) -> list[str]:
    rng = np.random.default_rng(7)
    return [" ".join(rng.choice(WORDS, rng.integers(1, MAX_LENGTH - 7))) for _ in range(n)]


def test_scores_are_the_sigmoid_of_what_the_model_gives_and_keep_its_order(case: Case) -> None:
    texts = [*TEXTS, *texts_at_random(40)]
    expected = [reference_score(case.folder, QUERY, text) for text in texts]
    found = case.reranker.score(QUERY, texts)
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(found, expected, atol=case.tolerance)
    assert np.abs(np.subtract(found, expected)).mean() <= case.mean_tolerance
    assert np.corrcoef(np.argsort(np.argsort(found)), np.argsort(np.argsort(expected)))[0, 1] >= 0.98


def test_no_texts_have_no_scores(reranker: Reranker) -> None:
    assert reranker.score(QUERY, []) == []


def test_scores_do_not_depend_on_the_texts_beside_them(reranker: Reranker) -> None:
    alone = [reranker.score(QUERY, [text])[0] for text in TEXTS]
    np.testing.assert_allclose(reranker.score(QUERY, TEXTS), alone, atol=1e-6)


def test_query_and_text_are_told_apart(reranker: Reranker) -> None:
    assert abs(reranker.score("the cat", ["far away"])[0] - reranker.score("far away", ["the cat"])[0]) > 0.01


def test_a_long_text_scores_as_its_best_part_does(reranker: Reranker) -> None:
    query = " ".join(["cat"] * 10)
    parts = ["the sea and the rain or the sea", " on a mat we saw the dog ran far"]
    room = MAX_LENGTH - 3 - 10
    assert max(len(part.split()) for part in parts) <= room < len("".join(parts).split())
    whole, *halves = reranker.score(query, ["".join(parts), *parts])
    assert halves[0] != pytest.approx(halves[1], abs=1e-3)
    assert whole == pytest.approx(max(halves), abs=1e-6)


def test_a_query_as_long_as_may_be_asked_is_read_to_its_end(reranker: Reranker) -> None:
    near, far = (reranker.score("cat " * 1000 + end, ["the sea"])[0] for end in ("rain", "night"))
    assert near != far
    assert 0 <= near <= 1


@pytest.mark.parametrize("text", ["", " \n", "\x00", "🙂" * 50, "\ud800 cat", "日本語のテキスト", "a" * 5000, "\u200b"])
def test_any_text_has_a_score(reranker: Reranker, text: str) -> None:
    for score in (*reranker.score(text, ["the cat"]), *reranker.score("the cat", [text])):
        assert 0 <= score <= 1


def test_threads_do_not_disturb_one_another(reranker: Reranker) -> None:
    expected = reranker.score(QUERY, TEXTS)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: reranker.score(QUERY, TEXTS), range(16)))
    np.testing.assert_allclose(found, [expected] * 16, atol=1e-6)
