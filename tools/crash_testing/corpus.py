"""Documents that can be told apart: each version of each has one word that stands nowhere else."""

import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rag_llm_system.domain.documents import (
    ArticleContent,
    ArticleDocument,
    Category,
    Document,
    PostDocument,
    RepositoryDocument,
    document_id,
)
from rag_llm_system.domain.users import user_id

AUTHORS = ("Ada Lovelace", "Emmy Noether")
_LETTERS = "bcfgjkmnpqvwxz"
_WORD_LETTERS = 14
_COMMON = (
    "the river carries stones toward a quiet harbour where boats wait for wind and people mend nets while children "
    "count gulls over red roofs because every morning begins with bread salt light and a slow conversation about rain"
).split()


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of a crash test.

    Args:
        seed: another one gives other documents.
        n_documents: how many there are at the most.
        categories: that they take in turns.
    """

    seed: int
    n_documents: int = 18
    categories: tuple[Category, ...] = tuple(Category)

    def versions(self, n_changes: int) -> dict[int, int]:
        """Gives the documents that there are after so many changes, with their versions, by number."""
        versions = dict.fromkeys(range(self.n_documents), 0)
        for change in range(1, n_changes + 1):
            rng = random.Random(f"{self.seed}/change/{change}")
            replaced, gone = rng.sample(range(self.n_documents), 3), rng.randrange(self.n_documents)
            versions |= dict.fromkeys(set(range(self.n_documents)) - versions.keys(), change)
            versions |= dict.fromkeys(replaced, change)
            del versions[gone]
        return dict(sorted(versions.items()))

    def documents(self, versions: Mapping[int, int]) -> list[Document]:
        """Gives those documents."""
        return [self.document(number, version) for number, version in versions.items()]

    def document(self, number: int, version: int) -> Document:
        """Gives a version of a document; its category depends on its number."""
        link = f"https://writing.example.org/{self.seed}/{number}"
        category = self.categories[number % len(self.categories)]
        author = AUTHORS[number % len(AUTHORS)]
        facts: dict[str, Any] = {
            "id": document_id(category, link),
            "platform": "crash test",
            "link": link,
            "author_id": user_id(author),
            "author_full_name": author,
        }
        text = self.text(number, version)
        if category is Category.POSTS:
            return PostDocument(content=text, **facts)
        if category is Category.REPOSITORIES:
            return RepositoryDocument(name=f"repository {number}", content={"notes.md": text}, **facts)
        return ArticleDocument(content=ArticleContent(title=f"Article {number}", text=text), **facts)

    def text(self, number: int, version: int) -> str:
        """Gives a text of one to three windows in which the version's word stands once."""
        rng = random.Random(f"{self.seed}/text/{number}/{version}")
        words = [rng.choice(_COMMON) for _ in range(rng.choice((25, 60, 250)))]
        words.insert(rng.randrange(len(words)), self.word(number, version))
        return ". ".join(" ".join(words[start : start + 12]) for start in range(0, len(words), 12)) + "."

    def word(self, number: int, version: int) -> str:
        """Gives the word that stands in that version of that document alone."""
        digest = hashlib.sha256(f"{self.seed}/word/{number}/{version}".encode()).digest()
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:_WORD_LETTERS])

    def words(self, versions: Mapping[int, int]) -> dict[str, int]:
        """Gives the word of each of those documents, with the document's number."""
        return {self.word(number, version): number for number, version in versions.items()}


def document_hashes(documents: Iterable[Document]) -> dict[str, str]:
    """Gives the content hash of each document, by its link."""
    return {document.link: document.content_hash() for document in documents}
