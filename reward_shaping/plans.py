"""`Plan`: what the terms of a reward come to once it is known how the verdict ended, as numbers and functions.

A reward is asked once for each status: what does not depend on more is a number from then on, gates are decided, and
weights are multiplied in. What is left for each verdict is to copy a dict and to call what reads a score or a context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # `core` imports this
    from rlvr_gym.reward_shaping.core import Judged
    from rlvr_gym.reward_shaping.schedules.point import SchedulePoint

Worth = Callable[["Judged", "SchedulePoint"], float]


class Live(NamedTuple):
    """A value that is computed for each verdict, times a factor."""

    worth: Worth
    factor: float = 1.0

    def value(self, judged: Judged, point: SchedulePoint) -> float:
        """The value of one."""
        return self.worth(judged, point) * self.factor


class Added(NamedTuple):
    """Two values of one name, of which at least one is computed for each verdict."""

    first: float | Live
    second: float | Live

    def value(self, judged: Judged, point: SchedulePoint) -> float:
        """The sum of one."""
        first, second = (
            each.value(judged, point) if isinstance(each, Live) else each for each in (self.first, self.second)
        )
        return first + second


Plan = Mapping[str, float | Live]


Filling = tuple[dict[str, float], tuple[tuple[str, Worth, float], ...] | None]
"""A plan as it is carried out: a dict to copy, with every term in order, and name, function and factor of those that
are computed for each verdict; None in the place of these where there is no plan, so that `Reward.parts` is called."""


def filling(plan: Plan | None) -> Filling:
    """A plan as it is carried out."""
    if plan is None:
        return {}, None
    constant = {name: 0.0 if isinstance(value, Live) else value for name, value in plan.items()}
    return constant, tuple((name, *value) for name, value in plan.items() if isinstance(value, Live))


def weighted(plans: Iterable[tuple[Mapping[str, Any], float]]) -> dict[str, Any]:
    """Plans, or terms, each times its factor, added up by name in their order.

    Example:
        >>> weighted([({"a": 1.0}, 2.0), ({"a": 0.5, "b": 3.0}, 1.0)])
        {'a': 2.5, 'b': 3.0}
    """
    total: dict[str, Any] = {}
    for plan, factor in plans:
        for name, value in plan.items():
            scaled = _times(value, factor)
            total[name] = _plus(total[name], scaled) if name in total else scaled
    return total


def _times(value: float | Live, factor: float) -> float | Live:
    if not isinstance(value, Live):
        return value * factor
    return Live(value.worth, factor) if value.factor == 1.0 else Live(value.value, factor)


def _plus(first: float | Live, second: float | Live) -> float | Live:
    if isinstance(first, Live) or isinstance(second, Live):
        return Live(Added(first, second).value)
    return first + second
