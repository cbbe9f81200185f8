"""Problems: a scene with the times that are asked, chosen so that chance, chaos and one-line programs do not decide.

A time is asked only if

- an error of `ERROR` metres and metres a second at the start grows to at most `SHARE` of the tolerance by then: the
  scene is computed again from three neighbouring starts, so that neither chaos nor a corner that is nearly hit decides;
- none of the answers that need no thought (`lazy_answers`) is right then.

A scene is refused where a program that leaves out one of its skills (`without`) is right at more than half of the
times.

Times stand after at least 1, 2, 4 and 8 contacts a ball. Where none can be asked after so many, the number is halved.
Shuttles are known in closed form and asked after at least 2, 8, 64 and 512 flights, where no computation in floating
point that goes from wall to wall is still right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rlvr_gym.envs.bouncing.engine import Motion, Point, simulate
from rlvr_gym.envs.bouncing.families import PERIODIC, Shuttle, draw_scene, draw_shuttle
from rlvr_gym.envs.bouncing.scene import Path, Scene, SceneError, Turn
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.task import Task

LEVELS = (1, 2, 4, 8)  # contacts a ball
BEYOND = 12  # after these nothing is asked
FLIGHTS = (2, 8, 64, 512)
ERROR = 1e-4
SHARE = 0.1
LONGEST = 60.0  # seconds
_TRIES = 12  # draws of one time
_TWINS = ((1, 1, 1, -1), (1, -1, -1, 1), (-1, 1, -1, -1))
_PLACES = 4  # decimals of a position in a reference


class Problem(NamedTuple):
    """One problem; without times until `pose` has chosen them.

    Args:
        family: Its family.
        tier: Its tier.
        scene: The scene.
        shuttle: Where the scene is one.
        times: When the balls are asked for, in order.
        positions: Where all balls are then.
        tolerance: How far from there an answer may be, in metres.
        bounces: After at least so many contacts a ball the last time stands; of a shuttle, flights.
    """

    family: str
    tier: str
    scene: Scene
    shuttle: Shuttle | None = None
    times: tuple[float, ...] = ()
    positions: tuple[tuple[Point, ...], ...] = ()
    tolerance: float = 0.0
    bounces: int = 0

    @property
    def reference(self) -> dict[str, Any]:
        """What `bouncing@1` compares with."""
        places = [[list(point) for point in row] for row in self.positions]
        return {"times": list(self.times), "positions": places, "tolerance": self.tolerance}


def draw(rng: TaskRandom, family: str, tier: str) -> Problem:
    """A scene of a family and a tier, without times.

    Args:
        rng: Random numbers.
        family: As `chosen_families` gives it.
        tier: One of `TIERS`.
    """
    if family == PERIODIC:
        shuttle = draw_shuttle(rng, tier)
        return Problem(family, tier, shuttle.scene(), shuttle)
    return Problem(family, tier, draw_scene(rng, family, tier))


def pose(rng: TaskRandom, problem: Problem, tests: int, share: float) -> Problem | None:
    """Choose the times; None where the scene has none, or does not go on.

    Args:
        rng: Random numbers.
        problem: A problem without times.
        tests: How many times.
        share: The tolerance, as a share of `Scene.inradius`.

    Example:
        >>> rng = TaskRandom(b"doc")
        >>> problem = pose(rng, draw(rng, "GRAVITY", "basic"), 4, 0.02)
        >>> len(problem.times), problem.bounces
        (4, 8)
    """
    problem = problem._replace(tolerance=round(share * problem.scene.inradius, 3))
    if problem.shuttle is None:
        return _of_scene(rng, problem, tests)
    return _of_shuttle(rng, problem, problem.shuttle, tests)


def _of_scene(rng: TaskRandom, problem: Problem, tests: int) -> Problem | None:
    scene, tolerance = problem.scene, problem.tolerance
    try:
        motion = simulate(scene, LONGEST, BEYOND)
        if motion.until >= LONGEST:
            return None
        twins = [simulate(twin, motion.until) for twin in neighbours(scene)]
    except SceneError:
        return None
    begins = [reached(motion, level) for level in (*LEVELS, BEYOND)]
    times: dict[float, int] = {}  # with their levels
    for number in range(tests):
        for level in range(number % len(LEVELS), -1, -1):
            time = _fair_time(rng, motion, twins, begins[level : level + 2], tolerance)
            if time is not None and time not in times:
                times[time] = LEVELS[level]
                break
        else:
            return None
    ordered = tuple(sorted(times))
    if any(_right(other, motion, ordered, tolerance) > tests / 2 for other in simpler_scenes(problem)):
        return None
    positions = tuple(tuple(map(_rounded, motion.at(time))) for time in ordered)
    return problem._replace(times=ordered, positions=positions, bounces=max(times.values()))


def _right(other: Scene, motion: Motion, times: Sequence[float], tolerance: float) -> int:
    """At how many of the times another scene has its balls where this motion has them."""
    try:
        there = simulate(other, times[-1])
    except SceneError:
        return 0
    return sum(distance(there.at(time), motion.at(time)) <= tolerance for time in times)


def simpler_scenes(problem: Problem) -> list[Scene]:
    """The scene without each of its skills, for those that can be left out without another number of balls."""
    return [without(problem.scene, skill) for skill in problem.family.split("+") if skill != "MULTI_BOX"]


def without(scene: Scene, skill: str) -> Scene:
    """A scene as a program sees it that leaves out one skill.

    Args:
        scene: The scene.
        skill: ROT_OBJ: balls are discs; ROT_BOX: nothing turns; MOV_BOX: containers stay where they begin; GRAVITY:
            there is none; MULTI_OBJ: balls pass through one another.

    Example:
        >>> from rlvr_gym.envs.bouncing.scene import Ball, Box
        >>> without(Scene((Box(4, 100.0),), (Ball(0, 10.0, 0.0, 0.0, 1.0, 0.0),), 0.0, -9.0), "GRAVITY")[2:]
        (0.0, 0.0)
    """
    if skill == "GRAVITY":
        return scene._replace(gx=0.0, gy=0.0)
    if skill == "ROT_OBJ":
        return scene._replace(balls=tuple(ball._replace(sides=0) for ball in scene.balls))
    if skill == "ROT_BOX":
        return scene._replace(boxes=tuple(box._replace(turn=Turn(box.turn.angle)) for box in scene.boxes))
    if skill == "MOV_BOX":
        return scene._replace(boxes=tuple(box._replace(path=Path(*box.path.at(0.0)[:2])) for box in scene.boxes))
    boxes = tuple(scene.boxes[ball.box] for ball in scene.balls)  # one for each ball, in the same place
    return scene._replace(boxes=boxes, balls=tuple(ball._replace(box=n) for n, ball in enumerate(scene.balls)))


def _fair_time(
    rng: TaskRandom, motion: Motion, twins: Sequence[Motion], window: Sequence[float], tolerance: float
) -> float | None:
    first, last = math.floor(window[0] * 1000) + 1, math.floor(window[1] * 1000)
    for _ in range(_TRIES if first <= last else 0):
        time = rng.between(first, last) / 1000
        places = motion.at(time)
        calm = all(distance(twin.at(time), places) <= SHARE * tolerance for twin in twins)
        if calm and not any(distance(answer, places) <= tolerance for answer in lazy_answers(motion.scene, time)):
            return time
    return None


def _of_shuttle(rng: TaskRandom, problem: Problem, shuttle: Shuttle, tests: int) -> Problem:
    flight = shuttle.distance / shuttle.speed
    times: set[float] = set()
    while len(times) < tests:
        flights = FLIGHTS[len(times) % len(FLIGHTS)]
        time = rng.between(math.floor(flights * flight * 1000) + 1, math.floor(2 * flights * flight * 1000)) / 1000
        lazy = lazy_answers(problem.scene, time)
        if time not in times and not any(distance(answer, [shuttle.at(time)]) <= problem.tolerance for answer in lazy):
            times.add(time)
    ordered = tuple(sorted(times))
    positions = tuple((_rounded(shuttle.at(time)),) for time in ordered)
    return problem._replace(times=ordered, positions=positions, bounces=FLIGHTS[-1])


def neighbours(scene: Scene) -> Iterator[Scene]:
    """Three scenes whose balls start `ERROR` away, in different directions, and as much faster."""
    for twin in _TWINS:
        balls = []
        for number, ball in enumerate(scene.balls):
            dx, dy, dvx, dvy = (ERROR * sign for sign in twin[number % 4 :] + twin[: number % 4])
            balls.append(ball._replace(x=ball.x + dx, y=ball.y + dy, vx=ball.vx + dvx, vy=ball.vy + dvy))
        yield scene._replace(balls=tuple(balls))


def reached(motion: Motion, contacts: int) -> float:
    """When each ball has had so many contacts, in the mean over each container; infinite where that is later."""
    latest = 0.0
    for number in range(len(motion.scene.boxes)):
        inside = {ball for ball, one in enumerate(motion.scene.balls) if one.box == number}
        times = [contact.time for contact in motion.contacts if contact.ball in inside]
        wanted = contacts * len(inside)
        latest = max(latest, times[wanted - 1] if len(times) >= wanted else math.inf)
    return latest


def lazy_answers(scene: Scene, time: float) -> list[list[Point]]:
    """Answers that need no thought.

    The centre of the container at the beginning and now, the place at the beginning, and the way on as if there were no
    walls, without and with gravity.

    Example:
        >>> from rlvr_gym.envs.bouncing.scene import Ball, Box
        >>> lazy_answers(Scene((Box(4, 100.0),), (Ball(0, 10.0, 1.0, 2.0, 30.0, 0.0),), 0.0, -10.0), 2.0)
        [[(0.0, 0.0)], [(0.0, 0.0)], [(1.0, 2.0)], [(61.0, 2.0)], [(61.0, -18.0)]]
    """
    begun = [scene.boxes[ball.box].path.at(0.0)[:2] for ball in scene.balls]
    now = [scene.boxes[ball.box].path.at(time)[:2] for ball in scene.balls]
    still = [(ball.x, ball.y) for ball in scene.balls]
    straight = [(ball.x + ball.vx * time, ball.y + ball.vy * time) for ball in scene.balls]
    half = 0.5 * time * time
    falling = [(x + half * scene.gx, y + half * scene.gy) for x, y in straight]
    return [begun, now, still, straight, falling]


def distance(one: Sequence[Point], other: Sequence[Point]) -> float:
    """The greatest distance between a ball here and the same ball there."""
    return max(math.dist(a, b) for a, b in zip(one, other, strict=True))


def _rounded(point: Point) -> Point:
    return round(point[0], _PLACES) + 0.0, round(point[1], _PLACES) + 0.0


def scene_of(task: Task) -> Scene:
    """The scene of a task. It is private only in its form: the prompt says the same."""
    return Scene.from_json(task.private["scene"])
