"""The ONNX embedder refuses what it would compute wrongly."""

import json
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.model.embeddings.encoder_config import read_encoder_config
from tests.tiny_bert import MAX_LENGTH, make_tiny_bert


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_bert(tmp_path)


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_folder_of_sentence_transformers_is_understood(folder: Path) -> None:
    config = read_encoder_config(folder)
    assert (config.hidden_size, config.n_heads, config.n_layers) == (32, 4, 2)
    assert config.max_length == MAX_LENGTH
    assert config.pooling == "mean"


def test_a_bare_bert_is_pooled_by_the_mean_over_all_its_positions(folder: Path) -> None:
    for name in ("modules.json", "sentence_bert_config.json"):
        (folder / name).unlink()
    config = read_encoder_config(folder)
    assert config.pooling == "mean"
    assert config.max_length == 32


def test_pooling_by_the_first_token_is_understood(tmp_path: Path) -> None:
    assert read_encoder_config(make_tiny_bert(tmp_path, pooling="cls")).pooling == "cls"


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_way_sentence_transformers_6_writes_pooling_is_understood(folder: Path, pooling: str) -> None:
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": pooling}))
    assert read_encoder_config(folder).pooling == pooling


@pytest.mark.parametrize(
    ("key", "value"),
    [("model_type", "roberta"), ("hidden_act", "relu"), ("position_embedding_type", "relative_key")],
)
def test_another_architecture_is_refused(folder: Path, key: str, value: str) -> None:
    change(folder / "config.json", **{key: value})
    with pytest.raises(ConfigurationError, match=f"{key} is '{value}'.*EMBED_BACKEND=torch"):
        read_encoder_config(folder)


@pytest.mark.parametrize("flags", [{"pooling_mode_max_tokens": True}, {"pooling_mode": ["mean", "max"]}])
def test_another_pooling_is_refused(folder: Path, flags: dict[str, Any]) -> None:
    change(folder / "1_Pooling" / "config.json", **flags)
    with pytest.raises(ConfigurationError, match=r"its pooling is mean\+.*EMBED_BACKEND=torch"):
        read_encoder_config(folder)


def test_a_further_module_is_refused(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    (folder / "modules.json").write_text(json.dumps([*modules, dense]))
    with pytest.raises(ConfigurationError, match=r"Dense module.*EMBED_BACKEND=torch"):
        read_encoder_config(folder)


def test_a_prompt_before_every_text_is_refused(folder: Path) -> None:
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"default_prompt_name": "query"}))
    with pytest.raises(ConfigurationError, match=r"prompt 'query'.*EMBED_BACKEND=torch"):
        read_encoder_config(folder)


@pytest.mark.parametrize("content", [None, "{", '{"model_type": "bert"}', "\xff"])
def test_a_missing_or_damaged_configuration_is_named(folder: Path, content: str | None) -> None:
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(IntegrityError, match=r"config\.json"):
        read_encoder_config(folder)
