"""Stage 5, context: numbered passages within a budget of tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_llm_system.application.rag.candidates import Candidate
from rag_llm_system.domain.answers import Passage

CountTokens = Callable[[str], int]
_CHARACTERS_PER_TOKEN = 3


def estimated_tokens(text: str) -> int:
    """Gives about how many tokens a text has, rather too many: English prose has 4 to 5 characters a token."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


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
        """Gives up to `top_k` passages, best first, numbered from 1, and a note where one did not fit.

        A text that is there already is dropped, and one that does not fit is left out; the next candidate takes its
        place. None is ever cut.
        """
        passages: list[Passage] = []
        seen: set[str] = set()
        left, n_too_long = self.max_tokens, 0
        for candidate in candidates:
            if len(passages) == top_k:
                break
            folded = " ".join(candidate.text.split()).casefold()
            if not folded or folded in seen:
                continue
            seen.add(folded)
            n_tokens = self.count_tokens(f"{candidate.title}\n{candidate.text}")
            if n_tokens > left:
                n_too_long += 1
                continue
            left -= n_tokens
            passages.append(_passage(len(passages) + 1, candidate))
        return passages, self._notes(n_too_long)

    def _notes(self, n_too_long: int) -> list[str]:
        if not n_too_long:
            return []
        passages = "1 passage was" if n_too_long == 1 else f"{n_too_long} passages were"
        return [f"{passages} left out: the context holds {self.max_tokens} tokens (RAG_CONTEXT_TOKENS)."]


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
