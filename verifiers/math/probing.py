"""Telling expressions apart, and holding them equal, by their values at points.

First doubles with error bounds: surely different values end the matter in microseconds. What doubles cannot separate
is enclosed in intervals at a precision derived from the expressions themselves (64 bits, twice the size of all
constants in them, twice the widest exponent met on the way), so that no term, however small, can hide. There is no
absolute tolerance anywhere. Constants that still agree are equal as far as any known separation bound for expressions
of their size goes; functions are compared so at several points.

Agreement at points speaks for analytic functions. Where a side is put together from pieces (an absolute value, a floor,
the root of a square, the arcsine of a sine, of something that varies) it leaves the matter undecided.

Variables are real; those whose name begins with a plus are positive. A point is used where both sides are defined;
where one is defined and the other is not, they are different functions. Where neither is real anywhere, the principal
complex values are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from rlvr_gym.verifiers.math.evaluate import Evaluator, Point
from rlvr_gym.verifiers.math.intervals import MAX_PRECISION, ComplexIntervals, Intervals
from rlvr_gym.verifiers.math.kernels import FloatBalls, Kernel, Unclear
from rlvr_gym.verifiers.math.normal import NoForm
from rlvr_gym.verifiers.math.pieces import pieces_of
from rlvr_gym.verifiers.math.polynomial import OutOfFuel, Undefined
from rlvr_gym.verifiers.math.tree import Node, symbols, walk

SIGNS = 8  # points with the signs of three variables in every combination
_SCALES = ((Fraction(1, 2), 1), (Fraction(1, 64), Fraction(1, 4)), (3, 9), (100, 3000), (Fraction(3, 4), 2))
AGREEING = 3
FUEL = 6_000
_FLOATS = FloatBalls()


class Probe(NamedTuple):
    """What probing found: `equal` True, False or None (undecided), and why."""

    equal: bool | None
    why: str


def probe(a: Node, b: Node) -> Probe:
    """Compare two scalar expressions by their values.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> probe(parse("\\\\sqrt{8+2\\\\sqrt{15}}"), parse("\\\\sqrt3+\\\\sqrt5"))
        Probe(equal=True, why='intervals')
        >>> probe(parse("1/2^{99}"), parse("1/2^{98}")).equal, probe(parse("\\\\ln |x|"), parse("\\\\ln x")).why
        (False, 'domain')
    """
    result = _probe(a, b)
    if result.equal and (pieces_of(a) or pieces_of(b)):
        return Probe(None, "agreement of functions in pieces proves nothing")
    return result


def _probe(a: Node, b: Node) -> Probe:
    names = sorted(symbols(a) | symbols(b))
    imaginary = any(node.head == "const" and node.value == "i" for side in (a, b) for node in walk(side))
    if imaginary:
        return _by_intervals(a, b, list(_points(a, b, names)), bool(names), complex_=True)
    quick = _by_floats(a, b, _points(a, b, names))  # most often the first point decides
    if isinstance(quick, Probe):
        return quick
    if quick:
        found = _by_intervals(a, b, quick, bool(names), complex_=False)
        if found.why != "nowhere defined":
            return found
    points = list(_points(a, b, names))
    return _by_intervals(a, b, points, bool(names), complex_=True)


def sign_at(node: Node) -> int | None:
    """The sign of a constant, by intervals of growing precision; None where it stays unclear.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> sign_at(parse("e^{\\\\pi}-\\\\pi^e-1/2"))
        1
    """
    for precision in (64, 256, 1024):
        kernel = Intervals(precision, FUEL)
        value, guessed = _value(node, {}, kernel)
        if guessed or isinstance(value, str):
            return None
        sign = kernel.sign(value)
        if sign:
            return sign
    return None


def _by_floats(a: Node, b: Node, points: Iterable[Point]) -> Probe | list[Point]:
    """A difference, or the points at which none was seen and both sides may be defined."""
    left: list[Point] = []
    for point in points:
        x, y = _float(a, point), _float(b, point)
        if x == "undefined" and y == "undefined":
            continue
        if "undefined" in (x, y) and "unclear" not in (x, y):
            return Probe(False, "domain")
        if isinstance(x, tuple) and isinstance(y, tuple):
            if x[2] or y[2]:
                if not _FLOATS.apart(x[:2], y[:2]):
                    left.append(point)
                    continue
                return Probe(None, "unknown functions")
            if _FLOATS.apart(x[:2], y[:2]):
                return Probe(False, "floats")
        left.append(point)
    return left


def _float(node: Node, point: Point) -> tuple[float, float, bool] | str:
    evaluator = Evaluator(_FLOATS, point)
    try:
        value = evaluator.value(node)
    except Undefined:
        return "undefined"
    except (Unclear, OutOfFuel, NoForm, OverflowError):
        return "unclear"
    return value[0], value[1], evaluator.guessed


def _by_intervals(a: Node, b: Node, points: list[Point], functions: bool, *, complex_: bool) -> Probe:
    """Agreement at `AGREEING` points (one for constants) at a precision that leaves nothing room to hide."""
    fuel, agreed, undefined = FUEL, 0, 0
    wanted = AGREEING if functions else 1
    if _whole_variables(a) | _whole_variables(b):
        wanted = 2 * AGREEING
    for point in points:
        outcome, fuel = _at(a, b, point, fuel, complex_)
        if outcome.equal is False:
            return outcome
        if outcome.why == "undefined":
            undefined += 1
        elif outcome.equal:
            agreed += 1
            if agreed == wanted:
                return Probe(True, "complex intervals" if complex_ else "intervals")
        elif outcome.why in ("fuel", "unknown functions"):
            return Probe(None, outcome.why)
    if undefined == len(points):
        return Probe(None, "nowhere defined")
    return Probe(None, "too few points")


def _at(a: Node, b: Node, point: Point, fuel: int, complex_: bool) -> tuple[Probe, int]:
    """One point, at a precision that grows until it is enough for what was met."""
    size = _bits(a) + _bits(b)
    precision = 128 + 2 * size
    kernel: Intervals | None = None
    for _ in range(4):
        if precision > MAX_PRECISION:
            return Probe(None, "precision"), fuel
        kernel = (ComplexIntervals if complex_ else Intervals)(precision, fuel)
        outcome = _once(a, b, point, kernel)
        fuel = kernel.fuel
        needed = 128 + 2 * size + 2 * kernel.widest
        if outcome.equal is not None or outcome.why != "unclear":
            if not outcome.equal or needed <= precision:
                return outcome, fuel
            precision = needed
        else:
            precision = max(2 * precision, min(needed, MAX_PRECISION))
    return Probe(None, "precision"), fuel


def _once(a: Node, b: Node, point: Point, kernel: Intervals) -> Probe:
    x, x_guessed = _value(a, point, kernel)
    y, y_guessed = _value(b, point, kernel)
    if x == "undefined" and y == "undefined":
        return Probe(None, "undefined")
    for refusal in ("fuel", "unclear", "no form"):
        if refusal in (x, y):
            return Probe(None, refusal)
    if "undefined" in (x, y):
        return Probe(False, "domain")
    if kernel.apart(x, y):
        return Probe(None, "unknown functions") if x_guessed or y_guessed else Probe(False, "intervals")
    if kernel.narrow(x) and kernel.narrow(y):
        return Probe(True, "intervals")
    return Probe(None, "unclear")


def _value(node: Node, point: Point, kernel: Kernel) -> tuple[object, bool]:
    evaluator = Evaluator(kernel, point)
    try:
        return evaluator.value(node), evaluator.guessed
    except Undefined:
        return "undefined", False
    except Unclear:
        return "unclear", False
    except OutOfFuel:
        return "fuel", False
    except NoForm:
        return "no form", False


def _bits(node: Node) -> int:
    """A measure of the size of the constants: the bits of all numerals, multiplied by the powers they are raised to."""
    if node.head == "num":
        q = Fraction(node.value)
        return q.numerator.bit_length() + q.denominator.bit_length()
    parts = [_bits(arg) for arg in node.args]
    if node.head == "pow" and node.args[1].head in ("num", "neg"):
        exponent = node.args[1] if node.args[1].head == "num" else node.args[1].args[0]
        if exponent.head == "num":
            return min(parts[0] * max(1, min(abs(int(exponent.value)), MAX_PRECISION)) + 4, 10 * MAX_PRECISION)
    return min(sum(parts) + 1, 10 * MAX_PRECISION)


def _points(a: Node, b: Node, names: list[str]) -> Iterator[Point]:
    """Rationals for the variables, derived from both sides: every combination of signs of three, then positive ones.

    Small, middling and large values take turns. Whole numbers where a factorial, a binomial coefficient or a power of
    a negative number asks for them.
    """
    if not names:
        yield {}
        return
    key = hashlib.blake2b(repr(sorted((repr(a), repr(b)))).encode(), digest_size=32).digest()
    whole = _whole_variables(a) | _whole_variables(b)
    for i in range(SIGNS + len(_SCALES)):
        low, width = _SCALES[i % len(_SCALES)]
        point: dict[str, Fraction] = {}
        for j, name in enumerate(names):
            draw = int.from_bytes(hashlib.blake2b(f"{i}:{name}".encode(), key=key, digest_size=8).digest(), "big")
            sign = -1 if i < SIGNS and i >> (j % 3) & 1 else 1
            point[name] = sign * (low + width * Fraction(draw >> 44, 2**20))
            if name[:1] == "+":
                point[name] = abs(point[name])
            if name in whole:
                point[name] = Fraction(2 + 2 * ((draw >> 8) % 14) + (i + j) % 2)  # odd and even in turn
        yield point


def _whole_variables(node: Node) -> set[str]:
    found: set[str] = set()
    for inner in walk(node):
        negative_base = (
            inner.head == "pow"
            and inner.args[0].head in ("num", "neg")
            and (inner.args[0].head == "neg" or inner.args[0].value < 0)
        )
        if inner.head == "fact" or inner.value in ("binom", "perm", "fact2"):
            found |= symbols(inner)
        elif negative_base:
            found |= symbols(inner.args[1])
    return found
