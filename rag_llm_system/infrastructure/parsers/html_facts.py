"""What a page says of itself in its head: title and authors; and whether there is a page without a browser at all."""

import json
import re
from collections.abc import Iterator
from typing import Any

_AUTHOR_NAMES = ("author", "article:author", "citation_author", "dc.creator", "dcterms.creator", "parsely-author")
_MOUNT_POINTS = ("root", "app", "__next", "__nuxt", "___gatsby", "svelte")
_LONGEST_NAME = 80


def page_title(tree: Any) -> str:
    """Gives the heading that the page's title repeats, else the title for sharing, else the page's title."""
    title = _one_line(tree.findtext(".//title") or "")
    headings = [_one_line(heading.text_content()) for heading in tree.iter("h1")]
    repeated = next((heading for heading in headings if heading and heading in title), "")
    shared = tree.xpath("//meta[@property='og:title']/@content")
    return repeated or (_one_line(str(shared[0])) if shared else "") or title or next(iter(headings), "")


def page_authors(tree: Any) -> tuple[str, ...]:
    """Gives the names in the page's metadata, in order: `<meta>`, then the persons of JSON-LD; no links, no e-mail."""
    found = [_one_line(name) for name in (*_meta_authors(tree), *_linked_data_authors(tree))]
    names = [name for name in found if name and not re.search(r"[/@<>{}]", name) and len(name) <= _LONGEST_NAME]
    return tuple(
        {name.casefold(): name for name in reversed(names)}[key] for key in dict.fromkeys(map(str.casefold, names))
    )


def needs_scripts(tree: Any) -> bool:
    """Says whether the page looks like a shell that a script fills."""
    if not tree.xpath("//script"):
        return False
    told = " ".join(text for element in tree.iter("noscript") for text in element.itertext()).lower()
    return "javascript" in told or any(tree.xpath("//*[@id=$name]", name=name) for name in _MOUNT_POINTS)


def _meta_authors(tree: Any) -> Iterator[str]:
    for meta in tree.iter("meta"):
        if (meta.get("name") or meta.get("property") or "").lower() in _AUTHOR_NAMES:
            yield meta.get("content") or ""


def _linked_data_authors(tree: Any) -> Iterator[str]:
    for script in tree.xpath("//script[@type='application/ld+json']"):
        try:
            data = json.loads(script.text or "")
        except (ValueError, RecursionError):
            continue
        for thing in _things(data):
            yield from _persons(thing.get("author"))


def _things(data: Any) -> Iterator[dict[str, Any]]:
    listed = data if isinstance(data, list) else [data]
    for thing in listed:
        if isinstance(thing, dict):
            yield thing
            graph = thing.get("@graph")
            yield from (part for part in graph if isinstance(part, dict)) if isinstance(graph, list) else ()


def _persons(authors: Any) -> Iterator[str]:
    for author in authors if isinstance(authors, list) else [authors]:
        if isinstance(author, dict) and "Person" in str(author.get("@type")) and isinstance(author.get("name"), str):
            yield author["name"]


def _one_line(text: str) -> str:
    return " ".join(text.split())
