"""What a BERT can be built into, and which settings choose how it is run."""

from typing import Literal

Kind = Literal["embedder", "reranker"]
Precision = Literal["int8", "fp32"]

USE_TORCH: dict[Kind, str] = {"embedder": "EMBED_BACKEND=torch", "reranker": "RAG_RERANK_BACKEND=torch"}
USE_FP32: dict[Kind, str] = {"embedder": "RAG_EMBED_PRECISION=fp32", "reranker": "RAG_RERANK_PRECISION=fp32"}
