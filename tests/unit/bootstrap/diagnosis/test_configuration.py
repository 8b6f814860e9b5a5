"""Which settings hold: names, never values."""

from pathlib import Path

import pytest

from rag_llm_system.application.diagnosis.findings import Level
from rag_llm_system.bootstrap.diagnosis.configuration import settings_in_use
from rag_llm_system.settings import load_settings


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for key in ("RAG_HOME", "EMBED_BACKEND"):
        monkeypatch.delenv(key)


def test_untouched_settings_are_all_as_by_default() -> None:
    finding = settings_in_use(load_settings())
    assert (finding.level, finding.found) == (Level.OK, "no profile, no .env; all as by default")


def test_profile_and_env_file_and_changed_keys_are_named_without_their_values(tmp_path: Path) -> None:
    Path("office.env").write_text("TOP_K=7\nRAG_PREFETCH=100\n")
    Path(".env").write_text("RAG_PROFILE=office.env\nDATABASE_URL=postgresql://ada:hush-hush@db/twin\n")
    found = settings_in_use(load_settings()).found
    assert found == f"profile office.env, {tmp_path}/.env; other than default: DATABASE_URL, TOP_K"


def test_a_key_that_nothing_reads_yet_is_named_as_such() -> None:
    finding = settings_in_use(load_settings(redis_url="redis://:hush-hush@db", embed_batch=32))
    assert finding.level is Level.INFO
    assert finding.found.endswith("other than default: REDIS_URL, EMBED_BATCH; nothing reads yet: REDIS_URL")
