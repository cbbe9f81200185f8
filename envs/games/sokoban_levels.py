"""Levels of Sokoban, made backwards: boxes are pulled off their goals, so that each level can be solved.

Cells are counted row by row; a set of cells is an integer with one bit for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rlvr_gym.envs.games.board import sampled
from rlvr_gym.envs.procedural import TaskRandom

MOST_KEPT = 100  # positions of one layer that are followed further


class Made(NamedTuple):
    """A level and how it is solved.

    Args:
        rows: The level, drawn.
        moves: What solves it, with the fewest pushes where no layer had more than `MOST_KEPT` positions.
    """

    rows: list[str]
    moves: list[str]


class Push(NamedTuple):
    """Where one stands before a push, and the step that pushes."""

    cell: int
    step: int


class State(NamedTuple):
    """The boxes, and the cells to which one can walk."""

    boxes: int
    region: int


class Room(NamedTuple):
    """A room: how wide its drawing is, and its cells without walls."""

    width: int
    height: int
    floor: int


def draw_room(rng: TaskRandom, width: int, height: int, walls: int) -> Room:
    """A room with so many walls at random inside; what they cut off becomes wall too."""
    inside = [row * width + column for row in range(1, height - 1) for column in range(1, width - 1)]
    solid = set(sampled(rng, inside, walls))
    free = sum(1 << cell for cell in inside if cell not in solid)
    best = 0
    while free:
        part = spread(free & -free, free, width)
        best = max(best, part, key=int.bit_count)
        free &= ~part
    return Room(width, height, best)


def draw_level(rng: TaskRandom, room: Room, boxes: int, pushes: int) -> Made | None:
    """A level in this room that takes so many pushes, none of its boxes on a goal; None where goals have none."""
    floor = list(cells_of(room.floor))
    if len(floor) < 2 * boxes + 1:
        return None
    goals = sum(1 << cell for cell in sampled(rng, floor, boxes))
    came_from, layer = pulled(rng, room, goals, pushes)
    starts = [state for state in layer if not state.boxes & goals]
    if not starts:
        return None
    start = rng.choice(starts)
    player = rng.choice(list(cells_of(start.region)))
    return Made(_rows(room, goals, start.boxes, player), _solved(room, start, player, came_from))


def pulled(
    rng: TaskRandom, room: Room, goals: int, pushes: int
) -> tuple[dict[State, tuple[State, Push] | None], list[State]]:
    """Which push leads on from each state that pulls reach from the solved one, and the states `pushes` away."""
    came_from: dict[State, tuple[State, Push] | None] = {}
    free = room.floor & ~goals
    while free:
        region = spread(free & -free, room.floor & ~goals, room.width)
        came_from[State(goals, region)] = None
        free &= ~region
    layer = list(came_from)
    for _ in range(pushes):
        if len(layer) > MOST_KEPT:
            layer = sampled(rng, layer, MOST_KEPT)
        further = []
        for state in layer:
            for before, push in _pulls(state, room):
                if before not in came_from:
                    came_from[before] = state, push
                    further.append(before)
        layer = further
    return came_from, layer


def spread(start: int, free: int, width: int) -> int:
    """The free cells that can be walked to.

    Example:
        >>> bin(spread(0b10, 0b1110110, width=8))
        '0b110'
    """
    reached = start
    while True:
        more = (reached | reached << 1 | reached >> 1 | reached << width | reached >> width) & free
        if more == reached:
            return reached
        reached = more


def cells_of(bits: int) -> Iterator[int]:
    """The cells of a set, in order.

    Example:
        >>> list(cells_of(0b10110))
        [1, 2, 4]
    """
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _pulls(state: State, room: Room) -> Iterator[tuple[State, Push]]:
    """The states from which one push leads here, and those pushes."""
    boxes, region = state
    for step in (-room.width, room.width, -1, 1):
        # A push by `step` put a box where it is from one step before, and who pushed stands there and came from two.
        once = region << step if step > 0 else region >> -step
        both = once & (once << step if step > 0 else once >> -step)
        for box in cells_of(boxes & both):
            before = boxes ^ (1 << box) ^ (1 << (box - step))
            cell = box - 2 * step
            yield State(before, spread(1 << cell, room.floor & ~before, room.width)), Push(cell, step)


_NAMES = {-1: "left", 1: "right"}


def _solved(room: Room, state: State, player: int, came_from: dict[State, tuple[State, Push] | None]) -> list[str]:
    names = {**_NAMES, -room.width: "up", room.width: "down"}
    moves: list[str] = []
    while (onward := came_from[state]) is not None:
        after, push = onward
        moves += [names[step] for step in way(player, push.cell, room.floor & ~state.boxes, room.width)]
        moves.append(names[push.step])
        state, player = after, push.cell + push.step
    return moves


def way(start: int, end: int, free: int, width: int) -> list[int]:
    """A shortest way over free cells, as steps from cell to cell.

    Example:
        >>> way(9, 12, free=0b1111 << 9, width=8)
        [1, 1, 1]
    """
    waves = [1 << end]
    while not waves[-1] >> start & 1:
        reached = waves[-1]
        waves.append((reached | reached << 1 | reached >> 1 | reached << width | reached >> width) & free)
    steps = []
    for wave in waves[-2::-1]:
        step = next(step for step in (-width, width, -1, 1) if wave >> (start + step) & 1)
        steps.append(step)
        start += step
    return steps


def _rows(room: Room, goals: int, boxes: int, player: int) -> list[str]:
    size = room.width * room.height
    drawn = ["#"] * size
    for cells, symbol in ((room.floor, " "), (goals, "."), (boxes, "$")):
        for cell in cells_of(cells):
            drawn[cell] = symbol
    drawn[player] = "+" if goals >> player & 1 else "@"
    return ["".join(drawn[at : at + room.width]) for at in range(0, size, room.width)]
