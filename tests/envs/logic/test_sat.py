"""Satisfiability: hidden values hold, signs do not give them away, and blind values earn what chance says."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.logic.sat import _HOLDING, SATEnv, SATTaskSet
from rlvr_gym.verifiers import ConfigError, make_verifier

examples = settings(max_examples=100, deadline=None, derandomize=True)
VERIFIER = make_verifier("sat@1")


def models(reference: Any) -> list[str]:
    """By trying all values, clause by clause, in another way than the verifier."""
    return [
        "".join(map(str, values))
        for values in itertools.product((0, 1), repeat=reference["variables"])
        if all(any(values[abs(lit) - 1] == int(lit > 0) for lit in clause) for clause in reference["clauses"])
    ]


@pytest.mark.parametrize("knobs", [{"variables": 6}, {"variables": 8, "literals": 2, "ratio": 150}, {"literals": 5}])
def test_exactly_the_models_pass(knobs: dict[str, int]) -> None:
    tasks = SATTaskSet(style="compact", **{"variables": 7, **knobs})  # type: ignore[arg-type]
    verifier = SATEnv.judge("compact")
    for index in range(4):
        task = tasks[index]
        right = models(task.reference)
        assert task.solution in right
        for values in map("".join, itertools.product("01", repeat=task.reference["variables"])):
            verdict = verifier.verify(values, task.reference)
            assert verdict.passed == (values in right)
            assert verdict.passed or verdict.score < 1


@pytest.mark.parametrize("knobs", [*SATEnv.card.levels, {"literals": 2, "ratio": 150}, {"literals": 4}])
def test_every_formula_is_as_it_is_said_to_be(knobs: dict[str, int]) -> None:
    tasks = SATTaskSet(**knobs)  # type: ignore[arg-type]
    for index in range(10):
        task = tasks[index]
        assert VERIFIER.verify(str(task.solution), task.reference).passed
        assert len(task.reference["clauses"]) == task.difficulty["clauses"]
        assert {len(clause) for clause in task.reference["clauses"]} == {task.difficulty["literals"]}


@pytest.mark.parametrize("literals", _HOLDING)
def test_the_signs_do_not_tell_the_values(literals: int) -> None:
    """Counted over 200 formulas: half of the literals hold, within 4 standard deviations of so many literals."""
    weights = _HOLDING[literals]
    assert sum(weights) == 1000
    assert 2 * sum(count * weight for count, weight in enumerate(weights, start=1)) == 1000 * literals
    tasks = SATTaskSet(literals=literals)
    problems = [tasks._problem(index) for index in range(200)]
    holding = [problem.values[abs(lit) - 1] == (lit > 0) for problem in problems for c in problem.clauses for lit in c]
    assert abs(sum(holding) / len(holding) - 0.5) < 4 * 0.5 / len(holding) ** 0.5


def test_blind_values_earn_no_more_than_the_card_says() -> None:
    """400 tasks; three standard deviations of room. With partial credit random values earn next to nothing."""
    tasks, draw = SATTaskSet(), random.Random(3)
    passed = {"zeros": 0, "ones": 0, "random": 0, "signs": 0}
    dense = dict.fromkeys(passed, 0.0)
    for index in range(400):
        reference = tasks[index].reference
        count = reference["variables"]
        seen = [
            sum((lit > 0) - (lit < 0) for c in reference["clauses"] for lit in c if abs(lit) == at + 1)
            for at in range(count)
        ]
        answers = {
            "zeros": "0" * count,
            "ones": "1" * count,
            "random": "".join(draw.choice("01") for _ in range(count)),
            "signs": "".join("01"[each > 0] for each in seen),
        }
        for policy, values in answers.items():
            verdict = VERIFIER.verify(f"<answer>{values}</answer>", reference)
            passed[policy] += verdict.passed
            dense[policy] += verdict.score / 400
    chance = SATEnv.card.chance
    assert max(passed.values()) / 400 <= chance + 3 * (chance / 400) ** 0.5
    assert max(dense[policy] for policy in ("zeros", "ones", "random")) < 0.03


def test_the_score_by_hand() -> None:
    """48 clauses of three literals: random values break 48 / 8 = 6 of them on average."""
    clauses = [[1, 2, 3]] * 48
    assert VERIFIER.verify("<answer>000</answer>", {"variables": 3, "clauses": clauses}).score == 0
    mixed = [[1, 2, 3], *[[-1, -2, -3]] * 47]  # 48 / 8 = 6 on average: one broken clause costs 3 / 6
    assert VERIFIER.verify("<answer>000</answer>", {"variables": 3, "clauses": mixed}).score == 0.5


def test_renamed_turned_and_reordered_formulas_share_a_side_of_the_split() -> None:
    tasks, draw = SATTaskSet(), random.Random(1)
    problem = tasks._problem(0)
    names = list(range(1, 13))
    draw.shuffle(names)
    signs = [draw.choice((1, -1)) for _ in names]
    clauses = [
        [names[abs(lit) - 1] * signs[abs(lit) - 1] * (1 if lit > 0 else -1) for lit in c] for c in problem.clauses
    ]
    draw.shuffle(clauses)
    assert tasks.split_key(problem._replace(clauses=clauses)) == tasks.split_key(problem)
    assert tasks.split_key(tasks._problem(1)) != tasks.split_key(problem)


@examples
@given(st.text(st.sampled_from("01 ,\n2x"), max_size=9))
def test_only_digits_in_their_number_are_read(text: str) -> None:
    verdict = VERIFIER.verify(f"<answer>{text}</answer>", {"variables": 3, "clauses": [[1, 2], [-3]]})
    digits = text.replace(" ", "").replace(",", "").replace("\n", "")
    readable = len(digits) == 3 and set(digits) <= set("01") and not text.strip().startswith(",")
    readable = readable and not text.strip().endswith(",")
    assert (verdict.status.value != "malformed") == readable


def test_blind_spots_are_as_stated() -> None:
    contradiction = {"variables": 1, "clauses": [[1], [-1]]}
    assert VERIFIER.check_reference(contradiction).ok
    assert VERIFIER.verify("<answer>01</answer>", {"variables": 2, "clauses": [[2]]}).passed
    assert VERIFIER.verify("a guess: <answer>11</answer>", {"variables": 2, "clauses": [[2]]}).passed


def test_refused_knobs() -> None:
    for knobs in ({"variables": 2}, {"ratio": 50}, {"literals": 6}, {"variables": 3, "literals": 4}):
        with pytest.raises(ConfigError):
            SATTaskSet(**knobs)  # type: ignore[arg-type]
