"""The generations on a Qdrant server as they are changed: begun, completed, switched, dropped.

Every step is one request that the server does wholly or not at all, and after each of them the next writer can go on: a
ledger's note says what its generation was about to become.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rag_llm_system.domain.collections import COLLECTIONS, LEDGER_COLLECTION, CollectionSpec
from rag_llm_system.domain.errors import BackendError, InputError, NotFoundError
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_collections import (
    FORMAT,
    LIVE,
    PREVIOUS,
    ServerGeneration,
    State,
    all_generations,
    live_generation,
    names_of,
    names_there,
    numbered_collections,
)
from rag_llm_system.infrastructure.vector_stores.qdrant_schema import (
    index_fields,
    make_collection,
    read_note,
    remove_collection,
    write_note,
)
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe

if TYPE_CHECKING:
    from qdrant_client import models


class ServerGenerations:
    """The generations on a server. One writer at a time is taken for granted: a server has no lock to hold.

    Args:
        connector: to the server.
        prefix: put before the names of the collections.
        exact_up_to_points: collections made here are searched exactly as long as they are no larger.
    """

    def __init__(self, connector: QdrantDatabaseConnector, prefix: str = "", exact_up_to_points: int = 50_000) -> None:
        self._connector = connector
        self._prefix = prefix
        self._exact_up_to_points = exact_up_to_points

    def live(self) -> ServerGeneration | None:
        """Gives the generation that is live now."""
        return live_generation(self._connector, self._prefix)

    def complete(self) -> list[ServerGeneration]:
        """Gives all complete generations, the oldest first."""
        return [one for one in self._all() if one.is_complete]

    def drafts(self) -> list[ServerGeneration]:
        """Gives those that are being made, or were left, the oldest first."""
        return [one for one in self._all() if not one.is_complete]

    def find(self, number: int) -> ServerGeneration:
        """Gives that complete generation.

        Raises:
            NotFoundError: there is no such generation.
        """
        found = {one.number: one for one in self.complete()}
        if number not in found:
            known = ", ".join(map(str, found)) or "none"
            raise NotFoundError(f"there is no generation {number}: there are {known}; see ./poe index list")
        return found[number]

    def previous(self) -> int | None:
        """Gives the number of the one that was live before the live one, while it is there."""
        alias = f"{self._prefix}{LEDGER_COLLECTION}{PREVIOUS}"
        meant = [one.collection_name for one in self._aliases() if one.alias_name == alias]
        live = self.live()
        found = (one.number for one in self._all() if one.names.get(LEDGER_COLLECTION) in meant)
        return next((number for number in found if live is None or number != live.number), None)

    def begin(self, recipe: Recipe, state: State, **more: Any) -> ServerGeneration:
        """Makes the collections of the next generation, the ledger first: its note says that it is not complete."""
        there = self._all()
        numbered = numbered_collections(self._prefix, names_there(self._connector))
        number = max([*numbered, *map(_last_number, there)], default=0) + 1
        note = {"format": FORMAT, "recipe": asdict(recipe), "generation": number, "state": state, **more}
        return self.whole(ServerGeneration(number, names_of(self._prefix, number), note, recipe))

    def whole(self, generation: ServerGeneration) -> ServerGeneration:
        """Gives the generation with every collection, having made those that it lacked."""
        there = {*names_there(self._connector)}
        names = names_of(self._prefix, generation.number)
        if generation.is_plain:
            names = {name: f"{self._prefix}{name}" for name in COLLECTIONS}
        for name in sorted(names, key=lambda name: name != LEDGER_COLLECTION):
            if names[name] not in there:
                self._make(names[name], COLLECTIONS[name], generation)
            elif not generation.is_complete:
                index_fields(self._connector, names[name], COLLECTIONS[name])
        return ServerGeneration(generation.number, names, generation.note, generation.recipe)

    def noted(self, generation: ServerGeneration, **changes: Any) -> ServerGeneration:
        """Gives the generation as it is now, after changing at once what its ledger says of it.

        Raises:
            NotFoundError: it was dropped meanwhile.
        """
        ledger = generation.names[LEDGER_COLLECTION]
        note = read_note(self._connector, ledger)
        if note is None:
            what = f"generation {generation.number} on {self._connector.place} was dropped meanwhile"
            raise NotFoundError(f"{what}: run it again")
        if changes:
            note = {**note, **changes}
            write_note(self._connector, ledger, note)
        return ServerGeneration(generation.number, generation.names, note, Recipe(**note["recipe"]))

    def publish(self, generation: ServerGeneration, *, switch: bool) -> ServerGeneration:
        """Says that it is complete, and makes it the live one where `switch` says so."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if switch:
            return self._arrived(self.noted(generation, state="to_be_live", created_at=now))
        published = self.noted(generation, state="complete", created_at=now)
        self._drop_replaced(published)
        return self.noted(published, replaces=0)

    def switch(self, generation: ServerGeneration) -> None:
        """Makes it the live one, by one request; the one that was live becomes the previous one.

        One that replaces the live one leaves the previous one as it was.
        """
        live = self.live()
        generation = self.whole(generation)
        targets = {f"{self._prefix}{name}{LIVE}": generation.names[name] for name in COLLECTIONS}
        if live is not None and not _is_same(live, generation) and generation.note.get("replaces") != live.number:
            live = self.whole(live)
            targets[f"{self._prefix}{LEDGER_COLLECTION}{PREVIOUS}"] = live.names[LEDGER_COLLECTION]
        # The ledger's decides, so it is the last one: a server that dies half way has not switched.
        decisive = f"{self._prefix}{LEDGER_COLLECTION}{LIVE}"
        self._set_aliases(dict(sorted(targets.items(), key=lambda item: item[0] == decisive)))

    def drop(self, generation: ServerGeneration) -> None:
        """Removes it, the ledger first.

        Raises:
            InputError: it is the live one.
        """
        if _is_same(generation, self.live()):
            number = generation.number
            raise InputError(f"generation {number} is live: switch to another one before it is dropped")
        self._remember_number(generation)
        for name in sorted(generation.names, key=lambda name: name != LEDGER_COLLECTION):
            remove_collection(self._connector, generation.names[name])

    def drop_older(self, n_kept: int) -> None:
        """Removes what is older than the live generation but for the last `n_kept`."""
        live = self.live()
        older = [one for one in self.complete() if live is not None and one.number < live.number]
        for one in older[: max(0, len(older) - n_kept)]:
            self.drop(one)

    def tidy(self) -> None:
        """Completes what a process that died has left half done."""
        for number, names in numbered_collections(self._prefix, names_there(self._connector)).items():
            if names_of(self._prefix, number)[LEDGER_COLLECTION] not in names:
                for name in names:  # of one that was being dropped
                    remove_collection(self._connector, name)
        live = self.live()
        for one in self._all():
            if one.state == "to_be_live":
                self._arrived(one)
            elif LEDGER_COLLECTION not in one.names and not _is_same(one, live):
                self.drop(one)

    def _arrived(self, generation: ServerGeneration) -> ServerGeneration:
        self.switch(generation)
        self._drop_replaced(generation)
        return self.noted(generation, state="complete", replaces=0)

    def _drop_replaced(self, generation: ServerGeneration) -> None:
        live = self.live()
        for one in self._all():
            if one.number == generation.note.get("replaces") and not _is_same(one, live):
                self.drop(one)

    def _remember_number(self, generation: ServerGeneration) -> None:
        """Writes down that the number was given, in those that would not tell it by their own."""
        for one in self.complete() if generation.is_complete else []:
            if one.number < generation.number and LEDGER_COLLECTION in one.names:
                last = max(_last_number(one), _last_number(generation))
                self.noted(one, last=last)

    def _make(self, name: str, spec: CollectionSpec, generation: ServerGeneration) -> None:
        make_collection(
            self._connector,
            name,
            spec,
            dimension=generation.recipe.dimension,
            note=generation.note,
            exact_up_to_points=self._exact_up_to_points,
        )

    def _all(self) -> list[ServerGeneration]:
        return all_generations(self._connector, self._prefix)

    def _aliases(self) -> "Iterator[models.AliasDescription]":
        yield from self._connector.call(lambda client: client.get_aliases()).aliases

    def _set_aliases(self, targets: dict[str, str]) -> None:
        from qdrant_client import models

        changes: list[models.AliasOperations] = [
            models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=collection, alias_name=alias))
            for alias, collection in targets.items()
        ]
        if not self._connector.call(lambda client: client.update_collection_aliases(changes)):
            raise BackendError(f"{self._connector.place} has not switched the index: run it again")


def _is_same(one: ServerGeneration, other: ServerGeneration | None) -> bool:
    return other is not None and one.number == other.number and one.is_plain == other.is_plain


def _last_number(generation: ServerGeneration) -> int:
    return max(generation.number, int(generation.note.get("last", 0)))
