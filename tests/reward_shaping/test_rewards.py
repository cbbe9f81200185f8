"""What holds for every reward: specs both ways, declared ranges, proofs of `audit`, and that nothing moves `passed`."""

from __future__ import annotations

import copy
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.benchmarks.estimators import pass_at_k
from rlvr_gym.envs import ListTaskSet, Task, TextEnv
from rlvr_gym.reward_shaping import (
    REWARDS,
    START,
    Judged,
    Novelty,
    Reward,
    RewardContext,
    SchedulePoint,
    audit,
    idle_terms,
    make_reward,
)
from rlvr_gym.reward_shaping.combinators import Composite
from rlvr_gym.verifiers import ConfigError, Status, Verdict, make_verifier
from rlvr_gym.verifiers.verdict import UNGRADABLE, Part, Reason, VerifierId

WHO = VerifierId("hand", 1, "0")

SETTINGS: dict[str, dict[str, Any]] = {
    "gate": {"then": "dense"},
    "sum": {"of": ["outcome", "format"], "weights": [1, -0.5]},
    "product": {"of": ["dense", "format"]},
    "min": {"of": ["dense", "format"]},
    "lexicographic": {"of": ["outcome", "length"]},
    "cap": {"of": {"sum": {"of": ["outcome", "dense"]}}},
    "rubric": {"weights": {"kind": 0.25, "rude": -1}},
    "spans": {"weights": {"fact": 0.5}},
}
"""Of the rewards that cannot do without."""

SPECS: dict[str, Any] = {name: {name: SETTINGS[name]} if name in SETTINGS else name for name in REWARDS}
UNIT = st.floats(0, 1)
LEAVES = st.sampled_from([spec for name, spec in SPECS.items() if not make_reward(spec).batch_scoped])


def grown(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    many = st.lists(children, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda of: {"sum": {"of": of}}, many),
        st.builds(lambda of, w: {"sum": {"of": of, "weights": w[: len(of)]}}, many, st.tuples(*[st.floats(-3, 3)] * 3)),
        st.builds(lambda of: {"signed": {"of": of}}, children),
        st.builds(lambda of: {"product": {"of": of}}, many),
        st.builds(lambda of: {"min": {"of": of}}, many),
        st.builds(lambda of: {"cap": {"of": of, "low": -0.25, "high": 0.75}}, children),
        st.builds(lambda a, b: {"anneal": {"a": a, "b": b}}, children, children),
        st.builds(
            lambda on, a, b: {"gate": {"on": on, "then": a, "otherwise": b}},
            st.sampled_from(["passed", "failed", "answered"]),
            children,
            children,
        ),
    )


TREES = st.recursive(LEAVES, grown, max_leaves=4)
PARTS = st.lists(
    st.builds(Part, st.sampled_from(["accept/0", "reject/0", "step/0"]), st.sampled_from([True, False, None]), UNIT),
    max_size=4,
).map(lambda parts: (Part("step/9", True, 0.5), *parts))


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    status = draw(st.sampled_from([status for status in Status if status.gradable]))
    return Verdict(status, draw(UNIT), Reason("x", "x"), WHO, parts=draw(PARTS))


CONTEXTS = st.builds(
    RewardContext,
    turn=st.integers(1, 9),
    tokens=st.integers(0, 50_000),
    response=st.text("ab ", max_size=12),
    answer_key=st.sampled_from(["", "x"]),
    behaviour_key=st.sampled_from(["", "x"]),
    history=st.lists(st.sampled_from(["", "x", "y"]), max_size=3).map(tuple),
    extras=st.fixed_dictionaries(
        {
            "tool_calls": st.integers(0, 99),
            "surprise": st.fixed_dictionaries({Novelty().slot: UNIT}),
            "rubric": st.fixed_dictionaries({"kind": UNIT, "rude": UNIT}),
            "spans": st.lists(
                st.builds(lambda score: {"kind": "fact", "start": 0, "end": 1, "score": score}, st.floats(-1, 1)),
                max_size=2,
            ),
        }
    ),
    given=st.floats(-9, 9),
    longest=st.integers(1, 50_000),
)
JUDGED = st.builds(Judged, verdicts(), CONTEXTS)
POINTS = st.just(START) | st.builds(lambda mix: SchedulePoint(1, "", {"mix": mix}), UNIT)


def inside(value: float, interval: tuple[float, float]) -> bool:
    return interval[0] - 1e-9 <= value <= interval[1] + 1e-9


@pytest.mark.parametrize("name", REWARDS)
def test_every_spec_goes_both_ways_and_through_pickle(name: str) -> None:
    reward = make_reward(SPECS[name])
    written = json.loads(json.dumps(reward.to_dict(), allow_nan=False))
    assert make_reward(written) == reward
    assert make_reward(written).to_dict() == written
    assert pickle.loads(pickle.dumps(reward)) == copy.deepcopy(reward) == reward
    assert reward.term_ranges().keys() == reward.term_topics().keys()


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("status", UNGRADABLE)
def test_an_ungradable_verdict_has_no_terms(name: str, status: Status) -> None:
    broken = Judged(Verdict(status, 0.0, Reason("x", "x"), WHO))
    reward = make_reward(SPECS[name])
    assert reward.terms_of([broken, broken]) == [{}, {}]
    assert reward.batch_scoped or reward.terms(broken) == {}


@given(spec=TREES, one=JUDGED, other=JUDGED, point=POINTS)
@settings(max_examples=150, deadline=None)
def test_declared_ranges_hold_and_what_is_proved_is_so(
    spec: Any, one: Judged, other: Judged, point: SchedulePoint
) -> None:
    reward = make_reward(spec)
    before = one.verdict.to_dict()
    totals = []
    for judged in (one, other):
        terms = reward.terms(judged, point)
        totals.append(float(sum(terms.values())))
        for ranges in (reward.ranges(), reward.ranges(point)):
            assert inside(totals[-1], ranges.passed if judged.verdict.passed else ranges.failed)
        for found in (reward.term_ranges(), reward.term_ranges(point)):
            assert terms.keys() <= found.keys()
            for name, value in terms.items():
                assert inside(value, found[name].passed if judged.verdict.passed else found[name].failed)
    if audit(reward, point).dominates and one.verdict.passed and not other.verdict.passed:
        assert totals[0] > totals[1]
    assert one.verdict.to_dict() == before
    assert reward.terms_of([one, other], point) == [reward.terms(judged, point) for judged in (one, other)]
    assert make_reward(reward.to_dict()) == reward


def composed(reward: Reward, judged: Judged, point: SchedulePoint) -> dict[str, float]:
    """The terms without a plan: each combinator of the terms of its parts, down to the leaves."""
    if not isinstance(reward, Composite):
        return reward.terms(judged, point)
    return reward.combine(judged, point, [composed(child, judged, point) for child in reward.children])


@given(spec=TREES, judged=JUDGED, point=POINTS)
@settings(max_examples=150, deadline=None)
def test_terms_that_were_planned_are_those_of_the_parts(spec: Any, judged: Judged, point: SchedulePoint) -> None:
    """To the bit, and in the order in which they are summed."""
    found = make_reward(spec).terms(judged, point)
    assert list(found.items()) == list(composed(make_reward(spec), judged, point).items())


def test_terms_are_nobody_elses() -> None:
    """Who writes into the terms of one response changes those of no other."""
    for spec in ("outcome", {"sum": {"of": ["outcome", "format", "dense"]}}, {"cap": {"of": "outcome"}}):
        reward = make_reward(spec)
        before = reward.terms(PASSED)
        reward.terms(PASSED)["outcome"] = 9.0
        assert reward.terms(PASSED) == before == pickle.loads(pickle.dumps(reward)).terms(PASSED)


@given(context=CONTEXTS)
@settings(max_examples=20, deadline=None)
def test_a_context_is_json(context: RewardContext) -> None:
    assert RewardContext.from_dict(json.loads(json.dumps(context.to_dict()))) == context


def test_a_context_with_another_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'tokens'"):
        RewardContext.from_dict({"token": 3})


TASKS = ListTaskSet([Task.create(f"{n} + 1?", {"reference": n + 1}) for n in range(4)])
ANSWERS = ("#### 1", "#### 2", "#### 3", "no idea", "#### 4", "#### 2")
IN_AN_ENVIRONMENT = (
    "outcome",
    "dense",
    "format",
    {"sum": {"of": ["outcome"], "weights": [-10]}},
    {"sum": {"of": ["format", {"repetition": {"n": 1}}, {"turn_decay": {}}], "weights": [100, 3, -7]}},
    {"gate": {"on": "failed", "then": "format"}},
    {"length": {"unit": "characters", "free": 0, "cap": None}},
    {"anneal": {"a": "dense", "b": "outcome"}},
)


def played(reward: Any) -> list[dict[str, Any]]:
    """The infos of every answer to every task."""
    env = TextEnv(TASKS, make_verifier("number@1"), reward=reward)
    infos = []
    for index in range(len(TASKS)):
        for answer in ANSWERS:
            env.reset(options={"task_index": index})
            _, paid, terminated, truncated, info = env.step(answer)
            assert paid == pytest.approx(sum(info["reward_terms"].values()))
            assert (terminated, truncated) == (True, False)
            infos.append(info)
    return infos


PLAIN = played("outcome")


@pytest.mark.parametrize("spec", IN_AN_ENVIRONMENT)
def test_no_reward_moves_passed_or_pass_at_k(spec: Any) -> None:
    shaped = played(spec)
    assert [info["verdict"] for info in shaped] == [info["verdict"] for info in PLAIN]
    assert [info["passed"] for info in shaped] == [info["passed"] for info in PLAIN]
    n = len(ANSWERS)
    for start in range(0, len(PLAIN), n):
        # Task 0 has one right answer in six, task 1 two: pass@2 is 1 - C(5,2)/C(6,2) = 1/3 and 1 - 6/15.
        right = [sum(info["passed"] for info in infos[start : start + n]) for infos in (PLAIN, shaped)]
        assert pass_at_k(n, right[0], 2) == pass_at_k(n, right[1], 2)
    assert sum(info["passed"] for info in PLAIN[:n]) == 1
    assert pass_at_k(n, 1, 2) == pytest.approx(1 / 3)


def test_no_reward_can_give_a_verdict() -> None:
    for spec in SPECS.values():
        reward = make_reward(spec)
        assert isinstance(reward, Reward)
        assert not any(isinstance(value, Verdict) for value in vars(reward).values())
    with pytest.raises(AttributeError):
        PASSED.verdict.status = Status.FAILED  # type: ignore[misc]


PASSED = Judged(Verdict(Status.PASSED, 1.0, Reason("x", "x"), WHO))


def test_the_audit_names_what_is_wrong() -> None:
    spec = {"sum": {"of": ["outcome", "format", {"length": {"cap": None}}, "dense"], "weights": [1, 0.5, 1, 0]}}
    found = audit(spec)
    # Passed: 1 + 0.5 + [-inf, 0] + 0. Failed: 0 + [0, 0.5] + [-inf, 0] + 0.
    assert found.ranges == ((-math.inf, 1.5), (-math.inf, 0.5))
    assert (found.unbounded, found.constant) == (("length",), ("dense",))
    assert (found.when_wrong, found.form_when_wrong) == (("format", "length"), ("format", "length"))
    assert len(found.problems) == 5
    assert "no bound" in found.problems[0]
    assert "a pass may be worth -inf and a fail 0.5" in found.problems[1]


def test_a_sound_reward_has_no_problems() -> None:
    found = audit("outcome")
    assert (found.problems, found.dominates, found.margin, found.range) == ((), True, 1.0, (0.0, 1.0))


def test_terms_that_did_nothing_in_a_run() -> None:
    rows = [{"outcome": 1.0, "bonus": 2.0}, {"outcome": 1.0, "bonus": 2.0}, {"outcome": 0.0, "bonus": 3.0}, {}]
    assert idle_terms(rows, ["a", "a", "b", "b"]) == ("bonus", "outcome")
    assert idle_terms([*rows, {"outcome": 1.0, "bonus": 3.0}], [*"aabbb"]) == ("bonus",)
    # A term that only some members of a group have is one that tells them apart.
    assert idle_terms([{"outcome": 0.0}, {"outcome": 0.0, "extra": 0.5}], ["a", "a"]) == ("outcome",)
