"""What a configuration file of the ETL says."""

from pathlib import Path

import pytest

from rag_llm_system.domain.errors import ConfigurationError
from tools.run import read_config


def config(folder: Path, content: str | bytes) -> str:
    path = folder / "etl.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_paths_are_seen_from_the_files_folder_and_addresses_stay_as_they_are(tmp_path: Path) -> None:
    content = "parameters:\n  user_full_name: Ada Lovelace\n  links: [notes.md, ../other, /there, packages://direct]\n"
    assert read_config(config(tmp_path, content)) == (
        "Ada Lovelace",
        [str(tmp_path / "notes.md"), str(tmp_path.parent / "other"), "/there", "packages://direct"],
    )


def test_the_name_of_a_file_in_configs_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    user_full_name, links = read_config("digital_data_etl_project.yaml")
    assert user_full_name == "rag_llm_system"
    assert [Path(link).is_dir() for link in links if "://" not in link] == [True]


def test_another_name_is_a_path_seen_from_where_the_person_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(tmp_path, "parameters: {user_full_name: Ada Lovelace, links: []}")
    monkeypatch.setenv("POE_PWD", str(tmp_path))
    assert read_config("etl.yaml") == ("Ada Lovelace", [])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml cannot be read \(No such file"):
        read_config(str(tmp_path / "nowhere.yaml"))


def test_a_folder_is_no_configuration_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_config(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1, 2",
        "just words",
        "- a\n- list",
        "parameters:",
        "parameters: {links: []}",
        "parameters: {user_full_name: Ada}",
        "parameters: {user_full_name: Ada, links: }",
        "parameters: {user_full_name: Ada, links: notes.md}",
        "parameters: {user_full_name: , links: [notes.md]}",
        "parameters: {user_full_name: 2024-99-99, links: [notes.md]}",
        b"parameters: {user_full_name: Ad\xe0, links: []}",
        b"\x00\x01",
    ],
)
def test_a_file_without_those_parameters_is_named_with_what_it_must_hold(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"etl\.yaml must be YAML with .*user_full_name and .*links"):
        read_config(config(tmp_path, content))
