"""A model is built once, and a built model that is not whole is never used."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import BackendError, ConfigurationError, IntegrityError, RagError
from rag_llm_system.model.embeddings.onnx_cache import built_model
from rag_llm_system.model.embeddings.onnx_embedder import OnnxEmbedder
from tests.tiny_bert import make_tiny_bert

BUILD = """
import sys
from pathlib import Path
from rag_llm_system.model.embeddings.onnx_cache import built_model
weights_dir, cache_dir = map(Path, sys.argv[1:])
built_model(weights_dir=weights_dir, cache_dir=cache_dir, precision="fp32", on_message=print)
"""


@pytest.fixture
def weights_dir(tmp_path: Path) -> Path:
    return make_tiny_bert(tmp_path / "tiny")


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the model of `weights_dir`, to be copied."""
    root = tmp_path_factory.mktemp("built")
    built_model(weights_dir=make_tiny_bert(root / "tiny"), cache_dir=root / "models", precision="fp32")
    return root / "models"


@pytest.fixture
def cache_dir(built_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built_once, tmp_path / "models"))


def build(weights_dir: Path, cache_dir: Path) -> tuple[Path, list[str]]:
    said: list[str] = []
    model = built_model(weights_dir=weights_dir, cache_dir=cache_dir, precision="fp32", on_message=said.append)
    return model, said


def test_a_built_model_is_used_again(weights_dir: Path, cache_dir: Path) -> None:
    model, said = build(weights_dir, cache_dir)
    assert model.parent.parent == cache_dir
    assert said == []


def cut_short(model: Path) -> None:
    os.truncate(model, model.stat().st_size // 2)


def flip_a_bit(model: Path) -> None:
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)


def lose_the_manifest(model: Path) -> None:
    (model.parent / "manifest.json").unlink()


def damage_the_manifest(model: Path) -> None:
    (model.parent / "manifest.json").write_text('{"model_sha')


def build_for_another_pooling(model: Path) -> None:
    manifest = json.loads((model.parent / "manifest.json").read_text())
    manifest["config"]["pooling"] = "cls"
    (model.parent / "manifest.json").write_text(json.dumps(manifest))


def leave_a_killed_build(model: Path) -> None:
    model.parent.rename(f"{model.parent}.building")


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        flip_a_bit,
        lose_the_manifest,
        damage_the_manifest,
        build_for_another_pooling,
        leave_a_killed_build,
    ],
)
def test_a_model_that_is_not_what_it_should_be_is_built_anew(
    weights_dir: Path, cache_dir: Path, damage: Callable[[Path], None]
) -> None:
    model, _ = build(weights_dir, cache_dir)
    whole = model.read_bytes()
    damage(model)
    again, said = build(weights_dir, cache_dir)
    assert len(said) == 1
    assert again.read_bytes() == whole
    assert sorted(path.name for path in cache_dir.iterdir()) == [model.parent.name, f"{model.parent.name}.lock"]


def test_two_processes_at_first_start_build_once(weights_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILD, str(weights_dir), str(tmp_path / "new")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert said.count("Preparing") == 1
    assert build(weights_dir, tmp_path / "new")[1] == []


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda folder: cut_short(folder / "model.safetensors"), IntegrityError, "damaged"),
        (lambda folder: rename_a_layer(folder / "config.json"), ConfigurationError, "no tensor 'encoder.layer.2"),
    ],
)
def test_what_fails_in_the_child_process_is_raised_here(
    weights_dir: Path, tmp_path: Path, damage: Callable[[Path], None], error: type[RagError], message: str
) -> None:
    damage(weights_dir)
    with pytest.raises(error, match=message):
        build(weights_dir, tmp_path / "new")
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".lock"]


def rename_a_layer(config: Path) -> None:
    config.write_text(json.dumps({**json.loads(config.read_text()), "num_hidden_layers": 3}))


def test_a_cache_that_cannot_be_written_is_named(weights_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"cannot be kept in .*RAG_HOME"):
        build(weights_dir, tmp_path / "file")


def test_tokens_that_the_weights_do_not_know_are_an_error_of_ours(weights_dir: Path, tmp_path: Path) -> None:
    tokenizer = weights_dir / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"cat":', '"cat": 99999, "cat_":', 1))
    embedder = OnnxEmbedder(model_id="tiny", weights_dir=weights_dir, cache_dir=tmp_path, precision="fp32")
    with pytest.raises(BackendError, match="the embedder failed"):
        embedder.embed(["cat"])


def test_an_unknown_precision_is_refused(weights_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="use int8 or fp32"):
        OnnxEmbedder(
            model_id="tiny",
            weights_dir=weights_dir,
            cache_dir=tmp_path,
            precision="int4",  # type: ignore[arg-type]
        )
