"""What a reward may be worth: intervals, and one for a response that passed and one for a response that did not."""

from __future__ import annotations

import math
from typing import NamedTuple


class Interval(NamedTuple):
    """Numbers from `low` to `high`, both included; either may be infinite.

    Example:
        >>> Interval(0.0, 1.0) + Interval(-0.5, 0.0), Interval(0.0, 1.0).times(-2.0)
        (Interval(low=-0.5, high=1.0), Interval(low=-2.0, high=0.0))
    """

    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:  # type: ignore[override]
        return Interval(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Interval:
        """Every number times a factor; zero times infinity is zero."""
        ends = sorted((_product(self.low, factor), _product(self.high, factor)))
        return Interval(*ends)

    def by(self, other: Interval) -> Interval:
        """Products of a number of each."""
        ends = [_product(mine, its) for mine in self for its in other]
        return Interval(min(ends), max(ends))

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def single(self) -> bool:
        """Whether there is one number in it."""
        return self.low == self.high


NOTHING = Interval(0.0, 0.0)


class Ranges(NamedTuple):
    """The values that a term may take for a response that passed, and for one that did not.

    Example:
        >>> (Ranges(Interval(1.0, 1.0), NOTHING) + Ranges.same(0.0, 0.1)).margin
        0.9
    """

    passed: Interval
    failed: Interval

    @classmethod
    def same(cls, low: float, high: float) -> Ranges:
        """The same values whether it passed or not."""
        return cls(Interval(low, high), Interval(low, high))

    def __add__(self, other: Ranges) -> Ranges:  # type: ignore[override]
        return Ranges(self.passed + other.passed, self.failed + other.failed)

    def times(self, factor: float) -> Ranges:
        """Every number times a factor."""
        return Ranges(self.passed.times(factor), self.failed.times(factor))

    def hull(self, other: Ranges) -> Ranges:
        """The smallest ranges that hold both."""
        return Ranges(self.passed.hull(other.passed), self.failed.hull(other.failed))

    @property
    def whole(self) -> Interval:
        """The values of all responses."""
        return self.passed.hull(self.failed)

    @property
    def margin(self) -> float:
        """By how much the worst pass is above the best fail."""
        return self.passed.low - self.failed.high


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b
