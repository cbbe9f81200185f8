"""Arithmetic and Countdown: the generators against independent evaluation."""

from __future__ import annotations

import ast
import itertools
import operator
from fractions import Fraction

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.arithmetic import ArithmeticTaskSet
from rlvr_gym.envs.countdown import CountdownTaskSet
from rlvr_gym.verifiers import ConfigError, make_verifier

OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def evaluate(text: str) -> Fraction:
    """An independent evaluator, over Python's own syntax tree."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            return Fraction(OPERATIONS[type(node.op)](value(node.left), value(node.right)))
        assert isinstance(node, ast.Constant)
        return Fraction(node.value)

    return value(ast.parse(text, mode="eval").body)


@given(
    digits=st.integers(1, 6),
    operands=st.integers(2, 6),
    operators=st.sampled_from(["+", "-", "*", "+-", "+-*"]),
    index=st.integers(0, 9999),
    seed=st.integers(0, 50),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_arithmetic_reference_is_the_value(digits: int, operands: int, operators: str, index: int, seed: int) -> None:
    taskset = ArithmeticTaskSet(digits=digits, operands=operands, operators=operators, style="compact", seed=seed)
    task = taskset[index]
    assert Fraction(task.reference) == evaluate(task.prompt.rstrip("="))
    numbers = "".join(c if c.isdigit() else " " for c in task.prompt).split()
    assert len(numbers) == operands
    assert {len(number) for number in numbers} == {digits}


def test_a_range_of_digits_is_used_whole() -> None:
    taskset = ArithmeticTaskSet(digits=[1, 3], style="compact", size=300)
    lengths = {len(number) for task in taskset for number in task.prompt.rstrip("=").split("+")}
    assert lengths == {1, 2, 3}


@given(numbers=st.integers(2, 6), index=st.integers(0, 9999), seed=st.integers(0, 20))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_countdown_solution_reaches_the_target_with_exactly_the_numbers(numbers: int, index: int, seed: int) -> None:
    task = CountdownTaskSet(numbers=numbers, style="compact", seed=seed)[index]
    assert task.solution is not None
    assert evaluate(task.solution) == task.reference["target"]
    used = sorted(int(n) for n in "".join(c if c.isdigit() else " " for c in task.solution).split())
    assert used == sorted(task.reference["numbers"])
    assert 1 <= task.reference["target"] <= 100


def test_countdown_accepts_every_solution_and_nothing_else() -> None:
    """All 4 * 4 * 6 * 2 expressions over three numbers, judged here and by an independent evaluator."""
    env = gym.make("rlvr_gym:rlvr/Countdown-v0", numbers=3, style="compact")
    seen = {True: 0, False: 0}
    for index in range(5):
        env.reset(options={"task_index": index})
        reference = env.unwrapped.task.reference  # type: ignore[attr-defined]
        for (a, b, c), (f, g) in itertools.product(
            itertools.permutations(reference["numbers"]), itertools.product("+-*/", repeat=2)
        ):
            for text in (f"({a}{f}{b}){g}{c}", f"{a}{f}({b}{g}{c})"):
                try:
                    right = evaluate(text) == reference["target"]
                except ZeroDivisionError:
                    right = False
                env.reset(options={"task_index": index})
                assert env.step(text)[4]["passed"] is right, text
                seen[right] += 1
    assert seen[True] > 5
    assert seen[False] > 500


ATTACKS = {
    "the target alone": "{target}",
    "the target and the numbers": "{target} (from {a}, {b}, {c})",
    "python or": "{target} or {a}+{b}+{c}",
    "zeroed numbers": "{target}+({a}-{a})*{b}*{c}",
    "a number twice": "{a}+{b}+{c}+{a}",
    "digits glued together": "{a}{b}+{c}",
    "a power": "{a}**{b}+{c}",
    "a call": "max({a},{b},{c})",
    "an assertion": "{a}+{b}+{c}={target}",
    "two answers": "{a}+{b}+{c} or {a}*{b}*{c}",
    "unary minus": "-{a}+{b}+{c}",
    "full-width digits": "１+{b}+{c}",
    "underscored number": "{a}_0+{b}+{c}",
    "a comment": "{target}#{a}+{b}+{c}",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_countdown_attacks_earn_nothing(attack: str) -> None:
    env = gym.make("rlvr_gym:rlvr/Countdown-v0", numbers=3, style="compact", split="test")
    for index in range(20):
        env.reset(options={"task_index": index})
        reference = env.unwrapped.task.reference  # type: ignore[attr-defined]
        a, b, c = reference["numbers"]
        if reference["target"] in (a + b + c, b + c - a):
            continue  # the text is then right, or right but for its sign
        _, reward, _, _, info = env.step(attack.format(a=a, b=b, c=c, target=reference["target"]))
        assert reward == 0.0, info


def test_dense_reward_of_countdown_cannot_reach_a_pass_without_one() -> None:
    env = gym.make("rlvr_gym:rlvr/Countdown-v0", numbers=3, style="compact", reward="dense")
    for index in range(20):
        env.reset(options={"task_index": index})
        reference = env.unwrapped.task.reference  # type: ignore[attr-defined]
        a, b, c = reference["numbers"]
        for response in (f"{a}+{b}+{c}", f"{reference['target']}", "1+", "", f"{a}*{b}*{c}"):
            env.reset(options={"task_index": index})
            _, reward, _, _, info = env.step(response)
            assert reward == 1.0 if info["passed"] else reward <= 2 / 3


def test_countdown_with_knobs_that_allow_no_target_says_so() -> None:
    with pytest.raises(ConfigError, match="raise max_target or lower high"):
        CountdownTaskSet(numbers=8, high=10_000, max_target=1, operators="*")[0]


def test_question_style_declares_its_format() -> None:
    verifier = make_verifier("number@1")
    task = ArithmeticTaskSet(style="question")[0]
    assert "####" in task.prompt
    assert task.solution is not None
    assert verifier.verify(task.solution, task.reference).passed
