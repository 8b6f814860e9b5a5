"""Real git repositories, made in a moment; also such as no well-meaning git would make."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE, SYMLINK, SUBMODULE, FOLDER = b"100644", b"120000", b"160000", b"40000"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada Lovelace",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Lovelace",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def git(repository: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Gives what git says about a repository."""
    command = ["git", "-C", str(repository), *arguments]
    return (
        subprocess.run(command, env=ENVIRONMENT, input=stdin, capture_output=True, check=True).stdout.decode().strip()
    )


def bare_repository(
    path: Path,
    files: Mapping[Any, bytes | str],
    *,
    symlinks: Mapping[str, str] | None = None,
    submodules: Mapping[str, str] | None = None,
    branch: str = "main",
) -> Path:
    """Makes a bare repository where there is none, and commits these files (names are text or bytes), and no others."""
    is_new = not path.exists()
    if is_new:
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--bare", f"--initial-branch={branch}")
    stream = [b"commit refs/heads/" + branch.encode(), b"committer A <a@example.org> 1700000000 +0000", b"data 0"]
    stream += [] if is_new else [b"from refs/heads/%b^0" % branch.encode()]
    stream.append(b"deleteall")
    contents = [(FILE, name, content) for name, content in files.items()]
    contents += [(SYMLINK, name, target) for name, target in (symlinks or {}).items()]
    for mode, name, content in contents:
        body = content.encode() if isinstance(content, str) else content
        name_bytes = name.encode() if isinstance(name, str) else name
        stream += [b"M %b inline %b" % (mode, name_bytes), b"data %d\n%b" % (len(body), body)]
    for name, commit in (submodules or {}).items():
        stream.append(b"M 160000 %b %b" % (commit.encode(), name.encode()))
    git(path, "fast-import", "--quiet", stdin=b"\n".join(stream) + b"\n")
    return path


def write_blob(repository: Path, body: bytes) -> str:
    """Writes a content, and gives its id."""
    return git(repository, "hash-object", "-w", "--stdin", stdin=body)


def write_tree(repository: Path, *entries: tuple[bytes, bytes, str]) -> str:
    """Writes a folder of (mode, name, id) as they are, however wrong, and gives its id."""
    body = b"".join(b"%b %b\0%b" % (mode, name, bytes.fromhex(blob)) for mode, name, blob in entries)
    return git(repository, "hash-object", "-w", "--stdin", "-t", "tree", "--literally", stdin=body)


def commit_tree(repository: Path, tree: str, *, branch: str = "main") -> str:
    """Makes a branch of one commit with this folder."""
    commit = git(repository, "commit-tree", "-m", "x", tree)
    git(repository, "update-ref", f"refs/heads/{branch}", commit)
    return commit
