"""ONNX Runtime, set up for many short runs beside other work."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rag_llm_system.domain.errors import BackendError
from rag_llm_system.model.embeddings.onnx_kinds import USE_TORCH, Kind

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_ERRORS_ONLY = 3


def keep_onnx_runtime_silent() -> None:
    """Switches telemetry off; it counts only before the first `import onnxruntime` (on by default from 1.31 on)."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def open_session(model: Path | bytes, *, n_threads: int, kind: Kind = "embedder") -> "InferenceSession":
    """Gives a session on the CPU.

    Raises:
        BackendError: ONNX Runtime cannot load the model.
    """
    keep_onnx_runtime_silent()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.enable_cpu_mem_arena = False  # keeps memory of the longest batch for good, and gains no speed
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            options,
            providers=["CPUExecutionProvider"],
            # The fused kernel is not vectorised: without it a whole run takes 15 % less time (1.31, x86).
            disabled_optimizers=["SkipLayerNormFusion"],
        )
    except Exception as error:  # ONNX Runtime's own errors share no base class
        what = f"ONNX Runtime cannot load the {kind} ({type(error).__name__})"
        raise BackendError(f"{what}; try {USE_TORCH[kind]}") from error
