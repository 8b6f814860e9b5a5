"""OpenVINO, set up as ONNX Runtime is: one model, one request at a time, so many threads and no more."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_llm_system.domain.errors import BackendError, MissingExtraError


class OpenVinoModel:
    """A batched sentence encoder, ready to run. Threads take turns.

    Args:
        model: an ONNX file, or its bytes. What it leaves in float32 is computed in bf16 where the CPU can.
        n_threads: of one call.

    Raises:
        MissingExtraError: the extra openvino is not installed.
        BackendError: OpenVINO cannot load the model.
    """

    def __init__(self, model: Path | bytes, *, n_threads: int) -> None:
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError("this embedder", "openvino") from error
        try:
            core = openvino.Core()
            has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            settings = {
                "INFERENCE_PRECISION_HINT": "bf16" if has_bf16 else "f32",
                "INFERENCE_NUM_THREADS": n_threads,
                "NUM_STREAMS": 1,
                "PERFORMANCE_HINT_NUM_REQUESTS": 1,
            }
            graph = core.read_model(model if isinstance(model, bytes) else str(model))
            self._request: Any = core.compile_model(graph, "CPU", settings).create_infer_request()
        except Exception as error:  # OpenVINO's own errors are RuntimeErrors of many kinds
            what = f"OpenVINO cannot load the embedder ({type(error).__name__})"
            raise BackendError(f"{what}; try EMBED_BACKEND=onnx") from error
        self._turn = threading.Lock()

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Gives float32, (B, H), L2-normalised, of `ids` and `mask`, both (B, S).

        Raises:
            BackendError: OpenVINO failed.
        """
        try:
            with self._turn:
                vectors = self._request.infer([ids, mask], share_inputs=True)[0]
                return np.array(vectors, np.float32)  # the request writes its next result to the same place
        except Exception as error:
            raise BackendError(f"the embedder failed ({type(error).__name__}); try EMBED_BACKEND=onnx") from error
