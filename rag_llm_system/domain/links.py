"""Links, as they may be shown and kept."""

import re

# A password may hold what should have been escaped, such as a slash: then it goes from "user:" to the last "@".
_CREDENTIALS = re.compile(r"(?<=//)(?:[^/?#\s]*|[^/?#@:\s]*:(?!\d+(?:[/?#]|$))\S*)@")
_WEB = re.compile(r"\s*(?:git\+)?https?:", re.IGNORECASE)


def without_credentials(link: str) -> str:
    """Gives the link without a user name and a password."""
    return _CREDENTIALS.sub("", link, count=1)


def origin_of(link: str) -> str:
    """Gives scheme, host and port alone: what else an address holds, path and query too, may be secret."""
    scheme, _, rest = without_credentials(link).partition("://")
    return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0].rpartition('@')[2]}"


def holds_password(link: str) -> bool:
    """Says whether a link brings a password (//user:password@host) or, on the web, a token (//token@host)."""
    match = _CREDENTIALS.search(link)
    return match is not None and (":" in match[0] or _WEB.match(link) is not None)
