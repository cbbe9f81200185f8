"""`countdown@1`: an expression that uses the given numbers, each exactly once, and equals the target.

Checked by constraint, never against one oracle string: a response is right because its expression is, whichever of the
many solutions it is. The expression is read by an own parser into exact fractions: only digits, `+ - * /` and brackets
exist, so there is nothing to evaluate, no `**`, no `or`, no digit concatenation, no unary minus to smuggle a number
in.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_EXPRESSION_CHARS = 1000
MAX_DEPTH = 50
MAX_NUMBER_DIGITS = 15
MAX_TARGET = 10**600  # below what an interpreter can refuse to print; out of reach of any expression read here
_SYMBOLS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-"})
_COMMANDS = re.compile(r"\\(?:(times|cdot)|(div)|left|right)(?![A-Za-z])")
_PARTS = ("format", "numbers", "value")


class Gold(NamedTuple):
    """What must hold: the multiset of numbers that is used up, and the value that is reached."""

    numbers: Counter[int]
    target: Fraction


class Expression(NamedTuple):
    """A parsed expression.

    Its exact value (None where it divides by zero), the numbers in it from left to right, and the value that is
    written after a trailing `=`, if any.
    """

    value: Fraction | None
    numbers: tuple[int, ...]
    claimed: int | None = None


class ExpressionError(ValueError):
    """The text is not an arithmetic expression of the accepted kind."""


@dataclass(frozen=True)
class Countdown(RuleVerifier):
    """Judges an expression by its constraints.

    The reference is `{"numbers": [3, 5, 7], "target": 22}`. The dense score climbs three steps: it parses (1/3), it
    also uses exactly the given numbers (2/3), it also has the target's value (1, passed). Writing the target alone
    earns 1/3. A trailing `= value` must be the target.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Countdown()
        >>> reference = {"numbers": [3, 5, 7], "target": 22}
        >>> verifier.verify("<answer>(7 * 5) - 13</answer>", reference).reason.code
        'wrong_numbers'
        >>> verifier.verify("<answer>3 * 5 + 7</answer>", reference).passed
        True
        >>> verifier.verify("<answer>25 or 3 + 5 + 7</answer>", reference).status.value
        'malformed'
    """

    name = "countdown"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "All four operators are accepted, also where the prompt names fewer.",
        "How the expression was found is not judged: trying all of them in the response is as good as reasoning.",
        "The dense score knows no distance: any expression with the right numbers earns 2/3, however far it is "
        "from the target.",
        "A sign before a number, as in `-3 + 5 * 5`, is refused, also where the value is right.",
    )

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####", "whole")

    unread = tuple(Part(name, False, 0.0) for name in _PARTS)

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        try:
            numbers, target = reference["numbers"], reference["target"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_countdown", "the reference must hold 'numbers' and 'target'") from error
        if not isinstance(numbers, list | tuple) or not numbers:
            raise ReferenceFault("no_numbers", f"'numbers' must be a non-empty list of integers, got {shown(numbers)}")
        for value in (*numbers, target):
            if isinstance(value, bool) or not isinstance(value, int):
                raise ReferenceFault("not_an_integer", f"numbers and target must be integers, got {shown(value)}")
        if min(numbers) < 0:
            raise ReferenceFault("negative_number", f"numbers must not be negative, got {shown(min(numbers))}")
        if max(numbers) >= 10**MAX_NUMBER_DIGITS or abs(target) >= MAX_TARGET:
            text = f"numbers may have {MAX_NUMBER_DIGITS} digits and the target 600; no response could be right"
            raise ReferenceFault("number_too_large", text)
        return Gold(Counter(numbers), Fraction(target))

    def read(self, text: str, gold: Gold) -> Expression:
        """See the class."""
        try:
            return parse_expression(text)
        except ExpressionError as error:
            raise UnreadableError("not_an_expression", str(error)) from error

    def check(self, answer: Expression, gold: Gold) -> Finding:
        """See the class."""
        numbers_ok = Counter(answer.numbers) == gold.numbers
        value_ok = numbers_ok and answer.value == gold.target and answer.claimed in (None, gold.target)
        parts = _parts(True, numbers_ok, value_ok)
        if value_ok:
            return Finding(True, Reason("reached", "the target is reached"), parts=parts)
        return Finding(False, _why(answer, gold, numbers_ok), (1 + numbers_ok) / 3, parts)


def _parts(*passed: bool) -> tuple[Part, ...]:
    return tuple(Part(name, ok, float(ok)) for name, ok in zip(_PARTS, passed, strict=True))


def _why(expression: Expression, gold: Gold, numbers_ok: bool) -> Reason:
    if not numbers_ok:
        used, given = sorted(expression.numbers), sorted(gold.numbers.elements())
        return Reason("wrong_numbers", f"uses {used}, must use {given}, each exactly once")
    if expression.value is None:
        return Reason("division_by_zero", "the expression divides by zero")
    if expression.value == gold.target:
        return Reason("wrong_claim", f"the target is reached, but '= {expression.claimed}' is written")
    return Reason("wrong_value", f"the value is {_value_text(expression.value)}, the target is {gold.target}")


def _value_text(value: Fraction) -> str:
    return str(value) if max(abs(value.numerator), value.denominator) < MAX_TARGET else "too long to write"


def parse_expression(text: str) -> Expression:
    """Parse `+ - * /`, brackets and unsigned integers, with the usual precedence, into an exact value.

    Args:
        text: At most 1,000 characters, 50 levels of brackets, 15 digits a number. `×`, `÷`, `\\times`, `\\cdot`,
            `\\div` and a trailing `= value` are read; the part after `=` must be an unsigned integer.

    Raises:
        ExpressionError: Anything else.

    Example:
        >>> parse_expression("(1 + 2) / 4").value
        Fraction(3, 4)
    """
    if len(text) > MAX_EXPRESSION_CHARS:
        raise ExpressionError(f"the expression has {len(text)} characters, at most {MAX_EXPRESSION_CHARS} are read")
    left, equals, right = _COMMANDS.sub(_plain_command, text.translate(_SYMBOLS)).partition("=")
    claimed = _tokens(right)
    if equals and not (len(claimed) == 1 and claimed[0].isdigit()):
        raise ExpressionError("after '=' only the value may stand")
    parser = _Parser(_tokens(left))
    value = parser.sum(0)
    if parser.peek() != "":
        raise ExpressionError(f"unexpected {parser.peek()!r}")
    return Expression(value, tuple(parser.numbers), int(claimed[0]) if equals else None)


def _plain_command(match: re.Match[str]) -> str:
    return " * " if match[1] else " / " if match[2] else " "


def _tokens(text: str) -> list[str]:
    tokens, i = [], 0
    while i < len(text):
        char = text[i]
        if char.isspace():
            i += 1
        elif char in "+-*/()":
            tokens.append(char)
            i += 1
        elif char.isascii() and char.isdigit():
            start = i
            while i < len(text) and text[i].isascii() and text[i].isdigit():
                i += 1
            if i - start > MAX_NUMBER_DIGITS:
                raise ExpressionError(f"a number has more than {MAX_NUMBER_DIGITS} digits")
            tokens.append(text[start:i])
        else:
            raise ExpressionError(f"unexpected character {char!r}")
    return tokens


class _Parser:
    """Recursive descent over the grammar sum = product (+|- product)*, product = atom (*|/ atom)*."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self.numbers: list[int] = []

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def sum(self, depth: int) -> Fraction | None:
        value = self._product(depth)
        while self.peek() in {"+", "-"}:
            operator = self._next()
            right = self._product(depth)
            value = None if value is None or right is None else (value + right if operator == "+" else value - right)
        return value

    def _product(self, depth: int) -> Fraction | None:
        value = self._atom(depth)
        while self.peek() in {"*", "/"}:
            operator = self._next()
            right = self._atom(depth)
            if value is None or right is None or (operator == "/" and right == 0):
                value = None
            else:
                value = value * right if operator == "*" else value / right
        return value

    def _atom(self, depth: int) -> Fraction | None:
        token = self._next()
        if token.isdigit():
            self.numbers.append(int(token))
            return Fraction(self.numbers[-1])
        if token != "(":
            raise ExpressionError(
                f"expected a number or '(', got {token!r}" if token else "the expression ends too early"
            )
        if depth >= MAX_DEPTH:
            raise ExpressionError(f"brackets are nested more than {MAX_DEPTH} deep")
        value = self.sum(depth + 1)
        if self._next() != ")":
            raise ExpressionError("a bracket is not closed")
        return value

    def _next(self) -> str:
        token = self.peek()
        self._at += 1
        return token
