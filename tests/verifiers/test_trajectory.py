"""`trajectory@1`: each kind of rule on literal logs, and what is no log or no rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError, Status, make_verifier
from rlvr_gym.verifiers.trajectory import read_rules

JUDGE = make_verifier("trajectory@1")


def call(name: str, error: str = "", **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments, "error": error, "text": ""}


A, B, C = call("a"), call("b"), call("c")
FAILED_A = call("a", "tool_error")
OTHER_A = {**A, "text": "another result"}
BUDGET = {"kind": "at_most", "call": {"failed": True}, "count": 2}
REPEATS = {"kind": "at_most_repeats", "call": {}, "count": 0}
BEFORE = {"kind": "before", "first": {"name": "a"}, "call": {"name": ["b", "c"]}}


@pytest.mark.parametrize(
    ("rule", "holds", "broken"),
    [
        (BEFORE, [[], [A], [A, B], [A, B, C, A], [call("d"), A, C], [A, FAILED_A, B]], [[B], [B, A], [FAILED_A, B]]),
        ({"kind": "never", "call": {"name": "a"}}, [[], [B], [FAILED_A]], [[A], [B, A]]),
        ({"kind": "never", "call": {"name": "a", "failed": True}}, [[], [B]], [[A], [FAILED_A]]),
        ({"kind": "at_most", "call": {"name": "a"}, "count": 1}, [[], [A], [A, FAILED_A, B]], [[A, A], [A, B, A]]),
        ({"kind": "at_least", "call": {"name": ["a", "b"]}, "count": 2}, [[A, A], [A, C, B]], [[], [A], [A, FAILED_A]]),
        (
            {"kind": "at_most", "call": {"failed": True}, "count": 2},
            [[], [A, B], [A, FAILED_A]],
            [[A, B, C], [FAILED_A] * 3],
        ),
        (REPEATS, [[], [A, B], [A, FAILED_A], [A, OTHER_A], [call("a", n=1), call("a", n=True)]], [[A, A], [A, B, A]]),
        (REPEATS, [[call("a", n=[1]), call("a", n=[2])]], [[call("a", n=[1]), call("a", n=[1.0])]]),
        ({**REPEATS, "count": 1}, [[A, A], [A, B, A, C]], [[A, A, A], [A, A, B, B]]),
    ],
)
def test_each_kind_of_rule(rule: dict[str, Any], holds: list[Any], broken: list[Any]) -> None:
    [read] = read_rules([rule])
    assert [read.holds(log) for log in holds] == [True] * len(holds)
    assert [read.holds(log) for log in broken] == [False] * len(broken)


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [
        ({}, {"n": 1}, True),
        ({"n": 1}, {"n": 1, "m": 2}, True),
        ({"n": 1}, {"n": 1.0}, True),
        ({"n": 1}, {"n": True}, False),
        ({"n": 1}, {"n": "1"}, False),
        ({"n": 1}, {}, False),
        ({"n": None}, {}, False),
        ({"n": [1, {"a": "x"}]}, {"n": [1, {"a": "x"}]}, True),
        ({"n": [1, {"a": "x"}]}, {"n": [1, {"a": "x", "b": 0}]}, False),
        ({"n": [1]}, {"n": 1}, False),
    ],
)
def test_named_arguments_must_have_the_value_and_others_are_free(wanted: Any, given: Any, fits: bool) -> None:
    reference = {"rules": [{"kind": "at_least", "call": {"name": "f", "arguments": wanted}, "count": 1}]}
    assert JUDGE.verify("", reference, context={"log": [call("f", **given)]}).passed is fits


def test_the_score_is_the_share_of_rules_and_nothing_for_what_is_not_done() -> None:
    once = {"kind": "at_least", "call": {"name": "b"}, "count": 1}
    reference = {"rules": [BEFORE, once, {"kind": "never", "call": {"name": "c"}}]}
    logs = ([A, B], [B], [B, C], [A], [])
    verdicts = [JUDGE.verify("", reference, context={"log": log}) for log in logs]
    assert [verdict.score for verdict in verdicts] == [1.0, 2 / 3, 1 / 3, 0.0, 0.0]
    assert [part.passed for part in verdicts[3].parts] == [None, False, None]


@pytest.mark.parametrize("context", [None, {}, {"log": "none"}, {"log": [["a"]]}, {"log": [{"name": "a"}]}])
def test_without_a_log_nothing_can_be_judged_and_the_response_is_not_read(context: Any) -> None:
    reference = {"rules": [{"kind": "at_least", "call": {"name": "a"}, "count": 1}]}
    log = '[{"name": "a", "arguments": {}, "error": ""}]'
    assert JUDGE.verify(log, reference, context=context).status is Status.VERIFIER_ERROR
    assert make_verifier("trajectory@1", source="response").verify(log, reference, context=context).passed


def test_there_are_two_sources() -> None:
    with pytest.raises(ConfigError, match="context, response"):
        make_verifier("trajectory@1", source="policy")


names = st.sampled_from("abc")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.tuples(names, st.sampled_from(["", "tool_error"])), max_size=8))
def test_before_holds_exactly_where_the_first_good_a_precedes_the_first_good_b(calls: list[tuple[str, str]]) -> None:
    good = "".join(name for name, error in calls if not error)
    [rule] = read_rules([{"kind": "before", "first": {"name": "a"}, "call": {"name": "b"}}])
    assert rule.holds([call(*each) for each in calls]) is ("b" not in good or "a" in good.partition("b")[0])
