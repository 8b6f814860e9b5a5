"""Settings: where values come from, what is refused, what is never shown."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

import rag_llm_system
from rag_llm_system.domain.errors import ConfigurationError
from rag_llm_system.settings import Settings, known_keys, load_settings
from rag_llm_system.settings_files import named_profiles
from tools.settings_page import settings_page

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "configs" / "profiles"


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


@pytest.mark.parametrize(
    ("written", "read"),
    [("true", "cross-encoder"), ("Yes", "cross-encoder"), ("on", "cross-encoder"), ("False", "off"), ("no", "off")],
)
def test_reranking_is_read_as_it_was_written_when_it_was_yes_or_no(
    written: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_RERANK", written)
    assert load_settings().rag_rerank == read


def test_the_settings_page_is_the_one_that_would_be_made_now() -> None:
    page = ROOT / "docs" / "settings.md"
    how = "run: python -m tools.settings_page > docs/settings.md"
    assert page.read_text(encoding="utf-8") == settings_page() + "\n", how


def test_an_env_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"TOP_K=\xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_settings()


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """Gives a profile of somebody's own."""
    path = tmp_path / "office.env"
    path.write_text("TOP_K=7\nRAG_API_PORT=9001\nDATABASE_HOST=mongodb://db\n")
    return path


def test_a_profile_lies_beneath_the_env_file_and_that_beneath_the_environment(
    office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text(f"RAG_PROFILE={office}\nTOP_K=6\nRAG_CANDIDATES=12\n")
    monkeypatch.setenv("RAG_CANDIDATES", "15")
    settings = load_settings()
    assert (settings.rag_api_port, settings.top_k, settings.rag_candidates) == (9001, 6, 15)
    assert settings.rag_profile == str(office)


def test_an_override_can_name_the_profile(office: Path) -> None:
    assert load_settings(rag_profile="office.env").rag_api_port == 9001
    assert load_settings(rag_profile=str(office), rag_api_port=9002).rag_api_port == 9002


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_an_empty_value_takes_back_what_the_profile_sets(
    where: str, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_PROFILE", str(office))
    if where == "environment":
        monkeypatch.setenv("DATABASE_HOST", "")
    else:
        Path(".env").write_text("DATABASE_HOST=\n")
    assert load_settings().database_host is None
    assert load_settings().top_k == 7


def test_a_profile_is_named_without_its_folder_in_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("configs/profiles").mkdir(parents=True)
    Path("configs/profiles/attic.env").write_text("TOP_K=7\n")
    monkeypatch.setenv("RAG_PROFILE", "attic")
    assert load_settings().top_k == 7
    assert "attic" in named_profiles()


def test_an_unknown_profile_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SHIPPED, "configs/profiles")
    monkeypatch.setenv("RAG_PROFILE", "sever")
    with pytest.raises(ConfigurationError, match=r"no profile 'sever': use edge, laptop, server, or give a path"):
        load_settings()


@pytest.mark.parametrize("path", ["nowhere/at/all.env", "~nobody-of-that-name/a.env", ".", "notes.txt"])
def test_a_profile_that_is_no_env_file_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("notes.txt").write_text("TOP_K=7\n")
    monkeypatch.setenv("RAG_PROFILE", path)
    with pytest.raises(ConfigurationError, match="There is no profile"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"RAG_NONSENSE=1", r"RAG_NONSENSE is not a setting.* Remove it from .*odd\.env"),
        (b"RAG_PROFILE=server", "names another"),
        (b"TOP_K=\xff", r"odd\.env is not UTF-8"),
        (b"TOP_K=99", r"TOP_K cannot be used.* or .*odd\.env"),
    ],
)
def test_a_profile_that_cannot_be_used_is_named(content: bytes, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("odd.env").write_bytes(content)
    monkeypatch.setenv("RAG_PROFILE", "odd.env")
    with pytest.raises(ConfigurationError, match=cause):
        load_settings()


def test_an_installed_wheel_takes_a_path_and_says_that_it_brings_no_names(tmp_path: Path) -> None:
    package = Path(rag_llm_system.__file__).parent
    installed = tmp_path / "site" / "rag_llm_system"
    for file in ("__init__.py", "settings.py", "settings_files.py", "domain/__init__.py", "domain/errors.py"):
        (installed / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(package / file, installed / file)
    (tmp_path / "office.env").write_text("TOP_K=7\n")
    program = "import sys; from rag_llm_system.settings import load_settings; print(load_settings().top_k)"

    def ended(profile: str) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "RAG_PROFILE": profile}
        return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)

    assert ended("office.env").stdout == "7\n"
    assert "There is no profile 'server': an installed wheel brings none: give a path" in ended("server").stderr


def test_the_laptops_profile_changes_no_default() -> None:
    assert changes(SHIPPED / "laptop.env") == {}


@pytest.mark.parametrize("name", ["server", "edge"])
def test_a_shipped_profile_changes_what_it_sets_and_sets_only_what_is_read(name: str) -> None:
    path = SHIPPED / f"{name}.env"
    in_use = {key for key, field in known_keys().items() if not Settings.model_fields[field].json_schema_extra}
    assert set(dotenv_values(path)) <= in_use
    assert {field.upper() for field in changes(path)} == set(dotenv_values(path))


def test_the_edge_asks_less_of_a_machine_than_a_laptop() -> None:
    defaults = load_settings()
    numbers = {name: value for name, value in changes(SHIPPED / "edge.env").items() if not isinstance(value, bool)}
    assert len(numbers) > 5
    assert {name for name, value in numbers.items() if value >= getattr(defaults, name)} == set()


@pytest.mark.parametrize("path", [*sorted(SHIPPED.glob("*.env")), ROOT / ".env.example"], ids=lambda path: path.name)
def test_no_file_in_the_repository_sets_a_secret_or_a_key_that_is_not_known(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path.name} is not in this checkout")
    text = path.read_text(encoding="utf-8")
    named = {line.lstrip("#").partition("=")[0] for line in text.splitlines() if "=" in line and " " not in line}
    assert named <= set(known_keys())
    assert "@" not in "".join(str(value) for value in dotenv_values(path).values())


def changes(profile: Path) -> dict[str, object]:
    """Gives the settings that differ from the defaults under that profile."""
    ours = load_settings(rag_profile=str(profile)).model_dump(exclude={"rag_profile"})
    defaults = load_settings().model_dump()
    return {name: value for name, value in ours.items() if value != defaults[name]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("RAG_PRIVATE_NETWORKS", "10.0.0.0/8,home"),
        ("RAG_PRIVATE_NETWORKS", "10.0.0.1/8"),
        ("RAG_GIT_TOKENS", "hush-hush"),
        ("RAG_GIT_TOKENS", "github.com=x,=hush-hush"),
    ],
)
def test_lists_are_read_before_anything_starts(key: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(key, value)
    with pytest.raises(ConfigurationError, match=f"{key} cannot be used: ") as refused:
        load_settings()
    assert "hush" not in refused.value.message


def test_lists_are_given_entry_by_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_PRIVATE_NETWORKS", " 10.0.0.0/8 ,fd00::/8,")
    monkeypatch.setenv("RAG_GIT_TOKENS", "GitHub.com=a=b, gitlab.com = c")
    settings = load_settings()
    assert settings.private_networks == ("10.0.0.0/8", "fd00::/8")
    assert settings.git_tokens == {"github.com": "a=b", "gitlab.com": "c"}
