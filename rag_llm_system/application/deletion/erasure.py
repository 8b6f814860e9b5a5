"""Deletion with proof: what was chosen goes from every store, and a signed receipt says how that was made sure of.

It is written down before anything is removed, so that a deletion which was killed is ended by the next one. Every step
may be done twice. What holds the text goes first; what says where it went, last.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from loguru import logger

from rag_llm_system.application.deletion.completeness import require_complete
from rag_llm_system.application.deletion.pieces import bytes_of, collect_pieces
from rag_llm_system.application.deletion.receipts import hashed, signed
from rag_llm_system.application.deletion.retention import Expired, find_expired
from rag_llm_system.application.deletion.surroundings import Surroundings
from rag_llm_system.application.deletion.targets import holding_filters, resolve
from rag_llm_system.domain.collections import CLEANED_COLLECTIONS
from rag_llm_system.domain.deletions import Criterion, Intent, Receipt, StoreCount, Targets
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import BackendUnavailableError, InputError, NotFoundError
from rag_llm_system.domain.fingerprints import FingerprintMatcher, Fingerprints, fingerprints_of
from rag_llm_system.domain.index_points import PointFilter
from rag_llm_system.domain.ports.deletion import OpenedGeneration
from rag_llm_system.domain.ports.index_catalogue import IndexDraft
from rag_llm_system.domain.ports.vector_index import VectorIndex

_POLL_S = 0.1
_SALT_BYTES = 16
_MOST_ATTEMPTS = 3
Finished = tuple[Receipt, Path]


class Deletion:
    """Deletes documents, and all that was made of them.

    Args:
        surroundings: every store that may hold something.
        version: of this system, for the receipt.
        known_texts: what this program itself brings along: pieces of that are no trace of anybody's document.
        readers_timeout_s: how long readers may take to leave the generations that were dropped.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        version: str,
        known_texts: Callable[[], Iterable[bytes]] = tuple,
        readers_timeout_s: float = 60.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._all = surroundings
        self._version = version
        self._known_texts = known_texts
        self._readers_timeout_s = readers_timeout_s
        self._now = now
        self._sleep = sleep

    def preview(self, criteria: Sequence[Criterion]) -> Targets:
        """Gives what would go; nothing is changed, and no draft is looked into.

        Raises:
            NotFoundError: nothing meets the criteria.
        """
        with self._all.opened_generations() as generations:
            return self._resolve(criteria, [*reversed(generations.values())])

    def expired(
        self,
        *,
        saved_before: datetime,
        categories: Sequence[Category] = tuple(Category),
        author_full_name: str | None = None,
    ) -> Expired:
        """Gives what a retention period is over for; see `find_expired`."""
        documents = self._all.documents
        return find_expired(
            documents,
            documents,
            saved_before=saved_before,
            categories=categories,
            author_full_name=author_full_name,
        )

    def resume(self) -> list[Finished]:
        """Ends the deletions that were stopped half way, the oldest first."""
        with self._all.records.alone():
            return [self._finish(intent, self._open_draft(intent.targets)) for intent in self._all.records.pending()]

    def delete(self, criteria: Sequence[Criterion]) -> Finished:
        """Deletes all that meets any of the criteria, and gives the receipt and its file. Call `resume` before.

        Raises:
            NotFoundError: nothing meets the criteria; nothing was changed.
            IndexBusyError: the index is being written, or another process deletes; nothing was changed.
            InputError: an unfinished build is in the way; nothing was changed.
            BackendUnavailableError: somebody is still reading what was dropped; `resume` ends the deletion.
        """
        with self._all.records.alone():
            try:
                self.preview(criteria)
            except NotFoundError:
                if not self._all.has_draft():  # to open one may change the index, and there is nothing to delete
                    raise
            draft = self._all.open_draft()
            try:
                intent = self._begin(criteria, draft)
            except BaseException:
                if draft is not None:
                    draft.close()
                raise
            return self._finish(intent, draft)

    def _begin(self, criteria: Sequence[Criterion], draft: IndexDraft | None) -> Intent:
        with self._all.opened_generations() as opened:
            generations = [*opened.values()]
            drafts = [] if draft is None else [draft]
            targets = self._resolve(criteria, [*drafts, *reversed(generations)])
            self._require_complete(drafts, opened, targets)
            fingerprints = self._fingerprints(targets, drafts, generations)
            before = self._all.held(targets, next(iter([*drafts, *reversed(generations)]), None))
        begun = self._now()
        intent = Intent(
            id=f"{begun:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
            begun_at=begun.isoformat(timespec="seconds"),
            criteria=tuple(hashed(criterion, fingerprints.salt) for criterion in criteria),
            targets=targets,
            fingerprints=fingerprints,
            before=before,
            generations=tuple(sorted(generation.number for generation in self._all.generations())),
            scans_before=tuple(self._all.scanner.scan(fingerprints)),
        )
        self._all.signer.public_key(create=True)  # should that fail, then before anything is gone
        self._all.records.begin(intent)
        logger.info("deletion_begun id={} n_documents={}", intent.id, len(targets.documents))
        return intent

    def _finish(self, intent: Intent, draft: IndexDraft | None) -> Finished:
        targets = intent.targets
        self._erase_everywhere(targets, draft)
        if self._all.cache is not None:
            self._all.cache.clear()
        self._wait_for_readers()
        for history in self._all.histories:
            history.forget(targets.needles())
        receipt = signed(self._receipt(intent), self._all.signer)
        path = self._all.records.end(receipt)
        logger.info("deletion_ended id={} n_left={}", receipt.id, receipt.n_left)
        return receipt, path

    def _open_draft(self, targets: Targets) -> IndexDraft | None:
        """Opens the draft to end a deletion that has begun: one that another process has left by half is refused."""
        draft = self._all.open_draft()
        try:
            with self._all.opened_generations() as opened:
                self._require_complete([] if draft is None else [draft], opened, targets)
        except BaseException:
            if draft is not None:
                draft.close()
            raise
        return draft

    def _require_complete(
        self, drafts: Sequence[IndexDraft], opened: Mapping[int, OpenedGeneration], targets: Targets
    ) -> None:
        live = self._all.live_number()
        for draft in drafts:
            served = [index for number, index in opened.items() if number == live]
            require_complete(draft, served, self._all.documents, targets)

    def _erase_everywhere(self, targets: Targets, draft: IndexDraft | None) -> None:
        """Takes the documents out of the store and the index, until one generation is left: the one made here.

        Raises:
            BackendUnavailableError: somebody makes others live again and again.
        """
        for attempt in range(_MOST_ATTEMPTS):
            if attempt:
                logger.warning("deletion_begun_again attempt={}", attempt + 1)
                draft = self._open_draft(targets)
            try:
                self._erase_documents(targets)
                live = self._all.live_number() if draft is None else self._erase_indexed(targets, draft)
            finally:
                if draft is not None:
                    draft.close()
            self._drop_older()
            if [generation.number for generation in self._all.generations()] == ([] if live is None else [live]):
                return
        what = "another process changed which generation of the index is live, again and again"
        raise BackendUnavailableError(f"{what}: stop it, then ./poe delete --resume ends the deletion.")

    def _resolve(self, criteria: Sequence[Criterion], indexes: Sequence[VectorIndex]) -> Targets:
        targets = resolve(criteria, self._all.documents, self._all.documents, indexes)
        if not targets.documents and not targets.author_ids:
            raise NotFoundError("nothing that is stored meets what was asked for: nothing was deleted.")
        return targets

    def _fingerprints(
        self, targets: Targets, drafts: Sequence[IndexDraft], generations: Sequence[OpenedGeneration]
    ) -> Fingerprints:
        """Gives fingerprints of what goes that are no fingerprints of what stays."""
        pieces = collect_pieces(targets, self._all.documents, drafts, generations)
        fingerprints = fingerprints_of(secrets.token_hex(_SALT_BYTES), pieces)
        matcher = FingerprintMatcher(fingerprints)
        staying: set[str] = set()
        for content in chain(self._known_texts(), self._staying(targets, drafts or generations[-1:])):
            staying |= matcher.find(content)
        return fingerprints.without(staying)

    def _staying(self, targets: Targets, indexes: Sequence[VectorIndex]) -> Iterator[bytes]:
        for category in Category:
            going = {*targets.ids_of(category)}
            for document in self._all.documents.find(category):
                if document.id not in going:
                    yield bytes_of(document)
            for index in indexes:
                for point in index.scroll(CLEANED_COLLECTIONS[category]):
                    if point.payload.get("id") not in going:
                        yield "\n".join(map(str, point.payload.values())).encode(errors="surrogatepass")

    def _erase_documents(self, targets: Targets) -> None:
        for category in Category:
            if ids := targets.ids_of(category):
                self._all.documents.erase(category, ids)
        if targets.author_ids:
            self._all.documents.erase_users(targets.author_ids)

    def _erase_indexed(self, targets: Targets, draft: IndexDraft) -> int | None:
        """Gives the number of the generation that is live then; None where there is none: the draft is kept then."""
        live = self._all.live_number()
        filters: dict[str, list[PointFilter]] = {}
        for collection, where in holding_filters(targets.documents):
            filters.setdefault(collection, []).append(where)
        for collection, (*others, last) in filters.items():
            # Erasing writes anew all that stays, so that once a collection is enough.
            for where in others:
                draft.delete(collection, where)
            draft.erase(collection, last)
        if live is None:  # half of a first build: it is no index yet
            return None
        published = draft.publish()
        return live if published is None else published.number

    def _drop_older(self) -> None:
        """Drops every generation but the live one: what was taken out of them may stand in their files still."""
        for generation in self._all.generations():
            if not generation.is_live and self._all.catalogue is not None:
                with suppress(InputError, NotFoundError):  # just now made live, or dropped: seen afterwards
                    self._all.catalogue.drop(generation.number)

    def _wait_for_readers(self) -> None:
        """Waits until nobody has a generation open that was dropped: its files live as long.

        Raises:
            BackendUnavailableError: somebody does not let go.
        """
        waited_s = 0.0
        while old := self._readers_of_dropped():
            if waited_s >= self._readers_timeout_s:
                what = f"an older state of the index is still being read (process {', '.join(map(str, old))})"
                raise BackendUnavailableError(f"{what}: end that, then ./poe delete --resume ends the deletion.")
            self._sleep(_POLL_S)
            waited_s += _POLL_S

    def _readers_of_dropped(self) -> list[int]:
        if self._all.catalogue is None:
            return []
        there = {generation.number for generation in self._all.generations()}
        return sorted({reader.pid for reader in self._all.catalogue.readers() if reader.generation not in there})

    def _receipt(self, intent: Intent) -> Receipt:
        with self._all.opened_generations() as opened:
            after = self._all.held(intent.targets, next(reversed(opened.values()), None))
        names = {**intent.before, **after}
        there = {generation.number for generation in self._all.generations()}
        stores = (StoreCount(store=n, before=intent.before.get(n, 0), after=after.get(n, 0)) for n in names)
        return Receipt(
            id=intent.id,
            deleted_at=self._now().isoformat(timespec="seconds"),
            version=self._version,
            criteria=intent.criteria,
            documents=intent.targets.documents,
            author_ids=intent.targets.author_ids,
            windows=intent.targets.windows,
            stores=tuple(stores),
            generations_dropped=tuple(number for number in intent.generations if number not in there),
            fingerprints=intent.fingerprints,
            scans_before=intent.scans_before,
            scans_after=tuple(self._all.scanner.scan(intent.fingerprints)),
            not_looked_into=tuple(self._all.not_looked_into),
            public_key="",
        )
