"""Reading one number from a short text, exactly: no floats, caps on size, no guessing.

The grammar is an optional sign and currency sign around digits (thousands groups of three, a decimal part, an
exponent), a fraction `a/b` or `\\frac{a}{b}`, or a mixed number `1 1/2`; then an optional percent sign or unit words.
Anything else is refused with a reason, because a reader that guesses pays for `5 or 7`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from rlvr_gym.verifiers.verdict import Reason, Status

MAX_DIGITS = 4000
MAX_SLOT_CHARS = 2 * MAX_DIGITS

Exact = int | Fraction


class Refusal(NamedTuple):
    """Why a text is not exactly one number."""

    status: Status
    reason: Reason


# Full-width digits and signs, the many minus signs and spaces. Superscripts stay as they are: 5² is not 52.
_TRANSLATE = str.maketrans(
    {chr(0xFF10 + d): str(d) for d in range(10)}
    | dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\uff0d\ufe63", "-")
    | {"\uff0b": "+", "\uff0e": ".", "\uff0c": ",", "\uff0f": "/", "\u2044": "/", "\uff05": "%", "\u00a0": " "}
    | dict.fromkeys("\u2009\u202f\u2007\u3000\t\r\n", " ")
)
_LATEX = (
    ("\\left", ""),
    ("\\right", ""),
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("{,}", ","),
    ("\\,", ""),
    ("\\!", ""),
    ("\\;", " "),
    ("\\ ", " "),
    ("\\$", "$"),
    ("\\%", "%"),
    ("^\\circ", "°"),
    ("^{\\circ}", "°"),
    ("**", ""),
    ("\\(", ""),
    ("\\)", ""),
)
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\{([^{}]*+)\}")
_FRAC = re.compile(r"(?<!\d)(\d*+)\s*+\\frac\s*(?:\{\s*([^{}]*+)\}|(\d))\s*(?:\{\s*([^{}]*+)\}|(\d))")
_PLAIN = r"(?:\d{1,3}(?:,\d{3})++(?:\.\d++)?|\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,6})?"
_NUMBER = re.compile(
    r"(?:[A-Za-z]\s*+=\s*+)?"  # x = 5
    r"[$€£¥]?\s*+(?P<sign>[+-]?)\s*+[$€£¥]?\s*+"
    rf"(?:(?P<whole>\d++)\s++(?=\d++\s*+/))?(?P<num>{_PLAIN})(?:\s*+/\s*+(?P<den>{_PLAIN}))?"
    r"(?P<tail>.*)",
    re.DOTALL,
)
_TAIL = re.compile(r"(?:\s*+[%€£¥$°])?(?:[^\W\d_]|[\s,./()'-])*+")
# Words after the number that would change its value or add a second answer.
_NOT_A_UNIT = frozenset(
    """or and to not nor either plus minus times over by divided squared cubed factorial half halves third thirds
    quarter quarters dozen dozens hundred hundreds thousand thousands million millions billion billions trillion trillions k mn
    bn maybe perhaps possibly approximately about around roughly versus vs but than wait actually zero one two three
    four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
    twenty thirty forty fifty sixty seventy eighty ninety pi π sqrt""".split()
)
# A single letter is a variable, not a unit ("4t", "5 x", "2e", "3i"), but for these where a space sets them off.
_LETTER_UNITS = frozenset("mgshlL")
_WORD = re.compile(r"[^\W\d_]+")


def read_number(text: str) -> Exact | Refusal:
    """Read exactly one number.

    Args:
        text: A short text, such as the inside of `\\boxed{}`. At most 8,000 characters and 4,000 digits are read.

    Returns:
        An `int` or a `Fraction`, or why the text is not one number.

    Example:
        >>> read_number("$1,234.50"), read_number("\\\\frac{3}{4}"), read_number("-7 apples")
        (Fraction(2469, 2), Fraction(3, 4), -7)
        >>> read_number("5 or 7").status.value, read_number("1,23").status.value, read_number("7 = 5").status.value
        ('ambiguous', 'malformed', 'malformed')
    """
    text = text.strip()
    digits = text[1:] if text[:1] == "-" else text
    if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS:
        return int(text)
    if len(text) > MAX_SLOT_CHARS:
        return _refuse(Status.LIMIT_EXCEEDED, "answer_too_long", f"the answer has {len(text):,} characters")
    if not text:
        return _refuse(Status.MALFORMED, "empty_answer", "the answer is empty")
    match = _NUMBER.fullmatch(_simplify(text))
    if match is None:
        return _refuse(Status.MALFORMED, "not_a_number", f"not a number: {_clip(text)!r}")
    tail = match["tail"].strip()
    problem = _tail_problem(match["tail"]) if tail else None
    if problem is not None:
        return _refuse(problem, "more_than_a_number", f"more than one number or a hedge: {_clip(text)!r}")
    return _value(match, text)


def _simplify(text: str) -> str:
    text = text.translate(_TRANSLATE)
    if "\\" in text or "{" in text or "*" in text:
        for old, new in _LATEX:
            text = text.replace(old, new)
        text = _TEXT.sub(r" \1 ", text)
        text = _FRAC.sub(_plain_fraction, text)
    text = text.strip()
    if len(text) > 1 and text[0] == "$" and text[-1] == "$":
        text = text[1:-1].strip()
    return text


def _plain_fraction(match: re.Match[str]) -> str:
    numerator, denominator = match[2] or match[3] or "", match[4] or match[5] or ""
    return f"{match[1]} {numerator}/{denominator}" if match[1] else f"{numerator}/{denominator}"


def _tail_problem(tail: str) -> Status | None:
    """None where what follows the number is a unit or punctuation; else what is wrong with it."""
    if _TAIL.fullmatch(tail) is None:
        return Status.AMBIGUOUS if any(char.isdigit() for char in tail) else Status.MALFORMED
    words = _WORD.findall(tail)
    if any(word.lower() in _NOT_A_UNIT for word in words):
        return Status.AMBIGUOUS
    if words and len(words[0]) == 1 and not (tail[0].isspace() and words[0] in _LETTER_UNITS):
        return Status.MALFORMED
    # A comma, slash, hyphen or bracket stands between words ("miles/hour"); after a bare number only a full stop may.
    return None if words or tail.strip() in {".", "%", "%.", "$", "€", "£", "¥", "°", "°."} else Status.MALFORMED


def _value(match: re.Match[str], text: str) -> Exact | Refusal:
    value = _decimal(match["num"])
    if value is None:
        return _too_many_digits(text)
    if match["den"] is not None:
        divisor = _decimal(match["den"])
        if divisor is None:
            return _too_many_digits(text)
        if divisor == 0:
            return _refuse(Status.MALFORMED, "division_by_zero", f"division by zero: {_clip(text)!r}")
        value = Fraction(value) / divisor
    if match["whole"] is not None:
        if len(match["whole"]) > MAX_DIGITS or not 0 <= value < 1:
            return _refuse(Status.MALFORMED, "not_a_mixed_number", f"not a mixed number: {_clip(text)!r}")
        value = int(match["whole"]) + value
    return -value if match["sign"] == "-" else value


def _decimal(text: str) -> Exact | None:
    """Digits with an optional decimal part and exponent, exactly; None above `MAX_DIGITS`."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, decimals = mantissa.replace(",", "").partition(".")
    shift = int(exponent) if exponent else 0
    if len(whole) + len(decimals) + abs(shift) > MAX_DIGITS:
        return None
    shift -= len(decimals)
    digits = int((whole + decimals) or "0")
    return digits * 10**shift if shift >= 0 else Fraction(digits, 10**-shift)


def _too_many_digits(text: str) -> Refusal:
    return _refuse(Status.LIMIT_EXCEEDED, "too_many_digits", f"more than {MAX_DIGITS:,} digits: {_clip(text)!r}")


def _refuse(status: Status, code: str, sentence: str) -> Refusal:
    return Refusal(status, Reason(code, sentence))


def _clip(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
