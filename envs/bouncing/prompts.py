"""What a policy is told: the scene in words and formulas, or as JSON for small models. Every number is exact."""

from __future__ import annotations

import json
import math
from typing import Any

from rlvr_gym.envs.bouncing.families import Shuttle
from rlvr_gym.envs.bouncing.problems import Problem
from rlvr_gym.envs.bouncing.scene import Ball, Box, Path, Scene, Turn

_UNITS = """\
Lengths are in metres, times in seconds, angles in radians, anticlockwise from the x axis; the y axis points up. At \
the beginning t = 0. All numbers are exact."""
_PERIODIC = """\
Two regular polygons with {sides} walls each have their centre at ({x}, {y}). The corners of the outer one are {outer} \
from it, those of the inner one {inner}. Both turn together: their corners are at the angles a + 2*pi*i/{sides} for \
i = 0 ... {last}, with

a = pi/{sides}{quarter} + omega*t
omega = 2*pi*{steps}*{speed} / ({sides}*D)
D = ({outer} - {inner})*cos(pi/{sides}) - 2*{radius}

Ball 1 is a disc of radius {radius} between the two. At the beginning it touches the inner polygon: its centre is \
{inner}*cos(pi/{sides}) + {radius} from the centre of the polygons, {where}, and its velocity is ({vx}, {vy})."""
_SIDES = ("to the right of it", "above it", "to the left of it", "below it")
_MOVING = "w is the velocity of the wall at the point of contact"
_FORM = """\
Write a Python function `predict_position(t)` that returns the {what} at the time t, as a list with one [x, y] for \
each ball{order}. It is called with several times from 0 to {until}, and each answer is right where every ball is at \
most {tolerance} from where it is. All calls together have a few seconds of computing time. The standard library is \
there. Give the whole program in one ```python block; the last such block counts."""


def prompt_of(problem: Problem, style: str) -> str:
    """The prompt of a problem.

    Args:
        problem: The problem.
        style: `"question"` or `"compact"`.

    Example:
        >>> scene = Scene((Box(4, 100.0),), (Ball(0, 10.0, 1.0, 2.0, 30.0, 0.0),))
        >>> problem = Problem("GRAVITY", "basic", scene, times=(1.5,), tolerance=1.4)
        >>> prompt_of(problem, "compact")[-47:]
        '"gravity":[0.0,0.0],"until":2,"tolerance":1.4}\\n'
    """
    if style == "compact":
        return _compact(problem)
    scene = problem.scene
    if problem.shuttle is not None:
        parts = [_shuttle(problem.shuttle)]
    else:
        parts = [_box(number, box) for number, box in enumerate(scene.boxes, start=1)]
        parts += [_ball(number, ball, scene) for number, ball in enumerate(scene.balls, start=1)]
    many = len(scene.balls) > 1
    begin = f"{len(scene.balls)} balls move" if many else "A ball moves"
    where = "several containers" if len(scene.boxes) > 1 else "a container"
    form = _FORM.format(
        what="centres of all balls" if many else "centre of the ball",
        order=", in the order above" if many else "",
        until=math.ceil(problem.times[-1]),
        tolerance=_number(problem.tolerance),
    )
    return "\n\n".join([f"{begin} in {where} and bounce{'' if many else 's'}.", _UNITS, *parts, _rules(scene), form])


def _compact(problem: Problem) -> str:
    scene, shuttle = problem.scene, problem.shuttle
    boxes = [[box.sides, box.radius, box.path, box.turn] for box in scene.boxes]
    said: dict[str, Any] = {"boxes": boxes, "balls": scene.balls, "gravity": [scene.gx, scene.gy]}
    if shuttle is not None:
        said = {"shuttle": shuttle._asdict()}
    ends = {"until": math.ceil(problem.times[-1]), "tolerance": problem.tolerance}
    return json.dumps({**said, **ends}, separators=(",", ":")) + "\n"


def _box(number: int, box: Box) -> str:
    corners = f"a + 2*pi*i/{box.sides} for i = 0 ... {box.sides - 1}"
    turn = f"a = {_turn(box.turn)}{_speed(box.turn)}"
    return (
        f"Container {number} is a regular polygon with {box.sides} walls. Its centre {_path(box.path)}. Its corners "
        f"are {_number(box.radius)} from the centre, at the angles {corners}, with {turn}."
    )


def _path(path: Path) -> str:
    if not (path.ax or path.ay):
        return f"is at ({_number(path.x)}, {_number(path.y)})"
    x, y = _wave(path.x, path.ax, path.wx, path.px), _wave(path.y, path.ay, path.wy, path.py)
    return f"moves: it is at x = {x}, y = {y}"


def _wave(middle: float, size: float, pace: float, phase: float) -> str:
    if not size:
        return _number(middle)
    return f"{_number(middle)} + {_number(size)}*sin({_number(pace)}*t + {_number(phase)})"


def _turn(turn: Turn) -> str:
    said = _number(turn.angle)
    if turn.rate:
        said += f" {'-' if turn.rate < 0 else '+'} {_number(abs(turn.rate))}*t"
    if turn.swing:
        pace = _number(turn.pace)
        said += f" + {_number(turn.swing)}/{pace}*(1 - cos({pace}*t))"
    return said


def _speed(turn: Turn) -> str:
    if not turn.swing:
        return ""
    return f" (the angular speed is {_number(turn.rate)} + {_number(turn.swing)}*sin({_number(turn.pace)}*t))"


def _ball(number: int, ball: Ball, scene: Scene) -> str:
    inside = f", in container {ball.box + 1}," if len(scene.boxes) > 1 else ""
    begins = f"At the beginning its centre is at {_pair(ball.x, ball.y)} and its velocity is {_pair(ball.vx, ball.vy)}."
    if not ball.sides:
        return f"Ball {number}{inside} is a disc of radius {_number(ball.radius)}. {begins}"
    corners = f"b + 2*pi*j/{ball.sides} for j = 0 ... {ball.sides - 1}"
    turn = f"b = {_turn(ball.turn)}{_speed(ball.turn)}"
    return (
        f"Ball {number}{inside} is a regular polygon with {ball.sides} corners, {_number(ball.radius)} from its "
        f"centre, at the angles {corners}, with {turn}: it turns like this whatever it hits. {begins}"
    )


def _shuttle(shuttle: Shuttle) -> str:
    ux, uy = shuttle.direction
    numbers = {name: _number(getattr(shuttle, name)) for name in ("x", "y", "outer", "inner", "radius", "speed")}
    return _PERIODIC.format(
        **numbers,
        sides=shuttle.sides,
        last=shuttle.sides - 1,
        quarter=("", " + pi/2", " + pi", " + 3*pi/2")[shuttle.quarter],
        steps=shuttle.steps if shuttle.steps > 0 else f"({shuttle.steps})",
        where=_SIDES[shuttle.quarter],
        vx=_number(shuttle.speed * ux + 0.0),
        vy=_number(shuttle.speed * uy + 0.0),
    )


def _rules(scene: Scene) -> str:
    falls = scene.gx or scene.gy
    way = f"with the constant acceleration {_pair(scene.gx, scene.gy)}" if falls else "with constant velocity"
    rules = [f"Between contacts the centre of a ball moves {way}."]
    spins = any(ball.sides for ball in scene.balls)
    if spins:
        rules.append(
            "When a corner of the ball meets a wall, the velocity v of the ball's centre becomes v - 2*((u - w).n)*n, "
            "where n is the unit normal of the wall, u is the velocity of that corner (v and what the turning of the "
            f"ball adds to it), and {_MOVING}."
        )
    elif all(box.is_still for box in scene.boxes):
        rules.append(
            "When a ball meets a wall, its velocity v becomes v - 2*(v.n)*n, where n is the unit normal of the wall."
        )
    else:
        rules.append(
            "When a ball meets a wall, its velocity v becomes v - 2*((v - w).n)*n, where n is the unit normal of the "
            f"wall, and {_MOVING}."
        )
    if len({ball.box for ball in scene.balls}) < len(scene.balls):
        rules.append(
            "Balls have equal masses. When two meet, they exchange the parts of their velocities that point along the "
            "line through their centres."
        )
    rules.append("Nothing is lost, and nothing else acts on a ball. Containers move as told, whatever hits them.")
    return "\n".join(f"- {rule}" for rule in rules)


def _pair(x: float, y: float) -> str:
    return f"({_number(x)}, {_number(y)})"


def _number(value: float) -> str:
    """A number in the digits that it is read from."""
    return repr(value).removesuffix(".0")
