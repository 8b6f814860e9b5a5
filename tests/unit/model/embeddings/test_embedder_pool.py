"""Embedding in several processes: the same vectors, whatever happens to a process."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError, InputError
from rag_llm_system.model.embeddings.embedder_pool import EmbedderPool

TEXTS = [f"{'word ' * (n % 7)}{n}" for n in range(50)]


class TellingEmbedder:
    """Gives (length, a sum of the characters, process id), and does as some texts say: fail, die, die once.

    Args:
        died_file: where it notes that it died.
    """

    dimension, max_tokens, fingerprint = 3, 254, "telling"

    def __init__(self, died_file: str = "") -> None:
        self._died_file = died_file

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        for text in texts:
            if text == "fail":
                raise InputError("the text cannot be embedded")
            if text == "defect":
                raise ValueError("secret")
            if text == "die" or (text == "die once" and not os.path.exists(self._died_file)):
                if text == "die once":
                    open(self._died_file, "x").close()
                os.kill(os.getpid(), signal.SIGKILL)
        rows = [(len(text), sum(map(ord, text)), os.getpid()) for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), 3)


def pool(n_texts_alone: int = 0, n_workers: int = 2, **arguments: Any) -> EmbedderPool:
    name = f"{__name__}:TellingEmbedder"
    return EmbedderPool(
        TellingEmbedder(), class_name=name, arguments=arguments, n_workers=n_workers, n_texts_alone=n_texts_alone
    )


@pytest.fixture(scope="module", autouse=True)
def _workers_find_this_module() -> Iterator[None]:
    """They find it beside the package in a clone, but not where the package is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[4]))
        yield


@pytest.fixture(scope="module")
def two() -> Iterator[EmbedderPool]:
    with closing(pool()) as embedder:
        yield embedder


def test_vectors_come_in_the_order_of_the_texts_from_two_other_processes(two: EmbedderPool) -> None:
    vectors = two.embed(TEXTS)
    assert (vectors[:, :2] == TellingEmbedder().embed(TEXTS)[:, :2]).all()
    assert os.getpid() not in vectors[:, 2]
    assert len({*vectors[:, 2]}) == 2
    assert two.embed([]).shape == (0, 3)


def test_after_a_text_that_cannot_be_embedded_the_pool_goes_on(two: EmbedderPool) -> None:
    with pytest.raises(InputError, match="the text cannot be embedded"):
        two.embed([*TEXTS, "fail"])
    with pytest.raises(BackendError, match=r"failed \(ValueError\)") as raised:
        two.embed(["defect"])
    assert "secret" not in raised.value.message
    assert two.embed(TEXTS)[:, 0].tolist() == [len(text) for text in TEXTS]


def test_few_texts_are_embedded_in_this_process() -> None:
    with closing(pool(n_texts_alone=10)) as embedder:
        assert {*embedder.embed(TEXTS[:10])[:, 2]} == {np.float32(os.getpid())}
    with closing(pool(n_workers=1)) as embedder:
        assert {*embedder.embed(TEXTS)[:, 2]} == {np.float32(os.getpid())}


def test_a_process_that_dies_is_replaced_and_no_vector_is_lost(tmp_path: Any) -> None:
    with closing(pool(died_file=str(tmp_path / "died"))) as embedder:
        texts = [*TEXTS, "die once"]
        assert embedder.embed(texts)[:, 0].tolist() == [len(text) for text in texts]
    assert (tmp_path / "died").exists()


def test_texts_that_kill_every_process_end_the_call_with_what_to_do() -> None:
    with closing(pool()) as embedder, pytest.raises(BackendError, match=r"SIGKILL.*RAG_EMBED_PROCESSES=1"):
        embedder.embed(["die", *TEXTS])


def test_closing_ends_the_processes() -> None:
    embedder = pool()
    embedder.embed(TEXTS)
    started = [worker.process for worker in embedder._workers]
    embedder.close()
    assert [process.poll() for process in started] == [0, 0]
