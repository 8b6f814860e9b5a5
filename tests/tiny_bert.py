"""A BERT of 0.1 MB with random weights, in the layout of sentence-transformers, and BERT in plain numpy to check it."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

MAX_LENGTH = 24
WORDS = "the cat sat on a mat and dog ran far away from house it was night or day we saw rain sun sea".split()

_HIDDEN, _HEADS, _LAYERS, _INNER, _POSITIONS = 32, 4, 2, 64, 32
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": _HIDDEN,
    "num_attention_heads": _HEADS,
    "num_hidden_layers": _LAYERS,
    "intermediate_size": _INNER,
    "max_position_embeddings": _POSITIONS,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}


def make_tiny_bert(
    folder: Path, *, pooling: str = "mean", classifier: bool = False, n_outputs: int = 1, seed: int = 0
) -> Path:
    """Writes a sentence encoder, or a cross-encoder with `n_outputs`, into `folder` and gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    n_words = tokenizer.get_vocab_size()
    tokenizer.enable_truncation(MAX_LENGTH // 2)  # to be overruled: MiniLM's file says 128 too, and the model reads 256
    tokenizer.enable_padding(length=MAX_LENGTH // 2)
    tokenizer.save(str(folder / "tokenizer.json"))
    prefix = "bert." if classifier else ""
    rng = np.random.default_rng(seed)
    weights = {prefix + name: _random(rng, name, shape) for name, shape in _shapes(n_words).items()}
    head = {"bert.pooler.dense": (_HIDDEN, _HIDDEN), "classifier": (n_outputs, _HIDDEN)} if classifier else {}
    for name, shape in head.items():
        weights[f"{name}.weight"] = rng.normal(0, 1, shape).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    kind = "BertForSequenceClassification" if classifier else "BertModel"
    labels = {"id2label": {str(n): f"LABEL_{n}" for n in range(n_outputs)}} if classifier else {}
    _write_json(folder / "config.json", {**_CONFIG, "vocab_size": n_words, "architectures": [kind], **labels})
    special = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL, strict=True))
    length = {"model_max_length": MAX_LENGTH}
    _write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", **special, **length})
    if not classifier:
        _write_sentence_transformers_files(folder, pooling)
    return folder


def reference_vector(folder: Path, text: str, *, pooling: str = "mean") -> NDArray[np.float64]:
    """Gives the L2-normalised vector of a text, computed in float64 with nothing but numpy."""
    encoding = _tokenizer().encode(text)
    x = _hidden(_float64_weights(folder), encoding.ids, encoding.type_ids)
    vector = x.mean(axis=0) if pooling == "mean" else x[0]
    return np.asarray(vector / np.linalg.norm(vector))


def reference_score(folder: Path, query: str, text: str) -> float:
    """Gives the sigmoid of a cross-encoder's output for a pair, computed in the same way."""
    weights, encoding = _float64_weights(folder), _tokenizer().encode(query, text)
    first = _hidden(weights, encoding.ids, encoding.type_ids)[:1]
    logit = _dense(weights, "classifier", np.tanh(_dense(weights, "pooler.dense", first)))
    return 1 / (1 + math.exp(-logit.item()))


def _float64_weights(folder: Path) -> dict[str, Any]:
    weights = load_file(folder / "model.safetensors")
    return {name.removeprefix("bert."): value.astype(np.float64) for name, value in weights.items()}


def _hidden(weights: dict[str, Any], ids: list[int], types: list[int]) -> NDArray[np.float64]:
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = _normed(weights, "embeddings.LayerNorm", x + weights["embeddings.token_type_embeddings.weight"][types])
    for number in range(_LAYERS):
        name = f"encoder.layer.{number}"
        attended = _dense(weights, f"{name}.attention.output.dense", _attention(weights, f"{name}.attention.self", x))
        x = _normed(weights, f"{name}.attention.output.LayerNorm", x + attended)
        inner = _gelu(_dense(weights, f"{name}.intermediate.dense", x))
        x = _normed(weights, f"{name}.output.LayerNorm", x + _dense(weights, f"{name}.output.dense", inner))
    return np.asarray(x)


def _attention(weights: dict[str, Any], name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    size = _HIDDEN // _HEADS
    q, k, v = (_dense(weights, f"{name}.{part}", x) for part in ("query", "key", "value"))
    mixed = []
    for head in range(_HEADS):
        columns = slice(head * size, (head + 1) * size)
        scores = np.exp(q[:, columns] @ k[:, columns].T / math.sqrt(size))
        mixed.append(scores / scores.sum(axis=1, keepdims=True) @ v[:, columns])
    return np.concatenate(mixed, axis=1)


def _dense(weights: dict[str, Any], name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _normed(weights: dict[str, Any], name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])


def _gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))))


def _tokenizer() -> Tokenizer:
    """Gives a lower-casing WordPiece tokenizer that neither cuts off nor pads."""
    pieces = [*_SPECIAL, *WORDS, *(f"##{letter}" for letter in _LETTERS), *_LETTERS, *".,!?"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1"
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair=pair, special_tokens=ends)
    return tokenizer


def _shapes(n_words: int) -> dict[str, tuple[int, ...]]:
    square, norm = (_HIDDEN, _HIDDEN), (_HIDDEN,)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (n_words, _HIDDEN),
        "embeddings.position_embeddings.weight": (_POSITIONS, _HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, _HIDDEN),
        "embeddings.LayerNorm": norm,
    }
    for number in range(_LAYERS):
        name = f"encoder.layer.{number}"
        shapes |= {f"{name}.attention.self.{part}": square for part in ("query", "key", "value")}
        shapes |= {f"{name}.attention.output.dense": square, f"{name}.attention.output.LayerNorm": norm}
        shapes |= {f"{name}.intermediate.dense": (_INNER, _HIDDEN), f"{name}.output.dense": (_HIDDEN, _INNER)}
        shapes |= {f"{name}.output.LayerNorm": norm}
    layers = {key: shape for key, shape in shapes.items() if not key.endswith(".weight")}
    tables = {key: shape for key, shape in shapes.items() if key.endswith(".weight")}
    biases = {f"{name}.bias": shape[:1] for name, shape in layers.items()}
    return tables | {f"{name}.weight": shape for name, shape in layers.items()} | biases


def _random(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    mean = 1.0 if name.endswith("LayerNorm.weight") else 0.0
    return rng.normal(mean, 0.2, shape).astype(np.float32)


def _write_sentence_transformers_files(folder: Path, pooling: str) -> None:
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    _write_json(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in enumerate(modules)
        ],
    )
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": MAX_LENGTH, "do_lower_case": False})
    (folder / "1_Pooling").mkdir(exist_ok=True)
    modes = {f"pooling_mode_{mode}": False for mode in ("cls_token", "mean_tokens", "max_tokens")}
    modes[{"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}[pooling]] = True
    _write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": _HIDDEN, **modes})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
