"""The clock stands still, and days are counted exactly."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import SnapshotError
from rlvr_gym.envs.tools.clock import Clock
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import ToolError
from rlvr_gym.verifiers import ConfigError


def test_the_time_is_what_the_task_has_set() -> None:
    clock = Clock("2024-02-28T09:30")
    assert clock.now() == clock.now() == "2024-02-28T09:30:00"
    clock.set("2025-01-01T00:00:05")
    assert clock.now() == clock.get_state() == "2025-01-01T00:00:05"
    there = Clock("2000-01-01T00:00")
    there.set_state(clock.get_state())
    assert there.now() == "2025-01-01T00:00:05"


def test_days() -> None:
    clock = Clock("2024-02-28T09:30")
    assert clock.add_days("2024-02-28", 2) == "2024-03-01"  # 2024 is a leap year
    assert clock.add_days("2023-02-28", 2) == "2023-03-02"
    assert clock.add_days("2024-01-01", -1) == "2023-12-31"
    assert clock.days_between("2023-12-25", "2024-12-25") == 366
    assert clock.days_between("1900-02-28", "1900-03-01") == 1  # 1900 is none
    assert clock.days_between("2024-03-01", "2024-02-01") == -29
    assert clock.weekday("2024-02-29") == "Thursday"
    assert clock.weekday("2000-01-01") == "Saturday"


@given(st.dates(), st.integers(-10_000_000, 10_000_000))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_adding_and_counting_are_inverse(day: date, days: int) -> None:
    clock = Clock("2024-02-28T09:30")
    added = Toolbox({"clock": clock}).call(ToolCall("add_days", {"date": day.isoformat(), "days": days}))
    assert added.ok is (1 <= day.toordinal() + days <= date.max.toordinal())
    if added.ok:
        assert clock.days_between(day.isoformat(), added.text) == days


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2024-2-8",
        "20240228",
        "2024-W09-3",
        "2024-02-28T09:30",
        "2024-02-28 ",
        "2024-02-28\n",
        "２０２４-02-28",
    ],
)
def test_a_date_has_one_form(text: str) -> None:
    clock = Clock("2024-02-28T09:30")
    for name, arguments in [
        ("weekday", {"date": text}),
        ("add_days", {"date": text, "days": 1}),
        ("days_between", {"start": text, "end": "2024-01-01"}),
        ("days_between", {"start": "2024-01-01", "end": text}),
    ]:
        result = Toolbox({"clock": clock}).call(ToolCall(name, arguments))
        assert (result.error, result.text[:32]) == ("tool_error", "a date is written YYYY-MM-DD, go")


def test_days_that_do_not_exist() -> None:
    clock = Clock("2024-02-28T09:30")
    for text in ("2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01"):
        with pytest.raises(ToolError, match="no such day"):
            clock.weekday(text)
    for days in (10**18, -(10**18), 10**400):
        with pytest.raises(ToolError, match="1 to 9999"):
            clock.add_days("2024-01-01", days)


@pytest.mark.parametrize(
    "time", ["", "now", "2024-02-28", "2024-02-30T09:30", "2024-02-28T25:00", "2024-02-28T09:30Z", 5]
)
def test_the_time_of_the_task_has_one_form(time: Any) -> None:
    with pytest.raises(ConfigError, match="a time is written"):
        Clock(time)
    with pytest.raises(SnapshotError, match="expected a time"):
        Clock("2024-02-28T09:30").set_state(time)
