"""The program git, run so that nothing but the link decides what it does, within limits of time and size."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rag_llm_system.domain.errors import BackendUnavailableError, ConfigurationError, InputError

_INHERITED = (
    "PATH", "LD_LIBRARY_PATH", "SSH_AUTH_SOCK", "TMPDIR", "USER",
    "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_DIR", "SSL_CERT_FILE",
)  # fmt: skip
"""No proxy, no home with its .netrc, nothing of GIT_* that would trace, redirect or turn a check off."""

_FIXED = {
    "GCM_INTERACTIVE": "never",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",  # the messages are read
}

_SETTINGS = {
    "core.bigFileThreshold": "16m",  # larger blobs stream through git and never lie in its memory
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.packedGitLimit": "256m",
    "core.packedGitWindowSize": "32m",
    "core.symlinks": "false",
    "credential.helper": "",
    "fetch.unpackLimit": "1",  # one pack, however many files: quick to write and to measure
    "fetch.writeCommitGraph": "false",
    "gc.auto": "0",
    "http.emptyAuth": "false",  # no tickets of Kerberos for whoever asks
    "http.followRedirects": "false",  # the guard has seen the first host alone
    "http.proxy": "",
    "http.sslVerify": "true",
    "maintenance.auto": "false",
    "pack.threads": "2",
    "submodule.recurse": "false",
}

_OLDEST = (2, 37)  # the first that takes http.curloptResolve; older ones pass over it without a word
_MOST_MEMORY_KIB = 3 * 1024 * 1024
_LIMITED = 'ulimit -v "$0" 2>/dev/null; exec "$@"'
_MOST_SAID_BYTES = 1 << 20
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, and what it said."""

    status: int
    output: str
    complaint: str


class GitProgram:
    """Runs git. No file of the system, of a user or of a repository changes its settings.

    Args:
        environment: where PATH, the ssh agent and the certificates of authorities are taken from; None for that of this
            process. Nothing else of it reaches git.
        program: the program's name or path.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, *, program: str = "git") -> None:
        source = os.environ if environment is None else environment
        self._inherited = {name: source[name] for name in _INHERITED if name in source}
        self._program = program

    def check(self) -> None:
        """Returns where git is there and new enough.

        Raises:
            ConfigurationError: it is missing or too old.
        """
        process = self.start(["version"], folder=Path("/"))
        said = process.communicate()[0].decode("ascii", "replace")
        version = re.search(r"(\d+)\.(\d+)", said)
        if process.returncode or not version:
            raise ConfigurationError("git is not installed: install it (apt install git, or https://git-scm.com)")
        if tuple(map(int, version.groups())) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise ConfigurationError(f"git {version.group()} is too old: install git {oldest} or newer")

    def start(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        protocol: str = "",
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.DEVNULL,
    ) -> "subprocess.Popen[bytes]":
        """Gives a process of its own group, with pipes that are not buffered.

        Args:
            arguments: the command's words, without "git".
            folder: where it runs and what it takes for the home folder.
            protocol: the only one that it may use; "" for none.
            settings: git settings beside the fixed ones. They travel in the environment, where no list of processes
                shows them, since one may hold a password.
            environment: variables beside the fixed ones.
            stdin: as in `subprocess.Popen`.
            stdout: as in `subprocess.Popen`.
            stderr: as in `subprocess.Popen`.

        Raises:
            ConfigurationError: there is no shell to start it.
        """
        try:
            return subprocess.Popen(
                ["/bin/sh", "-c", _LIMITED, str(_MOST_MEMORY_KIB), self._program, *arguments],
                bufsize=0,
                cwd=folder,
                env={
                    **self._inherited,
                    **_FIXED,
                    "HOME": str(folder),
                    # Beats every protocol.*.allow there may be.
                    "GIT_ALLOW_PROTOCOL": protocol or "none",
                    **_variables_of({**_SETTINGS, **(settings or {})}),
                    **(environment or {}),
                },
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigurationError(f"git cannot be started ({error.strerror}): check its installation") from None


class GitCommands:
    """Commands that share a folder, a deadline and a limit on what the folder may come to hold.

    Args:
        git: the program.
        folder: where they run; their output is kept in it as well, so that it counts.
        link: what the messages call the repository.
        timeout_s: how long all of them may take together.
        max_bytes: what the folder may hold.
        clock: gives seconds.
    """

    def __init__(
        self,
        git: GitProgram,
        folder: Path,
        *,
        link: str,
        timeout_s: float,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._git = git
        self._folder = folder
        self._link = link
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._deadline = clock() + timeout_s

    def run(
        self,
        arguments: Sequence[str],
        *,
        protocol: str = "",
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Gives what a command said once it has ended; the arguments are those of `GitProgram.start`.

        Raises:
            BackendUnavailableError: it was not done in time, and has been stopped.
            InputError: the folder came to hold too much, and it has been stopped.
        """
        output, complaint = self._folder / "output", self._folder / "complaint"
        with output.open("wb") as stdout, complaint.open("wb") as stderr:
            process = self._git.start(
                arguments,
                folder=self._folder,
                protocol=protocol,
                settings=settings,
                environment=environment,
                stdout=stdout.fileno(),
                stderr=stderr.fileno(),
            )
            try:
                self._wait_for(process)
            finally:
                stop_group(process)
        return Finished(process.returncode, _beginning_of(output), _beginning_of(complaint))

    def _wait_for(self, process: "subprocess.Popen[bytes]") -> None:
        pause_s = _FIRST_PAUSE_S
        while process.returncode is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, min(pause_s, self._deadline - self._clock())))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            if _size_bytes(self._folder) > self._max_bytes:
                what = f"{self._link} has more than {self._max_bytes / 1e6:.0f} MB"
                raise InputError(f"{what}: give a smaller repository, or raise RAG_MAX_REPOSITORY_MB")
            if process.returncode is None and self._clock() >= self._deadline:
                what = f"{self._link} could not be fetched in {self._timeout_s:g} s"
                raise BackendUnavailableError(f"{what}: try again later, or raise RAG_GIT_TIMEOUT_S")


def stop_group(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process and all that it has started, at once."""
    if process.returncode is None:
        # git's helpers (git-remote-https, index-pack, ssh) are of its group, and would go on without it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _beginning_of(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MOST_SAID_BYTES).decode("utf-8", "surrogateescape")


def _variables_of(settings: Mapping[str, str]) -> dict[str, str]:
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def _size_bytes(folder: Path) -> int:
    size_bytes = 0
    for path, _folders, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # git renames and removes files meanwhile
                size_bytes += os.lstat(os.path.join(path, name)).st_size
    return size_bytes
