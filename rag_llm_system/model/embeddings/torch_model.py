"""Models of sentence-transformers, loaded from a local folder."""

from pathlib import Path
from typing import Any, Literal

from rag_llm_system.domain.errors import ConfigurationError, MissingExtraError


def load_torch_model(
    kind: Literal["SentenceTransformer", "CrossEncoder"], weights_dir: Path, *, device: str, n_threads: int
) -> Any:
    """Gives the model on its device; nothing is downloaded, and no code of the folder is run.

    "auto" is a GPU where torch finds one (cuda, then mps), else the CPU. The model's own `device` says which it became.

    On the CPU this sets torch's threads for the whole process: more than one of them spin while others want the core.

    Raises:
        MissingExtraError: the extra torch is not installed.
        ConfigurationError: the folder or the device cannot be used.
    """
    try:
        import sentence_transformers
        import torch
    except ImportError as error:
        raise MissingExtraError(f"a {kind} model", "torch") from error
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(n_threads)
    try:
        return getattr(sentence_transformers, kind)(str(weights_dir), device=device, local_files_only=True)
    except Exception as error:  # torch, transformers and safetensors raise errors of many kinds
        what = f"the model in {weights_dir} cannot be loaded on {device!r} ({type(error).__name__})"
        raise ConfigurationError(f"{what}; check the folder and RAG_MODEL_DEVICE") from error


def compute_in_half(model: Any, dtype: Literal["float16", "bfloat16"]) -> None:
    """Lets the transformer of a SentenceTransformer compute in 16 bits; pooling and normalising stay in float32."""
    import torch

    def to_float32(_module: Any, _inputs: Any, features: dict[str, Any]) -> dict[str, Any]:
        return {**features, "token_embeddings": features["token_embeddings"].float()}

    model[0].to(getattr(torch, dtype))
    model[0].register_forward_hook(to_float32)
