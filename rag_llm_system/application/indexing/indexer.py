"""From raw documents to a searchable index: see what changed, load cleaned documents, load embedded windows.

Everything streams in small batches: while one is embedded, the next is cut and the one before is stored. A document is
noted in the ledger as unfinished before anything of it is written, and as indexed after its last window: a run which is
killed loses the work of a few batches, and the next run goes on from there, or takes out what is gone meanwhile. Ids
are derived from content, so doing a thing twice changes nothing. What is in memory at a time are a digest of each
document, and the texts of a few batches or of one document that is longer.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TypeVar

from loguru import logger

from rag_llm_system.application.indexing.comparison import compare, document_key
from rag_llm_system.application.indexing.ledger import Ledger, document_point_id
from rag_llm_system.application.indexing.looking_ahead import worked_ahead
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
_CHARS_PER_READING = 1_000_000
_DOCUMENTS_PER_READING = 64
_IDS_PER_CALL = 1_000


@dataclass(slots=True)
class _Group:
    """Documents that are recorded together, and the windows that they have now."""

    category: Category
    digests: list[DocumentDigest] = field(default_factory=list)
    window_ids: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Part:
    """Windows that are embedded and stored together, maybe none; the last of its group says so."""

    group: _Group
    windows: list[Window]
    n_chars_done: int
    is_last: bool = False


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
        n_documents_per_batch: how many documents are noted at a time; fewer, where they have many windows. They are
            what is lost when the process is killed.
        n_windows_per_group: with how many windows these documents are noted, though they are fewer.
        n_batches_ahead: how many batches are embedded, or wait for it, while others are cut and stored; 0: one after
            the other.
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
        n_documents_per_batch: int = 128,
        n_windows_per_group: int = 1_024,
        n_batches_ahead: int = 0,
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
        self._n_windows_per_group = n_windows_per_group
        self._n_batches_ahead = n_batches_ahead
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
            for some in _within(_CHARS_PER_CALL, self._cleaned(category, digests, failures)):
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
        with closing(worked_ahead(partial(self._embedded, run), self._parts(run), self._n_batches_ahead)) as parts:
            for part, embedded in parts:
                with run.stopwatch.stage("load"):
                    self._store(part, embedded, run.failures)
                run.tell(part.n_chars_done)
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

    def _cleaned(
        self, category: Category, digests: Sequence[DocumentDigest], failures: Failures
    ) -> Iterator[CleanedDocument]:
        gone = {digest.id: digest for digest in digests}
        for document in self._raw(category, digests, failures):
            with _noted(gone.pop(document.id), failures):
                yield self._clean(document)
        # They went since they were compared.
        self._remove([digest for digest in gone.values() if document_key(digest) not in failures])

    def _raw(self, category: Category, digests: Sequence[DocumentDigest], failures: Failures) -> Iterator[Document]:
        """Gives the documents, read together; one by one from where one cannot be read."""
        left = {digest.id: digest for digest in digests}
        try:
            for document in self._documents.find(category, ids=list(left)):
                del left[document.id]
                yield document
            return
        except IntegrityError:
            logger.info("documents_read_one_by_one category={} n={}", category, len(left))
        for digest in left.values():
            with _noted(digest, failures):
                yield from self._documents.find(category, ids=[digest.id])

    def _parts(self, run: LoadingRun) -> Iterator[_Part]:
        """Gives all that is to be embedded, cut one document at a time."""
        for category, digests in self._unfinished_batches():
            group, some = _Group(category), list[Window]()
            for digest, document in self._cleaned_before(category, digests):
                n_chars_before = run.n_chars_cut
                for window in self._windows(digest, document, run):
                    run.n_chars_cut = max(run.n_chars_cut, n_chars_before + window.end)  # chunks may overlap
                    some.append(window)
                    group.window_ids.add(window.id)
                    if len(some) == self._n_windows_per_batch:
                        yield _Part(group, some, run.n_chars_cut)
                        some = []
                run.n_chars_cut = n_chars_before + (len(document.text) if document else 0)
                group.digests.append(digest)
                if len(group.window_ids) >= self._n_windows_per_group:
                    yield _Part(group, some, run.n_chars_cut, is_last=True)
                    group, some = _Group(category), []
            if group.digests:
                yield _Part(group, some, run.n_chars_cut, is_last=True)

    def _windows(self, digest: DocumentDigest, document: CleanedDocument | None, run: LoadingRun) -> list[Window]:
        windows: list[Window] = []
        with run.stopwatch.stage("chunk"), _noted(digest, run.failures):
            windows = self._cut(document) if document else []
            run.tally.add(digest.category, windows)
        return windows

    def _embedded(self, run: LoadingRun, part: _Part) -> list[EmbeddedWindow]:
        with run.stopwatch.stage("embed"):
            return self._embed(part.windows) if part.windows else []

    def _store(self, part: _Part, embedded: Sequence[EmbeddedWindow], failures: Failures) -> None:
        collection, digests = CHUNK_COLLECTIONS[part.group.category], part.group.digests
        if embedded:
            self._index.upsert(collection, [self._to_point(window) for window in embedded])
        if part.is_last:
            self._remove_failed(digests, failures)
            cut = [digest for digest in digests if document_key(digest) not in failures]
            self._remove_others(collection, [digest.id for digest in cut], part.group.window_ids)
            self._ledger.record(cut)

    def _cleaned_before(
        self, category: Category, digests: Sequence[DocumentDigest]
    ) -> Iterator[tuple[DocumentDigest, CleanedDocument | None]]:
        """Gives the digests in order, each with its document: so many at a time as their length before allows."""
        start, n_documents = 0, 1
        while some := digests[start : start + n_documents]:
            ids = {document_point_id(category, digest.id): digest.id for digest in some}
            points = self._index.scroll(CLEANED_COLLECTIONS[category], PointFilter(ids=list(ids)))
            found = {ids[point.id]: CleanedDocument.model_validate(point.payload) for point in points}
            longest = max((len(document.text) for document in found.values()), default=0)
            start += len(some)
            n_documents = max(1, min(_DOCUMENTS_PER_READING, _CHARS_PER_READING // max(1, longest)))
            for digest in some:
                yield digest, found.pop(digest.id, None)

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
