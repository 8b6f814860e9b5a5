"""Training the learned ranking finds what tells relevant candidates from others, the same each time."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ranking.train import Collection, Ranked, model_file, ndcg, train, transfer
from rag_llm_system.application.evaluation.data_set import DataSet, Selection
from rag_llm_system.application.rag.learned_ranking import FEATURES


def collection(name: str, seed: int, n_questions: int = 60) -> Collection:
    """Gives candidates of which the relevant one is last, and stands out by its coverage."""
    generator = np.random.default_rng(seed)
    ranked, relevance = [], {}
    for number in range(n_questions):
        features = generator.normal(size=(12, len(FEATURES)))
        features[:, 0] = -np.arange(12)
        features[11, FEATURES.index("coverage")] += 4
        documents = tuple(f"d{place}" for place in range(12))
        ranked.append(Ranked(f"q{number}", documents, features, np.arange(12) == 11))
        relevance[f"q{number}"] = {"d11": 1}
    data = DataSet(Path(name), Selection(), 12, (), relevance, {}, ())
    return Collection(data, tuple(ranked))


def test_what_tells_the_relevant_apart_gets_the_weight_each_time() -> None:
    first, again = (train([collection("a", seed=0)]) for _ in range(2))
    assert np.array_equal(first.weights, again.weights)
    assert FEATURES[int(np.argmax(first.weights))] == "coverage"
    assert np.isfinite(first.weights).all()


def test_what_separates_perfectly_does_not_run_away() -> None:
    features = np.array([[float(place == 0)] * len(FEATURES) for place in range(5)])
    alone = Ranked("q", tuple("abcde"), features, np.arange(5) == 0)
    data = DataSet(Path("a"), Selection(), 5, (), {"q": {"a": 1}}, {}, ())
    assert np.abs(train([Collection(data, (alone,) * 500)]).weights).max() < 10


def test_the_file_holds_the_weights_and_how_they_were_made() -> None:
    trained = collection("a", seed=0)
    stored = json.loads(model_file(train([trained]), [trained], ["a -> b: 0.1 -> 0.2"]))
    assert list(stored["weights"]) == list(FEATURES)
    assert stored["trained_on"] == {"a": "test, n = 60"}


def test_a_gain_is_told_for_the_collection_that_it_was_not_trained_on() -> None:
    pytest.importorskip("ir_measures")
    trained, tested = collection("a", seed=0), collection("b", seed=1)
    assert np.mean(list(ndcg(tested, None).values())) == 0.0
    assert transfer([trained], tested).startswith("a -> b: 0.0000 -> 1.0000")
