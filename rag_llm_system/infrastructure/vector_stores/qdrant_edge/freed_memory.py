"""Memory that was freed and that the C library still keeps."""

import ctypes


def give_freed_memory_back() -> None:
    """Returns it to the system, where the C library can: glibc keeps what many small pieces were freed from."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
