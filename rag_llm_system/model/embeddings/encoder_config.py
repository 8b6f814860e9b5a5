"""What a model folder says of its encoder, as far as the ONNX graph must know."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rag_llm_system.domain.errors import ConfigurationError, IntegrityError
from rag_llm_system.model.embeddings.onnx_kinds import USE_TORCH, Kind

Pooling = Literal["mean", "cls"]

_KNOWN_MODULES = {"Transformer", "Pooling", "Normalize"}
_LEGACY_POOLING = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """A BERT that reads texts or pairs of them. `max_length` counts tokens with the special ones."""

    hidden_size: int
    n_heads: int
    n_layers: int
    layer_norm_eps: float
    max_length: int
    pooling: Pooling


def read_encoder_config(weights_dir: Path) -> EncoderConfig:
    """Gives the encoder of a folder in the layout of sentence-transformers, or of a bare BERT (mean pooling then).

    Raises:
        ConfigurationError: the model is of a kind that the ONNX graph does not reproduce.
        IntegrityError: a JSON file of the folder cannot be read.
    """
    config = _read_json(weights_dir / "config.json")
    _require_plain_bert(config, weights_dir, "embedder")
    prompt = _read_json(weights_dir / "config_sentence_transformers.json", missing_ok=True).get("default_prompt_name")
    if prompt is not None:
        raise _not_for_onnx(weights_dir, f"it puts the prompt {prompt!r} before every text", "embedder")
    return _encoder_config(config, weights_dir, _read_pooling(weights_dir))


def read_cross_encoder_config(weights_dir: Path) -> EncoderConfig:
    """Gives the encoder of a folder with a BERT that judges pairs; its head reads [CLS].

    Raises:
        ConfigurationError: the model is of a kind that the ONNX graph does not reproduce.
        IntegrityError: a JSON file of the folder cannot be read.
    """
    config = _read_json(weights_dir / "config.json")
    _require_plain_bert(config, weights_dir, "reranker")
    encoder = _encoder_config(config, weights_dir, "cls")
    # Where nothing else says it, sentence-transformers takes the limit of a cross-encoder from its tokenizer.
    limit = _read_json(weights_dir / "tokenizer_config.json", missing_ok=True).get("model_max_length")
    return replace(encoder, max_length=min(encoder.max_length, int(limit or encoder.max_length)))


def _encoder_config(config: dict[str, Any], weights_dir: Path, pooling: Pooling) -> EncoderConfig:
    limits = _read_json(weights_dir / "sentence_bert_config.json", missing_ok=True)
    try:
        n_positions = int(config["max_position_embeddings"])
        return EncoderConfig(
            hidden_size=int(config["hidden_size"]),
            n_heads=int(config["num_attention_heads"]),
            n_layers=int(config["num_hidden_layers"]),
            layer_norm_eps=float(config.get("layer_norm_eps", 1e-12)),
            max_length=min(n_positions, limits.get("max_seq_length") or n_positions),
            pooling=pooling,
        )
    except KeyError as error:
        what = f"config.json in {weights_dir} has no {error.args[0]}"
        raise IntegrityError(f"{what}; get the model folder anew") from None


def _require_plain_bert(config: dict[str, Any], weights_dir: Path, kind: Kind) -> None:
    expected = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    for key, value in expected.items():
        if config.get(key, value if key != "model_type" else None) != value:
            raise _not_for_onnx(weights_dir, f"{key} is {config.get(key)!r}, not {value!r}", kind)


def _read_pooling(weights_dir: Path) -> Pooling:
    modules = _read_json(weights_dir / "modules.json", missing_ok=True) or []
    kinds = {module["type"].rpartition(".")[2]: module["path"] for module in modules}
    if unknown := sorted(set(kinds) - _KNOWN_MODULES):
        raise _not_for_onnx(weights_dir, f"it has a {unknown[0]} module", "embedder")
    if "Pooling" not in kinds:
        return "mean"
    pooling = _read_json(weights_dir / kinds["Pooling"] / "config.json")
    modes = _pooling_modes(pooling)
    if modes == ["mean"]:
        return "mean"
    if modes == ["cls"]:
        return "cls"
    raise _not_for_onnx(weights_dir, f"its pooling is {'+'.join(modes)}", "embedder")


def _pooling_modes(pooling: dict[str, Any]) -> list[str]:
    """Gives the modes; sentence-transformers 6 writes `pooling_mode`, earlier releases a flag for each mode."""
    mode = pooling.get("pooling_mode")
    if mode is not None:
        return [mode] if isinstance(mode, str) else list(mode)
    flags = [key for key, value in pooling.items() if key.startswith("pooling_mode_") and value]
    return [_LEGACY_POOLING.get(flag, flag) for flag in flags]


def _not_for_onnx(weights_dir: Path, why: str, kind: Kind) -> ConfigurationError:
    what = f"the ONNX {kind} cannot run the model in {weights_dir}: {why}"
    return ConfigurationError(f"{what}; set {USE_TORCH[kind]}")


def _read_json(path: Path, *, missing_ok: bool = False) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if missing_ok:
            return {}
        raise IntegrityError(f"{path} is missing; get the model folder anew") from None
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path} cannot be read ({type(error).__name__}); get the model folder anew") from None
