"""Two small models fitted with numpy: which sentence answers, and whether any does."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_STEPS = 400
_MOMENTUM = 0.9
_LEAST_SPREAD = 0.05
"""Standard deviation that a feature is scaled by at least: what hardly occurs must not weigh much for that."""
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Choice:
    """The sentences of one question: features, shape (n_sentences, n_features), and which of them answer."""

    features: Array
    answers: NDArray[np.bool_]


def fit_choice(choices: Sequence[Choice], prior: Array, l2: float) -> Array:
    """Gives the weights of a conditional logit (McFadden 1974): a question's sentences share a probability of 1.

    What is made likely is that one of the sentences that answer is chosen, whichever it is.

    Args:
        choices: of questions that a sentence answers.
        prior: the weights that are right as long as nothing speaks against them, shape (n_features,).
        l2: how strongly weights are drawn to the prior.
    """
    features = np.concatenate([choice.features for choice in choices])
    answers = np.concatenate([choice.answers for choice in choices])
    counts = np.array([len(choice.answers) for choice in choices])
    starts = np.cumsum(counts) - counts
    spread = np.maximum(features.std(axis=0), _LEAST_SPREAD)
    scaled = features / spread

    def share(odds: Array) -> Array:
        sums: Array = np.repeat(np.add.reduceat(odds, starts), counts)
        shares: Array = odds / sums
        return shares

    def gradient(weights: Array) -> Array:
        scores = scaled @ weights
        odds = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), counts)) + _TINY
        pull = scaled.T @ (share(np.where(answers, odds, 0.0)) - share(odds)) / len(choices)
        return np.asarray(pull + l2 * (prior * spread - weights))

    weights: Array = _climb(gradient, prior * spread, rate=0.2) / spread
    return weights


def fit_decision(
    features: Array, answered: NDArray[np.bool_], importance: Array, l2: float, known: Array | None = None
) -> tuple[Array, float]:
    """Gives the weights and the bias of a logistic regression; the bias is not held back.

    Args:
        features: shape (n_rows, n_features).
        answered: what is to be told, shape (n_rows,).
        importance: of each row.
        l2: how strongly weights are drawn to 0.
        known: what features with given weights add to each row's log odds.
    """
    offset = np.zeros(len(features)) if known is None else known
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), _LEAST_SPREAD)
    scaled = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    held_back = np.append(np.full(features.shape[1], l2), 0.0)

    def gradient(weights: Array) -> Array:
        missed = answered - 1 / (1 + np.exp(-scaled @ weights - offset))
        return np.asarray(scaled.T @ (importance * missed) / importance.sum() - held_back * weights)

    weights = _climb(gradient, np.zeros(scaled.shape[1]), rate=0.5)
    plain: Array = weights[:-1] / spread
    return plain, float(weights[-1] - plain @ mean)


def fold_of(article: str, n_folds: int) -> int:
    """Gives the fold of all questions about one article."""
    return int(hashlib.sha256(article.encode()).hexdigest(), 16) % n_folds


def area_under_curve(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Gives how often a number of the first kind is above one of the second (ROC AUC; ties count half)."""
    first, second = np.asarray(higher)[:, None], np.asarray(lower)[None, :]
    return float((first > second).mean() + (first == second).mean() / 2)


def matrix(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Array:
    """Gives features as an array, shape (n_rows, n_names)."""
    return np.array([[row[name] for name in names] for row in rows], dtype=np.float64)


def _climb(gradient: Callable[[Array], Array], start: Array, rate: float) -> Array:
    """Gives where gradient ascent with Nesterov's momentum ends; the same each time."""
    weights, speed = start, np.zeros_like(start)
    for _ in range(_STEPS):
        speed = _MOMENTUM * speed + rate * gradient(weights + _MOMENTUM * speed)
        weights = weights + speed
    return weights
