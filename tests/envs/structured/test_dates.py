"""`rlvr/DateArithmetic-v0` and `date@1`: days are counted one by one here, by a calendar that is written out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.structured.date_steps import ASKS, KINDS
from rlvr_gym.envs.structured.dates import DateArithmeticEnv, DateArithmeticTaskSet
from rlvr_gym.verifiers import ConfigError, Verdict, make_verifier

Day = tuple[int, int, int]
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = ("first", "second", "third", "fourth", "last")


def is_leap(year: int) -> bool:
    return year % 400 == 0 if year % 100 == 0 else year % 4 == 0


def length(year: int, month: int) -> int:
    return 29 if month == 2 and is_leap(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def after(day: Day) -> Day:
    year, month, number = day
    if number < length(year, month):
        return year, month, number + 1
    return (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)


def before(day: Day) -> Day:
    year, month, number = day
    if number > 1:
        return year, month, number - 1
    year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return year, month, length(year, month)


def weekday(day: Day) -> int:
    """Zeller's congruence; 0 is Monday."""
    year, month, number = day
    if month < 3:
        year, month = year - 1, month + 12
    return (number + 13 * (month + 1) // 5 + year + year // 4 - year // 100 + year // 400 + 5) % 7


def walk(day: Day, count: int) -> Day:
    for _ in range(abs(count)):
        day = after(day) if count > 0 else before(day)
    return day


def days(first: Day, last: Day) -> Iterator[Day]:
    while first <= last:
        yield first
        first = after(first)


def month_moved(day: Day, count: int) -> Day:
    year, month, number = day
    for _ in range(abs(count)):
        month += 1 if count > 0 else -1
        year, month = (year + 1, 1) if month > 12 else (year - 1, 12) if month < 1 else (year, month)
    return year, month, min(number, length(year, month))


def in_month(day: Day, place: str, name: str) -> Day:
    month = [(day[0], day[1], number) for number in range(1, length(day[0], day[1]) + 1)]
    found = [one for one in month if NAMES[weekday(one)] == name]
    return found[-1] if place == "last" else found[ORDINALS.index(place)]


def parsed(text: str) -> Day:
    year, month, number = text.split("-")
    return int(year), int(month), int(number)


def next_where(day: Day, wanted: Any) -> Day:
    day = after(day)
    while not wanted(day):
        day = after(day)
    return day


def stepped(day: Day, sentence: str) -> Day:
    """What a step's sentence says."""
    number = int((re.findall(r"\d+", sentence) or ["0"])[0])
    if match := re.fullmatch(r"Go to the (\w+) ([A-Z]\w+) of the month that you are in\.", sentence):
        return in_month(day, match[1], match[2])
    if match := re.fullmatch(r"Go to the next (\w+) after the day that you are on\.", sentence):
        return next_where(day, lambda one: NAMES[weekday(one)] == match[1])
    if sentence.startswith("Go to the next February 29"):
        return next_where(day, lambda one: one[1:] == (2, 29))
    if sentence.startswith("Go to the last day"):
        return day[0], day[1], length(day[0], day[1])
    if "working days" in sentence:
        for _ in range(number):
            day = next_where(day, lambda one: weekday(one) < 5)
        return day
    sign = -1 if "back" in sentence else 1
    return month_moved(day, sign * number) if "months" in sentence else walk(day, sign * number)


def iso_week(day: Day) -> str:
    """The week of the year that the Thursday of this week is in, and how many Thursdays of it are not after it."""
    thursday = walk(day, 3 - weekday(day))
    count = sum(weekday(one) == 3 for one in days((thursday[0], 1, 1), thursday))
    return f"{thursday[0]}-W{count:02}"


def answered(day: Day, question: str) -> str:
    there = [parsed(text) for text in re.findall(r"\d{4}-\d\d-\d\d", question)]
    if question.startswith("Which day is it"):
        return "{:04}-{:02}-{:02}".format(*day)
    if question.startswith("Which day of the week"):
        return NAMES[weekday(day)]
    if question.startswith("In which ISO week"):
        return iso_week(day)
    if question.startswith("Which day of its year"):
        return str(len(list(days((day[0], 1, 1), day))))
    if question.startswith("By how many days"):
        return str(len(list(days(day, there[0]))) - 1)
    if question.startswith("How many Mondays to Fridays"):
        return str(sum(weekday(one) < 5 for one in days(day, there[0])))
    match = re.search(r"takes (\d+) days", question)
    assert match
    own = [walk(day, count) for count in range(int(match[1]))]
    return str(sum(there[0] <= one <= there[1] for one in own))


@pytest.mark.parametrize("level", range(6))
def test_the_answer_follows_from_the_words_of_the_prompt(level: int) -> None:
    env = DateArithmeticEnv(level=level)
    for index in range(30 if level < 5 else 10):
        prompt, _ = env.reset(options={"task_index": index})
        lines = str(prompt).splitlines()
        day = parsed(re.findall(r"\d{4}-\d\d-\d\d", lines[0])[0])
        for line in lines[1:-2]:
            day = stepped(day, line.partition(". ")[2])
        assert [answered(day, lines[-2])] == [str(value) for value in env.task.reference.values()], prompt
        assert env.step(str(env.task.solution))[4]["passed"]


@pytest.mark.parametrize("ask", ASKS)
def test_two_hundred_tasks_are_solved_by_their_solutions(ask: str) -> None:
    for style in ("question", "compact"):
        env = DateArithmeticEnv(style=style, ask=ask)
        for index in range(30):
            env.reset(options={"task_index": index})
            assert env.step(str(env.task.solution))[4]["passed"]


def test_no_step_can_be_left_out() -> None:
    tasks = DateArithmeticTaskSet(steps=4)
    for index in range(60):
        found = tasks._problem(index)
        for left in range(4):
            day = found.start
            for step in found.steps[:left] + found.steps[left + 1 :]:
                day = KINDS[step.kind].apply(day, *step.values)
            assert day != found.end


def test_known_days() -> None:
    """From the calendar of 2000, 2100 and the end of February; worked out by hand."""
    first = KINDS["leap_day"].apply
    assert first(date(2096, 2, 29)) == date(2104, 2, 29)
    assert first(date(1999, 12, 31)) == date(2000, 2, 29)
    assert KINDS["months"].apply(date(2023, 11, 30), 3) == date(2024, 2, 29)
    assert KINDS["months_back"].apply(date(2024, 1, 31), 1) == date(2023, 12, 31)
    assert KINDS["working"].apply(date(2024, 3, 2), 5) == date(2024, 3, 8)  # a Saturday, then Monday to Friday
    assert KINDS["place"].apply(date(2024, 2, 10), 4, 3) == date(2024, 2, 29)  # the last Thursday
    assert ASKS["week"].answer(date(2021, 1, 3)) == {"week": "2020-W53"}
    assert ASKS["overlap"].answer(date(2024, 1, 1), 10, -5, 2) == {"number": 3}


@pytest.mark.parametrize(
    "knobs", [{"steps": 0}, {"days": 19}, {"first": 1500}, {"years": 0}, {"ask": "x"}, {"steps": 11}, {"days": 2.5}]
)
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        DateArithmeticTaskSet(**knobs)


def test_walks_share_a_side_of_the_split_whatever_is_asked() -> None:
    tasks = DateArithmeticTaskSet()
    found = tasks._problem(0)
    assert tasks.split_key(found) == tasks.split_key(found._replace(ask=found.ask._replace(kind="weekday", values=())))


# --- The verifier ---------------------------------------------------------------------------------------------------

FORMS = ["%d %B %Y", "%B %d, %Y", "%a, %d %b %Y", "%Y/%m/%d", "%Y.%m.%d", "%A %B %d %Y"]
NO_DATES = (
    "2024-02-30|24-02-29|29.02.2024|29 Foo 2024|February 2024|2024-02/29|2024-02-29T00:00|20240229|-2024-02-29"
    "|2024-02-29-|Mo 29 February 2024|29-30 February 2024|29 February 2024 or so"
).split("|")


def verdict(text: str, reference: Any) -> Verdict:
    return make_verifier("date@1").verify(f"<answer>{text}</answer>", reference)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.dates(date(1000, 1, 1)),
    st.sampled_from(FORMS),
)
def test_a_date_is_read_in_every_form_that_means_one_day(day: date, form: str) -> None:
    reference = {"date": day.isoformat()}
    assert verdict(day.strftime(form), reference).passed
    other = date.fromordinal(day.toordinal() - 1)
    assert not verdict(other.strftime(form), reference).passed


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("0123456789-/., WMonTueadyFbrst"), max_size=20))
def test_any_text_is_judged(text: str) -> None:
    for reference in ({"date": "2024-02-29"}, {"weekday": "Monday"}, {"week": "2024-W09"}, {"number": 7}):
        assert verdict(text, reference).gradable


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_is_malformed(text: str) -> None:
    assert verdict(text, {"date": "2024-02-29"}).status.value == "malformed"


def test_days_after_a_number_are_read_over() -> None:
    """A blind spot."""
    assert verdict("31 working days", {"number": 31}).passed
    assert verdict("31 weeks", {"number": 31}).status.value == "malformed"


def test_a_date_with_the_month_as_a_number_is_refused_where_it_can_mean_one_day_only() -> None:
    """A blind spot."""
    assert verdict("29.02.2024", {"date": "2024-02-29"}).reason.code == "ambiguous_date"


def test_names_are_english() -> None:
    """A blind spot."""
    assert verdict("Montag", {"weekday": "Monday"}).reason.code == "not_a_weekday"
