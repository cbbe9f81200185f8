"""A calculator: arithmetic that is exact, read by a parser of its own; nothing is ever evaluated by Python.

The notation is that of Python: `+ - * / // % **`, brackets, and a few functions by name. The parsers of `countdown@1`
and `math@1` read other languages: the one knows no signs, decimals or powers, and the other reads generously (`2x`,
`1 1/2`, `50%`), which is right for an answer and wrong for a calculator, whose user should hear of a slip.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.tools import exact
from rlvr_gym.envs.tools.exact import FUNCTIONS, MAX_DIGITS, OPERATORS, Value, checked, written
from rlvr_gym.envs.tools.toolkit import Limits, Tool, ToolError, Toolkit, tool
from rlvr_gym.verifiers.errors import shown, suggestion

MAX_CHARS = 2_000
MAX_DEPTH = 50

_SIGNS = str.maketrans({**dict.fromkeys("×·⋅∗", "*"), **dict.fromkeys("÷∕⁄", "/"), **dict.fromkeys("−–", "-")})
_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\*\*|//|[-+*/%(),])"
)


class Calculator(Toolkit):
    """A tool `calculator(expression)`.

    Whole numbers and decimals of at most 50 places are given in full, other fractions as `7/3 (about 2.33333333333)`,
    and roots that are no fractions as `about 1.41421356237`: twelve digits, all right.

    Args:
        max_operations: Operators and functions in one expression; None for any number. With 1, a longer calculation
            takes several calls.
        limits: See `Tool`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> calculator = Calculator()
        >>> calculator.calculator("2**100 - 1"), calculator.calculator("7/3 + 0.1"), calculator.calculator("sqrt(2)")
        ('1267650600228229401496703205375', '73/30 (about 2.43333333333)', 'about 1.41421356237')
        >>> calculator.calculator("9**9**9")
        Traceback (most recent call last):
        ...
        rlvr_gym.envs.tools.toolkit.ToolError: the power has more than 600 digits
    """

    def __init__(self, *, max_operations: int | None = None, limits: Limits | None = None) -> None:
        if max_operations is not None:
            check_int("max_operations", max_operations, 1, None)
        self._max_operations, self._limits = max_operations, limits

    def tools(self) -> list[Tool]:
        """See `Toolkit.tools`."""
        found = super().tools()
        return [replace(one, limits=self._limits) for one in found] if self._limits else found

    @tool()
    def calculator(self, expression: str) -> str:
        """Compute an arithmetic expression exactly.

        Args:
            expression: Numbers with + - * / // % ** and brackets, and the functions abs, ceil, comb, factorial, floor,
                gcd, lcm, max, min, round, sqrt.
        """
        value, operations = compute(expression)
        if self._max_operations is not None and operations > self._max_operations:
            allowed = f"{self._max_operations} operation{'s' if self._max_operations > 1 else ''}"
            raise ToolError(f"an expression may have {allowed}, this one has {operations}")
        return written(value)


def compute(expression: str) -> tuple[Value, int]:
    """The value of an expression, and the number of operators and functions in it.

    Raises:
        ToolError: It is no expression, has no value, or is too long, too deep or too large.

    Example:
        >>> compute("-2**2 + 7 % 4")
        (Fraction(-1, 1), 3)
    """
    if len(expression) > MAX_CHARS:
        raise ToolError(f"an expression may have {MAX_CHARS:,} characters, this one has {len(expression):,}")
    reader = _Reader(_tokens(expression.translate(_SIGNS)))
    value = reader.sum()
    if reader.token:
        raise ToolError(f"unexpected {reader.token!r} after a complete expression")
    return value, reader.operations


def _tokens(text: str) -> list[str]:
    found, at = list[str](), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            hint = "; a power is written **" if text[at] == "^" else ""
            raise ToolError(f"unexpected character {text[at]!r}{hint}")
        found.append(match[0])
        at = match.end()
    return found


class _Reader:
    """Recursive descent: sum = product (+|- product)*, product = signed (*|/|//|% signed)*, signed = -* power."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = iter(tokens)
        self._depth = 0
        self.operations = 0
        self.token = next(self._tokens, "")

    def sum(self) -> Value:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> Value:
        return self._chain(self._signed, ("*", "/", "//", "%"))

    def _chain(self, operand: Callable[[], Value], operators: tuple[str, ...]) -> Value:
        value = operand()
        while self.token in operators:
            operator = self._taken()
            value = self._done(OPERATORS[operator](value, operand()))
        return value

    def _signed(self) -> Value:
        minus = False
        while self.token in ("+", "-"):
            minus ^= self._taken() == "-"
        value = self._power()
        return exact.negative(value) if minus else value

    def _power(self) -> Value:
        base = self._atom()
        if self.token != "**":
            return base
        self._taken()
        self._enter()
        exponent = self._signed()  # 2**3**2 is 2**(3**2), and -2**2 is -(2**2)
        self._depth -= 1
        return self._done(OPERATORS["**"](base, exponent))

    def _atom(self) -> Value:
        token = self._taken()
        if token[:1] in "0123456789." and token:
            return _number(token)
        if token[:1].isalpha() or token[:1] == "_":
            return self._function(token)
        if token != "(":
            wanted = "expected a number or a bracket"
            raise ToolError(f"{wanted}, got {token!r}" if token else f"{wanted} at the end")
        self._enter()
        value = self.sum()
        self._close()
        return value

    def _function(self, name: str) -> Value:
        if name not in FUNCTIONS:
            raise ToolError(f"there is no function {shown(name)}{suggestion(name[:40], FUNCTIONS)}")
        if self._taken() != "(":
            raise ToolError(f"a bracket must follow {name}")
        self._enter()
        values = [self.sum()]
        while self.token == ",":
            self._taken()
            values.append(self.sum())
        self._close()
        function = FUNCTIONS[name]
        if not function.fewest <= len(values) <= function.most:
            most = "" if function.fewest == function.most else f" to {function.most}"
            raise ToolError(f"{name} takes {function.fewest}{most} numbers, got {len(values)}")
        return self._done(function.compute(*values))

    def _taken(self) -> str:
        token, self.token = self.token, next(self._tokens, "")
        return token

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ToolError(f"an expression may be nested {MAX_DEPTH} deep")

    def _close(self) -> None:
        if self._taken() != ")":
            raise ToolError("a bracket is not closed")
        self._depth -= 1

    def _done(self, value: Value) -> Value:
        self.operations += 1
        return checked(value)


def _number(text: str) -> Fraction:
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, decimals = mantissa.partition(".")
    shift = int(exponent) if exponent and len(exponent) < 6 else 0
    if len(whole) + len(decimals) + abs(shift) > MAX_DIGITS or len(exponent) >= 6:
        raise ToolError(f"a number has more than {MAX_DIGITS} digits")
    digits, shift = int(whole + decimals), shift - len(decimals)
    return Fraction(digits * 10**shift) if shift >= 0 else Fraction(digits, 10**-shift)
