"""What the configuration files of the pipelines say."""

from pathlib import Path

import pytest

from rag_llm_system.domain.errors import ConfigurationError
from tools.run_configs import (
    CONFIGS,
    EvaluationRequest,
    read_artifact_export,
    read_author_full_names,
    read_author_links,
    read_evaluation,
)


def config(folder: Path, content: str | bytes) -> str:
    path = folder / "etl.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_paths_are_seen_from_the_files_folder_and_addresses_stay_as_they_are(tmp_path: Path) -> None:
    content = "parameters:\n  user_full_name: Ada Lovelace\n  links: [notes.md, ../other, /there, packages://direct]\n"
    assert read_author_links(config(tmp_path, content)) == [
        ("Ada Lovelace", [str(tmp_path / "notes.md"), str(tmp_path.parent / "other"), "/there", "packages://direct"])
    ]


def test_several_authors_are_given_in_order(tmp_path: Path) -> None:
    entries = "[{user_full_name: Ada, links: [/a]}, {user_full_name: Bob, links: [git@example.org:bob/b.git]}]"
    assert read_author_links(config(tmp_path, f"parameters: {{author_links: {entries}}}")) == [
        ("Ada", ["/a"]),
        ("Bob", ["git@example.org:bob/b.git"]),
    ]


def test_every_file_in_configs_is_of_one_of_the_kinds() -> None:
    readers = {
        "digital_data_etl": read_author_links,
        "end_to_end_data": read_author_links,
        "feature_engineering": read_author_full_names,
        "export_artifact_to_json": read_artifact_export,
        "evaluation": read_evaluation,
    }
    names = sorted(path.name for path in CONFIGS.glob("*.yaml"))
    assert len(names) >= len(readers)
    for name in names:
        reader = next(reader for kind, reader in readers.items() if name.startswith(kind))
        reader(name)


def test_no_author_names_mean_everybody(tmp_path: Path) -> None:
    assert read_author_full_names(config(tmp_path, "parameters:\n  author_full_names:\n")) is None
    assert read_author_full_names(config(tmp_path, "parameters: {author_full_names: [Ada]}")) == ["Ada"]


@pytest.mark.parametrize("content", ["parameters: {author_full_names: Ada}", "parameters: {author_full_names: [1]}"])
def test_author_names_are_a_list(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError, match="author_full_names, a list of names"):
        read_author_full_names(config(tmp_path, content))


def test_an_export_names_artifacts_and_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POE_PWD", str(tmp_path))
    content = "parameters: {artifact_names: [indexing], output_dir: out}"
    assert read_artifact_export(config(tmp_path, content)) == (["indexing"], tmp_path / "out")
    with pytest.raises(ConfigurationError, match="artifact_names, a list, and output_dir"):
        read_artifact_export(config(tmp_path, "parameters: {artifact_names: indexing}"))


def test_the_name_of_a_file_in_configs_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [(user_full_name, links)] = read_author_links("digital_data_etl_project.yaml")
    assert user_full_name == "rag_llm_system"
    assert [Path(link).is_dir() for link in links if "://" not in link] == [True]


def test_another_name_is_a_path_seen_from_where_the_person_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(tmp_path, "parameters: {user_full_name: Ada Lovelace, links: []}")
    monkeypatch.setenv("POE_PWD", str(tmp_path))
    assert read_author_links("etl.yaml") == [("Ada Lovelace", [])]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml cannot be read \(No such file"):
        read_author_links(str(tmp_path / "nowhere.yaml"))


def test_a_folder_is_no_configuration_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_author_links(str(tmp_path))


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
        "parameters: {author_links: {user_full_name: Ada, links: []}}",
        "parameters: {author_links: [notes.md]}",
        b"parameters: {user_full_name: Ad\xe0, links: []}",
        b"\x00\x01",
    ],
)
def test_a_file_without_those_parameters_is_named_with_what_it_must_hold(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"etl\.yaml must be YAML with parameters: "):
        read_author_links(config(tmp_path, content))


def test_an_evaluation_names_its_folder_from_the_files_place_and_its_settings(tmp_path: Path) -> None:
    content = "parameters: {data_dir: sets/a, split: all, limit_docs: 9, settings: {top_k: 3, rag_rerank: true}}"
    asked = EvaluationRequest(tmp_path / "sets" / "a", "all", 9, None, ("top_k=3", "rag_rerank=True"))
    assert read_evaluation(config(tmp_path, content)) == asked


def test_without_a_folder_the_test_data_are_evaluated_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TEST_DATA_DIR", "/data")
    request = read_evaluation(config(tmp_path, "parameters: {data_dir: }"))
    assert (request.data_dir, request.split, request.settings) == (Path("/data/scifact"), "dev", ())


@pytest.mark.parametrize("content", ["data_dir: 5", "split: train", "limit_docs: many", "settings: [top_k=3]"])
def test_an_evaluation_that_says_something_else_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError, match="split: dev, test or all"):
        read_evaluation(config(tmp_path, f"parameters: {{{content}}}"))
