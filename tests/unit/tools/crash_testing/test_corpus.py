"""Documents that can be told apart."""

from itertools import pairwise

from tools.crash_testing.corpus import Corpus

CORPUS = Corpus(seed=5)


def test_the_same_seed_gives_the_same_documents_and_another_one_others() -> None:
    assert CORPUS.document(4, 2) == Corpus(seed=5).document(4, 2)
    assert CORPUS.text(4, 2) != Corpus(seed=6).text(4, 2)


def test_each_change_replaces_some_documents_and_takes_one_away() -> None:
    states = [CORPUS.versions(n) for n in range(12)]

    for before, after in pairwise(states):
        assert before != after
        assert len(after) == CORPUS.n_documents - 1
        assert CORPUS.words(after).keys() - CORPUS.words(before).keys()
        assert CORPUS.words(before).keys() - CORPUS.words(after).keys()


def test_a_version_has_one_word_that_stands_nowhere_else() -> None:
    texts = {(number, version): CORPUS.text(number, version) for number in range(6) for version in range(3)}

    for number, version in texts:
        word = CORPUS.word(number, version)
        assert [key for key, text in texts.items() if word in text] == [(number, version)]
        assert texts[number, version].count(word) == 1
