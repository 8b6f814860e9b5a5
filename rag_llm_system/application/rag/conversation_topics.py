"""What an earlier question, or its answer, was about: the words that "he", "it" or "there" stand for.

No parser: patterns for how questions open, then names, which are known by their capitals. Where none of them fits
nothing is given, since a wrong topic misleads more than none.
"""

import re
from collections.abc import Sequence

_ASKING = """
a about am an and any are as at be by can could define describe did do does explain find for from give had has have how
i if in is it list may me might name of on or please shall should show summarise summarize tell that the their there
these they this those to was we were what when where which who whom whose why will with would you your yes no but so
""".split()
_OPENING_ANSWERS = """
according after all although also because before both but during each either first he here however it many most neither
no none not one only really she since some sure then they though unlike while yes yet
""".split()
_NO_NAME = frozenset((*_ASKING, *_OPENING_ANSWERS))
_CAPITAL = r"(?:[A-Z][\w’'&.+#-]*|\w+[A-Z]\w*|[A-Z])"
_NAME_RUN = re.compile(
    rf"\b{_CAPITAL}(?:\s(?:(?:of|de|da|del|der|di|du|la|le|van|von|bin|al|the)\s){{0,2}}(?:{_CAPITAL}|[IVX]+\b|\d+\b))*"
)
_POSSESSIVE = re.compile(r"['’]s?$")
_AUX = r"(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have|had|may|might|must)"
_WH = r"(?:what|who|whom|which|when|where|why|how)"
_NP_END = (
    r"(?=\s(?:used|useful|made|called|known|named|good|bad|like|doing|based|trained|built|born|written|said|needed|for|about"
    r"|and|that|which|who|when|if|because|better|worse|in\s(?:19|20)\d\d)\b|[,;:(]|$)"
)
_VERB = (
    r"(?:work|works|help|differ|happen|affect|use|mean|need|become|make|get|cause|do|go|come|look|live|die|start|begin|end"
    r"|stop|fail|improve|reduce|increase|change|grow|learn|scale|compare|matter|run|store|cost|exist|take|give|save)"
)
_PARTICIPLE = (
    r"(?:\w{2,}ed|built|made|born|written|known|used|found|begun|sold|held|lost|won|named|taken|given|shown|set)"
)
_TOLD = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:what|who)(?:['’]s|\s(?:is|are|was|were))\s(?P<topic>.+?){_NP_END}",
        r"^(?:please\s)?(?:(?:can|could)\syou\s)?(?:tell\sme|explain|describe|define|summari[sz]e)"
        rf"\s(?:more\s)?(?:to\sme\s)?(?:about\s)?(?!(?:how|what|why|when|where|who|which|more)\b)(?P<topic>.+?){_NP_END}",
    )
)
"""What is asked for whole: "what is X", "tell me about X"."""
_SUBJECTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^{_WH}(?:\s\S+){{0,3}}?\s{_AUX}\s(?!(?:I|we|you|one|there)\b)(?P<topic>\S+(?:\s\S+){{0,5}}?)\s(?:{_VERB}|{_PARTICIPLE})\b",
        rf"^{_AUX}\s(?!(?:I|we|you|one|there)\b)(?P<topic>\S+(?:\s\S+){{0,3}}?)\s(?:{_VERB}|{_PARTICIPLE})\b",
        r"^(?:who|what|which\s\w+)\s\w+(?:ed|t|de|te|s)\s(?P<topic>(?:the|a|an)\s\w+(?:\s\w+){0,3}?)(?=\s(?:in|on|at|for|of|to)\b|$)",
        r"\b(?P<topic>(?:the|a|an)\s\w+(?:\s\w+){0,2}?)$",
    )
)
"""What does something, or what something is done to: looked for where no name stands in the question."""
_COPULA = re.compile(r"^who(?:['’]s|\s(?:is|are|was|were))\s", re.IGNORECASE)
_MAX_TOPIC_CHARS = 100


def topic_of(question: str) -> str:
    """Gives what a question is about, with its article; "" where that is not plain."""
    asked = bare(question)
    told = _first_match(_TOLD, asked)
    if told:
        return told
    names = names_in(asked)
    return names[0] if names else _first_match(_SUBJECTS, asked)


def person_of(question: str, answer: str) -> str:
    """Gives the person that a question is about, or that its answer names; "" where that is not plain."""
    asked = bare(question)
    if re.match(r"(?:by\s)?(?:who|whom|which|what)\b", asked, re.IGNORECASE) and not _COPULA.match(asked):
        found = [name for name in names_in(answer, of_answer=True) if name.casefold() not in asked.casefold()]
        if found:
            return found[0]
    names = [name for name in names_in(asked) if not name.startswith(("the ", "The "))]
    if names:
        return names[0]
    copula = _COPULA.match(asked)
    return topic_of(asked) if copula else ""


def names_in(text: str, *, of_answer: bool = False) -> list[str]:
    """Gives the names in a text, from left to right, each with "the" where it is written so.

    Its first word is none by itself, as it has a capital anyway, but for an answer: "Shakespeare wrote it."
    """
    names = []
    for match in _NAME_RUN.finditer(text):
        words = match.group().split(" ")
        while words and _POSSESSIVE.sub("", words[0]).casefold() in _NO_NAME:
            words = words[1:]
        name = _POSSESSIVE.sub("", " ".join(words)).rstrip(".,")
        is_first = match.start() == 0 and " " not in match.group() and not re.search(r"\w[A-Z]|\d|['’]", name)
        if name and len(name) <= _MAX_TOPIC_CHARS and not name.isdigit() and (of_answer or not is_first):
            before = text[: match.end() - len(" ".join(words))]
            names.append(f"the {name}" if re.search(r"\bthe\s$", before, re.IGNORECASE) else name)
    return names


def bare(question: str) -> str:
    """Gives a question with single spaces and without the marks at its end."""
    return " ".join(question.split()).rstrip(" ?!.…")


def _first_match(patterns: Sequence[re.Pattern[str]], asked: str) -> str:
    topics = (match["topic"].strip() for pattern in patterns if (match := pattern.search(asked)))
    return next((topic for topic in topics if len(topic) <= _MAX_TOPIC_CHARS), "")
