"""What an examination finds: one thing looked at, how it is, and what to do about it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from rag_llm_system.domain.errors import RagError

_ADVICE = re.compile(
    r"[:;.?] (?=(ask|call|change|check|choose|correct|delete|free|get|give|install|load|make|move|name|open|pip|put"
    r"|read|remove|report|restore|run|save|see|set|start|stop|try|unset|use|wait|write)\b)",
    re.IGNORECASE,
)


class Level(StrEnum):
    """How it is: as it must be; worth knowing, with nothing wrong; works, though not well; does not work."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do about it; holds no secrets and nothing that somebody wrote."""

    level: Level
    found: str
    advice: str = ""


def ok(found: str) -> Finding:
    """Gives the finding that all is as it must be."""
    return Finding(Level.OK, found)


def info(found: str, advice: str = "") -> Finding:
    """Gives a finding that is worth knowing, with nothing wrong."""
    return Finding(Level.INFO, found, advice)


def warn(found: str, advice: str) -> Finding:
    """Gives the finding that something works, though not well."""
    return Finding(Level.WARN, found, advice)


def fail(found: str, advice: str) -> Finding:
    """Gives the finding that something does not work."""
    return Finding(Level.FAIL, found, advice)


def failure(error: RagError) -> Finding:
    """Gives an error of ours as a finding.

    Its message is a line that says what is wrong, then what to do: it is parted where the first request begins.
    """
    request = _ADVICE.search(error.message)
    if request is None:
        return fail(error.message, "see docs/settings.md")
    what, advice = error.message[: request.start()], error.message[request.end() :]
    question_mark = "?" if error.message[request.start()] == "?" else ""
    return fail(what + question_mark, advice[0].lower() + advice[1:].removesuffix("."))
