"""BERT (Devlin et al. 2019, arXiv:1810.04805) as an ONNX graph: a text becomes a vector, or a pair of texts a number.

The graph is written from the weights alone, so neither torch nor an exporter is needed. In words:

    x = LayerNorm(word + position + token type embedding)
    n_layers times:
        x = LayerNorm(x + attention(x))
        x = LayerNorm(x + W2 gelu(W1 x))
    vector = x pooled over the tokens, divided by its Euclidean length
    or: number = Wc tanh(Wp x of [CLS])

ONNX Runtime reads one text or pair at a time. There is no padding then, hence no attention mask, and what int8 rounds
to depends on that text alone. OpenVINO reads a batch of B texts, padded, under a mask. Shapes in the comments: S
tokens, H hidden size, A heads, D = H / A.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.model.embeddings.encoder_config import EncoderConfig
from rag_llm_system.model.embeddings.onnx_kinds import USE_TORCH, Kind

if TYPE_CHECKING:
    from onnx import ModelProto

GRAPH_VERSION = 1
"""Raised whenever the graph changes, so that models built by an older version are built anew."""

_OPSET, _IR_VERSION = 20, 9
_FLOAT = 1
"""TensorProto.FLOAT."""
_FAR = np.float32(1e4)


def build_sentence_encoder(weights: Mapping[str, NDArray[Any]], config: EncoderConfig) -> "ModelProto":
    """Gives the model: input `input_ids`, int64, (S,); output `embedding`, float32, (H,), L2-normalised.

    Args:
        weights: the tensors of model.safetensors by their names, with or without the prefix "bert.".
        config: the encoder that the weights belong to.

    Raises:
        ConfigurationError: a tensor that the encoder needs is not among the weights.
    """
    graph = _Graph(weights, "embedder")
    x = _layers(graph, config, _embeddings(graph, config))
    pooled = _mean_of_tokens(graph, x) if config.pooling == "mean" else _first_token(graph, x)
    graph.op("LpNormalization", pooled, output="embedding", axis=0, p=2)
    return graph.model(["input_ids"], {"embedding": config.hidden_size})


def build_batched_sentence_encoder(weights: Mapping[str, NDArray[Any]], config: EncoderConfig) -> "ModelProto":
    """Gives the same model for texts side by side.

    Inputs `input_ids` and `attention_mask`, which has 1 for a token and 0 for padding, int64, (B, S); output
    `embedding`, float32, (B, H). Nodes are called as what they give.

    Raises:
        ConfigurationError: a tensor that the encoder needs is not among the weights.
    """
    graph = _Graph(weights, "embedder")
    mask = graph.op("Cast", "attention_mask", to=_FLOAT)
    x = _layers(graph, config, _embeddings(graph, config, batched=True), _pushed_down(graph, mask))
    pooled = _masked_mean(graph, x, mask) if config.pooling == "mean" else _first_token(graph, x, axis=1)
    graph.op("LpNormalization", pooled, output="embedding", axis=1, p=2)
    return graph.model(["input_ids", "attention_mask"], {"embedding": config.hidden_size}, batched=True)


def build_cross_encoder(weights: Mapping[str, NDArray[Any]], config: EncoderConfig) -> "ModelProto":
    """Gives the model of a BertForSequenceClassification with one output.

    Inputs `input_ids` and `token_type_ids`, int64, (S,); outputs `logit`, float32, (1,), and `pooled`, float32, (H,),
    what the classifier reads.

    Args:
        weights: the tensors of model.safetensors by their names.
        config: the encoder that the weights belong to.

    Raises:
        ConfigurationError: the weights have no such head, or lack a tensor that the encoder needs.
    """
    _require_single_output(weights)
    graph = _Graph(weights, "reranker")
    x = _layers(graph, config, _embeddings_of_pair(graph, config))
    pooled = graph.op("Tanh", _head(graph, "pooler.dense", _first_token(graph, x)), output="pooled")
    _head(graph, "classifier", pooled, output="logit")
    return graph.model(["input_ids", "token_type_ids"], {"logit": 1, "pooled": config.hidden_size})


def _require_single_output(weights: Mapping[str, NDArray[Any]]) -> None:
    how = "set RERANKING_CROSS_ENCODER_MODEL_ID to a reranker"
    if "classifier.weight" not in weights:
        raise ConfigurationError(f"the model is no reranker: it has no weights classifier.weight; {how}")
    if (n_outputs := len(weights["classifier.weight"])) != 1:
        raise ConfigurationError(f"the model has {n_outputs} outputs, a reranker has 1; {how}")


def _embeddings(graph: "_Graph", config: EncoderConfig, *, batched: bool = False) -> str:
    """Gives what is known of each token before it has seen its neighbours, (S, H) or (B, S, H).

    A single text is all of token type 0, so that row joins the table of positions here and now.
    """
    words = graph.op("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    table = graph.tensor("embeddings.position_embeddings.weight")
    table = table + graph.tensor("embeddings.token_type_embeddings.weight")[0]
    n_tokens = graph.op("Shape", "input_ids", start=1) if batched else graph.op("Shape", "input_ids")
    positions = graph.op("Slice", graph.constant("positions", table), graph.ints(0), n_tokens)
    return _layer_norm(graph, config, "embeddings.LayerNorm", graph.op("Add", words, positions))


def _embeddings_of_pair(graph: "_Graph", config: EncoderConfig) -> str:
    """Gives the same for two texts, which the token types tell apart."""
    words = graph.op("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    types = graph.op("Gather", graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    table = graph.weight("embeddings.position_embeddings.weight")
    positions = graph.op("Slice", table, graph.ints(0), graph.op("Shape", "input_ids"))
    summed = graph.op("Add", graph.op("Add", words, types), positions)
    return _layer_norm(graph, config, "embeddings.LayerNorm", summed)


def _layers(graph: "_Graph", config: EncoderConfig, x: str, mask: str = "") -> str:
    for number in range(config.n_layers):
        x = _layer(graph, config, f"encoder.layer.{number}", x, mask)
    return x


def _layer(graph: "_Graph", config: EncoderConfig, name: str, x: str, mask: str) -> str:
    attended = _linear(graph, f"{name}.attention.output.dense", _attention(graph, config, name, x, mask))
    x = _layer_norm(graph, config, f"{name}.attention.output.LayerNorm", graph.op("Add", attended, x))
    inner = graph.op("Gelu", _linear(graph, f"{name}.intermediate.dense", x))
    outer = _linear(graph, f"{name}.output.dense", inner)
    return _layer_norm(graph, config, f"{name}.output.LayerNorm", graph.op("Add", outer, x))


def _attention(graph: "_Graph", config: EncoderConfig, name: str, x: str, mask: str) -> str:
    """Gives softmax(Q K^T / sqrt(D)) V of every head, side by side, (S, H) (Vaswani et al. 2017, eq. 1).

    With a mask, (B, 1, 1, S), which is added to the scores, every shape has B before it.
    """
    batch = [0] if mask else []  # in a shape: as many as there were; in an order: this axis stays the first
    head_size = config.hidden_size // config.n_heads
    split = graph.ints(*batch, -1, config.n_heads, head_size)

    def heads(part: str, *order: int) -> str:
        projected = _linear(graph, f"{name}.attention.self.{part}", x)
        return graph.op("Transpose", graph.op("Reshape", projected, split), perm=_order(batch, order))

    query = heads("query", 1, 0, 2)  # (A, S, D)
    key = heads("key", 1, 2, 0)  # (A, D, S), transposed already
    value = heads("value", 1, 0, 2)  # (A, S, D)
    scale = graph.constant("scale", np.float32(head_size**-0.5))
    scores = graph.op("Mul", graph.op("MatMul", query, key), scale)  # (A, S, S)
    if mask:
        scores = graph.op("Add", scores, mask)
    mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value)  # (A, S, D)
    joined = graph.op("Transpose", mixed, perm=_order(batch, (1, 0, 2)))
    return graph.op("Reshape", joined, graph.ints(*batch, -1, config.hidden_size))


def _order(batch: list[int], order: Sequence[int]) -> list[int]:
    return [*batch, *(axis + len(batch) for axis in order)]


def _linear(graph: "_Graph", name: str, x: str) -> str:
    """Gives x W^T + b; torch keeps W as (outputs, inputs), ONNX multiplies by (inputs, outputs)."""
    matrix = graph.constant(f"{name}.weight", graph.tensor(f"{name}.weight").T)
    return graph.op("Add", graph.op("MatMul", x, matrix), graph.weight(f"{name}.bias"))


def _head(graph: "_Graph", name: str, x: str, output: str = "") -> str:
    """Gives W x + b of one vector, without MatMul, so that it is not quantised: it is small and decides much."""
    products = graph.op("Mul", graph.weight(f"{name}.weight"), x)
    summed = graph.op("ReduceSum", products, graph.ints(1), keepdims=0)
    return graph.op("Add", summed, graph.weight(f"{name}.bias"), output=output)


def _layer_norm(graph: "_Graph", config: EncoderConfig, name: str, x: str) -> str:
    scale, shift = graph.weight(f"{name}.weight"), graph.weight(f"{name}.bias")
    return graph.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=config.layer_norm_eps)


def _mean_of_tokens(graph: "_Graph", x: str) -> str:
    return graph.op("ReduceMean", x, graph.ints(0), keepdims=0)


def _pushed_down(graph: "_Graph", mask: str) -> str:
    """Gives what is added to the scores, (B, 1, 1, S): 0 for a token, for padding so little that softmax gives it 0."""
    below = graph.op("Sub", graph.op("Unsqueeze", mask, graph.ints(1, 2)), graph.constant("one", np.float32(1)))
    return graph.op("Mul", below, graph.constant("far", _FAR))


def _masked_mean(graph: "_Graph", x: str, mask: str) -> str:
    """Gives the mean over the tokens that are no padding, (B, H)."""
    weighed = graph.op("Mul", x, graph.op("Unsqueeze", mask, graph.ints(2)))
    summed = graph.op("ReduceSum", weighed, graph.ints(1), keepdims=0)
    return graph.op("Div", summed, graph.op("ReduceSum", mask, graph.ints(1), keepdims=1))


def _first_token(graph: "_Graph", x: str, axis: int = 0) -> str:
    """Gives the vector of [CLS]."""
    return graph.op("Gather", x, graph.constant("first", np.int64(0)), axis=axis)


class _Graph:
    """Nodes and constants in the order in which they were added; every method gives the name of a value."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], kind: Kind) -> None:
        self._weights = weights
        self._kind = kind
        self._prefix = "" if "embeddings.word_embeddings.weight" in weights else "bert."
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        return name

    def ints(self, *values: int) -> str:
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def weight(self, name: str) -> str:
        return self.constant(name, self.tensor(name))

    def tensor(self, name: str) -> NDArray[np.float32]:
        stored = name if name in self._weights else self._prefix + name  # a head has no prefix
        try:
            return self._weights[stored].astype(np.float32, copy=False)
        except KeyError:
            what = f"the weights hold no tensor {name!r}, which a BERT of this configuration has"
            raise ConfigurationError(f"{what}; check the model folder or set {USE_TORCH[self._kind]}") from None

    def model(self, inputs: Sequence[str], outputs: Mapping[str, int], *, batched: bool = False) -> "ModelProto":
        """Gives the model; `outputs` maps each output to its length."""
        from onnx import TensorProto, helper

        batch = ["B"] if batched else []
        takes = [helper.make_tensor_value_info(name, TensorProto.INT64, [*batch, "S"]) for name in inputs]
        gives = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [*batch, size]) for name, size in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, self._kind, takes, gives, list(self._constants.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
