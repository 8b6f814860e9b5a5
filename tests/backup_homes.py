"""Homes to be backed up: a few documents, an index over them, and what both say, to be compared afterwards."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.bootstrap.home import open_home
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS, COLLECTIONS
from rag_llm_system.domain.documents import (
    ArticleContent,
    ArticleDocument,
    Category,
    Document,
    PostDocument,
    RepositoryDocument,
    document_id,
)
from rag_llm_system.domain.index_points import DenseQuery, IndexPoint, KeywordQuery
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.infrastructure.db.sql import SqlDocumentStore
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.adapter import QdrantEdgeIndex
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.catalogue import QdrantEdgeCatalogue
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.generations import Generations
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.manifest import Manifest, write_manifest
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import checksums
from rag_llm_system.infrastructure.vector_stores.recipe import Recipe
from rag_llm_system.settings import Settings

DIMENSION = 8
WORDS = "harbour lantern river granite violin meadow engine copper winter orchard".split()
_RECIPE: dict[str, Any] = {"dimension": DIMENSION, "embedder": "test"}
_NAMESPACE = UUID(int=7)


def settings_of(home: Path, **fields: Any) -> Settings:
    """Gives settings of that home."""
    return Settings(rag_home=home, rag_min_free_mb=0, **fields)


def documents(n_articles: int = 5) -> list[Document]:
    """Gives documents of all categories, with what JSON has trouble with."""
    ada = UserDocument.from_full_name("Ada Lovelace")
    common: dict[str, Any] = {"platform": "test", "author_id": ada.id, "author_full_name": ada.full_name}
    links = [f"https://example.org/{number}" for number in range(n_articles)]
    articles = [
        ArticleDocument(
            id=document_id(Category.ARTICLES, link),
            link=link,
            content=ArticleContent(title=f"T {link}", text=f"Zeile\r\n\u2028\x85 \0 ä 𝄞 {link} " * 40),
            metadata={"number": 1.1e-7, "big": 2**63 - 1, "nested": {"ö": [None, True, ""]}},
            **common,
        )
        for link in links
    ]
    post = PostDocument(id=document_id(Category.POSTS, ""), link="", content="A post without a link", **common)
    code = RepositoryDocument(
        id=document_id(Category.REPOSITORIES, "r"), link="r", name="r", content={"a/b": "x = 1\n"}, **common
    )
    return [*articles, post, code]


def users() -> list[UserDocument]:
    """Gives two authors, one of whom wrote nothing."""
    return [UserDocument.from_full_name("Ada Lovelace"), UserDocument.from_full_name("Grace  Hopper")]


def points(n_points: int, seed: int = 0) -> list[IndexPoint]:
    """Gives windows with random vectors."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n_points, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        IndexPoint(
            str(uuid5(_NAMESPACE, f"{seed} {number}")),
            {"author_id": "ada", "document_id": f"d{number}", "chunk_text": text},
            vector,
            text,
        )
        for number, vector in enumerate(vectors)
        for text in (" ".join(rng.choice(WORDS, size=12)),)
    ]


def fill_index(home: Path, n_points: int = 40, seed: int = 0) -> None:
    """Publishes a generation that holds these points too."""
    catalogue = QdrantEdgeCatalogue(home / "index", **_RECIPE, min_free_bytes=0)
    with closing(catalogue.open_draft()) as draft:
        draft.upsert(CHUNK_COLLECTIONS[Category.ARTICLES], points(n_points, seed))
        draft.publish()


def make_home(home: Path, *, n_articles: int = 5) -> Settings:
    """Makes a home with documents and an index, and gives its settings."""
    _save_documents(home, n_articles)
    fill_index(home)
    return settings_of(home)


def make_light_home(home: Path, *, n_articles: int = 5) -> Settings:
    """Makes a home with a generation of a few small files that no engine has written, which takes no time."""
    _save_documents(home, n_articles)
    sealed = home / "index" / "sealed"
    for number in range(4):
        file = sealed / "article_chunks_embedded" / "segments" / f"{number}.dat"
        file.parent.mkdir(parents=True, exist_ok=True)
        body = np.random.default_rng(number).bytes(3_000)
        file.write_bytes(body + bytes(100_000) + body + bytes(5_000))
    write_manifest(sealed, Manifest(Recipe(DIMENSION, "test"), checksums=_checksums_below(sealed)))
    Generations(home / "index").adopt(sealed)
    return settings_of(home)


def light_state_of(home: Path) -> dict[str, Any]:
    """Gives all documents and users, and the checksums of the live generation's files."""
    generations = Generations(home / "index")
    live = generations.catalogue().live
    assert live is not None
    return {**stored(f"sqlite:///{home}/documents.sqlite"), "files": checksums(generations.path_of(live))}


def stored(url: str) -> dict[str, list[str]]:
    """Gives all users and documents to the letter, and when the documents were stored."""
    with closing(SqlDocumentStore(url, create=False)) as store:
        all_documents = {
            str(category): [one.model_dump_json() for one in store.find(category)] for category in Category
        }
        all_documents["digests"] = [one.model_dump_json() for category in Category for one in store.digests(category)]
        return {"users": [user.model_dump_json() for user in store.users()], **all_documents}


def indexed(home: Path) -> dict[str, Any]:
    """Gives all points with their vectors and weights as bytes, and the hits of some searches with their scores."""
    with closing(QdrantEdgeIndex(home / "index", **_RECIPE, min_free_bytes=0)) as index:
        whole = {
            name: [
                (point.id, dict(point.payload), _bytes(point.vector), *(_bytes(part) for part in point.terms or ()))
                for point in index.whole_points(name)
            ]
            for name in COLLECTIONS
        }
        asked = points(3, seed=99)
        dense = [DenseQuery(point.vector, 10) for point in asked if point.vector is not None]
        keyword = [KeywordQuery(point.text, 10) for point in asked]
        hits = index.search(CHUNK_COLLECTIONS[Category.ARTICLES], [*dense, *keyword])
        return {
            "points": whole,
            "hits": [[(hit.id, hit.score, dict(hit.payload)) for hit in of_one] for of_one in hits],
        }


def state_of(home: Path) -> dict[str, Any]:
    """Gives all that a home holds."""
    return {**stored(f"sqlite:///{home}/documents.sqlite"), **indexed(home)}


def files_of(folder: Path) -> list[str]:
    """Gives all files below, but for locks."""
    found = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    return [name for name in found if not name.rpartition("/")[2].endswith(".lock")]


def _save_documents(home: Path, n_articles: int) -> None:
    open_home(settings_of(home))
    with closing(SqlDocumentStore(f"sqlite:///{home}/documents.sqlite", clock=_long_ago)) as store:
        store.save_users(users())
        store.save(documents(n_articles))


def _long_ago() -> datetime:
    return datetime(2020, 1, 2, tzinfo=UTC)


def _checksums_below(folder: Path) -> dict[str, str]:
    return {name: checksum for name, checksum in checksums(folder).items() if "/" in name}


def _bytes(array: NDArray[Any] | None) -> bytes:
    return b"" if array is None else array.tobytes()
