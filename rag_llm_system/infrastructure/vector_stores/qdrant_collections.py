"""This system's collections on a Qdrant server, read as generations of an index.

Generation 3 is the collections `<name>__g3`, one for each of ours. Its ledger's note says what the whole of it is: the
recipe, whether it is complete, and when it became so. Which generation is live is what the alias `index_ledger__live`
stands for; the other `__live` aliases follow it in the same request, for whoever looks at the server by other means.
Collections of the plain names were made by the release before there were generations: together they are generation 1,
and live as long as there is no alias.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rag_llm_system.domain.collections import COLLECTIONS, LEDGER_COLLECTION
from rag_llm_system.domain.errors import CapabilityError, ConfigurationError, IntegrityError
from rag_llm_system.infrastructure.db.qdrant import QdrantDatabaseConnector
from rag_llm_system.infrastructure.vector_stores.qdrant_schema import read_note, remove_collection
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe, difference_of

REBUILD = "run ./poe index build"
FORMAT = 2
LIVE = "__live"
PREVIOUS = "__previous"

_OLDEST_SERVER = (1, 19)
"""The first with `SearchParams.idf`; metadata of collections came with 1.16."""
_PLAIN_NUMBER = 1

State = Literal["draft", "copy", "to_be_live", "complete"]
"""`draft`: being built. `copy`: being filled out of another generation. `to_be_live`: complete, and on its way."""


@dataclass(frozen=True, slots=True)
class ServerGeneration:
    """A generation on the server, or one that is being made.

    Args:
        number: of the generation.
        names: the name on the server of each of its collections.
        note: what its ledger says of it.
        recipe: what it was made by.
    """

    number: int
    names: Mapping[str, str]
    note: Mapping[str, Any]
    recipe: Recipe

    @property
    def state(self) -> State:
        """How far it is; one of the release before there were generations is complete."""
        state: State = self.note.get("state", "complete")
        return state

    @property
    def is_complete(self) -> bool:
        """Whether it holds all that it shall."""
        return self.state in ("to_be_live", "complete")

    @property
    def is_plain(self) -> bool:
        """Whether it was made by the release before there were generations."""
        return "generation" not in self.note


def require_recent_server(connector: QdrantDatabaseConnector) -> None:
    """Makes sure that there is a server and that it is recent enough.

    Raises:
        ConfigurationError: it is too old, or no Qdrant server.
        BackendUnavailableError: it is away.
    """
    version = connector.call(lambda client: client.info()).version
    parts = version.lstrip("v").split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        raise ConfigurationError(f"{connector.place} does not tell its version: correct the address if it is no Qdrant")
    if (int(parts[0]), int(parts[1])) < _OLDEST_SERVER:
        oldest = ".".join(map(str, _OLDEST_SERVER))
        raise ConfigurationError(
            f"{connector.place} is version {version}: this system needs {oldest} or later, update it"
        )


def require_float32(recipe: Recipe) -> None:
    """Refuses a recipe that asks a server to compress vectors.

    Raises:
        CapabilityError: it does.
    """
    if recipe.compression != "float32":
        raise CapabilityError(
            f"a Qdrant server keeps vectors as float32 here, not as {recipe.compression}: "
            "set RAG_VECTOR_COMPRESSION=float32, or use the embedded index"
        )


def stored_recipe(connector: QdrantDatabaseConnector, prefix: str = "") -> Recipe | None:
    """Gives the recipe that the live generation on the server was made by; None where there is none of ours.

    Raises:
        ConfigurationError: a collection of that name was not made by this system, or by a newer version of it.
        IntegrityError: its note is damaged, or its collections were made by different recipes.
    """
    live = live_generation(connector, prefix)
    return live.recipe if live else None


def live_generation(connector: QdrantDatabaseConnector, prefix: str = "") -> ServerGeneration | None:
    """Gives the generation that is live now: one request, where there are aliases.

    Raises:
        ConfigurationError, IntegrityError: as `stored_recipe`.
    """
    note = read_note(connector, f"{prefix}{LEDGER_COLLECTION}{LIVE}")
    if note is None:
        return _plain_generation(connector, prefix, names_there(connector))
    if "generation" not in note:
        return _generation(connector, _PLAIN_NUMBER, note, {name: f"{prefix}{name}" for name in COLLECTIONS})
    number = int(note["generation"])
    return _generation(connector, number, note, names_of(prefix, number))


def all_generations(connector: QdrantDatabaseConnector, prefix: str = "") -> list[ServerGeneration]:
    """Gives the generations on the server and those that are being made, the oldest first.

    Raises:
        ConfigurationError, IntegrityError: as `stored_recipe`.
    """
    there = names_there(connector)
    plain = _plain_generation(connector, prefix, there)
    found = {plain.number: plain} if plain else {}
    for number in numbered_collections(prefix, there):
        note = read_note(connector, names_of(prefix, number)[LEDGER_COLLECTION])
        if note is not None:
            found[number] = _generation(connector, number, note, names_of(prefix, number))
    return [found[number] for number in sorted(found)]


def names_of(prefix: str, number: int) -> dict[str, str]:
    """Gives the names on the server of that generation's collections."""
    return {name: f"{prefix}{name}__g{number}" for name in COLLECTIONS}


def names_there(connector: QdrantDatabaseConnector) -> list[str]:
    """Gives the names of all collections on the server, others' too."""
    return sorted(one.name for one in connector.call(lambda client: client.get_collections()).collections)


def numbered_collections(prefix: str, there: Iterable[str]) -> dict[int, list[str]]:
    """Gives those of the names that have a number, by that number, the ledger's first."""
    numbered = re.compile(f"{re.escape(prefix)}({'|'.join(COLLECTIONS)})__g([1-9][0-9]*)")
    found: dict[int, list[str]] = {}
    for name in _in_order(there):
        matched = numbered.fullmatch(name)
        if matched:
            found.setdefault(int(matched[2]), []).append(name)
    return found


def erase_index(connector: QdrantDatabaseConnector, prefix: str = "") -> list[str]:
    """Removes all generations with all that is in them, drafts and aliases, and gives the names of the collections.

    Ledgers go first, so that they never say too much.

    Raises:
        ConfigurationError: a collection of such a name was not made by this system; nothing is removed.
    """
    there = names_there(connector)
    numbered = (name for names in numbered_collections(prefix, there).values() for name in names)
    names = [*_plain_names(prefix, there).values(), *numbered]
    for name in names:
        read_note(connector, name)
    for name in _in_order(names):
        remove_collection(connector, name)
    return _in_order(names)


def _plain_generation(connector: QdrantDatabaseConnector, prefix: str, there: Iterable[str]) -> ServerGeneration | None:
    names = _plain_names(prefix, there)
    found: ServerGeneration | None = None
    for name in _in_order(names):
        note = read_note(connector, names[name])
        if note is None:
            continue  # removed just now
        one = _generation(connector, _PLAIN_NUMBER, note, names)
        if found is not None and difference_of(found.recipe, one.recipe):
            raise IntegrityError(f"the collections of {connector.place} were made by different recipes: {REBUILD}")
        found = found or one
    return found


def _generation(
    connector: QdrantDatabaseConnector, number: int, note: Mapping[str, Any], names: Mapping[str, str]
) -> ServerGeneration:
    written = note.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise ConfigurationError(
            f"the index on {connector.place} has format {written}, this version reads up to {FORMAT}: "
            "update rag_llm_system"
        )
    try:
        return ServerGeneration(number, names, note, Recipe(**note["recipe"]))
    except (KeyError, TypeError):
        raise IntegrityError(f"the note of generation {number} on {connector.place} is damaged: {REBUILD}") from None


def _plain_names(prefix: str, there: Iterable[str]) -> dict[str, str]:
    known = {*there}
    return {name: f"{prefix}{name}" for name in COLLECTIONS if f"{prefix}{name}" in known}


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (LEDGER_COLLECTION not in name, name))
