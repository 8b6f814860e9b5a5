"""A whole HTML page as Markdown, without judging what on it matters: the plan for pages where judging fails."""

import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

_LEFT_OUT = {
    "aside", "audio", "button", "canvas", "dialog", "footer", "form", "head", "iframe", "input", "nav", "noscript",
    "object", "script", "select", "style", "svg", "template", "textarea", "video",
}  # fmt: skip
_BLOCKS = {
    "address", "article", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section",
    "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
_MARKS = {"b": "**", "strong": "**", "em": "*", "i": "*"}
_INLINE_CODE = {"code", "kbd", "samp", "tt"}
_BREAK = "\n"
_ROLES_LEFT_OUT = {"alertdialog", "banner", "contentinfo", "dialog", "menu", "navigation", "search"}
_NAMES_LEFT_OUT = re.compile(
    r"(^|[\s_-])(cookies?|gdpr|consent)[\s_-]?(banner|bar|consent|dialog|layer|modal|notice|overlay|popup|wall)($|[\s_-])"
    r"|(^|\s)(linenos|linenodiv|line-numbers-rows|onetrust[\w-]*|sr-only|visually-hidden|mw-editsection|noprint)(\s|$)",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_CODE_LANGUAGE = re.compile(r"(?:^|\s)(?:language-|lang-|highlight-source-|highlight-)([A-Za-z][\w+#.-]*)")
_NO_LANGUAGES = {"default", "none", "notranslate", "plaintext", "text"}
_PERMALINK = re.compile(r"[¶#§🔗\s\u200b]*")
_NEVER_LEFT_OUT = {"article", "body", "html", "main"}
_LINE_TAGS = {"div", "p", "li", "tr"}


def markdown_blocks(root: Any, base: str = "") -> list[str]:
    """Gives the text below an lxml element: paragraphs, headings, lists, code, tables and links as Markdown blocks.

    Navigation, footers, forms, scripts, cookie banners and what is hidden are left out. A table whose cells hold
    paragraphs of their own is a layout, and its cells become paragraphs. Code is kept to the character.

    Args:
        root: the element; its links are made absolute in place.
        base: where the page was; "" where that is no web address.
    """
    if base:
        _make_links_absolute(root, base)
    return [block for block in _blocks(_main_part(root)) if block.strip()]


def _make_links_absolute(root: Any, base: str) -> None:
    stated = root.xpath("//base/@href")
    try:
        foot = urljoin(base, stated[0]) if stated else base
    except ValueError:
        foot = base
    for link in root.iter("a"):
        target = (link.get("href") or "").strip()
        if target and not target.startswith("#"):
            try:
                link.set("href", urljoin(foot, target))
            except ValueError:  # such as an unfinished IPv6 address
                del link.attrib["href"]


def _main_part(root: Any) -> Any:
    parts = root.xpath("//main | //*[@role='main']") or root.xpath("//article[count(//article) = 1]")
    return parts[0] if parts else root


def _blocks(element: Any) -> Iterator[str]:
    """Gives the blocks in an element; what stands between its child blocks makes paragraphs."""
    loose = [_spaces_folded(element.text or "")]
    for child in element:
        tag = _tag(child)
        if _is_left_out(child):
            pass
        elif tag in _BLOCKS or _holds_blocks(child):
            yield from _paragraphs("".join(loose))
            yield from _block(child, tag)
            loose = []
        else:
            loose.append(_inline(child))
        loose.append(_spaces_folded(child.tail or ""))
    yield from _paragraphs("".join(loose))


def _block(element: Any, tag: str) -> Iterator[str]:
    if tag == "pre":
        yield _fenced(element)
    elif re.fullmatch(r"h[1-6]", tag):
        heading = _one_line(_inline_children(element))
        yield f"{'#' * int(tag[1])} {heading}" if heading else ""
    elif tag in ("ul", "ol"):
        yield "\n".join(_items(element, ordered=tag == "ol"))
    elif tag == "table" and not _is_layout(element):
        yield from (_one_line(_inline_children(caption)) for caption in element.iter("caption"))
        yield "\n".join(_rows(element))
    elif tag == "blockquote":
        lines = "\n\n".join(block for block in _blocks(element) if block.strip()).split("\n")
        yield "\n".join(f"> {line}".rstrip() for line in lines) if any(lines) else ""
    else:
        yield from _blocks(element)


def _fenced(element: Any) -> str:
    code = _verbatim(element).strip(_BREAK)
    longest = max(map(len, re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{_code_language(element)}\n{code}\n{fence}" if code.strip() else ""


def _code_language(element: Any) -> str:
    """Gives the language that highlighters note in the classes of the code, or of one of the boxes around it."""
    around = itertools.islice(element.iterancestors(), 2)
    for box in (element, *element.iter("code"), *around):
        match = _CODE_LANGUAGE.search(box.get("class") or "")
        if match:
            return "" if match.group(1).lower() in _NO_LANGUAGES else match.group(1).lower()
    return ""


def _items(element: Any, *, ordered: bool) -> Iterator[str]:
    children = [child for child in element if not _is_left_out(child)]
    start = (element.get("start") or "").strip()
    for number, child in enumerate(children, start=int(start) if re.fullmatch(r"[0-9]{1,9}", start) else 1):
        mark = f"{number}. " if ordered else "- "
        text = "\n".join(block for block in _blocks(child) if block.strip())
        if text:
            yield mark + re.sub(r"\n(?=[^\n])", "\n" + " " * len(mark), text)


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
    if table.xpath(".//table | .//h1 | .//h2 | .//pre"):
        return True
    n_rows, n_headed = len(table.xpath(".//tr")), len(table.xpath(".//tr[th]"))
    holds_paragraphs = table.xpath(".//td//p[2] | .//ul | .//td[count(.//br) > 3]")
    return bool(holds_paragraphs) and 2 * n_headed < n_rows  # most rows of a data sheet have a heading of their own


def _inline(element: Any) -> str:
    tag = _tag(element)
    if tag == "br":
        return _BREAK
    if _is_left_out(element):
        return ""
    if tag in _INLINE_CODE:
        return _code_span(element)
    text = _inline_children(element)
    core = text.strip()
    if not core:
        return text
    before, after = text[: text.index(core)], text[text.index(core) + len(core) :]
    if tag == "a":
        return before + _link(core, (element.get("href") or "").strip()) + after
    mark = _MARKS.get(tag, "")
    return before + mark + core + mark + after if _BREAK not in core else text


def _link(text: str, target: str) -> str:
    if target.startswith("#") and _PERMALINK.fullmatch(text):
        return ""
    if not target.startswith(("http://", "https://", "mailto:", "/")):
        return text
    for mark in " ()<>":
        target = target.replace(mark, f"%{ord(mark):02X}")
    return f"[{_one_line(text)}]({target})"


def _code_span(element: Any) -> str:
    # A browser folds spaces here too. What is marked up within (links, colours) would be shown as its marks.
    code = _spaces_folded(_verbatim(element))
    longest = max(map(len, re.findall(r"`+", code)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if longest else ""
    return f"{fence}{edge}{code}{edge}{fence}" if code.strip() else code


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


def _is_left_out(element: Any) -> bool:
    tag = _tag(element)
    if tag in _LEFT_OUT or tag in _NEVER_LEFT_OUT:  # the latter are said to be hidden while a banner covers them
        return tag in _LEFT_OUT
    read = element.get
    if read("hidden") is not None or read("aria-hidden") == "true" or _HIDDEN.search(read("style") or ""):
        return True
    if (read("role") or "").lower() in _ROLES_LEFT_OUT:
        return True
    return any(_NAMES_LEFT_OUT.search(read(name) or "") for name in ("class", "id"))


def _holds_blocks(element: Any) -> bool:
    return any(_tag(descendant) in _BLOCKS for descendant in element.iterdescendants())


def _tag(element: Any) -> str:
    # Comments and processing instructions have a function where elements have their name.
    return element.tag.lower() if isinstance(element.tag, str) else "script"


def _verbatim(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        tag = _tag(child)
        if tag == "br":
            parts.append(_BREAK)
        elif tag not in ("script", "style", "button") and not _NAMES_LEFT_OUT.search(child.get("class") or ""):
            inside = _verbatim(child)
            ends_line = tag in _LINE_TAGS and not inside.endswith(_BREAK) and not (child.tail or "").startswith(_BREAK)
            parts.append(inside + _BREAK if ends_line else inside)
        parts.append(child.tail or "")
    return "".join(parts)


def _spaces_folded(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
