"""Connections to MongoDB: from an address to a client whose writes are on disk when they are acknowledged."""

import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from rag_llm_system.domain.errors import ConfigurationError, MissingExtraError
from rag_llm_system.infrastructure.db.mongo_errors import own_errors

if TYPE_CHECKING:
    from pymongo import MongoClient


def host_of(uri: str) -> str:
    """Names the servers in messages, without user, password and options.

    Raises:
        ConfigurationError: the address cannot be read.
    """
    example = "mongodb://user:password@host:27017 or mongodb+srv://user:password@host"
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("mongodb", "mongodb+srv") or not parts.netloc:
        raise ConfigurationError(f"DATABASE_HOST cannot be read: write it like {example}")
    if "@" in uri.partition(parts.netloc)[2] or parts.netloc.count("@") > 1:
        # The host would be a piece of the password.
        raise ConfigurationError("DATABASE_HOST: write @ : / in user and password as %40 %3A %2F")
    return parts.netloc.rpartition("@")[2]


def open_client(uri: str, timeout_s: float) -> "MongoClient[dict[str, Any]]":
    """Gives the client; with mongodb+srv:// the servers' names are looked up here."""
    try:
        from pymongo import MongoClient
    except ImportError:
        raise MissingExtraError("MongoDB", "mongo") from None
    timeout_ms = round(timeout_s * 1000)
    defaults: dict[str, Any] = {
        "appname": "rag_llm_system",
        "w": "majority",
        "journal": True,
        "serverSelectionTimeoutMS": timeout_ms,
        "connectTimeoutMS": timeout_ms,
        "socketTimeoutMS": timeout_ms,
        "waitQueueTimeoutMS": timeout_ms,
    }
    said = {name.lower() for name, _ in parse_qsl(urlsplit(uri).query, keep_blank_values=True)}
    options = {name: value for name, value in defaults.items() if name.lower() not in said}
    if "w" in said:
        options.pop("journal", None)  # w=0 and journal exclude each other
    with own_errors(host_of(uri)), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # pymongo warns of an option that it then leaves out
        try:
            client: MongoClient[dict[str, Any]] = MongoClient(uri, **options)
        except UserWarning:
            raise ConfigurationError("DATABASE_HOST has an option that pymongo does not take: correct it") from None
        except ValueError:
            raise ConfigurationError("DATABASE_HOST has a port that cannot be used: correct it") from None
    if not client.write_concern.acknowledged:
        client.close()
        raise ConfigurationError("DATABASE_HOST has w=0, and what was saved could not be known: remove it")
    return client
