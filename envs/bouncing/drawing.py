"""Drawings of scenes, as SVG. They need nothing but this package, and a browser to look at them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from rlvr_gym.envs.bouncing.engine import Motion, Point, simulate
from rlvr_gym.envs.bouncing.scene import Ball, Box, Scene
from rlvr_gym.envs.task import Task

INK, PAPER, QUIET, FLOOR = "#20242a", "#ffffff", "#8a919c", "#f4f5f7"
COLOURS = ("#d9483b", "#3b78d9", "#3f9e57", "#b06ad4", "#d98a1f", "#2a9d9d", "#c2478a", "#7a6a4f", "#5b62c9")
_FONT = "font-family='ui-sans-serif,Helvetica,Arial,sans-serif'"
_WIDTH, _TALLEST, _MARGIN, _HEAD, _FOOT = 880.0, 880.0, 16.0, 34.0, 30.0
_PIECES = 24  # straight pieces of a parabola
_UNSTABLE = 8  # flights of a shuttle that are drawn: later ones are not known from wall to wall
_NOTE = "filled: at the beginning; rings: at the times that are asked; dots: the centre at a contact"
_MOVES = "; faint walls: at those times"


class _View:
    """From metres to points of the drawing, with y upwards."""

    def __init__(self, corners: Sequence[Point]) -> None:
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        self.left, self.top = min(xs), max(ys)
        wide, high = max(xs) - self.left, self.top - min(ys)
        self.scale = min((_WIDTH - 2 * _MARGIN) / wide, (_TALLEST - 2 * _MARGIN) / high)
        self.width = max(wide * self.scale + 2 * _MARGIN, 420.0)
        self.height = high * self.scale + 2 * _MARGIN + _HEAD + _FOOT

    def place(self, point: Point) -> Point:
        return (
            _MARGIN + (point[0] - self.left) * self.scale,
            _MARGIN + _HEAD + (self.top - point[1]) * self.scale,
        )

    def line(self, points: Sequence[Point]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.place, points))


def task_svg(task: Task) -> str:
    """The scene of a task, the ways of its balls, and where they are at the times that are asked. Not for a policy.

    Args:
        task: A task of `rlvr/BouncingSim-v0`.

    Example:
        >>> from rlvr_gym.envs.bouncing import BouncingSimEnv
        >>> drawing = task_svg(BouncingSimEnv().taskset[0])
        >>> drawing.count("<g class='asked'")
        8
    """
    reference = task.reference
    marks = [
        (time, [(x, y) for x, y in row]) for time, row in zip(reference["times"], reference["positions"], strict=True)
    ]
    title = f"{task.difficulty.get('family', '')}, {task.difficulty.get('tier', '')}".strip(", ")
    return scene_svg(Scene.from_json(task.private["scene"]), marks, title)


def scene_svg(scene: Scene, marks: Sequence[tuple[float, Sequence[Point]]], title: str = "") -> str:
    """A scene at the beginning, and its balls at some times.

    Args:
        scene: The scene.
        marks: Times, and where all balls are then.
        title: Written above it.

    Raises:
        SceneError: The motion does not go on.

    Example:
        >>> scene = Scene((Box(4, 100.0),), (Ball(0, 10.0, 0.0, 0.0, 30.0, 0.0),))
        >>> scene_svg(scene, [(1.0, [(30.0, 0.0)])], "A & B").count("A &amp; B")
        1
    """
    last = max((time for time, _ in marks), default=0.0)
    motion = simulate(scene, last, _UNSTABLE if any(box.hole for box in scene.boxes) else None)
    moves = any(not box.is_still for box in scene.boxes)
    shown = [0.0, *(time for time, _ in marks if moves)]
    view = _View([corner for box in scene.boxes for time in shown for corner in _corners(box, time)])
    drawn = [_text(_MARGIN, 24, title, INK, 16)]
    drawn += [_walls(view, box, time, faint=True) for time in reversed(shown[1:]) for box in scene.boxes]
    drawn += [_walls(view, box, 0.0, faint=False) for box in scene.boxes]
    drawn += [_way(view, motion, number) for number in range(len(scene.balls))]
    drawn += [_ball(view, ball, (ball.x, ball.y), 0.0, number) for number, ball in enumerate(scene.balls)]
    drawn += [_asked(view, scene, which, *mark) for which, mark in enumerate(marks, start=1)]
    drawn += _arrow(view, scene)
    drawn.append(_text(_MARGIN, view.height - 10, _NOTE + (_MOVES if moves else ""), QUIET, 12))
    size = f"viewBox='0 0 {view.width:.0f} {view.height:.0f}' width='{view.width:.0f}' height='{view.height:.0f}'"
    body = "\n".join(drawn)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} {_FONT}>\n<rect width='100%' height='100%' fill='{PAPER}'/>\n"
        f"{body}\n</svg>\n"
    )


def _corners(box: Box, time: float, radius: float | None = None) -> list[Point]:
    x, y, _, _ = box.path.at(time)
    far = box.radius if radius is None else radius
    angles = [box.turn.at(time)[0] + 2 * math.pi * corner / box.sides for corner in range(box.sides)]
    return [(x + far * math.cos(angle), y + far * math.sin(angle)) for angle in angles]


def _walls(view: _View, box: Box, time: float, faint: bool) -> str:
    style = f"fill='none' stroke='{QUIET}' stroke-width='1' opacity='0.7'"
    inner = style
    if not faint:
        style = f"fill='{FLOOR}' fill-opacity='0.6' stroke='{INK}' stroke-width='2.4'"
        inner = f"fill='{INK}' fill-opacity='0.75' stroke='{INK}' stroke-width='2.4'"
    drawn = f"<polygon points='{view.line(_corners(box, time))}' {style}/>"
    if box.hole:
        drawn += f"<polygon points='{view.line(_corners(box, time, box.hole))}' {inner}/>"
    return drawn


def _way(view: _View, motion: Motion, number: int) -> str:
    colour = _colour(number)
    points = list(_points(motion, number))
    dots = [
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='2.2' fill='{colour}'/>"
        for flight in motion.flights[number][1:]
        for x, y in [view.place((flight.x, flight.y))]
    ]
    style = f"fill='none' stroke='{colour}' stroke-width='1.3' opacity='0.7' stroke-linejoin='round'"
    return f"<polyline class='way' points='{view.line(points)}' {style}/>{''.join(dots)}"


def _points(motion: Motion, number: int) -> Iterator[Point]:
    scene, flights = motion.scene, motion.flights[number]
    ends = [*(flight.time for flight in flights[1:]), motion.until]
    pieces = _PIECES if scene.gx or scene.gy else 1
    yield flights[0].x, flights[0].y
    for flight, end in zip(flights, ends, strict=True):
        for piece in range(1, pieces + 1):
            now = flight.after(flight.time + (end - flight.time) * piece / pieces, scene.gx, scene.gy)
            yield now.x, now.y


def _ball(view: _View, ball: Ball, at: Point, time: float, number: int, ring: bool = False) -> str:
    colour = _colour(number)
    fill = f"fill='{colour if not ring else 'none'}' fill-opacity='0.35'"
    style = f"{fill} stroke='{colour}' stroke-width='{1.2 if ring else 2}'"
    if not ball.sides:
        x, y = view.place(at)
        return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{ball.radius * view.scale:.1f}' {style}/>"
    angle = ball.turn.at(time)[0]
    angles = [angle + 2 * math.pi * corner / ball.sides for corner in range(ball.sides)]
    corners = [(at[0] + ball.radius * math.cos(a), at[1] + ball.radius * math.sin(a)) for a in angles]
    return f"<polygon points='{view.line(corners)}' {style}/>"


def _asked(view: _View, scene: Scene, which: int, time: float, places: Sequence[Point]) -> str:
    drawn = []
    for number, (ball, at) in enumerate(zip(scene.balls, places, strict=True)):
        x, y = view.place(at)
        drawn.append(_ball(view, ball, at, time, number, ring=True))
        drawn.append(_text(x, y + 4, str(which), INK, 11, "middle"))
    return f"<g class='asked'><title>t = {time}</title>{''.join(drawn)}</g>"


def _arrow(view: _View, scene: Scene) -> list[str]:
    """The direction of gravity, at the top on the right."""
    size = math.hypot(scene.gx, scene.gy)
    if not size:
        return []
    x, y = view.width - 40, 20.0
    dx, dy = 13 * scene.gx / size, -13 * scene.gy / size
    tip = f"{x + dx:.1f},{y + dy:.1f} {x - 0.45 * dy:.1f},{y + 0.45 * dx:.1f} {x + 0.45 * dy:.1f},{y - 0.45 * dx:.1f}"
    shaft = f"x1='{x - dx:.1f}' y1='{y - dy:.1f}' x2='{x:.1f}' y2='{y:.1f}'"
    return [
        f"<line {shaft} stroke='{INK}' stroke-width='2.4'/><polygon points='{tip}' fill='{INK}'/>",
        _text(x - 22, 24, f"{size:.4g} m/s²", INK, 12, "end"),
    ]


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _text(x: float, y: float, text: str, fill: str, size: int, anchor: str = "start") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' fill='{fill}' font-size='{size}' text-anchor='{anchor}'>{escape(text)}</text>"
    )
