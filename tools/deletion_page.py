"""How a deletion and its verification look in a terminal, and what both are opened with."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rag_llm_system.bootstrap.deletion import open_deletion
from rag_llm_system.domain.deletions import Receipt, Targets
from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.settings import Settings
from steps.zenml_environment import set_zenml_environment
from tools.run_history import ZenmlRunHistory, is_on_a_server

if TYPE_CHECKING:
    from rag_llm_system.application.deletion.erasure import Deletion, Finished
    from rag_llm_system.application.deletion.verification import Look

_MOST_SHOWN = 20


def run_histories() -> tuple[list[ZenmlRunHistory], list[Path], list[str]]:
    """Gives the histories of runs that the shell knows, the folders that they are in, and those it cannot ask."""
    folder = set_zenml_environment()
    if is_on_a_server(folder):
        print("note: ZenML keeps its runs on a server: delete there what they say of these documents")
        return [], [], ["ZenML runs on a server"]
    return [ZenmlRunHistory(folder)], [folder], []


@contextmanager
def opened_deletion(settings: Settings) -> Iterator["Deletion"]:
    """Opens all that a deletion goes to."""
    histories, folders, unasked = run_histories()
    with open_deletion(settings, histories=histories, folders=folders, not_looked_into=unasked) as deletion:
        yield deletion


def target_lines(targets: Targets) -> list[str]:
    """Gives what would go."""
    lines = [f"  {reference.category}/{reference.id}" for reference in targets.documents[:_MOST_SHOWN]]
    n_more = len(targets.documents) - _MOST_SHOWN
    more = [f"  … and {n_more:,} more"] if n_more > 0 else []
    authors = [f"  author {author_id}" for author_id in targets.author_ids]
    n_windows = sum(targets.windows.values())
    return [f"{len(targets.documents):,} documents in {n_windows:,} windows", *lines, *more, *authors]


def look_lines(looks: Sequence["Look"]) -> list[str]:
    """Gives a table: what is left, where, and more about it."""
    width = max((len(look.place) for look in looks), default=0)
    return [f"{look.n_left:>9,}  {look.place:<{width}}  {look.note}".rstrip() for look in looks]


def print_unasked(places: Sequence[str]) -> None:
    """Prints a line for each place in which nothing was looked for."""
    for place in places:
        print(f"not looked into: {place}; delete there what it has of these documents")


def print_finished(finished: "Finished") -> None:
    """Prints what a deletion did and where its receipt is.

    Raises:
        IntegrityError: something is left.
    """
    from rag_llm_system.application.deletion.verification import receipt_looks

    receipt, path = finished
    print(*_summary(receipt), "     left", *look_lines(receipt_looks(receipt)), sep="\n")
    print_unasked(receipt.not_looked_into)
    print(f"receipt  {path}\nTo look again: ./poe verify-deletion {path}")
    if receipt.n_left:
        what = f"{receipt.n_left:,} traces of what was deleted are left"
        raise IntegrityError(f"{what}: see the table, remove them there, then ./poe verify-deletion {path}.")


def _summary(receipt: Receipt) -> list[str]:
    n_windows = sum(receipt.windows.values())
    dropped = ", ".join(map(str, receipt.generations_dropped)) or "none"
    looked_for = ", ".join(f"{n:,} {kind}" for kind, n in receipt.fingerprints.n_by_kind().items()) or "none"
    return [
        f"deleted {len(receipt.documents):,} documents, {len(receipt.author_ids):,} authors, {n_windows:,} windows; "
        f"generations dropped: {dropped}",
        f"fingerprints looked for in every file: {looked_for}",
    ]
