"""What is gone or has moved in folders that were crawled before."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from sys import intern
from typing import NamedTuple

from rag_llm_system.domain.documents import ArticleDocument, Category, Document, PostDocument
from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.domain.ports.document_store import DocumentStore
from rag_llm_system.domain.ports.source import Territory

_N_PER_BATCH = 64
_Key = tuple[Category, str]
"""A category and a link."""


class Leavings(NamedTuple):
    """What a run found about documents that were stored before; see `IngestionReport` for the meanings."""

    n_gone: int = 0
    n_moved: int = 0
    n_kept: int = 0
    n_reowned: int = 0


class _Stored(NamedTuple):
    id: str
    author_id: str


class CrawledFolders:
    """Compares what the store held of some folders before a run with what the run brought.

    Args:
        documents: the store; all its digests are read at once if there is any folder.
        territories: what lies within each link that is a folder.
    """

    def __init__(self, documents: DocumentStore, territories: Mapping[str, Territory]) -> None:
        self._documents = documents
        self._territories = dict(territories)
        self._stored = dict(self._read()) if territories else {}
        self._brought: set[_Key] = set()
        self._new_texts: Counter[bytes] = Counter()
        self._n_reowned = 0

    def note(self, document: Document) -> None:
        """Notes a document that the run brought."""
        if not self._territories:
            return
        key = (document.category, document.link)
        self._brought.add(key)
        stored = self._stored.get(key)
        if stored is None:
            self._new_texts[_text_digest(document)] += 1
        elif stored.author_id != document.author_id:
            self._n_reowned += 1

    def remove_gone(self, completed: Collection[str], failures: Collection[str]) -> Leavings:
        """Removes from the store what is gone, once all that the run brought is stored.

        Args:
            completed: the links whose crawl came to its end; nothing is removed that lies in none of them.
            failures: the links of what could not be brought; nothing is removed that is one of these or lies below.
        """
        territories = [territory for link, territory in self._territories.items() if link in completed]
        brought_links = {link for _, link in self._brought}
        missed = [key for key in self._stored if key not in self._brought and _is_in(territories, key[1])]
        replaced = [key for key in missed if key[1] in brought_links]  # by a document of another category
        in_doubt = {*failures}
        doubtless = [key[1] for key in missed if key[1] not in brought_links and not _is_below(key[1], in_doubt)]
        gone_links = {link for territory in territories for link in territory.gone(filter(territory.holds, doubtless))}
        gone = sorted([*replaced, *(key for key in missed if key[1] in gone_links)])
        n_moved = self._remove(gone)
        return Leavings(len(gone) - n_moved, n_moved, len(missed) - len(gone), self._n_reowned)

    def _read(self) -> Iterator[tuple[_Key, _Stored]]:
        for category in Category:
            for digest in self._documents.digests(category):
                if _is_in(self._territories.values(), digest.link):
                    yield (category, digest.link), _Stored(digest.id, intern(digest.author_id))

    def _remove(self, gone: Sequence[_Key]) -> int:
        """Removes documents, and says how many of their texts a new document has: as many as there are of those."""
        n_moved = 0
        for category in Category:
            ids = [self._stored[key].id for key in gone if key[0] is category]
            for start in range(0, len(ids), _N_PER_BATCH):
                some = ids[start : start + _N_PER_BATCH]
                n_moved += self._n_found_elsewhere(category, some) if self._new_texts else 0
                self._documents.delete(category, some)
        return n_moved

    def _n_found_elsewhere(self, category: Category, ids: Sequence[str]) -> int:
        n_found = 0
        # What cannot be read goes like the rest, and counts as gone.
        with suppress(IntegrityError):
            for document in self._documents.find(category, ids=ids):
                text = _text_digest(document)
                n_found += self._new_texts[text] > 0
                self._new_texts[text] -= 1
        return n_found


def _is_in(territories: Collection[Territory], link: str) -> bool:
    return any(territory.holds(link) for territory in territories)


def _is_below(link: str, others: Collection[str]) -> bool:
    """Says whether a link, or what it lies within by its spelling, is among the others."""
    parts = link.split("/")
    return any("/".join(parts[:n]) in others for n in range(len(parts), 0, -1))


def _text_digest(document: Document) -> bytes:
    """Gives what two documents share if one is the other in another place: names and paths do not count."""
    if isinstance(document, ArticleDocument):
        texts = [document.content.text]
    elif isinstance(document, PostDocument):
        texts = [document.content]
    else:
        texts = [*document.content.values()]
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).digest()
