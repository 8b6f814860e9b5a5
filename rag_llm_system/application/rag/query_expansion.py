"""Stage 2, query expansion: other phrasings of a question, made without a language model.

It does not pay, so it is off unless asked for: three phrasings cost two more texts to embed and three times the
searches. Measured on 361 development questions of SQuAD and 809 training claims of SciFact, before the keyword half
read beside a window; behind +- is the standard error of the paired difference:

    phrasings                          SQuAD nDCG@10     R@10   R@100  SciFact nDCG@10   R@10   R@100
    the question alone                 0.895             0.972  0.989  0.730             0.848  0.952
    all three in both halves           -0.004 +- 0.003   0.970  0.989  +0.000 +- 0.001   0.846  0.954
    content words to BM25, statement
      beside the question to the dense -0.003 +- 0.003   0.972  0.989  -0.001 +- 0.001   0.848  0.954
    to BM25 also 10 terms of the first
      5 hits (pseudo-relevance), 0.3   -0.044 +- 0.009   0.967  0.989  -0.004 +- 0.004   0.850  0.961
    to BM25 also 5 terms of the first
      hit, 0.15                        -0.003 +- 0.003   0.970  0.989  +0.003 +- 0.001   0.852  0.957
    the dense query moved towards the
      first 3 hits (Rocchio 1971), 0.3 -0.003 +- 0.002   0.972  0.989  -0.001 +- 0.001   0.847  0.951
"""

import re

_WORD = re.compile(r"[^\W_]+(?:[-'’._][^\W_]+)*")
_ASKING = """
a about an and any are as at be by can could describe did do does explain find for from give had has have how i if in
is it list many may me might much my of on or please shall should show some tell than that the their there these this
those to was we were what when where which who whom whose why will with would you your
"""
_NO_CONTENT = frozenset(_ASKING.split())
_OPENING = re.compile(
    r"""^\W*(?:(?:please|can\ you|could\ you)\s+)?
    (?:(?:tell\ me|explain|describe)\s+(?:about\s+)?)?
    (?:(?:what|which|who|whom|whose|how|when|where|why)\b\s*(?:(?:many|much|long|old|far|often)\b\s*)?)?
    (?:(?:is|are|was|were|do|does|did|can|could|would|should|has|have|had)\b\s*)?""",
    re.IGNORECASE | re.VERBOSE,
)
_SIMPLE_WORDS = 3


class QueryExpansion:
    """A `Phraser` by rule.

    Args:
        n_phrasings: the most phrasings, the question itself counted: 1 switches expansion off, 3 is the most there is.
    """

    def __init__(self, n_phrasings: int = 1) -> None:
        self._n_phrasings = n_phrasings

    def __call__(self, question: str) -> list[str]:
        """Gives the question, its content words, and the question as a statement, without repeats.

        A simple question is given alone.
        """
        if self._n_phrasings == 1 or is_simple(question):
            return [question]
        statement = _OPENING.sub("", question.strip(), count=1).rstrip(" ?!.")
        phrasings = dict.fromkeys([question, " ".join(_content_words(question)), statement])
        return [phrasing for phrasing in phrasings if phrasing][: self._n_phrasings]


def is_simple(question: str) -> bool:
    """Says whether a question has at most three content words, so that there is little to phrase anew."""
    return len(_content_words(question)) <= _SIMPLE_WORDS


def _content_words(question: str) -> list[str]:
    return [word for word in _WORD.findall(question) if word.lower() not in _NO_CONTENT]
