"""How this CPU embeds fastest is found once, and remembered."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from rag_llm_system.domain.errors import BackendError, ConfigurationError, MissingExtraError
from rag_llm_system.model.embeddings.fastest_embedder import FastestEmbedder
from rag_llm_system.model.embeddings.fastest_runtime import Choice, Cpu, choose, fastest_runtime, this_cpu
from rag_llm_system.model.embeddings.onnx_kinds import Runtime
from rag_llm_system.model.embeddings.openvino_embedder import OpenVinoEmbedder
from tests.tiny_bert import make_tiny_bert

ON_ONNX: list[Runtime] = ["onnx-int8", "onnx-fp32"]
ALL: list[Runtime] = ["openvino-int8", "openvino-bf16", *ON_ONNX]
OLD, NEW = Cpu("Old", ("avx2", "fma")), Cpu("New", ("avx512_vnni",))


def measured(*pairs: tuple[float, float]) -> dict[str, dict[str, float]]:
    found = zip(ALL, pairs, strict=True)
    return {runtime: {"tokens_per_cpu_s": speed, "cosine": cosine} for runtime, (speed, cosine) in found}


@pytest.mark.parametrize(
    ("found", "choice"),
    [
        (measured((9, 0.99), (5, 1), (8, 0.99), (4, 1)), Choice("openvino-int8", "int8")),
        (measured((5, 0.99), (9, 1), (3, 0.99), (4, 1)), Choice("openvino-bf16", "fp32")),
        (measured((9, 0.6), (5, 1), (9, 0.6), (4, 1)), Choice("openvino-bf16", "fp32")),
        (measured((0, 0), (0, 0), (8, 0.99), (4, 1)), Choice("onnx-int8", "int8")),
        (measured((4, 1), (4, 1), (4, 1), (4, 1)), Choice("openvino-int8", "int8")),
        (measured((0, 0), (0, 0), (8, 0.6), (4, 1)), Choice("onnx-fp32", "fp32")),
    ],
)
def test_the_fastest_of_those_that_are_near_float32_is_chosen(
    found: dict[str, dict[str, float]], choice: Choice
) -> None:
    assert choose(found, ALL) == choice


def test_what_was_found_is_remembered_for_that_cpu(tmp_path: Path) -> None:
    weights_dir, cache_dir, said = make_tiny_bert(tmp_path / "tiny"), tmp_path / "models", list[str]()

    def asked(cpu: Cpu) -> Choice:
        return fastest_runtime(
            weights_dir=weights_dir, cache_dir=cache_dir, runtimes=ON_ONNX, cpu=cpu, on_message=said.append
        )

    first = asked(OLD)
    assert len(said) == 1
    (file,) = cache_dir.glob("fastest-*.json")
    stored = json.loads(file.read_text())
    assert stored["cpu"] == "Old"
    assert Choice(stored["runtime"], stored["short_precision"]) == first
    assert set(stored["measured"]) == set(ON_ONNX)
    assert min(one["tokens_per_cpu_s"] for one in stored["measured"].values()) > 0

    other = {"onnx-int8": "onnx-fp32", "onnx-fp32": "onnx-int8"}[first.runtime]
    file.write_text(json.dumps({**stored, "runtime": other}))
    assert asked(OLD).runtime == other  # it is not measured again
    assert asked(NEW) == Choice("onnx-int8", "int8")  # VNNI needs no test
    assert len(said) == 1


def test_a_test_that_fails_says_which_setting_needs_none(tmp_path: Path) -> None:
    weights_dir = make_tiny_bert(tmp_path / "tiny")
    (weights_dir / "config.json").write_text("{")
    with pytest.raises(BackendError, match="EMBED_BACKEND=onnx"):
        fastest_runtime(weights_dir=weights_dir, cache_dir=tmp_path / "models", runtimes=ON_ONNX, cpu=OLD)
    assert list((tmp_path / "models").glob("*.json")) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="EMBED_BACKEND=onnx"):
        fastest_runtime(
            weights_dir=make_tiny_bert(tmp_path / "tiny"), cache_dir=tmp_path / "file", runtimes=ON_ONNX, cpu=OLD
        )


def test_the_fingerprint_does_not_depend_on_what_is_chosen(tmp_path: Path) -> None:
    weights_dir = make_tiny_bert(tmp_path / "tiny")
    embedders = [
        FastestEmbedder(model_id="tiny", weights_dir=weights_dir, cache_dir=tmp_path, cpu=NEW, runtimes=[runtime])
        for runtime in ALL
    ]
    assert {one.fingerprint.partition(":")[2] for one in embedders} == {"int8"}
    assert len({one.fingerprint for one in embedders}) == 1
    exact = embedders[-1]
    assert exact.embed(["the cat"]).shape == (1, exact.dimension)
    assert list(tmp_path.glob("*-int8-*")) == []


def test_this_cpu_has_a_name() -> None:
    assert this_cpu().name
    assert this_cpu() == this_cpu()


@pytest.mark.skipif(find_spec("openvino") is not None, reason="the extra openvino is installed")
def test_openvino_is_missed_before_anything_is_prepared(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match="openvino"):
        OpenVinoEmbedder(model_id="tiny", weights_dir=tmp_path, cache_dir=tmp_path)
