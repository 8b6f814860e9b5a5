"""The program git: found or missed, limited in what it sees, in time and in size."""

import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, InputError
from rag_llm_system.infrastructure.crawlers.git.process import GitCommands, GitProgram


def program(folder: Path, script: str, **environment: str) -> GitProgram:
    """Gives a program of a few lines of shell, in the place of git."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return GitProgram({"PATH": "/usr/bin:/bin", **environment}, program=str(path))


def commands(git: GitProgram, folder: Path, *, timeout_s: float = 20.0, max_bytes: int = 1_000_000) -> GitCommands:
    room = folder / "room"
    room.mkdir()
    return GitCommands(git, room, link="git+https://x", timeout_s=timeout_s, max_bytes=max_bytes)


def ends(pid_file: Path) -> bool:
    """Says whether the process of that id comes to its end within a moment; one that nobody has buried has ended."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(int(pid_file.read_text()))
        deadline = time.monotonic() + 2
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
    return True


def test_a_missing_git_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="install it"):
        GitProgram({"PATH": str(tmp_path)}).check()


def test_a_git_that_cannot_pin_addresses_is_too_old(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"git 2\.36 is too old: install git 2\.37 or newer"):
        program(tmp_path, "echo git version 2.36.6").check()
    program(tmp_path, "echo 'git version 2.100.0 (Apple Git-1)'").check()


def test_nothing_of_the_environment_reaches_git_that_could_turn_it(tmp_path: Path) -> None:
    bad = {"HTTPS_PROXY": "x", "GIT_SSL_NO_VERIFY": "1", "GIT_TRACE_CURL": "1", "GIT_ASKPASS": "x", "HOME": "/home/ada"}
    git = program(tmp_path, "env", SSH_AUTH_SOCK="/run/agent", **bad)
    finished = commands(git, tmp_path).run(["x"], protocol="https")
    seen = dict(line.split("=", 1) for line in finished.output.splitlines())
    assert {name: seen.get(name) for name in bad} == {**dict.fromkeys(bad), "HOME": str(tmp_path / "room")}
    assert seen["SSH_AUTH_SOCK"] == "/run/agent"
    assert (seen["GIT_ALLOW_PROTOCOL"], seen["GIT_TERMINAL_PROMPT"], seen["GIT_CONFIG_NOSYSTEM"]) == ("https", "0", "1")


def test_without_a_protocol_git_may_use_none(tmp_path: Path) -> None:
    assert "GIT_ALLOW_PROTOCOL=none\n" in commands(program(tmp_path, "env"), tmp_path).run(["x"]).output


def test_settings_are_not_among_the_words_that_a_list_of_processes_shows(tmp_path: Path) -> None:
    run = commands(program(tmp_path, 'echo "$@"; env'), tmp_path).run(
        ["fetch", "x"], settings={"http.extraHeader": "hush"}
    )
    words, *variables = run.output.splitlines()
    assert words == "fetch x"
    assert any(line.endswith("=hush") for line in variables)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process by address space")
def test_git_may_not_take_all_memory(tmp_path: Path) -> None:
    assert commands(program(tmp_path, "ulimit -v"), tmp_path).run(["x"]).output == "3145728\n"


def test_a_command_that_takes_too_long_is_stopped_with_all_that_it_has_started(tmp_path: Path) -> None:
    git = program(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    with pytest.raises(BackendUnavailableError, match=r"not be fetched in 0\.5 s"):
        commands(git, tmp_path, timeout_s=0.5).run(["x"])
    assert ends(tmp_path / "pid")


def test_a_folder_that_grows_too_large_stops_the_command_while_it_runs(tmp_path: Path) -> None:
    git = program(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid; head -c 2000000 /dev/zero > big; wait")
    with pytest.raises(InputError, match="more than 1 MB"):
        commands(git, tmp_path).run(["x"])
    assert ends(tmp_path / "pid")


def test_a_command_that_writes_without_end_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than 1 MB"):
        commands(program(tmp_path, "yes"), tmp_path).run(["x"])
