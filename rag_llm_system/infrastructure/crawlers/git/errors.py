"""What git's complaints mean to a person."""

import re

from rag_llm_system.domain.errors import (
    AccessError,
    BackendError,
    BackendUnavailableError,
    CapabilityError,
    DiskFullError,
    NotFoundError,
    RagError,
)
from rag_llm_system.infrastructure.crawlers.git.links import GitLink
from rag_llm_system.infrastructure.crawlers.git.process import Finished

_NOT_THERE = re.compile(
    r"repository .* not found|does not appear to be a git repository|could not read (?:Username|Password)"
    r"|Authentication failed|returned error: 40[134]|Repository not found|invalid credentials",
    re.IGNORECASE,
)
_NO_VERSION = re.compile(r"not our ref|unadvertised object|couldn't find remote ref|bad object|unknown revision")
_MOVED = re.compile(r"returned error: 30\d|unable to update url base from redirection")
_NO_CERTIFICATE = re.compile(r"certificate|handshake|gnutls|SSL|TLS")
_REFUSED_BY_SSH = re.compile(r"Permission denied|Host key verification failed|Too many authentication failures")
_AWAY = re.compile(
    r"Could not resolve|Failed to connect|Couldn't connect|Connection (?:refused|reset|timed out|closed)|timed out"
    r"|returned error: (?:429|5\d\d)|early EOF|hung up|recv (?:failure|error)|unexpected disconnect"
    r"|Empty reply|RPC failed",
    re.IGNORECASE,
)


def error_of(finished: Finished, link: GitLink) -> RagError:
    """Gives the error for a command that failed. Nothing that git or the other side wrote is in its message."""
    said, shown = finished.complaint, link.shown
    if "No space left on device" in said:
        return DiskFullError("the disk that holds the temporary folder is full: make room there, or set TMPDIR")
    if "dubious ownership" in said:
        return AccessError(f"{shown} belongs to another user: clone it as yourself, and give the clone")
    if _NO_VERSION.search(said):
        return NotFoundError(f"{shown} does not have that commit (any more): give a branch or a tag")
    if _MOVED.search(said):
        return NotFoundError(f"{shown} has moved: open it in a browser, and give the address where it is now")
    if _REFUSED_BY_SSH.search(said):
        what = f"{link.host} did not accept this machine by ssh"
        return AccessError(f"{what}: connect once by hand (ssh {link.host}), and load your key (ssh-add)")
    if _NOT_THERE.search(said):
        return _no_repository(link)
    if "dumb http transport" in said:
        return CapabilityError(f"{link.host} serves files only, not git's own protocol: clone it, and give the clone")
    if _AWAY.search(said):
        return BackendUnavailableError(f"{link.host or shown} does not answer as a git server: try again later")
    if _NO_CERTIFICATE.search(said):
        what = f"the certificate of {link.host} cannot be trusted"
        return BackendError(f"{what}: if an authority of your own signed it, name its file in GIT_SSL_CAINFO")
    status = f"exit status {finished.status}" if finished.status >= 0 else f"signal {-finished.status}"
    return BackendError(f"git could not fetch {shown} ({status}): try `git ls-remote {link.url}` to see why")


def _no_repository(link: GitLink) -> RagError:
    if link.protocol == "file":
        return NotFoundError(f"{link.shown} is no git repository: check the path, or give it without git+")
    if link.login:
        return AccessError(f"{link.host} does not let these credentials read {link.shown}: check both")
    what = f"there is no repository {link.shown}, or it needs a login"
    return NotFoundError(f"{what}: check the address; for a private one use ssh, or give a token for {link.host}")
