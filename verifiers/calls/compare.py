"""What an argument may be: accepted values and how one is compared with them."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.state import normalised
from rlvr_gym.verifiers.strict_json import flaw_of
from rlvr_gym.verifiers.trajectory import same

MAX_ITEMS = 200
_KEYS = {"value", "any_of", "compare", "tolerance", "optional"}
_ISO = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th)? ([a-z]{3,9})\.?,? (\d{4})", re.ASCII)
_MONTH_FIRST = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.ASCII)
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip


class Expected(NamedTuple):
    """What an argument may be.

    Args:
        values: Any of these is accepted.
        compare: The name of the comparison, one of `COMPARISONS`.
        tolerance: Of `number`: the largest difference.
        optional: Whether the argument may be left out.
    """

    values: tuple[Any, ...]
    compare: str
    tolerance: float
    optional: bool

    def accepts(self, given: Any) -> bool:
        """Whether a value is one of those that are accepted."""
        return any(_COMPARE[self.compare](given, value, self.tolerance) for value in self.values)


def read_expected(name: str, spec: Any) -> Expected:
    """What an argument may be, from JSON.

    Raises:
        ReferenceFault: It is no such specification.

    Example:
        >>> read_expected("when", {"value": "2024-05-01", "compare": "date"}).accepts("May 1, 2024")
        True
    """
    where = f"the argument {shown(name, 60)}"
    if not isinstance(spec, Mapping) or not spec.keys() <= _KEYS or ("value" in spec) is ("any_of" in spec):
        text = f"{where} is {{'value': v}} or {{'any_of': [v, ...]}} with compare, tolerance, optional"
        raise ReferenceFault("not_an_argument", f"{text}; got {shown(spec)}")
    values = [spec["value"]] if "value" in spec else spec["any_of"]
    compare, tolerance, optional = spec.get("compare", "exact"), spec.get("tolerance", 0), spec.get("optional", False)
    if not isinstance(values, list) or not values or flaw_of(values):
        raise ReferenceFault("not_an_argument", f"{where} accepts no value, or one that is no JSON: {shown(values)}")
    if compare not in COMPARISONS or not isinstance(optional, bool):
        raise ReferenceFault("not_an_argument", f"{where}: compare is one of {', '.join(COMPARISONS)}; {shown(spec)}")
    if not _is_number(tolerance) or not 0 <= tolerance < math.inf or (tolerance and compare != "number"):
        raise ReferenceFault("not_an_argument", f"{where}: tolerance is a number, for compare='number': {shown(spec)}")
    expected = Expected(tuple(values), compare, float(tolerance), optional)
    for value in values:
        if not _COMPARE[compare](value, value, 0.0):
            raise ReferenceFault("not_an_argument", f"{where}: {shown(value)} cannot be compared by {compare!r}")
    return expected


def read_date(text: Any) -> datetime.date | None:
    """The day that a text names; None where it names none, or where day and month could be confused.

    Example:
        >>> str(read_date("1st May 2024")), str(read_date("2024/5/1")), read_date("05/01/2024")
        ('2024-05-01', '2024-05-01', None)
    """
    if not isinstance(text, str) or len(text) > 40:
        return None
    text = " ".join(text.casefold().split())
    if match := _ISO.fullmatch(text):
        parts = match[1], match[3], match[4]
    elif match := _DAY_FIRST.fullmatch(text):
        parts = match[3], _month(match[2]), match[1]
    elif match := _MONTH_FIRST.fullmatch(text):
        parts = match[3], _month(match[1]), match[2]
    else:
        return None
    try:
        return datetime.date(*map(int, parts))
    except ValueError:
        return None


def _month(word: str) -> str:
    short = "sep" if word == "sept" else word
    found = [n for n, month in enumerate(_MONTHS, 1) if short in (month, month[:3])]
    return str(found[0]) if found else "0"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(given: Any, value: Any, tolerance: float) -> bool:
    if not _is_number(given) or not _is_number(value):
        return False
    try:
        return bool(abs(given - value) <= tolerance)
    except OverflowError:
        return False


def _set(given: Any, value: Any, _: float) -> bool:
    if not isinstance(given, list) or not isinstance(value, list) or max(len(given), len(value)) > MAX_ITEMS:
        return False
    left = list(value)
    for item in given:
        found = next((n for n, other in enumerate(left) if same(item, other)), None)
        if found is None:
            return False
        del left[found]
    return not left


def _date(given: Any, value: Any, _: float) -> bool:
    day = read_date(given)
    return day is not None and day == read_date(value)


def _text(given: Any, value: Any, _: float) -> bool:
    return isinstance(given, str) and isinstance(value, str) and normalised(given) == normalised(value)


_COMPARE: Mapping[str, Callable[[Any, Any, float], bool]] = {
    "exact": lambda given, value, _: same(given, value),
    "number": _number,
    "set": _set,
    "date": _date,
    "text": _text,
}
COMPARISONS = tuple(_COMPARE)
