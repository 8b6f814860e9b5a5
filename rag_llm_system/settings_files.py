"""The files that settings come from: `.env`, and the profile beneath it."""

import os
from pathlib import Path

from dotenv import dotenv_values

from rag_llm_system.domain.errors import ConfigurationError

ENV_FILE = ".env"
CLONE = Path(__file__).resolve().parent.parent
"""The clone that this package lies in; for an installed wheel a folder of packages."""
_PROFILES = Path("configs", "profiles")


def named_profiles() -> dict[str, Path]:
    """Gives the profiles that RAG_PROFILE can name, in the order of their names.

    Those of the clone that this package lies in, and those of the working directory: an installed wheel has none of
    its own.
    """
    files = (file for folder in (Path.cwd(), CLONE) for file in (folder / _PROFILES).glob("*.env"))
    return dict(sorted({file.stem: file for file in files}.items()))


def profile_file(asked: str | None) -> Path | None:
    """Gives the profile that is asked for, or else the one that RAG_PROFILE names; None where there is neither.

    Raises:
        ConfigurationError: there is no such profile, or it names another.
    """
    keys = {**keys_in(ENV_FILE), **{key.upper(): value for key, value in os.environ.items() if value}}
    name = asked or keys.get("RAG_PROFILE")
    if not name:
        return None
    named = named_profiles()
    path = named.get(name) or Path(os.path.expanduser(name))  # Path's own raises for unknown users
    if name not in named and (path.suffix != ".env" or not path.is_file()):
        which = f"use {', '.join(named)}, or" if named else "an installed wheel brings none:"
        raise ConfigurationError(f"There is no profile {name!r}: {which} give a path to a file that ends with .env.")
    if "RAG_PROFILE" in keys_in(path):
        raise ConfigurationError(f"{path} is a profile and names another: remove RAG_PROFILE from it.")
    return path


def keys_in(file: str | Path) -> dict[str, str | None]:
    """Gives what a file like `.env` sets, keys in capitals; nothing where there is no such file.

    Raises:
        ConfigurationError: it is not UTF-8.
    """
    try:
        return {key.upper(): value for key, value in dotenv_values(file).items()}
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8 text: save it as UTF-8.") from None
