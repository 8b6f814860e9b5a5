"""An evaluation's home: its own, gone afterwards, and nothing of the person's in it but the models."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_llm_system.bootstrap.evaluation_home import (
    changed_settings,
    evaluation_home,
    kept_home_name,
    read_overrides,
)
from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, InputError
from rag_llm_system.settings import load_settings

HOLDING = """
import sys
from rag_llm_system.bootstrap.evaluation_home import evaluation_home

with evaluation_home({}) as settings:
    print(settings.home, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def homes_in(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "evaluations" / "homes").iterdir() if not path.name.startswith("."))


def test_a_home_is_there_for_the_evaluation_and_gone_afterwards(home: Path) -> None:
    with evaluation_home({"top_k": "7"}) as settings:
        assert (settings.top_k, settings.home.parent) == (7, home / "evaluations" / "homes")
        (settings.home / "documents.sqlite").touch()
        (settings.home / "models" / "weights").touch()
    assert homes_in(home) == []
    assert (home / "models" / "weights").is_file()  # models are the person's, and stay
    with pytest.raises(KeyboardInterrupt), evaluation_home({}):
        raise KeyboardInterrupt
    assert homes_in(home) == []


def test_servers_that_the_person_uses_are_not_written_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_DATABASE_HOST", "qdrant.example.org")
    monkeypatch.setenv("DATABASE_HOST", "mongodb://db.example.org")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.org/twin")
    monkeypatch.setenv("USE_QDRANT_CLOUD", "true")
    with evaluation_home({}) as settings:
        assert not settings.use_qdrant_cloud
        assert (settings.qdrant_database_host, settings.database_host, settings.database_url) == (None, None, None)


def test_what_a_killed_evaluation_left_is_removed_and_what_is_in_use_is_not(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout
    theirs = Path(process.stdout.readline().strip())
    with evaluation_home({}):
        assert theirs.is_dir()
        assert len(homes_in(home)) == 2
    process.kill()
    process.communicate()
    assert homes_in(home) == [theirs.name]
    with evaluation_home({}):
        assert not theirs.exists()


def test_a_kept_home_stays_and_has_one_user_at_a_time(home: Path, tmp_path: Path) -> None:
    name = kept_home_name(tmp_path, None)
    for _ in range(2):
        with evaluation_home({}, keep_as=name) as settings:
            (settings.home / "index").mkdir(exist_ok=True)
            with (
                pytest.raises(BackendUnavailableError, match="Another evaluation uses"),
                evaluation_home({}, keep_as=name),
            ):
                pass
    assert homes_in(home) == [name]
    assert name.startswith(f"{tmp_path.name}-")
    assert name != kept_home_name(tmp_path, 100)


def test_a_home_that_cannot_be_made_is_said(home: Path) -> None:
    home.mkdir()
    (home / "evaluations").touch()
    with pytest.raises(ConfigurationError, match="check RAG_HOME"), evaluation_home({}):
        pass


def test_settings_are_named_as_fields_or_as_keys() -> None:
    assert read_overrides(["top_k=3", "RAG_RERANK=true", "EMBED_MODEL=a=b"]) == {
        "top_k": "3",
        "rag_rerank": "true",
        "text_embedding_model_id": "a=b",
    }
    assert read_overrides(["rag_candidates="]) == {"rag_candidates": load_settings().rag_candidates}


@pytest.mark.parametrize(
    ("pair", "what"),
    [
        ("rag_prefech=3", "did you mean rag_prefetch?"),
        ("xyzzy=3", "docs/settings.md lists them"),
        ("=3", "docs/settings.md lists them"),
        ("top_k", "write --set key=value"),
        ("rag_home=/tmp", "has an index of its own"),
        ("QDRANT_DATABASE_HOST=a", "has an index of its own"),
    ],
)
def test_an_override_that_cannot_be_used_is_said(pair: str, what: str) -> None:
    with pytest.raises(InputError) as raised:
        read_overrides([pair])
    assert what in raised.value.message


def test_a_value_that_a_setting_refuses_is_said_before_anything_is_made(home: Path) -> None:
    with pytest.raises(InputError, match=r"^TOP_K cannot be used: .* Correct --set"), evaluation_home({"top_k": "x"}):
        pass
    assert not home.exists()


def test_changed_settings_hold_no_secret_and_no_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBED_BACKEND")
    monkeypatch.setenv("COMET_API_KEY", "hush")
    monkeypatch.setenv("DATABASE_URL", "sqlite:////elsewhere")
    settings = load_settings(top_k=5, rag_rerank="learned", rag_prefetch=100, model_path="/models/a.gguf")
    assert changed_settings(settings) == {"top_k": 5, "rag_rerank": "learned", "model_path": "/models/a.gguf"}
