"""Weights of the extractive engine, by the names of its features. Written by a program: do not edit.

Recipe: `python -m benchmarks.answers.train`, 2026-11-21, on 945 development questions: SQuAD's (v1.1 and 2.0), the same
without the passages that answer them, and claims about other things. `benchmarks/results/answers-dev.json` holds what
was measured across articles.
"""

SENTENCE_WEIGHTS = {
    "own": 5.190,
    "as_written": 3.265,
    "same_beginning": 3.984,
    "density": 7.593,
    "before": 3.159,
    "after": 1.714,
    "heading": 2.507,
    "whole": 1.154,
    "names_missing": -1.458,
    "numbers_missing": -2.214,
    "holds_person": 1.849,
    "holds_place": 0.566,
    "passage_rank": 2.182,
    "pronoun_first": 0.532,
    "negation_missing": -1.604,
    "is_code": -4.000,
    "is_question": -5.000,
    "is_unfinished": -0.500,
    "holds_definition": 1.500,
    "holds_reason": 1.000,
    "holds_year": 2.500,
    "holds_time": 2.500,
    "holds_number": 2.500,
}
ANSWER_WEIGHTS = {
    "bias": -5.907,
    "similarity": 0.527,
    "similarity_of_best": 2.381,
    "probability": 1.414,
    "own": 0.784,
    "as_written": 0.611,
    "around": 0.804,
    "whole": 0.904,
    "last_term_around": 0.213,
    "names_missing": -0.499,
    "names_not_around": -0.747,
    "numbers_missing": -0.472,
    "negation_missing": -1.449,
    "wrong_kind": -0.092,
    "n_terms": 0.481,
}
ANSWER_WEIGHTS_WITHOUT_SIMILARITY = {
    "bias": -4.732,
    "probability": 1.372,
    "own": 0.775,
    "as_written": 0.786,
    "around": 0.964,
    "whole": 1.010,
    "last_term_around": 0.260,
    "names_missing": -0.590,
    "names_not_around": -0.804,
    "numbers_missing": -0.474,
    "negation_missing": -1.458,
    "wrong_kind": -0.177,
    "n_terms": 0.600,
}
