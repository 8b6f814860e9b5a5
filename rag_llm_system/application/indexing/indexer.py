"""From raw documents to a searchable index: see what changed, load cleaned documents, load embedded windows.

Everything streams in small batches. A document is noted in the ledger as unfinished before anything of it is written,
and as indexed after its last window: a run which is killed loses the work of one batch, and the next run goes on from
there, or takes out what is gone meanwhile. Ids are derived from content, so doing a thing twice changes nothing. What
is in memory at a time are a digest of each document, and the texts of a batch or of one document that is longer.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from loguru import logger

from rag_llm_system.application.indexing.comparison import compare, document_key
from rag_llm_system.application.indexing.ledger import Ledger, document_point_id
from rag_llm_system.application.indexing.selection import (
    CleaningReport,
    DocumentSelection,
    IndexingReport,
)
from rag_llm_system.application.indexing.tally import Failures, LoadingRun, Progress, Tally
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
_UNFINISHED = "unfinished"
_CHARS_PER_CALL = 4_000_000
_IDS_PER_CALL = 1_000


def select_documents(
    documents: DocumentStore, users: UserStore, author_full_names: Sequence[str] | None = None
) -> DocumentSelection:
    """Counts the stored documents of these authors (None: of all), the collections asked in parallel.

    Raises:
        NotFoundError: there is no author of that name.
    """
    author_ids = None if not author_full_names else _author_ids(users, author_full_names)
    with ThreadPoolExecutor(len(Category)) as pool:
        found = pool.map(
            lambda category: Counter(digest.author_id for digest in documents.digests(category, author_ids=author_ids)),
            Category,
        )
        of_categories = dict(zip(Category, found, strict=True))
    names = {user.id: user.full_name for user in users.users()}
    by_author: Counter[str] = Counter()
    for author_id, n_documents in sum(of_categories.values(), Counter()).items():
        by_author[names.get(author_id, author_id)] += n_documents
    return DocumentSelection(
        author_ids=author_ids,
        n_by_category={str(category): of_category.total() for category, of_category in of_categories.items()},
        n_by_author=dict(sorted(by_author.items())),
    )


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
        n_documents_per_batch: how many documents are noted at a time, and lost at the most when the process is killed.
        n_reused: gives how many windows so far did not have to be embedded, because their vectors were known.
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
        n_reused: Callable[[], int] = lambda: 0,
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
        self._n_reused = n_reused
        self._unfinished = Ledger(index, settings_fingerprint=_UNFINISHED)
        self._clock = clock

    def load_cleaned_documents(
        self, selection: DocumentSelection, *, on_progress: Progress | None = None
    ) -> CleaningReport:
        """Takes out what is gone, cleans what is new or changed and loads it.

        A document that cannot be cleaned is reported and left out. The others stand in the ledger as unfinished.
        """
        started = self._clock()
        comparison = compare(self._documents, selection, self._ledger, self._unfinished)
        for _, gone in comparison.gone.batches(self._n_documents_per_batch):
            self._remove(gone)
        failures: Failures = {}
        n_done = n_chars = 0
        for category, digests in comparison.to_do.batches(self._n_documents_per_batch):
            for some in _within(_CHARS_PER_CALL, self._cleaned(digests, failures)):
                # Not those that cannot be cleaned: a run that changes nothing must not write.
                cleaned_ids = {document.id for document in some}
                self._unfinished.record([digest for digest in digests if digest.id in cleaned_ids])
                self._index.upsert(CLEANED_COLLECTIONS[category], [_cleaned_point(document) for document in some])
                n_chars += sum(len(document.text) for document in some)
            self._remove_failed(digests, failures)
            n_done += len(digests)
            if on_progress:
                on_progress(n_done, len(comparison.to_do))
        logger.info("cleaned_documents_loaded n={} failed={}", n_done - len(failures), len(failures))
        return CleaningReport(
            plan=comparison.plan,
            n_cleaned=n_done - len(failures),
            n_chars=n_chars,
            failures=failures,
            seconds=self._clock() - started,
        )

    def load_embedded_chunks(self, cleaning: CleaningReport, *, on_progress: Progress | None = None) -> IndexingReport:
        """Cuts, embeds and loads what the ledger has as unfinished: the documents that were cleaned."""
        n_reused_before = self._n_reused()
        run = LoadingRun(Stopwatch(self._clock), Tally(), on_progress, n_chars=cleaning.n_chars)
        for category, batch in self._unfinished_batches():
            self._load(category, batch, run)
        loaded = run.tally.total
        n_reused = min(self._n_reused() - n_reused_before, loaded.n_windows)
        logger.info("embedded_chunks_loaded documents={} windows={}", loaded.n_documents, loaded.n_windows)
        return IndexingReport(
            n_documents=loaded.n_documents,
            n_unchanged=cleaning.plan.n_unchanged,
            n_gone=cleaning.plan.n_gone,
            n_chunks=loaded.n_chunks,
            n_windows=loaded.n_windows,
            n_embedded=loaded.n_windows - n_reused,
            n_reused=n_reused,
            failures=run.failures,
            seconds=run.stopwatch.seconds,
            totals={name: self._index.count(name) for name in COLLECTIONS},
            by_category=run.tally.by_category,
            n_windows_by_author=dict(sorted(run.tally.n_windows_by_author.items())),
        )

    def _cleaned(self, digests: Sequence[DocumentDigest], failures: Failures) -> Iterator[CleanedDocument]:
        for digest in digests:
            with _noted(digest, failures):
                found = list(self._documents.find(digest.category, ids=[digest.id]))
                if not found:  # it went since it was compared
                    self._remove([digest])
                for document in found:
                    yield self._clean(document)

    def _load(self, category: Category, digests: Sequence[DocumentDigest], run: LoadingRun) -> None:
        collection = CHUNK_COLLECTIONS[category]
        window_ids: set[str] = set()
        for some in _slices(self._windows(digests, run), self._n_windows_per_batch):
            with run.stopwatch.stage("embed"):
                embedded = self._embed(some)
            with run.stopwatch.stage("load"):
                self._index.upsert(collection, [self._to_point(window) for window in embedded])
            window_ids.update(window.id for window in some)
            run.tell()
        with run.stopwatch.stage("load"):
            self._remove_failed(digests, run.failures)
            cut = [digest for digest in digests if document_key(digest) not in run.failures]
            self._remove_others(collection, [digest.id for digest in cut], window_ids)
            self._ledger.record(cut)
        run.tell()

    def _windows(self, digests: Sequence[DocumentDigest], run: LoadingRun) -> Iterator[Window]:
        """Gives the windows of all these documents, cut one document at a time."""
        for digest in digests:
            windows: list[Window] = []
            n_chars = 0
            with run.stopwatch.stage("chunk"), _noted(digest, run.failures):
                for document in self._cleaned_before(digest):
                    n_chars = len(document.text)
                    windows = self._cut(document)
            if document_key(digest) not in run.failures:
                run.tally.add(digest.category, windows)
            n_chars_before = run.n_chars_done
            for window in windows:
                run.n_chars_done = max(run.n_chars_done, n_chars_before + window.end)  # chunks may overlap
                yield window
            run.n_chars_done = n_chars_before + n_chars

    def _cleaned_before(self, digest: DocumentDigest) -> Iterator[CleanedDocument]:
        where = PointFilter(ids=[document_point_id(digest.category, digest.id)])
        for point in self._index.scroll(CLEANED_COLLECTIONS[digest.category], where):
            yield CleanedDocument.model_validate(point.payload)

    def _remove_others(self, collection: str, document_ids: Sequence[str], window_ids: set[str]) -> None:
        """Removes the windows that these documents had before and have no longer."""
        of_documents = PointFilter(any_of={"document_id": document_ids})
        if self._index.count(collection, of_documents) == len(window_ids):
            return
        others = [point.id for point in self._index.scroll(collection, of_documents) if point.id not in window_ids]
        for some in _slices(others, _IDS_PER_CALL):
            self._index.delete(collection, PointFilter(ids=some))

    def _remove_failed(self, digests: Sequence[DocumentDigest], failures: Failures) -> None:
        """Removes what the index has of documents that are not now what they were, and cannot be read."""
        self._remove([digest for digest in digests if document_key(digest) in failures])

    def _remove(self, digests: Sequence[DocumentDigest]) -> None:
        for category in Category:
            ids = [digest.id for digest in digests if digest.category == category]
            if not ids:
                continue
            self._index.delete(CHUNK_COLLECTIONS[category], PointFilter(any_of={"document_id": ids}))
            point_ids = [document_point_id(category, document_id) for document_id in ids]
            self._index.delete(CLEANED_COLLECTIONS[category], PointFilter(ids=point_ids))
        self._ledger.forget(digests)

    def _unfinished_batches(self) -> Iterator[tuple[Category, list[DocumentDigest]]]:
        """Gives what the ledger has as unfinished; what is recorded meanwhile is not given again."""
        waiting: dict[Category, list[DocumentDigest]] = {category: [] for category in Category}
        for digest, fingerprint in self._ledger.entries():
            if fingerprint != self._unfinished.fingerprint(digest):
                continue
            waiting[digest.category].append(digest)
            if len(waiting[digest.category]) == self._n_documents_per_batch:
                yield digest.category, waiting[digest.category]
                waiting[digest.category] = []
        yield from ((category, digests) for category, digests in waiting.items() if digests)


@contextmanager
def _noted(digest: DocumentDigest, failures: Failures) -> Iterator[None]:
    """Turns what is wrong with one document into a note, so that it does not stop the others."""
    try:
        yield
    except (InputError, IntegrityError) as error:
        failures[document_key(digest)] = error.message
        logger.warning("document_left_out category={} id={}", digest.category, digest.id)


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


def _within(n_chars: int, documents: Iterable[CleanedDocument]) -> Iterator[list[CleanedDocument]]:
    """Gives the documents in groups of so many characters at the most; a longer one is alone."""
    group: list[CleanedDocument] = []
    for document in documents:
        if group and sum(len(each.text) for each in group) + len(document.text) > n_chars:
            yield group
            group = []
        group.append(document)
    if group:
        yield group


def _slices(items: Iterable[_T], n: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, n)):
        yield batch
