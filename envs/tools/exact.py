"""Exact numbers for the calculator: fractions, and roots that are none, enclosed between two fractions.

What is rational stays a `Fraction`. A root that is not rational becomes a `Between`: its two ends have some 400 bits,
are rounded outwards by every operation, and so always hold the true value. Nothing is a float, so twelve digits that
are shown are right. All sizes are bounded before anything large is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from rlvr_gym.envs.tools.toolkit import ToolError

MAX_DIGITS = 600  # of a numerator or denominator; an interpreter may refuse to print 641
MAX_PLACES = 50  # of a decimal that is shown in full
DIGITS = 12  # that are shown of other numbers
_LIMIT = 10**MAX_DIGITS
_LIMIT_BITS = _LIMIT.bit_length()
_BITS = 400
_HALF = Fraction(1, 2)
_TINIEST = Fraction(1, _LIMIT)
_NEARLY_NOTHING = Fraction(1, 10**MAX_PLACES)
_ROUNDED = Context(prec=DIGITS, rounding=ROUND_HALF_UP, Emax=10**6, Emin=-(10**6))
_PLAIN_EXPONENTS = range(-6, 21)  # of numbers that are shown without an exponent


class Between(NamedTuple):
    """A number that is no fraction: somewhere from `low` to `high`."""

    low: Fraction
    high: Fraction


Value = Fraction | Between


def checked(value: Value) -> Value:
    """The value, where it is small enough to go on with.

    Raises:
        ToolError: It has too many digits.
    """
    if isinstance(value, Fraction):
        if abs(value.numerator) < _LIMIT and value.denominator < _LIMIT:
            return value
    elif max(abs(value.low), abs(value.high)) < _LIMIT and (value.low <= 0 <= value.high or _smaller(value) > _TINIEST):
        return Between(*(_outwards(end, up) for end, up in zip(value, (False, True), strict=True)))
    raise ToolError(f"a number has more than {MAX_DIGITS} digits")


def _smaller(value: Between) -> Fraction:
    return min(abs(value.low), abs(value.high))


def _outwards(end: Fraction, up: bool) -> Fraction:
    """An end with about `_BITS` bits, no nearer to the other end."""
    top, bottom = end.numerator, end.denominator
    shift = _BITS - (top.bit_length() - bottom.bit_length())
    top, bottom = (top << shift, bottom) if shift > 0 else (top, bottom << -shift)
    whole = -(-top // bottom) if up else top // bottom
    return Fraction(whole, 1 << shift) if shift > 0 else Fraction(whole << -shift)


def _ends(value: Value) -> Between:
    return Between(value, value) if isinstance(value, Fraction) else value


# --- Operators ---------------------------------------------------------------------------------------------------


def add(a: Value, b: Value) -> Value:
    """The sum."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + b
    a, b = _ends(a), _ends(b)
    return Between(a.low + b.low, a.high + b.high)


def negative(a: Value) -> Value:
    """The number with the other sign."""
    return -a if isinstance(a, Fraction) else Between(-a.high, -a.low)


def subtract(a: Value, b: Value) -> Value:
    """The difference."""
    return add(a, negative(b))


def multiply(a: Value, b: Value) -> Value:
    """The product."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a * b
    products = [x * y for x in _ends(a) for y in _ends(b)]
    return Between(min(products), max(products))


def divide(a: Value, b: Value) -> Value:
    """The quotient.

    Raises:
        ToolError: The divisor is zero, or cannot be told from it.
    """
    low, high = _ends(b)
    if low <= 0 <= high:
        raise ToolError("division by zero" if low == high else "division by a number that may be zero")
    return multiply(a, 1 / low if isinstance(b, Fraction) else Between(1 / high, 1 / low))


def floor_divide(a: Value, b: Value) -> Value:
    """The quotient, rounded down."""
    return floor(divide(a, b))


def modulo(a: Value, b: Value) -> Value:
    """What is left of `a` after `floor_divide`; it has the sign of `b`."""
    return subtract(a, multiply(b, floor_divide(a, b)))


def power(a: Value, b: Value) -> Value:
    """A power with a whole exponent.

    Raises:
        ToolError: The exponent is not whole, or the power would have too many digits.
    """
    exponent = _integer(b, "an exponent must be a whole number (for a root there is sqrt)")
    if exponent < 0:
        return power(divide(Fraction(1), a), Fraction(-exponent))
    if isinstance(a, Fraction):
        bits = max(abs(a.numerator), a.denominator).bit_length() - 1
        if bits * exponent > _LIMIT_BITS:
            raise ToolError(f"the power has more than {MAX_DIGITS} digits")
        return Fraction(a**exponent)
    if exponent > _LIMIT_BITS:
        raise ToolError(f"the exponent of such a number may be {_LIMIT_BITS} at most")
    result: Value = Fraction(1)
    for bit in f"{exponent:b}":
        result = checked(multiply(result, result))
        if bit == "1":
            result = checked(multiply(result, a))
    return result


# --- Functions ---------------------------------------------------------------------------------------------------


def absolute(a: Value) -> Value:
    """The absolute value."""
    if isinstance(a, Fraction):
        return abs(a)
    return Between(Fraction(0) if a.low <= 0 <= a.high else _smaller(a), max(abs(a.low), abs(a.high)))


def square_root(a: Value) -> Value:
    """The square root, exact where it is a fraction.

    Raises:
        ToolError: The number is negative.
    """
    if _ends(a).high < 0:
        raise ToolError("the square root of a negative number")
    if isinstance(a, Fraction):
        top, bottom = math.isqrt(a.numerator), math.isqrt(a.denominator)
        if top * top == a.numerator and bottom * bottom == a.denominator:
            return Fraction(top, bottom)
        return Between(_root(a, 0), _root(a, 1))
    return Between(_root(max(a.low, Fraction(0)), 0), _root(a.high, 1))


def _root(a: Fraction, more: int) -> Fraction:
    """A fraction that is at most the root, or with `more=1` at least."""
    shift = max(0, _BITS - (a.numerator.bit_length() - a.denominator.bit_length()) // 2)
    return Fraction(math.isqrt((a.numerator << 2 * shift) // a.denominator) + more, 1 << shift)


def floor(a: Value) -> Value:
    """The largest whole number that is not above `a`.

    Raises:
        ToolError: `a` is too near to a whole number to tell.
    """
    low, high = _ends(a)
    if math.floor(low) != math.floor(high):
        raise ToolError("a number is too near to a whole one to round it")
    return Fraction(math.floor(low))


def ceiling(a: Value) -> Value:
    """The smallest whole number that is not below `a`."""
    return negative(floor(negative(a)))


def rounded(a: Value, places: Value = Fraction(0)) -> Value:
    """The nearest number with so many decimal places; halves go away from zero.

    Raises:
        ToolError: `places` is no whole number from 0 to `MAX_PLACES`.
    """
    wanted = f"round takes a whole number of places, 0 to {MAX_PLACES}"
    count = _integer(places, wanted)
    if not 0 <= count <= MAX_PLACES:
        raise ToolError(wanted)
    scale = Fraction(10**count)
    size = divide(floor(add(multiply(absolute(a), scale), _HALF)), scale)
    return negative(size) if _ends(a).high < 0 else size


def least(*values: Value) -> Value:
    """The smallest."""
    return _chosen(min, values)


def greatest(*values: Value) -> Value:
    """The largest."""
    return _chosen(max, values)


def _chosen(choose: Callable[..., Fraction], values: tuple[Value, ...]) -> Value:
    if any(isinstance(value, Between) for value in values):
        ends = [_ends(value) for value in values]
        low, high = choose(end.low for end in ends), choose(end.high for end in ends)
        return low if low == high else Between(low, high)
    return choose(values)


def greatest_divisor(*values: Value) -> Value:
    """The greatest common divisor of whole numbers."""
    return Fraction(math.gcd(*(_integer(value, "gcd takes whole numbers") for value in values)))


def least_multiple(*values: Value) -> Value:
    """The least common multiple of whole numbers."""
    result: Value = Fraction(1)
    for value in values:
        number = _integer(value, "lcm takes whole numbers")
        result = checked(Fraction(math.lcm(_integer(result, ""), number)))
    return result


def factorial(a: Value) -> Value:
    """The product of 1 to `a`.

    Raises:
        ToolError: `a` is negative or no whole number, or the factorial would have too many digits.
    """
    number = _integer(a, "factorial takes a whole number")
    if number < 0:
        raise ToolError("the factorial of a negative number")
    if number > MAX_DIGITS:  # more digits than that from 294 on; this much is computed in no time
        raise ToolError(f"the factorial has more than {MAX_DIGITS} digits")
    return Fraction(math.factorial(number))


def choices(a: Value, b: Value) -> Value:
    """In how many ways `b` things can be chosen out of `a`.

    Raises:
        ToolError: One is negative or no whole number, or the result would have too many digits.
    """
    n, k = (_integer(value, "comb takes two whole numbers") for value in (a, b))
    if min(n, k) < 0:
        raise ToolError("comb takes no negative numbers")
    if k > n:
        return Fraction(0)
    result = 1
    for i in range(min(k, n - k)):  # it at least doubles in each step but the last ones
        result = result * (n - i) // (i + 1)
        if result >= _LIMIT:
            raise ToolError(f"comb has more than {MAX_DIGITS} digits")
    return Fraction(result)


def _integer(value: Value, wanted: str) -> int:
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    raise ToolError(wanted)


OPERATORS: Mapping[str, Callable[[Value, Value], Value]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "//": floor_divide,
    "%": modulo,
    "**": power,
}


class Function(NamedTuple):
    """A function with the number of its arguments."""

    compute: Callable[..., Value]
    fewest: int
    most: int


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(absolute, 1, 1),
    "ceil": Function(ceiling, 1, 1),
    "comb": Function(choices, 2, 2),
    "factorial": Function(factorial, 1, 1),
    "floor": Function(floor, 1, 1),
    "gcd": Function(greatest_divisor, 1, 100),
    "lcm": Function(least_multiple, 1, 100),
    "max": Function(greatest, 1, 100),
    "min": Function(least, 1, 100),
    "round": Function(rounded, 1, 2),
    "sqrt": Function(square_root, 1, 1),
}


# --- As text -----------------------------------------------------------------------------------------------------


def written(value: Value) -> str:
    """A number as text: whole numbers and short decimals in full, fractions also to 12 digits, roots to 12 digits.

    Raises:
        ToolError: So many digits of a number that is no fraction cannot be told.

    Example:
        >>> written(Fraction(7)), written(Fraction(7, 4)), written(Fraction(-7, 3))
        ('7', '1.75', '-7/3 (about -2.33333333333)')
        >>> written(square_root(Fraction(2)))
        'about 1.41421356237'
    """
    if isinstance(value, Fraction):
        text = exactly(value)
        return f"{text} (about {_digits(value)})" if "/" in text else text
    low, high = _digits(value.low), _digits(value.high)
    if low == high:
        return f"about {low}"
    if value.low <= 0 <= value.high and value.high - value.low < _NEARLY_NOTHING:
        return "about 0"
    raise ToolError(f"too much cancels out: {DIGITS} digits of the result cannot be told")


def exactly(value: Fraction) -> str:
    """A fraction as text: a whole number, a decimal of at most `MAX_PLACES` places, else `numerator/denominator`.

    Example:
        >>> exactly(Fraction(-1, 8)), exactly(Fraction(14, 6))
        ('-0.125', '7/3')
    """
    places = _places(value.denominator)
    if places is None:
        return f"{value.numerator}/{value.denominator}"
    sign, size = "-" if value < 0 else "", abs(value) * 10**places
    text = str(size.numerator).rjust(places + 1, "0")
    return sign + (f"{text[:-places]}.{text[-places:]}" if places else text)


def _places(denominator: int) -> int | None:
    """Decimal places of a fraction in lowest terms; None where they do not end, or there are too many."""
    twos = (denominator & -denominator).bit_length() - 1
    rest, fives = denominator >> twos, 0
    while rest % 5 == 0 and fives <= MAX_PLACES:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    return places if rest == 1 and places <= MAX_PLACES else None


def _digits(value: Fraction) -> str:
    """Rounded to `DIGITS` digits."""
    number = _ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))
    number = number.normalize(_ROUNDED)
    return f"{number:f}" if number.adjusted() in _PLAIN_EXPONENTS else f"{number:e}"
