"""Other golds, and records that can be compared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlvr_gym.envs.check.golds import SECRET, altered, marked
from rlvr_gym.envs.check.play import difference, plain
from rlvr_gym.verifiers import make_verifier

NUMBER, MATH, CODE = make_verifier("number@1"), make_verifier("math@1"), make_verifier("code@1")
TESTS = {
    "kind": "stdio",
    "tests": [
        {"stdin": "3\n", "stdout": "6\n", "public": True},
        {"stdin": "8\n", "stdout": "16\n", "public": False},
        {"stdin": "9\n", "stdout": "18\n"},
    ],
}


def test_digits_are_shifted() -> None:
    assert altered("490", "How many?", NUMBER) == ["501"]  # 4->5, 9->0, 0->1
    assert altered("-3,7", "Solve.", MATH) == ["-4,8"]


def test_what_the_prompt_shows_is_no_gold() -> None:
    assert altered("24", "Make 24.", NUMBER) == []
    countdown = {"numbers": [3, 5], "target": 8}
    assert altered(countdown, "Make 8 of 3 and 5.", make_verifier("countdown@1")) == []


def test_hidden_answers_of_tests_are_changed_and_public_ones_and_questions_are_not() -> None:
    [other] = altered(TESTS, "Double the number.", CODE)
    assert other["tests"] == [TESTS["tests"][0], {"stdin": "8\n", "stdout": "27\n", "public": False}, TESTS["tests"][2]]
    [secret] = marked(TESTS, "Double the number.", CODE)
    assert [test["stdout"] for test in secret["tests"]] == ["6\n", SECRET, "18\n"]
    assert TESTS["tests"][1]["stdout"] == "16\n"  # the original is as it was


def test_a_secret_is_put_where_a_program_has_a_number() -> None:
    reference = {"kind": "check", "entry_point": "f", "test": "def check(candidate):\n    assert candidate(1) == 42\n"}
    [secret] = marked(reference, "Write f.", CODE)
    assert secret["test"].endswith(f"candidate(1) == {SECRET}\n")


def test_a_gold_that_takes_no_secret_gives_none() -> None:
    assert marked({"code": "1621", "symbols": 6}, "digits from 1 to 6", make_verifier("mastermind@1")) == []
    assert altered({"code": "1621", "symbols": 6}, "digits from 1 to 6", make_verifier("mastermind@1")) == [
        {"code": "1261", "symbols": 6}  # shifted it has a 7, so reversed
    ]


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON)
def test_a_json_value_is_its_own_plain_copy(value: Any) -> None:
    assert plain(value) == value
    assert difference(plain(value), value) is None


@given(JSON, JSON)
def test_a_difference_is_found_exactly_where_values_differ(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (difference(one, other) is None) == same


@pytest.mark.parametrize(
    ("seen", "expected", "words"),
    [
        ([1, 2], [1, 3], "moment 1: 2 instead of 3"),
        ([1], [1, 3], "moment: [1] instead of [1, 3]"),
        ({"a": 1}, {}, "moment: 'a' is there, and should not be"),
        ({}, {"a": 1}, "moment: 'a' is missing"),
        ({"a": {"b": 1}}, {"a": {"b": True}}, "moment, a, b: 1 instead of True"),
        (1, 1.0, "moment: 1 instead of 1.0"),
    ],
)
def test_differences_have_a_place(seen: Any, expected: Any, words: str) -> None:
    assert difference(seen, expected, "moment") == words
