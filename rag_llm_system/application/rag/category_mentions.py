"""Which kinds of documents a question wants searched: "in his posts", "which article explains", "the code of X".

"Article", "post" and "code" mean other things as well (articles of a treaty, a post in a government, the genetic code),
so a word counts only within one of a few phrases, most of which need the name of a known author.
"""

import re

from rag_llm_system.application.rag.marked_question import AUTHORS, MARK, Span
from rag_llm_system.domain.documents import Category

_MANY = {
    Category.ARTICLES: r"(?:articles|essays|blog\s?posts)",
    Category.POSTS: r"(?<!blog\s)posts",
    Category.REPOSITORIES: r"(?:repositories|repos)",
}
_ONE = {
    Category.ARTICLES: r"(?:article|essay|blog\s?post)",
    Category.POSTS: r"(?<!blog\s)post",
    Category.REPOSITORIES: r"(?:repository|repo)",
}
_ONE_OF_AN_AUTHOR = {
    Category.ARTICLES: r"(?:article|essay|blog(?:\s?post)?)",
    Category.POSTS: r"(?<!blog\s)post",
    Category.REPOSITORIES: r"(?:repository|repo|(?:source\s)?code)",
}
_WHOSE = r"(?:his|her|its|their|my|our|your|the|these|those)\s"
_KIND = r"(?:(?:all|last|latest|newer|newest|recent|old|older|earlier|own|public|medium|linkedin|github|git)\s){0,3}"
_TELLS = (
    r"(?:(?:compare|cover|describe|discuss|explain|introduce|mention|recommend|show|teach)(?:e?s)?\b"
    r"|(?:deals?|talks?)\s(?:with|about)\b|(?:is|are)\sabout\b)"
)


def named_categories(marked: str) -> tuple[tuple[Category, ...], list[Span]]:
    """Gives the categories that a question names, in their own order, and the words that do.

    Args:
        marked: see `marked_question`.
    """
    spans = {category: [match.span() for match in _MENTIONS[category].finditer(marked)] for category in Category}
    named = tuple(category for category in Category if spans[category])
    return named, [span for category in named for span in spans[category]]


def may_name_a_category(question: str) -> bool:
    """Says whether a word for a category stands in the question, whatever it means there."""
    return bool(_ANY.search(question))


def _mention_of(category: Category) -> re.Pattern[str]:
    many, either = _MANY[category], rf"(?:{_MANY[category]}|{_ONE[category]})\b"
    of_an_author = rf"(?:{many}|{_ONE_OF_AN_AUTHOR[category]})\b"
    # "In the articles of confederation" speaks of something else, unless an author follows.
    not_of_a_thing = rf"(?!\sof\b(?!\s{MARK}))"
    phrases = (
        rf"\b(?:in|from|among|within|across)\s(?:all\s)?(?:of\s)?{_WHOSE}{_KIND}{many}\b{not_of_a_thing}",
        rf"\bonly\s(?:in|from)\s(?:the\s)?{_KIND}{many}\b{not_of_a_thing}",
        rf"(?:^\W{{0,9}}|(?<=[,;:]\s)|(?<=\band\s)|\b(?:in|from)\s)(?:which|what)\s(?:of\s{_WHOSE})?{_KIND}{either}"
        rf"(?=\s(?:that\s)?(?:{_TELLS}|(?:did|does|do|has|have|by|from|of)\s{MARK}))",
        rf"\b(?:in\s)?(?:the\s|an?\s)?{_KIND}{of_an_author}"
        rf"(?:\s(?:written|published|posted)\b)?(?=\s(?:by|of|from)\s{AUTHORS})",
        rf"(?<={MARK}['’]s\s){_KIND}{of_an_author}",
        rf"(?<={MARK}['’]\s){_KIND}{of_an_author}",
    )
    return re.compile("|".join(phrases), re.IGNORECASE)


_ANY = re.compile(rf"\b(?:{'|'.join((*_MANY.values(), *_ONE_OF_AN_AUTHOR.values()))})\b", re.IGNORECASE)
_MENTIONS = {category: _mention_of(category) for category in Category}
