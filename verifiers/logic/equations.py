"""`equations@1`: an equation solved, or an expression simplified, by a chain of lines, every line checked.

A line of an equation does one thing to the line before it, so that every line can be checked exactly: by polynomials
over the rationals, with no numbers tried out. The score of a chain that does not arrive counts no lines: it is how much
of the work the last line has left that follows. To repeat lines, or to add and take away, is worth nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isqrt
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.logic.polynomial import (
    Polynomial,
    PolynomialError,
    Written,
    monic,
    parse_polynomial,
    plus,
    ratio,
    scaled,
    simple_roots,
    times,
    write_polynomial,
)
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_LINES = 100
MAX_SIDE = 500
_NUMBER = re.compile(r"-?+[0-9]++(?:/[0-9]++)?+")
_OR = re.compile(r"\bor\b")


class Equation(NamedTuple):
    """Two sides, as they were written; of an expression that is simplified, the left one alone."""

    left: Written
    right: Written | None
    solved: bool


Line = tuple[Equation, ...]  # equations of which one holds


class Problem(NamedTuple):
    """What the chain starts from, the degree of its equation, and the work that there is."""

    start: Line
    degree: int
    work: int


@dataclass(frozen=True)
class Equations(RuleVerifier):
    """Judges a chain of lines.

    The reference is `{"solve": "3(x - 2) = x + 4"}`, an equation in x of degree 1 or 2 whose solutions are rational, or
    `{"simplify": "3(x - 2) + x"}`. The first line is the given one or follows from it.

    A line of an equation follows when it rewrites its sides, each to an equal one, swaps them or not, and does at most
    one thing to both: add or take away one term (a number, or a number times a power of x), or multiply or divide by
    one number other than 0. An equation of degree 2 may split once: into `x - 2 = 0 or x - 3 = 0` or other equations
    with the same solutions together; each of them then goes on like that, or stays. A line of an expression follows
    when it equals the line before. The chain passes when every line follows and the last one is `x = c` (or one for
    each solution) with a number in lowest terms, or the expression in its normal form (the order of terms is free).

    The score of what does not pass is 1 - w / W, where W is the work that the given line leaves and w what the last
    line before the first one that does not follow leaves (see `work`).

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Equations()
        >>> reference = {"solve": "3(x - 2) = x + 4"}
        >>> verifier.verify("<answer>3x - 6 = x + 4\\n2x - 6 = 4\\n2x = 10\\nx = 5</answer>", reference).passed
        True
        >>> verifier.verify("<answer>3x - 6 = x + 4\\nx = 5</answer>", reference).reason.text
        'line 2: more than one thing is done to both sides'
        >>> verifier.verify("<answer>3x - 2 = x + 4</answer>", reference).reason.text
        'line 1: it has not the solutions of the line before'
    """

    name = "equations"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A side may be rewritten in one step however long it is, so an expression may be simplified in one line.",
        "Lines that lead nowhere do not make a right chain wrong.",
        "Two things done to both sides in one line are refused, also where the line is true.",
        "Only x is known as an unknown, and only whole exponents.",
    )

    def parse_reference(self, reference: Any) -> Problem:
        """See the class."""
        if not isinstance(reference, dict) or len(reference) != 1 or not {"solve", "simplify"} & set(reference):
            raise ReferenceFault("not_a_problem", "the reference must hold 'solve' or 'simplify'")
        (kind, text), *_ = reference.items()
        if not isinstance(text, str) or len(text) > 2 * MAX_SIDE:
            raise ReferenceFault("not_a_text", f"'{kind}' must be a text, got {shown(text)}")
        try:
            line = (_expression(text) if kind == "simplify" else _equation(text),)
        except UnreadableError as error:
            raise ReferenceFault("not_a_problem", str(error)) from error
        degree = 0 if kind == "simplify" else len(_difference(line[0])) - 1
        if kind == "solve" and not (degree == 1 or (degree == 2 and _has_two_roots(_difference(line[0])))):
            raise ReferenceFault("not_solvable", "an equation must have degree 1, or degree 2 and two rational roots")
        if line[0].solved:
            raise ReferenceFault("nothing_to_do", "this is solved already")
        return Problem(line, degree, work(line))

    def read(self, text: str, gold: Problem) -> list[Line]:
        """The lines."""
        lines = [line for line in text.split("\n") if line.strip()]
        if not 1 <= len(lines) <= MAX_LINES:
            raise UnreadableError("wrong_length", f"a chain has 1 to {MAX_LINES} lines, not {len(lines)}")
        return [_line(number, line, gold.degree) for number, line in enumerate(lines, start=1)]

    def check(self, answer: list[Line], gold: Problem) -> Finding:
        """See the class."""
        last, parts = gold.start, list[Part]()
        for number, line in enumerate(answer, start=1):
            fault = (
                fault_of(last, line) if not parts or parts[-1].passed else "stands after a line that does not follow"
            )
            gained = 0.0 if fault else (work(last) - work(line)) / gold.work
            parts.append(Part(f"line {number}", not fault, min(1.0, max(0.0, gained)), fault or "follows"))
            last = last if fault else line
        wrong = next((part for part in parts if not part.passed), None)
        if wrong is None and _solved(last):
            return Finding(True, Reason("solved", "every line follows, and the last one is solved"), parts=tuple(parts))
        reason = Reason("not_solved", "every line follows, but the last one is not the solved form")
        if wrong is not None:
            reason = Reason("wrong_line", f"{wrong.name}: {wrong.detail}")
        return Finding(False, reason, max(0.0, 1 - max(1, work(last)) / gold.work), tuple(parts))


def fault_of(before: Line, line: Line) -> str:
    """Why a line does not follow from the one before it; empty where it does."""
    if len(before) == len(line):
        found = (_fault(one, other) for one, other in zip(before, line, strict=True))
        return next(filter(None, found), "")
    if len(before) == 1 and len(line) == 2 and _same_solutions(before, line):
        return ""
    return "it has not the solutions of the line before"


def _fault(before: Equation, after: Equation) -> str:
    if before.right is None or after.right is None:
        return "" if before.left.value == after.left.value else "it does not equal the line before"
    old, new = (before.left.value, before.right.value), (after.left.value, after.right.value)
    if any(way == new or _one_term(way, new) or _one_factor(way, new) for way in (old, old[::-1])):
        return ""
    if monic(plus(*old, -1)) == monic(plus(*new, -1)):
        return "more than one thing is done to both sides"
    return "it has not the solutions of the line before"


def _one_term(old: tuple[Polynomial, Polynomial], new: tuple[Polynomial, Polynomial]) -> bool:
    added = plus(new[0], old[0], -1)
    return added == plus(new[1], old[1], -1) and sum(map(bool, added)) == 1


def _one_factor(old: tuple[Polynomial, Polynomial], new: tuple[Polynomial, Polynomial]) -> bool:
    side = 0 if old[0] else 1
    if not old[side] or not new[side]:
        return False
    factor = ratio(new[side][-1], old[side][-1])
    return all(scaled(one, factor) == other for one, other in zip(old, new, strict=True))


def _same_solutions(before: Line, line: Line) -> bool:
    product = _difference(line[0])
    try:
        for equation in line[1:]:
            product = times(product, _difference(equation))
        return simple_roots(_difference(before[0])) == simple_roots(product)
    except PolynomialError:
        return False


def _difference(equation: Equation) -> Polynomial:
    return plus(equation.left.value, equation.right.value, -1) if equation.right is not None else equation.left.value


def _has_two_roots(p: Polynomial) -> bool:
    square = p[1] * p[1] - 4 * p[0] * p[2]
    return square > 0 and all(isqrt(each) ** 2 == each for each in (square.numerator, square.denominator))


def _solved(line: Line) -> bool:
    return all(equation.solved for equation in line) and len({_side(equation) for equation in line}) == len(line)


def _side(equation: Equation) -> Polynomial:
    return equation.left.value if equation.right is None else equation.right.value


def work(line: Line) -> int:
    """What is left to do: brackets, like terms, terms on the wrong side, a factor before x; more in degree 2.

    Example:
        >>> [work((_equation(text),)) for text in ("3(x - 2) = x + 4", "3x - 6 = x + 4", "2x = 10", "x = 5")]
        [4, 3, 1, 0]
    """
    if len(line) == 1 and line[0].right is not None and len(_difference(line[0])) == 3:
        return _quadratic_work(line[0].left, line[0].right)
    return sum(_work(equation) for equation in line)


def _quadratic_work(left: Written, right: Written) -> int:
    if right.value:
        return 7
    factored = left.terms == 1 and left.brackets and left.inner <= 1
    return 5 if factored else 6


def _work(equation: Equation) -> int:
    left, right = equation.left, equation.right
    found = sum(each.brackets + max(0, each.terms - _count(each.value)) for each in (left, right) if each is not None)
    if right is not None:
        on_left, on_right = left.value[1:], right.value[1:]
        if on_left and on_right:
            found += 1
        elif on_right and not on_left:  # the other way round
            left, right = right, left
        found += bool(left.value and left.value[0])
        found += _difference(equation)[1:] not in ((1,), (-1,))
    return max(found, 0 if equation.solved else 1)


def _count(value: Polynomial) -> int:
    return max(1, sum(map(bool, value)))


def _line(number: int, text: str, degree: int) -> Line:
    try:
        if degree == 0:
            return (_expression(text.strip().removeprefix("=")),)
        equations = tuple(map(_equation, _OR.split(text)))
    except UnreadableError as error:
        raise UnreadableError(error.reason.code, f"line {number}: {error}") from error
    if len(equations) > degree:
        raise UnreadableError("too_many_equations", f"line {number}: at most {degree} in a line")
    return equations


def _expression(text: str) -> Equation:
    written = _polynomial(text)
    normal = written.brackets == 0 and _is_normal(text, written.value)
    return Equation(written, None, normal)


def _is_normal(text: str, value: Polynomial) -> bool:
    """Whether the terms are those of the normal form, in any order."""
    found = [sorted(_terms(each)) for each in (text.replace("−", "-").replace("²", "^2"), write_polynomial(value))]
    return found[0] == found[1]


def _terms(text: str) -> list[str]:
    flat = "".join(text.split()).replace("*", "").replace("-", "+-")
    return [term for term in flat.split("+") if term]


def _equation(text: str) -> Equation:
    left, equals, right = text.partition("=")
    if not equals or "=" in right:
        raise UnreadableError("not_an_equation", "an equation has two sides and one '='")
    sides = _polynomial(left), _polynomial(right)
    number = right.strip().replace("−", "-")
    lowest = len(sides[1].value) <= 1 and number == write_polynomial(sides[1].value)
    return Equation(*sides, left.strip() == "x" and lowest and _NUMBER.fullmatch(number) is not None)


def _polynomial(text: str) -> Written:
    if len(text) > MAX_SIDE:
        raise UnreadableError("too_long", f"an expression has {len(text):,} characters; at most {MAX_SIDE} are read")
    try:
        return parse_polynomial(text.strip())
    except PolynomialError as error:
        raise UnreadableError("not_an_expression", str(error)) from error
