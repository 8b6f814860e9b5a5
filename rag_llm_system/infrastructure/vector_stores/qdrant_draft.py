"""The next state of an index on a Qdrant server while it is made."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.domain.generations import Generation
from rag_llm_system.domain.index_points import IndexPoint, PointFilter
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import ServerGeneration
from rag_llm_system.infrastructure.vector_stores.qdrant_points import QdrantPoints
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

_T = TypeVar("_T")


class QdrantDraft(QdrantPoints):
    """An `IndexDraft` on a server.

    One that began with nothing has collections of its own, which nobody reads before it is published. One that goes on
    from the live generation writes into that one, as a server serves readers beside a writer: what it does is seen at
    once. Both can be gone on with after a kill: every call that was acknowledged stands.

    Args:
        connector: to the server; it stays open.
        recipe: what points are made by.
        generation: what is written to.
        publish: completes that generation; is told whether this draft has changed anything, and whether to switch.
        to_erase: writes down that the collections must be written anew when the draft is published.
        batch_points, batch_bytes: see `QdrantPoints`.
    """

    def __init__(
        self,
        connector: QdrantDatabaseConnector,
        recipe: Recipe,
        generation: ServerGeneration,
        publish: Callable[[bool, bool], Generation | None],
        to_erase: Callable[[], None],
        *,
        batch_points: int = 256,
        batch_bytes: int = 8_000_000,
    ) -> None:
        super().__init__(connector, recipe, generation, batch_points=batch_points, batch_bytes=batch_bytes)
        self._publish = publish
        self._to_erase = to_erase
        self._has_changed = False
        self._is_to_erase = False
        self._is_closed = False

    def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        """As the port says; of a call that fails half way some batches may stand."""
        super().upsert(collection, points)
        self._has_changed = self._has_changed or bool(points)

    def delete(self, collection: str, where: PointFilter) -> int:
        """As the port says."""
        n_deleted = super().delete(collection, where)
        self._has_changed = self._has_changed or n_deleted > 0
        return n_deleted

    def erase(self, collection: str, where: PointFilter) -> int:
        """Removes what matches, as `delete` does; its bytes are gone when `publish` returns.

        A server keeps deleted points in segments and logs until it sees fit. So `publish` copies what stays, without
        embedding anything, into collections of the next generation, and drops the ones that held it. Until then that is
        written down in the ledger's note, and whoever opens the draft after a kill does it.
        """
        self._require_open()
        if not self._is_to_erase:
            self._to_erase()
            self._is_to_erase = True
        return self.delete(collection, where)

    def publish(self, *, switch: bool = True) -> Generation | None:
        """As `IndexDraft` says. One that writes into the live generation gives that one, whatever `switch` says.

        Raises:
            IntegrityError: what stays after erasing was changed by somebody else while it was copied.
        """
        self._require_open()
        published = self._publish(self._has_changed, switch)
        self._is_closed = True
        return published

    def close(self) -> None:
        """As the port says; the draft is kept."""
        self._is_closed = True

    def _call(self, work: "Callable[[QdrantClient], _T]") -> _T:
        self._require_open()
        return super()._call(work)

    def _require_open(self) -> None:
        if self._is_closed:
            raise BackendError(f"the draft on {self._connector.place} is closed: open it again")
