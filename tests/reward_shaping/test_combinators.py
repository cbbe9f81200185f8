"""Combinators: literals, the order that `lexicographic` proves, what `anneal` reads, and what is refused."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from rlvr_gym.reward_shaping import (
    START,
    Anneal,
    Cap,
    Gate,
    Judged,
    Lexicographic,
    Min,
    Product,
    RewardContext,
    SchedulePoint,
    Sum,
    audit,
    make_reward,
)
from rlvr_gym.verifiers import ConfigError, Status, UnknownNameError, Verdict
from rlvr_gym.verifiers.verdict import Reason, VerifierId

WHO = VerifierId("hand", 1, "0")


def judged(status: Status = Status.FAILED, score: float = 0.0, tokens: int = 0) -> Judged:
    return Judged(Verdict(status, score, Reason("x", "x"), WHO), RewardContext(tokens=tokens))


PASS, HALF, EMPTY = judged(Status.PASSED, 1.0), judged(score=0.5), judged(Status.NO_ANSWER)


def at(mix: float) -> SchedulePoint:
    return SchedulePoint(1, "mixed", {"mix": mix})


def test_a_sum_adds_terms_of_one_name() -> None:
    assert Sum(["dense", "dense", "format"], [1, 2, -1]).terms(HALF) == {"dense": 1.5, "format": -1.0}


def test_a_gate_takes_one_side_and_the_other_reads_nothing() -> None:
    gate = Gate("tool_cost", on="passed", otherwise="dense")  # no context here has tool calls
    assert gate.terms(HALF) == {"dense": 0.5}
    assert Gate("dense", on="failed").terms(PASS) == {}
    assert Gate("dense", on="answered").terms(EMPTY) == {}
    assert Gate("dense", on="answered").terms(HALF) == {"dense": 0.5}


def test_product_and_min_pay_for_nothing_alone() -> None:
    assert Product(["dense", "format"]).terms(HALF) == {"product": 0.5}
    assert Product(["dense", "outcome"]).terms(HALF) == {"product": 0.0}
    assert Min(["dense", "format"]).terms(HALF) == {"min": 0.5}
    assert Product([{"gate": {"then": "dense"}}, "format"]).terms(HALF) == {"product": 0.0}  # nothing is 0


def test_ranges_by_hand() -> None:
    # outcome: a pass 1, a fail 0. repetition: [-1, 0] for both. dense: [0, 1] for both.
    twice = {"sum": {"of": ["repetition"], "weights": [2]}}
    assert Product(["outcome", twice]).ranges() == ((-2.0, 0.0), (0.0, 0.0))
    assert Product(["dense", twice, twice]).ranges() == ((0.0, 4.0), (0.0, 4.0))
    assert Product([twice, "repetition", {"sum": {"of": ["dense"], "weights": [3]}}]).ranges().failed == (0.0, 6.0)
    assert Min(["outcome", "dense", twice]).ranges() == ((-2.0, 0.0), (-2.0, 0.0))
    assert Min(["outcome", "format"]).ranges() == ((1.0, 1.0), (0.0, 0.0))
    gate = {"then": "outcome", "otherwise": twice}
    assert Gate(on="passed", **gate).ranges() == ((1.0, 1.0), (-2.0, 0.0))
    assert Gate(on="failed", **gate).ranges() == ((-2.0, 0.0), (0.0, 0.0))
    assert Gate(on="answered", **gate).ranges() == ((1.0, 1.0), (-2.0, 0.0))
    assert Gate("outcome", on="failed").ranges() == ((0.0, 0.0), (0.0, 0.0))
    assert Sum(["outcome", twice], [-3, 1]).ranges() == ((-5.0, -3.0), (-2.0, 0.0))
    assert Cap(twice, -0.5, 1.0).ranges() == ((-0.5, 0.0), (-0.5, 0.0))
    assert Anneal("outcome", twice).ranges(at(0.25)) == ((0.25, 0.75), (-0.5, 0.0))
    assert Anneal("outcome", twice).ranges() == ((-2.0, 1.0), (-2.0, 0.0))


def test_a_cap_is_a_term_of_its_own() -> None:
    capped = Cap({"sum": {"of": ["outcome", {"length": {"cap": None, "free": 0}}]}}, -0.5, 1.0)
    assert capped.terms(judged(Status.PASSED, 1.0, tokens=1000)) == {"outcome": 1.0, "length": -5.0, "cap": 3.5}
    assert capped.terms(judged(Status.PASSED, 1.0, tokens=0)) == {"outcome": 1.0, "length": 0.0}
    found = audit(capped)
    assert (found.range, found.unbounded) == ((-0.5, 1.0), ("length", "cap"))


def test_lexicographic_weights_are_more_than_all_that_follows() -> None:
    order = Lexicographic(["outcome", "format", "dense"], gap=0.25)
    # dense: 1 wide. format: (1 + 0.25) / 1. outcome: (1.25 + 1 + 0.25) / 1.
    assert order.factors == (2.5, 1.25, 1.0)
    assert audit(order).dominates
    keys = [
        (status is Status.PASSED, status is not Status.NO_ANSWER, score)
        for status, score in product((Status.PASSED, Status.FAILED, Status.NO_ANSWER), (0.0, 0.5, 1.0))
    ]
    values = [
        sum(order.terms(judged(status, score)).values())
        for status, score in product((Status.PASSED, Status.FAILED, Status.NO_ANSWER), (0.0, 0.5, 1.0))
    ]
    assert sorted(range(9), key=keys.__getitem__) == sorted(range(9), key=values.__getitem__)


@pytest.mark.parametrize(
    ("of", "match"),
    [
        (["dense", "outcome"], "no smallest step"),
        (["outcome", {"length": {"cap": None}}], "unbounded"),
        ([], "at least one"),
        ("outcome", "list"),
    ],
)
def test_an_order_that_no_weight_can_hold_is_refused(of: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        Lexicographic(of)


def test_dense_becomes_binary() -> None:
    mix = Anneal("dense", "outcome")
    assert mix.terms(HALF, START) == mix.terms(HALF, at(0.0)) == {"dense": 0.5}
    assert mix.terms(HALF, at(1.0)) == {"outcome": 0.0}
    assert mix.terms(HALF, at(0.25)) == {"dense": 0.375, "outcome": 0.0}
    assert mix.terms(PASS, at(0.25)) == {"dense": 0.75, "outcome": 0.25}
    assert audit(mix, at(1.0)).dominates
    assert not audit(mix, at(0.0)).dominates  # a verifier may give a fail the whole score
    assert audit(Anneal({"dense": {"below": 0.9}}, "outcome")).margin == pytest.approx(0.1)  # at every point


def test_a_schedule_that_does_not_name_the_share_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mixx'"):
        Anneal().terms(HALF, SchedulePoint(1, "", {"mixx": 1.0}))
    with pytest.raises(ConfigError, match="from 0 to 1"):
        Anneal().terms(HALF, at(1.5))


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("outcom", UnknownNameError),
        ({"gate": {"on": "pased", "then": "dense"}}, UnknownNameError),
        ({"gate": {"then": "dens"}}, UnknownNameError),
        ({"gate": {}}, ConfigError),
        ({"dense": {"bellow": 1}}, ConfigError),
        ({"dense": 1}, ConfigError),
        ({"dense": {}, "outcome": {}}, ConfigError),
        (7, ConfigError),
        ({"sum": {"of": ["outcome"], "weights": [1, 2]}}, ConfigError),
        ({"sum": {"of": ["outcome"], "weights": [float("nan")]}}, ConfigError),
        ({"cap": {"of": "dense", "low": 1, "high": 0}}, ConfigError),
        ({"lexicographic": {"of": ["outcome"], "gap": 0}}, ConfigError),
        ({"length": {"unit": "pages"}}, ConfigError),
        ({"length": {"per": 0}}, ConfigError),
        ({"process": {"form": "sum"}}, ConfigError),
        ({"rubric": {"weights": {}}}, ConfigError),
        ({"top_short": {"weight": 1.0}}, ConfigError),
    ],
)
def test_what_is_no_reward_is_refused_with_its_name(spec: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make_reward(spec)
