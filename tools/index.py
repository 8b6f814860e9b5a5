"""Looks after the generations of the index: complete states of it, one of which answers questions.

A running API follows a switch by itself. An index that was made by other settings (embedding model, chunk sizes, BM25,
compression) is not answered from: build makes one by the settings as they are now, beside the live one.
"""

import argparse
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from rag_llm_system.bootstrap.generations import open_generations, repair_index
from rag_llm_system.domain.errors import ConfigurationError, NotFoundError
from rag_llm_system.domain.generations import Generation
from rag_llm_system.domain.ports.index_catalogue import IndexCatalogue
from rag_llm_system.settings import load_settings
from tools.command_line import run_tool
from tools.pipeline_runs import run_feature_engineering
from tools.printing import indexing_lines

if TYPE_CHECKING:
    from rag_llm_system.application.indexing.selection import CleaningReport, IndexingReport


def main() -> None:
    """Does what the sub-command says, and prints what is live then."""
    parser = argparse.ArgumentParser(
        prog="poe index", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "list", _list, "show all generations")
    build = _add(commands, "build", _build, "build a generation from the documents, with nothing taken over")
    build.add_argument("--no-switch", action="store_true", help="leave it beside the live one")
    switch = _add(commands, "switch", _switch, "make another generation the live one")
    switch.add_argument("number", type=int)
    _add(commands, "rollback", _rollback, "go back to the generation that was live before")
    drop = _add(commands, "drop", _drop, "remove a generation that is not live")
    drop.add_argument("number", type=int)
    _add(commands, "repair", _repair, "drop what is damaged, and build it again from the documents")
    arguments = parser.parse_args()
    arguments.command(arguments)


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], None],
    help_text: str,
) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=help_text, description=help_text)
    added.set_defaults(command=command)
    return added


def _list(_: argparse.Namespace) -> None:
    generations = _generations()
    if not generations:
        print("There is no generation yet: run ./poe run-feature-engineering-pipeline")
    for generation in generations:
        print(*_lines(generation), sep="\n")


def _build(arguments: argparse.Namespace) -> None:
    reports = run_feature_engineering(fresh=True, switch=not arguments.no_switch)
    print(*indexing_lines(*reports), sep="\n")
    newest = _generations()[-1]
    print(*_lines(newest), sep="\n")
    if arguments.no_switch:
        print(f"To answer from it: ./poe index switch {newest.number}")


def _switch(arguments: argparse.Namespace) -> None:
    with _opened() as catalogue:
        catalogue.switch(arguments.number)
    print(f"generation {arguments.number} is live")


def _rollback(_: argparse.Namespace) -> None:
    with _opened() as catalogue:
        previous = [generation.number for generation in catalogue.generations() if generation.is_previous]
        if not previous:
            raise NotFoundError("there is no generation to go back to: see ./poe index list")
        catalogue.switch(previous[0])
    print(f"generation {previous[0]} is live")


def _drop(arguments: argparse.Namespace) -> None:
    with _opened() as catalogue:
        catalogue.drop(arguments.number)
    print(f"generation {arguments.number} is removed")


def _repair(_: argparse.Namespace) -> None:
    found = repair_index(load_settings())
    for number in found.intact:
        print(f"generation {number} is intact")
    for number, file in found.dropped.items():
        print(f"generation {number} is removed: {file} was damaged or gone")
    if found.live is None and not found.dropped:
        raise NotFoundError("there is no index to repair: run ./poe run-feature-engineering-pipeline")
    if found.live is None or found.was_live_damaged:
        print("Bringing the index up to the documents")
        print(*indexing_lines(*_brought_up()), sep="\n")
    print(*(line for generation in _generations() if generation.is_live for line in _lines(generation)), sep="\n")


def _brought_up() -> "tuple[CleaningReport, IndexingReport]":
    try:
        return run_feature_engineering()
    except ConfigurationError:  # what is left was made by other settings
        return run_feature_engineering(fresh=True)


def _generations() -> list[Generation]:
    with _opened() as catalogue:
        return catalogue.generations()


def _opened() -> closing[IndexCatalogue]:
    return closing(open_generations(load_settings(), tell=print))


def _lines(generation: Generation) -> list[str]:
    role = "live" if generation.is_live else "before" if generation.is_previous else ""
    n_windows = sum(n for name, n in generation.counts.items() if name.endswith("_embedded"))
    size = f"{generation.size_bytes / 1e6:,.1f} MB"
    recipe = generation.recipe
    if not recipe:
        return [f"{generation.number:>4}  {role:6}  damaged: run ./poe index repair"]
    made_by = f"{recipe['embedder']}, {recipe['compression']}, BM25 k1 {recipe['bm25_k1']} b {recipe['bm25_b']}"
    return [
        f"{generation.number:>4}  {role:6}  {generation.created_at}  {n_windows:>9,} windows  {size:>12}",
        f"      {made_by}",
        f"      {recipe['chunking'] or 'chunking not known'}",
    ]


if __name__ == "__main__":
    run_tool(main)
