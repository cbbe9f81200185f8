"""What `DateArithmetic` does to a day, and what it asks about the day that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

from rlvr_gym.envs.procedural import TaskRandom

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ORDINALS = ("first", "second", "third", "fourth")
Values = tuple[int, ...]


class Kind(NamedTuple):
    """A kind of step.

    Args:
        draw: Its values; the number is the largest count of days.
        apply: The day after it, of the day before and the values.
        words: What is to be done.
        short: The same in short, without its values.
    """

    draw: Callable[[TaskRandom, int], Values]
    apply: Callable[..., date]
    words: Callable[..., str]
    short: str


class Ask(NamedTuple):
    """A kind of question about a day.

    Args:
        draw: Its values: days between the day and other days.
        answer: The reference, of the day and the values.
        words: The question, likewise.
        short: The same in short, without its values.
    """

    draw: Callable[[TaskRandom, int], Values]
    answer: Callable[..., dict[str, Any]]
    words: Callable[..., str]
    short: str


def month_later(day: date, months: int) -> date:
    """The same day of another month, or its last day where it is too short.

    Example:
        >>> month_later(date(2024, 1, 31), 1)
        datetime.date(2024, 2, 29)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(1)).day))


def working_days_later(day: date, count: int) -> date:
    """The day after so many days from Monday to Friday, the first of them after this one.

    Example:
        >>> working_days_later(date(2024, 3, 1), 1)  # a Friday
        datetime.date(2024, 3, 4)
    """
    weeks, rest = divmod(count - 1, 5)
    day += timedelta(7 * weeks)
    for _ in range(rest + 1):
        day += timedelta(1)
        while day.weekday() > 4:
            day += timedelta(1)
    return day


def working_days(first: date, last: date) -> int:
    """How many days from Monday to Friday there are between two days, both included.

    Example:
        >>> working_days(date(2024, 3, 1), date(2024, 3, 4))
        2
    """
    weeks, rest = divmod((last - first).days + 1, 7)
    return 5 * weeks + sum((first.weekday() + place) % 7 < 5 for place in range(rest))


def next_weekday(day: date, weekday: int) -> date:
    """The first day after this one that is this day of the week; 0 is Monday."""
    return day + timedelta((weekday - day.weekday() - 1) % 7 + 1)


def place_in_month(day: date, place: int, weekday: int) -> date:
    """The first, second, ... such day of the week in the month of a day; place 4 is the last one."""
    first = next_weekday(day.replace(day=1) - timedelta(1), weekday)
    if place < 4:
        return first + timedelta(7 * place)
    found = first + timedelta(28)
    return found if found.month == day.month else first + timedelta(21)


def next_leap_day(day: date) -> date:
    """The first 29th of February after a day.

    Example:
        >>> next_leap_day(date(2096, 2, 29))
        datetime.date(2104, 2, 29)
    """
    year = day.year + ((day.month, day.day) >= (2, 29))
    while year % 4 or (year % 100 == 0 and year % 400):
        year += 1
    return date(year, 2, 29)


def _count(low: int) -> Callable[[TaskRandom, int], Values]:
    return lambda rng, most: (rng.between(low, most),)


def _overlap_values(rng: TaskRandom, most: int) -> Values:
    """How long something takes, and from when to when, in days from its first one, something else does."""
    length = rng.between(most // 4 + 4, most)
    start = rng.between(-most // 4, length - 2)
    return length, start, rng.between(max(1, start + 1), length + most // 4)


def _overlap(day: date, length: int, start: int, end: int) -> dict[str, Any]:
    return {"number": min(length - 1, end) - max(0, start) + 1}


def _after(day: date, days: int) -> str:
    return (day + timedelta(days)).isoformat()


def _week(day: date) -> dict[str, Any]:
    year, week, _ = day.isocalendar()
    return {"week": f"{year}-W{week:02}"}


def _place_words(place: int, weekday: int) -> str:
    return f"Go to the {(*_ORDINALS, 'last')[place]} {WEEKDAYS[weekday]} of the month that you are in."


KINDS: dict[str, Kind] = {
    "forward": Kind(_count(2), lambda day, n: day + timedelta(n), lambda n: f"Go {n} days forward.", "+d"),
    "back": Kind(_count(2), lambda day, n: day - timedelta(n), lambda n: f"Go {n} days back.", "-d"),
    "months": Kind(
        lambda rng, most: (rng.between(2, 30),),
        month_later,
        lambda n: f"Go {n} months forward to the same day of the month; where there is none, to the last of the month.",
        "+m",
    ),
    "months_back": Kind(
        lambda rng, most: (rng.between(2, 30),),
        lambda day, n: month_later(day, -n),
        lambda n: f"Go {n} months back to the same day of the month; where there is none, to the last of the month.",
        "-m",
    ),
    "working": Kind(
        lambda rng, most: (rng.between(2, max(5, most // 3)),),
        working_days_later,
        lambda n: f"Go {n} working days forward: Mondays to Fridays, the first one after the day that you are on.",
        "+b",
    ),
    "weekday": Kind(
        lambda rng, most: (rng.below(7),),
        next_weekday,
        lambda n: f"Go to the next {WEEKDAYS[n]} after the day that you are on.",
        ">w",
    ),
    "place": Kind(lambda rng, most: (rng.below(5), rng.below(7)), place_in_month, _place_words, "@"),
    "last": Kind(
        lambda rng, most: (),
        lambda day: month_later(day.replace(day=1), 1) - timedelta(1),
        lambda: "Go to the last day of the month that you are in.",
        "end",
    ),
    "leap_day": Kind(
        lambda rng, most: (),
        next_leap_day,
        lambda: "Go to the next February 29 after the day that you are on.",
        "feb29",
    ),
}
ASKS: dict[str, Ask] = {
    "date": Ask(
        lambda rng, most: (),
        lambda day: {"date": day.isoformat()},
        lambda day: "Which day is it, as YYYY-MM-DD?",
        "date",
    ),
    "weekday": Ask(
        lambda rng, most: (),
        lambda day: {"weekday": WEEKDAYS[day.weekday()]},
        lambda day: "Which day of the week is it, in English?",
        "day",
    ),
    "week": Ask(lambda rng, most: (), _week, lambda day: "In which ISO week is it (such as 2024-W09)?", "week"),
    "day_of_year": Ask(
        lambda rng, most: (),
        lambda day: {"number": day.timetuple().tm_yday},
        lambda day: "Which day of its year is it, with 1 for January 1?",
        "yday",
    ),
    "days": Ask(
        _count(10),
        lambda day, n: {"number": n},
        lambda day, n: f"By how many days is {_after(day, n)} later than that day?",
        "until",
    ),
    "working_days": Ask(
        _count(10),
        lambda day, n: {"number": working_days(day, day + timedelta(n))},
        lambda day, n: f"How many Mondays to Fridays are there from that day to {_after(day, n)}, both included?",
        "work",
    ),
    "overlap": Ask(
        _overlap_values,
        _overlap,
        lambda day, length, start, end: (
            f"Something begins on that day and takes {length} days, that day included. How many of its days lie "
            f"between {_after(day, start)} and {_after(day, end)}, both included?"
        ),
        "overlap",
    ),
}
