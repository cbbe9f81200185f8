"""`rlvr/Geometry-v0`: lengths, angles, areas and volumes, with answers that are exact numbers."""

from __future__ import annotations

import math
from fractions import Fraction

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.mathematics.worked import EFFORT, FORMAT, LEVELS, Worked, WorkedEnv, WorkedTaskSet, top
from rlvr_gym.envs.procedural import TaskRandom

Point = tuple[int, int]


def area(rng: TaskRandom, scale: int) -> Worked:
    """The area of a polygon with corners at whole numbers, by the shoelace formula."""
    corners = _polygon(rng, 3 if scale < 3 else 4 if scale < 5 else 5, 6 + 6 * scale)
    steps, twice = [], 0
    for (x, y), (u, v) in zip(corners, corners[1:] + corners[:1], strict=True):
        twice += x * v - u * y
        steps.append(f"{x} * {v} - {u} * {y} = {x * v - u * y}.")
    answer = Fraction(abs(twice), 2)
    listed = ", ".join(map(str, corners))
    names = {3: "triangle", 4: "quadrilateral", 5: "pentagon"}
    question = f"What is the area of the {names[len(corners)]} with the corners {listed}, in this order?"
    told = (*steps, f"Half of the sum {twice}, without a sign: {answer}.")
    return Worked(question, f"area{listed.replace(' ', '')}", told, str(answer), key=str(sorted(corners)))


def distance(rng: TaskRandom, scale: int) -> Worked:
    """The distance of two points that are a Pythagorean triple apart."""
    m = rng.between(2, 3 + 2 * scale)
    n = rng.between(1, m - 1)
    k = rng.between(1, 2 + 2 * scale)
    dx, dy, length = k * (m * m - n * n), k * 2 * m * n, k * (m * m + n * n)
    if rng.below(2):
        dx, dy = dy, dx
    x, y = (rng.between(-top(scale), top(scale)) for _ in range(2))
    u, v = x + dx * (1 - 2 * rng.below(2)), y + dy * (1 - 2 * rng.below(2))
    steps = (
        f"{u} - {x} = {u - x} and {v} - {y} = {v - y}.".replace("- -", "+ "),
        f"{dx}^2 + {dy}^2 = {dx * dx} + {dy * dy} = {length * length}.",
        f"Its square root is {length}.",
    )
    question = f"How far is the point ({x}, {y}) from the point ({u}, {v})?"
    return Worked(question, f"|({x},{y})-({u},{v})|", steps, str(length), key=str(sorted([(x, y), (u, v)])))


def angle(rng: TaskRandom, scale: int) -> Worked:
    """An angle of a polygon with angles in given proportions."""
    corners = rng.between(3, 3 + scale)
    shares = [rng.between(1, 6 + 4 * scale) for _ in range(corners)]
    place, whole = rng.below(corners), 180 * (corners - 2)
    answer = Fraction(whole * shares[place], sum(shares))
    steps = (
        f"The angles have the sum 180 * {corners - 2} = {whole}.",
        f"One part of {sum(shares)} is {Fraction(whole, sum(shares))}.",
        f"{shares[place]} parts are {answer}.",
    )
    listed = " : ".join(map(str, shares))
    question = (
        f"The inner angles of a polygon with {corners} corners are in the proportions {listed}. How many degrees "
        f"has the one with the share {shares[place]}? Give a fraction where it is not whole."
    )
    short = f"angle({':'.join(map(str, shares))};{shares[place]})"
    return Worked(question, short, steps, str(answer), key=f"{sorted(shares)}{shares[place]}")


def box(rng: TaskRandom, scale: int) -> Worked:
    """The surface or volume of a box out of which a smaller one is cut at a corner."""
    sides = [rng.between(5, 8 + 6 * scale) for _ in range(3)]
    cut = [rng.between(1, side - 1) for side in sides]
    a, b, c = sides
    outer, inner = math.prod(sides), math.prod(cut)
    surface = 2 * (a * b + b * c + a * c)
    volume = bool(rng.below(2))
    answer = outer - inner if volume else surface
    told = f"A box of {a} by {b} by {c} has a box of {cut[0]} by {cut[1]} by {cut[2]} cut out at one corner."
    if volume:
        question = f"{told} What is the volume of what is left?"
        steps = (f"{a} * {b} * {c} = {outer}.", f"{cut[0]} * {cut[1]} * {cut[2]} = {inner}.", f"The rest is {answer}.")
    else:
        question = f"{told} What is the surface of what is left?"
        steps = (
            "The cut takes as much surface away as it adds.",
            f"2 * ({a} * {b} + {b} * {c} + {a} * {c}) = 2 * {surface // 2} = {surface}.",
            f"The surface is {surface}.",
        )
    short = f"{'vol' if volume else 'surf'}({a},{b},{c};{cut[0]},{cut[1]},{cut[2]})"
    return Worked(question, short, steps, str(answer), key=f"{volume}{sorted(zip(sides, cut, strict=True))}")


def circle(rng: TaskRandom, scale: int) -> Worked:
    """The area of a sector, or the volume of a cone or a cylinder, as a multiple of pi."""
    kind = ("sector", "cone", "cylinder")[rng.below(3)]
    radius, other = rng.between(2, 10 + 10 * scale), rng.between(2, 10 + 15 * scale)
    steps: tuple[str, ...]
    if kind == "sector":
        degrees = 5 * rng.between(1, 71)
        answer = Fraction(radius * radius * degrees, 360)
        asked = f"The area of a sector of {degrees} degrees of a circle with the radius {radius}"
        steps = (f"{radius}^2 = {radius * radius}.", f"{radius * radius} * {degrees}/360 = {answer}.")
        other = degrees
    elif kind == "cone":
        answer = Fraction(radius * radius * other, 3)
        asked = f"The volume of a cone with the radius {radius} and the height {other}"
        steps = (f"{radius}^2 * {other} = {radius * radius * other}.", f"A third of it is {answer}.")
    else:
        answer = Fraction(2 * radius * (radius + other))
        asked = f"The whole surface of a cylinder with the radius {radius} and the height {other}"
        steps = (f"2 * {radius} * ({radius} + {other}) = 2 * {radius} * {radius + other} = {answer}.",)
    question = f"{asked} is a number times pi. What is that number? Give a fraction where it is not whole."
    return Worked(question, f"{kind}({radius},{other})/pi", steps, str(answer))


def line(rng: TaskRandom, scale: int) -> Worked:
    """Where a line through two points meets a vertical one."""
    high = top(scale)
    x, y, v = (rng.between(-high, high) for _ in range(3))
    step = rng.between(1, 5 + 5 * scale)
    at = x + rng.between(2, 8 + 2 * scale) * (1 - 2 * rng.below(2))
    slope = Fraction(v - y, step)
    answer = y + slope * (at - x)
    steps = (
        f"The slope is ({v} - {y})/{step} = {slope}.".replace("- -", "+ "),
        f"{y} + {slope} * ({at} - {x}) = {y} + {slope} * {at - x} = {answer}.".replace("- -", "+ "),
    )
    question = (
        f"A line goes through ({x}, {y}) and ({x + step}, {v}). What is its y at x = {at}? Give a fraction where it is "
        "not whole."
    )
    return Worked(question, f"line({x},{y};{x + step},{v})@{at}", steps, str(answer))


def _polygon(rng: TaskRandom, count: int, high: int) -> list[Point]:
    """Corners around their middle, so that no sides cross; not all on one line."""
    while True:
        points = sorted({(rng.between(-high, high), rng.between(-high, high)) for _ in range(count)})
        if len(points) < count:
            continue
        x, y = (Fraction(sum(values), count) for values in zip(*points, strict=True))
        around = sorted(points, key=lambda one: (_half(one[0] - x, one[1] - y), _turn(one[0] - x, one[1] - y)))
        turned = [_cross(around[i], around[(i + 1) % count], around[(i + 2) % count]) for i in range(count)]
        if all(one > 0 for one in turned) or all(one < 0 for one in turned):
            return around


def _half(x: Fraction, y: Fraction) -> int:
    return 0 if y > 0 or (y == 0 and x > 0) else 1


def _turn(x: Fraction, y: Fraction) -> Fraction:
    """Grows with the angle within a half plane."""
    return -x / (abs(x) + abs(y)) if y > 0 or (y == 0 and x > 0) else x / (abs(x) + abs(y) or 1)


def _cross(a: Point, b: Point, c: Point) -> int:
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


class GeometryTaskSet(WorkedTaskSet):
    """Geometry: `area`, `distance`, `angle`, `box`, `circle`, `line`; see `WorkedTaskSet`."""

    topic = "Geometry"
    table = {"area": area, "distance": distance, "angle": angle, "box": box, "circle": circle, "line": line}  # noqa: RUF012


class GeometryEnv(WorkedEnv):
    """Lengths, angles, areas and volumes; the answer is an exact number, judged by `number@1`.

    Knobs: those of `GeometryTaskSet`.

    Example:
        >>> env = GeometryEnv(kinds=["area"], scale=1, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        'area(3,12),(-5,0),(10,2):'
        >>> env.step("82")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format=FORMAT,
        licence=GENERATED,
        chance=0.02,
        chance_reason="the most frequent answer, 20, is that of 1.1 % of 8,000 default tasks",
        distinct=1_000_000,
        levels=LEVELS,
        effort=EFFORT,
    )

    taskset_class = GeometryTaskSet
