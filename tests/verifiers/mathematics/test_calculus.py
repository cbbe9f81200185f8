"""`calculus@1`: derivatives against numerical ones, what is refused, and its blind spots."""

from __future__ import annotations

import math
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import Status, make_verifier
from rlvr_gym.verifiers.math.answer import read
from rlvr_gym.verifiers.math.ladder import compare
from rlvr_gym.verifiers.math.tree import Node
from rlvr_gym.verifiers.mathematics.differentiate import MAX_NODES, NoDerivativeError, derivative

VERIFIER = make_verifier("calculus@1")
examples = settings(max_examples=60, deadline=None, derandomize=True)

leaves = st.sampled_from(["x", "2", "3", "-1", "1/2"])
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]}+{two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]})({two[1]})"),
        inner.map(lambda one: f"\\frac{{{one}}}{{x^2+1}}"),
        inner.map(lambda one: f"\\sin({one})"),
        inner.map(lambda one: f"\\cos({one})"),
        inner.map(lambda one: f"e^{{{one}}}"),
        inner.map(lambda one: f"({one})^3"),
        inner.map(lambda one: f"\\arctan({one})"),
    ),
    max_leaves=5,
)


def value(node: Node, x: float) -> float:
    """An independent evaluator of the trees that are used here."""
    args = [value(one, x) for one in node.args]
    if node.head == "num":
        return float(node.value)
    if node.head == "const":
        return {"e": math.e, "pi": math.pi}[node.value]
    if node.head == "sym":
        return x
    if node.head == "call":
        return {"sin": math.sin, "cos": math.cos, "arctan": math.atan, "exp": math.exp, "ln": math.log}[node.value](
            *args
        )
    return {
        "add": lambda: sum(args),
        "mul": lambda: math.prod(args),
        "neg": lambda: -args[0],
        "div": lambda: args[0] / args[1],
        "pow": lambda: args[0] ** args[1],
    }[node.head]()


@examples
@given(expressions)
def test_derivatives_are_those_of_differences(text: str) -> None:
    node = read(text).node
    slope = derivative(node, "x")
    for x in (0.37, -0.81):
        try:
            above, below, found = value(node, x + 1e-5), value(node, x - 1e-5), value(slope, x)
        except OverflowError:
            continue
        if max(abs(above), abs(found)) < 1e6:
            assert found == pytest.approx((above - below) / 2e-5, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x^x", "x^x (\\ln x + 1)"),
        ("\\sqrt{x}", "\\frac{1}{2\\sqrt{x}}"),
        ("\\sqrt[3]{x}", "\\frac{1}{3}x^{-2/3}"),
        ("\\tan x", "1/\\cos^2 x"),
        ("\\ln|x|", "1/x"),
        ("a x^2 + b", "2ax"),
        ("2^x", "2^x \\ln 2"),
        ("\\frac{x}{x+1}", "\\frac{1}{(x+1)^2}"),
        ("\\pi^2", "0"),
    ],
)
def test_rules_by_hand(text: str, wanted: str) -> None:
    assert compare(read(wanted).node, derivative(read(text).node, "x")).equal


@pytest.mark.parametrize(
    "text", ["\\int x dx", "\\lim_{x\\to 0} x", "x!", "|x|", "\\lfloor x \\rfloor", "f(x)", "\\{x\\}", "\\infty"]
)
def test_what_is_not_differentiated_here_is_refused(text: str) -> None:
    with pytest.raises(NoDerivativeError):
        derivative(read(text).node, "x")


def test_a_derivative_that_grows_is_refused_and_not_computed() -> None:
    deep = read("x").node
    for _ in range(14):
        deep = Node("pow", (deep, deep))
    with pytest.raises(NoDerivativeError, match="too large"):
        derivative(deep, "x")
    assert MAX_NODES < 2**14


def judged(answer: str, **reference: Any) -> str:
    return VERIFIER.verify(f"\\boxed{{{answer}}}", reference).reason.code


def test_other_letters_are_constants() -> None:
    assert judged("t^2 + x", antiderivative_of="2t", variable="t") == "equal"
    assert judged("x^2", antiderivative_of="2t", variable="t") == "other_derivative"
    assert judged("C x^2 / C", antiderivative_of="2x") == "equal"
    assert judged("k x^2", antiderivative_of="2x") == "other_derivative"


def test_a_name_may_stand_before_the_answer_and_an_equation_is_none() -> None:
    assert judged("y = x^2", antiderivative_of="2x") == "equal"
    assert judged("F(x) = x^2 = x \\cdot x", antiderivative_of="2x") == "equal"
    assert judged("x = x^2", antiderivative_of="2x") == "no_derivative"
    assert judged("x^2 < 3", antiderivative_of="2x") == "no_derivative"


def test_the_blind_spots_are_so() -> None:
    assert judged("x^2", antiderivative_of="2x") == judged("x^2 + 7", antiderivative_of="2x") == "equal"
    assert judged("x + x", derivative_of="x^2") == "equal"
    assert judged("\\ln x", antiderivative_of="1/x") == "equal"


@pytest.mark.parametrize(
    "answer",
    [
        "(" * 300,
        "x^" * 200 + "x",
        "\\sin(" * 60 + "x" + ")" * 60,
        "x+" * 240 + "x",
        "\x00",
        "9" * 400,
        "e^{e^{e^{x^9}}}",
    ],
)
def test_hostile_answers_are_wrong_and_gradable(answer: str) -> None:
    verdict = VERIFIER.verify(f"\\boxed{{{answer}}}", {"antiderivative_of": "2x"})
    assert verdict.gradable
    assert not verdict.passed


def test_answers_of_another_system_pass() -> None:
    x = sympy.Symbol("x")
    for text, integrand in (
        ("x*exp(x)", x * sympy.exp(x)),
        ("x^2*cos(x)", x**2 * sympy.cos(x)),
        ("ln(x)", sympy.log(x)),
    ):
        answer = sympy.latex(sympy.integrate(integrand, x))
        assert VERIFIER.verify(f"\\boxed{{{answer}}}", {"antiderivative_of": text}).status is Status.PASSED, answer
