"""A clock that stands where the task has set it, and exact arithmetic with days."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.tools.toolkit import ToolError, Toolkit, tool
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Clock(Toolkit):
    """Tools `now`, `weekday`, `days_between` and `add_days`.

    The time never passes by itself: it is what the task has given, or what the environment sets by `set`.

    Args:
        time: The time, such as `2024-02-28T09:30`.

    Raises:
        ConfigError: It is no such time.

    Example:
        >>> clock = Clock("2024-02-28T09:30")
        >>> clock.now(), clock.add_days("2024-02-28", 2), clock.days_between("2024-02-28", "2024-03-01")
        ('2024-02-28T09:30:00', '2024-03-01', 2)
    """

    def __init__(self, time: str) -> None:
        self.set(time)

    def set(self, time: str) -> None:
        """Put the clock to another time; for environments, not a tool.

        Raises:
            ConfigError: It is no time such as `2024-02-28T09:30`.
        """
        moment = _moment(time)
        if moment is None:
            raise ConfigError(f"a time is written 2024-02-28T09:30 or 2024-02-28T09:30:00, got {shown(time)}")
        self._moment = moment

    @tool()
    def now(self) -> str:
        """Tell the date and the time, as YYYY-MM-DDThh:mm:ss."""
        return self._moment.isoformat()

    @tool()
    def weekday(self, date: str) -> str:
        """Tell the day of the week of a date.

        Args:
            date: A date, as YYYY-MM-DD.
        """
        return _WEEKDAYS[_day(date).weekday()]

    @tool()
    def days_between(self, start: str, end: str) -> int:
        """Count the days from one date to another; negative where the second is the earlier one.

        Args:
            start: A date, as YYYY-MM-DD.
            end: A date, as YYYY-MM-DD.
        """
        return (_day(end) - _day(start)).days

    @tool()
    def add_days(self, date: str, days: int) -> str:
        """Tell the date so many days after another.

        Args:
            date: A date, as YYYY-MM-DD.
            days: How many; a negative number for a date before.
        """
        try:
            return (_day(date) + timedelta(days=days)).isoformat()
        except OverflowError:
            raise ToolError("that date lies outside of the years 1 to 9999") from None

    def get_state(self) -> Any:
        """The time."""
        return self._moment.isoformat()

    def set_state(self, state: Any) -> None:
        """See `Toolkit.set_state`."""
        moment = _moment(state)
        if moment is None:
            raise SnapshotError(f"expected a time, got {shown(state)}")
        self._moment = moment


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day(text: str) -> date:
    wanted = f"a date is written YYYY-MM-DD, got {shown(text)}"
    if not _DATE.fullmatch(text):
        raise ToolError(wanted)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ToolError(f"there is no such day: {text}") from None
