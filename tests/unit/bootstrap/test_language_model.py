"""Which language model the settings name, if any."""

from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.bootstrap.language_model import open_language_model
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError
from rag_llm_system.domain.ports.language_model import ChatMessage
from rag_llm_system.settings import Settings, load_settings
from tests.chat_server import chat_server, message, problem

MESSAGES = [ChatMessage("user", "hello")]


def settings(tmp_path: Path, **values: Any) -> Settings:
    return load_settings(rag_home=tmp_path, **values)


def test_without_an_address_there_is_none(tmp_path: Path) -> None:
    with open_language_model(settings(tmp_path, openai_api_key="sk-1")) as model:
        assert model is None


def test_the_server_is_asked_for_the_model_with_the_key_and_again_while_it_is_busy(tmp_path: Path) -> None:
    with chat_server(problem(503, message="Loading model"), message("hi")) as (url, received):
        named = settings(tmp_path, rag_language_model_url=url, openai_model_id="tiny", openai_api_key="sk-1")
        with open_language_model(named) as model:
            assert model is not None
            assert model.name == "tiny"
            assert model.complete(MESSAGES, max_new_tokens=9, timeout_s=5) == "hi"
    assert received.keys == ["Bearer sk-1"] * 2
    assert received.requests[0]["model"] == "tiny"


def test_a_server_that_is_away_hinders_nothing_until_it_is_asked(tmp_path: Path) -> None:
    with open_language_model(settings(tmp_path, rag_language_model_url="http://127.0.0.1:1")) as model:
        assert model is not None
        with pytest.raises(BackendUnavailableError, match="cannot be reached"):
            model.complete(MESSAGES, max_new_tokens=9, timeout_s=0.2)


def test_an_address_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="RAG_LANGUAGE_MODEL_URL"),
        open_language_model(settings(tmp_path, rag_language_model_url="localhost:8080")),
    ):
        pass
