"""Stage 4 without a model to download: a linear model over how a question's words stand in the candidates.

It does not pay, so it is off unless asked for. Trained on the training claims of SciFact it brought nDCG@10 on SQuAD
from 0.901 to 0.906 (361 development questions, p = 0.24) and from 0.897 to 0.905 (340 of the test, p = 0.16); trained
on SQuAD, on SciFact from 0.744 to 0.745 (809, p = 0.76) and from 0.725 to 0.728 (300, p = 0.64). Trained on both, it
brought the test of SciFact -0.001 (p = 0.72) and that of SQuAD +0.005 (p = 0.40): what the words say is in the keyword
half already. And it costs about as much as the search: 2 CPU ms for 30 chunks of SQuAD, 4 for those of SciFact.
`python -m benchmarks.ranking.train` makes the weights.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.application.rag.candidates import Candidate, scored_down_to

FEATURES = ("fused", "coverage", "title_coverage", "bm25", "pairs", "nearness")
"""The fused score; shares of the question's idf in chunk and title; BM25 within the candidates; share of the idf of
neighbouring words that stand together; the best share of the idf within 200 characters."""
MAX_RANKED = 30
_WORD = re.compile(r"\w+")
_MAX_TERMS = 40
_MAX_CHARS = 2000
_NEAR_CHARS = 200
_APART_CHARS = 12
_K1, _B = 1.2, 0.5

Hits = list[tuple[int, int]]
"""Where in a text which term of the question begins, in the order of the places."""


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Weights of `FEATURES`, with the means and deviations they were standardised by: float64, shape (n_features,)."""

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gives a score in (0, 1) for each row, higher is better: float64, shape (n_rows,)."""
        raw = ((features - self.means) / self.deviations) @ self.weights
        return 1 / (1 + np.exp(-np.clip(raw, -30, 30)))


def shipped_model() -> LinearModel:
    """Gives the model that comes with the package; its file says how it was made."""
    text = resources.files(__package__).joinpath("learned_ranking.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    rows = [np.array([stored[part][name] for name in FEATURES]) for part in ("weights", "means", "deviations")]
    return LinearModel(*rows)


@dataclass(frozen=True, slots=True)
class LearnedRanking:
    """Reorders the first `MAX_RANKED` candidates; the others keep their order behind."""

    model: LinearModel

    def __call__(self, question: str, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Gives the candidates in their new order, ties by id; the first ones with the model's scores."""
        first = candidates[:MAX_RANKED]
        if len(first) < 2:
            return list(candidates)
        scores = self.model.scores(features_of(question, first))
        ranked = [replace(candidate, score=float(score)) for candidate, score in zip(first, scores, strict=True)]
        ranked.sort(key=lambda candidate: (-candidate.score, candidate.chunk_id))
        return scored_down_to(ranked, candidates[MAX_RANKED:])


def features_of(question: str, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """Gives `FEATURES` of each candidate: float64, shape (n_candidates, n_features).

    A word counts by its beginning, of at most six letters (truncation as a stemmer: McNamee and Mayfield 2004). The idf
    is that among the candidates, so that what all of them speak of tells nothing; stop words fall out by themselves.
    """
    asked = [_beginning(word) for word in _WORD.findall(question.lower())][:_MAX_TERMS]
    terms = list(dict.fromkeys(asked))
    titles = [candidate.title.lower() for candidate in candidates]
    texts = [f"{title}\n{one.text[:_MAX_CHARS].lower()}" for title, one in zip(titles, candidates, strict=True)]
    hits = _hits(terms, texts)
    counts = np.zeros((len(texts), len(terms)))
    for row, of_text in enumerate(hits):
        for term, n in Counter(term for _, term in of_text).items():
            counts[row, term] = n
    idf = _idf(counts)
    share = idf / max(float(idf.sum()), 1e-9)
    lengths = np.array([len(text) for text in texts], np.float64)
    saturation = counts + _K1 * (1 - _B + _B * lengths / lengths.mean())[:, None]
    pairs = _pairs(asked, terms, idf)
    columns = [
        np.array([candidate.score for candidate in candidates]),
        (counts > 0) @ share,
        np.array([_title_coverage(*of_one, share) for of_one in zip(hits, titles, strict=True)]),
        (counts / saturation) @ share,
        np.array([_pairs_found(of_text, terms, pairs) for of_text in hits]),
        np.array([_nearness(of_text, share) for of_text in hits]),
    ]
    return np.stack(columns, axis=1)


def _beginning(word: str) -> str:
    return word if len(word) <= 4 else word[: max(4, min(6, len(word) - 2))]


def _hits(terms: Sequence[str], texts: Sequence[str]) -> list[Hits]:
    if not terms:
        return [[] for _ in texts]
    number = {term: place for place, term in enumerate(terms)}
    longest_first = sorted(map(re.escape, terms), key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(longest_first)})")
    return [[(match.start(), number[match.group()]) for match in pattern.finditer(text)] for text in texts]


def _idf(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    n_with = (counts > 0).sum(axis=0)
    idf = np.log(1 + (len(counts) - n_with + 0.5) / (n_with + 0.5))
    return np.where(n_with == 0, 0.0, idf)


def _title_coverage(hits: Hits, title: str, share: NDArray[np.float64]) -> float:
    return math.fsum(share[term] for term in sorted({term for place, term in hits if place < len(title)}))


def _pairs(asked: Sequence[str], terms: Sequence[str], idf: NDArray[np.float64]) -> dict[tuple[int, int], float]:
    """Gives what each two different words that stand side by side in the question are worth, together 1."""
    number = {term: place for place, term in enumerate(terms)}
    sides = dict.fromkeys((number[a], number[b]) for a, b in pairwise(asked) if a != b)
    total = max(math.fsum(idf[a] + idf[b] for a, b in sides), 1e-9)
    return {(a, b): float(idf[a] + idf[b]) / total for a, b in sides}


def _pairs_found(hits: Hits, terms: Sequence[str], pairs: dict[tuple[int, int], float]) -> float:
    found = {
        (a, b)
        for (place, a), (next_place, b) in pairwise(hits)
        if (a, b) in pairs and next_place - place <= len(terms[a]) + _APART_CHARS
    }
    return math.fsum(pairs[pair] for pair in sorted(found))


def _nearness(hits: Hits, share: NDArray[np.float64]) -> float:
    """Gives the best share of the question's idf that stands within `_NEAR_CHARS` characters."""
    best = held = 0.0
    first = 0
    inside: Counter[int] = Counter()
    for place, term in hits:
        held += float(share[term]) if not inside[term] else 0.0
        inside[term] += 1
        while place - hits[first][0] > _NEAR_CHARS:
            gone = hits[first][1]
            inside[gone] -= 1
            held -= float(share[gone]) if not inside[gone] else 0.0
            first += 1
        best = max(best, held)
    return best
