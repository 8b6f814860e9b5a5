"""What is there, compared with what was acknowledged."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.documents import Document
from rag_llm_system.domain.errors import RagError
from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery
from rag_llm_system.domain.ports.vector_index import PointSource, ReadableIndex
from tools.crash_testing.acknowledged import Standing
from tools.crash_testing.corpus import Corpus
from tools.crash_testing.expected_index import ExpectedIndex, ExpectedPoint
from tools.crash_testing.findings import Findings, doubled, lost, stale, together, unreadable

TOLERANCE = 1e-6
"""By which a component of a vector may differ from what is computed anew."""

_MOST_HITS = 100


class WholeIndex(ReadableIndex, PointSource, Protocol):
    """An index that is searched, and gives its points with their vectors."""


def compare_documents(found: Iterable[tuple[str, str]], standings: Mapping[str, Standing]) -> Findings:
    """Compares the documents in a store with what may be there.

    Args:
        found: link and text hash of every document.
        standings: what may be found of each link; of others nothing may.
    """
    hashes: dict[str, list[str]] = {}
    for link, text_hash in found:
        hashes.setdefault(link, []).append(text_hash)
    findings = [stale(f"document {link} was never stored") for link in sorted(hashes.keys() - standings.keys())]
    for link, standing in standings.items():
        findings.append(_compare_document(link, hashes.get(link, []), standing))
    return together(findings)


def _compare_document(link: str, found: list[str], standing: Standing) -> Findings:
    findings = doubled(f"document {link} is there {len(found)} times") if len(found) > 1 else Findings()
    if not found:
        return findings if "" in standing.allowed else lost(f"document {link} is gone")
    if not standing.allowed.isdisjoint(found):
        return findings
    if standing.allowed == {""}:
        return findings + stale(f"document {link} was deleted")
    if not standing.replaced.isdisjoint(found):
        return findings + stale(f"document {link} is as it was before it was replaced")
    return findings + lost(f"document {link} is not what was stored, to the letter")


def compare_state(found: Iterable[Document], corpus: Corpus, versions: Mapping[int, int]) -> Findings:
    """Compares the documents in a store with a state of the corpus, which must be there exactly."""
    documents = corpus.documents(versions)
    exact = {each.link: Standing(frozenset({each.content_hash()}), frozenset()) for each in documents}
    return compare_documents(((each.link, each.content_hash()) for each in found), exact)


def compare_index(index: WholeIndex, expected: ExpectedIndex) -> Findings:
    """Compares an index with what it must hold, to the id, the payload, the vector and the hit."""
    try:
        by_collection = [_compare_points(index, name, points) for name, points in expected.points.items()]
        return together([*by_collection, _compare_words(index, expected), _compare_neighbours(index, expected)])
    except RagError as error:
        return unreadable(f"the index cannot be read: {error.message}")


def _compare_points(index: WholeIndex, collection: str, expected: Mapping[str, ExpectedPoint]) -> Findings:
    found = list(index.whole_points(collection))
    n_found = Counter(point.id for point in found)
    findings = [doubled(f"{collection}/{id_} is there {n} times") for id_, n in sorted(n_found.items()) if n > 1]
    findings += [lost(f"{collection}/{id_} is gone") for id_ in sorted(expected.keys() - n_found.keys())]
    findings += [stale(f"{collection}/{id_} should not be there") for id_ in sorted(n_found.keys() - expected.keys())]
    findings += [_compare_point(collection, point, expected[point.id]) for point in found if point.id in expected]
    n_counted = index.count(collection)
    if n_counted != len(n_found):
        line = f"{collection} counts {n_counted} points and gives {len(n_found)}"
        findings.append(doubled(line) if n_counted > len(n_found) else lost(line))
    return together(findings)


def _compare_point(collection: str, found: IndexPoint, expected: ExpectedPoint) -> Findings:
    where = f"{collection}/{found.id}"
    findings = Findings()
    if any(_as_json(found.payload.get(key)) != _as_json(value) for key, value in expected.payload.items()):
        findings += lost(f"{where} has another payload")
    if expected.vector is not None and not _is_close(found, expected):
        findings += lost(f"{where} has another vector")
    return findings


def _is_close(found: IndexPoint, expected: ExpectedPoint) -> bool:
    if found.vector is None or expected.vector is None or found.vector.shape != expected.vector.shape:
        return False
    return bool(np.abs(found.vector - expected.vector).max() <= TOLERANCE)


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _compare_words(index: WholeIndex, expected: ExpectedIndex) -> Findings:
    findings: list[Findings] = []
    for collection in CHUNK_COLLECTIONS.values():
        words = [*expected.hits, *expected.gone_words]
        answers = index.search(collection, [KeywordQuery(word, _MOST_HITS, with_payload=False) for word in words])
        for word, answer in zip(words, answers, strict=True):
            there, ids = expected.hits.get(word, (collection, frozenset()))
            findings += _compare_hits(collection, [hit.id for hit in answer], ids if there == collection else set())
    return together(findings)


def _compare_hits(collection: str, found: list[str], expected: frozenset[str] | set[str]) -> Iterator[Findings]:
    for id_ in sorted(expected - set(found)):
        yield lost(f"{collection}/{id_} is not found by its word")
    for id_ in sorted(set(found) - expected):
        yield stale(f"{collection}/{id_} is found by a word that is gone")
    for id_, n in Counter(found).items():
        if n > 1:
            yield doubled(f"{collection}/{id_} is found {n} times by its word")


def _compare_neighbours(index: WholeIndex, expected: ExpectedIndex) -> Findings:
    findings = []
    for collection in CHUNK_COLLECTIONS.values():
        vectors = {id_: point.vector for id_, point in expected.points[collection].items() if point.vector is not None}
        answers = index.search(collection, [DenseQuery(each, 1, with_payload=False) for each in vectors.values()])
        for id_, answer in zip(vectors, answers, strict=True):
            if [hit.id for hit in answer] != [id_]:
                findings.append(lost(f"{collection}/{id_} is not what its own vector finds first"))
    return together(findings)


def find_words(home: Path, words: Iterable[str]) -> Findings:
    """Looks for words in the bytes of all files of a home, models left out."""
    wanted = {word: word.encode() for word in words}
    findings = []
    for path in sorted(home.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.relative_to(home).parts[0] == "models":
            continue
        content = path.read_bytes()
        n_found = sum(word in content for word in wanted.values())
        if n_found:
            findings.append(stale(f"{path.relative_to(home)} holds {n_found} deleted words"))
    return together(findings)
