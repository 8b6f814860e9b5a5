"""Trains the learned ranking, and says what it gains on the collection that it was not trained on.

    python -m benchmarks.ranking.train FOLDER=HOME [FOLDER=HOME ...] --out FILE

FOLDER is a collection in BEIR layout, HOME a RAG_HOME that holds its index, as `poe evaluate FOLDER --keep` leaves one
in RAG_HOME/evaluations/homes. Only questions for choosing are read: the test is left alone. The same candidates give
the same weights: nothing is random.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.application.evaluation.comparison import randomisation_p_value
from rag_llm_system.application.evaluation.data_set import DataSet, Selection, read_data_set, split_selection
from rag_llm_system.application.evaluation.harness import LINK
from rag_llm_system.application.evaluation.measures import ranking_measures
from rag_llm_system.application.rag.learned_ranking import FEATURES, MAX_RANKED, LinearModel, features_of
from rag_llm_system.application.rag.query_expansion import QueryExpansion
from rag_llm_system.application.rag.retriever import ContextRetriever
from rag_llm_system.application.rag.self_query import SelfQuery
from rag_llm_system.bootstrap.embedding import open_embedder
from rag_llm_system.bootstrap.vector_index import open_index
from rag_llm_system.settings import load_settings

_RIDGE = 3.0
_NEWTON_STEPS = 30
_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates of a question: `features` float64, shape (n, n_features); `relevant` bool, shape (n,)."""

    question_id: str
    documents: tuple[str, ...]
    features: NDArray[np.float64]
    relevant: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Collection:
    """What was found for the questions of a collection's part for choosing."""

    data: DataSet
    ranked: tuple[Ranked, ...]


def read_collection(folder: Path, home: Path) -> Collection:
    """Asks the index for each question's first candidates."""
    data = read_data_set(folder, Selection(*split_selection(folder, "dev")))
    settings = load_settings(rag_home=home, rag_allow_download=False)
    embedder, _ = open_embedder(settings, print)
    with open_index(settings, embedder) as index:
        retriever = ContextRetriever(index, embedder, SelfQuery(list), QueryExpansion(1))
        return Collection(data, tuple(_ranked(retriever, data, one.id, one.text) for one in data.questions))


def _ranked(retriever: ContextRetriever, data: DataSet, question_id: str, question: str) -> Ranked:
    candidates = retriever.find(question, k=MAX_RANKED).candidates
    documents = tuple(candidate.link.removeprefix(LINK) for candidate in candidates)
    relevant = np.array([document in data.relevance[question_id] for document in documents], bool)
    return Ranked(question_id, documents, features_of(question, candidates), relevant)


def train(collections: Sequence[Collection], ridge: float = _RIDGE) -> LinearModel:
    """Gives the model with the least listwise loss (ListNet, Cao et al. 2007) and ridge penalty, by Newton's method."""
    every = np.concatenate([ranked.features for collection in collections for ranked in collection.ranked])
    means, deviations = every.mean(axis=0), every.std(axis=0) + 1e-9
    lists = [
        ((ranked.features - means) / deviations, ranked.relevant / ranked.relevant.sum())
        for collection in collections
        for ranked in collection.ranked
        if ranked.relevant.any()
    ]
    weights = np.zeros(len(FEATURES))
    for _ in range(_NEWTON_STEPS):
        step = _newton_step(weights, lists, ridge)
        # A full step may overshoot; the loss is convex, so that a shorter one lowers it.
        while _loss(weights - step, lists, ridge) > _loss(weights, lists, ridge) + _TOLERANCE:
            step = step / 2
        weights = weights - step
    return LinearModel(weights, means, deviations)


_Lists = Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Standardised features of each question's candidates, and which share of being the best each should have."""


def _loss(weights: NDArray[np.float64], lists: _Lists, ridge: float) -> float:
    return float(ridge * weights @ weights) - sum(
        float(target @ np.log(_chances(rows @ weights) + _TOLERANCE)) for rows, target in lists
    )


def _newton_step(weights: NDArray[np.float64], lists: _Lists, ridge: float) -> NDArray[np.float64]:
    gradient, curvature = 2 * ridge * weights, 2 * ridge * np.eye(len(weights))
    for rows, target in lists:
        chances = _chances(rows @ weights)
        mean = chances @ rows
        gradient += rows.T @ (chances - target)
        curvature += (rows.T * chances) @ rows - np.outer(mean, mean)
    return np.asarray(np.linalg.solve(curvature, gradient))


def _chances(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(raw - raw.max())
    return np.asarray(powers / powers.sum())


def ndcg(collection: Collection, model: LinearModel | None) -> dict[str, float]:
    """Gives nDCG@10 for each question; None keeps the order that the candidates came in."""
    rankings: dict[str, list[str]] = {}
    for ranked in collection.ranked:
        scores = model.scores(ranked.features) if model else -np.arange(len(ranked.documents))
        order = np.argsort(-scores, kind="stable")
        rankings[ranked.question_id] = list(dict.fromkeys(ranked.documents[place] for place in order))
    return ranking_measures(collection.data.relevance, rankings)["ndcg@10"]


def transfer(trained_on: Sequence[Collection], tested_on: Collection) -> str:
    """Says what a model gains where it was not trained."""
    before, after = ndcg(tested_on, None), ndcg(tested_on, train(trained_on))
    gains = [after[key] - before[key] for key in before]
    names = " and ".join(collection.data.name for collection in trained_on)
    first, second = np.mean(list(before.values())), np.mean(list(after.values()))
    p_value = randomisation_p_value(gains)
    return f"{names} -> {tested_on.data.name}: {first:.4f} -> {second:.4f}, n = {len(gains)}, p = {p_value:.3f}"


def model_file(model: LinearModel, collections: Sequence[Collection], found: Sequence[str]) -> str:
    """Gives the model as JSON, with how it was made."""
    parts = {"weights": model.weights, "means": model.means, "deviations": model.deviations}
    stored = {
        "made_by": "python -m benchmarks.ranking.train",
        "trained_on": {one.data.name: f"{one.data.selection.in_words()}, n = {len(one.ranked)}" for one in collections},
        "ridge": _RIDGE,
        "where_it_was_not_trained": list(found),
        **{part: dict(zip(FEATURES, map(float, values.round(6)), strict=True)) for part, values in parts.items()},
    }
    return json.dumps(stored, indent=2) + "\n"


def main() -> None:
    """Prints what is gained, and writes the model of all collections together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+", metavar="FOLDER=HOME")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    pairs = [one.partition("=") for one in arguments.collections]
    collections = [read_collection(Path(folder), Path(home)) for folder, _, home in pairs]
    found = []
    for place, tested_on in enumerate(collections):
        others = [*collections[:place], *collections[place + 1 :]]
        if others:
            found.append(transfer(others, tested_on))
    print(*found, sep="\n")
    arguments.out.write_text(model_file(train(collections), collections, found), encoding="utf-8")


if __name__ == "__main__":
    main()
