"""All checks, in the order in which a person would ask."""

from collections.abc import Callable, Sequence
from functools import partial

from rag_llm_system.application.diagnosis.examination import Check
from rag_llm_system.bootstrap.diagnosis import installation, machine, servers, stores
from rag_llm_system.bootstrap.diagnosis.configuration import settings_in_use
from rag_llm_system.settings import Settings


def checks_of_the_installation() -> list[Check]:
    """Gives the checks of what is installed; they need no settings."""
    installed = installation.this_installation()
    return [
        Check("python", installation.python),
        Check("packages", partial(installation.packages, installed)),
        Check("extras", partial(installation.extras, installed)),
    ]


def checks_of_the_system(
    settings: Settings, *, find_main_api: Callable[[], str | None], further: Sequence[Check] = ()
) -> list[Check]:
    """Gives the checks of what the settings lead to.

    Args:
        settings: what is looked at.
        find_main_api: gives the address of the main API that serves this RAG_HOME, or None.
        further: checks that only the caller can make, set before those of the servers.
    """
    return [
        Check("settings", partial(settings_in_use, settings)),
        Check("home", partial(stores.home, settings)),
        Check("documents", partial(stores.documents, settings)),
        Check("embedder", partial(stores.embedder, settings)),
        Check("index", partial(stores.index, settings)),
        *_checks_of_models(settings),
        *further,
        Check("main API", partial(servers.main_api, settings, find_main_api)),
        Check("model server", partial(servers.model_server, settings)),
        Check("tracking", partial(servers.tracking, settings)),
    ]


def _checks_of_models(settings: Settings) -> list[Check]:
    """Gives the checks of models that answers can do without, where the settings name them."""
    checks = []
    if settings.rag_rerank == "cross-encoder":
        checks.append(Check("reranker", partial(stores.reranker, settings)))
    if settings.rag_language_model_url:
        checks.append(Check("language model", partial(servers.language_model, settings)))
    return checks


def checks_of_the_machine() -> list[Check]:
    """Gives the checks of what this runs on; they need no settings."""
    return [
        Check("git", machine.git),
        Check("chromium", machine.chromium),
        Check("cpu", machine.cpu),
        Check("memory", machine.memory),
    ]
