"""Which links lead to git repositories, and how each is fetched and named.

Taken are pages of GitHub, GitLab, Bitbucket and Codeberg (also of one branch or folder), addresses that end in `.git`,
ssh://, `git@host:owner/name.git`, and `git+` before any address or path. As with pip, `@BRANCH` may follow a `git+`
link, and `#subdirectory=FOLDER`, or `#PATH`, as documents are cited.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit
from urllib.request import url2pathname

from rag_llm_system.domain.errors import InputError, NotFoundError

_FORGES = {"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket", "codeberg.org": "codeberg"}
_NO_OWNERS = {
    "-", "about", "apps", "collections", "contact", "customer-stories", "dashboard", "enterprise", "explore",
    "features", "help", "login", "marketplace", "notifications", "orgs", "pricing", "product", "search", "security",
    "settings", "site", "solutions", "sponsors", "topics", "trending", "user", "users",
}  # fmt: skip
"""First parts of paths that forges keep for themselves."""

_SCP = re.compile(r"(?P<user>[A-Za-z0-9_][\w.-]*)@(?P<host>[A-Za-z0-9][\w.-]*):(?P<path>[^:-][^:]*)")
_NAME = re.compile(r"[A-Za-z0-9_~.+-]+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_SSH_USER = re.compile(r"[A-Za-z0-9_][\w.-]*")
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
_NOT_IN_LINKS = re.compile(r"[\x00-\x20\x7f\\]")
_PORTS = {"https": 443, "ssh": 22}
_UNENCRYPTED = {"http", "git"}
_MOST_PARTS = 40
_DEFAULT_BRANCH: tuple[tuple[str, str], ...] = (("", ""),)


@dataclass(frozen=True, slots=True)
class GitLink:
    """A repository, and what of it is asked for.

    Args:
        url: what git is given; without a password.
        shown: the repository's own link, for people and for ids; without a password.
        protocol: "https", "ssh" or "file".
        host: the host in lower case, "" for this machine.
        port: the port at the host.
        platform: "github", "gitlab", "bitbucket", "codeberg", else "git".
        name: what the repository is called.
        wanted: pairs of a branch, tag or commit and a folder, of which the first counts whose branch there is. A blank
            one is the default branch.
        login: user name and password that stood in the link.
    """

    url: str
    shown: str
    protocol: str
    host: str
    port: int
    platform: str
    name: str
    wanted: tuple[tuple[str, str], ...]
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """The host, with the port where it is not the usual one: what a token is for."""
        return _place(self.host, self.port, _PORTS.get(self.protocol, 0))

    def link_of(self, path: bytes, ref: str, kind: str) -> str:
        """Gives the link of a file: its page where the forge is known, else the repository's link, "#" and the path.

        Args:
            path: the file's path within the repository, as git has it.
            ref: the branch, tag or commit.
            kind: which of them: "branch", "tag" or "commit".
        """
        file, version = quote(path), quote(ref)
        if self.platform == "github":
            return f"{self.shown}/blob/{version}/{file}"
        if self.platform == "gitlab":
            return f"{self.shown}/-/blob/{version}/{file}"
        if self.platform == "bitbucket":
            return f"{self.shown}/src/{version}/{file}"
        if self.platform == "codeberg":
            return f"{self.shown}/src/{kind}/{version}/{file}"
        is_default = all(name == "" for name, _folder in self.wanted)
        return f"{self.shown}#{file}" if is_default else f"{self.shown}@{version}#{file}"


def is_git_link(link: str) -> bool:
    """Says whether a link is one for the git crawler, by its looks alone."""
    text = link.strip()
    if text.startswith("git+") or _SCP.fullmatch(text):
        return True
    try:
        parts = urlsplit(text)
        host = _forge_host(parts)
    except ValueError:
        return False
    if parts.scheme in ("ssh", "git"):
        return True
    if parts.scheme in ("http", "https"):
        return _ends_in_git(parts.path) or (host in _FORGES and _forge_parts(host, parts.path) is not None)
    is_local = parts.scheme == "file" or "://" not in text
    return is_local and _ends_in_git(parts.path if parts.scheme == "file" else text)


def parse_git_link(link: str) -> GitLink:
    """Gives what a link stands for.

    Raises:
        InputError: it is no git link, or one that is not encrypted.
        NotFoundError: it names a folder that is not there.
    """
    text = link.strip()
    has_prefix = text.startswith("git+")
    text = text.removeprefix("git+")
    if scp := _SCP.fullmatch(text):
        return _ssh_link(scp["host"].lower(), 22, scp["path"], url=text)
    if "://" not in text and not text.startswith("file:"):
        return _local_link(text, _DEFAULT_BRANCH)
    if _NOT_IN_LINKS.search(text):
        raise InputError("a link to a git repository holds spaces or control characters: write them as %20 and so on")
    parts = _split(text)
    parts, wanted = _without_pip_suffixes(parts) if has_prefix else (parts, _DEFAULT_BRANCH)
    if parts.scheme == "file":
        return _local_link(_path_of(parts), wanted)
    if parts.scheme in _UNENCRYPTED:
        raise InputError(f"{parts.scheme}:// is not encrypted, and anybody on the way may change what comes: use https")
    if parts.scheme not in _PORTS:
        raise InputError(f"git repositories are not fetched by {parts.scheme}://: use https, ssh or a path")
    host, port = _checked_host(parts)
    if parts.scheme == "ssh":
        user = parts.username or "git"
        path = unquote(parts.path).lstrip("/")
        if not _SSH_USER.fullmatch(user):
            raise InputError(f"the user name in the link to {host} cannot be used: check the link")
        return _ssh_link(host, port, path, url=f"ssh://{user}@{_place(host, port, 22)}{parts.path}", wanted=wanted)
    return _https_link(parts, host, port, wanted)


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise InputError("a link to a git repository cannot be read: check its host and port") from None
    return parts._replace(scheme=parts.scheme.lower())


def _without_pip_suffixes(parts: SplitResult) -> tuple[SplitResult, tuple[tuple[str, str], ...]]:
    options = parse_qs(parts.fragment)
    named = "" if "egg" in options else unquote(parts.fragment)
    folder = _clean_path(options.get("subdirectory", [named])[0])
    path, at, ref = parts.path.rpartition("@")
    if not at:
        path, ref = parts.path, ""
    return parts._replace(path=path, fragment=""), ((_checked_ref(unquote(ref)), folder),)


def _local_link(text: str, wanted: tuple[tuple[str, str], ...]) -> GitLink:
    try:
        path = Path(text).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise NotFoundError(f"there is no folder {text!r} that can be read: check the path") from None
    name = path.parent.name if path.name == ".git" else path.name
    return GitLink(
        url=path.as_uri(),
        shown=f"git+{path.as_uri()}",
        protocol="file",
        host="",
        port=0,
        platform="git",
        name=_without_git(name),
        wanted=wanted,
    )


def _path_of(parts: SplitResult) -> str:
    if parts.netloc not in ("", "localhost"):
        raise NotFoundError("a file:// link names another machine: give a path on this one")
    return url2pathname(parts.path)


def _ssh_link(
    host: str, port: int, path: str, *, url: str, wanted: tuple[tuple[str, str], ...] = _DEFAULT_BRANCH
) -> GitLink:
    _check_host(host)
    parts = _path_parts(path)
    forge = _FORGES.get(host, "") if len(parts) > 1 else ""
    shown = f"https://{host}/{path}" if forge else f"git+ssh://{_place(host, port, 22)}/{path}"
    return GitLink(
        url=url,
        shown=_without_git(shown.rstrip("/")) if forge else shown,
        protocol="ssh",
        host=host,
        port=port,
        platform=forge or "git",
        name=_without_git(parts[-1]) if parts else host,
        wanted=wanted,
    )


def _https_link(parts: SplitResult, host: str, port: int, wanted: tuple[tuple[str, str], ...]) -> GitLink:
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    forge_host = _forge_host(parts)
    if forge_host in _FORGES and port == 443:
        found = _forge_parts(forge_host, parts.path)
        if found is None:
            raise InputError(f"{forge_host}{parts.path} is no page of a repository: give the repository's own page")
        repository, rest = found
        shown = f"https://{forge_host}/{'/'.join(repository)}"
        return GitLink(
            url=f"{shown}.git",
            shown=shown,
            protocol="https",
            host=forge_host,
            port=port,
            platform=_FORGES[forge_host],
            name=repository[-1],
            wanted=_wanted(rest) if rest else wanted,
            login=login,
        )
    url = f"https://{_place(host, port, 443)}{quote(unquote(parts.path), safe='/~+:@')}".rstrip("/")
    names = _path_parts(parts.path)
    return GitLink(
        url=url,
        shown=f"git+{url}",
        protocol="https",
        host=host,
        port=port,
        platform="git",
        name=_without_git(names[-1]) if names else host,
        wanted=wanted,
        login=login,
    )


def _forge_host(parts: SplitResult) -> str:
    return (parts.hostname or "").lower().removeprefix("www.").rstrip(".")


def _forge_parts(host: str, path: str) -> tuple[list[str], list[str]] | None:
    """Gives the parts of the repository's path, and those of branch and folder; None for any other page."""
    parts = _path_parts(path)
    marks: tuple[str, ...] = {"gitlab.com": ("tree", "blob"), "github.com": ("tree", "blob")}.get(host, ("src",))
    n_parts = 2
    if host == "gitlab.com":
        n_parts = parts.index("-") if "-" in parts else len(parts)
    repository, rest = parts[:n_parts], parts[n_parts:]
    rest = rest[1:] if host == "gitlab.com" else rest
    if len(repository) < 2 or repository[0].lower() in _NO_OWNERS or (rest and rest[0] not in marks):
        return None
    repository[-1] = _without_git(repository[-1])
    if not all(_NAME.fullmatch(part) and part.strip(".") for part in repository):
        return None
    skipped = 2 if host == "codeberg.org" and rest[1:2] and rest[1] in ("branch", "tag", "commit") else 1
    return repository, [unquote(part) for part in rest[skipped:]]


def _wanted(parts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Gives each way to take a path apart into a branch, which may hold slashes, and a folder; long branches first."""
    if len(parts) > _MOST_PARTS:
        raise InputError(f"the folder in the link is more than {_MOST_PARTS} deep: give one further up")
    splits = [("/".join(parts[:n]), "/".join(parts[n:])) for n in range(len(parts), 0, -1)]
    wanted = tuple((ref, _clean_path(folder)) for ref, folder in splits if _is_ref(ref))
    return wanted or ((_checked_ref(splits[-1][0]), ""),)


def _checked_ref(ref: str) -> str:
    if ref and not _is_ref(ref):
        raise InputError("the branch in the link has a name that git does not allow: check the link")
    return ref


def _is_ref(ref: str) -> bool:
    """Says whether git allows a name for a branch (git-check-ref-format)."""
    is_bad = re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//", ref) or ref.startswith(("-", "/")) or ref.endswith("/")
    return not is_bad


def _clean_path(path: str) -> str:
    parts = _path_parts(path)
    if ".." in parts or any(ord(sign) < 32 for sign in path):
        raise InputError("the folder in the link cannot be one of a repository: check the link")
    return "/".join(part for part in parts if part != ".")


def _checked_host(parts: SplitResult) -> tuple[str, int]:
    host = (parts.hostname or "").lower().rstrip(".")
    try:
        host = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    _check_host(host)
    return host.strip("[]"), parts.port or _PORTS[parts.scheme]


def _check_host(host: str) -> None:
    """Refuses what git or ssh would read otherwise than the guard: options, and numbers that are addresses in disguise.

    Raises:
        InputError: it is no name of a host.
    """
    name = host.strip("[]")
    if not _HOST.fullmatch(host):
        raise InputError("the host in the link cannot be used: check its spelling")
    if ":" in name or _NUMERIC.fullmatch(name.rpartition(".")[2]):
        try:
            ipaddress.ip_address(name)
        except ValueError:
            raise InputError(f"{name} is no address of a host: write it as four numbers, or as a name") from None


def _place(host: str, port: int, default_port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == default_port else f"{name}:{port}"


def _path_parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _ends_in_git(path: str) -> bool:
    return path.rstrip("/").endswith(".git")


def _without_git(name: str) -> str:
    return name.rstrip("/").removesuffix(".git")
