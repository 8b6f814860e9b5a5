"""What a BERT can be built into, and which settings choose how it is run."""

from typing import Literal

Kind = Literal["embedder", "reranker"]
Precision = Literal["int8", "fp32"]
TorchPrecision = Literal["int8", "bf16", "fp32"]
"""How exact vectors have to be, at least."""
OpenVinoPrecision = Literal["int8", "bf16"]
Form = Literal["int8", "fp32", "batched-int8", "batched-fp32"]
"""How a model is built. int8 finds its scales for each text, batched-int8 has them fixed (`calibration`)."""

Runtime = Literal["openvino-int8", "openvino-bf16", "onnx-int8", "onnx-fp32"]
"""A way to compute vectors that are at least as exact as those of int8."""

USE_TORCH: dict[Kind, str] = {"embedder": "EMBED_BACKEND=torch", "reranker": "RAG_RERANK_BACKEND=torch"}
USE_FP32: dict[Kind, str] = {"embedder": "RAG_EMBED_PRECISION=fp32", "reranker": "RAG_RERANK_PRECISION=fp32"}
