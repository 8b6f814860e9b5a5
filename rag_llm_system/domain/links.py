"""Links, as they may be shown and kept."""

import re

_USER_AND_PASSWORD = re.compile(r"(?<=//)[^/?#\s]*@")


def without_credentials(link: str) -> str:
    """Gives the link without a user name and a password."""
    return _USER_AND_PASSWORD.sub("", link, count=1)


def holds_password(link: str) -> bool:
    """Says whether a link brings a password (//user:password@host) or, on the web, a token (//token@host)."""
    match = _USER_AND_PASSWORD.search(link)
    is_web = link.removeprefix("git+").startswith(("http://", "https://"))
    return match is not None and (is_web or ":" in match[0])
