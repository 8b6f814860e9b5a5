"""The two small models behind the extractive engine's weights find what made the data."""

import numpy as np

from benchmarks.answers.fitting import Choice, area_under_curve, fit_choice, fit_decision


def test_a_choice_learns_which_feature_the_answers_have() -> None:
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(6, 2)) for _ in range(50)]
    choices = [Choice(one, np.arange(6) == one[:, 1].argmax()) for one in features]
    weights = fit_choice(choices, np.zeros(2), l2=0.01)
    assert weights[1] > 2 > 10 * abs(weights[0])


def test_a_feature_that_never_differs_keeps_its_prior() -> None:
    choices = [Choice(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([True, False]))]
    assert np.isclose(fit_choice(choices, np.array([-3.0, 0.0]), l2=0.01)[0], -3.0)


def test_a_decision_learns_the_sign_and_the_bias() -> None:
    values = np.linspace(0, 1, 100)
    weights, bias = fit_decision(values[:, None], values > 0.7, np.ones(100), l2=0.01)
    assert weights[0] > 0
    assert 0.6 < -bias / weights[0] < 0.8


def test_a_decision_leaves_to_the_features_what_is_not_known_yet() -> None:
    values = np.linspace(0, 1, 100)
    known = np.where(values > 0.7, 9.0, -9.0)
    without, _ = fit_decision(values[:, None], values > 0.7, np.ones(100), l2=0.01)
    beyond, _ = fit_decision(values[:, None], values > 0.7, np.ones(100), l2=0.01, known=known)
    assert abs(beyond[0]) < 0.1 * without[0]


def test_ties_count_half_in_the_area_under_the_curve() -> None:
    assert area_under_curve([1.0, 2.0], [1.0, 0.0]) == 0.875
