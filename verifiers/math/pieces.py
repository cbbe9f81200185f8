"""Whether an expression is one analytic function or put together from pieces."""

from __future__ import annotations

from fractions import Fraction

from rlvr_gym.verifiers.math.normal import NoForm, normal_form
from rlvr_gym.verifiers.math.polynomial import OutOfFuel, Poly, Undefined
from rlvr_gym.verifiers.math.tree import Node, symbols, walk

_CORNERS = frozenset({"abs", "floor", "ceil"})
_CORNER_CALLS = frozenset({"sgn", "max", "min", "gcd", "lcm", "norm"})
_PERIODIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_MAX_DEGREE = 40


def pieces_of(node: Node) -> bool:
    """Whether agreement on one stretch of the line says nothing about another.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> [pieces_of(parse(text)) for text in ("|x|", "\\\\sqrt{x^2-2x+1}", "\\\\sqrt{x^2+1}", "|-3|")]
        [True, True, False, False]
    """
    for inner in walk(node):
        if not symbols(inner):
            continue
        if inner.head in _CORNERS or (inner.head == "call" and inner.value in _CORNER_CALLS):
            return True
        if inner.head == "call" and inner.value.startswith("arc"):
            if any(n.head == "call" and n.value in _PERIODIC for n in walk(inner.args[0])):
                return True
        elif inner.head in ("root", "pow") and _even_root(inner) and _has_square(inner.args[0]):
            return True
    return False


def _even_root(node: Node) -> bool:
    exponent = node.args[1]
    if node.head == "root":
        return bool(exponent.head == "num" and exponent.value % 2 == 0)
    if exponent.head == "div" and exponent.args[1].head == "num":
        return bool(exponent.args[1].value % 2 == 0)
    return exponent.head == "num" and Fraction(exponent.value).denominator % 2 == 0


def _has_square(radicand: Node) -> bool:
    """Whether a square may divide the radicand; False only for a sum that is squarefree in each of its variables."""
    try:
        form = normal_form(radicand)
    except (NoForm, OutOfFuel, Undefined):
        return True
    poly = form.value.num
    if len(poly) == 1 and form.value.den is None:
        return False  # a monomial, whose even powers the normal form makes absolute values
    names = sorted({atom for mono in poly for atom, _ in mono})
    return any(not _squarefree(_in_one(poly, name, names)) for name in names)


def _in_one(poly: Poly, name: str, names: list[str]) -> list[Fraction] | None:
    """The coefficients in one atom, with small primes for the others; None where it is no polynomial in it."""
    values = {other: Fraction(2 * i + 3, i + 2) for i, other in enumerate(names)}
    out: dict[int, Fraction] = {}
    for mono, c in poly.items():
        power, value = 0, Fraction(c)
        for atom, e in mono:
            if type(e) is not int or abs(e) > _MAX_DEGREE:
                return None
            if atom == name:
                power = e
            else:
                value *= values[atom] ** e
        out[power] = out.get(power, Fraction(0)) + value
    low = min(out)
    return [out.get(power, Fraction(0)) for power in range(low, max(out) + 1)]


def _squarefree(coefficients: list[Fraction] | None) -> bool:
    """Whether a polynomial has no common factor with its derivative."""
    if coefficients is None:
        return False
    a = _trimmed(coefficients)
    b = _trimmed([i * c for i, c in enumerate(coefficients)][1:])
    while b:
        while len(a) >= len(b):
            factor = a[-1] / b[-1]
            shift = len(a) - len(b)
            a = _trimmed([c - factor * (b[i - shift] if i >= shift else 0) for i, c in enumerate(a)][:-1])
        a, b = b, a
    return len(a) <= 1


def _trimmed(coefficients: list[Fraction]) -> list[Fraction]:
    while coefficients and not coefficients[-1]:
        coefficients = coefficients[:-1]
    return coefficients
