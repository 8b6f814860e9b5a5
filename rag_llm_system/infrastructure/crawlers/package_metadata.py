"""What the metadata of a Python package say: its authors, its page, its description.

The fields are those of https://packaging.python.org/specifications/core-metadata/.
"""

import re
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from importlib.metadata import Distribution
from typing import cast

from packaging.utils import canonicalize_name

from rag_llm_system.domain.users import folded_name

_HOME_LABELS = ("homepage", "home", "repository", "source", "sourcecode", "github")
_ET_AL = re.compile(r"(,?\s*\bet\.?\s+al\b|\s+with the help of\b).*", re.IGNORECASE)
_BRACKETS = re.compile(r"\s*(\([^()]*\)|<[^<>]*>)")
_ADDRESS_OR_PAGE = re.compile(r"\S+@\S+|https?://\S+")
_OTHERS = re.compile(r"(and\s+)?(many\s+)?(others|contributors)\b.*", re.IGNORECASE)
_BETWEEN_NAMES = re.compile(r",(?!\s*(?:Inc|Ltd|LLC|Jr|Sr|GmbH|Corp)\b)(?:\s*and\s)?|;|\s+and\s+|\s+&\s+")


def package_name(distribution: Distribution) -> str:
    """Gives the name as the package spells it, "" where its metadata are broken."""
    return str(_fields(distribution).get("Name") or "")


def normalised_name(name: str) -> str:
    """Gives the name that is equal for all spellings of it (PEP 503)."""
    return canonicalize_name(name)


def author_names(distribution: Distribution) -> tuple[str, ...]:
    """Gives the authors' names in the order of the metadata, without e-mail addresses; the package's name if none."""
    fields = _fields(distribution)
    names = [name for value in fields.get_all("Author") or () for name in _names_in(_decoded(value))]
    for value in fields.get_all("Author-email") or ():
        # The brackets, commas and quotes of an address list may be encoded with it.
        for display_name, _address in getaddresses([_decoded(value)]):
            names.extend(_names_in(display_name))
    distinct = {folded_name(name): name for name in reversed(names)}
    return tuple(reversed(distinct.values())) or (package_name(distribution),)


def home_page(distribution: Distribution) -> str:
    """Gives the address of the project's home page or repository, "" where none is named."""
    pages: dict[str, str] = {}
    for value in _fields(distribution).get_all("Project-URL") or ():
        label, _, address = value.partition(",")
        pages.setdefault(re.sub(r"[\W_]", "", label.lower()), address.strip())
    candidates = [*(pages.get(label, "") for label in _HOME_LABELS), _fields(distribution).get("Home-page") or ""]
    return next((page for page in candidates if page.startswith(("https://", "http://"))), "")


def pypi_page(distribution: Distribution) -> str:
    """Gives the package's page on the Python Package Index."""
    return f"https://pypi.org/project/{package_name(distribution)}/"


def description(distribution: Distribution) -> str:
    """Gives the long description, "" where there is none."""
    text = str(_fields(distribution).get("Description") or "")
    return "" if text.strip() in ("", "UNKNOWN") else text


def description_type(distribution: Distribution) -> str:
    """Gives the long description's media type; the index takes one that is not declared for reStructuredText."""
    declared = Message()
    declared["Content-Type"] = _fields(distribution).get("Description-Content-Type") or "text/x-rst"
    return declared.get_content_type()


def short_facts(distribution: Distribution) -> dict[str, str]:
    """Gives version, summary and licence, as far as they are named."""
    fields = _fields(distribution)
    stated = (fields.get("License-Expression") or fields.get("License") or "").strip()
    classified = [c.rpartition(" :: ")[2] for c in fields.get_all("Classifier") or () if c.startswith("License ::")]
    licence = stated if stated and "\n" not in stated else ", ".join(classified)
    facts = {"version": fields.get("Version") or "", "summary": _decoded(fields.get("Summary") or "")}
    return {key: value for key, value in {**facts, "license": licence}.items() if value and value != "UNKNOWN"}


def _fields(distribution: Distribution) -> Message:
    # It always is a Message; the declared type of the standard library leaves out `get`.
    return cast(Message, distribution.metadata)


def _names_in(text: str) -> Iterator[str]:
    without_brackets = _BRACKETS.sub(" ", _ET_AL.sub("", text))
    for part in _BETWEEN_NAMES.split(without_brackets):
        name = " ".join(part.split()).strip("\"', ")
        if name and name != "UNKNOWN" and not _ADDRESS_OR_PAGE.search(name) and not _OTHERS.fullmatch(name):
            yield name


def _decoded(value: str) -> str:
    """Gives a header's text (RFC 2047), as it is where it is not properly encoded."""
    try:
        return str(make_header(decode_header(str(value))))
    except (LookupError, ValueError):
        return str(value)
