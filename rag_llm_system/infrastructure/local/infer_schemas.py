"""What the model server takes and gives."""

from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, FailFast, Field, StringConstraints

from rag_llm_system.domain.answers import AnswerLimits, Passage

_DEFAULTS = AnswerLimits()


class PassageIn(BaseModel):
    """A passage to answer from. `number` is what quotes call it by; without one it is its place, from 1."""

    model_config = ConfigDict(allow_inf_nan=False)

    id: str
    text: str
    title: str = ""
    link: str = ""
    number: int | None = Field(None, ge=1)
    author_full_name: str = ""
    score: float = 0.0
    document_id: str = ""
    path: str = ""
    start: int = 0
    similarity: float | None = None

    def to_passage(self, place: int) -> Passage:
        """Gives the domain's passage."""
        return Passage(**{**self.model_dump(), "number": self.number or place})


class InferRequest(BaseModel):
    """A question and the passages to answer it from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "question": "What does FastAPI validate requests with?",
                    "passages": [
                        {
                            "id": "3d0f7c1e-2a53-5f0b-9d6e-0c8f3b1f8a11",
                            "text": "FastAPI validates requests with Pydantic.",
                            "title": "fastapi",
                            "link": "https://pypi.org/project/fastapi/",
                        }
                    ],
                    "max_new_tokens": 150,
                }
            ]
        }
    )

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(
        validation_alias=AliasChoices("question", "query"),
        description="The question, in plain words. `query` is another name for this field.",
    )
    # Thousands of wrong passages would cost seconds of error messages.
    passages: Annotated[list[PassageIn], FailFast()] = Field(
        default_factory=list, description="The engine answers from these alone; it needs at least one."
    )
    max_new_tokens: int = Field(_DEFAULTS.max_new_tokens, ge=1, le=8192, description="Longest generated answer.")
    timeout_s: float = Field(_DEFAULTS.timeout_s, gt=0, le=3600, description="How long the engine may take.")


class QuoteOut(BaseModel):
    """Words of a passage, to the character: [start, end) of its text."""

    passage_number: int
    passage_id: str
    start: int
    end: int
    text: str


class InferResponse(BaseModel):
    """An answer with the words that prove it. A refused one says that the passages hold no answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "answer": "FastAPI validates requests with Pydantic. [1]",
                    "quotes": [
                        {
                            "passage_number": 1,
                            "passage_id": "3d0f7c1e-2a53-5f0b-9d6e-0c8f3b1f8a11",
                            "start": 0,
                            "end": 41,
                            "text": "FastAPI validates requests with Pydantic.",
                        }
                    ],
                    "refused": False,
                    "notes": [],
                    "engine": "extractive",
                }
            ]
        }
    )

    answer: str
    quotes: list[QuoteOut]
    refused: bool
    notes: list[str] = Field(description="What the reader should know of how the answer came about.")
    engine: str = Field(description="What answered.")
