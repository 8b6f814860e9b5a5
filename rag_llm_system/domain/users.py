"""People who write: a document always belongs to one."""

import unicodedata
import uuid

from pydantic import BaseModel, ConfigDict, model_validator

_NAMESPACE = uuid.UUID("5c0c25d5-2f0f-5d0e-9d3c-0f6b1f6c1c57")


class UserDocument(BaseModel):
    """An author. `full_name` is filled from the two names where it is missing."""

    model_config = ConfigDict(frozen=True)

    id: str
    first_name: str
    last_name: str
    full_name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _fill_full_name(cls, values: object) -> object:
        if isinstance(values, dict) and not values.get("full_name"):
            parts = (values.get("first_name", ""), values.get("last_name", ""))
            values = {**values, "full_name": " ".join(part for part in parts if part)}
        return values

    @classmethod
    def from_full_name(cls, full_name: str) -> "UserDocument":
        """Gives the user of that name, its id derived from the name, so that the same name is the same user."""
        first_name, last_name = split_full_name(full_name)
        return cls(id=user_id(full_name), first_name=first_name, last_name=last_name, full_name=full_name.strip())


def user_id(full_name: str) -> str:
    """Gives the UUIDv5 (RFC 9562) of a name, the same for all spellings that `folded_name` takes for one."""
    return str(uuid.uuid5(_NAMESPACE, folded_name(full_name)))


def folded_name(full_name: str) -> str:
    """Gives what all spellings of a name share: NFC, without case and repeated spaces (Unicode 3.13, D145)."""
    folded = unicodedata.normalize("NFD", full_name).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def split_full_name(full_name: str) -> tuple[str, str]:
    """Gives first name and last name; a single word (a company, say) is a last name, as in the ancestor.

    Raises:
        ValueError: the name is blank.
    """
    words = full_name.split()
    if not words:
        raise ValueError("a user's full name must not be blank")
    return " ".join(words[:-1]), words[-1]
