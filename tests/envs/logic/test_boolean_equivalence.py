"""Equivalent formulas: an evaluator of its own agrees row by row; copies and blind formulas are worth nothing."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.logic.boolean_equivalence import (
    _LANGUAGES,
    BooleanEquivalenceEnv,
    BooleanEquivalenceTaskSet,
)
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.logic.formula import columns, parse_formula, table, write_formula

examples = settings(max_examples=80, deadline=None, derandomize=True)
VERIFIER = make_verifier("boolean@1")
RULES: list[tuple[str, Any]] = [
    (r"~([01])", lambda m: str(1 - int(m[1]))),
    (r"([01])&([01])", lambda m: str(int(m[1]) & int(m[2]))),
    (r"([01])nand([01])", lambda m: str(1 - (int(m[1]) & int(m[2])))),
    (r"([01])\^([01])", lambda m: str(int(m[1]) ^ int(m[2]))),
    (r"([01])v([01])", lambda m: str(int(m[1]) | int(m[2]))),
    (r"([01])->([01])(?!->)(?!&|\^|v|nand)", lambda m: str(int(m[2]) | (1 - int(m[1])))),
    (r"([01])<->([01])", lambda m: str(int(m[1] == m[2]))),
    (r"\(([01])\)", lambda m: m[1]),
]


def value(text: str, row: dict[str, int]) -> int:
    """By rewriting the text: the first rule that fits in the innermost brackets, until a digit is left."""
    for atom, bit in row.items():
        text = re.sub(rf"\b{atom}\b", str(bit), text)
    text = text.replace(" ", "")
    while len(text) > 1:
        inner = re.search(r"\([^()]*\)", text)
        part = inner[0][1:-1] if inner else text
        for pattern, made in RULES:
            done = re.sub(pattern, made, part, count=1)
            if done != part:
                break
        text = text.replace(f"({part})", done if len(done) == 1 else f"({done})", 1) if inner else done
        if inner and len(part) == 1:
            text = text.replace(f"({part})", part, 1)
    return int(text)


def rows(reference: dict[str, Any], count: int) -> list[dict[str, int]]:
    return [dict(zip("abcdef"[:count], bits, strict=True)) for bits in itertools.product((0, 1), repeat=count)]


@pytest.mark.parametrize("ask", _LANGUAGES)
@pytest.mark.parametrize("style", ["question", "compact"])
def test_answers_have_the_value_of_the_given_formula_in_every_row(style: str, ask: str) -> None:
    tasks = BooleanEquivalenceTaskSet(ask=ask, variables=3, connectives=3, style=style)
    for index in range(8):
        task = tasks[index]
        verdict = BooleanEquivalenceEnv.judge(style).verify(str(task.solution), task.reference)
        assert (verdict.passed, verdict.score) == (True, 1.0)
        answer = str(task.solution).replace("<answer>", "").replace("</answer>", "")
        given_ = task.reference["formula"]
        assert given_ in task.prompt
        for row in rows(task.reference, 3):
            spaced = [write_formula(parse_formula(text)) for text in (answer, given_)]
            assert value(spaced[0], row) == value(spaced[1], row), (spaced, row)


@pytest.mark.parametrize("knobs", BooleanEquivalenceEnv.card.levels, ids=str)
def test_copies_and_blind_formulas_are_worth_nothing(knobs: dict[str, Any]) -> None:
    tasks = BooleanEquivalenceTaskSet(**knobs)
    for index in range(25):
        task = tasks[index]
        reference = task.reference
        assert VERIFIER.verify(str(task.solution), reference).passed
        atoms = "abcdef"[: knobs["variables"]]
        blind = [*atoms, "a nand a", "a nand (a nand a)", "~(a & ~a)", "~a", "a v ~a", "a & ~a", "~(a -> a)"]
        blind += [reference["formula"], f"({reference['formula']})", f"{atoms[-1]} nand {atoms[-1]}"]
        for answer in blind:
            verdict = VERIFIER.verify(f"<answer>{answer}</answer>", reference)
            assert (verdict.passed, verdict.score) == (False, 0.0), answer


@pytest.mark.parametrize("knobs", BooleanEquivalenceEnv.card.levels, ids=str)
def test_formulas_depend_on_every_variable(knobs: dict[str, Any]) -> None:
    tasks = BooleanEquivalenceTaskSet(**knobs)
    atoms = "abcdef"[: knobs["variables"]]
    for index in range(20):
        formula = parse_formula(tasks[index].reference["formula"])
        for atom in atoms:
            outcomes = []
            for bit in (0, 1):
                held = dict(columns(atoms))
                full = (1 << (1 << len(atoms))) - 1
                held[atom] = full * bit
                outcomes.append(table(formula, held, full))
            assert outcomes[0] != outcomes[1]


def test_no_function_is_asked_for_often() -> None:
    """The card says 0.5 % of 5,000; of 1,000 that leaves room up to 1.2 %, four standard deviations."""
    tasks = BooleanEquivalenceTaskSet()
    functions = [tasks._problem(index).column for index in range(1000)]
    assert max(map(functions.count, set(functions))) <= 12
    assert len({tasks[index].id for index in range(400)}) == 400


def test_the_score_by_hand() -> None:
    """a & b & c holds in 1 of 8 rows, so b = 7: any answer that is not right has at most 7, and scores 0."""
    reference = {"formula": "a & b & c", "operators": ["nand"]}
    assert VERIFIER.verify("<answer>a nand (b nand c)</answer>", reference).score == 0
    # a ^ b: every constant and literal has 2 of 4 rows, so b = 2; a nand b differs in one row, (3 - 2) / (4 - 2).
    assert VERIFIER.verify("<answer>a nand b</answer>", {"formula": "a ^ b", "operators": ["nand"]}).score == 0.5


def test_renamed_formulas_share_a_side_of_the_split() -> None:
    tasks = BooleanEquivalenceTaskSet()
    problem = tasks._problem(5)

    def renamed(formula: Any) -> Any:
        if isinstance(formula, str):
            return {"a": "c", "c": "b", "b": "a"}.get(formula, formula)
        return (formula[0], *map(renamed, formula[1:]))

    other = renamed(problem.given)
    column = table(other, columns("abcd"), (1 << 16) - 1)
    assert tasks.split_key(problem._replace(given=other, column=column)) == tasks.split_key(problem)


@examples
@given(st.text(st.sampled_from("abcv&~->()^ nd<F"), max_size=40))
def test_any_text_is_judged(text: str) -> None:
    verdict = VERIFIER.verify(f"<answer>{text}</answer>", {"formula": "a -> b & c", "operators": ["nand"]})
    assert verdict.gradable
    assert verdict.score < 1 or verdict.passed


def test_blind_spots_are_as_stated() -> None:
    reference = {"formula": "a <-> b", "form": "cnf", "operators": ["~", "&", "v"]}
    clauses = "(~a v b) & (a v ~b)"
    assert VERIFIER.verify(f"<answer>{clauses} & (a v ~a) & {clauses}</answer>", reference).passed
    long = " & ".join([clauses] * 50)
    assert VERIFIER.verify(f"<answer>{long}</answer>", reference).passed
    table_ = "a & b v ~a & ~b"
    assert VERIFIER.verify(f"<answer>{table_}</answer>", {**reference, "form": "dnf"}).passed


def test_refused_knobs() -> None:
    for knobs in ({"ask": "nor"}, {"variables": 1}, {"variables": 7}, {"connectives": 2}, {"connectives": 13}):
        with pytest.raises(ConfigError):
            BooleanEquivalenceTaskSet(**knobs)  # type: ignore[arg-type]
