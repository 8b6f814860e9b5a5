"""Fetching one version of a repository: which one a link means, and its newest commit alone."""

import base64
import ipaddress
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag_llm_system.domain.errors import NotFoundError
from rag_llm_system.infrastructure.crawlers.addresses import AddressGuard
from rag_llm_system.infrastructure.crawlers.git.errors import error_of
from rag_llm_system.infrastructure.crawlers.git.links import GitLink
from rag_llm_system.infrastructure.crawlers.git.process import GitCommands

REPOSITORY = "repository.git"
"""The name of the bare repository within the commands' folder."""

_FETCHED = "refs/fetched/version"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BARE = "[core]\n\trepositoryformatversion = {}\n\tbare = true\n{}"
_SHA256 = "[extensions]\n\tobjectFormat = sha256\n"
_SSH = (
    "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o CheckHostIP=no -o ClearAllForwardings=yes "
    "-o ForwardAgent=no -o PermitLocalCommand=no -o ControlMaster=no -o ControlPath=none"
)
_USERS_OF_TOKENS = {"bitbucket": "x-token-auth"}


@dataclass(frozen=True, slots=True)
class Access:
    """The settings and variables by which git reaches one host, and no other. May hold a password."""

    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Version:
    """What has been fetched.

    Args:
        ref: the branch, tag or commit by the name that links have for it.
        kind: which of them: "branch", "tag" or "commit".
        folder: the folder or file that is asked for; "" for all.
        commit: the commit's id.
    """

    ref: str
    kind: str
    folder: str
    commit: str


def access_to(link: GitLink, guard: AddressGuard, *, proxy_url: str = "", token: str = "") -> Access:
    """Gives what git needs to reach a link's host at the addresses that the guard allows.

    Through a proxy the proxy looks the name up, so that the guard sees addresses alone that stand in the link.

    Raises:
        AccessError: the host is within a private network.
        NotFoundError: there is no such host.
    """
    if link.protocol == "file":
        return Access()
    if link.protocol == "ssh":
        return Access(environment={"GIT_SSH_COMMAND": _ssh_command(link, guard), "GIT_SSH_VARIANT": "ssh"})
    settings = {}
    if proxy_url:
        settings["http.proxy"] = proxy_url
    if _is_address(link.host) or not proxy_url:
        addresses = [f"[{found}]" if ":" in found else found for found in guard.resolve(link.host, link.port)]
        if not _is_address(link.host):
            settings["http.curloptResolve"] = f"{link.host}:{link.port}:{','.join(addresses)}"
    login = link.login or ((_USERS_OF_TOKENS.get(link.platform, "x-access-token"), token) if token else None)
    if login:
        secret = base64.b64encode(":".join(login).encode()).decode("ascii")
        settings["http.extraHeader"] = f"Authorization: Basic {secret}"
    return Access(settings=settings)


def fetch_version(
    commands: GitCommands, link: GitLink, access: Access, folder: Path, *, max_file_bytes: int
) -> Version:
    """Fetches the version that a link means into the bare repository `REPOSITORY` in the folder.

    Files above the limit are not even fetched where the server can leave them out.

    Raises:
        RagError: what `error_of` makes of git's complaints.
        NotFoundError: there is no such branch, or nothing at all.
    """
    refs, default_branch = _advertised(commands, link, access)
    source, version = _version_of(link, refs, default_branch)
    is_sha256 = any(len(name) == 64 for name in (*refs.values(), version.commit))
    repository = folder / REPOSITORY
    _run(commands, link, ["init", "--quiet", "--bare", "--template=", *_object_format(is_sha256), REPOSITORY])
    arguments = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
    arguments += [f"--filter=blob:limit={max_file_bytes + 1}", "--", link.url, f"+{source}:{_FETCHED}"]
    _run(commands, link, [f"--git-dir={REPOSITORY}", *arguments], access)
    # git has written into its settings that it may fetch later what was left out; here it may not.
    settings = _BARE.format(1, _SHA256) if is_sha256 else _BARE.format(0, "")
    (repository / "config").write_text(settings, encoding="ascii")
    what = [f"--git-dir={REPOSITORY}", "rev-parse", "--verify", "--quiet", f"{_FETCHED}^{{commit}}"]
    finished = commands.run(what)
    if finished.status:
        raise NotFoundError(f"{version.ref!r} of {link.shown} is no commit: give a branch or a tag of one")
    return Version(version.ref, version.kind, version.folder, finished.output.strip())


def _advertised(commands: GitCommands, link: GitLink, access: Access) -> tuple[dict[str, str], str]:
    """Gives those refs of the other side that the link may mean, and the ref of the default branch, "" for none."""
    names = [f"refs/{kind}/{ref}" for ref, _folder in link.wanted if ref for kind in ("heads", "tags")]
    output = _run(commands, link, ["ls-remote", "--symref", "--", link.url, "HEAD", *names], access)
    refs: dict[str, str] = {}
    default_branch = ""
    for line in output.splitlines():
        value, _, name = line.partition("\t")
        if name == "HEAD" and value.startswith("ref: "):
            default_branch = value.removeprefix("ref: ")
        elif _COMMIT.fullmatch(value) and name in ("HEAD", *names):
            refs[name] = value
    return refs, default_branch


def _version_of(link: GitLink, refs: Mapping[str, str], default_branch: str) -> tuple[str, Version]:
    """Gives what has to be fetched, and what it is for us; the commit is "" where it is not known yet."""
    for ref, folder in link.wanted:
        if ref in ("", "HEAD") and "HEAD" in refs:
            # The branch's own name, so that a file has one link whether or not the branch was named.
            name = default_branch.removeprefix("refs/heads/") or "HEAD"
            return "HEAD", Version(name, "branch", folder, "")
        for kind, place in (("branch", f"refs/heads/{ref}"), ("tag", f"refs/tags/{ref}")):
            if place in refs:
                return place, Version(ref, kind, folder, "")
        if _COMMIT.fullmatch(ref):
            return ref, Version(ref, "commit", folder, ref)
    named = link.wanted[-1][0]
    if named:
        raise NotFoundError(f"{link.shown} has no branch or tag {named!r}: check the link")
    raise NotFoundError(f"{link.shown} has nothing on its default branch: check the address, or name a branch")


def _run(commands: GitCommands, link: GitLink, arguments: list[str], access: Access | None = None) -> str:
    """Gives the output; without `access` nothing but the commands' own folder is reached."""
    finished = commands.run(
        arguments,
        protocol=link.protocol if access else "",
        settings=access.settings if access else None,
        environment=access.environment if access else None,
    )
    if finished.status:
        raise error_of(finished, link)
    return finished.output


def _object_format(is_sha256: bool) -> list[str]:
    return ["--object-format=sha256"] if is_sha256 else []


def _ssh_command(link: GitLink, guard: AddressGuard) -> str:
    """Gives the command by which ssh connects to an address of the guard's, and checks the key of the link's host."""
    addresses = guard.resolve(link.host, link.port)
    address = next((found for found in addresses if ":" not in found), addresses[0])
    known_as = link.host if link.port == 22 else f"[{link.host}]:{link.port}"
    return f"{_SSH} -o {shlex.quote(f'HostName={address}')} -o {shlex.quote(f'HostKeyAlias={known_as}')}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
