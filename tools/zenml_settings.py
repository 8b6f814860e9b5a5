"""Settings that are kept in ZenML's secret store: read only when asked for, since ZenML takes seconds to look."""

import os

from rag_llm_system.domain.errors import NotFoundError

SECRET_NAME = "settings"


def read_settings_from_zenml() -> None:
    """Puts what the secret `settings` holds into the environment, where a key is not set there already.

    Raises:
        NotFoundError: there is no such secret.
    """
    from steps.zenml_environment import create_zenml_store_once

    create_zenml_store_once()
    from zenml.client import Client

    try:
        values = Client().get_secret(SECRET_NAME).secret_values
    except KeyError:
        how = f"`zenml secret create {SECRET_NAME} --KEY=value`"
        raise NotFoundError(f"ZenML keeps no secret called {SECRET_NAME!r}: make it with {how}.") from None
    for key, value in values.items():
        os.environ.setdefault(key.upper(), value)
