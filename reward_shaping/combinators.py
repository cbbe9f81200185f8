"""Rewards made of rewards: `sum`, `gate`, `product`, `min`; `rlvr_gym.reward_shaping.mixing` has the others.

Each computes its range from the ranges of its parts by interval arithmetic: what it declares always holds, and may be
wider than what occurs, since parts that depend on each other are treated as if they did not.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from rlvr_gym.reward_shaping.core import Judged, Reward, RewardTerms, check_range, make_reward, register
from rlvr_gym.reward_shaping.form import UNREAD
from rlvr_gym.reward_shaping.plans import Plan, weighted
from rlvr_gym.reward_shaping.ranges import NOTHING, Interval, Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import ConfigError, Status, UnknownNameError
from rlvr_gym.verifiers.errors import shown

SILENT = Ranges(NOTHING, NOTHING)


@dataclass(frozen=True)
class Composite(Reward):
    """A reward made of others: a subclass names the fields that hold them and says how their terms combine."""

    def __post_init__(self) -> None:
        for name in self.child_fields:
            value = getattr(self, name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, name, tuple(map(make_reward, value)))
            elif value is not None:
                object.__setattr__(self, name, make_reward(value))

    @abstractmethod
    def combine(self, judged: Judged, point: SchedulePoint, terms: Sequence[RewardTerms]) -> RewardTerms:
        """The terms of the whole, of those of each of `children`."""

    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """See `Reward`."""
        return self.combine(judged, point, [child.terms(judged, point) for child in self.children])

    def parts_of(self, batch: Sequence[Judged], point: SchedulePoint) -> list[RewardTerms]:
        """See `Reward`."""
        columns = [child.parts_of(batch, point) for child in self.children]
        rows = zip(*columns, strict=True)
        return [self.combine(judged, point, row) for judged, row in zip(batch, rows, strict=True)]

    def term_topics(self) -> dict[str, bool]:
        """See `Reward`. A name that two parts share is about the answer where both are."""
        topics: dict[str, bool] = {}
        for child in self.children:
            for name, answer in child.term_topics().items():
                topics[name] = answer and topics.get(name, True)
        return topics


@dataclass(frozen=True)
class Many(Composite):
    """A combinator of a list of rewards, of which there is at least one."""

    child_fields: ClassVar[tuple[str, ...]] = ("of",)
    of: Sequence[Any] = ()

    def __post_init__(self) -> None:
        if isinstance(self.of, str) or not isinstance(self.of, Sequence) or not self.of:
            raise ConfigError(f"{self.name}: 'of' is a list of at least one reward, got {shown(self.of)}")
        super().__post_init__()


@dataclass(frozen=True)
class Weighted(Many):
    """A sum of rewards, each times its factor."""

    @property
    @abstractmethod
    def factors(self) -> tuple[float, ...]:
        """One number for each reward."""

    def combine(self, judged: Judged, point: SchedulePoint, terms: Sequence[RewardTerms]) -> RewardTerms:
        """See `Composite`."""
        return weighted(zip(terms, self.factors, strict=True))

    def plan(self, status: Status) -> Plan | None:
        """See `Reward`."""
        plans = [plan for child in self.children if (plan := child.plan(status)) is not None]
        return weighted(zip(plans, self.factors, strict=True)) if len(plans) == len(self.children) else None

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        total = SILENT
        for child, factor in zip(self.children, self.factors, strict=True):
            total += child.ranges(point).times(factor)
        return total

    def term_ranges(self, point: SchedulePoint | None = None) -> dict[str, Ranges]:
        """See `Reward`."""
        return sum_ranges(
            times_ranges(child.term_ranges(point), factor)
            for child, factor in zip(self.children, self.factors, strict=True)
        )


@register
@dataclass(frozen=True)
class Sum(Weighted):
    """`sum_i w_i * r_i`; terms of one name are added up.

    The hack of every plain sum: parts that a wrong answer can have are worth more together than a right one. `audit`
    says whether that can be.

    Args:
        of: Rewards.
        weights: One for each; 1 where they are not given.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> wrong = make_verifier("number@1").verify("#### 8", 7)
        >>> Sum(["outcome", "format"], [1, 0.25]).terms(Judged(wrong))
        {'outcome': 0.0, 'format': 0.25}
    """

    name: ClassVar[str] = "sum"
    weights: Sequence[float] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "weights", tuple(check_range(self.name, "a weight", w) for w in self.weights))
        if self.weights and len(self.weights) != len(self.of):
            raise ConfigError(f"sum: {len(self.of)} rewards and {len(self.weights)} weights; give one for each")

    @cached_property
    def factors(self) -> tuple[float, ...]:
        """The weights, also where they were not given."""
        return tuple(self.weights) or (1.0,) * len(self.of)


_FAILED = tuple(status for status in Status if status.gradable and status is not Status.PASSED)
CONDITIONS: dict[str, tuple[Status, ...]] = {
    "passed": (Status.PASSED,),
    "failed": _FAILED,
    "answered": (Status.PASSED, *(status for status in _FAILED if status not in UNREAD)),
}
"""The statuses for which a gate is open, by name."""


@register
@dataclass(frozen=True)
class Gate(Composite):
    """`then` where the condition holds, else `otherwise`, else nothing.

    Args:
        then: A reward.
        on: `"passed"`, `"failed"` or `"answered"` (the verifier could read an answer).
        otherwise: A reward, or None.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> number, short = make_verifier("number@1"), Gate({"length": {"free": 10}})
        >>> [short.terms(Judged(number.verify("#### 7", gold), RewardContext(tokens=60))) for gold in (7, 8)]
        [{'length': -0.25}, {}]
    """

    name: ClassVar[str] = "gate"
    child_fields: ClassVar[tuple[str, ...]] = ("then", "otherwise")
    then: Any
    on: str = "passed"
    otherwise: Any = None

    def __post_init__(self) -> None:
        if self.on not in CONDITIONS:
            raise UnknownNameError("condition of a gate", str(self.on), CONDITIONS)
        super().__post_init__()

    @cached_property
    def children(self) -> tuple[Reward, ...]:
        """See `Reward`."""
        return (self.then,) if self.otherwise is None else (self.then, self.otherwise)

    @cached_property
    def reads_verdict(self) -> bool:
        """See `Reward`."""
        return self.on == "answered" or super().reads_verdict

    def side(self, status: Status) -> Reward | None:
        """What is paid for a verdict with this status."""
        side: Reward | None = self.then if status in CONDITIONS[self.on] else self.otherwise
        return side

    def plan(self, status: Status) -> Plan | None:
        """See `Reward`."""
        side = self.side(status)
        return {} if side is None else side.plan(status)

    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """See `Reward`. The side that is not taken reads nothing of the context."""
        side = self.side(judged.verdict.status)
        return {} if side is None else side.terms(judged, point)

    def combine(self, judged: Judged, point: SchedulePoint, terms: Sequence[RewardTerms]) -> RewardTerms:
        """See `Composite`."""
        side = 0 if judged.verdict.status in CONDITIONS[self.on] else 1
        return terms[side] if side < len(terms) else {}

    def parts_of(self, batch: Sequence[Judged], point: SchedulePoint) -> list[RewardTerms]:
        """See `Reward`."""
        return super().parts_of(batch, point) if self.batch_scoped else [self.parts(one, point) for one in batch]

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        other = SILENT if self.otherwise is None else self.otherwise.ranges(point)
        return self._sided(self.then.ranges(point), other)

    def term_ranges(self, point: SchedulePoint | None = None) -> dict[str, Ranges]:
        """See `Reward`."""
        first = self.then.term_ranges(point)
        second = {} if self.otherwise is None else self.otherwise.term_ranges(point)
        return {n: self._sided(first.get(n, SILENT), second.get(n, SILENT)) for n in {**first, **second}}

    def _sided(self, first: Ranges, second: Ranges) -> Ranges:
        if self.on == "passed":
            return Ranges(first.passed, second.failed)
        if self.on == "failed":
            return Ranges(second.passed, first.failed)
        return Ranges(first.passed, first.failed.hull(second.failed))  # what passed was answered


@register
@dataclass(frozen=True)
class Product(Many):
    """The product of rewards, as one term: nothing is paid for one part where another is 0.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> verdict = make_verifier("countdown@1").verify("3 + 4", {"numbers": [3, 4], "target": 12})
        >>> Product(["dense", "outcome"]).terms(Judged(verdict))
        {'product': 0.0}
    """

    name: ClassVar[str] = "product"

    def combine(self, judged: Judged, point: SchedulePoint, terms: Sequence[RewardTerms]) -> RewardTerms:
        """See `Composite`."""
        return {"product": math.prod(sum(row.values()) for row in terms)}

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        passed = failed = Interval(1.0, 1.0)
        for child in self.children:
            found = child.ranges(point)
            passed, failed = passed.by(found.passed), failed.by(found.failed)
        return Ranges(passed, failed)

    def term_topics(self) -> dict[str, bool]:
        """See `Reward`."""
        return {"product": all(answer for child in self.children for answer in child.term_topics().values())}


@register
@dataclass(frozen=True)
class Min(Many):
    """The least of rewards, as one term: no part can make up for another.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> verdict = make_verifier("countdown@1").verify("3 + 4", {"numbers": [3, 4], "target": 12})
        >>> Min(["dense", "format"]).terms(Judged(verdict))
        {'min': 0.6666666666666666}
    """

    name: ClassVar[str] = "min"

    def combine(self, judged: Judged, point: SchedulePoint, terms: Sequence[RewardTerms]) -> RewardTerms:
        """See `Composite`."""
        return {"min": min(float(sum(row.values())) for row in terms)}

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        found = [child.ranges(point) for child in self.children]
        return Ranges(_least([one.passed for one in found]), _least([one.failed for one in found]))

    def term_topics(self) -> dict[str, bool]:
        """See `Reward`."""
        return {"min": all(answer for child in self.children for answer in child.term_topics().values())}


def times_ranges(found: Mapping[str, Ranges], factor: float) -> dict[str, Ranges]:
    """Ranges, each times a factor."""
    return {name: ranges.times(factor) for name, ranges in found.items()}


def sum_ranges(rows: Iterable[Mapping[str, Ranges]]) -> dict[str, Ranges]:
    """Ranges added up by name."""
    total: dict[str, Ranges] = {}
    for row in rows:
        for name, ranges in row.items():
            total[name] = total.get(name, SILENT) + ranges
    return total


def _least(found: Sequence[Interval]) -> Interval:
    return Interval(min(one.low for one in found), min(one.high for one in found))
