"""Chains of equations: against numbers that are put in; repeating, wandering and guessing are worth nothing."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.logic.equation_chain import EquationChainEnv, EquationChainTaskSet
from rlvr_gym.verifiers import ConfigError, Verdict, make_verifier
from rlvr_gym.verifiers.logic.polynomial import PolynomialError, parse_polynomial, write_polynomial

examples = settings(max_examples=100, deadline=None, derandomize=True)
VERIFIER = make_verifier("equations@1")
KNOBS: list[dict[str, Any]] = [*map(dict, EquationChainEnv.card.levels), {"kind": "simplify", "fractions": True}]


def judged(lines: list[str], reference: Any) -> Verdict:
    return VERIFIER.verify("<answer>" + "\n".join(lines) + "</answer>", reference)


def value(text: str, x: Fraction) -> Fraction:
    """An evaluator of its own: brackets inside out, then powers, products and sums by patterns; fractions as `a/b`."""
    text = re.sub(r"(?<=[0-9x)])\s*(?=[x(])", "*", text).replace("x", f"({x})").replace(" ", "")
    while (inner := re.search(r"\(([^()]*)\)", text)) is not None:
        text = f"{text[: inner.start()]}[{flat(inner[1])}]{text[inner.end() :]}"
    return flat(text)


def flat(text: str) -> Fraction:
    atom = r"(?:\[-?\d+(?:/\d+)?\]|\d+)"
    total = Fraction(0)
    for sign, product in re.findall(rf"([+-]?)({atom}(?:\^\d+|[*/]{atom})*)", text):
        part, operator = Fraction(1), "*"
        for piece in re.findall(rf"{atom}\^\d+|{atom}|[*/]", product):
            if piece in "*/":
                operator = piece
                continue
            base, _, power = piece.partition("^")
            number = Fraction(base.strip("[]")) ** int(power or 1)
            part = part * number if operator == "*" else part / number
        total += -part if sign == "-" else part
    return total


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
@pytest.mark.parametrize("style", ["question", "compact"])
def test_solutions_pass_and_hold_when_they_are_put_in(style: str, knobs: dict[str, Any]) -> None:
    tasks = EquationChainTaskSet(style=style, **knobs)
    for index in range(15):
        task = tasks[index]
        verdict = EquationChainEnv.judge(style).verify(str(task.solution), task.reference)
        assert (verdict.passed, verdict.score) == (True, 1.0)
        last = str(task.solution).replace("\n</answer>", "").split("\n")[-1]
        if "simplify" in task.reference:
            for x in (Fraction(0), Fraction(1), Fraction(-7, 3)):
                assert value(last, x) == value(task.reference["simplify"], x)
            continue
        left, right = task.reference["solve"].split("=")
        roots = [Fraction(each.split("=")[1].strip()) for each in last.split("or")]
        assert len(set(roots)) == (2 if knobs.get("kind") == "quadratic" else 1)
        assert all(value(left, root) == value(right, root) for root in roots)


def lines_of(index: int, **knobs: Any) -> tuple[list[str], dict[str, str]]:
    task = EquationChainTaskSet(**knobs)[index]
    return str(task.solution).split("\n")[1:-1], task.reference


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_the_score_grows_along_a_chain_and_stays_below_one(knobs: dict[str, Any]) -> None:
    for index in range(10):
        lines, reference = lines_of(index, **knobs)
        scores = [judged(lines[:count], reference).score for count in range(1, len(lines) + 1)]
        assert scores == sorted(scores)
        assert scores[-1] == 1.0
        assert max(scores[:-1], default=0.0) < 1.0


def test_repeating_and_wandering_is_worth_nothing() -> None:
    for index in range(20):
        lines, reference = lines_of(index)
        given_ = reference["solve"]
        left, right = given_.split(" = ")
        assert judged([given_] * 60, reference).score == 0.0
        assert judged([given_, f"{left} + 1 = {right} + 1", given_] * 20, reference).score == 0.0
        assert judged([f"{left} + {n} = {right} + {n}" for n in range(1, 60)], reference).score == 0.0
        for count in (1, 2, 3):
            bare = judged(lines[:count], reference).score
            assert judged(lines[:count] * 1 + [lines[count - 1]] * 50, reference).score == bare
            assert judged([*lines[:count], f"{lines[count - 1]} + 0"], reference).score <= bare


def test_a_guess_after_the_given_line_is_worth_nothing() -> None:
    for index in range(30):
        lines, reference = lines_of(index)
        for guess in (
            ["x = 1"],
            [reference["solve"], "x = 0"],
            [reference["solve"], lines[-1]],
            [lines[-1]],
            ["0 = 0"],
        ):
            verdict = judged(guess, reference)
            assert (verdict.passed, verdict.score) == (False, 0.0)


def test_nothing_after_the_first_bad_line_counts() -> None:
    lines, reference = lines_of(0)
    verdict = judged([lines[0], "x = 123456", *lines[1:]], reference)
    assert verdict.score == judged(lines[:1], reference).score < 1
    assert [part.passed for part in verdict.parts] == [True] + [False] * len(lines)


def test_the_shares_of_the_lines_are_those_of_the_work() -> None:
    reference = {"solve": "3(x - 2) = x + 4"}  # work 4: a bracket, x on both sides, a number beside x, a factor
    chain = ["3x - 6 = x + 4", "2x - 6 = 4", "2x = 10", "x = 5"]
    assert [part.score for part in judged(chain, reference).parts] == [0.25] * 4
    assert [judged(chain[:count], reference).score for count in (1, 2, 3)] == [0.25, 0.5, 0.75]


REFUSED = {
    "0 = 0": "multiplied by zero",
    "0(3(x - 2)) = 0(x + 4)": "the same in disguise",
    "3x - 6 + x = x + 4": "one side alone",
    "3x - 6 + x = x + 4 - x": "different terms",
    "9x - 18 = 2x + 8": "different factors",
    "2x = 10": "two things at once",
    "x = 5": "all at once",
    "6x - 12 - 2x = 8": "a factor and a term",
}


@pytest.mark.parametrize("line", REFUSED)
def test_steps_that_do_not_follow(line: str) -> None:
    verdict = judged([line], {"solve": "3(x - 2) = x + 4"})
    assert (verdict.reason.code, verdict.score) == ("wrong_line", 0.0)


@pytest.mark.parametrize(
    "line",
    ["3x - 6 - x = 4", "x + 4 = 3(x - 2)", "6(x - 2) = 2x + 8", "x - 2 = (x + 4)/3", "x^2 + 3x - 6 = x^2 + x + 4"],
)
def test_steps_that_follow(line: str) -> None:
    assert judged([line], {"solve": "3(x - 2) = x + 4"}).reason.code == "not_solved"


def test_a_root_is_neither_lost_nor_won() -> None:
    reference = {"solve": "x^2 = 5x"}
    assert judged(["x = 0 or x = 5"], reference).passed
    for line in ("x = 5", "x = 5 or x = 5", "x = 0 or x = 4", "x(x - 5)(x - 1) = 0", "x^3 = 5x^2"):
        assert judged([line], reference).score == 0.0, line
    assert judged(["x - 5 = 0 or x = 0", "x = 5 or x = 0"], reference).passed
    assert not judged(["x - 5 = 0 or x = 0", "x = 0 or x = 5"], reference).passed  # in their places


@examples
@given(st.lists(st.fractions(-9, 9, max_denominator=9), max_size=4))
def test_polynomials_are_read_as_they_were_written(coefficients: list[Fraction]) -> None:
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    whole = tuple(each.numerator if each.denominator == 1 else each for each in coefficients)
    for space in (" ", ""):
        assert parse_polynomial(write_polynomial(whole, space)).value == tuple(coefficients)


@examples
@given(st.text(st.sampled_from("x0123+-*/^() "), max_size=20))
def test_what_is_read_has_the_value_that_numbers_give(text: str) -> None:
    try:
        read = parse_polynomial(text)
    except PolynomialError:
        return
    if re.search(r"[-+*/^(]\s*[-+]|\)\s*\d|^\s*[-+]", text):
        return  # not for the simple evaluator of this test
    for x in (Fraction(3), Fraction(-1, 2)):
        assert value(text, x) == sum((each * x**at for at, each in enumerate(read.value)), Fraction(0))


@pytest.mark.parametrize(
    "text", ["", "1/2x", "x/0", "1/x", "x^0", "x^-1", "x^9", "2 3", "x2", "x(x+1)", "y", "(x", "1.5"]
)
def test_what_is_no_polynomial_is_refused(text: str) -> None:
    with pytest.raises(PolynomialError):
        parse_polynomial(text)


def test_blind_spots_are_as_stated() -> None:
    assert judged(["4x - 6"], {"simplify": "3(x - 2) + x"}).passed  # in one line
    lines, reference = lines_of(1)
    assert judged([reference["solve"]] * 30 + lines, reference).passed  # idle lines
    assert not judged(["2x = 10", "x = 5"], {"solve": "3x - 6 = x + 4"}).passed  # two things at once, and true
    assert judged(["2y = 10"], {"solve": "2x = 10"}).status.value == "malformed"


def test_problems_differ_and_swapped_ones_share_a_side_of_the_split() -> None:
    tasks = EquationChainTaskSet()
    assert len({tasks[index].id for index in range(500)}) == 500
    problem = tasks._problem(0)
    draw = random.Random(1)
    other = problem._replace(sides=tuple(tuple(draw.sample(side, len(side))) for side in problem.sides[::-1]))
    assert tasks.split_key(other) == tasks.split_key(problem)


def test_refused_knobs() -> None:
    for knobs in (
        {"kind": "cubic"},
        {"brackets": 5},
        {"kind": "simplify", "brackets": 0},
        {"high": 1},
        {"fractions": 1},
    ):
        with pytest.raises(ConfigError):
            EquationChainTaskSet(**knobs)  # type: ignore[arg-type]
