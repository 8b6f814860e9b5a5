"""What the main API takes and gives."""

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from rag_llm_system.domain.answers import Answer, Citation, Passage
from rag_llm_system.domain.conversations import Turn

_MAX_FIELDS = 20
_MAX_TURNS = 20
_MAX_TURN_CHARS = 20_000

Question = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1),
    Field(description="The question, in plain words.", examples=["How does FastAPI validate a request?"]),
]
TopK = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=20,
        description="Passages that the answer is made from; if not given, 4 unless the setting TOP_K says otherwise.",
    ),
]


class _Request(BaseModel):
    """Refuses fields that it does not know, since they are likely typing errors."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_many_fields(cls, values: object) -> object:
        # Before each of them becomes an error of its own: thousands would hold up the event loop.
        if isinstance(values, dict) and len(values) > _MAX_FIELDS:
            raise PydanticCustomError("too_many_fields", "There are more than {most} fields", {"most": _MAX_FIELDS})
        return values


class TurnIn(_Request):
    """What was asked and answered before."""

    question: Annotated[str, StringConstraints(max_length=_MAX_TURN_CHARS)]
    answer: Annotated[str, StringConstraints(max_length=_MAX_TURN_CHARS)] = ""


class RagRequest(_Request):
    """A question over everything that is indexed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "How does FastAPI validate a request?"}]})

    query: Question
    top_k: TopK | None = None
    history: list[TurnIn] = Field(
        [],
        max_length=_MAX_TURNS,
        description="What was asked and answered before, the first turn first, so that a follow-up such as "
        '"When was he born?" is understood; the last 5 turns count.',
    )

    def turns(self) -> list[Turn]:
        """Gives the history."""
        return [Turn(turn.question, turn.answer) for turn in self.history]


class CitationOut(BaseModel):
    """A quote, word for word, and where it stands: characters [start, end) of the cleaned document."""

    number: int
    title: str
    link: str
    author: str
    quote: str
    document_id: str
    start: int
    end: int

    @classmethod
    def of(cls, citation: Citation) -> "CitationOut":
        """Gives a citation as the API shows it."""
        return cls(
            number=citation.passage_number,
            title=citation.title,
            link=citation.link,
            author=citation.author_full_name,
            quote=citation.quote,
            document_id=citation.document_id,
            start=citation.start,
            end=citation.end,
        )


class RagResponse(BaseModel):
    """An answer with its proof. A refused one says that the sources hold no answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "answer": "FastAPI validates requests with Pydantic. [1]",
                    "citations": [
                        {
                            "number": 1,
                            "title": "fastapi",
                            "link": "https://pypi.org/project/fastapi/",
                            "author": "Sebastián Ramírez",
                            "quote": "FastAPI validates requests with Pydantic.",
                            "document_id": "0f0e6a53-7d21-5f0b-9d6e-0c8f3b1f8a11",
                            "start": 120,
                            "end": 161,
                        }
                    ],
                    "refused": False,
                    "notes": [],
                    "timings_ms": {"retrieval": 4.2, "generation": 1.3, "total": 5.6},
                }
            ]
        }
    )

    answer: str
    citations: list[CitationOut]
    refused: bool
    notes: list[str] = Field(description="What the reader should know, such as a stage that was left out.")
    timings_ms: dict[str, float] = Field(description="Milliseconds by stage, and their `total`.")

    @classmethod
    def of(cls, answer: Answer) -> "RagResponse":
        """Gives an answer as `POST /rag` shows it."""
        return cls(
            answer=answer.text,
            citations=[CitationOut.of(citation) for citation in answer.citations],
            refused=answer.refused,
            notes=list(answer.notes),
            timings_ms=dict(answer.timings_ms),
        )


class QueryRequest(_Request):
    """A question over one collection."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "How does FastAPI validate a request?", "collection": "articles", "top_k": 4}]
        },
    )

    query: Question
    collection: str | None = Field(
        None,
        validation_alias=AliasChoices("collection", "table_name"),
        description="articles, posts or repositories, or the name of their vector collection; all of them if not "
        "given. `table_name` is another name for this field.",
    )
    top_k: TopK | None = None


class SourceOut(BaseModel):
    """A passage that the answer was made from; a higher score is better."""

    text: str
    score: float
    metadata: dict[str, Any]

    @classmethod
    def of(cls, passage: Passage) -> "SourceOut":
        """Gives a passage as the API shows it."""
        metadata = {
            "number": passage.number,
            "id": passage.id,
            "title": passage.title,
            "link": passage.link,
            "author": passage.author_full_name,
            "document_id": passage.document_id,
            "path": passage.path,
            "start": passage.start,
        }
        return cls(text=passage.text, score=passage.score, metadata=metadata)


class QueryResponse(BaseModel):
    """An answer with the passages that it was made from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "answer": "FastAPI validates requests with Pydantic. [1]",
                    "sources": [
                        {
                            "text": "FastAPI validates requests with Pydantic.",
                            "score": 0.71,
                            "metadata": {"number": 1, "title": "fastapi", "link": "https://pypi.org/project/fastapi/"},
                        }
                    ],
                    "latency_ms": 6.1,
                    "cached": False,
                }
            ]
        }
    )

    answer: str
    sources: list[SourceOut]
    latency_ms: float = Field(description="From the request's arrival, waiting included.")
    cached: bool
