"""The exact motion of the balls of a scene, from contact to contact.

Between contacts a ball is on a parabola. At a wall, the speed at which the ball's surface and the wall approach at the
point of contact, along the normal, is turned round: `v' = v - 2 ((u - w) . n) n`, where v is the velocity of the
centre, u that of the ball's point and w that of the wall's point. Nothing else changes: a container is as heavy as it
likes, and a ball that is a polygon turns as it is told, whatever it hits. Where the wall stands still and the ball is a
disc this is the mirror law. Two balls that meet are discs of equal mass: they exchange their velocities along the line
of centres.

What touches two walls, or a wall and a ball, at one moment is treated one after the other until nothing approaches:
first the earlier one by the computed times, of equal ones the wall with the lower number, walls before balls. In a
corner of a right angle (of any angle pi / m) the order makes no difference. A graze changes nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from rlvr_gym.envs.bouncing.contact import Flight, Touch, falling_root, first_touch, gaps
from rlvr_gym.envs.bouncing.scene import Box, Scene, SceneError

MOST_CONTACTS = 20_000
_SLACK = 1e-9
Point = tuple[float, float]


class Contact(NamedTuple):
    """A contact.

    Args:
        time: When.
        ball: Number of the ball; of two, the lower one.
        wall: Number of the wall; None where two balls meet.
        other: Number of the other ball; None at a wall.
    """

    time: float
    ball: int
    wall: int | None
    other: int | None = None


class Motion(NamedTuple):
    """How the balls of a scene move.

    Args:
        scene: The scene.
        flights: For each ball, its flights in order.
        contacts: All contacts in order.
        until: Up to when this holds.
    """

    scene: Scene
    flights: tuple[tuple[Flight, ...], ...]
    contacts: tuple[Contact, ...]
    until: float

    def states(self, time: float) -> list[Flight]:
        """Where all balls are at a time, and how fast; right after a contact at that very time.

        Raises:
            SceneError: The time is not within the motion.
        """
        if not 0.0 <= time <= self.until:
            raise SceneError(f"the motion is known from 0 to {self.until}, not at {time}")
        found = []
        for flights in self.flights:
            flight = flights[bisect_right(flights, time, key=_began) - 1]
            found.append(flight.after(time, self.scene.gx, self.scene.gy))
        return found

    def at(self, time: float) -> list[Point]:
        """The centres of all balls at a time."""
        return [(state.x, state.y) for state in self.states(time)]


def _began(flight: Flight) -> float:
    return flight.time


def simulate(scene: Scene, until: float, contacts: int | None = None) -> Motion:
    """Compute a motion.

    Args:
        scene: The scene.
        until: The time to which it is computed.
        contacts: Stop earlier, where each ball has had so many contacts, in the mean over each container.

    Raises:
        SceneError: A ball does not fit where it starts, or the motion does not go on.

    Example:
        >>> from rlvr_gym.envs.bouncing.scene import Ball, Turn
        >>> square = Box(4, 2**0.5 * 100, turn=Turn(math.pi / 4))  # walls 100 from its centre
        >>> motion = simulate(Scene((square,), (Ball(0, 10.0, 0.0, 0.0, 30.0, 10.0),)), 4.0)
        >>> [(round(x, 9), round(y, 9)) for x, y in motion.at(4.0)], round(motion.contacts[0].time, 9)
        ([(60.0, 40.0)], 3.0)
    """
    runs = []
    for number, box in enumerate(scene.boxes):
        inside = [ball for ball, one in enumerate(scene.balls) if one.box == number]
        runs.append(_Run(scene, box, inside, until))
    end = until if contacts is None else max(run.go(until, contacts) for run in runs)
    flights: list[tuple[Flight, ...]] = [()] * len(scene.balls)
    for run in runs:
        run.go(end)
        for ball, own in zip(run.inside, run.flights, strict=True):
            flights[ball] = tuple(own)
    found = sorted((contact for run in runs for contact in run.contacts), key=_when)
    return Motion(scene, tuple(flights), tuple(found), end)


def _when(contact: Contact) -> float:
    return contact.time


class _Run:
    """One container and its balls, and how far they have come."""

    def __init__(self, scene: Scene, box: Box, inside: Sequence[int], cap: float) -> None:
        self.scene, self.box, self.inside, self.cap = scene, box, inside, cap
        self.balls = [scene.balls[number] for number in inside]
        self.flights = [[Flight(0.0, ball.x, ball.y, ball.vx, ball.vy)] for ball in self.balls]
        self.contacts: list[Contact] = []
        self._check()
        self.touches: dict[int, Touch] = {}
        self.meetings: dict[tuple[int, int], float] = {}
        self._look(range(len(self.balls)))

    def _check(self) -> None:
        """Refuse what does not fit.

        Raises:
            SceneError: A ball is not inside, two overlap, or there are two of which one is a polygon.
        """
        if len(self.balls) > 1 and any(ball.sides for ball in self.balls):
            raise SceneError("only discs can meet: a polygon must be alone in its container")
        for ball, (flight,) in zip(self.balls, self.flights, strict=True):
            if min(gap.gap for gap in gaps(self.box, ball, flight)) < -_SLACK:
                raise SceneError("a ball does not fit where it starts")
        for (one, first), (two, second) in combinations(zip(self.balls, self.flights, strict=True), 2):
            if math.dist(first[0][1:3], second[0][1:3]) < one.radius + two.radius - _SLACK:
                raise SceneError("two balls overlap where they start")

    def _look(self, changed: Sequence[int]) -> None:
        """Find the next contacts of balls whose flight is new."""
        for ball in changed:
            touch = first_touch(
                self.box, self.balls[ball], self.flights[ball][-1], self.scene.gx, self.scene.gy, self.cap
            )
            self.touches.pop(ball, None)
            if touch is not None:
                self.touches[ball] = touch
            for other in range(len(self.balls)):
                if other != ball:
                    pair = (min(ball, other), max(ball, other))
                    self.meetings[pair] = self._meeting(*pair)

    def _meeting(self, one: int, two: int) -> float:
        """When two balls meet if nothing else is hit; infinite where they do not. As they fall alike, it is a line."""
        time = max(self.flights[one][-1].time, self.flights[two][-1].time)
        a, b = self._state(one, time), self._state(two, time)
        dx, dy, ux, uy = b.x - a.x, b.y - a.y, b.vx - a.vx, b.vy - a.vy
        apart = self.balls[one].radius + self.balls[two].radius
        when = falling_root(dx * dx + dy * dy - apart * apart, 2.0 * (dx * ux + dy * uy), ux * ux + uy * uy)
        return time + max(when, 0.0)

    def _state(self, ball: int, time: float) -> Flight:
        return self.flights[ball][-1].after(time, self.scene.gx, self.scene.gy)

    def go(self, until: float, contacts: int | None = None) -> float:
        """Go on to a time, or to a number of contacts a ball; says to when that was.

        Raises:
            SceneError: There are too many contacts.
        """
        wanted = math.inf if contacts is None else contacts * len(self.balls)
        while len(self.contacts) < wanted:
            touching = min(self.touches, key=self._touch_time, default=None)
            meeting = min(self.meetings, key=self._meeting_time, default=None)
            at_wall = math.inf if touching is None else self.touches[touching].time
            at_ball = math.inf if meeting is None else self.meetings[meeting]
            if min(at_wall, at_ball) > until:
                return until
            if touching is not None and at_wall <= at_ball:
                self._bounce(touching, self.touches[touching])
            elif meeting is not None:
                self._collide(*meeting, at_ball)
            if len(self.contacts) > MOST_CONTACTS:
                raise SceneError(f"more than {MOST_CONTACTS:,} contacts")
        return self.contacts[-1].time if self.contacts else 0.0

    def _touch_time(self, ball: int) -> float:
        return self.touches[ball].time

    def _meeting_time(self, pair: tuple[int, int]) -> float:
        return self.meetings[pair]

    def _bounce(self, ball: int, touch: Touch) -> None:
        state = self._state(ball, touch.time)
        kick = -2.0 * touch.rate
        after = state._replace(vx=state.vx + kick * touch.nx, vy=state.vy + kick * touch.ny)
        self.flights[ball].append(after)
        self.contacts.append(Contact(touch.time, self.inside[ball], touch.wall))
        self._look((ball,))

    def _collide(self, one: int, two: int, time: float) -> None:
        a, b = self._state(one, time), self._state(two, time)
        dx, dy = b.x - a.x, b.y - a.y
        far = math.hypot(dx, dy)
        nx, ny = dx / far, dy / far
        rate = (b.vx - a.vx) * nx + (b.vy - a.vy) * ny
        self.flights[one].append(a._replace(vx=a.vx + rate * nx, vy=a.vy + rate * ny))
        self.flights[two].append(b._replace(vx=b.vx - rate * nx, vy=b.vy - rate * ny))
        self.contacts.append(Contact(time, self.inside[one], None, self.inside[two]))
        self._look((one, two))
