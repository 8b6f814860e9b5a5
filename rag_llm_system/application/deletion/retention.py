"""Retention: which documents have been kept longer than they may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rag_llm_system.domain.deletions import Criterion
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.domain.ports.document_store import DocumentStore, UserStore
from rag_llm_system.domain.users import folded_name


@dataclass(frozen=True, slots=True)
class Expired:
    """What a retention period is over for.

    Args:
        criteria: one for each document.
        n_undated: how many documents nobody knows the age of, stored before ages were kept; they stay.
    """

    criteria: tuple[Criterion, ...]
    n_undated: int


def find_expired(
    documents: DocumentStore,
    users: UserStore,
    *,
    saved_before: datetime,
    categories: Sequence[Category] = tuple(Category),
    author_full_name: str | None = None,
) -> Expired:
    """Gives the documents that were stored, or last changed, before a moment.

    Args:
        saved_before: with a time zone.
        categories: those that are looked into.
        author_full_name: only this author's, in any spelling.

    Raises:
        NotFoundError: there is no author of that name.
    """
    author_ids = None if author_full_name is None else _author_ids(users, author_full_name)
    moment = saved_before.astimezone(UTC)
    criteria: list[Criterion] = []
    n_undated = 0
    for category in categories:
        for digest in documents.digests(category, author_ids=author_ids):
            if not digest.saved_at:
                n_undated += 1
            elif _moment(digest.saved_at) < moment:
                criteria.append(Criterion(kind="document", value=f"{category}/{digest.id}"))
    return Expired(tuple(criteria), n_undated)


def _moment(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _author_ids(users: UserStore, full_name: str) -> list[str]:
    wanted = folded_name(full_name)
    ids = [user.id for user in users.users() if folded_name(user.full_name) == wanted]
    if not ids:
        raise NotFoundError(f"no author is called {full_name!r}: nothing was looked at.")
    return ids
