"""`quantity@1`: a number with its unit, to the precision that is asked for, by exact fractions.

Beside `math@1`, which takes any unit of the same kind: here the unit must be the one that is asked for, and the number
must be the exact value, or that value rounded as asked and no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.structured.quantity_units import Product, UnitError, parse_unit
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_ANSWER_CHARS = 120
MAX_FIGURES = 12
_OTHER_UNIT = Reason("wrong_unit", "it is another unit")
_VALUE = re.compile(r"-?\d{1,40}(?:\.\d{1,40}|/[1-9]\d{0,39})?", re.ASCII)
_NUMBER = re.compile(
    r"(?P<sign>[-+−]?)(?P<digits>\d{1,3}(?:,\d{3}){1,8}|\d{1,30})(?P<part>\.\d{1,30})?"
    r"(?:[eE](?P<power>[-+]?\d{1,2})| ?(?:×|x|\*|·|\\times) ?10\^\{?(?P<ten>[-+−]?\d{1,2})\}?)?"
    r"(?:/(?P<under>[1-9]\d{0,19}))?",
    re.ASCII,
)


class Quantity(NamedTuple):
    """A number and the unit after it; None where no unit stands."""

    value: Fraction
    unit: Product | None


class Gold(NamedTuple):
    """The exact value, its unit, and to how many significant figures it is to be rounded; 0 for not at all."""

    value: Fraction
    unit: Product
    figures: int


@dataclass(frozen=True)
class QuantityAnswer(RuleVerifier):
    """Judges a number with a unit.

    The reference is `{"value": "125/9", "unit": "m/s", "figures": 4}`: the exact value as a decimal or a fraction, the
    unit as `quantity_units.parse_unit` reads it, and the significant figures that are asked for, 1 to 12, or 0 for the
    exact value. A rounded answer must be a multiple of the last figure's place and no more than half of it off: where
    the value lies in the middle, both neighbours are right. How a unit is spelled does not count; another unit is
    wrong, also where the number fits it.

    A wrong answer scores 0.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = QuantityAnswer()
        >>> reference = {"value": "125/9", "unit": "m/s", "figures": 4}
        >>> verifier.verify("<answer>13.89 meters per second</answer>", reference).passed
        True
        >>> verifier.verify("<answer>50 km/h</answer>", reference).reason.code
        'wrong_unit'
    """

    name = "quantity"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "An answer with more figures than asked for is refused, also where they are right.",
        "Units beyond a table are malformed, and so is an equal unit in other words (`N` for `kg m/s^2`) wrong.",
        "Zeros at the end are not counted: 13.9 passes for 13.90.",
    )
    max_answer_chars: ClassVar[int] = MAX_ANSWER_CHARS

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####")

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        try:
            value, unit, figures = reference["value"], reference["unit"], reference["figures"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_quantity", "the reference must hold 'value', 'unit' and 'figures'") from error
        if not isinstance(value, str) or _VALUE.fullmatch(value) is None:
            raise ReferenceFault("bad_value", f"'value' must be a text such as '13.5' or '125/9', got {shown(value)}")
        if type(figures) is not int or not 0 <= figures <= MAX_FIGURES:
            raise ReferenceFault("bad_figures", f"'figures' must be 0 to {MAX_FIGURES}, got {shown(figures)}")
        if not isinstance(unit, str):
            raise ReferenceFault("bad_unit", f"'unit' must be a text, got {shown(unit)}")
        try:
            return Gold(Fraction(value), parse_unit(unit), figures)
        except UnitError as error:
            raise ReferenceFault("bad_unit", str(error)) from error

    def read(self, text: str, gold: Gold) -> Quantity:
        """See the class."""
        match = _NUMBER.match(text)
        if match is None:
            raise UnreadableError("not_a_quantity", "an answer is a number and its unit")
        digits = match["digits"].replace(",", "") + (match["part"] or "")
        power = int((match["power"] or match["ten"] or "0").replace("−", "-"))
        value = Fraction(digits) * Fraction(10) ** power / int(match["under"] or 1)
        value = -value if match["sign"] in ("-", "−") else value
        rest = text[match.end() :]
        if rest[:1].isdigit() or rest[:1] in (".", ","):
            raise UnreadableError("not_a_quantity", "the number cannot be read")
        try:
            return Quantity(value, parse_unit(rest) if rest.strip() else None)
        except UnitError as error:
            raise UnreadableError("unknown_unit", str(error)) from error

    def check(self, answer: Quantity, gold: Gold) -> Finding:
        """See the class."""
        number_ok, unit_ok = _fits(answer.value, gold), answer.unit == gold.unit
        parts = (Part("number", number_ok, float(number_ok)), Part("unit", unit_ok, float(unit_ok)))
        if not unit_ok:
            code, text = (
                ("no_unit", "there is no unit") if answer.unit is None else ("wrong_unit", "it is another unit")
            )
            return Finding(False, Reason(code, text), parts=parts)
        if number_ok:
            return Finding(True, Reason("equal", "number and unit are right"), parts=parts)
        return Finding(False, Reason("different", "it is another number, or not rounded as asked"), parts=parts)


def _fits(value: Fraction, gold: Gold) -> bool:
    if not gold.figures or not gold.value:
        return value == gold.value
    place = last_place(gold.value, gold.figures)
    return (value / place).denominator == 1 and abs(value - gold.value) * 2 <= place


def last_place(value: Fraction, figures: int) -> Fraction:
    """What one step of the last of so many significant figures of a value is worth.

    Example:
        >>> last_place(Fraction(125, 9), 4)
        Fraction(1, 100)
    """
    size, power = abs(value), 0
    while size >= 10:
        size, power = size / 10, power + 1
    while size < 1:
        size, power = size * 10, power - 1
    return Fraction(10) ** (power - figures + 1)
