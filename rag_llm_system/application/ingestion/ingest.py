"""From links to raw documents in the document store: find the crawler, fetch, parse, save, report."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from loguru import logger
from pydantic import BaseModel, ConfigDict

from rag_llm_system.application.crawlers.dispatcher import CrawlerDispatcher, ParserDispatcher
from rag_llm_system.application.ingestion.crawled_folders import CrawledFolders
from rag_llm_system.domain.documents import (
    ArticleContent,
    ArticleDocument,
    Category,
    Document,
    PostDocument,
    RepositoryDocument,
    document_id,
)
from rag_llm_system.domain.errors import InputError, RagError
from rag_llm_system.domain.links import without_credentials
from rag_llm_system.domain.ports.document_store import DocumentStore, SaveOutcome, UserStore
from rag_llm_system.domain.ports.source import Fetched, FetchFailure, Parsed, Territory
from rag_llm_system.domain.users import UserDocument, folded_name

Progress = Callable[[int, int], None]
"""Called with how many things are done and how many there are; 0 while nobody knows."""

_BATCH_CHARS = 4_000_000


class IngestionReport(BaseModel):
    """What an ingestion did: what was saved, by category; each link that failed, with the reason in a line."""

    model_config = ConfigDict(frozen=True)

    saved: dict[Category, SaveOutcome]
    failures: tuple[tuple[str, str], ...]
    seconds: float
    n_by_author: dict[str, int] = {}
    """How many documents were found of each author, by full name in the order of the alphabet."""
    n_gone: int = 0
    """Documents whose files are no longer in a folder that was crawled; they were removed from the store."""
    n_moved: int = 0
    """Such documents whose text came anew from another place; the ones from there count as new."""
    n_kept: int = 0
    """Documents of crawled folders that were not brought this time and stay: their files are there, or may be."""
    n_reowned: int = 0
    """Documents of crawled folders that were another author's before."""

    @classmethod
    def of_all(cls, reports: Sequence["IngestionReport"]) -> "IngestionReport":
        """Gives what several ingestions did together."""
        n_by_author = sum((Counter(report.n_by_author) for report in reports), Counter[str]())
        none = SaveOutcome()
        return cls(
            saved={category: sum((r.saved.get(category, none) for r in reports), none) for category in Category},
            failures=tuple(failure for report in reports for failure in report.failures),
            seconds=sum(report.seconds for report in reports),
            n_by_author=dict(sorted(n_by_author.items())),
            n_gone=sum(report.n_gone for report in reports),
            n_moved=sum(report.n_moved for report in reports),
            n_kept=sum(report.n_kept for report in reports),
            n_reowned=sum(report.n_reowned for report in reports),
        )

    @property
    def outcome(self) -> SaveOutcome:
        """The documents of all categories."""
        return sum(self.saved.values(), SaveOutcome())

    @property
    def n_documents(self) -> int:
        """How many documents were found, whether or not they were new."""
        return self.outcome.n_new + self.outcome.n_changed + self.outcome.n_unchanged

    @property
    def ok(self) -> bool:
        """False where something failed and nothing came."""
        return self.n_documents > 0 or not self.failures

    def raise_if_nothing_came(self) -> None:
        """Makes a run in which everything failed an error.

        Raises:
            InputError: something failed and nothing came; the message holds the first reason.
        """
        if not self.ok:
            link, reason = self.failures[0]
            n_more = len(self.failures) - 1
            more = f" (and {n_more} more: ./poe local-zenml-server-up shows them)" if n_more else ""
            raise InputError(f"nothing could be ingested: {link}: {reason}{more}")

    def n_by_category(self) -> dict[str, int]:
        """Counts the documents that were found of each category."""
        return {
            str(category): saved.n_new + saved.n_changed + saved.n_unchanged for category, saved in self.saved.items()
        }

    def summary(self) -> dict[str, int | float]:
        """Gives the counts for logs and run metadata."""
        return {
            "n_new": self.outcome.n_new,
            "n_changed": self.outcome.n_changed,
            "n_unchanged": self.outcome.n_unchanged,
            "n_failed": len(self.failures),
            "n_gone": self.n_gone,
            "n_moved": self.n_moved,
            "n_kept": self.n_kept,
            "n_reowned": self.n_reowned,
            **{f"n_{category}": n for category, n in self.n_by_category().items()},
            "seconds": round(self.seconds, 3),
        }


class Ingestion:
    """Brings what links lead to into the document store.

    Whose a document is: where the crawler knows authors (a package's metadata), the first of them, and the others are
    contributors. Else the author that the caller names, since it is his writing that he points at, and names in
    the text itself (front matter) are contributors. Else the first of the names in the text. Contributors become users
    too, so that questions can name them.

    What is gone: where a link is a folder, documents that came from below it and whose files are certainly no longer
    there are removed from the store, after all that was found is saved. A file that is there and is not brought (it has
    become too large, or hidden, or cannot be read) takes nothing away: its document stays as it was last read. What
    comes by links of other kinds is never taken for gone.

    Args:
        crawlers: link -> crawler.
        parsers: media type -> parser.
        documents: where documents are saved.
        users: where authors are found and made.
        n_per_batch: documents that are saved at a time, and lost at the most when the process is killed.
        clock: gives seconds.
    """

    def __init__(
        self,
        *,
        crawlers: CrawlerDispatcher,
        parsers: ParserDispatcher,
        documents: DocumentStore,
        users: UserStore,
        n_per_batch: int = 32,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._crawlers = crawlers
        self._parsers = parsers
        self._documents = documents
        self._users = users
        self._n_per_batch = n_per_batch
        self._clock = clock

    def ingest(
        self, links: Sequence[str], *, author_full_name: str | None, on_progress: Progress | None = None
    ) -> IngestionReport:
        """Saves what the links lead to. What cannot be fetched or read is in the report and ends nothing.

        Args:
            links: paths, file:// addresses, packages://direct and so on.
            author_full_name: whose writing it is where the source names nobody.
            on_progress: called after each thing that was fetched, with the number so far and 0.

        Raises:
            BackendError: the document store failed; what was saved before is kept.
        """
        started = self._clock()
        folders = CrawledFolders(self._documents, self._territories(links))
        batch = _Batch(self._documents, self._n_per_batch, folders)
        authorship = _Authorship(self._users, author_full_name)
        completed: list[str] = []
        for n_done, found in enumerate(self._found(links, completed), start=1):
            if isinstance(found, FetchFailure):
                batch.failures.append((found.link, found.reason))
            else:
                self._add(found, authorship, batch)
            if on_progress:
                on_progress(n_done, 0)
        batch.save()
        leavings = folders.remove_gone(completed, [link for link, _ in batch.failures])
        report = IngestionReport(
            saved=batch.saved,
            failures=tuple(batch.failures),
            seconds=self._clock() - started,
            n_by_author=dict(sorted(batch.n_by_author.items())),
            **leavings._asdict(),
        )
        counts = report.outcome
        logger.info(
            "documents_ingested n_new={} n_changed={} n_unchanged={} n_gone={} n_moved={} n_failed={} seconds={:.1f}",
            counts.n_new,
            counts.n_changed,
            counts.n_unchanged,
            report.n_gone,
            report.n_moved,
            len(report.failures),
            report.seconds,
        )
        return report

    def _territories(self, links: Sequence[str]) -> dict[str, Territory]:
        """Gives what lies within each link that is a folder. What is wrong with a link is told when it is crawled."""
        territories = {}
        for link in links:
            with suppress(RagError):
                territory = self._crawlers.territory_of(link)
                if territory is not None:
                    territories[link] = territory
        return territories

    def _found(self, links: Sequence[str], completed: list[str]) -> Iterator[Fetched | FetchFailure]:
        """Gives what the crawlers bring, and notes each link whose crawl came to its end."""
        for link in links:
            try:
                yield from self._crawlers.crawler_for(link).crawl(link)
                completed.append(link)
            except RagError as error:
                yield FetchFailure(without_credentials(link), error.message)
            except Exception as error:
                # A crawler's own mistake on one link must not end the run over all the others.
                logger.warning("crawler_failed error={}", type(error).__name__)
                reason = f"the crawler failed ({type(error).__name__}): please report it"
                yield FetchFailure(without_credentials(link), reason)

    def _add(self, fetched: Fetched, authorship: "_Authorship", batch: "_Batch") -> None:
        parsed = self._parsed(fetched)
        names = () if isinstance(parsed, FetchFailure) else authorship.names(fetched, parsed)
        if isinstance(parsed, FetchFailure):
            batch.failures.append((parsed.link, parsed.reason))
        elif not names:
            batch.failures.append((fetched.link, "names no author: say whose writing it is (user_full_name)"))
        else:
            author, *contributors = (authorship.user(name) for name in names)
            batch.add(_document(fetched, parsed, author, contributors), len(parsed.text))

    def _parsed(self, fetched: Fetched) -> Parsed | FetchFailure:
        try:
            parsed = self._parsers.parser_for(fetched.media_type).parse(fetched)
        except RagError as error:
            return FetchFailure(fetched.link, error.message)
        except Exception as error:
            # A parser's own mistake on one file must not end the run over all the others.
            logger.warning("parser_failed media_type={} error={}", fetched.media_type, type(error).__name__)
            reason = f"the parser for {fetched.media_type} failed ({type(error).__name__}): please report it"
            return FetchFailure(fetched.link, reason)
        return parsed if parsed.text.strip() else FetchFailure(fetched.link, "holds no text")


class _Authorship:
    """Decides whose a document is, and asks the store for each name once."""

    def __init__(self, users: UserStore, author_full_name: str | None) -> None:
        self._users = users
        self._named = " ".join((author_full_name or "").split())
        self._known: dict[str, UserDocument] = {}

    def names(self, fetched: Fetched, parsed: Parsed) -> tuple[str, ...]:
        """Gives the author's name and then the contributors', each once; none where nobody is named."""
        named = () if fetched.authors or not self._named else (self._named,)
        claims = [name for name in (*fetched.authors, *named, *parsed.authors) if name.strip()]
        spelling = {folded_name(name): name for name in reversed(claims)}
        return tuple(spelling[key] for key in dict.fromkeys(map(folded_name, claims)))

    def user(self, full_name: str) -> UserDocument:
        key = folded_name(full_name)
        if key not in self._known:
            self._known[key] = self._users.get_or_create(full_name)
        return self._known[key]


class _Batch:
    """Collects documents and saves them a few at a time."""

    def __init__(self, documents: DocumentStore, n_most: int, folders: CrawledFolders) -> None:
        self.saved = {category: SaveOutcome() for category in Category}
        self.failures: list[tuple[str, str]] = []
        self.n_by_author: Counter[str] = Counter()
        self._documents = documents
        self._folders = folders
        self._n_most = n_most
        self._waiting: list[Document] = []
        self._n_chars = 0
        self._added: set[tuple[Category, str]] = set()

    def add(self, document: Document, n_chars: int) -> None:
        """Adds a document; what several links lead to is saved once, as the first of them gave it."""
        key = (document.category, document.id)
        if key in self._added:
            return
        self._added.add(key)
        self._folders.note(document)
        self._waiting.append(document)
        self._n_chars += n_chars
        if len(self._waiting) >= self._n_most or self._n_chars >= _BATCH_CHARS:
            self.save()

    def save(self) -> None:
        for category in Category:
            waiting = [document for document in self._waiting if document.category is category]
            try:
                self._save(category, waiting)
            except InputError:
                for document in waiting:
                    self._save_alone(document)
        self._waiting, self._n_chars = [], 0

    def _save_alone(self, document: Document) -> None:
        try:
            self._save(document.category, [document])
        except InputError as error:
            self.failures.append((document.link, error.message))

    def _save(self, category: Category, documents: Sequence[Document]) -> None:
        self.saved[category] += self._documents.save(documents)
        self.n_by_author.update(document.author_full_name for document in documents)


def _document(fetched: Fetched, parsed: Parsed, author: UserDocument, contributors: Sequence[UserDocument]) -> Document:
    shared: dict[str, Any] = {
        "id": document_id(parsed.category, fetched.link),
        "platform": fetched.platform,
        "link": fetched.link,
        "author_id": author.id,
        "author_full_name": author.full_name,
        "contributors": tuple(contributor.full_name for contributor in contributors),
        "metadata": fetched.metadata,
    }
    if parsed.category is Category.POSTS:
        return PostDocument(content=parsed.text, **shared)
    if parsed.category is Category.REPOSITORIES:
        name = str(fetched.metadata.get("folder") or parsed.title)
        return RepositoryDocument(name=name, content={fetched.path or parsed.title: parsed.text}, **shared)
    content = ArticleContent(title=parsed.title or None, subtitle=parsed.subtitle or None, text=parsed.text)
    return ArticleDocument(content=content, **shared)
