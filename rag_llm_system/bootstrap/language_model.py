"""Which language model helps with questions, if any."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag_llm_system.settings import Settings

if TYPE_CHECKING:
    from rag_llm_system.domain.ports.language_model import LanguageModel


@contextmanager
def open_language_model(settings: Settings) -> Iterator["LanguageModel | None"]:
    """Opens the client of the OpenAI-compatible server that the settings name; None where they name none.

    Nothing is asked of the server yet: while it is away, what can do without a language model does.

    Raises:
        ConfigurationError: the address or the key cannot be used.
    """
    if settings.rag_language_model_url is None:
        yield None
        return
    from rag_llm_system.application.wrappers.retried import RetriedLanguageModel
    from rag_llm_system.model.language_models.openai_compatible import OpenAICompatibleModel

    key = settings.openai_api_key
    model = OpenAICompatibleModel(
        model_id=settings.openai_model_id,
        base_url=settings.rag_language_model_url,
        api_key=key.get_secret_value() if key else None,
    )
    try:
        # Rules stand behind it: while it is away, no question should wait for long.
        yield RetriedLanguageModel(model, n_attempts=2, pause_s=0.2)
    finally:
        model.close()
