"""All the places that a deletion goes to, and that a verification looks into."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from loguru import logger

from rag_llm_system.application.deletion.targets import n_held
from rag_llm_system.domain.deletions import Targets
from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.domain.generations import Generation
from rag_llm_system.domain.ports.deletion import (
    DeletionRecords,
    ErasableDocuments,
    FileScanner,
    OpenedGeneration,
    OpenGeneration,
    ReceiptSigner,
    RunHistory,
)
from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue, IndexDraft
from rag_llm_system.domain.ports.vector_cache import VectorCache
from rag_llm_system.domain.ports.vector_index import VectorIndex

DOCUMENTS, USERS, CACHE, INDEX = "documents", "authors", "embedding cache", "index"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The stores and what keeps the receipts.

    Args:
        documents: raw documents and authors.
        catalogue: of the index; None: there is no index yet.
        open_generation: opens one of its generations to be looked into.
        cache: of embeddings; None: there is none.
        histories: where runs are written down.
        scanner: reads the files of all of them.
        signer: of receipts.
        records: where deletions at work and receipts are kept.
        has_draft: says whether `catalogue.open_draft` would go on with a draft that was left. It raises an InputError
            where that would throw away one that is of another recipe.
        not_looked_into: places that may hold something and cannot be asked, as people call them.
    """

    documents: ErasableDocuments
    catalogue: IndexCatalogue | None
    open_generation: OpenGeneration
    cache: VectorCache | None
    histories: Sequence[RunHistory]
    scanner: FileScanner
    signer: ReceiptSigner
    records: DeletionRecords
    has_draft: Callable[[], bool] = lambda: True
    not_looked_into: Sequence[str] = ()

    def generations(self) -> list[Generation]:
        """Gives the generations that there are, the live one last."""
        listed = self.catalogue.generations() if self.catalogue is not None else []
        return sorted(listed, key=lambda generation: (generation.is_live, generation.number))

    @contextmanager
    def opened_generations(self) -> Iterator[dict[int, OpenedGeneration]]:
        """Opens all generations, by their numbers, the live one last.

        An older one that is damaged is left out: it is dropped without having been looked into.
        """
        with ExitStack() as opened:
            generations: dict[int, OpenedGeneration] = {}
            for generation in self.generations():
                try:
                    generations[generation.number] = opened.enter_context(self.open_generation(generation.number))
                except IntegrityError:
                    if generation.is_live:
                        raise
                    logger.warning("generation_not_looked_into number={}", generation.number)
            yield generations

    def open_draft(self) -> IndexDraft | None:
        """Opens the draft of the index; None where there is none, and no live generation that it could begin as.

        Raises:
            IndexBusyError: another process has it open.
            InputError: a draft of another recipe is in the way.
        """
        if self.catalogue is None or not (self.has_draft() or self.live_number() is not None):
            return None
        return self.catalogue.open_draft()

    def live_number(self) -> int | None:
        """Gives the number of the live generation; None where there is none."""
        return next((generation.number for generation in self.generations() if generation.is_live), None)

    def held(self, targets: Targets, index: VectorIndex | None) -> dict[str, int]:
        """Counts what each store holds of the targets; of the index, what this state of it holds."""
        counts = {DOCUMENTS: self._n_documents(targets), USERS: self._n_users(targets)}
        if index is not None:
            counts |= {f"{INDEX}: {name}": n for name, n in n_held(index, targets.documents).items()}
        if self.cache is not None:
            counts[CACHE] = self.cache.size().n_vectors
        return counts | {history.name: history.count(targets.needles()) for history in self.histories}

    def _n_documents(self, targets: Targets) -> int:
        wanted = {(reference.category, reference.id) for reference in targets.documents}
        categories = sorted({category for category, _ in wanted})
        digests = (digest for category in categories for digest in self.documents.digests(category))
        return sum((digest.category, digest.id) in wanted for digest in digests)

    def _n_users(self, targets: Targets) -> int:
        return sum(user.id in targets.author_ids for user in self.documents.users()) if targets.author_ids else 0
