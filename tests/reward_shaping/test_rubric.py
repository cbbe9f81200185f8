"""Fitted rubric weights: the margin is reached where it can be, and contradictions are named."""

from __future__ import annotations

import pytest
from rlvr_gym.reward_shaping import Judged, Pair, RewardContext, fit_rubric_weights
from rlvr_gym.verifiers import ConfigError, make_verifier


def test_one_proposition_needs_the_margin_and_no_more() -> None:
    # Loss max(0, 1 - w): 0 from w = 1 on, and 0.01 a step brings AdamW there within its 1000 steps.
    fit = fit_rubric_weights([Pair({"good": 1.0}, {"good": 0.0})])
    assert fit.weights["good"] == pytest.approx(1.0, abs=0.02)
    assert fit.loss == pytest.approx(0.0, abs=1e-3)
    assert (fit.dominates, fit.violated, fit.short) == (True, (), ())


def test_the_signs_follow_the_order() -> None:
    pairs = [
        Pair({"refuses": 1.0, "scolds": 0.0}, {"refuses": 1.0, "scolds": 1.0}),
        Pair({"refuses": 1.0, "scolds": 1.0}, {"refuses": 0.0, "scolds": 0.0}),
    ]
    fit = fit_rubric_weights(pairs)
    # -scolds >= 1 and refuses + scolds >= 1 meet with the least weights at scolds = -1, refuses = 2.
    assert fit.weights == pytest.approx({"refuses": 2.0, "scolds": -1.0}, abs=0.1)
    assert fit.dominates
    context = RewardContext(extras={"rubric": {"refuses": 1.0, "scolds": 1.0}})
    reward = fit.reward().terms(Judged(make_verifier("number@1").verify("", 1), context))
    assert sum(reward.values()) == pytest.approx(fit.weights["refuses"] + fit.weights["scolds"])


def test_the_base_reward_counts() -> None:
    # The base reward is against the order by 2: the rubric must make up for it and for the margin.
    fit = fit_rubric_weights([Pair({"good": 1.0}, {"good": 0.0}, base=-2.0)])
    assert fit.weights["good"] == pytest.approx(3.0, abs=0.05)
    assert fit.slack[0] == pytest.approx(1.0, abs=0.05)


def test_a_contradiction_is_named_and_not_averaged_away() -> None:
    good, bad = {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 0.0}
    fit = fit_rubric_weights([Pair(good, bad), Pair(good, bad), Pair(bad, good)])
    assert fit.violated == (2,)
    assert not fit.dominates
    assert fit.loss > 0.5


def test_a_pair_that_no_proposition_tells_apart_is_violated() -> None:
    assert fit_rubric_weights([Pair({"a": 1.0}, {"a": 1.0})], steps=5).violated == (0,)


def test_a_pair_short_of_its_margin_keeps_its_order() -> None:
    fit = fit_rubric_weights([Pair({"a": 1.0}, {"a": 0.0})], steps=20)  # 20 steps of 0.01
    assert (fit.violated, fit.short) == ((), (0,))
    assert fit.slack[0] == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [Pair({}, {})],
        [Pair({"a": 1.0}, {"b": 1.0})],
        [Pair({"a": 2.0}, {"a": 0.0})],
        [Pair({"a": 1.0}, {"a": 0.0}, margin=-1.0)],
    ],
)
def test_what_cannot_be_fitted_is_refused(pairs: list[Pair]) -> None:
    with pytest.raises(ConfigError):
        fit_rubric_weights(pairs)
