"""The first contact of a ball with the walls of its container: none is missed, and its time is right to 1e-12 s.

Contacts are looked for in the frame of the container, where its walls stand still. The *gap* is the distance from a
wall, and its *rate* the speed at which it grows.

- Where the container stands still and the ball is a disc, a gap is a polynomial of degree 2 in the time. It is left
  downwards at one of its roots only, whose derivative is `-sqrt(discriminant)`: that root is written down. A graze (a
  double root) is no crossing and no contact.
- Elsewhere `-M` is a lower bound of the second derivative of every gap. From a moment with gap g and rate g', the gap
  stays above `g + g' s - M s**2 / 2`, and so no contact can be within the positive root s of that. The search goes on
  by the least of these steps, again and again. Steps never lead beyond a contact, and near one they are Newton's, so
  that each doubles the number of right digits. A contact is where the step is below 1e-12 s and the gap shrinks.

What M needs, before the next contact: points of the ball are at most the radius of the container away from its centre,
and speeds are bounded over the stretch of time that is looked at. The distance from the inner polygon is a convex
function of the place, which adds nothing negative to the second derivative.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

from rlvr_gym.envs.bouncing.scene import Ball, Box, SceneError

RESOLUTION = 1e-12
_STRETCH = 0.5  # seconds over which speeds are bounded
_AFTER = 1e-9  # seconds after which a contact that has begun to open is looked at again
_MOST_STEPS = 100_000
ON_A_WALL = "a ball lies on a wall: no next contact can be told from the last one"


class Flight(NamedTuple):
    """A ball from one contact to the next: where it was at `time`, and how fast."""

    time: float
    x: float
    y: float
    vx: float
    vy: float

    def after(self, time: float, gx: float, gy: float) -> Flight:
        """The same ball at a later time, if nothing is hit.

        Example:
            >>> Flight(1.0, 0.0, 0.0, 3.0, 0.0).after(2.0, 0.0, -10.0)
            Flight(time=2.0, x=3.0, y=-5.0, vx=3.0, vy=-10.0)
        """
        s = time - self.time
        return Flight(
            time,
            self.x + (self.vx + 0.5 * gx * s) * s,
            self.y + (self.vy + 0.5 * gy * s) * s,
            self.vx + gx * s,
            self.vy + gy * s,
        )


class Touch(NamedTuple):
    """A contact with a wall.

    Args:
        time: When.
        wall: Its number; that of the inner polygon is the number of sides.
        rate: Speed at which the gap grows; below 0.
        nx: Unit vector away from the wall.
        ny: Unit vector away from the wall.
    """

    time: float
    wall: int
    rate: float
    nx: float
    ny: float


class Gap(NamedTuple):
    """The gap between a point of the ball and a wall, in the frame of the container; see `Touch`."""

    gap: float
    rate: float
    wall: int
    nx: float
    ny: float


class Point(NamedTuple):
    """A point of a ball with what surrounds it as a disc, in the frame of its container."""

    x: float
    y: float
    vx: float
    vy: float
    margin: float


def falling_root(c0: float, c1: float, c2: float) -> float:
    """Where `c0 + c1 s + c2 s**2` goes from above 0 to below; infinite where it never does.

    Example:
        >>> falling_root(6.0, -5.0, 1.0), falling_root(0.0, 4.0, -2.0), falling_root(1.0, 1.0, 1.0)
        (2.0, 2.0, inf)
    """
    square = c1 * c1 - 4.0 * c0 * c2
    if square <= 0.0:
        return math.inf
    root = math.sqrt(square)
    if c1 < 0.0:
        return 2.0 * c0 / (root - c1)
    return (c1 + root) / (-2.0 * c2) if c2 < 0.0 else math.inf


def safe_step(gap: float, rate: float, bound: float) -> float:
    """Within what time a gap cannot close whose second derivative is at least `-bound`.

    Example:
        >>> safe_step(8.0, 0.0, 1.0), safe_step(3.0, -1.0, 0.0), safe_step(3.0, 1.0, 0.0)
        (4.0, 3.0, inf)
    """
    if bound <= 0.0:
        return max(gap, 0.0) / -rate if rate < 0.0 else math.inf
    root = math.sqrt(max(rate * rate + 2.0 * bound * gap, 0.0))
    if rate < 0.0:
        return 2.0 * max(gap, 0.0) / (root - rate)
    return (rate + root) / bound


def first_touch(box: Box, ball: Ball, flight: Flight, gx: float, gy: float, until: float) -> Touch | None:
    """The first contact of a ball with a wall after its flight began; None where there is none before `until`.

    Args:
        box: Its container.
        ball: Its shape.
        flight: Its motion.
        gx: Acceleration.
        gy: Acceleration.
        until: How far to look.

    Raises:
        SceneError: The search does not come to an end.

    Example:
        >>> from rlvr_gym.envs.bouncing.scene import Turn
        >>> square = Box(4, 2**0.5 * 100, turn=Turn(math.pi / 4))  # walls 100 from its centre
        >>> touch = first_touch(square, Ball(0, 10.0, 0, 0, 0, 0), Flight(0.0, 0.0, 0.0, 30.0, 40.0), 0.0, 0.0, 9.0)
        >>> round(touch.time, 9), round(touch.rate, 9)
        (2.25, -40.0)
    """
    if box.is_still and not ball.sides and not box.hole:
        return _still_touch(box, ball, flight, gx, gy, until)
    time, steps = flight.time, 0
    while time < until:
        now = flight.after(time, gx, gy)
        step, gap = _nearest(box, ball, now, _bound(box, ball, now, gx, gy))
        if gap is not None and step <= RESOLUTION and gap.rate < 0.0:
            return _touch(box, gap, time)
        time += max(step, RESOLUTION if gap is None or gap.rate < 0.0 else _AFTER)
        steps += 1
        if steps > _MOST_STEPS:
            raise SceneError(ON_A_WALL)
    return None


def _nearest(box: Box, ball: Ball, now: Flight, bound: float) -> tuple[float, Gap | None]:
    """The least safe step, at most a stretch, and the gap that it is for."""
    least, found = _STRETCH, None
    inradius = box.inradius
    points = _points(box, ball, now)
    for wall, nx, ny in walls_of(box.sides):
        for point in points:
            x, y, vx, vy, margin = point
            gap, rate = inradius - margin + nx * x + ny * y, nx * vx + ny * vy
            if gap + (rate - 0.5 * bound * least) * least > 0.0:
                continue  # above 0 at both ends of a downward parabola, and so between
            step = safe_step(gap, rate, bound)
            if step < least:
                least, found = step, Gap(gap, rate, wall, nx, ny)
    if box.hole:
        inner = _hole_gap(box, points[0])
        step = safe_step(inner.gap, inner.rate, bound)
        if step < least:
            least, found = step, inner
    return least, found


def _touch(box: Box, gap: Gap, time: float) -> Touch:
    angle = box.turn.at(time)[0]
    c, s = math.cos(angle), math.sin(angle)
    return Touch(time, gap.wall, gap.rate, c * gap.nx - s * gap.ny, s * gap.nx + c * gap.ny)


def _still_touch(box: Box, ball: Ball, flight: Flight, gx: float, gy: float, until: float) -> Touch | None:
    first, found = until - flight.time, None
    for gap in gaps(box, ball, flight):
        touch = _touch(box, gap, flight.time)
        fall = touch.nx * gx + touch.ny * gy
        when = max(falling_root(gap.gap, gap.rate, 0.5 * fall), 0.0)
        if when == math.inf and fall < 0.0:
            raise SceneError(ON_A_WALL)
        if when < first:
            first, found = when, touch._replace(time=flight.time + when, rate=gap.rate + fall * when)
    return found


@functools.lru_cache(maxsize=64)
def walls_of(sides: int) -> tuple[tuple[int, float, float], ...]:
    """Number and inward unit vector of each wall, where corner 0 is on the x axis."""
    middles = [(2 * wall + 1) * math.pi / sides for wall in range(sides)]
    return tuple((wall, -math.cos(at), -math.sin(at)) for wall, at in enumerate(middles))


def gaps(box: Box, ball: Ball, now: Flight) -> Iterator[Gap]:
    """The gaps between a ball and all walls at the moment of a flight."""
    inradius = box.inradius
    points = _points(box, ball, now)
    for wall, nx, ny in walls_of(box.sides):
        for x, y, vx, vy, margin in points:
            yield Gap(inradius - margin + nx * x + ny * y, nx * vx + ny * vy, wall, nx, ny)
    if box.hole:
        yield _hole_gap(box, points[0])


def _points(box: Box, ball: Ball, now: Flight) -> list[Point]:
    """The centre of a disc, or the corners of a polygon, seen from the container."""
    angle, rate = box.turn.at(now.time)
    cx, cy, ux, uy = box.path.at(now.time)
    c, s = math.cos(angle), math.sin(angle)
    x, y = c * (now.x - cx) + s * (now.y - cy), c * (now.y - cy) - s * (now.x - cx)
    vx, vy = c * (now.vx - ux) + s * (now.vy - uy) + rate * y, c * (now.vy - uy) - s * (now.vx - ux) - rate * x
    if not ball.sides:
        return [Point(x, y, vx, vy, ball.radius)]
    own, spin = ball.turn.at(now.time)
    points = []
    for corner in range(ball.sides):
        at = own - angle + 2.0 * math.pi * corner / ball.sides
        dx, dy = ball.radius * math.cos(at), ball.radius * math.sin(at)
        points.append(Point(x + dx, y + dy, vx - (spin - rate) * dy, vy + (spin - rate) * dx, 0.0))
    return points


def _hole_gap(box: Box, point: Point) -> Gap:
    """The distance of a disc outside of the inner polygon from it: from a side, or from a corner."""
    sector = 2.0 * math.pi / box.sides
    middle = (math.floor(math.atan2(point.y, point.x) / sector) + 0.5) * sector
    ux, uy = math.cos(middle), math.sin(middle)
    along, half = ux * point.y - uy * point.x, box.hole * math.sin(0.5 * sector)
    if abs(along) <= half:
        gap = ux * point.x + uy * point.y - box.hole * math.cos(0.5 * sector)
        return Gap(gap - point.margin, ux * point.vx + uy * point.vy, box.sides, ux, uy)
    at = middle + math.copysign(0.5 * sector, along)
    dx, dy = point.x - box.hole * math.cos(at), point.y - box.hole * math.sin(at)
    far = math.hypot(dx, dy)
    nx, ny = dx / far, dy / far
    return Gap(far - point.margin, nx * point.vx + ny * point.vy, box.sides, nx, ny)


def _bound(box: Box, ball: Ball, now: Flight, gx: float, gy: float) -> float:
    """A bound on the second derivative of every gap over the next stretch, in the frame of the container."""
    later = now.after(now.time + _STRETCH, gx, gy)
    turn, spin = box.turn, ball.turn
    swirl = turn.fastest**2 + turn.sharpest
    speed = max(math.hypot(now.vx, now.vy), math.hypot(later.vx, later.vy)) + box.path.fastest
    fall = math.hypot(gx, gy) + box.path.sharpest
    if ball.sides:
        speed += ball.radius * spin.fastest
        fall += ball.radius * (spin.fastest**2 + spin.sharpest)
    return fall + 2.0 * turn.fastest * speed + swirl * box.radius
