"""Polynomials in x over the rationals: read from what people write, and compared exactly.

A polynomial is a tuple of its coefficients from the constant up, without zeros at the end; zero is the empty tuple.
Whole coefficients are ints, all others Fractions. A quotient is read only where it is by a number other than zero, so
nothing that is read can be undefined.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

Coefficient = int | Fraction
Polynomial = tuple[Coefficient, ...]

MAX_DEGREE = 8
MAX_NESTING = 20
_LIMIT = 10**120  # of a number and of its denominator
_SYMBOLS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "²": "^2", "³": "^3"})
_TOKEN = re.compile(r"\s*+(?:([0-9]{1,15}+|[x^*/()+-])|(\S))")


class PolynomialError(ValueError):
    """The text is no polynomial in x that is read."""


class Written(NamedTuple):
    """A polynomial as it was written.

    Args:
        value: What it is.
        terms: How many terms stand outside of brackets.
        brackets: How many pairs of brackets there are.
        inner: The largest degree inside a bracket.
    """

    value: Polynomial
    terms: int
    brackets: int
    inner: int


@lru_cache(maxsize=1024)
def parse_polynomial(text: str) -> Written:
    """Read a polynomial in x: `+ - * /`, `^` with a whole exponent, brackets, and products without a sign (`3x`).

    Args:
        text: Numbers of at most 15 digits, degrees of at most 8, 20 levels of brackets.

    Raises:
        PolynomialError: It is none, divides by what is no number or is zero, or writes a product without a sign after
            a quotient (`1/2x`).

    Example:
        >>> parse_polynomial("3(x - 2) + x/2").value
        (-6, Fraction(7, 2))
        >>> parse_polynomial("(x + 1)^2").brackets
        1
    """
    tokens = []
    for match in _TOKEN.finditer(text.translate(_SYMBOLS)):
        if match[2] is not None:
            raise PolynomialError(f"unexpected character {match[2]!r}")
        tokens.append(match[1])
    reader = _Reader(tokens)
    value, terms = reader.sum(0)
    if reader.at < len(tokens):
        raise PolynomialError(f"unexpected {tokens[reader.at]!r}")
    return Written(value, terms, reader.brackets, reader.inner)


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = self.brackets = self.inner = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def sum(self, depth: int) -> tuple[Polynomial, int]:
        sign = self.peek()
        if sign in ("+", "-"):
            self.at += 1
        total, terms = self.product(depth), 1
        if sign == "-":
            total = scaled(total, -1)
        while self.peek() in ("+", "-"):
            sign = self.tokens[self.at]
            self.at += 1
            total = plus(total, self.product(depth), 1 if sign == "+" else -1)
            terms += 1
        return total, terms

    def product(self, depth: int) -> Polynomial:
        value = self.power(depth)
        divided = False
        while True:
            token = self.peek()
            if token in ("*", "/"):
                self.at += 1
                right = self.power(depth)
                if token == "/":
                    if len(right) != 1:
                        raise PolynomialError("only a number other than 0 may stand under a quotient")
                    right, divided = (ratio(1, right[0]),), True
            elif token in ("x", "("):
                if divided or (token == "(" and self.tokens[self.at - 1] == "x"):
                    raise PolynomialError("a sign of multiplication is needed")
                right = self.power(depth)
            else:
                return value
            value = times(value, right)

    def power(self, depth: int) -> Polynomial:
        base = self.atom(depth)
        if self.peek() != "^":
            return base
        self.at += 1
        token = self.peek()
        self.at += 1
        if not token.isdigit() or not 1 <= int(token) <= MAX_DEGREE:
            raise PolynomialError(f"an exponent is a whole number from 1 to {MAX_DEGREE}")
        value = base
        for _ in range(int(token) - 1):
            value = times(value, base)
        return value

    def atom(self, depth: int) -> Polynomial:
        token = self.peek()
        self.at += 1
        if token.isdigit():
            return (int(token),) if int(token) else ()
        if token == "x":
            return (0, 1)
        if token != "(":
            raise PolynomialError(f"unexpected {token!r}" if token else "the expression ends too early")
        if depth >= MAX_NESTING:
            raise PolynomialError(f"more than {MAX_NESTING} levels of brackets")
        value, _ = self.sum(depth + 1)
        if self.peek() != ")":
            raise PolynomialError("a bracket is not closed")
        self.at += 1
        self.brackets += 1
        self.inner = max(self.inner, len(value) - 1)
        return value


def ratio(a: Coefficient, b: Coefficient) -> Coefficient:
    """The exact quotient."""
    return _whole(Fraction(a) / b)


def _whole(value: Coefficient) -> Coefficient:
    return value.numerator if value.denominator == 1 else value


def plus(p: Polynomial, q: Polynomial, factor: int = 1) -> Polynomial:
    """`p + factor * q`."""
    both: list[Coefficient] = [one + factor * other for one, other in zip(p, q, strict=False)]
    both += p[len(q) :]
    both += [factor * each for each in q[len(p) :]]
    return _trimmed(both)


def scaled(p: Polynomial, factor: Coefficient) -> Polynomial:
    """`factor * p`."""
    return _trimmed([factor * each for each in p])


def times(p: Polynomial, q: Polynomial) -> Polynomial:
    """The product.

    Raises:
        PolynomialError: Its degree or its coefficients are larger than what is read.
    """
    if not p or not q:
        return ()
    if len(p) + len(q) - 2 > MAX_DEGREE:
        raise PolynomialError(f"a degree of more than {MAX_DEGREE}")
    total: list[Coefficient] = [0] * (len(p) + len(q) - 1)
    for at, left in enumerate(p):
        for other, right in enumerate(q):
            total[at + other] += left * right
    return _trimmed(total)


def _trimmed(coefficients: list[Coefficient]) -> Polynomial:
    while coefficients and not coefficients[-1]:
        coefficients.pop()
    for at, each in enumerate(coefficients):
        if type(each) is not int:
            coefficients[at] = _whole(each)
        if not -_LIMIT < each < _LIMIT or each.denominator > _LIMIT:
            raise PolynomialError("a number is too large")
    return tuple(coefficients)


def monic(p: Polynomial) -> Polynomial:
    """Divided by its leading coefficient; zero stays zero."""
    return scaled(p, ratio(1, p[-1])) if p else p


def simple_roots(p: Polynomial) -> Polynomial:
    """The monic polynomial with the same roots, each once.

    Example:
        >>> simple_roots(parse_polynomial("2(x - 3)^2").value)
        (-3, 1)
    """
    derived = _trimmed([at * each for at, each in enumerate(p)][1:])
    common, rest = p, derived
    while rest:
        common, rest = rest, _divided(common, rest)[1]
    return monic(_divided(p, common)[0]) if p else p


def _divided(p: Polynomial, q: Polynomial) -> tuple[Polynomial, Polynomial]:
    rest = list(p)
    quotient: list[Coefficient] = [0] * max(1, len(p) - len(q) + 1)
    while len(rest) >= len(q):
        factor = ratio(rest[-1], q[-1])
        shift = len(rest) - len(q)
        quotient[shift] = factor
        for at, each in enumerate(q):
            rest[shift + at] -= factor * each
        while rest and not rest[-1]:
            rest.pop()
    return _trimmed(quotient), _trimmed(rest)


def write_polynomial(p: Polynomial, space: str = " ") -> str:
    """The normal form: one term for each degree, the largest first.

    Example:
        >>> write_polynomial((Fraction(-3, 4), 1, Fraction(5, 2))), write_polynomial(())
        ('5x^2/2 + x - 3/4', '0')
    """
    text = ""
    for degree in range(len(p) - 1, -1, -1):
        coefficient = p[degree]
        if coefficient:
            sign = "-" if coefficient < 0 else "+" if text else ""
            gap = space if text else ""
            text += f"{gap}{sign}{gap}{_monomial(-coefficient if coefficient < 0 else coefficient, degree)}"
    return text or "0"


def _monomial(coefficient: Coefficient, degree: int) -> str:
    if degree == 0:
        return str(coefficient)
    power = "x" if degree == 1 else f"x^{degree}"
    top = power if coefficient.numerator == 1 else f"{coefficient.numerator}{power}"
    return top if coefficient.denominator == 1 else f"{top}/{coefficient.denominator}"
