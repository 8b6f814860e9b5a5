"""Git repositories."""

import errno
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from loguru import logger

from rag_llm_system.domain.errors import ConfigurationError, DiskFullError, NotFoundError
from rag_llm_system.domain.ports.source import Fetched, FetchFailure
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
from rag_llm_system.infrastructure.crawlers.git.fetching import REPOSITORY, Version, access_to, fetch_version
from rag_llm_system.infrastructure.crawlers.git.files import RepositoryFiles
from rag_llm_system.infrastructure.crawlers.git.links import GitLink, parse_git_link
from rag_llm_system.infrastructure.crawlers.git.process import GitCommands, GitProgram
from rag_llm_system.infrastructure.crawlers.git.repository import Entry, FetchedRepository

_N_ATTEMPTS = 20
_PAUSE_S = 0.05


class GithubCrawler:
    """Brings the files of a git repository, wherever it is: GitHub, another forge, any server, or this machine.

    The newest commit alone is fetched, into a bare repository in a temporary folder, and read from there object by
    object. What a repository holds therefore never becomes a file, a link, a hook or a setting on this machine.

    Left out, and counted in the log: what is hidden or empty, what tools have made, what is not text.
    Given as failures: files that are too large, secrets, Git LFS pointers, submodules, and symbolic links that lead
    out of the repository.

    A private repository is reached by ssh with the keys of the ssh agent or of ~/.ssh, by a token for its host, or by
    https://USER:TOKEN@host/..., where the password is in no link, message, log or list of processes from there on.

    Args:
        guard: says which hosts may be contacted, and at which addresses.
        max_file_bytes: larger files are reported and not read.
        max_repository_bytes: larger repositories, as fetched, are refused.
        max_files: how many entries of a repository are looked at.
        max_path_bytes: how long the paths of all of these may be together.
        timeout_s: how long fetching may take.
        tokens: access tokens by host, such as "github.com", for the usual port of https alone; by host and port, such
            as "git.example.org:8443", for another.
        proxy_url: the web proxy for https; the one of the environment is not taken, since behind a proxy the proxy
            looks names up, and the guard cannot.
        environment: where PATH, the ssh agent and the certificates of authorities are taken from; None for that of
            this process.
        temporary_folder: where the temporary folder is made; None for the system's choice.
        clock: gives seconds.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        max_file_bytes: int = 10_000_000,
        max_repository_bytes: int = 500_000_000,
        max_files: int = 100_000,
        max_path_bytes: int = 32_000_000,
        timeout_s: float = 300.0,
        tokens: Mapping[str, str] | None = None,
        proxy_url: str = "",
        environment: Mapping[str, str] | None = None,
        temporary_folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        self._max_file_bytes = max_file_bytes
        self._max_repository_bytes = max_repository_bytes
        self._max_files = max_files
        self._max_path_bytes = max_path_bytes
        self._timeout_s = timeout_s
        self._tokens = dict(tokens or {})
        self._proxy_url = proxy_url
        self._git = GitProgram(environment)
        self._temporary_folder = temporary_folder
        self._clock = clock

    def crawl(self, link: str) -> Iterator[Fetched | FetchFailure]:
        """Gives each file, in the order of the paths' bytes; the forms of links are those of `links.py`.

        Raises:
            InputError: the link cannot be one of a repository, is not encrypted, or the repository is too large.
            NotFoundError: there is no such repository, branch or folder, or it needs a login.
            AccessError: the host is within a private network, or does not accept the login.
            BackendUnavailableError: the host does not answer, or not in time.
            BackendError: anything else that git complains of.
            DiskFullError: the disk of the temporary folder is full.
            ConfigurationError: git is missing or too old.
        """
        started = self._clock()
        wanted = parse_git_link(link)
        self._git.check()
        with _temporary_folder(self._temporary_folder) as folder:
            version = self._fetch(wanted, folder)
            seconds = self._clock() - started
            logger.info("repository_fetched commit={} seconds={:.1f}", version.commit, seconds)
            repository = FetchedRepository(self._git, folder / REPOSITORY, timeout_s=self._timeout_s)
            yield from self._found(repository, wanted, version)

    def _fetch(self, link: GitLink, folder: Path) -> Version:
        access = access_to(link, self._guard, proxy_url=self._proxy_url, token=self._tokens.get(link.place, ""))
        commands = GitCommands(
            self._git,
            folder,
            link=link.shown,
            timeout_s=self._timeout_s,
            max_bytes=self._max_repository_bytes,
            clock=self._clock,
        )
        try:
            return fetch_version(commands, link, access, folder, max_file_bytes=self._max_file_bytes)
        except OSError as error:
            raise _no_room(error, folder.parent) from None

    def _found(
        self, repository: FetchedRepository, link: GitLink, version: Version
    ) -> Iterator[Fetched | FetchFailure]:
        with closing(repository.entries(version.commit, version.folder)) as listed:
            entries, excess = self._as_many_as_allowed(listed)
        if not entries and version.folder:
            raise NotFoundError(f"{link.shown} has no folder {version.folder!r} in {version.ref!r}: check the link")
        counts: Counter[str] = Counter()
        with repository.blobs() as blobs:
            files = RepositoryFiles(link, version, entries, max_file_bytes=self._max_file_bytes)
            for found in files.read(blobs):
                counts["brought" if isinstance(found, Fetched) else "failed"] += 1
                yield found
        if excess:
            yield FetchFailure(link.shown, f"has {excess}, and the others were left out: give one of its folders")
        left_out = ", ".join(f"{n} {reason}" for reason, n in sorted(files.left_out.items()))
        logger.info(
            "repository_crawled n_files={} n_failed={} left_out='{}'", counts["brought"], counts["failed"], left_out
        )
        if not counts:
            yield FetchFailure(link.shown, f"holds nothing to read ({left_out or 'no files'})")

    def _as_many_as_allowed(self, listed: Iterable[Entry]) -> tuple[list[Entry], str]:
        """Gives the first entries, and in words of what there is too much; "" where these are all."""
        entries: list[Entry] = []
        n_path_bytes = 0
        for entry in listed:
            n_path_bytes += len(entry.path)
            if len(entries) == self._max_files:
                return entries, f"more than {self._max_files} files"
            if n_path_bytes > self._max_path_bytes:
                return entries, f"paths of more than {self._max_path_bytes} bytes in all"
            entries.append(entry)
        return entries, ""


@contextmanager
def _temporary_folder(parent: Path | None) -> Iterator[Path]:
    try:
        folder = Path(tempfile.mkdtemp(prefix="rag-git-", dir=parent)).resolve()
    except OSError as error:
        raise _no_room(error, parent or Path(tempfile.gettempdir())) from None
    try:
        yield folder
    finally:
        # A helper of git that was killed a moment ago may still be making a file.
        for _ in range(_N_ATTEMPTS):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(_PAUSE_S)


def _no_room(error: OSError, folder: Path) -> ConfigurationError | DiskFullError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"the disk that holds {folder} is full: make room there, or set TMPDIR to another folder")
    return ConfigurationError(f"{folder} cannot be written to ({error.strerror}): set TMPDIR to another folder")
