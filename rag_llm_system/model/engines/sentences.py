"""The sentences of the passages, each with its words and with what stands around it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from rag_llm_system.domain.answers import Passage
from rag_llm_system.model.engines.question import StemWords, words_of
from rag_llm_system.model.engines.quotable import Kind, quotables


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """A sentence that may be quoted: characters [start, end) of a passage that stands at `rank`, counted from 0.

    `stems` are in order; `surface` are its words as they are written, in lower case, and those of the heading, which a
    sentence need not repeat. `before` and `after` are the stems of its neighbours in the passage, `heading` those of
    the passage's title, path and author, `title` those of its title alone, `whole` those of the passage and its
    heading. `opens` marks the first sentence of a document.
    """

    passage: Passage
    rank: int
    start: int
    end: int
    kind: Kind
    opens: bool
    title: frozenset[str]
    stems: tuple[str, ...]
    surface: frozenset[str]
    before: frozenset[str]
    after: frozenset[str]
    heading: frozenset[str]
    whole: frozenset[str]

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


def sentences_of(passages: Sequence[Passage], stem_words: StemWords) -> list[Sentence]:
    """Gives the sentences of the passages in order."""
    return [sentence for rank, passage in enumerate(passages) for sentence in _sentences_in(passage, rank, stem_words)]


def _sentences_in(passage: Passage, rank: int, stem_words: StemWords) -> list[Sentence]:
    title = " ".join((passage.title, passage.path, passage.author_full_name))
    title_words = words_of(title, stem_words)
    heading = frozenset(word.stem for word in title_words)
    titled = frozenset(word.stem for word in words_of(passage.title, stem_words))
    words = words_of(passage.text, stem_words)
    whole = heading.union(word.stem for word in words)
    parts = quotables(passage.text)
    starts = [word.start for word in words]
    words_by_part = [words[bisect_left(starts, part.start) : bisect_left(starts, part.end)] for part in parts]
    stems = [frozenset(), *(frozenset(word.stem for word in own) for own in words_by_part), frozenset()]
    return [
        Sentence(
            passage=passage,
            rank=rank,
            start=part.start,
            end=part.end,
            kind=part.kind,
            opens=passage.start == 0 == place,
            title=titled,
            stems=tuple(word.stem for word in own),
            surface=frozenset(word.lowered for word in (*own, *title_words)),
            before=stems[place],
            after=stems[place + 2],
            heading=heading,
            whole=whole,
        )
        for place, (part, own) in enumerate(zip(parts, words_by_part, strict=True))
    ]
