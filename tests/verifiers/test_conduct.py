"""`episode@1`: facts as whole tokens, refusals where they belong, and a state without what may change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import Status, make_verifier
from rlvr_gym.verifiers.conduct import refuses, remainder, tokens

JUDGE = make_verifier("episode@1")
STATE: dict[str, Any] = {"a": 1, "b": {"c": [1, 2]}, "seen": 0}


def say(text: str, wish: int = 0) -> dict[str, Any]:
    return {"name": "say", "arguments": {"text": text, "wish": wish}, "error": ""}


def reference(**changes: Any) -> dict[str, Any]:
    """One fact to tell, and everything else to leave as it is."""
    rest = remainder(STATE, [("seen",)])
    plain = {"goals": [], "tell": ["10"], "refuse": [], "rules": [], "rest": rest, "ignore": [["seen"]]}
    return {**plain, "most_calls": 2, "most_numbers": 3, **changes}


def told(text: str, fact: str) -> bool:
    verdict = JUDGE.verify("", reference(tell=[fact]), context={"log": [say(text)], "state": STATE})
    assert verdict.gradable
    return verdict.passed


@pytest.mark.parametrize(
    ("fact", "found", "missed"),
    [
        (
            "10",
            ["It is 10.", "10", "(10)", "$10!", "10.00", "010", "10,"],
            ["1000", "10.5", "110", "-10", "10-12", "x10"],
        ),
        (
            "42.50",
            ["42.50", "42.5 back", "€42.50.", "so=42.50;"],
            ["142.50", "42.501", "42,50", "4250", "42", "42.50/43"],
        ),
        ("1042.50", ["1,042.50", "1042.5"], ["1,0425.0", "10,42.50", "042.50"]),
        ("2031-05-06", ["due 2031-05-06."], ["2031-05-061", "2031-05", "6 May 2031", "2031/05/06"]),
        ("B-1042", ["b-1042", "(B-1042)"], ["B1042", "B-10422", "1042", "AB-1042"]),
    ],
)
def test_a_fact_is_a_whole_token(fact: str, found: list[str], missed: list[str]) -> None:
    assert [told(text, fact) for text in found] == [True] * len(found)
    assert [told(text, fact) for text in missed] == [False] * len(missed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I cannot do that.", True),
        ("I CAN'T.", True),
        ("We’re unable to.", True),
        ("That isn’t allowed.", True),
        ("This would not be possible.", True),
        ("It is against the rules.", True),
        ("You are not eligible.", True),
        ("Cannery, uncanny: done.", False),
        ("It is done.", False),
        ("", False),
    ],
)
def test_what_refuses(text: str, expected: bool) -> None:
    assert refuses(text) is expected


def test_a_refusal_counts_for_the_wish_that_is_talked_of() -> None:
    asked = reference(refuse=[1])
    for log, passed in (
        ([say("10"), say("I cannot.", 1)], True),
        ([say("10"), say("I cannot.", 0)], False),
        ([say("10 and I cannot.", True)], False),
        ([say("10", 1), say("Done.", 1)], False),
    ):
        assert JUDGE.verify("", asked, context={"log": log, "state": STATE}).passed is passed


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ({**STATE, "seen": 9}, True),
        ({"a": 1, "b": {"c": [1, 2]}}, True),
        ({**STATE, "a": 2}, False),
        ({**STATE, "b": {"c": [2, 1]}}, False),
        ({**STATE, "d": None}, False),
        ({"seen": 0}, False),
    ],
)
def test_nothing_else_may_change(state: Any, kept: bool) -> None:
    assert JUDGE.verify("", reference(), context={"log": [say("10")], "state": state}).passed is kept


def test_goals_are_records_and_no_part_of_the_rest() -> None:
    goal = {"at": ["b", "c"], "value": [1, 3]}
    asked = reference(goals=[goal], tell=[], rest=remainder(STATE, [("b", "c"), ("seen",)]))
    for value, passed in (([1, 3], True), ([1, 2], False), ([1, 3, 4], False), ([True, 3], False)):
        state = {**STATE, "b": {"c": value}}
        assert JUDGE.verify("", asked, context={"log": [], "state": state}).passed is passed
    assert not JUDGE.verify("", asked, context={"log": [], "state": {**STATE, "b": 7}}).passed


def test_guards_are_worth_nothing_alone() -> None:
    verdict = JUDGE.verify("", reference(refuse=[0]), context={"log": [say("I cannot.")], "state": STATE})
    assert (verdict.score, verdict.reason.code) == (0.0, "nothing_done")
    assert {part.passed for part in verdict.parts} == {False, None}


def test_the_dense_score_is_the_share_of_the_duties_times_that_of_the_guards() -> None:
    did = {"name": "cancel", "arguments": {"order": "O-1"}, "error": ""}
    rules = [
        {"kind": "before", "first": {"name": "user"}, "call": {"name": "cancel"}},
        {"kind": "never", "call": {"name": "pay"}},
        {"kind": "at_most", "call": {"name": "cancel"}, "count": 1},
    ]
    asked = reference(tell=["10", "11"], rules=rules)
    # One fact of two; where nothing is called, the rules are not put to the test: refusals, if any, and three guards.
    for log, score, untested in (
        ([say("10")], 1 / 2, {1, 2, 3}),
        ([did, say("10")], 1 / 2 * 4 / 5, {2}),  # the yes is missing; once, and the three guards
        ([did, did, say("10")], 1 / 2 * 3 / 5, {2}),
        ([{**did, "name": "pay"}, say("10")], 1 / 2 * 3 / 4, {1, 3}),
    ):
        verdict = JUDGE.verify("", asked, context={"log": log, "state": STATE})
        assert verdict.score == pytest.approx(score, abs=1e-12)
        found = {int(part.name.split()[1]) for part in verdict.parts if part.passed is None}
        assert found == untested


def test_facts_count_among_the_first_numbers_alone() -> None:
    asked = reference(tell=["10", "11"])
    for text, facts in (("1 10 2 11", [True, False]), ("1 2 3 10 11", [False, False]), ("1 1 01 10 11", [True, True])):
        verdict = JUDGE.verify("", asked, context={"log": [say(text)], "state": STATE})
        assert [part.passed for part in verdict.parts if part.name.startswith("fact")] == facts


def test_a_fact_may_have_to_wait_for_something() -> None:
    after = {"name": "user", "arguments": {"wish": 0, "told": True}}
    asked = reference(tell=[{"fact": "10", "after": after}])
    told = {"name": "user", "arguments": {"wish": 0, "told": True, "agreed": False}, "error": ""}
    other = {**told, "arguments": {"wish": 1, "told": True}}
    for log, passed in (
        ([told, say("10")], True),
        ([say("10"), told, say("10.0")], True),
        ([say("10"), told], False),
        ([say("10")], False),
        ([other, say("10")], False),
        ([{**told, "error": "unknown_tool"}, say("10")], False),
    ):
        assert JUDGE.verify("", asked, context={"log": log, "state": STATE}).passed is passed


@pytest.mark.parametrize("fact", [{"fact": "10"}, {"fact": "ten", "after": {"name": "x"}}, {"fact": "1", "after": {}}])
def test_what_is_no_fact_is_refused(fact: Any) -> None:
    verdict = JUDGE.verify("", reference(tell=[fact]), context={"log": [], "state": STATE})
    assert verdict.status is Status.REFERENCE_ERROR


def test_calls_are_counted_though_they_fail() -> None:
    fails = [{"name": name, "arguments": {}, "error": "unknown_tool"} for name in ("say", "user", "x")]
    for calls, passed in ((fails[:2], True), (fails, False)):
        assert JUDGE.verify("", reference(), context={"log": [*calls, say("10")], "state": STATE}).passed is passed


def test_a_verdict_does_not_quote_what_was_to_be_told() -> None:
    verdict = JUDGE.verify("", reference(tell=["77123"]), context={"log": [say("10")], "state": STATE})
    assert "77123" not in str(verdict.to_dict())


@pytest.mark.parametrize("context", [None, {}, {"log": []}, {"state": {}}, {"log": [], "state": []}])
def test_without_log_and_state_nothing_can_be_judged(context: Any) -> None:
    assert JUDGE.verify("10", reference(), context=context).status is Status.VERIFIER_ERROR


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(0, 99), st.text(" .,;:!?()$", max_size=5))
def test_an_amount_is_found_in_every_usual_spelling_and_never_in_its_neighbours(
    whole: int, cents: int, around: str
) -> None:
    fact = f"{whole}.{cents:02d}"
    for text in (fact, f"{whole:,}.{cents:02d}", f"0{fact}", f"{fact}0"):
        assert tokens(fact)[0] in tokens(f"{around} {text} {around}")
    for text in (f"1{fact}", f"{fact}1", f"{whole + 1}.{cents:02d}", f"-{fact}" if whole + cents else "1"):
        assert tokens(fact)[0] not in tokens(f"{around} {text} {around}")
