"""Who the writing belongs to."""

from typing import Annotated

from zenml import get_step_context, step

from rag_llm_system.bootstrap.ingestion import open_ingestion
from rag_llm_system.domain.users import UserDocument
from rag_llm_system.settings import load_settings


@step
def get_or_create_user(user_full_name: str) -> Annotated[UserDocument, "user"]:
    """Gives the user of that name, made and stored if there is none."""
    with open_ingestion(load_settings()) as services:
        user = services.users.get_or_create(user_full_name)
    get_step_context().add_output_metadata(output_name="user", metadata={"user_id": user.id})
    return user
