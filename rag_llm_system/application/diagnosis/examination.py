"""Looks at one thing after another; nothing that goes wrong with one keeps it from the next."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag_llm_system.application.diagnosis.findings import Finding, fail, failure
from rag_llm_system.domain.errors import RagError


@dataclass(frozen=True, slots=True)
class Check:
    """A thing to look at; `name` is short and stays the same, as programs read it."""

    name: str
    look: Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class Examined:
    """A check that was made: what it found, and how long that took."""

    name: str
    finding: Finding
    seconds: float


def examine(checks: Sequence[Check], *, deadline_s: float = 15.0) -> Iterator[Examined]:
    """Gives what each check found, as soon as it has, in their order.

    They take turns, as several at once could meet in the middle of an import. One that is late is left to itself, in a
    thread that does not keep the process from ending.

    Args:
        checks: what to look at.
        deadline_s: how long each may take, in seconds.
    """
    for check in checks:
        started = time.perf_counter()
        finding = _look(check, deadline_s)
        yield Examined(check.name, finding, time.perf_counter() - started)


def _look(check: Check, deadline_s: float) -> Finding:
    found: list[Finding] = []
    thread = threading.Thread(target=lambda: found.append(_isolated(check)), name=check.name, daemon=True)
    thread.start()
    thread.join(deadline_s)
    if found:
        return found[0]
    return fail(f"gave no answer within {deadline_s:g} s", "see what it waits for: a server, a disk, a lock")


def _isolated(check: Check) -> Finding:
    try:
        return check.look()
    except RagError as error:
        return failure(error)
    except BaseException as error:  # engines panic with a BaseException; its text may quote an address with a password
        return fail(f"could not be looked at ({type(error).__name__})", "report it: this is a defect of the check")
