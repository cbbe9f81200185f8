"""`number@1`: the final answer is one number, compared exactly.

For word problems and arithmetic (GSM8K's `####`, `A:`, `\\boxed{}`, `<answer>`). Integers are compared as integers and
everything else as exact fractions; there is no tolerance, so 10000000000000001 is not 10000000000000000 and 0.333 is
not 1/3.

Policies: a unit or currency after the number is read over where the gold has none (`18 dollars` is 18), and must be
the gold's where it has one; `50%` is 50 and never 0.5; thousands groups must be groups of three; `5 or 7`, `5 and 7`,
ranges, number words, Roman numerals and what takes the number back (`7 is wrong`) make the answer ambiguous.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.extraction import NoSlot, Slot, after_reasoning, check_markers, final_slot
from rlvr_gym.verifiers.numerals import MAX_DIGITS, Quantity, Refusal, read_quantity
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict

DEFAULT_MARKERS = ("####", "A:", "boxed", "answer_tag")
MODES = ("strict", "lenient")

_EQUAL = Reason("equal", "equal as exact numbers")
_LIMIT = 10**MAX_DIGITS
# A minus directly after a digit, a letter or a bracket is a subtraction or a range, not a sign.
_ANY_NUMBER = re.compile(
    r"(?:(?<![\w)\]])[-\u2212\u2010-\u2013\uff0d\ufe63])?"
    r"(?:\d{1,3}(?:,\d{3})++(?:\.\d++)?|\d++(?:\.\d++)?|\.\d++)(?:[eE][+-]?\d++)?(?:/\d++)?"
)


@dataclass(frozen=True)
class Number(Verifier):
    """Exact comparison of one final number.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`); the last one wins.
        mode: `"strict"` for training; `"lenient"` for evaluating models that were never told the format: where no
            marker occurs, the last number of the text is taken, and the verdict's `method` says so.

    Raises:
        ConfigError: Unknown marker or mode.

    Example:
        >>> verifier = Number()
        >>> verifier.verify("3 + 4 = 7\\nA: 7", "7").status.value
        'passed'
        >>> verifier.verify("#### 5 or 7", "7").reason.code
        'more_than_a_number'
        >>> verifier.verify("It is seven, that is 7.", 7).status.value
        'no_answer'
        >>> Number(mode="lenient").verify("It is seven, that is 7.", 7).method
        'last_number/exact'
    """

    name = "number"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Only the last declared number is judged: a right one after a wrong argument passes.",
        "A unit is read over where the reference has none: `18 bananas` passes for 18, whatever was asked for.",
        "Words that take a number back or scale it are known from a table of some European languages: in others, and "
        "as what it does not hold (`18 oops`), they are units; `18 questions wrong` is refused.",
        "There is no tolerance, and `50%` is 50: a rounded decimal, 0.5 for 50 % and a sum that is left to be "
        "added are refused.",
        'With `mode="lenient"` the last number of a text counts: one that lists many and ends on the right one passes.',
    )

    markers: tuple[str, ...] = DEFAULT_MARKERS
    mode: str = "strict"

    def __post_init__(self) -> None:
        check_markers(self.markers)
        if self.mode not in MODES:
            raise ConfigError(f"mode must be one of {MODES}, got {self.mode!r}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Quantity:
        """Accepts int, float (read by its shortest decimal form), Decimal, Fraction, or a text with one number."""
        if not isinstance(reference, str):
            return _from_object(reference)
        value = read_quantity(reference)
        if isinstance(value, Refusal):
            raise ReferenceFault(value.reason.code, f"the reference is not one number: {value.reason.text}")
        return value

    def judge(self, response: str, gold: Quantity, context: Context | None) -> Verdict:
        """See the class."""
        slot = final_slot(response, self.markers)
        if isinstance(slot, NoSlot) and slot.reason.code == "no_marker" and self.mode == "lenient":
            slot = _last_number(response) or slot
        if isinstance(slot, NoSlot):
            return Verdict(slot.status, 0.0, slot.reason, self.id)
        method, extracted = slot.marker + "/exact", slot.text.strip()
        value = read_quantity(extracted)
        if isinstance(value, Refusal):
            return Verdict(value.status, 0.0, value.reason, self.id, extracted[:200], method)
        if value == gold or value.answers(gold):
            return Verdict(Status.PASSED, 1.0, _EQUAL, self.id, extracted, method)
        reason = Reason("different", f"{extracted:.60} differs from the reference")
        return Verdict(Status.FAILED, 0.0, reason, self.id, extracted, method)


def _from_object(reference: Any) -> Quantity:
    if isinstance(reference, int | Fraction) and not isinstance(reference, bool):
        if max(abs(reference.numerator), reference.denominator) >= _LIMIT:
            raise ReferenceFault("too_many_digits", f"the reference has more than {MAX_DIGITS} digits")
        return Quantity(reference)
    if isinstance(reference, float) and math.isfinite(reference):
        return Quantity(Fraction(float.__repr__(reference)))  # numpy's own repr is not a number
    if isinstance(reference, Decimal) and reference.is_finite():
        if abs(reference.adjusted()) + len(reference.as_tuple().digits) > MAX_DIGITS:
            raise ReferenceFault("too_many_digits", f"the reference has more than {MAX_DIGITS} digits")
        return Quantity(Fraction(reference))
    raise ReferenceFault("not_a_number", f"the reference is {shown(reference)}, expected a finite number or its text")


def _last_number(response: str) -> Slot | None:
    text = after_reasoning(response) or ""
    last: re.Match[str] | None = None
    for match in _ANY_NUMBER.finditer(text):
        last = match
    return None if last is None else Slot(last[0], "last_number", text, *last.span())
