"""Which pieces of a document are looked for after it was deleted, and in nothing else that stays.

Stores keep JSON, so pieces are taken from runs of plain ASCII without quotes and backslashes: those stand in it as they
stand in the text. Pieces that read like prose come first; what looks like an address, or like a ruler of one sign, may
stand anywhere.
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.application.deletion.targets import holding_filters
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.deletions import DocumentReference, Targets
from rag_llm_system.domain.documents import Category, Document
from rag_llm_system.domain.fingerprints import KINDS, LONG_BYTES, SHORT_BYTES, Kind
from rag_llm_system.domain.ports.deletion import OpenedGeneration
from rag_llm_system.domain.ports.document_store import DocumentStore
from rag_llm_system.domain.ports.vector_index import PointSource, VectorIndex

MOST_PER_TEXT = 64
_MOST_IN_ALL = 100_000
_LEAST_PER_TEXT = 4
_PLAIN_RUN = re.compile(r"[ !#-\[\]-~]{32,}")
_PLAIN_TAIL = re.compile(r"[!#-\[\]-~]{16,}\Z")
_CHOICE = 8
"""How many pieces are looked at for each that is taken."""
_LEAST_SIGNS = 8
_LEAST_SPACES = 2
_NOT_WORDS = {"id", "link", "author_id", "author_full_name", "platform", "contributors", "image"}
_FLOATS_PER_PIECE = LONG_BYTES // 4
_TELLING_SIGNS = 8
"""By fewer signs at its end no link or id is told from one that stays: a store may write anything next to that."""
_PACKED_SIGNS = 3
"""So many bytes of a packer may follow a part of a name that stays, and then spell the end of one that goes."""


class Pieces:
    """Collects pieces of what is to go, by kind; a share of each text, so that no number of documents is too large.

    Args:
        n_documents: how many there are to go.
    """

    def __init__(self, n_documents: int) -> None:
        self._most = max(_LEAST_PER_TEXT, min(MOST_PER_TEXT, _MOST_IN_ALL // max(1, n_documents)))
        self.by_kind: dict[Kind, set[bytes]] = {kind: set() for kind in KINDS}

    def add_targets(self, targets: Targets) -> None:
        """Takes the ids and links."""
        for reference in targets.documents:
            self._add_id(reference.id)
        for author_id in targets.author_ids:
            self._add_id(author_id)
        self.by_kind["links"] |= {piece for link in targets.spelled_links() for piece in _link_piece(link)}

    def leave_out_continued(self, staying: Iterable[str]) -> None:
        """Leaves out pieces of links and ids that go on from what stays by few signs, which may stand there anyway.

        What stays is a whole name and whatever a store writes behind it, or a part of one: where a store packs what it
        keeps, the next byte is one of the packer's.
        """
        pieces = self.by_kind["links"] | self.by_kind["ids"]
        behind = _by_start(pieces, range(1, _TELLING_SIGNS))
        within = _by_start(pieces, [_PACKED_SIGNS])
        for name in staying:
            plain = name.encode(errors="surrogatepass")
            continued = {piece for n in behind for piece in behind[n].get(plain[-n:], ())}
            for n, starts in within.items():
                for first in range(len(plain) - n + 1):
                    continued.update(starts.get(plain[first : first + n], ()))
            self.by_kind["links"] -= continued
            self.by_kind["ids"] -= continued

    def add_stored(self, documents: DocumentStore, targets: Targets) -> None:
        """Takes from the raw documents."""
        for category in sorted({reference.category for reference in targets.documents}):
            for document in documents.find(category, ids=targets.ids_of(category)):
                texts = [*_texts(document.model_dump(exclude=_NOT_WORDS))]
                self.by_kind["text"] |= {*text_pieces(texts, self._most)}

    def add_indexed(self, index: VectorIndex, references: Sequence[DocumentReference]) -> None:
        """Takes from cleaned documents and windows: their texts, their own ids and those of their points."""
        n_windows: dict[str, int] = {}
        for collection, where in holding_filters(references):
            for point in index.scroll(collection, where):
                document_id = str(point.payload.get("document_id", ""))
                n_windows[document_id] = n_windows.get(document_id, 0) + bool(document_id)
                if document_id and n_windows[document_id] > self._most:
                    continue
                self._add_id(point.id)
                if "text" in point.payload:
                    self.by_kind["text"] |= {*text_pieces([point.payload["text"]], self._most)}

    def add_vectors(self, source: PointSource, references: Sequence[DocumentReference]) -> None:
        """Takes from the vectors of windows; a vector that a window which stays has as well is left out."""
        going = {(CHUNK_COLLECTIONS[reference.category], reference.id) for reference in references}
        for collection in sorted({collection for collection, _ in going}):
            n_windows: dict[str, int] = {}
            pieces: set[bytes] = set()
            staying: set[int] = set()
            for point in source.whole_points(collection):
                document_id = str(point.payload.get("document_id", ""))
                if point.vector is None:
                    continue
                if (collection, document_id) not in going:
                    staying |= {hash(piece) for piece in _vector_pieces(point.vector)}
                elif n_windows.setdefault(document_id, 0) < self._most:
                    n_windows[document_id] += 1
                    pieces |= {*_vector_pieces(point.vector)}
            self.by_kind["vectors"] |= {piece for piece in pieces if hash(piece) not in staying}

    def _add_id(self, identifier: str) -> None:
        plain = identifier.encode()
        if len(plain) >= SHORT_BYTES:
            n_bytes = LONG_BYTES if len(plain) >= LONG_BYTES else SHORT_BYTES
            self.by_kind["ids"].add(plain[-n_bytes:])
        try:
            self.by_kind["ids"].add(uuid.UUID(identifier).bytes)
        except ValueError:  # an imported document may have an id of another form
            return


def collect_pieces(
    targets: Targets,
    documents: DocumentStore,
    drafts: Iterable[VectorIndex],
    generations: Iterable[OpenedGeneration],
) -> Mapping[Kind, Iterable[bytes]]:
    """Gives pieces of everything that the document store and the index hold of the targets; vectors of generations."""
    pieces = Pieces(len(targets.documents))
    pieces.add_targets(targets)
    pieces.add_stored(documents, targets)
    for draft in drafts:
        pieces.add_indexed(draft, targets.documents)
    for generation in generations:
        pieces.add_indexed(generation, targets.documents)
        pieces.add_vectors(generation, targets.documents)
    pieces.leave_out_continued(_staying_names(targets, documents))
    return pieces.by_kind


def _staying_names(targets: Targets, documents: DocumentStore) -> Iterator[str]:
    for category in Category:
        going = {*targets.ids_of(category)}
        for digest in documents.digests(category):
            if digest.id not in going:
                yield from (digest.link, digest.id)


def _by_start(pieces: Iterable[bytes], n_signs: Sequence[int]) -> dict[int, dict[bytes, set[bytes]]]:
    """Gives the pieces by what they begin with, all but so many signs: the length of that, that, the pieces."""
    by_start: dict[int, dict[bytes, set[bytes]]] = {}
    for piece in pieces:
        for n in n_signs:
            start = piece[:-n]
            by_start.setdefault(len(start), {}).setdefault(start, set()).add(piece)
    return by_start


def text_pieces(texts: Sequence[str], n_most: int) -> list[bytes]:
    """Gives up to that many pieces of 32 bytes, spread evenly over the texts, prose before anything else."""
    prose: list[bytes] = []
    others: list[bytes] = []
    step = max(LONG_BYTES, sum(map(len, texts)) // (n_most * _CHOICE))  # of a large repository not every piece is cut
    for text in texts:
        for run in _PLAIN_RUN.finditer(text):
            for start in range(run.start(), run.end() - LONG_BYTES + 1, step):
                piece = text[start : start + LONG_BYTES]
                if len(set(piece)) >= _LEAST_SIGNS:
                    is_prose = piece.count(" ") >= _LEAST_SPACES and "//" not in piece
                    (prose if is_prose else others).append(piece.encode())
    chosen = _spread(prose, n_most)
    return chosen or _spread(others, n_most)


def _spread(pieces: Sequence[bytes], n_most: int) -> list[bytes]:
    if len(pieces) <= n_most:
        return list(pieces)
    return [pieces[number * len(pieces) // n_most] for number in range(n_most)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _link_piece(link: str) -> Iterator[bytes]:
    """Gives the end of a link, as a quotation of it in JSON has it; nothing of links that are too short."""
    if tail := _PLAIN_TAIL.search(link):
        plain = tail[0].encode()
        yield plain[-LONG_BYTES:] if len(plain) >= LONG_BYTES else plain[-SHORT_BYTES:]


def _vector_pieces(vector: NDArray[np.float32]) -> Iterator[bytes]:
    """Gives the bytes of eight components at the start and in the middle, as little-endian float32."""
    values = np.asarray(vector, dtype="<f4")
    for start in (0, len(values) // 2):
        part = values[start : start + _FLOATS_PER_PIECE]
        if len(part) == _FLOATS_PER_PIECE and np.count_nonzero(part) > 1:
            yield part.tobytes()


def bytes_of(document: Document) -> bytes:
    """Gives the JSON of a raw document, as stores keep it."""
    return document.model_dump_json().encode(errors="surrogatepass")
