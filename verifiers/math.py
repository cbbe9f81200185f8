"""`math@1`: a final answer in a box, compared as a number or as a normalised LaTeX string.

A first, deliberately narrow version: two answers are equal when both read as one exact number of equal value, or when
they are the same LaTeX after spelling variants are removed (`\\dfrac`, `\\left`, spaces, `\\frac12`). It never
evaluates text and has no tolerance, so it accepts nothing that is not the reference; it does reject equal expressions
written in another form (`(x+1)^2` for `x^2+2x+1`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.extraction import NoSlot, check_markers, final_slot
from rlvr_gym.verifiers.numerals import MAX_SLOT_CHARS, Exact, Refusal, read_number
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict


class Gold(NamedTuple):
    """The reference: its value where it is one number, and its normal form."""

    value: Exact | None
    form: str


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
            reference = str(reference)
        if not isinstance(reference, str):
            raise ReferenceFault("not_a_text", f"the reference is {reference!r:.80}, expected LaTeX text or an int")
        if len(reference) > MAX_SLOT_CHARS:
            raise ReferenceFault("reference_too_long", f"the reference has {len(reference):,} characters")
        form = normal_form(reference)
        if not form:
            raise ReferenceFault("empty_reference", "the reference is empty")
        value = read_number(reference)
        return Gold(None if isinstance(value, Refusal) else value, form)

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
        value = read_number(answer)
        if not isinstance(value, Refusal):
            return "number", value == gold.value
    return "string", normal_form(answer) == gold.form


_REMOVED = re.compile(r"\\left(?![a-zA-Z])|\\right(?![a-zA-Z])|(?<!\\)\\[,!;: ]|\\displaystyle(?![a-zA-Z])|\\\$|[\s$~]")
_SHORT_FRAC = re.compile(r"\\frac(?!\{)([0-9a-zA-Z]|\\[a-zA-Z]+)")
_SHORT_FRAC_2 = re.compile(r"(\\frac\{[^{}]*+\})([0-9a-zA-Z]|\\[a-zA-Z]++)")
_SHORT_SQRT = re.compile(r"\\sqrt([0-9a-zA-Z])")
_TEXT_GROUP = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox|operatorname)\{([^{}]*+)\}")
_SHORT_SCRIPT = re.compile(r"([_^])\{([0-9a-zA-Z])\}")


def normal_form(latex: str) -> str:
    """Remove what LaTeX allows to be spelt in several ways; linear time.

    Example:
        >>> normal_form("\\\\left( \\\\dfrac12 , \\\\text{even} \\\\right)")
        '(\\\\frac{1}{2},even)'
    """
    text = latex.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("{,}", ",")
    text = text.replace("\\%", "%").replace("^\\circ", "°").replace("^{\\circ}", "°").replace("\\degree", "°")
    text = text.replace("\\(", "").replace("\\)", "").replace("\\{", "\\lbrace ").replace("\\}", "\\rbrace ")
    text = _TEXT_GROUP.sub(r"\1", text)
    text = _REMOVED.sub("", text)
    text = _SHORT_FRAC.sub(r"\\frac{\1}", text)
    text = _SHORT_FRAC_2.sub(r"\1{\2}", text)
    text = _SHORT_SQRT.sub(r"\\sqrt{\1}", text)
    text = _SHORT_SCRIPT.sub(r"\1\2", text)
    return text.rstrip(".")
