"""Web addresses: read, compared, and made the link of a document."""

import re

import httpx

from rag_llm_system.domain.errors import InputError

_TRACKING = re.compile(r"(utm_\w*|fbclid|gclid)(=|$)", re.IGNORECASE)
_FOR_THE_BROWSER = {"linkedin.com": "LinkedIn", "lnkd.in": "LinkedIn", "medium.com": "Medium"}


def web_url(link: str) -> httpx.URL:
    """Gives the address that a link spells, without its fragment.

    Raises:
        InputError: it is no http or https address, or holds a user name or a password.
    """
    try:
        url = httpx.URL(link.strip())
        host = url.host  # read here: only then is an "xn--" name decoded, and found to be none
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise InputError("the link is not an address: check its spelling") from None
    if url.scheme not in ("http", "https") or not host:
        raise InputError("the link is no web address: it has to start with http:// or https://")
    if url.userinfo:
        raise InputError("the link holds a user name or a password: such pages are not read, save the page instead")
    return url.copy_with(fragment=None)


def document_link(url: httpx.URL) -> str:
    """Gives the address as a document's link: without what counts visitors (utm_*, fbclid, gclid)."""
    query = url.query.decode("ascii")
    kept = "&".join(part for part in query.split("&") if not _TRACKING.match(part))
    return str(url if kept == query else url.copy_with(query=kept.encode("ascii") or None))


def site_of(url: httpx.URL) -> str:
    """Gives the host without "www."."""
    return url.host.lower().rstrip(".").removeprefix("www.")


def refusal_of(link: str) -> str | None:
    """Gives the line with which a link is refused since only a browser could read it; None where it is not."""
    try:
        parts = httpx.URL(link).host.lower().rstrip(".").split(".")
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return None
    for domain, name in _FOR_THE_BROWSER.items():
        if ".".join(parts[-2:]) == domain:
            return f"{name} needs the browser crawler, which is not there yet: save the page and give the file"
    return None
