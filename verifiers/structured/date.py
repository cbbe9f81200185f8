"""`date@1`: a calendar date, a day of the week, an ISO week, or a number of days.

Dates are read in ISO 8601 and in the forms that can mean one day only: with the month as a word, or with the year
first. `03/04/2024` means two days, and is refused. The Gregorian calendar holds throughout.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Reason

MAX_ANSWER_CHARS = 60
MAX_NUMBER = 10**9
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = tuple("January February March April May June July August September October November December".split())
_SHORT_DAYS = {"tues": 1, "thur": 3, "thurs": 3, "weds": 2} | {name[:3].lower(): n for n, name in enumerate(WEEKDAYS)}
_DAYS = _SHORT_DAYS | {name.lower(): n for n, name in enumerate(WEEKDAYS)}
_MONTHS = {"sept": 9} | {text.lower(): n for n, name in enumerate(MONTHS, 1) for text in (name, name[:3])}
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([a-z]{3,9})\.?,? (\d{4})", re.ASCII)
_MONTH_FIRST = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.ASCII)
_BEFORE = re.compile(r"([a-z]{3,9})\.?,? (?=[a-z0-9])", re.ASCII)
_WEEK = re.compile(r"(\d{4})-?W(\d{2})", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,9}))(?: (?:(?:working|business|calendar) )?days?)?", re.ASCII)


class Gold(NamedTuple):
    """What is asked for, and its value: a date, a number of a day of the week, a year and a week, or a number."""

    kind: str
    value: date | int | tuple[int, int]


@dataclass(frozen=True)
class Calendar(RuleVerifier):
    """Exact comparison of a date or what goes with it.

    The reference is one of `{"date": "2024-02-29"}`, `{"weekday": "Monday"}`, `{"week": "2024-W09"}`, `{"number": 31}`.
    Which of them it is decides what is read: a day of the week where a date is asked for is malformed. A day of the
    week before a date must be that of the date. After a number `days` may stand.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Calendar()
        >>> verifier.verify("<answer>29 February 2024</answer>", {"date": "2024-02-29"}).passed
        True
        >>> verifier.verify("<answer>03/04/2024</answer>", {"date": "2024-04-03"}).reason.code
        'ambiguous_date'
    """

    name = "date"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "`days` after a number is read over, also where something else was counted.",
        "A date with the month as a number and not the year first is refused, also where it can mean one day only.",
        "Names of days and months are English.",
    )
    max_answer_chars: ClassVar[int] = MAX_ANSWER_CHARS

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####")

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        if not isinstance(reference, dict) or len(reference) != 1:
            raise ReferenceFault("not_a_date", "the reference must hold one of 'date', 'weekday', 'week', 'number'")
        [(kind, value)] = reference.items()
        if kind == "number":
            if type(value) is not int or abs(value) >= MAX_NUMBER:
                raise ReferenceFault("not_a_number", f"'number' must be an integer below 10**9, got {shown(value)}")
            return Gold(kind, value)
        if kind not in _READERS or not isinstance(value, str) or len(value) > MAX_ANSWER_CHARS:
            raise ReferenceFault("not_a_date", f"no date, weekday, week or number: {shown(reference)}")
        try:
            return Gold(kind, _READERS[kind](value))
        except UnreadableError as error:
            raise ReferenceFault("not_a_date", f"'{kind}' cannot be read: {error}") from error

    def read(self, text: str, gold: Gold) -> date | int | tuple[int, int]:
        """See the class."""
        return _READERS[gold.kind](" ".join(text.split()).rstrip("."))

    def check(self, answer: date | int | tuple[int, int], gold: Gold) -> Finding:
        """See the class."""
        if answer == gold.value:
            return Finding(True, Reason("equal", f"the {gold.kind} is right"))
        return Finding(False, Reason("different", f"another {gold.kind}"))


def read_date(text: str) -> date:
    """Read a date, with or without its day of the week before it.

    Raises:
        UnreadableError: It is none, or can mean several days.

    Example:
        >>> read_date("Thu, Feb 29, 2024")
        datetime.date(2024, 2, 29)
    """
    folded = text.lower()
    before = _BEFORE.match(folded)
    weekday = _DAYS.get(before[1]) if before else None
    if before and weekday is not None:
        folded = folded[before.end() :]
    found = _day_of(folded)
    if weekday is not None and found.weekday() != weekday:
        raise UnreadableError("wrong_weekday", "the day of the week is not that of the date")
    return found


def _day_of(text: str) -> date:
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = int(match[1]), int(match[3]), int(match[4])
    elif match := _DAY_FIRST.fullmatch(text):
        year, month, day = int(match[3]), _MONTHS.get(match[2], 0), int(match[1])
    elif match := _MONTH_FIRST.fullmatch(text):
        year, month, day = int(match[3]), _MONTHS.get(match[1], 0), int(match[2])
    elif re.fullmatch(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}", text, re.ASCII):
        raise UnreadableError("ambiguous_date", "day and month cannot be told apart: write the date as 2024-02-29")
    else:
        raise UnreadableError("not_a_date", "a date is written as 2024-02-29")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise UnreadableError("no_such_date", "there is no such day in the calendar") from error


def _read_weekday(text: str) -> int:
    if text.lower() not in _DAYS:
        raise UnreadableError("not_a_weekday", "a day of the week is one of Monday to Sunday")
    return _DAYS[text.lower()]


def _read_week(text: str) -> tuple[int, int]:
    match = _WEEK.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 53:
        raise UnreadableError("not_a_week", "an ISO week is written as 2024-W09")
    return int(match[1]), int(match[2])


def _read_number(text: str) -> int:
    match = _NUMBER.fullmatch(text.lower())
    if match is None:
        raise UnreadableError("not_a_number", "the answer is to be an integer")
    return int(match[1].replace(",", ""))


_READERS: dict[str, Callable[[str], date | int | tuple[int, int]]] = {
    "date": read_date,
    "weekday": _read_weekday,
    "week": _read_week,
    "number": _read_number,
}
