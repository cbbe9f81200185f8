"""Rewards made of rewards whose shares are computed or move: `lexicographic`, `cap`, `anneal`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from rlvr_gym.reward_shaping.combinators import SILENT, Composite, Weighted, sum_ranges, times_ranges
from rlvr_gym.reward_shaping.core import Judged, Reward, RewardTerms, check_range, register
from rlvr_gym.reward_shaping.plans import weighted
from rlvr_gym.reward_shaping.ranges import Interval, Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion


@register
@dataclass(frozen=True)
class Lexicographic(Weighted):
    """A sum in which no amount of the later rewards makes up for the least step of an earlier one.

    The weight of a reward is (the widest range of the weighted sum of those after it, plus `gap`) over its own smallest
    step; the last weighs 1. Every reward but the last must have such a step (`outcome` and `format` have 1), and all
    must be bounded: the constructor computes and checks it.

    Args:
        of: Rewards, the most important first.
        gap: By how much at least an earlier step is worth more than everything after it; above 0.

    Example:
        >>> Lexicographic(["outcome", "format", "dense"], gap=0.5).factors
        (3.0, 1.5, 1.0)
    """

    name: ClassVar[str] = "lexicographic"
    gap: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if check_range(self.name, "gap", self.gap, 0.0) == 0:
            raise ConfigError("lexicographic: gap must be above 0")
        for child in self.children:
            if not child.ranges().whole.bounded:
                raise ConfigError(f"lexicographic: {child.name} is unbounded; give it a cap")
        for child in self.children[:-1]:
            if child.resolution <= 0:
                raise ConfigError(
                    f"lexicographic: {child.name} has no smallest step, so that no weight puts it above what follows; "
                    "let it be the last"
                )

    @cached_property
    def factors(self) -> tuple[float, ...]:
        """The weights."""
        weights, below = [1.0], _width(self.children[-1])
        for child in reversed(self.children[:-1]):
            weights.append((below + self.gap) / child.resolution)
            below += weights[-1] * _width(child)
        return tuple(reversed(weights))


@register
@dataclass(frozen=True)
class Cap(Composite):
    """A reward kept in [low, high]: what is cut off is a term of its own, `cap`.

    Args:
        of: A reward.
        low: Least value.
        high: Largest value.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> Cap({"sum": {"of": ["outcome", "dense"]}}, 0, 1).terms(Judged(right))
        {'outcome': 1.0, 'dense': 1.0, 'cap': -1.0}
    """

    name: ClassVar[str] = "cap"
    child_fields: ClassVar[tuple[str, ...]] = ("of",)
    of: Any
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self.name, "high", self.high, check_range(self.name, "low", self.low))

    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """See `Reward`."""
        return self._kept(self.of.terms(judged, point))

    def combine(self, judged: Judged, point: SchedulePoint, terms: Sequence[RewardTerms]) -> RewardTerms:
        """See `Composite`."""
        return self._kept(terms[0])

    def _kept(self, found: RewardTerms) -> RewardTerms:
        """Terms that nobody else holds, with what is cut off."""
        total = sum(found.values())
        if not self.low <= total <= self.high:
            found["cap"] = found.get("cap", 0.0) + ((self.low if total < self.low else self.high) - total)
        return found

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        found = self.of.ranges(point)
        return Ranges(self._cut(found.passed), self._cut(found.failed))

    def term_ranges(self, point: SchedulePoint | None = None) -> dict[str, Ranges]:
        """See `Reward`."""
        found = self.of.ranges(point)
        own = {"cap": Ranges(self._taken(found.passed), self._taken(found.failed))}
        return sum_ranges([self.of.term_ranges(point), own])

    def term_topics(self) -> dict[str, bool]:
        """See `Reward`."""
        return {"cap": False, **super().term_topics()}

    def _cut(self, found: Interval) -> Interval:
        return Interval(*(min(max(end, self.low), self.high) for end in found))

    def _taken(self, found: Interval) -> Interval:
        return Interval(min(0.0, self.high - found.high), max(0.0, self.low - found.low))


@register
@dataclass(frozen=True)
class Anneal(Composite):
    """`(1 - v) * a + v * b`, v in [0, 1] read from the schedule point: how dense becomes binary.

    DELTA (arXiv 2509.21016) jumps from v = 0, `dense`, to v = 1, `outcome`. Only a trainer moves the point; where it
    is still that of the start, which names nothing, v is 0. A point that names other values but not this one is refused
    rather than taken for 0.

    Args:
        a: The first reward.
        b: The last.
        key: Name of v in `SchedulePoint.values`.

    Example:
        >>> from rlvr_gym.reward_shaping.schedules import SchedulePoint
        >>> from rlvr_gym.verifiers import make_verifier
        >>> half = make_verifier("countdown@1").verify("3 + 4", {"numbers": [3, 4], "target": 12})
        >>> mix = Anneal("dense", "outcome")
        >>> [sum(mix.terms(Judged(half), SchedulePoint(1, "", {"mix": v})).values()) for v in (0, 0.5, 1)]
        [0.6666666666666666, 0.3333333333333333, 0.0]
    """

    name: ClassVar[str] = "anneal"
    child_fields: ClassVar[tuple[str, ...]] = ("a", "b")
    a: Any = "dense"
    b: Any = "outcome"
    key: str = "mix"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.key, str):
            raise ConfigError(f"anneal: key must be a text, got {shown(self.key)}")

    @cached_property
    def point_keys(self) -> frozenset[str]:
        """See `Reward`."""
        return super().point_keys | {self.key}

    def share(self, point: SchedulePoint) -> float:
        """The value v at a point.

        Raises:
            ConfigError: The point names values, and not this one; or it is outside [0, 1].
        """
        if not point.values:
            return 0.0
        if self.key not in point.values:
            raise ConfigError(f"the schedule point has no {self.key!r}{suggestion(self.key, point.values)}")
        return check_range("anneal", self.key, point.values[self.key], 0.0, 1.0)

    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """See `Reward`. At either end the other side reads nothing of the context."""
        share = self.share(point)
        if share == 0.0:
            return self.a.terms(judged, point)  # type: ignore[no-any-return]
        return self.b.terms(judged, point) if share == 1.0 else super().parts(judged, point)

    def combine(self, judged: Judged, point: SchedulePoint, terms: Sequence[RewardTerms]) -> RewardTerms:
        """See `Composite`. At either end the terms of the other side are left out."""
        share = self.share(point)
        if share in (0.0, 1.0):
            return terms[int(share)]
        return weighted([(terms[0], 1 - share), (terms[1], share)])

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        first, second = self.a.ranges(point), self.b.ranges(point)
        if point is None:
            return Ranges(first.passed.hull(second.passed), first.failed.hull(second.failed))
        share = self.share(point)
        mixed: Ranges = first.times(1 - share) + second.times(share)
        return mixed

    def term_ranges(self, point: SchedulePoint | None = None) -> dict[str, Ranges]:
        """See `Reward`."""
        first, second = self.a.term_ranges(point), self.b.term_ranges(point)
        if point is None:
            return {n: first.get(n, SILENT).hull(second.get(n, SILENT)) for n in {**first, **second}}
        share = self.share(point)
        return sum_ranges([times_ranges(first, 1 - share), times_ranges(second, share)])


def _width(child: Reward) -> float:
    whole = child.ranges().whole
    return whole.high - whole.low
