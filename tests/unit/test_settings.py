"""Settings: where values come from, what is refused, what is never shown."""

from pathlib import Path

import pytest

from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import load_settings
from tools.settings_page import settings_page


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("TOP_K=7\nRAG_API_PORT=9001\n")
    monkeypatch.setenv("TOP_K", "5")
    settings = load_settings()
    assert (settings.top_k, settings.rag_api_port) == (5, 9001)


@pytest.mark.parametrize("key", ["TEXT_EMBEDDING_MODEL_ID", "EMBED_MODEL"])
def test_both_names_of_the_embedding_model_are_read(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(key, "somebody/some-model")
    assert load_settings().text_embedding_model_id == "somebody/some-model"


def test_an_unknown_key_of_ours_is_refused_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_API_PROT", "1")
    with pytest.raises(ConfigurationError, match=r"RAG_API_PROT is not a setting\. Did you mean RAG_API_PORT"):
        load_settings()


def test_an_unknown_key_of_ours_in_the_env_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RAG_NONSENSE=1\n")
    with pytest.raises(ConfigurationError, match="RAG_NONSENSE"):
        load_settings()


def test_a_bad_value_is_one_line_that_names_the_key_and_not_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_API_PORT", "not-a-port")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "RAG_API_PORT" in caught.value.message
    assert "not-a-port" not in caught.value.message
    assert "\n" not in caught.value.message


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("OPENAI_API_KEY", "QDRANT_APIKEY", "AWS_SECRET_KEY", "LINKEDIN_PASSWORD", "COMET_API_KEY"):
        monkeypatch.setenv(key, "hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2@localhost/twin")
    monkeypatch.setenv("DATABASE_HOST", "mongodb://ada:hunter2@localhost")
    assert "hunter2" not in repr(load_settings()) + load_settings().model_dump_json()


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOP_K", "")
    assert load_settings().top_k == 4


def test_the_settings_page_is_the_one_that_would_be_made_now() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    how = "run: python -m tools.settings_page > docs/settings.md"
    assert page.read_text(encoding="utf-8") == settings_page() + "\n", how


def test_an_env_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"TOP_K=\xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_settings()
