"""Deletes documents everywhere, to the last byte, and writes a signed receipt that says so.

They go from the document store, from the index with its older generations, from the cache of embeddings and from the
history of runs. Give any number of ids, links and authors: what meets any of them goes. A deletion that was stopped is
ended by the next one. Backups that were made before still hold what they hold.
"""

import argparse
import sys
from pathlib import Path

from rag_llm_system.domain.deletions import Criterion
from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.settings import load_settings
from tools.command_line import caller_path, resolved_link, run_tool
from tools.deletion_page import opened_deletion, print_finished, target_lines


def main() -> None:
    """Shows what would go, asks, deletes, and prints what is left: nothing."""
    parser = argparse.ArgumentParser(prog="poe delete", description=__doc__)
    parser.add_argument("--id", action="append", default=[], help="a document's id, or CATEGORY/ID; repeatable")
    parser.add_argument("--link", action="append", default=[], help="a document's link or path; repeatable")
    parser.add_argument("--author", action="append", default=[], help="all documents of that author; repeatable")
    parser.add_argument("--dry-run", action="store_true", help="only show what would go")
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal")
    parser.add_argument("--resume", action="store_true", help="only end deletions that were stopped")
    arguments = parser.parse_args()
    criteria = criteria_of(arguments)
    if arguments.resume == bool(criteria):
        parser.error("give --id, --link or --author, or --resume alone")
    with opened_deletion(load_settings()) as deletion:
        if not arguments.dry_run:
            finished = deletion.resume()
            for each in finished:
                print_finished(each)
            if arguments.resume and not finished:
                print("No deletion was stopped half way.")
        if not criteria:
            return
        try:
            print(*target_lines(deletion.preview(criteria)), sep="\n")
        except NotFoundError:
            if arguments.dry_run:
                raise
            print("nothing in the document store and the index; looking into what is being built")
        if arguments.dry_run:
            return
        confirm(arguments.yes)
        print_finished(deletion.delete(criteria))


def criteria_of(arguments: argparse.Namespace) -> list[Criterion]:
    """Gives what was asked for; paths are seen from where the person stands."""
    links = [resolved_link(link, caller_path(".")) for link in arguments.link]
    links += [Path(link).as_uri() for link in links if link.startswith("/")]  # as files are stored
    return [
        *(Criterion(kind="document", value=value) for value in arguments.id),
        *(Criterion(kind="link", value=value) for value in links),
        *(Criterion(kind="author", value=value) for value in arguments.author),
    ]


def confirm(is_sure: bool) -> None:
    """Asks on the terminal whether to go on.

    Raises:
        InputError: the answer is no, or there is nobody to ask.
    """
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise InputError("deleting asks first, and there is no terminal to ask on: give --yes. Nothing was deleted.")
    if input("Delete this for good? Type yes: ").strip().lower() != "yes":
        raise InputError("nothing was deleted, as you did not say yes.")


if __name__ == "__main__":
    run_tool(main)
