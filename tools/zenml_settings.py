"""Settings in ZenML's secret store: touched only when asked for, since ZenML takes seconds to look."""

import os
from typing import TYPE_CHECKING

from dotenv import dotenv_values
from pydantic import SecretStr

from rag_llm_system.domain.errors import InputError, NotFoundError
from rag_llm_system.settings import Settings, known_keys
from rag_llm_system.settings_files import ENV_FILE

if TYPE_CHECKING:
    from zenml.client import Client

SECRET_NAME = "settings"
_NOT_EXPORTED = {"rag_home", "rag_profile"}
"""Where ZenML itself is found, and what has been read already: the values of a profile are exported one by one."""


def export_settings_to_zenml(settings: Settings) -> list[str]:
    """Makes the secret `settings` hold each setting that is set, and no other, and gives their keys.

    Raises:
        InputError: no setting is set.
    """
    values = _set_values(settings)
    if not values:
        raise InputError("No setting is set, so there is nothing to export: set keys in the environment or in .env.")
    client = _client()
    try:
        stored = client.get_secret(SECRET_NAME, allow_partial_name_match=False).secret_values
    except KeyError:
        client.create_secret(SECRET_NAME, values=values)
    else:
        gone = [key for key in stored if key not in values]
        client.update_secret(SECRET_NAME, add_or_update_values=values, remove_values=gone)
    return sorted(values)


def delete_settings_from_zenml() -> None:
    """Deletes the secret `settings`.

    Raises:
        NotFoundError: there is no such secret.
    """
    try:
        _client().delete_secret(SECRET_NAME)
    except KeyError:
        raise NotFoundError(f"ZenML keeps no secret called {SECRET_NAME!r}: there is nothing to delete.") from None


def read_settings_from_zenml() -> None:
    """Puts what the secret `settings` holds into the environment, where neither that nor `.env` sets the key already.

    Raises:
        NotFoundError: there is no such secret.
    """
    try:
        values = _client().get_secret(SECRET_NAME, allow_partial_name_match=False).secret_values
    except KeyError:
        how = "`./poe export-settings-to-zenml`"
        raise NotFoundError(f"ZenML keeps no secret called {SECRET_NAME!r}: make it with {how}.") from None
    in_file = {key.upper() for key in dotenv_values(ENV_FILE)}
    for key, value in values.items():
        if key.upper() not in in_file:
            os.environ.setdefault(key.upper(), value)


def _set_values(settings: Settings) -> dict[str, str]:
    """Gives what is set to something, by key, as text."""
    key_of = {field: key for key, field in reversed(known_keys().items())}
    values: dict[str, str] = {}
    for field in sorted(settings.model_fields_set - _NOT_EXPORTED):
        value = getattr(settings, field)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text not in (None, ""):
            values[key_of[field]] = str(text)
    return values


def _client() -> "Client":
    from steps.zenml_environment import create_zenml_store_once

    create_zenml_store_once()
    from zenml.client import Client

    return Client()
