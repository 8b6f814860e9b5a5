"""Candidates: chunks that were found for a question, before it is decided which become passages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

_CUT = re.compile(r"[.!?]\s+|\n\s*")
"""Where a passage may begin and end. Coarser than `sentence_spans`, and cheap enough for every candidate."""


@dataclass(frozen=True, slots=True)
class FoundWindow:
    """A window that was found: a span [start, end) of the cleaned document, and its score in the fusion."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk, or of a long one the part around the window that was found.

    `text` is a span of the cleaned document that starts at `start`, without space at its ends. `windows` are those of
    it that were found, best first; () stands for one that is the whole text.
    """

    chunk_id: str
    document_id: str
    title: str
    link: str
    path: str
    author_full_name: str
    text: str
    start: int
    score: float
    similarity: float | None
    windows: tuple[FoundWindow, ...] = ()

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def with_windows_of(self, other: "Candidate") -> "Candidate":
        """Gives the candidate with the windows of another one of its chunk added, as far as its text holds them."""
        held = [window for window in other.windows if self.start <= window.start and window.end <= self.end]
        return replace(self, windows=self.windows + tuple(held)) if held else self

    def part(self, start: int, end: int) -> "Candidate":
        """Gives the span [start, end) of the cleaned document, which lies within the text, as a candidate."""
        text, start = _stripped(self.text[start - self.start : end - self.start], start)
        return replace(self, text=text, start=start)


def candidate_from(payload: Mapping[str, Any], score: float, similarity: float | None, max_chars: int) -> Candidate:
    """Gives the candidate that a window's payload describes, of at most about `max_chars` characters."""
    chunk_text, chunk_start = payload["chunk_text"], payload["chunk_start"]
    window_start, window_end = payload["window_start"], payload["window_end"]
    first, last = span_around(chunk_text, window_start - chunk_start, window_end - chunk_start, max_chars)
    text, start = _stripped(chunk_text[first:last], chunk_start + first)
    found = FoundWindow(max(start, window_start), min(start + len(text), window_end), score)
    return Candidate(
        chunk_id=payload["chunk_id"],
        document_id=payload["document_id"],
        title=payload["title"],
        link=payload["link"],
        path=payload["path"],
        author_full_name=payload["author_full_name"],
        text=text,
        start=start,
        score=score,
        similarity=similarity,
        windows=(found,) if found.start < found.end else (),
    )


def scored_down_to(judged: Sequence[Candidate], others: Sequence[Candidate]) -> list[Candidate]:
    """Gives what was judged, best first, then the others in their order, none with a higher score than one before it.

    A judge has a scale of its own, so that what it has not judged cannot keep the fusion's score beside it.
    """
    lowest = min((candidate.score for candidate in judged), default=float("inf"))
    behind = []
    for candidate in others:
        lowest = min(lowest, candidate.score)
        behind.append(replace(candidate, score=lowest))
    return [*judged, *behind]


def span_around(text: str, window_start: int, window_end: int, max_chars: int) -> tuple[int, int]:
    """Gives a span of `text` that holds the window and as much around it as fits, cut between sentences or lines.

    The whole text where it fits; a window that is longer than `max_chars` alone stays whole.
    """
    if len(text) <= max_chars:
        return 0, len(text)
    spare = max(0, max_chars - (window_end - window_start)) // 2
    lowest, highest = window_start - spare, window_end + spare
    # What one side cannot use, since the text ends there, the other side gets.
    lowest, highest = lowest - max(0, highest - len(text)), highest + max(0, -lowest)
    start = 0 if lowest <= 0 else _first_cut(text, lowest, window_start)
    end = len(text) if highest >= len(text) else _last_cut(text, window_end, highest)
    return start, end


def _stripped(text: str, start: int) -> tuple[str, int]:
    """Gives the text without space at its ends, and where it starts then."""
    return text.strip(), start + len(text) - len(text.lstrip())


def _first_cut(text: str, low: int, high: int) -> int:
    match = _CUT.search(text, low, high)
    return match.end() if match else high


def _last_cut(text: str, low: int, high: int) -> int:
    return max((match.end() for match in _CUT.finditer(text, low, high)), default=low)
