"""The generations of an index on a Qdrant server: where drafts begin, and what becomes of them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import islice

from loguru import logger

from rag_llm_system.domain.collections import COLLECTIONS
from rag_llm_system.domain.errors import IntegrityError, RagError
from rag_llm_system.domain.generations import Generation, Reader
from rag_llm_system.domain.index_points import IndexPoint
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import (
    REBUILD,
    ServerGeneration,
    State,
    require_float32,
    require_recent_server,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_draft import QdrantDraft
from rag_llm_system.infrastructure.vector_stores.qdrant_generations import ServerGenerations
from rag_llm_system.infrastructure.vector_stores.qdrant_points import QdrantPoints
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, difference_of, require_same_recipe


class QdrantCatalogue:
    """An `IndexCatalogue` on a Qdrant server, by the server's aliases.

    Where it differs from what is said there: a draft that goes on from the live generation writes into it, so that
    generation changes and is not kept as it was; a rollback goes to the one before it. A server has no lock to hold and
    does not know its readers: that one process writes at a time is the operator's care, `IndexBusyError` is never
    raised, `readers` knows of nobody, and a dropped generation is gone for those who read it. Sizes are not told: 0.

    Args:
        url, api_key, timeout_s, connector, prefix: see `QdrantAdapter`; the connection is closed by `close`.
        dimension, embedder, bm25_k1, bm25_b, bm25_avg_len, bm25_language, chunking: see `Recipe`; what drafts are made
            by.
        compression: a server keeps float32 alone.
        exact_up_to_points: collections made here are searched exactly as long as they are no larger.
        n_kept: how many generations older than the live one are kept.
        batch_points, batch_bytes: see `QdrantPoints`.

    Raises:
        ConfigurationError: the address or the key is wrong, or what answers there is no recent Qdrant server.
        CapabilityError: another compression is asked for.
        BackendUnavailableError: the server is away.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        dimension: int,
        embedder: str,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        connector: QdrantDatabaseConnector | None = None,
        prefix: str = "",
        bm25_k1: float = 1.2,
        bm25_b: float = 0.75,
        bm25_avg_len: float = 60.0,
        bm25_language: str = "english",
        chunking: str = "",
        compression: str = "float32",
        exact_up_to_points: int = 50_000,
        n_kept: int = 1,
        batch_points: int = 256,
        batch_bytes: int = 8_000_000,
    ) -> None:
        self._recipe = Recipe(dimension, embedder, bm25_k1, bm25_b, bm25_avg_len, bm25_language, chunking, compression)
        require_float32(self._recipe)
        self._n_kept = n_kept
        self._batch_points = batch_points
        self._batch_bytes = batch_bytes
        self._connector = connector or QdrantDatabaseConnector(url, api_key=api_key, timeout_s=timeout_s)
        self._generations = ServerGenerations(self._connector, prefix, exact_up_to_points)
        try:
            require_recent_server(self._connector)
        except BaseException:
            self._connector.close()
            raise

    def generations(self) -> list[Generation]:
        """As the port says."""
        live, previous = self._generations.live(), self._generations.previous()
        return [self._describe(one, live, previous) for one in self._generations.complete()]

    def open_draft(self, *, fresh: bool = False) -> QdrantDraft:
        """As the port says. A draft that was left by another recipe is removed when a fresh one is begun."""
        self._generations.tidy()
        left = self._left_draft()
        if left is not None:
            return self._opened(self._generations.whole(left))
        live = self._generations.live()
        if fresh or live is None:
            return self._opened(self._begin(self._recipe, "draft"))
        require_same_recipe(live.recipe, self._recipe, f"the index on {self._connector.place}", REBUILD)
        self._generations.switch(live)  # one of the release before has no aliases yet, and may lack collections
        return self._opened(self._generations.find(live.number))

    def switch(self, number: int) -> None:
        """As the port says.

        Raises:
            ConfigurationError: the generation was made by another recipe than the settings ask for.
        """
        self._generations.tidy()
        generation = self._generations.find(number)
        rebuild = f"{REBUILD} to make one by these settings"
        require_same_recipe(generation.recipe, self._recipe, f"generation {number} of the index", rebuild)
        self._generations.switch(generation)

    def drop(self, number: int) -> None:
        """As the port says; who reads it meets an error that says so."""
        self._generations.tidy()
        self._generations.drop(self._generations.find(number))

    def readers(self) -> list[Reader]:
        """Gives nobody: a server does not know who reads what."""
        return []

    def discard_draft(self) -> bool:
        """Removes the draft that has collections of its own, and says whether there was one."""
        drafts = self._generations.drafts()
        for draft in drafts:
            self._generations.drop(draft)
        return bool(drafts)

    def close(self) -> None:
        """Lets go of the connection; drafts cannot be used any more. Closing twice is allowed."""
        self._connector.close()

    def _left_draft(self) -> ServerGeneration | None:
        left = (one for one in self._generations.drafts() if one.state == "draft")
        return next((one for one in left if not difference_of(one.recipe, self._recipe)), None)

    def _begin(self, recipe: Recipe, state: State, *, out_of: ServerGeneration | None = None) -> ServerGeneration:
        """Begins the next generation, and removes all others that are not complete but for `out_of`.

        It comes before they go, so that it has another number: whoever is still writing to one of them meets an error.
        """
        begun = self._generations.begin(recipe, state, replaces=out_of.number if out_of else 0)
        for left in self._generations.drafts():
            if left.number not in (begun.number, out_of.number if out_of else 0):
                self._generations.drop(left)
        return begun

    def _opened(self, generation: ServerGeneration) -> QdrantDraft:
        return QdrantDraft(
            self._connector,
            self._recipe,
            generation,
            lambda has_changed, switch: self._publish(generation, has_changed, switch),
            lambda: self._note_erasure(generation),
            batch_points=self._batch_points,
            batch_bytes=self._batch_bytes,
        )

    def _note_erasure(self, generation: ServerGeneration) -> None:
        self._generations.noted(generation, to_erase=True)

    def _publish(self, generation: ServerGeneration, has_changed: bool, switch: bool) -> Generation | None:
        generation = self._told(generation)
        live = self._generations.live()
        was_published = generation.is_complete
        if generation.note.get("to_erase"):
            switch = switch and not (was_published and live is not None and live.number != generation.number)
            generation = self._rewritten(generation)
        elif was_published:
            return self._describe_now(generation) if has_changed else None
        published = self._generations.publish(generation, switch=switch)
        if switch:
            self._generations.drop_older(self._n_kept)
        logger.info("generation_completed number={} is_live={}", published.number, switch)
        return self._describe_now(published)

    def _told(self, generation: ServerGeneration) -> ServerGeneration:
        """Gives the generation as it is now; one of the release before is told how it was cut, from now on."""
        generation = self._generations.noted(generation)
        if generation.recipe.chunking == self._recipe.chunking or generation.recipe.chunking:
            return generation
        return self._generations.noted(generation, recipe=asdict(self._recipe))

    def _rewritten(self, source: ServerGeneration) -> ServerGeneration:
        """Gives a generation, not complete yet, that holds a copy of all points of that one and nothing else.

        All other drafts are removed: what is erased may stand in them too.
        """
        target = self._begin(source.recipe, "copy", out_of=source)
        try:
            self._copy(self._points_of(source), self._points_of(target))
        except RagError:
            with suppress(RagError):  # the room it takes may be what was lacking
                self._generations.drop(target)
            raise
        return target

    def _copy(self, old: QdrantPoints, new: QdrantPoints) -> None:
        for name in COLLECTIONS:
            for batch in _batches(old.whole_points(name), self._batch_points):
                new.upsert(name, batch)
        for name in COLLECTIONS:
            n_there, n_copied = old.count(name), new.count(name)
            if n_there != n_copied:
                raise IntegrityError(
                    f"{name} on {self._connector.place} has {n_there} points, of which {n_copied} were copied: "
                    "let nothing else write to it, and run it again"
                )

    def _points_of(self, generation: ServerGeneration) -> QdrantPoints:
        sizes = {"batch_points": self._batch_points, "batch_bytes": self._batch_bytes}
        return QdrantPoints(self._connector, self._recipe, generation, **sizes)

    def _describe_now(self, generation: ServerGeneration) -> Generation:
        return self._describe(generation, self._generations.live(), self._generations.previous())

    def _describe(
        self, generation: ServerGeneration, live: ServerGeneration | None, previous: int | None
    ) -> Generation:
        points = self._points_of(generation)
        return Generation(
            number=generation.number,
            is_live=live is not None and generation.number == live.number,
            is_previous=generation.number == previous,
            created_at=str(generation.note.get("created_at", "")),
            recipe=asdict(generation.recipe),
            counts={name: points.count(name) for name in COLLECTIONS},
            size_bytes=0,
        )


def _batches(points: Iterator[IndexPoint], n_points: int) -> Iterator[list[IndexPoint]]:
    while batch := list(islice(points, n_points)):
        yield batch
