"""Deletes what was stored, or last changed, more than N days ago: everywhere, with one signed receipt."""

import argparse
from datetime import UTC, datetime, timedelta

from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.settings import load_settings
from tools.command_line import run_tool
from tools.deletion import confirm
from tools.deletion_page import opened_deletion, print_finished, target_lines


def main() -> None:
    """Shows what would go, asks, and deletes it."""
    parser = argparse.ArgumentParser(prog="poe retention", description=__doc__)
    parser.add_argument("--days", type=float, required=True, help="how long documents are kept")
    parser.add_argument("--category", choices=[str(category) for category in Category], help="only of this kind")
    parser.add_argument("--author", metavar="NAME", help="only this author's")
    parser.add_argument("--dry-run", action="store_true", help="only show what would go")
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal")
    arguments = parser.parse_args()
    with opened_deletion(load_settings()) as deletion:
        if not arguments.dry_run:
            for each in deletion.resume():
                print_finished(each)
        expired = deletion.expired(
            saved_before=_moment(arguments.days),
            categories=[Category(arguments.category)] if arguments.category else tuple(Category),
            author_full_name=arguments.author,
        )
        if expired.n_undated:
            print(
                f"note: {expired.n_undated:,} documents stay, stored before it was noted when: nobody knows their age"
            )
        if not expired.criteria:
            print(f"Nothing has been kept for more than {arguments.days:g} days.")
            return
        print(*target_lines(deletion.preview(expired.criteria)), sep="\n")
        if not arguments.dry_run:
            confirm(arguments.yes)
            print_finished(deletion.delete(expired.criteria))


def _moment(days: float) -> datetime:
    if not days > 0:
        raise InputError("--days must be more than 0: to delete everything, name what should go to ./poe delete.")
    try:
        return datetime.now(UTC) - timedelta(days=days)
    except OverflowError:
        raise InputError("--days is more than time has had: give fewer.") from None


if __name__ == "__main__":
    run_tool(main)
