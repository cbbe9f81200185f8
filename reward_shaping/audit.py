"""`audit`: what can be said of a reward before anyone trains on it; `idle_terms`: what the data of a run say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlvr_gym.reward_shaping.core import Reward, RewardTerms, make_reward
from rlvr_gym.reward_shaping.ranges import Interval, Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint


@dataclass(frozen=True)
class Audit:
    """What interval arithmetic over the declared ranges shows.

    Args:
        ranges: Of the reward, for a pass and for a fail.
        unbounded: Terms without a bound.
        constant: Terms with one value for every response: a group baseline takes them away.
        when_wrong: Terms that tell wrong responses apart.
        form_when_wrong: Those among them that do not measure the answer, so that a group of wrong responses learns its
            form, length or cost.
    """

    ranges: Ranges
    unbounded: tuple[str, ...]
    constant: tuple[str, ...]
    when_wrong: tuple[str, ...]
    form_when_wrong: tuple[str, ...]

    @property
    def range(self) -> Interval:
        """All values of the reward."""
        return self.ranges.whole

    @property
    def margin(self) -> float:
        """By how much the worst pass is above the best fail, at least."""
        return self.ranges.margin

    @property
    def dominates(self) -> bool:
        """Whether every pass is proved to be worth more than every fail.

        False says that it is not proved. Terms that depend on each other are taken as if they did not.
        """
        return self.margin > 0

    @property
    def problems(self) -> tuple[str, ...]:
        """What to mend, as sentences; empty where there is nothing."""
        found = [
            f"the term {name!r} has no bound: give it a cap, or put the reward into `cap`" for name in self.unbounded
        ]
        if not self.dominates:
            worst, best = self.ranges.passed.low, self.ranges.failed.high
            found.append(f"a pass may be worth {worst:g} and a fail {best:g}: gate or weigh what a fail can earn")
        found += [
            f"the term {name!r} is the same for every response: a group baseline removes it" for name in self.constant
        ]
        found += [
            f"the term {name!r} does not measure the answer and tells wrong responses apart: gate it on `passed`, or "
            "filter groups by what passed"
            for name in self.form_when_wrong
        ]
        return tuple(found)


def audit(reward: Reward | str | Mapping[str, Any], point: SchedulePoint | None = None) -> Audit:
    """Range, dominance of a pass, and the terms that are unbounded, idle or at work among wrong responses.

    It reads declared ranges, no data, and is sound: what it proves holds for every verdict and context.

    Args:
        reward: A reward or its spec.
        point: Where the schedule stands; None for all of its points at once.

    Raises:
        UnknownNameError: There is no such reward.
        ConfigError: It is no spec, or the point lacks what it reads.

    Example:
        >>> audit({"sum": {"of": ["outcome", "length"]}}).problems[0][:60]
        "the term 'length' does not measure the answer and tells wron"
        >>> audit({"sum": {"of": ["outcome", {"gate": {"then": "length"}}]}}).problems
        ()
    """
    reward = make_reward(reward)
    terms, answers = reward.term_ranges(point), reward.term_topics()
    wrong = tuple(name for name, found in terms.items() if not found.failed.single)
    return Audit(
        ranges=reward.ranges(point),
        unbounded=tuple(name for name, found in terms.items() if not found.whole.bounded),
        constant=tuple(name for name, found in terms.items() if found.whole.single),
        when_wrong=wrong,
        form_when_wrong=tuple(name for name in wrong if not answers[name]),
    )


def idle_terms(rows: Sequence[RewardTerms], groups: Sequence[str], tolerance: float = 1e-9) -> tuple[str, ...]:
    """Terms that were equal within every group: under a baseline over whole trajectories they did nothing.

    A potential that telescopes is one (see `rlvr_gym.reward_shaping.potentials`), and so is a bonus of the prompt.

    Args:
        rows: The terms of each trajectory, summed over its turns; an empty one (ungradable) is left out.
        groups: The group of each.
        tolerance: Differences up to this are none.

    Example:
        >>> rows = [{"outcome": 1.0, "potential": -0.5}, {"outcome": 0.0, "potential": -0.5}, {}]
        >>> idle_terms(rows, ["a", "a", "a"])
        ('potential',)
    """
    names = sorted({name for row in rows for name in row})
    values: dict[tuple[str, str], list[float]] = {}
    for row, group in zip(rows, groups, strict=True):
        for name in names if row else ():
            values.setdefault((name, group), []).append(row.get(name, 0.0))
    moving = {name for (name, _), seen in values.items() if max(seen) - min(seen) > tolerance}
    return tuple(name for name in names if name not in moving)
