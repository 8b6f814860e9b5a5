"""A whole HTML page as Markdown, without judging what on it matters: the plan for pages where judging fails."""

import re
from collections.abc import Iterator
from typing import Any

_LEFT_OUT = {
    "aside", "audio", "button", "canvas", "dialog", "footer", "form", "head", "iframe", "input", "nav", "noscript",
    "object", "script", "select", "style", "svg", "template", "textarea", "video",
}  # fmt: skip
_BLOCKS = {
    "address", "article", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section",
    "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
_MARKS = {"b": "**", "strong": "**", "em": "*", "i": "*", "code": "`", "kbd": "`", "samp": "`"}
_BREAK = "\n"


def markdown_of(root: Any) -> str:
    """Gives the text below an lxml element: paragraphs, headings, lists, code, tables and links as Markdown.

    Navigation, footers, forms and scripts are left out. A table whose cells hold paragraphs of their own is a
    layout, and its cells become paragraphs.
    """
    main = _main_part(root)
    return "\n\n".join(block for block in _blocks(main) if block.strip())


def _main_part(root: Any) -> Any:
    parts = root.xpath("//main | //*[@role='main']") or root.xpath("//article[count(//article) = 1]")
    return parts[0] if parts else root


def _blocks(element: Any) -> Iterator[str]:
    """Gives the blocks in an element; what stands between its child blocks makes paragraphs."""
    loose = [_spaces_folded(element.text or "")]
    for child in element:
        tag = _tag(child)
        if tag in _BLOCKS or (tag not in _LEFT_OUT and _holds_blocks(child)):
            yield from _paragraphs("".join(loose))
            yield from _block(child, tag)
            loose = []
        elif tag not in _LEFT_OUT:
            loose.append(_inline(child))
        loose.append(_spaces_folded(child.tail or ""))
    yield from _paragraphs("".join(loose))


def _block(element: Any, tag: str) -> Iterator[str]:
    if tag == "pre":
        yield f"```\n{_verbatim(element).strip(_BREAK)}\n```"
    elif re.fullmatch(r"h[1-6]", tag):
        yield f"{'#' * int(tag[1])} {_one_line(_inline_children(element))}"
    elif tag in ("ul", "ol"):
        yield "\n".join(_items(element, ordered=tag == "ol"))
    elif tag == "table" and not _is_layout(element):
        yield "\n".join(_rows(element))
    elif tag == "blockquote":
        for block in _blocks(element):
            yield "\n".join(f"> {line}" for line in block.split("\n"))
    else:
        yield from _blocks(element)


def _items(element: Any, *, ordered: bool) -> Iterator[str]:
    children = [child for child in element if _tag(child) not in _LEFT_OUT]
    for number, child in enumerate(children, start=1):
        mark = f"{number}. " if ordered else "- "
        text = "\n".join(block for block in _blocks(child) if block.strip())
        if text:
            yield mark + text.replace("\n", "\n" + " " * len(mark))


def _rows(table: Any) -> Iterator[str]:
    is_first = True
    for row in table.iter("tr"):
        cells = [_one_line(_inline_children(cell)).replace("|", "\\|") for cell in row if _tag(cell) in ("td", "th")]
        if any(cells):
            yield "| " + " | ".join(cells) + " |"
            if is_first:
                yield "|" + "---|" * len(cells)
            is_first = False


def _is_layout(table: Any) -> bool:
    return bool(table.xpath(".//table | .//h1 | .//h2 | .//td//p[2] | .//ul | .//pre | .//td[count(.//br) > 3]"))


def _inline(element: Any) -> str:
    tag = _tag(element)
    if tag == "br":
        return _BREAK
    if tag in _LEFT_OUT:
        return ""
    text = _inline_children(element)
    core = text.strip()
    if not core:
        return text
    if tag == "a" and (element.get("href") or "").startswith(("http://", "https://", "mailto:", "/")):
        return text.replace(core, f"[{_one_line(core)}]({element.get('href')})")
    mark = _MARKS.get(tag, "")
    return text.replace(core, f"{mark}{core}{mark}") if mark and _BREAK not in core else text


def _inline_children(element: Any) -> str:
    parts = [_spaces_folded(element.text or "")]
    for child in element:
        parts.append(" " + _inline(child) + " " if _tag(child) in _BLOCKS else _inline(child))
        parts.append(_spaces_folded(child.tail or ""))
    return "".join(parts)


def _paragraphs(text: str) -> Iterator[str]:
    """Gives the paragraphs of loose text: two line breaks (`<br><br>`) part them."""
    for part in re.split(r"\n[^\S\n]*\n\s*", text):
        lines = [_one_line(line) for line in part.split("\n")]
        paragraph = "\n".join(line for line in lines if line)
        if paragraph:
            yield paragraph


def _holds_blocks(element: Any) -> bool:
    return any(_tag(descendant) in _BLOCKS for descendant in element.iterdescendants())


def _tag(element: Any) -> str:
    # Comments and processing instructions have a function where elements have their name.
    return element.tag.lower() if isinstance(element.tag, str) else "script"


def _verbatim(element: Any) -> str:
    inside = (_BREAK if _tag(child) == "br" else _verbatim(child) for child in element)
    tails = (child.tail or "" for child in element)
    return (element.text or "") + "".join(part + tail for part, tail in zip(inside, tails, strict=True))


def _spaces_folded(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
