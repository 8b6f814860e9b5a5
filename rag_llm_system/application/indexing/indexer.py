"""From raw documents to a searchable index: see what changed, load cleaned documents, load embedded windows.

Everything streams in small batches, and the ledger is written last, so that a run which is killed loses the work of one
batch and the next run goes on from there. Ids are derived from content, so doing a thing twice changes nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from loguru import logger

from rag_llm_system.application.indexing.ledger import Ledger, document_point_id
from rag_llm_system.application.indexing.selection import (
    CleaningReport,
    DocumentSelection,
    IndexingReport,
    IndexPlan,
    LoadedCounts,
)
from rag_llm_system.application.stopwatch import Stopwatch
from rag_llm_system.domain.chunks import EmbeddedWindow, Window
from rag_llm_system.domain.cleaned_documents import CleanedDocument
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, CLEANED_COLLECTIONS, COLLECTIONS
from rag_llm_system.domain.documents import Category, Document, DocumentDigest
from rag_llm_system.domain.errors import InputError, IntegrityError, NotFoundError
from rag_llm_system.domain.index_points import IndexPoint, PointFilter
from rag_llm_system.domain.ports.document_store import DocumentStore, UserStore
from rag_llm_system.domain.ports.vector_index import VectorIndex
from rag_llm_system.domain.users import folded_name

_T = TypeVar("_T")
Progress = Callable[[int, int], None]
"""Called with how many documents are done and how many there are."""
Failures = dict[str, str]
"""From "category/document id" to the reason, in a line."""


def select_documents(
    documents: DocumentStore, users: UserStore, author_full_names: Sequence[str] | None = None
) -> DocumentSelection:
    """Gives the digests of the stored documents of these authors (None: of all), the collections asked in parallel.

    Raises:
        NotFoundError: there is no author of that name.
    """
    author_ids = None if not author_full_names else _author_ids(users, author_full_names)
    with ThreadPoolExecutor(len(Category)) as pool:
        found = pool.map(lambda category: list(documents.digests(category, author_ids=author_ids)), Category)
        digests = tuple(digest for category in found for digest in category)
    names = {user.id: user.full_name for user in users.users()}
    named = {author_id: names[author_id] for author_id in sorted({d.author_id for d in digests} & names.keys())}
    return DocumentSelection(digests=digests, author_ids=author_ids, author_full_names=named)


class Indexer:
    """Loads what is new or changed, and takes out what is gone.

    Args:
        documents: where raw documents are read from.
        index: opened for writing.
        ledger: of that index.
        clean: raw document -> cleaned document.
        cut: cleaned document -> its windows, which together hold every character of it.
        embed: windows -> embedded windows, in their order.
        to_point: embedded window -> what is stored of it.
        n_windows_per_batch: how many windows are embedded and stored at a time.
        n_documents_per_batch: how many documents are read at a time, and lost at the most when the process is killed.
    """

    def __init__(
        self,
        *,
        documents: DocumentStore,
        index: VectorIndex,
        ledger: Ledger,
        clean: Callable[[Document], CleanedDocument],
        cut: Callable[[CleanedDocument], list[Window]],
        embed: Callable[[Sequence[Window]], list[EmbeddedWindow]],
        to_point: Callable[[EmbeddedWindow], IndexPoint],
        n_windows_per_batch: int = 64,
        n_documents_per_batch: int = 16,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._documents = documents
        self._index = index
        self._ledger = ledger
        self._clean = clean
        self._cut = cut
        self._embed = embed
        self._to_point = to_point
        self._n_windows_per_batch = n_windows_per_batch
        self._n_documents_per_batch = n_documents_per_batch
        self._clock = clock

    def plan(self, selection: DocumentSelection) -> IndexPlan:
        """Compares the selection with the ledger."""
        indexed = {
            (digest.category, digest.id): (digest, fingerprint)
            for digest, fingerprint in self._ledger.entries(selection.author_ids)
        }
        new_or_changed = []
        n_changed = 0
        for digest in selection.digests:
            _, fingerprint = indexed.pop((digest.category, digest.id), (None, None))
            if fingerprint != self._ledger.fingerprint(digest):
                new_or_changed.append(digest)
                n_changed += fingerprint is not None
        n_unchanged = len(selection.digests) - len(new_or_changed)
        gone = self._not_stored(selection, [digest for digest, _ in indexed.values()])
        return IndexPlan(new_or_changed=tuple(new_or_changed), n_unchanged=n_unchanged, gone=gone, n_changed=n_changed)

    def _not_stored(self, selection: DocumentSelection, left: Sequence[DocumentDigest]) -> tuple[DocumentDigest, ...]:
        """Gives those that are gone; in a run for some authors, what is missing may now be another author's."""
        if selection.author_ids is None or not left:
            return tuple(left)
        stored = {(digest.category, digest.id) for category in Category for digest in self._documents.digests(category)}
        return tuple(digest for digest in left if (digest.category, digest.id) not in stored)

    def load_cleaned_documents(
        self, selection: DocumentSelection, *, on_progress: Progress | None = None
    ) -> CleaningReport:
        """Cleans what is new or changed and loads it; a document that cannot be cleaned is reported and left out."""
        started = self._clock()
        plan = self.plan(selection)
        failures: Failures = {}
        n_done = n_chars = 0
        for category, digests in self._batches(plan.new_or_changed):
            self._ledger.forget(digests)  # from here to the last window they are not wholly in the index
            cleaned = list(self._cleaned(digests, failures))
            self._index.upsert(CLEANED_COLLECTIONS[category], [_cleaned_point(document) for document in cleaned])
            n_done += len(digests)
            n_chars += sum(len(document.text) for document in cleaned)
            _tell(on_progress, n_done, len(plan.new_or_changed))
        logger.info("cleaned_documents_loaded n={} failed={}", n_done - len(failures), len(failures))
        return CleaningReport(
            plan=plan,
            n_cleaned=n_done - len(failures),
            n_chars=n_chars,
            failures=failures,
            seconds=self._clock() - started,
        )

    def load_embedded_chunks(self, cleaning: CleaningReport, *, on_progress: Progress | None = None) -> IndexingReport:
        """Cuts, embeds and loads the documents that were cleaned, and takes out those that are gone."""
        self._remove(cleaning.plan.gone)
        failures: Failures = {}
        digests = [digest for digest in cleaning.plan.new_or_changed if _key(digest) not in cleaning.failures]
        stopwatch = Stopwatch(self._clock)
        tally = _Tally()
        n_done = 0
        for category, batch in self._batches(digests):
            with stopwatch.stage("chunk"):
                windows = self._windows(batch, failures)
            cut = [digest for digest in batch if _key(digest) not in failures]
            self._load(category, cut, windows, stopwatch)
            tally.add(category, len(cut), windows)
            n_done += len(batch)
            _tell(on_progress, n_done, len(digests))
        loaded = tally.total
        logger.info("embedded_chunks_loaded documents={} windows={}", n_done, loaded.n_windows)
        return IndexingReport(
            n_documents=loaded.n_documents,
            n_unchanged=cleaning.plan.n_unchanged,
            n_gone=len(cleaning.plan.gone),
            n_chunks=loaded.n_chunks,
            n_windows=loaded.n_windows,
            failures=failures,
            seconds=stopwatch.seconds,
            totals={name: self._index.count(name) for name in COLLECTIONS},
            by_category=tally.by_category,
            n_windows_by_author=dict(sorted(tally.n_windows_by_author.items())),
        )

    def _cleaned(self, digests: Sequence[DocumentDigest], failures: Failures) -> Iterator[CleanedDocument]:
        for digest in digests:
            with _noted(digest, failures):
                for document in self._documents.find(digest.category, ids=[digest.id]):
                    yield self._clean(document)

    def _windows(self, digests: Sequence[DocumentDigest], failures: Failures) -> list[Window]:
        windows: list[Window] = []
        for digest in digests:
            where = PointFilter(ids=[document_point_id(digest.category, digest.id)])
            with _noted(digest, failures):
                for point in self._index.scroll(CLEANED_COLLECTIONS[digest.category], where):
                    windows += self._cut(CleanedDocument.model_validate(point.payload))
        return windows

    def _load(
        self, category: Category, digests: Sequence[DocumentDigest], windows: list[Window], stopwatch: Stopwatch
    ) -> None:
        collection = CHUNK_COLLECTIONS[category]
        for some in _slices(windows, self._n_windows_per_batch):
            with stopwatch.stage("embed"):
                embedded = self._embed(some)
            with stopwatch.stage("load"):
                self._index.upsert(collection, [self._to_point(window) for window in embedded])
        with stopwatch.stage("load"):
            document_ids = [digest.id for digest in digests]
            window_ids = [window.id for window in windows]
            self._index.delete(collection, PointFilter(any_of={"document_id": document_ids}, not_ids=window_ids))
            self._ledger.record(digests)

    def _remove(self, gone: Sequence[DocumentDigest]) -> None:
        for category, digests in self._batches(gone):
            ids = [digest.id for digest in digests]
            self._index.delete(CHUNK_COLLECTIONS[category], PointFilter(any_of={"document_id": ids}))
            point_ids = [document_point_id(category, document_id) for document_id in ids]
            self._index.delete(CLEANED_COLLECTIONS[category], PointFilter(ids=point_ids))
            self._ledger.forget(digests)

    def _batches(self, digests: Sequence[DocumentDigest]) -> Iterator[tuple[Category, list[DocumentDigest]]]:
        for category in Category:
            of_category = [digest for digest in digests if digest.category == category]
            for batch in _slices(of_category, self._n_documents_per_batch):
                yield category, batch


class _Tally:
    """Counts what was loaded, by category and by author."""

    def __init__(self) -> None:
        self.by_category = {category: LoadedCounts() for category in Category}
        self.n_windows_by_author: Counter[str] = Counter()

    @property
    def total(self) -> LoadedCounts:
        return _sum(self.by_category.values())

    def add(self, category: Category, n_documents: int, windows: Sequence[Window]) -> None:
        n_chunks = len({window.chunk.id for window in windows})
        counts = LoadedCounts(n_documents=n_documents, n_chunks=n_chunks, n_windows=len(windows))
        self.by_category[category] = _sum([self.by_category[category], counts])
        self.n_windows_by_author.update(window.chunk.document.author_full_name for window in windows)


def _sum(counts: Iterable[LoadedCounts]) -> LoadedCounts:
    some = list(counts)
    return LoadedCounts(
        n_documents=sum(count.n_documents for count in some),
        n_chunks=sum(count.n_chunks for count in some),
        n_windows=sum(count.n_windows for count in some),
    )


@contextmanager
def _noted(digest: DocumentDigest, failures: Failures) -> Iterator[None]:
    """Turns what is wrong with one document into a note, so that it does not stop the others."""
    try:
        yield
    except (InputError, IntegrityError) as error:
        failures[_key(digest)] = error.message
        logger.warning("document_left_out category={} id={}", digest.category, digest.id)


def _key(digest: DocumentDigest) -> str:
    return f"{digest.category}/{digest.id}"


def _tell(on_progress: Progress | None, n_done: int, n_total: int) -> None:
    if on_progress:
        on_progress(n_done, n_total)


def _author_ids(users: UserStore, full_names: Sequence[str]) -> tuple[str, ...]:
    known = users.users()
    author_ids: list[str] = []
    for full_name in full_names:
        # Several users may share a name: one that was imported, and one that was made from the name.
        of_name = [user.id for user in known if folded_name(user.full_name) == folded_name(full_name)]
        if not of_name:
            some = ", ".join(user.full_name for user in known[:10]) or "none yet"
            raise NotFoundError(f"No author is called {full_name!r}. Known: {some}. Run the ETL for the author first.")
        author_ids += of_name
    return tuple(author_ids)


def _cleaned_point(document: CleanedDocument) -> IndexPoint:
    return IndexPoint(id=document_point_id(document.category, document.id), payload=document.model_dump(mode="json"))


def _slices(items: Iterable[_T], n: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, n)):
        yield batch
