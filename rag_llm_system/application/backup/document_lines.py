"""Users and documents as lines of JSON, in parts of a few megabytes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from pydantic import ValidationError

from rag_llm_system.domain.documents import DOCUMENT_TYPES, Category, Document, DocumentDigest
from rag_llm_system.domain.errors import IntegrityError
from rag_llm_system.domain.users import UserDocument

SCHEMA = 1
"""The version of these lines."""

USERS = "users.jsonl"
FOLDER = "documents/"
_PART_BYTES = 4_000_000
_DAMAGED = "the backup holds lines that are no documents of this system: restore another one"


def user_lines(users: Iterable[UserDocument]) -> bytes:
    """Gives a line for each user."""
    return b"".join(user.model_dump_json().encode() + b"\n" for user in users)


def document_parts(
    category: Category, documents: Iterable[Document], digests: Iterable[DocumentDigest]
) -> Iterator[tuple[str, bytes, int]]:
    """Gives the parts of a category: name, lines, and how many documents there are in it.

    A part ends with the document that makes it longer than four megabytes. Documents and digests come in the order of
    their ids; a digest says when a document was stored.
    """
    remaining = iter(digests)
    digest = next(remaining, None)
    lines: list[bytes] = []
    n_bytes = n_parts = 0
    for document in documents:
        while digest and digest.id < document.id:
            digest = next(remaining, None)
        saved_at = digest.saved_at if digest and digest.id == document.id else ""
        lines.append(document_line(document, saved_at=saved_at))
        n_bytes += len(lines[-1])
        if n_bytes >= _PART_BYTES:
            n_parts += 1
            yield _part_name(category, n_parts), b"".join(lines), len(lines)
            lines, n_bytes = [], 0
    if lines:
        yield _part_name(category, n_parts + 1), b"".join(lines), len(lines)


def document_line(document: Document, *, saved_at: str = "") -> bytes:
    """Gives the document to the letter, and the hash by which a reader of the line sees that it is whole."""
    head = json.dumps({"saved_at": saved_at, "content_hash": document.content_hash()})[:-1]
    return f'{head}, "document": {document.model_dump_json()}}}\n'.encode()


def read_users(lines: bytes) -> list[UserDocument]:
    """Gives the users of the lines.

    Raises:
        IntegrityError: a line is no user.
    """
    try:
        return [UserDocument.model_validate_json(line) for line in lines.splitlines()]
    except ValidationError:
        raise IntegrityError(_DAMAGED) from None


def read_documents(name: str, lines: bytes) -> Iterator[tuple[Document, str]]:
    """Gives the documents of a part, each with when it was stored; "" where that is not known.

    Raises:
        IntegrityError: a line is no document of the part's category, or another one than was written.
    """
    document_type = DOCUMENT_TYPES[category_of(name)]
    for line in lines.splitlines():
        try:
            fields = json.loads(line)
            document = document_type.model_validate(fields["document"])
            saved_at = fields["saved_at"]
            is_whole = document.content_hash() == fields["content_hash"] and isinstance(saved_at, str)
        except (ValueError, KeyError, TypeError, RecursionError):  # pydantic's ValidationError is a ValueError
            raise IntegrityError(_DAMAGED) from None
        if not is_whole:
            raise IntegrityError(_DAMAGED)
        yield document, saved_at


def category_of(name: str) -> Category:
    """Gives the category of a part by its name.

    Raises:
        IntegrityError: there is no such category.
    """
    try:
        return Category(name.removeprefix(FOLDER).rpartition("-")[0])
    except ValueError:
        raise IntegrityError(_DAMAGED) from None


def batches(
    documents: Iterator[tuple[Document, str]], n_documents: int
) -> Iterator[tuple[Sequence[Document], Mapping[str, str]]]:
    """Gives the documents some at a time, and with them when they were stored, by id."""
    while batch := list(islice(documents, n_documents)):
        yield [document for document, _ in batch], {document.id: saved_at for document, saved_at in batch}


def _part_name(category: Category, number: int) -> str:
    return f"{FOLDER}{category}-{number:05}.jsonl"
