"""Members of a tar archive (POSIX ustar), regular files alone: no links, no devices, no extensions."""

import re
import tarfile

BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
_PART = re.compile(r"(?!\.{1,2}$)[\w.@+=-]+", re.ASCII)
_MAX_BYTES = 8**11 - 1


def header(name: str, size_bytes: int) -> bytes:
    """Gives the block before a member; whose it is and when it was made says nothing, so that equal states are equal.

    Raises:
        ValueError: the name cannot be kept, or the member is longer than 8 GB.
    """
    if not is_safe(name) or size_bytes > _MAX_BYTES:
        raise ValueError(name)
    member = tarfile.TarInfo(name)
    member.size = size_bytes
    member.mode = 0o600
    return member.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def padding(size_bytes: int) -> bytes:
    """Gives what fills the last block of a member of that length."""
    return bytes(-size_bytes % BLOCK_BYTES)


def read_header(block: bytes) -> tuple[str, int]:
    """Gives name and length of a member.

    Raises:
        ValueError: it is no header, or one of something else than a regular file with a name within its folder.
    """
    try:
        member = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except tarfile.HeaderError as error:
        raise ValueError(str(error)) from None
    if member.type != tarfile.REGTYPE or not is_safe(member.name) or not 0 <= member.size <= _MAX_BYTES:
        raise ValueError("not a regular file with a name within its folder")
    return member.name, member.size


def is_safe(name: str) -> bool:
    """Says whether a name is relative and stays within its folder."""
    return all(_PART.fullmatch(part) for part in name.split("/"))
