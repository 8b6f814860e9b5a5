"""Deletion with proof, on real stores: nothing of a document is left in any byte of any file, and nothing else goes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cryptography")

from rag_llm_system.application.deletion.verification import Verdict, require_nothing_left, verify
from rag_llm_system.domain.collections import CHUNK_COLLECTIONS
from rag_llm_system.domain.deletions import Criterion, Receipt
from rag_llm_system.domain.documents import ArticleDocument, Category
from rag_llm_system.domain.errors import (
    AccessError,
    BackendUnavailableError,
    InputError,
    IntegrityError,
    NotFoundError,
)
from rag_llm_system.domain.index_points import DenseQuery, KeywordQuery, SearchQuery
from rag_llm_system.infrastructure.security.signing import Ed25519Signer
from rag_llm_system.infrastructure.vector_stores.qdrant_edge.trees import copy_tree
from tests.deletion_home import DIMENSION, Home, article, words

pytestmark = pytest.mark.slow
WINDOWS = CHUNK_COLLECTIONS[Category.ARTICLES]
SHARED = words(99, 60)
ADAS = article("engines", f"{words(1)} {SHARED}")
ADAS_OTHER = article("weaving", f"{words(2)} {SHARED}")
GRACES = article("compilers", words(3), "Grace Hopper")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two generations: the second has all three documents, the first one only Ada's."""
    path = tmp_path_factory.mktemp("filled") / "home"
    home = Home(path)
    home.fill(ADAS, ADAS_OTHER)
    home.fill(GRACES)
    return path


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Iterator[Home]:
    """A home of the test's own with all three documents."""
    copy_tree(filled, tmp_path / "home")
    yield Home(tmp_path / "home")
    shutil.rmtree(tmp_path / "home")


@pytest.fixture(scope="module")
def deleted(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Receipt]:
    """A home out of which Ada's first document was deleted; not to be changed."""
    path = tmp_path_factory.mktemp("deleted") / "home"
    copy_tree(filled, path)
    home = Home(path)
    assert n_words_left(home, ADAS) > 100
    return home, delete(home, Criterion(kind="link", value=ADAS.link))


def delete(home: Home, criterion: Criterion) -> Receipt:
    with home.deletion(readers_timeout_s=0.2) as deletion:
        receipt, path = deletion.delete([criterion])
    assert path.is_file()
    return receipt


def looked(home: Home, receipt: Receipt, public_key: str = "") -> Verdict:
    with home.surroundings() as surroundings:
        return verify(receipt, surroundings, public_key=public_key)


def contents(home: Home) -> list[bytes]:
    """Gives what the files hold, without the holes of sparse ones."""
    held = []
    for path in home.path.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                size, start = path.stat().st_size, 0
                while start < size:
                    try:
                        start = os.lseek(file.fileno(), start, os.SEEK_DATA)
                    except OSError:  # nothing but a hole is left
                        break
                    end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
                    held.append(os.pread(file.fileno(), end - start, start))
                    start = end
    return held


def n_words_left(home: Home, document: ArticleDocument) -> int:
    """Counts, with nothing but a search for bytes, the pieces of a document's own words that stand in any file."""
    own = document.content.text.removesuffix(SHARED).split()
    pieces = [" ".join(own[i : i + 3]).encode() for i in range(0, len(own) - 3, 3)]
    everything = b"\n".join(contents(home))
    return sum(piece in everything for piece in pieces)


def test_a_deleted_document_is_nowhere_and_the_others_stay(deleted: tuple[Home, Receipt]) -> None:
    home, receipt = deleted
    assert n_words_left(home, ADAS) == 0
    assert n_words_left(home, ADAS_OTHER) > 100
    assert n_words_left(home, GRACES) > 100
    everything = b"\n".join(contents(home))
    assert ADAS.link.encode() not in everything
    assert everything.count(ADAS.id.encode()) == 1  # in the receipt
    assert SHARED[:100].encode() in everything
    verdict = looked(home, receipt)
    require_nothing_left(verdict)
    assert verdict.is_own_key


def test_the_receipt_shows_that_what_is_gone_had_been_found(deleted: tuple[Home, Receipt]) -> None:
    _, receipt = deleted
    before = {scan.store: scan for scan in receipt.scans_before}
    n_by_kind = receipt.fingerprints.n_by_kind()
    assert before["documents.sqlite"].found["text"] == n_by_kind["text"] > 30
    assert before["index"].found["text"] == n_by_kind["text"]
    assert before["index"].found["vectors"] == n_by_kind["vectors"] > 20
    assert before["cache"].found["vectors"] == n_by_kind["vectors"]
    assert before["index"].found["ids"] > 10
    assert receipt.n_left == 0
    assert {count.store: (count.before > 0, count.after) for count in receipt.stores if count.store != "authors"} == {
        "documents": (True, 0),
        "index: article_chunks_embedded": (True, 0),
        "index: cleaned_articles": (True, 0),
        "index: index_ledger": (True, 0),
        "embedding cache": (True, 0),
    }
    assert receipt.generations_dropped == (1, 2)
    assert receipt.windows[WINDOWS] == len(ADAS.content.text) // 200 + 1
    for name in ("Lovelace", ADAS.link, ADAS.content.text[:30]):
        assert name not in receipt.model_dump_json()


def test_neither_half_of_a_search_finds_it(deleted: tuple[Home, Receipt]) -> None:
    home, _ = deleted
    (live,) = home.catalogue.generations()
    own_word = max(ADAS.content.text.removesuffix(SHARED).split(), key=len)
    with home.generation(live.number) as index:
        queries: list[SearchQuery] = [
            KeywordQuery(own_word, 100),
            DenseQuery(np.eye(DIMENSION, dtype=np.float32)[0], 100),
        ]
        keyword, dense = index.search(WINDOWS, queries)
    assert keyword == []
    assert {hit.payload["document_id"] for hit in dense} == {ADAS_OTHER.id, GRACES.id}


def test_an_author_goes_with_what_only_the_index_has_and_with_the_name(home: Home) -> None:
    with home.store() as store:
        store.delete(Category.ARTICLES, [ADAS.id])
    receipt = delete(home, Criterion(kind="author", value="ada  LOVELACE"))
    assert {reference.id for reference in receipt.documents} == {ADAS.id, ADAS_OTHER.id}
    with home.store() as store:
        assert [user.full_name for user in store.users()] == ["Grace Hopper"]
    assert n_words_left(home, ADAS) == 0
    assert b"Lovelace" not in b"\n".join(contents(home))
    require_nothing_left(looked(home, receipt))


def test_where_nothing_is_meant_nothing_changes(home: Home) -> None:
    with pytest.raises(NotFoundError, match="nothing was deleted"):
        delete(home, Criterion(kind="link", value="https://example.org/none"))
    assert [generation.number for generation in home.catalogue.generations()] == [1, 2]
    assert home.records.pending() == []


def test_a_build_that_is_not_finished_is_not_made_live(home: Home) -> None:
    home.catalogue.open_draft(fresh=True).close()
    with pytest.raises(InputError, match="unfinished build"):
        delete(home, Criterion(kind="document", value=ADAS.id))
    with home.store() as store:
        assert store.count(Category.ARTICLES) == 3


def test_a_reader_that_does_not_let_go_is_named_and_the_deletion_ended_later(home: Home) -> None:
    with home.generation(1), pytest.raises(BackendUnavailableError, match=r"process \d+.*--resume"):
        delete(home, Criterion(kind="document", value=ADAS.id))
    assert len(home.records.pending()) == 1
    with home.deletion() as deletion:
        ((receipt, _),) = deletion.resume()
        assert deletion.resume() == []
    assert receipt.n_left == 0
    assert n_words_left(home, ADAS) == 0


def test_what_comes_back_is_found(deleted: tuple[Home, Receipt], filled: Path, tmp_path: Path) -> None:
    copy_tree(deleted[0].path, tmp_path / "home")
    home, receipt = Home(tmp_path / "home"), deleted[1]
    (home.path / "notes").mkdir()
    (home.path / "notes" / "copy.txt").write_text(ADAS.content.text)
    copy_tree(filled / "index" / "generations" / "1", home.path / "index" / "generations" / "1")
    assert places_left(home, receipt) == ["files: index", "files: notes", "index: generation 1"]
    with pytest.raises(IntegrityError, match="is left in index: generation 1, files: index, files: notes"):
        require_nothing_left(looked(home, receipt))
    with home.store() as store:
        store.save([ADAS])
    with pytest.raises(IntegrityError, match="stored again"):
        require_nothing_left(looked(home, receipt))


def places_left(home: Home, receipt: Receipt) -> list[str]:
    return sorted(look.place for look in looked(home, receipt).looks if look.n_left)


def test_a_receipt_that_was_changed_or_is_anothers_is_refused(deleted: tuple[Home, Receipt], tmp_path: Path) -> None:
    home, receipt = Home(deleted[0].path), deleted[1]
    changed = receipt.model_copy(update={"documents": ()})
    with pytest.raises(IntegrityError, match="changed after it was signed"):
        looked(home, changed)
    home.signer = Ed25519Signer(tmp_path / "another")
    home.signer.public_key(create=True)
    with pytest.raises(AccessError, match="another key"):
        looked(home, receipt)
    verdict = looked(home, receipt, public_key=receipt.public_key)
    require_nothing_left(verdict)
    assert not verdict.is_own_key


def test_a_deletion_that_is_killed_again_and_again_is_ended_by_the_next(home: Home) -> None:
    run_until(home.path, "begin", 1, ADAS.id)
    assert home.records.pending() == []
    run_until(home.path, "erase", 2, ADAS.id)
    for step in ("publish", "drop", "clear", "end"):
        run_until(home.path, step, 1)
        assert len(home.records.pending()) == 1
    run_until(home.path, "done", 1)
    assert n_words_left(home, ADAS) == 0
    (receipt,) = (home.path / "deletions").glob("*.json")
    require_nothing_left(looked(home, Receipt.model_validate_json(receipt.read_bytes())))
    with home.store() as store:
        assert store.count(Category.ARTICLES) == 2


def test_the_commands_delete_verify_and_keep_to_a_period(home: Home) -> None:
    assert "terminal to ask on: give --yes" in command(home, 1, "deletion", "--id", ADAS.id)
    assert "To look again: ./poe verify-deletion" in command(home, 0, "deletion", "--id", ADAS.id, "--yes")
    (receipt,) = (home.path / "deletions").glob("*.json")
    assert "nothing is left of 1 documents" in command(home, 0, "verify_deletion", str(receipt))
    of_grace = ("--days", "1e-9", "--author", "grace hopper", "--yes")
    assert "deleted 1 documents, 0 authors" in command(home, 0, "retention", *of_grace)
    (home.path / "copy.txt").write_text(ADAS.content.text)
    assert "is left in files: copy.txt" in command(home, 1, "verify_deletion", str(receipt))
    receipt.write_text(receipt.read_text().replace(ADAS.id, ADAS_OTHER.id))
    assert "changed after it was signed" in command(home, 1, "verify_deletion", str(receipt))


def command(home: Home, code: int, tool: str, *arguments: str) -> str:
    """Runs a tool as `./poe` does, and gives what it printed."""
    environment = {**os.environ, "RAG_HOME": str(home.path), "RAG_MIN_FREE_MB": "0"}
    ran = subprocess.run(
        [sys.executable, "-m", f"tools.{tool}", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    printed = ran.stdout + ran.stderr
    assert ran.returncode == code, printed
    return printed


def run_until(path: Path, step: str, times: int, *ids: str) -> None:
    """Runs a deletion up to the moment before a step is taken for the nth time, and kills it there."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.deletion_home", str(path), *ids],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        for line in process.stdout:
            times -= line.strip() == step
            if not times:
                break
            process.stdin.write("\n")
            process.stdin.flush()
        else:
            pytest.fail(f"never came to {step}")
        process.kill()
