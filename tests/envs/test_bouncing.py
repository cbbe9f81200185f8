"""`rlvr/BouncingSim-v0`: the engine by hand and against a sampled motion, fair times, prompts, solutions, drawings."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.bouncing import (
    COMPOSED,
    PERIODIC,
    SKILLS,
    TIERS,
    Ball,
    BouncingSimEnv,
    BouncingSimTaskSet,
    Box,
    Contact,
    Path,
    Scene,
    SceneError,
    Shuttle,
    Turn,
    lazy_answers,
    scene_of,
    simulate,
    task_svg,
)
from rlvr_gym.envs.bouncing.contact import falling_root, safe_step
from rlvr_gym.envs.bouncing.families import chosen_families, draw_scene, draw_shuttle
from rlvr_gym.envs.bouncing.problems import LEVELS, distance, reached, without
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers import ConfigError, make_verifier

ROOT2 = math.sqrt(2.0)
SQUARE = Box(4, 100.0 * ROOT2, turn=Turn(math.pi / 4))  # walls at x = -100, x = 100, y = -100, y = 100
EVERY = (*SKILLS, *COMPOSED)
examples = settings(max_examples=40, deadline=None, derandomize=True)


def one(box: Box, x: float, y: float, vx: float, vy: float, radius: float = 10.0, **more: Any) -> Scene:
    return Scene((box,), (Ball(0, radius, x, y, vx, vy),), **more)


def drawn(family: str, tier: str, number: int = 0) -> Scene:
    return draw_scene(TaskRandom(f"{family}|{tier}|{number}".encode()), family, tier)


def near(found: Any, wanted: Any, within: float = 1e-7) -> bool:
    return bool(np.allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=0, atol=within))


# --- By hand ------------------------------------------------------------------------------------------------------


def folded(start: float, speed: float, time: float, half: float) -> float:
    """On a line between -half and half: the mirror images laid side by side repeat after 4 half."""
    along = (start + speed * time + half) % (4 * half)
    return min(along, 4 * half - along) - half


@examples
@given(*[st.floats(-80, 80)] * 2, *[st.floats(-500, 500)] * 2, st.floats(0, 20))
def test_in_a_square_the_mirror_images_of_the_way_are_straight(
    x: float, y: float, vx: float, vy: float, time: float
) -> None:
    motion = simulate(one(SQUARE, x, y, vx, vy), 20.0)
    assert near(motion.at(time), [(folded(x, vx, time, 90.0), folded(y, vy, time, 90.0))])


def test_a_ball_that_is_dropped_comes_back_to_where_it_began() -> None:
    # From 80 above the lowest place it falls for sqrt(2 * 80 / 10) = 4 s, and is back after 8 s, again and again.
    motion = simulate(one(SQUARE, 0.0, -10.0, 0.0, 0.0, gy=-10.0), 41.0)
    assert near([motion.at(time)[0] for time in (4.0, 8.0, 40.0, 41.0)], [(0, -90), (0, -10), (0, -10), (0, -15)])
    assert near([contact.time for contact in motion.contacts], [4.0, 12.0, 20.0, 28.0, 36.0])


def test_a_wall_that_comes_nearer_gives_twice_its_speed() -> None:
    # The centre is at 50 sin(t): the right wall, at 100 + 50 sin(t), is met where 100 + 50 sin(t) = 50 t + 10.
    box = SQUARE._replace(path=Path(ax=50.0, wx=1.0))
    low, high = 0.0, 3.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if 90 + 50 * math.sin(middle) > 50 * middle else (low, middle)
    motion = simulate(one(box, 0.0, 0.0, 50.0, 0.0), low + 0.1)
    assert near(motion.contacts[0].time, low, 1e-11)
    assert near(motion.states(low + 0.05)[0].vx, 2 * 50 * math.cos(low) - 50, 1e-9)


def test_a_wall_that_turns_pushes_with_the_speed_of_the_point_that_is_hit() -> None:
    # Angular speed 1. At t = 0 the ball touches the wall x = 100 at y = 30, which moves by (-30, 100) there.
    box = SQUARE._replace(turn=Turn(math.pi / 4, 1.0))
    motion = simulate(one(box, 90.0, 30.0, 20.0, 7.0), 1e-6)
    assert near(motion.states(0.0)[0][3:], (2 * -30 - 20, 7))


def test_a_corner_of_a_ball_meets_a_wall_with_its_own_speed() -> None:
    # A square whose corners are 10 from its centre, turning by 2 rad/s: at t = 0 a corner points to the wall x = 100,
    # and moves along it. To that of a corner at (8, 6) from the centre of a triangle, 2 rad/s add (-12, 16).
    straight = Ball(0, 10.0, 90.0, 0.0, 20.0, 5.0, 4, Turn(0.0, 2.0))
    assert near(simulate(Scene((SQUARE,), (straight,)), 1e-6).states(0.0)[0][3:], (-20, 5))
    slanted = Ball(0, 10.0, 92.0, 0.0, 20.0, 5.0, 3, Turn(math.atan2(6, 8), 2.0))
    after = simulate(Scene((SQUARE,), (slanted,)), 1e-6).states(0.0)[0]
    assert near(after[3:], (20 - 2 * (20 - 12), 5))


def test_balls_of_equal_mass_exchange_what_is_along_their_line() -> None:
    left, right = Ball(0, 10.0, -30.0, 0.0, 40.0, 3.0), Ball(0, 10.0, 10.0, 0.0, 0.0, 3.0)
    motion = simulate(Scene((SQUARE,), (left, right)), 1.0)
    assert motion.contacts == (Contact(0.5, 0, None, 1),)
    assert near(motion.at(1.0), [(-10, 3), (30, 3)])
    # Hit at an angle of 30 degrees to the line of centres: 40 cos(30) goes to the other, at that angle.
    right = Ball(0, 10.0, 10.0, 10.0, 0.0, 0.0)
    motion = simulate(Scene((SQUARE,), (left._replace(vy=0.0), right)), 1.0)
    along = 40 * math.cos(math.pi / 6)
    state = motion.states(1.0)
    assert near(state[1][3:], (along * math.cos(math.pi / 6), along / 2))
    assert near(state[0][3:], (40 - along * math.cos(math.pi / 6), -along / 2))


def test_a_shuttle_meets_every_wall_in_its_middle() -> None:
    for tier in TIERS:
        shuttle = draw_shuttle(TaskRandom(tier.encode()), tier)
        flight = shuttle.distance / shuttle.speed
        motion = simulate(shuttle.scene(), 5.5 * flight)
        for flights in (0.3, 1.7, 2.5, 4.4, 5.4):
            along = flights % 2
            out = shuttle.start + shuttle.distance * min(along, 2 - along)
            ux, uy = shuttle.direction
            wanted = [(shuttle.x + out * ux, shuttle.y + out * uy)]
            assert near(
                motion.at(flights * flight), wanted, 1e-4
            )  # the way is unstable: an error grows tenfold a flight
            assert near([shuttle.at(flights * flight)], wanted)
    square = Shuttle(4, 100 * ROOT2, 20 * ROOT2, 10.0, 30.0, 1, 5.0, 6.0, 1)  # walls at 100 and 20: 60 to fly
    assert near((square.distance, square.rate), (60.0, math.pi / 4))  # a quarter of a turn in 2 s
    assert near([square.at(time) for time in (0.0, 1.0, 2.0, 3.0)], [(5, 36), (5, 66), (5, 96), (5, 66)])


def test_a_corner_of_the_inner_polygon_is_met_as_a_point() -> None:
    box = Box(4, 200.0, hole=50.0)  # corners of the inner one at (50, 0), (0, 50), ...
    motion = simulate(one(box, 100.0, 6.0, -40.0, 0.0), 1.05)
    # Touched where the centre is 10 from (50, 0): at x = 58, and the normal is (0.8, 0.6).
    assert near(motion.contacts[0].time, 1.05)
    assert motion.contacts[0].wall == 4
    assert near(motion.states(1.05)[0][3:], (-40 + 2 * 32 * 0.8, 2 * 32 * 0.6))


# --- Corners, grazes, what cannot go on -----------------------------------------------------------------------------


def test_a_right_angle_turns_a_ball_round() -> None:
    motion = simulate(one(SQUARE, 60.0, 60.0, 30.0, 30.0), 2.0)
    assert [contact.time for contact in motion.contacts] == pytest.approx([1.0, 1.0])
    assert near(motion.at(2.0), [(60.0, 60.0)])


def test_a_corner_of_sixty_degrees_met_on_its_bisector_turns_a_ball_round() -> None:
    box = Box(3, 200.0)  # its corner 0 at (200, 0), its walls 100 from the centre
    motion = simulate(one(box, 0.0, 0.0, 50.0, 0.0), 7.2)
    assert near(motion.contacts[0].time, 3.6)  # the centre comes to 200 - 10 / sin(30 degrees) = 180
    assert len(motion.contacts) == 3  # pi / 3: three reflections
    assert near(motion.at(7.2), [(0.0, 0.0)])


@pytest.mark.parametrize("gy", [0.0, -20.0])
def test_a_graze_is_no_contact(gy: float) -> None:
    # Along the wall y = 100 without gravity; with it, a parabola with its top where the ball touches that wall.
    y, vy = (90.0, 0.0) if not gy else (80.0, 20.0)
    motion = simulate(one(SQUARE, -60.0, y, 30.0, vy, gy=gy), 2.0)
    assert motion.contacts == ()
    assert near(motion.at(2.0), [(0.0, 90.0 if not gy else 80.0)])


def test_a_graze_of_a_wall_that_moves_changes_nothing() -> None:
    # The wall y = 100 + 10 sin(t) is at 110 at t = pi / 2, where the ball, whose top is at 110, is touched: by nothing.
    box = SQUARE._replace(path=Path(ay=10.0, wy=1.0))
    motion = simulate(one(box, 0.0, 90.0 - 1e-9, 0.0, 0.0), 3.0)
    assert near(motion.at(3.0), [(0.0, 90.0)], 1e-3)


def test_what_cannot_go_on_or_does_not_fit_is_said() -> None:
    with pytest.raises(SceneError, match="lies on a wall"):
        simulate(one(SQUARE, 0.0, -90.0, 5.0, 0.0, gy=-10.0), 1.0)
    with pytest.raises(SceneError, match="does not fit"):
        simulate(one(SQUARE, 91.0, 0.0, 5.0, 0.0), 1.0)
    two = (Ball(0, 10.0, 0.0, 0.0, 1.0, 0.0), Ball(0, 10.0, 15.0, 0.0, 1.0, 0.0))
    with pytest.raises(SceneError, match="overlap"):
        simulate(Scene((SQUARE,), two), 1.0)
    with pytest.raises(SceneError, match="only discs can meet"):
        simulate(Scene((SQUARE,), (two[0], two[1]._replace(x=50.0, sides=3))), 1.0)
    with pytest.raises(SceneError, match="from 0 to 1"):
        simulate(one(SQUARE, 0.0, 0.0, 5.0, 0.0), 1.0).at(1.5)


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
@examples
def test_the_falling_root_is_the_first_crossing(c0: float, c1: float, c2: float) -> None:
    root = falling_root(c0, c1, c2)
    assert root >= 0.0
    values = [c0 + c1 * s + c2 * s * s for s in np.linspace(0, min(root, 50.0), 200)]
    assert min(values) >= -1e-6
    if root < 50.0:
        later = root + 1e-3
        assert c0 + c1 * later + c2 * later * later <= 1e-6 or c1 * c1 - 4 * c0 * c2 < 1e-3


@given(st.floats(0, 1e3), st.floats(-1e3, 1e3), st.floats(0, 1e3), st.floats(-1, 1), st.floats(0, 20))
@examples
def test_within_a_safe_step_no_gap_closes(gap: float, rate: float, bound: float, share: float, pace: float) -> None:
    # A gap whose second derivative is bound * share * cos(pace s), which is never below -bound.
    step = min(safe_step(gap, rate, bound), 100.0)
    for s in np.linspace(0, step, 50)[:-1]:
        bend = s * s / 2 if pace < 1e-3 else (1 - math.cos(pace * s)) / pace**2
        assert gap + rate * s + bound * share * bend >= -1e-6 * (1 + gap)


# --- What is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["GRAVITY", "MULTI_BOX", "MULTI_OBJ", "MULTI_OBJ+GRAVITY"])
def test_between_walls_that_stand_still_energy_is_kept(family: str) -> None:
    for number, tier in enumerate(("basic", "hard", "extreme")):
        scene = drawn(chosen_families(family)[0], tier, number)
        motion = simulate(scene, 4.0)
        assert len(motion.contacts) >= 4

        def energy(time: float, scene: Scene = scene, motion: Any = motion) -> float:
            states = motion.states(time)
            return sum((s.vx**2 + s.vy**2) / 2 - scene.gx * s.x - scene.gy * s.y for s in states)

        assert [energy(time) for time in (1.0, 2.0, 4.0)] == pytest.approx([energy(0.0)] * 3, rel=1e-10)


def backwards(scene: Scene, end: float) -> Scene:
    """The same scene with the time running backwards from `end`, without the balls; for walls that turn evenly."""
    boxes = []
    for box in scene.boxes:
        path, (angle, rate, swing, _) = box.path, box.turn
        assert swing == 0
        back = path._replace(wx=-path.wx, px=path.wx * end + path.px, wy=-path.wy, py=path.wy * end + path.py)
        boxes.append(box._replace(path=back, turn=Turn(angle + rate * end, -rate)))
    return scene._replace(boxes=tuple(boxes))


@pytest.mark.parametrize("family", EVERY)
def test_a_motion_runs_backwards(family: str) -> None:
    for number in range(2):
        scene = drawn(family, "easy", number)
        end = simulate(scene, 60.0, 2 if "MULTI_OBJ" in family else 6).until + 0.01
        last = simulate(scene, end).states(end)
        balls = []
        for ball, state in zip(scene.balls, last, strict=True):
            angle, rate = ball.turn.at(end)
            turned = ball._replace(x=state.x, y=state.y, vx=-state.vx, vy=-state.vy, turn=Turn(angle, -rate))
            balls.append(turned)
        again = simulate(backwards(scene, end)._replace(balls=tuple(balls)), end)
        assert near(again.at(end), [(ball.x, ball.y) for ball in scene.balls], 1e-5)


# --- Against a motion that is sampled ---------------------------------------------------------------------------------


class Hit(NamedTuple):
    """What is hit first: ball, wall and point of the ball, or two balls."""

    time: float
    ball: int
    wall: int = -1
    point: int = 0
    other: int = -1


class Sampled:
    """The balls of one container, advanced by samples of 1 ms and halving; everything by differences of places."""

    step = 1e-3

    def __init__(self, scene: Scene, number: int) -> None:
        self.scene, self.box = scene, scene.boxes[number]
        self.balls = [ball for ball in scene.balls if ball.box == number]
        self.place = np.array([(ball.x, ball.y) for ball in self.balls], float)
        self.speed = np.array([(ball.vx, ball.vy) for ball in self.balls], float)
        self.fall = np.array([scene.gx, scene.gy])
        self.time = 0.0

    def corners(self, t: Any) -> Any:
        """Of the container: times, corners, xy."""
        turn, path, t = self.box.turn, self.box.path, np.asarray(t, float)[..., None]
        angle = turn.angle + turn.rate * t + turn.swing / turn.pace * (1 - np.cos(turn.pace * t))
        angle = angle + 2 * np.pi * np.arange(self.box.sides) / self.box.sides
        x = path.x + path.ax * np.sin(path.wx * t + path.px) + self.box.radius * np.cos(angle)
        y = path.y + path.ay * np.sin(path.wy * t + path.py) + self.box.radius * np.sin(angle)
        return np.stack([x, y], -1)

    def points(self, ball: int, t: Any) -> Any:
        """Of a ball: times, points, xy; of a disc its centre."""
        one, t = self.balls[ball], np.asarray(t, float)[..., None]
        s = t - self.time
        centre = self.place[ball] + self.speed[ball] * s + self.fall * s * s / 2
        if not one.sides:
            return centre[..., None, :]
        turn = one.turn
        angle = turn.angle + turn.rate * t + turn.swing / turn.pace * (1 - np.cos(turn.pace * t))
        angle = angle + 2 * np.pi * np.arange(one.sides) / one.sides
        return centre[..., None, :] + one.radius * np.stack([np.cos(angle), np.sin(angle)], -1)

    def gaps(self, t: Any) -> Iterator[tuple[Hit, Any]]:
        """All gaps at some times."""
        corners = self.corners(t)
        along = np.roll(corners, -1, axis=-2) - corners
        along /= np.linalg.norm(along, axis=-1, keepdims=True)
        for ball, one in enumerate(self.balls):
            points = self.points(ball, t)
            for wall in range(self.box.sides):
                off = points - corners[..., wall : wall + 1, :]
                side = along[..., wall : wall + 1, :]
                far = side[..., 0] * off[..., 1] - side[..., 1] * off[..., 0]
                for point in range(points.shape[-2]):
                    yield Hit(0.0, ball, wall, point), far[..., point] - (0 if one.sides else one.radius)
            for other in range(ball):
                apart = np.linalg.norm(points[..., 0, :] - self.points(other, t)[..., 0, :], axis=-1)
                yield Hit(0.0, ball, other=other), apart - one.radius - self.balls[other].radius

    def first(self, end: float) -> Hit | None:
        times = np.arange(self.time, min(end, self.time + 3.0) + self.step, self.step)
        best: Hit | None = None
        for hit, gap in self.gaps(times):
            below = np.flatnonzero(gap[1:] < 0)  # what has just been hit begins at 0 and opens
            if below.size:
                low, high = times[below[0]], times[below[0] + 1]
                for _ in range(45):
                    middle = (low + high) / 2
                    value = next(g for h, g in self.gaps(middle) if h == hit)
                    low, high = (middle, high) if value >= 0 else (low, middle)
                if best is None or low < best.time:
                    best = hit._replace(time=low)
        return best

    def bounce(self, hit: Hit) -> None:
        t, d = hit.time, 1e-6
        one = self.balls[hit.ball]
        if hit.other >= 0:
            line = self.place[hit.other] - self.place[hit.ball]
            line /= np.linalg.norm(line)
            part = (self.speed[hit.other] - self.speed[hit.ball]) @ line * line
            self.speed[hit.ball] += part
            self.speed[hit.other] -= part
            return
        before, now, after = self.corners(t - d), self.corners(t), self.corners(t + d)
        a, b = now[hit.wall], now[(hit.wall + 1) % self.box.sides]
        normal = np.array([-(b - a)[1], (b - a)[0]]) / np.linalg.norm(b - a)
        point = self.points(hit.ball, t)[hit.point] - (0 if one.sides else one.radius) * normal
        share = (point - a) @ (b - a) / ((b - a) @ (b - a))

        def moved(corners: Any) -> Any:
            return corners[hit.wall] * (1 - share) + corners[(hit.wall + 1) % self.box.sides] * share

        wall = (moved(after) - moved(before)) / (2 * d)
        own = (self.points(hit.ball, t + d) - self.points(hit.ball, t - d))[hit.point] / (2 * d)
        self.speed[hit.ball] -= 2 * ((own - wall) @ normal) * normal

    def advance(self, time: float) -> None:
        s = time - self.time
        self.place = self.place + self.speed * s + self.fall * s * s / 2
        self.speed, self.time = self.speed + self.fall * s, time

    def run(self, end: float) -> Any:
        while True:
            hit = self.first(end)
            if hit is None or hit.time > end:
                self.advance(end)
                return self.place
            self.advance(hit.time)
            self.bounce(hit)


@pytest.mark.parametrize("family", EVERY)
def test_the_engine_agrees_with_a_sampled_motion(family: str) -> None:
    for number, tier in enumerate(("basic", "easy" if family == "MULTI_BOX+MULTI_OBJ" else "hard")):
        scene = drawn(family, tier, number)
        end = simulate(scene, 60.0, 1 if "MULTI_OBJ" in family else 4).until + 0.01
        wanted = np.concatenate([Sampled(scene, box).run(end) for box in range(len(scene.boxes))])
        assert near(simulate(scene, end).at(end), wanted, 1e-3), (family, tier)


@pytest.mark.parametrize("family", [*EVERY, PERIODIC])
def test_no_contact_is_missed(family: str) -> None:
    """No ball is ever outside of its container or inside of another ball, seen every 2 ms; of many balls every 20."""
    step = 2e-2 if "MULTI" in family else 2e-3
    for tier in ("easy", "extreme"):
        scene = draw_shuttle(TaskRandom(b"0"), tier).scene() if family == PERIODIC else drawn(family, tier, 5)
        motion = simulate(scene, 2.0)
        for number in range(len(scene.boxes)):
            inside = [ball for ball, one in enumerate(scene.balls) if one.box == number]
            one = Sampled(scene, number)
            for time in np.arange(0.0, 2.0, step):
                one.time, one.place = time, np.array(motion.at(time))[inside]
                assert min(gap for _, gap in one.gaps(time)) > -1e-6
            if scene.boxes[number].hole:
                far = [math.dist(motion.at(t)[0], scene.boxes[number].path[:2]) for t in np.arange(0.0, 2.0, 1e-2)]
                least = scene.boxes[number].hole * math.cos(math.pi / scene.boxes[number].sides)
                assert min(far) > least + scene.balls[0].radius - 1e-6


# --- Tasks --------------------------------------------------------------------------------------------------------

WHOLE = make_verifier("bouncing@1")
SETTINGS = [(family, tier) for family in (*EVERY, PERIODIC) for tier in TIERS]


@pytest.fixture(scope="module")
def problems() -> dict[tuple[str, str], Any]:
    """A problem of every family and tier."""
    found = {}
    for family, tier in SETTINGS:
        tasks = BouncingSimTaskSet(families=family, tier=tier)
        found[family, tier] = tasks._problem(0), tasks[0]
    return found


def test_reference_programs_pass_in_every_family_and_tier(problems: dict[tuple[str, str], Any]) -> None:
    tasks = [task for _, task in problems.values()]
    verdicts = WHOLE.verify_batch([(task.solution, task.reference) for task in tasks])
    assert {where: verdict.score for where, verdict in zip(problems, verdicts, strict=True)} == dict.fromkeys(
        problems, 1.0
    )


def test_answers_without_thought_are_wrong_at_every_time(problems: dict[tuple[str, str], Any]) -> None:
    for problem, _ in problems.values():
        for time, places in zip(problem.times, problem.positions, strict=True):
            answers = lazy_answers(problem.scene, time)
            assert len(answers) == 5
            assert min(distance(answer, places) for answer in answers) > problem.tolerance


def test_no_scene_is_solved_without_one_of_its_skills(problems: dict[tuple[str, str], Any]) -> None:
    for (family, _), (problem, _) in problems.items():
        for skill in family.split("+"):
            if skill in ("MULTI_BOX", PERIODIC):
                continue
            try:
                motion = simulate(without(problem.scene, skill), problem.times[-1])
            except SceneError:
                assert skill == "ROT_OBJ"  # a disc has no room where a polygon has
                continue
            right = [
                distance(motion.at(time), places) <= problem.tolerance
                for time, places in zip(problem.times, problem.positions, strict=True)
            ]
            assert sum(right) <= len(right) / 2


def test_what_is_left_out() -> None:
    scene = drawn("ROT_BOX+MOV_BOX", "basic")._replace(gy=-9.0)
    assert without(scene, "GRAVITY") == scene._replace(gy=0.0)
    still = without(without(scene, "ROT_BOX"), "MOV_BOX")
    assert still.boxes[0].is_still
    assert still.boxes[0].path.at(3.0)[:2] == scene.boxes[0].path.at(0.0)[:2]
    left, right = Ball(0, 10.0, -30.0, 0.0, 40.0, 0.0), Ball(0, 10.0, 10.0, 0.0, 0.0, 0.0)
    ghosts = simulate(without(Scene((SQUARE,), (left, right)), "MULTI_OBJ"), 1.0)
    assert near(ghosts.at(1.0), [(10, 0), (10, 0)])
    assert without(drawn("ROT_OBJ", "hard"), "ROT_OBJ").balls[0].sides == 0


def test_neither_chaos_nor_rounding_decides(problems: dict[tuple[str, str], Any]) -> None:
    """An error of a tenth of a millimetre at the start, in a direction of its own for each ball and number."""
    rng = np.random.default_rng(5)
    for problem, _ in problems.values():
        if problem.shuttle is None:
            moves = rng.choice([-1e-4, 1e-4], (len(problem.scene.balls), 4))
            balls = [
                ball._replace(x=ball.x + dx, y=ball.y + dy, vx=ball.vx + dvx, vy=ball.vy + dvy)
                for ball, (dx, dy, dvx, dvy) in zip(problem.scene.balls, moves, strict=True)
            ]
            other = simulate(problem.scene._replace(balls=tuple(balls)), problem.times[-1])
            for time, places in zip(problem.times, problem.positions, strict=True):
                assert distance(other.at(time), places) < problem.tolerance / 2


def test_times_stand_after_as_many_contacts_as_is_said(problems: dict[tuple[str, str], Any]) -> None:
    for (family, _), (problem, _) in problems.items():
        if family != PERIODIC:
            motion = simulate(problem.scene, problem.times[-1])
            assert reached(motion, 1) < problem.times[0]
            assert reached(motion, problem.bounces) < problem.times[-1]
            assert problem.bounces in LEVELS
    assert problems["GRAVITY", "extreme"][0].bounces == 8


def test_of_shuttles_the_closed_form_is_asked_where_going_from_wall_to_wall_fails() -> None:
    task = BouncingSimTaskSet(families=PERIODIC)[0]
    times = task.reference["times"]
    scene = scene_of(task)
    shuttle = BouncingSimTaskSet(families=PERIODIC)._problem(0).shuttle
    assert shuttle is not None
    flight = shuttle.distance / shuttle.speed
    assert [math.floor(time / flight).bit_length() - 1 for time in times] == [1, 1, 3, 3, 6, 6, 9, 9]  # 2, 8, 64, 512
    motion = simulate(scene, 140 * flight)
    off = [
        distance(motion.at(time), place) for time, place in zip(times[:6], task.reference["positions"], strict=False)
    ]
    assert max(off[:2]) < 1e-3
    assert max(off[4:]) > task.reference["tolerance"]


def test_every_number_of_the_prompt_is_exact(problems: dict[tuple[str, str], Any]) -> None:
    for (family, _), (problem, task) in problems.items():
        if family == PERIODIC:
            continue
        said = {float(text) for text in re.findall(r"\d+(?:\.\d+)?", task.prompt)}
        scene = problem.scene
        numbers = [scene.gx, scene.gy, problem.tolerance]
        for box in scene.boxes:
            turns, moves = box.turn.rate or box.turn.swing, box.path.ax or box.path.ay
            numbers += [box.sides, box.radius, box.turn.angle, *box.path[:2]]
            numbers += [box.turn.rate] if turns else []
            numbers += [*box.turn[2:]] if box.turn.swing else []
            numbers += [size for size in box.path[2:] if size] if moves else []
        for ball in scene.balls:
            numbers += ball[1:6]
            numbers += [ball.sides, ball.turn.angle, ball.turn.rate] if ball.sides else []
        assert {abs(float(number)) for number in numbers} - {0.0} <= said


def test_the_shuttle_of_a_prompt_is_that_of_the_reference(problems: dict[tuple[str, str], Any]) -> None:
    problem, task = problems[PERIODIC, "hard"]
    rules = dict(re.findall(r"^(omega|D) = (.*)$", task.prompt, re.MULTILINE))
    values = {key: text.replace("pi", repr(math.pi)) for key, text in rules.items()}
    shuttle = problem.shuttle
    n, d = shuttle.sides, (shuttle.outer - shuttle.inner) * math.cos(math.pi / shuttle.sides) - 2 * shuttle.radius
    assert values["D"] == (f"({shuttle.outer:g} - {shuttle.inner:g})*cos({math.pi!r}/{n}) - 2*{shuttle.radius:g}")
    steps = f"({shuttle.steps})" if shuttle.steps < 0 else f"{shuttle.steps}"
    assert rules["omega"] == f"2*pi*{steps}*{shuttle.speed:g} / ({n}*D)"
    assert problem.scene.boxes[0].turn.rate == pytest.approx(2 * math.pi * shuttle.steps * shuttle.speed / (n * d))


def test_nothing_of_the_times_is_told() -> None:
    env = BouncingSimEnv(families="ROT_BOX", render_mode="ansi")
    for index in range(3):
        seen = [repr(env.reset(options={"task_index": index}))]
        wrong = "```python\ndef predict_position(t):\n    raise ValueError(f'{t} {t!r}')\n```"
        seen += [repr(env.step(wrong)), str(env.render())]
        hidden = {repr(time) for time in env.task.reference["times"] if len(repr(time)) > 4}
        assert hidden
        assert not [time for time in hidden if time in " ".join(seen)]


def test_the_same_seed_gives_the_same_bytes_and_another_other_scenes() -> None:
    one, two, other = ([BouncingSimTaskSet(seed=seed)[index].id for index in (7, 3)] for seed in (1, 1, 2))
    assert one == two
    assert not set(one) & set(other)


def test_train_and_test_share_no_scene_and_the_split_is_of_the_scene_alone() -> None:
    sides = {}
    for split in ("train", "test"):
        for tests in (4, 8):
            tasks = BouncingSimTaskSet(split=split, tests=tests)
            sides[split, tests] = {json.dumps(tasks[index].private["scene"]) for index in range(12)}
    assert not (sides["train", 4] | sides["train", 8]) & (sides["test", 4] | sides["test", 8])


def test_all_draws_from_the_six_skills_and_never_from_what_is_held_out() -> None:
    tasks = BouncingSimTaskSet()
    counts = Counter(tasks[index].difficulty["family"] for index in range(120))
    assert set(counts) == set(SKILLS)
    assert min(counts.values()) >= 8  # 20 expected, with a deviation of 4
    assert chosen_families("all") == SKILLS
    assert not set(chosen_families("all")) & {*chosen_families("composed"), *chosen_families("periodic")}


@pytest.mark.parametrize("family", [*EVERY, PERIODIC])
def test_both_styles_ask_the_same(family: str) -> None:
    plain, packed = (BouncingSimTaskSet(families=family, style=style)[1] for style in ("question", "compact"))
    assert plain.reference == packed.reference
    said = json.loads(packed.prompt)
    scene = scene_of(packed)
    if family == PERIODIC:
        assert Shuttle(**said["shuttle"]).scene() == scene
    else:
        boxes = [[*box, 0] for box in said["boxes"]]
        assert Scene.from_json([boxes, said["balls"], *said["gravity"]]) == scene
    assert said["tolerance"] == packed.reference["tolerance"]
    assert max(packed.reference["times"]) <= said["until"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"families": "GRAVITI"}, "did you mean 'GRAVITY'"),
        ({"families": []}, "families must be"),
        ({"families": [3]}, "there is no family 3"),
        ({"families": "ROT_BOX+ROT_BOX"}, "named twice"),
        ({"families": "PERIODIC+ROT_BOX"}, "there is no family 'PERIODIC'"),
        ({"families": "ROT_OBJ+MULTI_OBJ"}, "do not go together"),
        ({"tier": "easyy"}, "did you mean 'easy'"),
        ({"tier": 1}, "tier must be one of basic"),
        ({"tolerance": 0.5}, "tolerance must be a share"),
        ({"tolerance": True}, "tolerance must be a share"),
        ({"tests": 3}, "tests must be"),
        ({"verifier_config": {"sandbox": "subprocess"}}, "name the sandbox with sandbox="),
        ({"verifier_config": {"rescale": "balanced_accuracy"}}, "rescale of bouncing@1 can only be ''"),
    ],
)
def test_knobs_are_checked(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BouncingSimEnv(**knobs)


# --- Drawings -----------------------------------------------------------------------------------------------------


def test_drawings_are_well_formed_and_show_every_ball_at_every_time(problems: dict[tuple[str, str], Any]) -> None:
    for (family, tier), (problem, task) in problems.items():
        if tier in ("basic", "extreme"):
            root = ElementTree.fromstring(task_svg(task))
            svg = "{http://www.w3.org/2000/svg}"
            asked = [group for group in root.iter(svg + "g") if group.get("class") == "asked"]
            assert len(asked) == len(problem.times)
            assert all(len(group.findall(svg + "text")) == len(problem.scene.balls) for group in asked)
            ways = [line for line in root.iter(svg + "polyline") if line.get("class") == "way"]
            assert len(ways) == len(problem.scene.balls)
            assert f"{family}, {tier}" in [text.text for text in root.iter(svg + "text")]
