"""int8 with fixed scales: what the activations reach is measured once, on a text that ships with this package.

Scales that are found anew for every text (`quantize_dynamic`) cost time at each of them; OpenVINO runs fixed ones
faster. The text is ours, in the package, and always the same: so every machine makes the same model of the same
weights, nothing is fetched, and nothing of what a user indexes gets into a file beside the model.

A few channels reach much further than all others, and one scale for all of them would leave those others with a few
steps. So channels are brought nearer to one another, and the weights make up for it: SmoothQuant (Xiao et al. 2022,
arXiv:2211.10438), eq. 4.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.model.embeddings.onnx_session import open_session

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_TEXT_FILE = Path(__file__).with_name("calibration.txt")
_SMOOTHING = 0.95
"""How much of the differences between channels goes into the weights: 0 none, 1 all."""
_STEPS = 127
_LEAST = 1e-5


def calibration_texts() -> list[str]:
    """Gives the passages of the file, which an empty line ends each, and then three of them joined at a time.

    Those are as long as the model reads, so that every position counts.
    """
    passages = [text.strip() for text in _TEXT_FILE.read_text(encoding="utf-8").split("\n\n")]
    return [*passages, *(" ".join(passages[start : start + 3]) for start in range(0, len(passages), 3))]


def calibration_sha256() -> str:
    """Gives the SHA-256 (hex) of the text: another text makes another model."""
    return hashlib.sha256("\n\n".join(calibration_texts()).encode()).hexdigest()


def calibrate(model: "ModelProto", token_ids: Sequence[Sequence[int]]) -> None:
    """Gives the model's linear layers int8 weights, one scale a column, and int8 inputs, one scale for all.

    Args:
        model: as `build_batched_sentence_encoder` gives it; it is changed.
        token_ids: of the texts that the scales are measured on, each read whole.
    """
    from onnx import numpy_helper

    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    layers: defaultdict[str, list[NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            layers[node.input[0]].append(node)  # query, key and value read the same
    reach = _reach_of_channels(model, list(layers), token_ids)
    rewriting = _Rewriting(model)
    for name, readers in layers.items():
        of_weights = np.max([np.abs(weights[node.input[1]]).max(axis=1) for node in readers], axis=0)
        of_inputs = np.maximum(reach[name], _LEAST)
        divisors = (of_inputs**_SMOOTHING / np.maximum(of_weights, _LEAST) ** (1 - _SMOOTHING)).astype(np.float32)
        rewriting.quantise_input(name, readers, divisors, float((of_inputs / divisors).max()) / _STEPS)
        for node in readers:
            rewriting.quantise_weight(node, weights[node.input[1]] * divisors[:, None])
    rewriting.finish()


def _reach_of_channels(
    model: "ModelProto", names: Sequence[str], token_ids: Sequence[Sequence[int]]
) -> dict[str, NDArray[np.float32]]:
    """Gives the greatest absolute value of every channel of these values, over all texts."""
    from onnx import TensorProto, helper

    outputs = model.graph.output
    outputs.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = open_session(model.SerializeToString(), n_threads=1)
    del outputs[-len(names) :]
    reach: dict[str, Any] = dict.fromkeys(names, 0.0)
    for ids in token_ids:
        row = np.array([ids], np.int64)
        values = session.run(list(names), {"input_ids": row, "attention_mask": np.ones_like(row)})
        for name, value in zip(names, values, strict=True):
            reach[name] = np.maximum(reach[name], np.abs(value).max(axis=(0, 1)))
    return reach


class _Rewriting:
    """Puts nodes before others, and other constants in the place of some."""

    def __init__(self, model: "ModelProto") -> None:
        self._graph = model.graph
        self._before: defaultdict[str, list[NodeProto]] = defaultdict(list)
        self._replaced: set[str] = set()

    def quantise_input(
        self, name: str, readers: "Sequence[NodeProto]", divisors: NDArray[np.float32], scale: float
    ) -> None:
        """Lets the readers of a value read it divided by channel, in steps of `scale`."""
        factors = self._constant(f"{name}.factors", 1 / divisors)
        steps = [self._constant(f"{name}.scale", np.float32(scale)), self._constant(f"{name}.zero", np.int8(0))]
        first = readers[0].name
        smooth = self._node(first, "Mul", [name, factors], f"{name}.smooth")
        stepped = self._node(first, "QuantizeLinear", [smooth, *steps], f"{name}.int8")
        read = self._node(first, "DequantizeLinear", [stepped, *steps], f"{name}.read")
        for node in readers:
            node.input[0] = read

    def quantise_weight(self, node: "NodeProto", matrix: NDArray[np.float32]) -> None:
        """Gives a layer this matrix in int8, one scale a column."""
        name = node.input[1]
        scales = np.maximum(np.abs(matrix).max(axis=0), _LEAST) / _STEPS
        stepped = self._constant(f"{name}.int8", np.rint(matrix / scales).astype(np.int8))
        zeros = self._constant(f"{name}.zeros", np.zeros(scales.shape, np.int8))
        constants = [stepped, self._constant(f"{name}.scales", scales.astype(np.float32)), zeros]
        node.input[1] = self._node(node.name, "DequantizeLinear", constants, f"{name}.read", axis=1)
        self._replaced.add(name)

    def finish(self) -> None:
        """Brings the nodes into an order in which each stands after what it reads."""
        nodes = [new for node in self._graph.node for new in (*self._before[node.name], node)]
        kept = [tensor for tensor in self._graph.initializer if tensor.name not in self._replaced]
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend(nodes)
        self._graph.initializer.extend(kept)

    def _node(self, reader: str, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self._before[reader].append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        from onnx import numpy_helper

        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name
