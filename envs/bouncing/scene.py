"""What a scene is made of: containers that move as told, balls in them, gravity. Plain numbers, and a JSON form.

Lengths are metres, times seconds, angles radians, anticlockwise from the x axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple


class SceneError(ValueError):
    """A scene that cannot be: a ball that does not fit, or a motion that does not go on."""


class Turn(NamedTuple):
    """How something turns: the angular speed is `rate + swing * sin(pace * t)`.

    Args:
        angle: At time 0.
        rate: The constant part of the angular speed.
        swing: Amplitude of the part that varies.
        pace: Its angular frequency; above 0 where `swing` is not 0.
    """

    angle: float = 0.0
    rate: float = 0.0
    swing: float = 0.0
    pace: float = 1.0

    def at(self, time: float) -> tuple[float, float]:
        """The angle and the angular speed at a time.

        Example:
            >>> Turn(1.0, 0.5).at(2.0)
            (2.0, 0.5)
        """
        if not self.swing:
            return self.angle + self.rate * time, self.rate
        wave = self.swing / self.pace * (1.0 - math.cos(self.pace * time))
        return self.angle + self.rate * time + wave, self.rate + self.swing * math.sin(self.pace * time)

    @property
    def fastest(self) -> float:
        """A bound on the size of the angular speed."""
        return abs(self.rate) + abs(self.swing)

    @property
    def sharpest(self) -> float:
        """A bound on the size of the angular acceleration."""
        return abs(self.swing * self.pace)


class Path(NamedTuple):
    """How a centre moves: `x + ax * sin(wx * t + px)`, and y alike.

    Args:
        x: Middle of the path.
        y: Middle of the path.
        ax: Amplitude along x.
        wx: Angular frequency along x.
        px: Phase along x.
        ay: Amplitude along y.
        wy: Angular frequency along y.
        py: Phase along y.
    """

    x: float = 0.0
    y: float = 0.0
    ax: float = 0.0
    wx: float = 0.0
    px: float = 0.0
    ay: float = 0.0
    wy: float = 0.0
    py: float = 0.0

    def at(self, time: float) -> tuple[float, float, float, float]:
        """Position and velocity at a time.

        Example:
            >>> Path(5.0, 7.0, ax=2.0, wx=3.0).at(0.0)
            (5.0, 7.0, 6.0, 0.0)
        """
        if not (self.ax or self.ay):
            return self.x, self.y, 0.0, 0.0
        ux, uy = self.wx * time + self.px, self.wy * time + self.py
        return (
            self.x + self.ax * math.sin(ux),
            self.y + self.ay * math.sin(uy),
            self.ax * self.wx * math.cos(ux),
            self.ay * self.wy * math.cos(uy),
        )

    @property
    def fastest(self) -> float:
        """A bound on the speed."""
        return math.hypot(self.ax * self.wx, self.ay * self.wy)

    @property
    def sharpest(self) -> float:
        """A bound on the size of the acceleration."""
        return math.hypot(self.ax * self.wx**2, self.ay * self.wy**2)


class Box(NamedTuple):
    """A container: a regular polygon that nothing can push.

    Args:
        sides: Its walls, at least 3. Corner number i is at the angle `turn + 2 pi i / sides`.
        radius: From the centre to a corner.
        path: Of its centre.
        turn: Of its corner number 0.
        hole: From the centre to a corner of an inner polygon that balls cannot enter; it has as many sides and turns
            along. 0: there is none.
    """

    sides: int
    radius: float
    path: Path = Path()
    turn: Turn = Turn()
    hole: float = 0.0

    @property
    def inradius(self) -> float:
        """From the centre to a wall."""
        return self.radius * math.cos(math.pi / self.sides)

    @property
    def is_still(self) -> bool:
        """Whether it neither turns nor moves."""
        return not (self.turn.rate or self.turn.swing or self.path.ax or self.path.ay)


class Ball(NamedTuple):
    """A ball at time 0. All balls have the same mass.

    Args:
        box: Number of the container that it is in.
        radius: Of the disc, or from its centre to a corner.
        x: Its centre.
        y: Its centre.
        vx: Velocity.
        vy: Velocity.
        sides: Of a ball that is a regular polygon; 0: a disc.
        turn: Of corner number 0 of such a ball.
    """

    box: int
    radius: float
    x: float
    y: float
    vx: float
    vy: float
    sides: int = 0
    turn: Turn = Turn()


class Scene(NamedTuple):
    """Containers, balls, and a constant acceleration of all balls.

    Args:
        boxes: The containers, which do not touch one another.
        balls: The balls.
        gx: Acceleration.
        gy: Acceleration.

    Example:
        >>> scene = Scene((Box(4, 100.0),), (Ball(0, 10.0, 0.0, 0.0, 30.0, 0.0),))
        >>> Scene.from_json(scene.to_json()) == scene
        True
    """

    boxes: tuple[Box, ...]
    balls: tuple[Ball, ...]
    gx: float = 0.0
    gy: float = 0.0

    def to_json(self) -> list[Any]:
        """The scene as nested lists of numbers."""
        return [_lists(part) if isinstance(part, tuple) else part for part in self]

    @classmethod
    def from_json(cls, data: Sequence[Any]) -> Scene:
        """The inverse of `to_json`."""
        boxes, balls, gx, gy = data
        return cls(
            tuple(Box(box[0], box[1], Path(*box[2]), Turn(*box[3]), box[4]) for box in boxes),
            tuple(Ball(*ball)._replace(turn=Turn(*ball[7])) for ball in balls),
            gx,
            gy,
        )

    @property
    def inradius(self) -> float:
        """The radius of the largest disc that fits into the smallest container, beside an inner polygon."""
        return min(box.inradius * (1.0 - box.hole / box.radius) / (2.0 if box.hole else 1.0) for box in self.boxes)


def _lists(value: Any) -> Any:
    return [_lists(part) for part in value] if isinstance(value, tuple) else value
