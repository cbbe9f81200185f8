"""`state@1`: the final state part by part, what was to stay, and nothing for doing nothing."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import Status, make_verifier

JUDGE = make_verifier("state@1")
STOCK = {"columns": ["id", "price", "seen"], "rows": [[1, 20, "a"], [2, 35, "b"], [3, 35, "c"]]}
BEFORE = {"db": {"stock": STOCK, "people": {"columns": ["id"], "rows": [[1]]}}, "files": {"a": "x", "b": "y"}}


def after(**changes: Any) -> dict[str, Any]:
    """`BEFORE` with other rows of the stock, or other files."""
    state = copy.deepcopy(BEFORE)
    if "rows" in changes:
        state["db"]["stock"]["rows"] = changes["rows"]
    if "files" in changes:
        state["files"] = changes["files"]
    return state


CHANGED = [[1, 20, "a"], [2, 40, "b"], [3, 40, "c"]]
PRICES = {"initial": BEFORE, "state": {"db": {"stock": after(rows=CHANGED)["db"]["stock"]}}, "forbidden": [[]]}


def judged(reference: Any, state: Any, response: str = "done") -> tuple[str, float]:
    verdict = JUDGE.verify(response, reference, context={"state": state})
    return verdict.reason.code, verdict.score


@pytest.mark.parametrize(
    ("state", "code", "score"),
    [
        (after(rows=CHANGED), "reached", 1.0),
        (after(rows=CHANGED[::-1]), "reached", 1.0),
        (BEFORE, "wrong_state", 0.0),
        # Wanted: two rows gone and two there; one of each is two of four.
        (after(rows=[[1, 20, "a"], [2, 40, "b"], [3, 35, "c"]]), "wrong_state", 0.5),
        # All wanted, but of what was to stay one row did not.
        (after(rows=[[1, 40, "a"], *CHANGED[1:]]), "forbidden_change", 0.0),
        # Both copies of a row count: twice there is not once there. Three of four wanted, nothing else amiss.
        (after(rows=[*CHANGED, CHANGED[2]]), "wrong_state", 0.75),
        (after(rows=CHANGED, files={"a": "x", "b": "z"}), "forbidden_change", 0.0),
        (after(rows=CHANGED, files={"a": "x"}), "forbidden_change", 0.0),
        (after(rows=CHANGED, files={"a": "x", "b": "y", "c": ""}), "forbidden_change", 0.0),
        ({}, "forbidden_change", 0.0),
        ({"db": {"stock": None}}, "forbidden_change", 0.0),
        ("nothing", "forbidden_change", 0.0),
    ],
)
def test_a_table_is_judged_row_by_row(state: Any, code: str, score: float) -> None:
    assert judged(PRICES, state) == (code, score)


def test_a_column_that_is_ignored_may_change_and_one_that_is_forbidden_may_not() -> None:
    seen = after(rows=[[1, 20, "z"], [2, 40, "b"], [3, 40, "z"]])
    assert judged(PRICES, seen)[0] != "reached"
    assert judged({**PRICES, "ignore": [["db", "stock", "seen"]]}, seen) == ("reached", 1.0)
    answer = {"answer": 7, "initial": BEFORE, "forbidden": [["db", "stock", "price"]]}
    assert judged(answer, after(rows=[[1, 20, "z"], *STOCK["rows"][1:]]), "7") == ("reached", 1.0)
    assert judged(answer, after(rows=CHANGED), "7") == ("forbidden_change", 0.0)


def test_files_that_come_go_and_change() -> None:
    reference = {"initial": BEFORE, "state": {"files": {"c": "x"}}, "absent": [["files", "a"]], "forbidden": [[]]}
    assert judged(reference, after(files={"b": "y", "c": "x"})) == ("reached", 1.0)
    assert judged(reference, after(files={"a": "x", "b": "y", "c": "x"})) == ("wrong_state", 0.5)
    assert judged(reference, after(files={"c": "x"})) == ("forbidden_change", 0.0)
    assert judged(reference, BEFORE) == ("wrong_state", 0.0)


def test_values_of_different_types_are_different() -> None:
    for value in (1.0, True, "1", None, [1]):
        assert judged({"initial": {"n": 0}, "state": {"n": 1}}, {"n": value}) == ("wrong_state", 0.0)


def test_an_answer_and_a_state_are_both_wanted() -> None:
    reference = {"initial": {"n": 0}, "state": {"n": 1}, "answer": 10}
    assert judged(reference, {"n": 1}, "10") == ("reached", 1.0)
    assert judged(reference, {"n": 1}, "1000") == ("wrong_answer", 0.5)
    assert judged(reference, {"n": 0}, "10") == ("wrong_state", 0.5)
    assert judged(reference, {"n": 1}, "") == ("no_marker", 0.5)


@pytest.mark.parametrize("context", [None, {}, {"log": []}])
def test_without_a_state_nobody_is_judged(context: Any) -> None:
    verdict = JUDGE.verify("done", PRICES, context=context)
    assert (verdict.status, verdict.reason.code) == (Status.VERIFIER_ERROR, "no_state")
    assert JUDGE.verify("7", {"answer": 7}, context=context).passed  # none is needed


def test_what_is_told_never_quotes_what_was_expected() -> None:
    reference = {"initial": {"n": 0}, "state": {"n": "SECRET"}, "absent": [["SECRET"]], "answer": "SECRET"}
    for response in ("x", "", "<answer>"):
        assert "SECRET" not in str(JUDGE.verify(response, reference, context={"state": {"SECRET": 1}}).to_dict())


@pytest.mark.parametrize("depth", [40, 100_000])
def test_states_of_any_shape_are_judged(depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    assert judged(PRICES, {"db": deep})[0] == "forbidden_change"
    assert not JUDGE.check_reference({"initial": {"a": 1}, "state": {"a": deep}}).ok
    assert judged(PRICES, {"db": {"stock": {"columns": [{1}], "rows": [[{1}]]}}})[0] == "forbidden_change"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text("ab", max_size=1),
    lambda items: st.lists(items, max_size=2) | st.dictionaries(st.sampled_from("abc"), items, max_size=3),
    max_leaves=6,
)
WORLD = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(before=WORLD, wanted=WORLD, left=WORLD)
def test_the_expected_state_passes_the_initial_one_earns_nothing(before: Any, wanted: Any, left: Any) -> None:
    reference = {"initial": before, "state": wanted, "forbidden": [[]]}
    if not JUDGE.check_reference(reference).ok:
        return
    assert judged(reference, before)[1] == 0.0
    verdict = JUDGE.verify("", reference, context={"state": left})
    assert verdict.gradable
    assert verdict.passed is (verdict.score == 1.0)


PAGE = Path(__file__).resolve().parents[2] / "docs" / "verifiers" / "state.md"
EXAMPLES = re.findall(r"^\| `(.*)` \| `(.*)` \| (\w+) \| (\w+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("response", "answer", "status", "reason"), EXAMPLES)
def test_every_example_of_the_page_is_true(response: str, answer: str, status: str, reason: str) -> None:
    verdict = JUDGE.verify(response, {"answer": int(answer) if answer.isdigit() else answer})
    assert (verdict.status.value, verdict.reason.code) == (status, reason)


def test_the_examples_were_found() -> None:
    assert len(EXAMPLES) == 10
