"""Shapes: what a value does from the first step of a stage on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from rlvr_gym.reward_shaping.schedules.spec import check_count, check_number, made, to_spec
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


@dataclass(frozen=True)
class Shape(ABC):
    """A number for each number of steps since the stage was entered."""

    name: ClassVar[str]

    @abstractmethod
    def at(self, t: int) -> float:
        """The value after `t` steps, which is 0 for the first episodes of the stage."""

    def to_dict(self) -> Any:
        """The spec; see `make_shape`."""
        return to_spec(self)


@dataclass(frozen=True)
class Constant(Shape):
    """Always the same.

    Example:
        >>> Constant(0.5).at(100)
        0.5
    """

    name = "constant"
    value: float

    def __post_init__(self) -> None:
        check_number("value", self.value)

    def at(self, t: int) -> float:
        """See `Shape.at`."""
        return float(self.value)

    def to_dict(self) -> float:
        """The number itself."""
        return float(self.value)


@dataclass(frozen=True)
class Ramp(Shape):
    """From `start` to `end` over a number of steps, and `end` from then on; a subclass says along which curve.

    Args:
        start: At the first step of the stage.
        end: From `steps` steps on.
        steps: At least 1.

    Raises:
        ConfigError: A setting is refused.
    """

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, check_number(name, getattr(self, name)))
        check_count("steps", self.steps, 1)

    def at(self, t: int) -> float:
        """See `Shape.at`."""
        if t >= self.steps:
            return float(self.end)
        return self.start + (self.end - self.start) * self.share(t / self.steps)

    @abstractmethod
    def share(self, u: float) -> float:
        """The share of the way that is done at the share `u` of the steps, `u` in [0, 1)."""


class Step(Ramp):
    """`start` for `steps` steps, then `end`.

    Example:
        >>> [Step(0.0, 1.0, 2).at(t) for t in range(4)]
        [0.0, 0.0, 1.0, 1.0]
    """

    name = "step"

    def share(self, u: float) -> float:
        """See `Ramp.share`."""
        return 0.0


class Linear(Ramp):
    """In equal steps.

    Example:
        >>> [Linear(0.0, 1.0, 4).at(t) for t in range(6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    name = "linear"

    def share(self, u: float) -> float:
        """See `Ramp.share`."""
        return u


class Cosine(Ramp):
    """Along half a cosine: slowly, fast in the middle, slowly.

    Example:
        >>> [round(Cosine(0.0, 1.0, 4).at(t), 4) for t in range(6)]
        [0.0, 0.1464, 0.5, 0.8536, 1.0, 1.0]
    """

    name = "cosine"

    def share(self, u: float) -> float:
        """See `Ramp.share`."""
        return (1.0 - math.cos(math.pi * u)) / 2.0


@dataclass(frozen=True)
class Exponential(Ramp):
    """Fast at first: `(1 - exp(-rate u)) / (1 - exp(-rate))` of the way after the share `u` of the steps.

    Args:
        rate: Above 0; the larger, the faster at first.

    Example:
        >>> [round(Exponential(1.0, 0.0, 2, rate=2.0).at(t), 4) for t in range(4)]
        [1.0, 0.2689, 0.0, 0.0]
    """

    name = "exponential"
    rate: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if check_number("rate", self.rate, 0.0, 500.0) == 0:
            raise ConfigError("rate must be above 0; 0 would be a line: use linear")

    def share(self, u: float) -> float:
        """See `Ramp.share`."""
        return math.expm1(-self.rate * u) / math.expm1(-self.rate)


@dataclass(frozen=True)
class Piecewise(Shape):
    """Straight lines between points; before the first and after the last, their values.

    Args:
        points: `(steps, value)`, steps ascending.

    Raises:
        ConfigError: They are none, or not in order.

    Example:
        >>> [Piecewise([(0, 0.0), (2, 1.0), (3, 0.5)]).at(t) for t in range(5)]
        [0.0, 0.5, 1.0, 0.5, 0.5]
    """

    name = "piecewise"
    points: tuple[tuple[int, float], ...]

    def __post_init__(self) -> None:
        given = self.points
        pairs = isinstance(given, list | tuple) and all(isinstance(p, list | tuple) and len(p) == 2 for p in given)
        if not pairs or not given:
            raise ConfigError(f"points must be a list of (steps, value), got {shown(given)}")
        points = tuple((check_count("steps", t, 0), check_number("value", value)) for t, value in given)
        if any(one[0] >= other[0] for one, other in pairwise(points)):
            raise ConfigError(f"the steps of points must ascend, got {shown(given)}")
        object.__setattr__(self, "points", points)

    def at(self, t: int) -> float:
        """See `Shape.at`."""
        before, value = self.points[0]
        for then, there in self.points:
            if t < then:
                return value + (there - value) * (t - before) / (then - before) if t > before else value
            before, value = then, there
        return value


SHAPES: dict[str, type[Shape]] = {kind.name: kind for kind in (Constant, Step, Linear, Cosine, Exponential, Piecewise)}


def make_shape(spec: Any) -> Shape:
    """The shape of a spec: a number, or `{name: settings}`.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no spec, or a setting is refused.

    Example:
        >>> make_shape({"linear": {"start": 0, "end": 1, "steps": 10}}).at(5), make_shape(1).at(5)
        (0.5, 1.0)
    """
    if isinstance(spec, int | float) and not isinstance(spec, bool):
        return Constant(spec)
    return made("shape", SHAPES, spec)
