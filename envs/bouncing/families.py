"""Families of scenes and their tiers, and how a scene is drawn.

The families and the legible cells of their table of difficulties are those of the physics part of DELTA (arXiv
2509.21016); the cells that are not legible are filled so that no tier is easier than the one before it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from rlvr_gym.envs.bouncing.scene import Ball, Box, Path, Scene, Turn
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

TIERS = ("basic", "easy", "medium", "hard", "extreme")
SKILLS = ("ROT_OBJ", "ROT_BOX", "MOV_BOX", "GRAVITY", "MULTI_BOX", "MULTI_OBJ")
COMPOSED = ("ROT_BOX+MOV_BOX", "MOV_BOX+GRAVITY", "MULTI_BOX+MULTI_OBJ")
PERIODIC = "PERIODIC"
GROUPS = {"all": SKILLS, "composed": COMPOSED, "periodic": (PERIODIC,)}

# One entry a tier. Numbers are ranges, both ends included.
_SIZE = (1.5, 1.4, 1.3, 1.2, 1.0)  # times 300 m: the diameter of a container
_SIDES = ((3, 4), (5, 6), (6, 7), (7, 8), (8, 10))
_SPEED = ((200, 400), (400, 600), (600, 800), (800, 1000), (1000, 1200))
_RADIUS = (40, 35, 30, 25, 20)
_CORNERS = ((3, 4), (4, 5), (5, 6), (7, 8), (8, 9))  # of a ball that is a polygon
_SPIN = ((20, 40), (40, 70), (70, 100), (100, 200), (200, 300))  # hundredths of a radian a second
_ROT_BOX = ((10, 30), (30, 60), (60, 100), (100, 150), (150, 200))
_VARYING = (False, False, False, True, True)
_AMPLITUDE = ((10, 20), (20, 40), (40, 60), (60, 90), (90, 120))
_FREQUENCY = (200, 314, 350, 400, 450)  # hundredths of a radian a second
_AXES = (1, 1, 2, 2, 2)
_RATIOS = (((1, 1),), ((1, 1),), ((1, 1),), ((1, 2), (2, 1)), ((2, 3), (3, 2), (3, 4), (4, 3)))
_GRAVITY = ((10, 40), (50, 150), (200, 500), (500, 1000), (1000, 2000))
_TILTED = (False, False, False, True, True)
_BOXES = (2, 2, 3, 4, 6)
_BALLS = ((2, 2), (3, 3), (4, 5), (5, 6), (7, 9))


class Shape(NamedTuple):
    """What the families of a scene make of its tier.

    Args:
        skills: The families.
        level: Number of the tier.
        size: Diameter of a container, in units of 300 m.
        sides: Of a container.
        speed: Of a ball at the beginning.
        radius: Of a ball.
    """

    skills: tuple[str, ...]
    level: int
    size: float
    sides: tuple[int, int]
    speed: tuple[int, int]
    radius: int


def chosen_families(families: Any) -> tuple[str, ...]:
    """The families of a setting: `"all"`, `"composed"`, `"periodic"`, a name, or a list of names.

    Raises:
        ConfigError: There is no such family.

    Example:
        >>> chosen_families("composed")
        ('ROT_BOX+MOV_BOX', 'MOV_BOX+GRAVITY', 'MULTI_BOX+MULTI_OBJ')
        >>> chosen_families("GRAVITY+ROT_OBJ")
        ('ROT_OBJ+GRAVITY',)
    """
    if isinstance(families, str):
        return GROUPS.get(families) or (_named(families),)
    if not isinstance(families, list | tuple) or not families:
        raise ConfigError(f"families must be 'all', a name or a list of names, got {shown(families)}")
    return tuple(dict.fromkeys(_named(name) for name in families))


def _named(name: Any) -> str:
    if name == PERIODIC:
        return PERIODIC
    parts = name.split("+") if isinstance(name, str) else [name]
    for part in parts:
        if part not in SKILLS:
            near = suggestion(str(part), [*SKILLS, PERIODIC, *GROUPS])
            raise ConfigError(f"there is no family {shown(part)}{near}")
    if len(set(parts)) < len(parts):
        raise ConfigError(f"a family is named twice in {shown(name)}")
    if {"ROT_OBJ", "MULTI_OBJ"} <= set(parts):
        raise ConfigError("ROT_OBJ and MULTI_OBJ do not go together: balls that are polygons do not meet")
    return "+".join(skill for skill in SKILLS if skill in parts)


def draw_scene(rng: TaskRandom, family: str, tier: str) -> Scene:
    """One scene, of numbers with few decimals.

    Args:
        rng: Random numbers.
        family: As `chosen_families` gives it.
        tier: One of `TIERS`.

    Example:
        >>> scene = draw_scene(TaskRandom(b"x"), "MULTI_BOX", "medium")
        >>> len(scene.boxes), len(scene.balls)
        (3, 3)
    """
    if family == PERIODIC:
        return draw_shuttle(rng, tier).scene()
    shape = _shape(tuple(family.split("+")), TIERS.index(tier))
    boxes = tuple(_box(rng, shape, path) for path in _places(rng, shape))
    balls = tuple(ball for number, box in enumerate(boxes) for ball in _balls(rng, shape, number, box))
    gx, gy = _gravity(rng, shape.level) if "GRAVITY" in shape.skills else (0.0, 0.0)
    return Scene(boxes, balls, gx, gy)


def _shape(skills: tuple[str, ...], level: int) -> Shape:
    if "ROT_OBJ" in skills:
        speed = ((150, 250), (250, 400), (400, 600), (600, 800), (800, 1000))[level]
        return Shape(skills, level, _SIZE[level], (3, 4 + level), speed, (40, 36, 33, 30, 27)[level])
    if "MULTI_OBJ" in skills:
        return Shape(skills, level, (2.5, 2.4, 2.3, 2.2, 2.0)[level], (3, 6), _SPEED[level], 20)
    return Shape(skills, level, _SIZE[level], _SIDES[level], _SPEED[level], _RADIUS[level])


def _places(rng: TaskRandom, shape: Shape) -> list[Path]:
    """Paths of the containers: side by side, so that they never touch."""
    count = _BOXES[shape.level] if "MULTI_BOX" in shape.skills else 1
    moves = "MOV_BOX" in shape.skills
    room = math.ceil(300 * shape.size + 2 * moves * _AMPLITUDE[shape.level][1]) + 20
    across = math.ceil(math.sqrt(count))
    left, low = rng.between(-200, 200), rng.between(-200, 200)
    paths = []
    for number in range(count):
        row, column = divmod(number, across)
        path = Path(float(left + column * room), float(low + row * room))
        paths.append(_moving(rng, shape.level, path) if moves else path)
    return paths


def _moving(rng: TaskRandom, level: int, path: Path) -> Path:
    along_x = bool(rng.below(2))
    one, two = rng.choice(_RATIOS[level])
    base = _decimal(_FREQUENCY[level] + rng.between(-20, 20), 100)
    ax, ay = (float(rng.between(*_AMPLITUDE[level])) for _ in range(2))
    px, py = _decimal(rng.between(0, 628), 100), _decimal(rng.between(0, 628), 100)
    path = path._replace(ax=ax, wx=base, px=px, ay=ay, wy=_decimal(round(base * 100 * two), 100 * one), py=py)
    if _AXES[level] == 2:
        return path
    return path._replace(ay=0.0, wy=0.0, py=0.0) if along_x else path._replace(ax=0.0, wx=0.0, px=0.0)


def _box(rng: TaskRandom, shape: Shape, path: Path) -> Box:
    radius = float(round(150 * shape.size))
    turn = Turn(_decimal(rng.between(0, 628), 100))
    if "ROT_BOX" in shape.skills:
        turn = _turning(rng, turn.angle, _ROT_BOX[shape.level], _VARYING[shape.level])
    return Box(rng.between(*shape.sides), radius, path, turn)


def _turning(rng: TaskRandom, angle: float, rates: tuple[int, int], varying: bool) -> Turn:
    sign = rng.choice((-1, 1))
    rate = _decimal(sign * rng.between(*rates), 100)
    if not varying:
        return Turn(angle, rate)
    return Turn(angle, rate, _decimal(rng.between(20, 50), 100), _decimal(rng.between(100, 200), 100))


def _balls(rng: TaskRandom, shape: Shape, number: int, box: Box) -> list[Ball]:
    count = rng.between(*_BALLS[shape.level]) if "MULTI_OBJ" in shape.skills else 1
    found: list[Ball] = []
    while len(found) < count:
        ball = _ball(rng, shape, number, box)
        if all(math.hypot(ball.x - one.x, ball.y - one.y) > 2 * shape.radius + 5 for one in found):
            found.append(ball)
    return found


def _ball(rng: TaskRandom, shape: Shape, number: int, box: Box) -> Ball:
    room = 0.95 * (box.inradius - shape.radius)
    cx, cy, _, _ = box.path.at(0.0)
    while True:
        dx, dy = (rng.between(-1000, 1000) / 1000 * room for _ in range(2))
        if math.hypot(dx, dy) <= room:
            break
    angle, speed = rng.below(62832) / 10000, rng.between(*shape.speed)
    ball = Ball(
        number,
        float(shape.radius),
        round(cx + dx, 1),
        round(cy + dy, 1),
        round(speed * math.cos(angle), 1),
        round(speed * math.sin(angle), 1),
    )
    if "ROT_OBJ" not in shape.skills:
        return ball
    turn = _turning(rng, _decimal(rng.between(0, 628), 100), _SPIN[shape.level], _VARYING[shape.level])
    return ball._replace(sides=rng.between(*_CORNERS[shape.level]), turn=turn)


def _gravity(rng: TaskRandom, level: int) -> tuple[float, float]:
    size = rng.between(*_GRAVITY[level])
    if not _TILTED[level]:
        return 0.0, -float(size)
    angle = rng.choice((-1, 1)) * rng.between(200, 1200) / 1000  # from the vertical
    return round(size * math.sin(angle), 1), round(-size * math.cos(angle), 1)


def _decimal(number: int, parts: int) -> float:
    """A decimal: the float that its digits are read as."""
    return round(number / parts, 4)


class Shuttle(NamedTuple):
    """The numbers of a shuttle: a ball that goes to and fro between two polygons that turn alike.

    Args:
        sides: Of both polygons.
        outer: From the centre to a corner of the outer one.
        inner: From the centre to a corner of the inner one.
        radius: Of the ball.
        speed: Of the ball.
        steps: By how many sides the polygons turn while the ball flies from the one to the other.
        x: The centre.
        y: The centre.
        quarter: The ball flies along the x axis, turned by so many right angles.
    """

    sides: int
    outer: float
    inner: float
    radius: float
    speed: float
    steps: int
    x: float
    y: float
    quarter: int

    @property
    def distance(self) -> float:
        """How far the ball flies from the one polygon to the other."""
        return (self.outer - self.inner) * math.cos(math.pi / self.sides) - 2.0 * self.radius

    @property
    def rate(self) -> float:
        """The angular speed, for which every wall is met in its middle, at a right angle."""
        return 2.0 * math.pi * self.steps * self.speed / (self.sides * self.distance)

    @property
    def start(self) -> float:
        """How far from the centre the ball begins: at the inner polygon."""
        return self.inner * math.cos(math.pi / self.sides) + self.radius

    @property
    def direction(self) -> tuple[int, int]:
        """Unit vector in which it flies at first."""
        return _QUARTERS[self.quarter]

    def at(self, time: float) -> tuple[float, float]:
        """Where the ball is: the closed form.

        Example:
            >>> shuttle = Shuttle(4, 200.0, 80.0, 15.0, 100.0, 1, 0.0, 0.0, 0)
            >>> round(shuttle.distance, 6), [round(x, 6) for x in shuttle.at(0.0)]
            (54.852814, [71.568542, 0.0])
        """
        along = math.fmod(self.speed * time, 2.0 * self.distance)
        out = self.start + min(along, 2.0 * self.distance - along)
        ux, uy = self.direction
        return self.x + out * ux, self.y + out * uy

    def scene(self) -> Scene:
        """The same as a scene."""
        ux, uy = self.direction
        angle = math.pi / self.sides + 0.5 * math.pi * self.quarter
        box = Box(self.sides, self.outer, Path(self.x, self.y), Turn(angle, self.rate), self.inner)
        x, y = self.at(0.0)
        return Scene((box,), (Ball(0, self.radius, x, y, self.speed * ux, self.speed * uy),))


_QUARTERS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def draw_shuttle(rng: TaskRandom, tier: str) -> Shuttle:
    """One shuttle.

    Example:
        >>> shuttle = draw_shuttle(TaskRandom(b"x"), "basic")
        >>> shuttle.distance > 30
        True
    """
    level = TIERS.index(tier)
    sides = rng.between(max(4, _SIDES[level][0]), _SIDES[level][1])
    outer = round(300 * _SIZE[level])
    radius = rng.between(8, 16)
    inner = rng.between(outer // 5, outer // 3)
    return Shuttle(
        sides,
        float(outer),
        float(inner),
        float(radius),
        float(rng.between(*_SPEED[level])),
        rng.choice((-2, -1, 1, 2)),
        float(rng.between(-200, 200)),
        float(rng.between(-200, 200)),
        rng.below(4),
    )
