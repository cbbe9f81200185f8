"""`math@1`: a final answer in a box, compared as a number or as a normalised LaTeX string.

A first, deliberately narrow version: two answers are equal when both read as one exact number of equal value, or when
they are the same LaTeX after spelling variants are removed (`\\dfrac`, `\\left`, spaces, `\\frac12`). It never
evaluates text and has no tolerance, so it accepts nothing that is not the reference; it does reject equal expressions
written in another form (`(x+1)^2` for `x^2+2x+1`).

In LaTeX letters are variables: `5 xy` is not a number with a unit. Units count inside `\\text{}` and the like, or where
they are one of a short list (`5 cm`, `18 dollars`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.extraction import NoSlot, check_markers, final_slot
from rlvr_gym.verifiers.numerals import (
    GROUPING,
    MAX_DIGITS,
    MAX_SLOT_CHARS,
    TEXT_GROUP,
    Quantity,
    Refusal,
    read_quantity,
)
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict


class Gold(NamedTuple):
    """The reference: its text, and its value where it is one number, else its normal form."""

    text: str
    value: Quantity | None
    form: str = ""


@dataclass(frozen=True)
class Math(Verifier):
    """String-and-number comparison of a boxed answer.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`); the last one wins.

    Example:
        >>> verifier = Math()
        >>> verifier.verify("hence $\\\\boxed{\\\\dfrac{3}{6}}$", "\\\\frac12").method
        'boxed/number'
        >>> verifier.verify("\\\\boxed{\\\\left( 3, \\\\tfrac\\\\pi2 \\\\right)}", "(3,\\\\frac{\\\\pi}{2})").method
        'boxed/string'
        >>> verifier.verify("\\\\boxed{1/2^{99}}", "1/2^{98}").passed
        False
    """

    name = "math"
    version = 1

    markers: tuple[str, ...] = ("boxed",)

    def __post_init__(self) -> None:
        check_markers(self.markers)
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Gold:
        """Accepts a non-empty LaTeX text or an int."""
        if isinstance(reference, int) and not isinstance(reference, bool):
            if abs(reference) >= 10**MAX_DIGITS:
                raise ReferenceFault("too_many_digits", f"the reference has more than {MAX_DIGITS} digits")
            reference = str(int(reference))
        if not isinstance(reference, str):
            raise ReferenceFault("not_a_text", f"the reference is {shown(reference)}, expected LaTeX text or an int")
        if len(reference) > MAX_SLOT_CHARS:
            raise ReferenceFault("reference_too_long", f"the reference has {len(reference):,} characters")
        value = _quantity(reference)
        if value is not None:
            return Gold(reference, value)
        form = normal_form(reference)
        if not form:
            raise ReferenceFault("empty_reference", "the reference is empty")
        return Gold(reference, None, form)

    def judge(self, response: str, gold: Gold, context: Context | None) -> Verdict:
        """See the class."""
        slot = final_slot(response, self.markers)
        if isinstance(slot, NoSlot):
            return Verdict(slot.status, 0.0, slot.reason, self.id)
        extracted = slot.text.strip()
        if len(extracted) > MAX_SLOT_CHARS:
            reason = Reason("answer_too_long", f"the answer has {len(extracted):,} characters")
            return Verdict(Status.LIMIT_EXCEEDED, 0.0, reason, self.id, extracted[:200], slot.marker)
        if not extracted:
            return Verdict(
                Status.MALFORMED, 0.0, Reason("empty_answer", "the answer is empty"), self.id, "", slot.marker
            )
        method, equal = _compare(extracted, gold)
        method = f"{slot.marker}/{method}"
        if equal:
            return Verdict(Status.PASSED, 1.0, Reason("equal", "equal to the reference"), self.id, extracted, method)
        reason = Reason("different", f"{extracted:.60} differs from the reference")
        return Verdict(Status.FAILED, 0.0, reason, self.id, extracted, method)


def _compare(answer: str, gold: Gold) -> tuple[str, bool]:
    if gold.value is not None:
        value = _quantity(answer)
        if value is not None:
            return "number", value.answers(gold.value)
    return "string", normal_form(answer) == (gold.form or normal_form(gold.text))


_BARE_WORD = re.compile(r"(?<![\\A-Za-z])(?!(?<=[\d.])[eE][+-]?\d)[A-Za-z]++(?!\s*+=)")
_BARE_UNITS = frozenset(
    """cm mm km kg ft lb lbs oz hr hrs meter meters metre metres centimeter centimeters kilometer kilometers foot feet
    inch inches yard yards mile miles gram grams kilogram kilograms liter liters litre litres pound pounds ounce ounces
    second seconds minute minutes hour hours day days week weeks month months year years dollar dollars cent cents
    degree degrees percent unit units square cubic per mph""".split()
)


def _quantity(latex: str) -> Quantity | None:
    """The text as one number, or None; bare letters are variables, whatever they would be in prose."""
    if not all(word in _BARE_UNITS for word in _BARE_WORD.findall(TEXT_GROUP.sub(" ", latex))):
        return None
    quantity = read_quantity(latex)
    return None if isinstance(quantity, Refusal) else quantity


_SPACING = re.compile(r"\\(?:left|right|displaystyle)(?![a-zA-Z])|(?<!\\)\\[,!;: ()]|\\\$|\$|(?<=\S)~")
# A space says nothing but between two digits (1 2 is not 12) and after a command before a letter (\pi r).
_SPACE = re.compile(r"(\\[a-zA-Z]++)\s++(?=[a-zA-Z])|(?<!\d)\s++|\s++(?!\d)")
_SHORT_FRAC = re.compile(r"\\frac ?(?!\{)([0-9a-zA-Z]|\\[a-zA-Z]++)")
_SHORT_FRAC_2 = re.compile(r"(\\frac\{[^{}]*+\}) ?([0-9a-zA-Z]|\\[a-zA-Z]++)")
_SHORT_SQRT = re.compile(r"\\sqrt ?([0-9a-zA-Z])")
_SHORT_SCRIPT = re.compile(r"([_^])\{([0-9a-zA-Z])\}")


def normal_form(latex: str) -> str:
    """Remove what LaTeX allows to be spelt in several ways; linear time.

    Example:
        >>> normal_form("\\\\left( \\\\dfrac12 , \\\\text{even} \\\\right)")
        '(\\\\frac{1}{2},even)'
    """
    text = GROUPING.sub("", latex).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    text = text.replace("\\%", "%").replace("^\\circ", "°").replace("^{\\circ}", "°").replace("\\degree", "°")
    text = text.replace("\\{", "\\lbrace ").replace("\\}", "\\rbrace ")
    text = TEXT_GROUP.sub(r" \1 ", text)
    text = _SPACE.sub(_kept_space, _SPACING.sub(" ", text)).strip()
    text = _SHORT_FRAC.sub(r"\\frac{\1}", text)
    text = _SHORT_FRAC_2.sub(r"\1{\2}", text)
    text = _SHORT_SQRT.sub(r"\\sqrt{\1}", text)
    text = _SHORT_SCRIPT.sub(r"\1\2", text)
    return text.removesuffix(".")


def _kept_space(match: re.Match[str]) -> str:
    return f"{match[1]} " if match[1] else ""
