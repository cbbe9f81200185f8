"""Grids of sudoku: filled at random, solved, and emptied so that one solution is left.

A cell is an index from the top left, row by row; a value is a bit; a set of cells is an integer with their bits.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from rlvr_gym.envs.logic.shuffling import shuffle
from rlvr_gym.envs.procedural import TaskRandom


class Geometry(NamedTuple):
    """Which units a cell stands in: its row, its column and its box, as numbers below `3 * side`."""

    side: int
    rows: int  # of a box
    columns: int  # of a box
    units: list[tuple[int, int, int]]


@cache
def geometry(rows: int, columns: int) -> Geometry:
    """The units of a grid whose boxes have so many rows and columns."""
    side = rows * columns
    units = [
        (row, side + column, 2 * side + row // rows * rows + column // columns)
        for row in range(side)
        for column in range(side)
    ]
    return Geometry(side, rows, columns, units)


def solutions(geo: Geometry, grid: list[int], limit: int, rng: TaskRandom | None = None) -> list[list[int]]:
    """The solutions of a grid, at most `limit`; with random numbers, in random order.

    Args:
        geo: Of the grid.
        grid: A bit for each cell, 0 where it is empty. Its clues do not contradict each other.
        limit: How many to look for.
        rng: Decides which value is tried first; None for the smallest.

    Example:
        >>> geo = geometry(2, 2)
        >>> digits = [1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 0]
        >>> [[bit.bit_length() for bit in grid][-2:] for grid in solutions(geo, [2**d // 2 for d in digits], 2)]
        [[2, 1]]
    """
    used = [0] * (3 * geo.side)
    empty = []
    for cell, bit in enumerate(grid):
        if bit:
            for unit in geo.units[cell]:
                used[unit] |= bit
        else:
            empty.append(cell)
    found: list[list[int]] = []
    _search(geo, list(grid), used, empty, found, limit, rng)
    return found


def _search(
    geo: Geometry,
    grid: list[int],
    used: list[int],
    empty: list[int],
    found: list[list[int]],
    limit: int,
    rng: TaskRandom | None,
) -> None:
    """Fill cells that have one value left until there is none, then try the values of one that has the fewest."""
    units, full = geo.units, (1 << geo.side) - 1
    while True:
        left, fewest, where, values = [], 99, 0, 0
        for cell in empty:
            row, column, box = units[cell]
            free = full & ~(used[row] | used[column] | used[box])
            if free & (free - 1):
                left.append(cell)
                count = free.bit_count()
                if count < fewest:
                    fewest, where, values = count, cell, free
            elif free:
                grid[cell] = free
                used[row] |= free
                used[column] |= free
                used[box] |= free
            else:
                return
        if len(left) == len(empty):
            break
        empty = left
    if not left:
        found.append(grid)
        return
    left.remove(where)
    for bit in _in_order(values, rng):
        grids, uses = list(grid), list(used)
        grids[where] = bit
        for unit in units[where]:
            uses[unit] |= bit
        _search(geo, grids, uses, left, found, limit, rng)
        if len(found) >= limit:
            return


def _in_order(values: int, rng: TaskRandom | None) -> list[int]:
    bits = []
    while values:
        bits.append(values & -values)
        values &= values - 1
    if rng is not None:
        shuffle(bits, rng)
    return bits


def filled(geo: Geometry, rng: TaskRandom) -> list[int]:
    """A full grid: the boxes of a diagonal are drawn until they can be completed, the rest is searched."""
    side = geo.side
    while True:
        grid = [0] * side**2
        for block in range(min(geo.columns, geo.rows)):
            bits = [1 << value for value in range(side)]
            shuffle(bits, rng)
            for place, bit in enumerate(bits):
                row, column = divmod(place, geo.columns)
                grid[(block * geo.rows + row) * side + block * geo.columns + column] = bit
        if found := solutions(geo, grid, 1, rng):
            return found[0]


def emptied(geo: Geometry, full: list[int], blanks: int, rng: TaskRandom) -> list[int] | None:
    """The grid with so many cells emptied that it has still one solution; None where that was not found.

    Cells are emptied all at once. Each second solution that is found then differs from the grid in cells of which one
    must be a clue: one of them is filled again, and a cell is emptied in its place that leaves each of these sets a
    clue.
    """
    order = list(range(len(full)))
    shuffle(order, rng)
    empty = sum(1 << cell for cell in order[:blanks])
    clues = order[blanks:]
    needed: list[int] = []
    for _ in range(20 * geo.side):
        grid = [0 if empty >> cell & 1 else bit for cell, bit in enumerate(full)]
        other = next((found for found in solutions(geo, grid, 2) if found != full), None)
        if other is None:
            return grid
        differing = [cell for cell, bit in enumerate(other) if bit != full[cell]]
        needed.append(sum(1 << cell for cell in differing))
        back = rng.choice(differing)
        empty ^= 1 << back
        for place, cell in enumerate(clues):
            more = empty | 1 << cell
            if all(some & ~more for some in needed):
                clues[place : place + 1] = []
                clues.append(back)
                empty = more
                break
        else:
            return None
    return None
