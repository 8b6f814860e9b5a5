"""Stage 5, context: numbered passages within a budget of tokens.

Small windows are what is found; the chunks around them are what is read. While the budget holds the whole chunks, they
are given. Where it does not, the windows come first, in the order in which they were found, and each passage then grows
around its own as far as the budget goes.

Measured by `poe bench chunking` as the share of the gold spans' characters within the context, on the 252 development
questions of chunking_evaluation (standard error 0.02 to 0.03):

    budget in characters           1,000   2,000   4,000
    whole chunks that fit          0.000   0.571   0.760
    windows alone                  0.564   0.734   0.833
    windows and their neighbours   0.081   0.611   0.801
    as here, up to four passages   0.553   0.735   0.832
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rag_llm_system.application.rag.candidates import Candidate, FoundWindow, span_around
from rag_llm_system.domain.answers import Passage

CountTokens = Callable[[str], int]
_CHARACTERS_PER_TOKEN = 3
# Of what a passage may grow by: tokens are not even, so that what is too long is tried again shorter.
_SHARES_TO_GROW_BY = (1.0, 0.8, 0.6, 0.3)


def estimated_tokens(text: str) -> int:
    """Gives about how many tokens a text has, rather too many: English prose has 4 to 5 characters a token."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a candidate's text, a candidate itself, and its size with its title."""

    candidate: Candidate
    n_tokens: int


@dataclass(frozen=True, slots=True)
class ContextBuilder:
    """Chooses the passages that an answer is made from.

    Args:
        count_tokens: counts the tokens of a text as the answer engine's model would.
        max_tokens: the most tokens of all passages and their titles together.
    """

    count_tokens: CountTokens = estimated_tokens
    max_tokens: int = 4000

    def __call__(self, candidates: Sequence[Candidate], top_k: int) -> tuple[list[Passage], list[str]]:
        """Gives up to `top_k` passages, best first, numbered from 1, and a note where the budget was too small.

        A text that is there already is dropped. Where the first `top_k` do not fit, each is cut to the windows that
        were found in it and what is around them; one of which no window fits is left out, and the next candidate takes
        its place. No window is ever cut.
        """
        parts = [self._sized(candidate) for candidate in islice(_different(candidates), top_k)]
        notes: list[str] = []
        if sum(part.n_tokens for part in parts) > self.max_tokens:
            different = list(_different(candidates))
            grown = self._grown(different, self._windows_first(different, top_k))
            notes = self._notes(grown, different, top_k)
            parts = list(grown.values())
        return [_passage(number, part.candidate) for number, part in enumerate(parts, 1)], notes

    def _sized(self, candidate: Candidate) -> _Part:
        return _Part(candidate, self.count_tokens(f"{candidate.title}\n{candidate.text}"))

    def _windows_first(self, candidates: Sequence[Candidate], top_k: int) -> dict[int, _Part]:
        """Maps the places of up to `top_k` candidates to the parts that hold the windows for which there is room."""
        parts: dict[int, _Part] = {}
        left = self.max_tokens
        for place, window in _best_windows_first(candidates):
            held = parts.get(place)
            if held is None and len(parts) == top_k:
                continue
            start, end = window.start, window.end
            if held:
                start, end = min(start, held.candidate.start), max(end, held.candidate.end)
            wider = self._sized(candidates[place].part(start, end))
            n_more = wider.n_tokens - (held.n_tokens if held else 0)
            if n_more <= left:
                parts[place] = wider
                left -= n_more
        return parts

    def _grown(self, candidates: Sequence[Candidate], parts: dict[int, _Part]) -> dict[int, _Part]:
        """Gives the parts, best first, each as long as the budget then allows."""
        left = self.max_tokens - sum(part.n_tokens for part in parts.values())
        grown: dict[int, _Part] = {}
        for place in sorted(parts):
            grown[place] = self._wider(parts[place], candidates[place], left)
            left -= grown[place].n_tokens - parts[place].n_tokens
        return grown

    def _wider(self, part: _Part, candidate: Candidate, n_more: int) -> _Part:
        """Gives the part with up to `n_more` tokens of what is around it; the whole candidate where that fits."""
        whole = self._sized(candidate)
        if whole.n_tokens <= part.n_tokens + n_more:
            return whole
        first, last = part.candidate.start - candidate.start, part.candidate.end - candidate.start
        n_more_chars = n_more * len(candidate.text) / max(1, whole.n_tokens)
        for share in _SHARES_TO_GROW_BY:
            start, end = span_around(candidate.text, first, last, last - first + int(n_more_chars * share))
            wider = self._sized(candidate.part(candidate.start + start, candidate.start + end))
            if wider.n_tokens <= part.n_tokens + n_more:
                return wider
        return part

    def _notes(self, parts: dict[int, _Part], candidates: Sequence[Candidate], top_k: int) -> list[str]:
        n_missing = sum(place not in parts for place in range(min(top_k, len(candidates))))
        n_shorter = sum(len(part.candidate.text) < len(candidates[place].text) for place, part in parts.items())
        said = [
            f"{n} {'passage was' if n == 1 else 'passages were'} {what}"
            for n, what in ((n_shorter, "shortened"), (n_missing, "left out"))
            if n
        ]
        if not said:
            return []
        return [f"{' and '.join(said)}: the context holds {self.max_tokens} tokens (RAG_CONTEXT_TOKENS)."]


def _different(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Gives the candidates whose text is not blank and was not there before, in order."""
    known = {""}
    for candidate in candidates:
        words = " ".join(candidate.text.split()).casefold()
        if words not in known:
            known.add(words)
            yield candidate


def _best_windows_first(candidates: Sequence[Candidate]) -> Iterator[tuple[int, FoundWindow]]:
    """Gives every candidate's place with each of its windows, by the windows' scores in the fusion.

    Whatever moved a candidate, a reranker say, moves its windows alike: the best of those at the nth place counts as
    much as the nth best of all.
    """
    windows = [each.windows or (FoundWindow(each.start, each.end, each.score),) for each in candidates]
    bests = sorted((found[0].score for found in windows), reverse=True)
    order = [
        (found[0].score - window.score - best, place, number)
        for place, (found, best) in enumerate(zip(windows, bests, strict=True))
        for number, window in enumerate(found)
    ]
    for _, place, number in sorted(order):
        yield place, windows[place][number]


def _passage(number: int, candidate: Candidate) -> Passage:
    return Passage(
        number=number,
        id=candidate.chunk_id,
        text=candidate.text,
        title=candidate.title,
        link=candidate.link,
        author_full_name=candidate.author_full_name,
        score=candidate.score,
        document_id=candidate.document_id,
        path=candidate.path,
        start=candidate.start,
        similarity=candidate.similarity,
    )
