"""What each type of reference accepts and refuses, the policies, the guards, and overriding the type."""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.errors import ConfigError
from rlvr_gym.verifiers.math import TYPES
from rlvr_gym.verifiers.math.answer import read
from rlvr_gym.verifiers.math.compare import type_of

VERIFIER = make_verifier("math@1")

# reference: (type, answers that pass, answers that do not)
CASES: dict[str, tuple[str, list[str], list[str]]] = {
    "12": (
        "integer",
        ["12.0", "+12", r"\frac{24}{2}", "3*4", r"12\text{ apples}", "x=12", "1.2e1", "twelve"],
        ["12.5"],
    ),
    r"\frac{7}{3}": ("rational", ["7/3", r"2\frac13", r"\frac{-7}{-3}", r"2.\overline{3}"], ["2.33", "2.3333", "-7/3"]),
    "2.67": ("decimal", ["2.670", "267/100", r"\frac83"], ["2.671", r"\frac{2671}{1000}", "2.7"]),
    "0.5": ("decimal", [".5", "1/2", r"50\%"], ["0.46", r"\frac{23}{50}", "50"]),
    r"\frac{\sqrt3}{2}": (
        "real",
        [r"\frac{3}{2\sqrt3}", r"\sqrt{\frac34}", r"\sqrt3/2"],
        ["0.866", r"\frac{\sqrt3}{-2}"],
    ),
    r"\sqrt3+\sqrt5": ("real", [r"\sqrt{8+2\sqrt{15}}", r"\frac{2}{\sqrt5-\sqrt3}"], [r"\sqrt{8}", r"\sqrt5-\sqrt3"]),
    "3+4i": ("complex", ["4i+3", r"\frac{25}{3-4i}"], ["3-4i", "5", "(3,4)"]),
    "x^2-1": (
        "expression",
        ["(x-1)(x+1)", r"\frac{x^4-1}{x^2+1}", "y=x^2-1", "f(x)=x^2-1"],
        ["1-x^2", "t^2-1", "x=x^2-1"],
    ),
    r"\sin 2x": ("expression", [r"2\sin x\cos x", r"-\sin(-2x)"], [r"\sin^2 x", r"2\sin x"]),
    "3,5,7": (
        "list",
        ["7, 5, 3", r"\{3,5,7\}", r"3 \text{ and } 5 \text{ and } 7", "x=3,5,7"],
        ["3,5", "3,5,7,7", "(3,5,7)", "357"],
    ),
    r"1\pm\sqrt2": ("list", [r"1+\sqrt2, 1-\sqrt2", r"x=1\pm\sqrt{2}"], [r"1+\sqrt2", r"\pm1+\sqrt2"]),
    r"\{1,2\}": ("set", [r"\{2,1\}", "1,2", r"\{\frac22, 2\}"], ["(1,2)", r"\{1,2,3\}", "[1,2]", r"\{1\}"]),
    "(1,2,3)": (
        "tuple",
        [r"\left(1, 2, 3\right)", r"\langle 1,2,3\rangle", r"\begin{pmatrix}1\\2\\3\end{pmatrix}"],
        ["(1,3,2)", "1,2,3", "[1,2,3]"],
    ),
    r"\langle 1,2\rangle": (
        "vector",
        ["(1,2)", r"\begin{bmatrix}1\\2\end{bmatrix}"],
        [r"\langle 2,1\rangle", r"\{1,2\}"],
    ),
    "(-2,5]": (
        "interval",
        [r"-2<x\le5", r"x\in(-2,5]", r"\{x \mid -2<x\le 5\}", r"5\ge x>-2"],
        ["[-2,5]", "(-2,5)", "(-2,6]", r"-2\le x\le5"],
    ),
    r"(-\infty,1)\cup(2,\infty)": (
        "union",
        [r"(2,\infty)\cup(-\infty,1)", r"x<1 \text{ or } x>2"],
        [r"(-\infty,1)", r"(-\infty,1]\cup(2,\infty)", r"1<x<2"],
    ),
    r"\begin{pmatrix}1&2\\3&4\end{pmatrix}": (
        "matrix",
        [r"\begin{bmatrix}1&\frac42\\3&4\end{bmatrix}"],
        [r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", "(1,2,3,4)", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}"],
    ),
    "y=2x+3": ("equation", ["2x-y+3=0", "2x+3", "2y=4x+6", "f(x)=2x+3"], ["y=2x-3", "2x+3=0", "y=3x+2"]),
    "x=5": ("equation", ["5", "x = 5.0", "5=x"], ["y=5", "2x=10", "x=6"]),
    "f(x)=x^2": ("equation", ["f(t)=t^2", "x^2", "y=x^2"], ["g(x)=x^2", "f(x)=x^3"]),
    r"x\ge 3": ("inequality", [r"3\le x", r"[3,\infty)", r"x\geqslant 3"], ["x>3", r"x\le3", "3", r"y\ge3"]),
    "b>a>c": ("inequality", ["c<a<b"], ["b>c>a", r"b\ge a>c"]),
    r"x\ne 1": ("inequality", [r"1\neq x", r"(-\infty,1)\cup(1,\infty)"], ["x=1", r"x\ne 2"]),
    r"x\equiv3\pmod7": (
        "congruence",
        [r"x\equiv 10 \pmod{7}", r"3\pmod 7", r"x \equiv -4 \,(\mathrm{mod}\ 7)"],
        [r"x\equiv5\pmod7", r"x\equiv3\pmod{14}", "3"],
    ),
    r"10\text{ cm}": (
        "quantity",
        ["10", r"0.1\text{ m}", "100 mm", r"10\mathrm{cm}"],
        [r"10\text{ m}", r"10\text{ cm}^2", r"10\text{ kg}"],
    ),
    r"\$18.50": ("quantity", ["18.5", "18.50 dollars", "1850 cents"], ["18.51", r"18.50\text{ euros}"]),
    r"60\text{ km/h}": (
        "quantity",
        [r"60 \text{ kilometers per hour}", r"1\text{ km/min}"],
        [r"60\text{ m/s}", r"60\text{ km}"],
    ),
    r"4.5\text{ hours}": ("quantity", ["4 hours 30 minutes", "270 minutes"], ["4 hours 50 minutes", "4.5 days"]),
    r"50\%": ("percentage", [r"50 \%", "50 percent", "0.5", "1/2"], ["50", "0.05", r"5\%"]),
    r"45^\circ": ("degrees", ["45", r"\frac{\pi}{4}", r"45^{\circ}", "45 degrees"], [r"46^\circ", r"\frac{\pi}{3}"]),
    "204_5": ("based", ["204_{5}", "(204)_5"], ["204", "204_6", "54"]),
    "3:4": ("ratio", ["6:8", "3/4", "0.75"], ["4:3", "3:4:5", "3"]),
    "10:30": ("time", ["10:30"], ["1:03", "10:31", "1/3"]),
    "(C)": ("choice", ["C", r"\text{C}", "(C)", "The answer is C", "C."], ["B", "c", "A or C", r"\frac{2C}{2}"]),
    r"\text{odd}": ("text", ["odd", r"\text{Odd}", " odd "], ["even", "odd or even", "o d d"]),
    r"\text{no solution}": ("text", ["no solutions", r"\emptyset", r"\text{None}"], ["0", "solution"]),
    r"x \mapsto \clubsuit": ("opaque", [r"x\mapsto  \clubsuit"], ["x", r"x\mapsto\spadesuit"]),
}


def box(answer: str) -> str:
    return rf"\boxed{{{answer}}}"


@pytest.mark.parametrize("reference", CASES)
def test_a_reference_has_the_type_it_looks_like(reference: str) -> None:
    if reference != r"1\pm\sqrt2":
        assert type_of(read(reference)) == CASES[reference][0]
    assert CASES[reference][0] in TYPES


@pytest.mark.parametrize(("reference", "answer"), [(ref, a) for ref, case in CASES.items() for a in [ref, *case[1]]])
def test_what_a_type_accepts(reference: str, answer: str) -> None:
    verdict = VERIFIER.verify(box(answer), reference)
    assert verdict.status.value == "passed", verdict


@pytest.mark.parametrize(("reference", "answer"), [(ref, a) for ref, case in CASES.items() for a in case[2]])
def test_what_a_type_refuses(reference: str, answer: str) -> None:
    verdict = VERIFIER.verify(box(answer), reference)
    assert (verdict.passed, verdict.gradable) == (False, True), verdict


def test_every_type_has_a_case() -> None:
    assert {case[0] for case in CASES.values()} == set(TYPES)


# --- Policies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "reference", "answer", "passed"),
    [
        ({}, "2.67", r"\frac83", True),
        ({"decimals": "exact"}, "2.67", r"\frac83", False),
        ({"decimals": "exact"}, "2.67", "267/100", True),
        ({}, "0.33", r"\frac13", False),  # two digits are too few to call it rounded
        ({}, "3.14", r"\pi", True),
        ({}, r"\pi", "3.14", False),
        ({}, r"5\text{ m}", "5", True),
        ({"units": "required"}, r"5\text{ m}", "5", False),
        ({"units": "required"}, r"5\text{ m}", "500 cm", True),
        ({"units": "required"}, "5", r"5\text{ m}", True),
        ({}, r"2|x|\sqrt{3y}", r"2x\sqrt{3y}", False),
        ({"variables": "positive"}, r"2|x|\sqrt{3y}", r"2x\sqrt{3y}", True),
        ({"variables": "positive"}, r"\ln x^2 y", r"2\ln x+\ln y", True),
        ({"variables": "positive"}, r"\sqrt{a}\sqrt{b}", r"\sqrt{ab}", True),
        ({"variables": "positive"}, r"\sqrt{a+b}", r"\sqrt{a}+\sqrt{b}", False),
        ({}, r"\sqrt{a}\sqrt{b}", r"\sqrt{ab}", False),
        ({"symbolic": False}, r"\int_0^1 x\,dx", r"\frac12", False),
        ({}, r"\int_0^1 x\,dx", r"\frac12", True),
    ],
)
def test_a_setting_changes_what_it_says(config: dict[str, Any], reference: str, answer: str, passed: bool) -> None:
    assert make_verifier("math@1", **config).verify(box(answer), reference).passed is passed


@pytest.mark.parametrize(
    ("prompt", "reference", "answer", "passed"),
    [
        ("What percent of the students passed?", "50", r"50\%", True),
        ("What percent of the students passed?", r"50\%", "50", True),
        ("What percent of the students passed?", "50", "0.5", False),
        ("How many students passed?", "50", r"50\%", False),
        ("Solve for $y$: $2y=2$.", "1", "y=1", True),
        ("Compute $2+2$.", "4", "2+2", False),
        ("Compute $2+2$.", "4", "4", True),
        ("Compute $2+2$.", "4", "1+3", False),
        ("Compute $2+2+2$.", "6", "2\\cdot3", True),
        ("Simplify $(x+1)^2-x^2$.", "2x+1", "(x+1)^2-x^2", False),
        ("Simplify $(x+1)^2-x^2$.", "2x+1", "1+2x", True),
        (r"Evaluate \(\frac{6}{8}\).", r"\frac34", r"\frac68", False),
        ("The point $(1,2)$ is reflected in it. Where is it now?", "(1,2)", "(1,2)", True),
    ],
)
def test_the_question_decides_what_only_it_can_say(prompt: str, reference: str, answer: str, passed: bool) -> None:
    assert VERIFIER.verify(box(answer), reference, context={"prompt": prompt}).passed is passed


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"mode": "loose"}, "mode must be one of"),
        ({"decimals": "close"}, "decimals must be one of"),
        ({"units": "ignored"}, "units must be one of"),
        ({"symbolic": 3}, "symbolic is true or false"),
        ({"markers": []}, "markers must name"),
        ({"tolerance": 0.1}, "has no setting 'tolerance'"),
    ],
)
def test_an_unknown_setting_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_verifier("math@1", **config)


# --- The type, given -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "type_", "response", "passed"),
    [
        ("(1,2)", "tuple", "1<x<2", False),
        ("(1,2)", "tuple", "(1,2)", True),
        ("(1,2)", "interval", "1<x<2", True),
        ("(1,2)", "interval", r"\langle 1,2\rangle", False),
        ("C", "expression", r"\frac{2C}{2}", True),
        ("b", "choice", "B", True),
        ("x+1", "opaque", "x + 1", True),
        ("x+1", "opaque", "1+x", False),
        ("1,234", "list", "234, 1", True),
        ("1,234", "integer", "1234", True),
        ("even", "text", "Even", True),
    ],
)
def test_a_type_can_be_given(answer: str, type_: str, response: str, passed: bool) -> None:
    assert VERIFIER.verify(box(response), {"answer": answer, "type": type_}).passed is passed


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"answer": "5", "type": "interval"}, "other_type"),
        ({"answer": "5", "type": "number"}, "unknown_type"),
        ({"answer": "5"}, "not_a_text"),
        ({"answer": "5", "type": "integer", "unit": "cm"}, "not_a_text"),
        ({"answer": "AB", "type": "choice"}, "other_type"),
        ({"answer": None, "type": "integer"}, "not_a_text"),
        ({"answer": r"\mapsto", "type": "expression"}, "other_type"),
    ],
)
def test_a_type_that_does_not_fit_is_a_fault_of_the_reference(reference: dict[str, Any], code: str) -> None:
    verdict = VERIFIER.verify(box("5"), reference)
    assert (verdict.status.value, verdict.reason.code) == ("reference_error", code)


# --- Lenient mode --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "reference", "method"),
    [
        ("The answer is 7.", "7", "answer_is/string"),
        ("So the final answer is $x=7$. I hope it is correct.", "7", "answer_is/exact"),
        ("Answer: (1, 2]", "(1,2]", "answer_is/identical"),
        ("hence $x = 7$ as claimed", "7", "last_formula/exact"),
        (r"\frac{14}{2}", "7", "whole/normal form"),
        ("there are 7 of them", "7", "last_number/string"),
        (r"\boxed{7} and the number 8", "7", "boxed/string"),
    ],
)
def test_lenient_mode_says_where_it_found_the_answer(response: str, reference: str, method: str) -> None:
    lenient = make_verifier("math@1", mode="lenient")
    verdict = lenient.verify(response, reference)
    assert (verdict.status.value, verdict.method.split("/")[0]) == ("passed", method.split("/")[0])
    if "boxed" not in response:
        assert VERIFIER.verify(response, reference).status.value == "no_answer"
