"""Right and wrong answers, read from tasks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlvr_gym.envs import Task
from rlvr_gym.envs.audit.attack import ANSWERS, Carrier
from rlvr_gym.envs.audit.golds import carriers_for, exact, names_of, own_carrier, plain, right_of, wrong_answers
from rlvr_gym.envs.audit.levels import binomial_tail, mean_tail, tasks_needed


@given(st.fractions(-1000, 1000, max_denominator=1000))
def test_a_number_is_read_as_it_was_written(value: Fraction) -> None:
    assert exact(plain(value)) == value


@given(st.fractions(-1000, 1000, max_denominator=16).map(plain))
def test_wrong_numbers_differ_from_the_right_one_and_from_each_other(right: str) -> None:
    wrong = wrong_answers(right, [])
    assert len({exact(right), *map(exact, wrong)}) == 1 + len(wrong) >= 4
    assert not {"0", "1", "-1"} & set(wrong)


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=5), max_size=3))
def test_wrong_answers_never_hold_the_right_one(right: str, others: list[str]) -> None:
    wrong = wrong_answers(right, others)
    assert right not in wrong
    assert len(wrong) == len(set(wrong)) >= 2


@pytest.mark.parametrize(
    ("private", "right"),
    [
        ({"reference": 4}, "4"),
        ({"reference": " 1,200 "}, "1,200"),
        ({"reference": {"answer": "x+1", "type": "expression"}}, "x+1"),
        ({"reference": {"numbers": [3, 4], "target": 7}, "solution": "<answer>3+4</answer>"}, "3+4"),
        ({"reference": {"kind": "stdio"}, "solution": "```python\nprint(1)\n```"}, "print(1)"),
        ({"reference": {"code": "3142"}}, ""),
        ({"reference": True}, ""),
    ],
)
def test_the_right_answer_of_a_task(private: dict[str, Any], right: str) -> None:
    assert right_of(Task.create("?", private)) == right


def test_a_solution_shows_its_own_declaration() -> None:
    assert own_carrier("Final: 7.", "7") == Carrier("solution", "Final: ", ".")
    assert own_carrier("7", "7") is None
    assert own_carrier("seven", "7") is None
    assert [c.name for c in carriers_for(False, Carrier("solution", "#### ", ""))] == [c.name for c in ANSWERS]
    assert carriers_for(True, None)[0].around("x = 1") == "```python\nx = 1\n```"


@pytest.mark.parametrize(
    ("reference", "prompt", "names"),
    [
        ({"kind": "calls", "entry_point": "area"}, "Write f.", ("area",)),
        ({"kind": "asserts", "names": ["a", "b"]}, "", ("a", "b")),
        (None, "def area(r):\n    ...", ("area",)),
        (None, "Print the sum.", ("f",)),
    ],
)
def test_the_functions_that_are_asked_for(reference: Any, prompt: str, names: tuple[str, ...]) -> None:
    task = None if reference is None else Task.create("?", {"reference": reference})
    assert names_of(task, prompt) == names


def test_tails_by_hand() -> None:
    # Three tosses: two or three heads in 4 of 8 cases; at least one six of two dice: 11/36.
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)
    assert binomial_tail(1, 2, 1 / 6) == pytest.approx(11 / 36)
    assert binomial_tail(3000, 10_000, 0.29) == pytest.approx(
        0.0144, abs=0.001
    )  # (3000 - 2900 - 0.5)/45.38 = 2.19 s.d.
    assert [binomial_tail(k, 4, p) for k, p in ((0, 0.0), (1, 0.0), (4, 1.0))] == [1.0, 0.0, 1.0]
    # All of n passes: KL(1 || p) = -log p, so the bound is p^n, which is exact.
    assert mean_tail(1.0, 4, 0.5) == pytest.approx(1 / 16)
    assert [mean_tail(m, 4, p) for m, p in ((0.2, 0.2), (0.1, 0.2), (0.1, 0.0))] == [1.0, 1.0, 0.0]
    assert [tasks_needed(p, 0.001) for p in (0.0, 0.1, 0.5)] == [1, 4, 10]


@given(st.integers(1, 40), st.floats(0.01, 0.9), st.data())
def test_the_bound_of_a_mean_is_never_below_the_exact_tail(n: int, p: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    assert mean_tail(k / n, n, p) >= binomial_tail(k, n, p) - 1e-9


@pytest.mark.parametrize(("chance", "alarm"), [(0.02, 1e-6), (0.3, 1e-3), (0.5, 1e-6)])
def test_with_the_tasks_that_are_needed_full_marks_are_no_luck(chance: float, alarm: float) -> None:
    n = tasks_needed(chance, alarm)
    assert binomial_tail(n, n, chance) < alarm <= binomial_tail(n - 1, n - 1, chance)
