"""Where the weights of models are."""

from collections.abc import Callable
from pathlib import Path

from rag_llm_system.settings import Settings

Tell = Callable[[str], None]
"""Is given a line when something takes long, such as fetching a model."""


def model_weights(settings: Settings, model_id: str, tell: Tell) -> Path:
    """Gives the folder with a model's weights, fetched where that is allowed and they are not there yet."""
    from rag_llm_system.model.embeddings.weights import locate_weights

    token = settings.huggingface_access_token
    return locate_weights(
        model_id,
        cache_dir=models_folder(settings),
        allow_download=settings.rag_allow_download,
        on_message=tell,
        hub_token=token.get_secret_value() if token else None,
    )


def models_folder(settings: Settings) -> Path:
    """Gives the folder in which fetched and built models are kept."""
    return settings.home / "models"
