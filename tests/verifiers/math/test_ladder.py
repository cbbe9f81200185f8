"""The rungs: what each proves, that none proves too much, that they agree with each other and with sympy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.math import modular
from rlvr_gym.verifiers.math.evaluate import Evaluator
from rlvr_gym.verifiers.math.kernels import FloatBalls
from rlvr_gym.verifiers.math.ladder import compare, proportional, sign_of
from rlvr_gym.verifiers.math.normal import NoForm, normal_form, same
from rlvr_gym.verifiers.math.parser import parse
from rlvr_gym.verifiers.math.pieces import pieces_of
from rlvr_gym.verifiers.math.polynomial import OutOfFuel, Undefined
from rlvr_gym.verifiers.math.probing import probe
from rlvr_gym.verifiers.math.tree import Node, num, sym

NOWHERE = ("division by zero", "zero to a power that is not positive")
examples = settings(max_examples=150, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("a", "b", "equal", "rung"),
    [
        ("x+1", "x+1", True, "identical"),
        ("5", "7", False, "exact"),
        ("2^{100}", "2^{100}+1", False, "exact"),
        (r"\frac{1}{2004!}", r"\frac{1}{2006!}", False, "exact"),
        (r"\sqrt{72}", r"6\sqrt2", True, "normal form"),
        (r"\frac{1}{\sqrt2-1}", r"\sqrt2+1", True, "normal form"),
        ("(x+1)^2", "x^2+2x+1", True, "normal form"),
        ("(x+1)^2", "x^2+2x+2", False, "normal form"),
        (r"\sqrt{x^2}", "x", False, "normal form"),
        (r"\sqrt{x^2}", "|x|", True, "normal form"),
        (r"\sqrt[3]{x^3}", "x", True, "normal form"),
        ("2^{n+1}", r"2\cdot 2^n", True, "normal form"),
        ("4^n", "2^{2n}", True, "normal form"),
        (r"\ln 72", r"3\ln2+2\ln3", True, "normal form"),
        (r"\tan x", r"\frac{\sin x}{\cos x}", True, "normal form"),
        (r"e^{i\pi}", "-1", True, "normal form"),
        (r"\cos\frac{\pi}{3}", r"\frac12", True, "normal form"),
        ("i^{26}", "-1", True, "normal form"),
        (r"\sqrt{-4}", "2i", True, "normal form"),
        (r"\sum_{k=1}^{30} 2^{k-1}", "2^{30}-1", True, "normal form"),
        ("(x+1)^{500}", "(x+1)^{500}+x", False, "residues"),
        ("2^{100000}", "4^{50000}", True, "residues"),
        ("9^{9^{9^9}}", "9^{9^{9^9}}+1", False, "residues"),
        ("e^{-50}", "2e^{-50}", False, "floats"),
        (r"\sin x", r"\cos x", False, "floats"),
        (r"\sqrt{8+2\sqrt{15}}", r"\sqrt3+\sqrt5", True, "intervals"),
        (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", "1", True, "intervals"),
        (r"\cos\frac{2\pi}{7}+\cos\frac{4\pi}{7}+\cos\frac{6\pi}{7}", r"-\frac12", True, "intervals"),
        (r"\sin^2 x+\cos^2 x", "1", True, "intervals"),
        (r"\sin^2 x+\cos^2 x", "1+10^{-300}", False, "intervals"),
        (r"e^{\pi\sqrt{163}}", "262537412640768744", False, "intervals"),
        (r"\frac{n!}{(n-1)!}", "n", True, "intervals"),
        (r"\frac{1+(-1)^n}{2}", r"\frac{1+\cos(n\pi)}{2}", True, "intervals"),
        (r"\sqrt{-3-x^2}", r"i\sqrt{3+x^2}", True, "complex intervals"),
        (r"\ln(x^2)", r"2\ln x", False, "domain"),
        (r"\ln x", r"\ln |x|", False, "domain"),
        (r"\lfloor x\rfloor", r"\lfloor x + 0\rfloor", True, "normal form"),
        (r"\lfloor\frac{n}{5}\rfloor", r"\lfloor\frac{n}{5}+\sin^2 n+\cos^2 n-1\rfloor", None, "undecided"),
        ("100-x", r"\sqrt{(x-100)^2}", False, "floats"),
        ("(10^6)!", "(10^6)!+1", None, "undecided"),
        ("1/0", "5", False, "normal form"),
    ],
)
def test_the_rung_that_decides(a: str, b: str, equal: bool | None, rung: str) -> None:
    for left, right in ((a, b), (b, a)):
        outcome = compare(parse(left), parse(right))
        assert (outcome.equal, outcome.rung) == (equal, rung)


# --- Random expressions --------------------------------------------------------------------------------------------

leaves = st.one_of(
    st.integers(-9, 9).map(num),
    st.fractions(min_value=-5, max_value=5, max_denominator=9).map(num),
    st.sampled_from("xyt").map(sym),
)


def grow(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map(lambda args: Node("add", args)),
        pair.map(lambda args: Node("mul", args)),
        pair.map(lambda args: Node("div", args)),
        inner.map(lambda arg: Node("neg", (arg,))),
        st.tuples(inner, st.integers(0, 3).map(num)).map(lambda args: Node("pow", args)),
    )


rationals = st.recursive(leaves, grow, max_leaves=8)


def with_functions(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    names = st.sampled_from(["sin", "cos", "ln", "arctan", "tan"])
    return st.one_of(
        grow(inner),
        st.tuples(names, inner).map(lambda pair: Node("call", (pair[1],), pair[0])),
        inner.map(lambda arg: Node("pow", (Node("const", (), "e"), arg))),
        st.tuples(inner, st.integers(2, 4).map(num)).map(lambda args: Node("root", args)),
        inner.map(lambda arg: Node("abs", (arg,))),
    )


functions = st.recursive(leaves, with_functions, max_leaves=6)


def to_sympy(node: Node) -> Any:
    """An independent implementation of rational functions."""
    args = [to_sympy(arg) for arg in node.args]
    if node.head == "num":
        return sympy.Rational(*Fraction(node.value).as_integer_ratio())
    if node.head == "sym":
        return sympy.Symbol(node.value)
    if node.head == "add":
        return args[0] + args[1]
    if node.head == "mul":
        return args[0] * args[1]
    if node.head == "div":
        return args[0] / args[1]
    return -args[0] if node.head == "neg" else args[0] ** args[1]


@examples
@given(rationals, rationals)
def test_rational_functions_compare_as_in_sympy(a: Node, b: Node) -> None:
    left, right = sympy.together(to_sympy(a)), sympy.together(to_sympy(b))
    assume(not any(value.has(sympy.zoo, sympy.nan, sympy.oo) for value in (left, right)))
    outcome = compare(a, b)
    assume(
        outcome.note not in ("division by zero", "zero to a power that is not positive")
    )  # sympy cancels x/0 * 0 and the like while it builds
    assert outcome.equal == (sympy.cancel(left - right) == 0)


@examples
@given(rationals, rationals)
def test_residues_agree_with_the_normal_form(a: Node, b: Node) -> None:
    try:
        exact = same(normal_form(a), normal_form(b))
    except Undefined:
        return
    modular_ = modular.compare(a, b)
    assert modular_ is None or modular_ == exact


@examples
@given(functions, functions)
def test_comparison_is_symmetric(a: Node, b: Node) -> None:
    assert compare(a, b).equal == compare(b, a).equal


@examples
@given(functions)
def test_every_expression_equals_itself_written_another_way(a: Node) -> None:
    """Doubled and halved, with a term added and taken away: unless it is nowhere defined, or of pieces."""
    three = num(3)
    other = Node("add", (Node("div", (Node("mul", (three, a)), three)), Node("neg", (num(0),))))
    outcome = compare(a, other)
    assert outcome.equal is not False or outcome.note in NOWHERE


@examples
@given(functions, st.integers(1, 5))
def test_no_expression_equals_itself_plus_something(a: Node, step: int) -> None:
    assert not compare(a, Node("add", (a, num(step)))).equal
    assert not compare(a, Node("add", (a, num(Fraction(step, 10**30))))).equal


@examples
@given(functions, functions)
def test_what_the_normal_form_holds_equal_is_equal_at_every_point(a: Node, b: Node) -> None:
    """The exact rung against plain doubles: equality there must never contradict the values."""
    try:
        if not same(normal_form(a), normal_form(b)):
            return
    except (Undefined, OutOfFuel, NoForm):
        return
    result = probe(a, b)
    assert result.equal is not False or result.why == "domain"


# --- Parts ---------------------------------------------------------------------------------------------------------


def test_primes_and_points_depend_on_the_key() -> None:
    one, other = (modular.Residues(key * 32) for key in (b"a", b"b"))
    assert one.prime != other.prime
    assert one.value(sym("x")) != other.value(sym("x"))
    assert all(sympy.isprime(residues.prime) and residues.prime.bit_length() == 61 for residues in (one, other))


@pytest.mark.parametrize("n", [2, 3, 4, 25, 561, 7919, 2**61 - 1, 3215031751, 3825123056546413051, 2**61 + 1])
def test_primality_is_decided_as_in_sympy(n: int) -> None:
    assert modular._is_prime(n) == sympy.isprime(n)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("y-2x-3", "4x-2y+6", True),
        ("x^2-4", "x-2", False),
        ("x", "-x", True),
        (r"\sin x - y", r"3y-3\sin x", True),
        ("x-y", "x+y", False),
    ],
)
def test_equations_are_equal_up_to_a_constant_factor(a: str, b: str, equal: bool) -> None:
    assert proportional(parse(a), parse(b)).equal is equal


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("3-3", 0),
        (r"\sqrt2-1.4142135", 1),
        (r"\pi-22/7", -1),
        ("x", None),
        (r"\sqrt{8+2\sqrt{15}}-\sqrt3-\sqrt5", None),
    ],
)
def test_the_sign_of_a_constant(text: str, sign: int | None) -> None:
    assert sign_of(parse(text)) == sign


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|x|", True),
        ("|-3|x", False),
        (r"\lfloor x\rfloor", True),
        (r"\sqrt{x^2+2x+1}", True),
        (r"\sqrt{x^2+1}", False),
        (r"\sqrt{x^2y^2-2xy+1}", True),
        (r"\sqrt[3]{x^2+2x+1}", False),
        (r"\arcsin(\sin x)", True),
        (r"\arcsin x", False),
    ],
)
def test_functions_of_pieces_are_known(text: str, expected: bool) -> None:
    assert pieces_of(parse(text)) is expected


@examples
@given(functions, st.fractions(-4, 4, max_denominator=50), st.fractions(-4, 4, max_denominator=50))
def test_float_balls_hold_the_value(node: Node, x: Fraction, y: Fraction) -> None:
    """The error bound of doubles against intervals of mpmath at 200 bits."""
    from rlvr_gym.verifiers.math.intervals import Intervals
    from rlvr_gym.verifiers.math.kernels import Unclear

    point = {"x": x, "y": y, "t": x + y}
    try:
        value, error = Evaluator(FloatBalls(), point).value(node)
        low, high = Evaluator(Intervals(200, 10_000), point).value(node)
    except (Undefined, Unclear, OutOfFuel):
        return
    from mpmath import mpf

    centre = mpf(low) + (mpf(high) - mpf(low)) / 2
    assert abs(float(centre) - value) <= 1000 * error + 1e-9 * abs(value)
