"""Sudokus have one solution, by an exact cover that knows nothing of the generator; filling without thought earns 0."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from rlvr_gym.envs.logic.shuffling import shuffle
from rlvr_gym.envs.logic.sudoku import SudokuEnv, SudokuTaskSet
from rlvr_gym.envs.logic.sudoku_grids import emptied, filled, geometry
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers import make_verifier

Cover = dict[tuple[str, int, int], set[tuple[int, int, int]]]


def covers(columns: Cover, rows: dict[tuple[int, int, int], list[tuple[str, int, int]]]) -> int:
    """How many exact covers there are (Knuth's algorithm X with sets)."""
    if not columns:
        return 1
    column = min(columns, key=lambda name: len(columns[name]))
    total = 0
    for choice in list(columns[column]):
        removed = []
        for met in rows[choice]:
            for other in columns[met]:
                for name in rows[other]:
                    if name != met:
                        columns[name].discard(other)
            removed.append(columns.pop(met))
        total += covers(columns, rows)
        for met in reversed(rows[choice]):
            columns[met] = removed.pop()
            for other in columns[met]:
                for name in rows[other]:
                    if name != met:
                        columns[name].add(other)
    return total


def count_solutions(puzzle: str, box: tuple[int, int]) -> int:
    lines = puzzle.split("/")
    side = len(lines)
    rows = {}
    for row in range(side):
        for column in range(side):
            block = row // box[0] * box[0] + column // box[1]
            for digit in range(1, side + 1):
                if lines[row][column] in (".", str(digit)):
                    met = [("cell", row, column), ("row", row, digit), ("column", column, digit), ("box", block, digit)]
                    rows[row, column, digit] = met
    columns: Cover = {}
    for choice, met in rows.items():
        for name in met:
            columns.setdefault(name, set()).add(choice)
    return covers(columns, rows) if len(columns) == 4 * side**2 else 0


def test_the_count_knows_a_puzzle_with_two_solutions_and_one_with_none() -> None:
    assert count_solutions("1.3./3.1./2143/4321", (2, 2)) == 2
    assert count_solutions("1.../.2../..../...1", (2, 2)) > 2
    assert count_solutions("123./...4/..../....", (2, 2)) == 0


@pytest.mark.parametrize(
    ("box", "blanks", "count"), [((2, 2), 10, 25), ((2, 3), 22, 15), ((3, 2), 18, 15), ((3, 3), 40, 6), ((3, 3), 50, 3)]
)
def test_a_puzzle_has_one_solution_and_so_many_blanks(box: tuple[int, int], blanks: int, count: int) -> None:
    tasks = SudokuTaskSet(box=list(box), blanks=blanks, style="compact")
    for index in range(count):
        puzzle = tasks.task(index).reference["puzzle"]
        assert puzzle.count(".") == blanks
        assert count_solutions(puzzle, box) == 1


def test_full_grids_are_drawn_evenly() -> None:
    """Of 288 grids of 4x4 each digit stands in each cell in 72. 1,000 grids: sd of a count 13.7, alarm below 1e-4."""
    geo = geometry(2, 2)
    grids = [filled(geo, TaskRandom(b"%d" % number)) for number in range(1000)]
    assert len({tuple(grid) for grid in grids}) > 250
    for cell in range(16):
        for bit in (1, 2, 4, 8):
            assert abs(sum(grid[cell] == bit for grid in grids) - 250) < 75


def test_a_grid_that_cannot_lose_so_many_cells_says_so() -> None:
    """4x4 needs 4 clues, so 13 cells cannot be emptied."""
    geo = geometry(2, 2)
    assert emptied(geo, filled(geo, TaskRandom(b"x")), 13, TaskRandom(b"y")) is None


def test_a_shuffle_keeps_all_and_leaves_no_place_more_likely() -> None:
    """4 items have 24 orders; 4,800 draws give each 200, sd 13.8; 70 off is five of them."""
    counts: dict[tuple[int, ...], int] = {}
    rng = TaskRandom(b"shuffle")
    for _ in range(4800):
        items = [0, 1, 2, 3]
        shuffle(items, rng)
        counts[tuple(items)] = counts.get(tuple(items), 0) + 1
    assert len(counts) == 24
    assert max(abs(count - 200) for count in counts.values()) < 70
    long = list(range(100))
    shuffle(long, rng)
    assert sorted(long) == list(range(100)) != long


def in_order(digits: list[str], rng: random.Random) -> list[str]:
    return digits


def at_random(digits: list[str], rng: random.Random) -> list[str]:
    return rng.sample(digits, len(digits))


@pytest.mark.parametrize("order", [in_order, at_random])
def test_rows_that_hold_every_digit_earn_nothing(order: Callable[[list[str], random.Random], list[str]]) -> None:
    env = SudokuEnv(style="compact", reward="dense")
    rng, total = random.Random(0), 0.0
    for index in range(50):
        env.reset(options={"task_index": index})
        rows = []
        for row in env.task.reference["puzzle"].split("/"):
            missing = order([digit for digit in "123456789" if digit not in row], rng)
            rows.append("".join(missing.pop() if cell == "." else cell for cell in row))
        total += env.step("/".join(rows))[1]
    assert total / 50 < 0.01


@pytest.mark.parametrize("digit", "1579")
def test_one_digit_in_every_blank_earns_nothing(digit: str) -> None:
    env = SudokuEnv(style="compact", reward="dense")
    env.reset(options={"task_index": 0})
    assert env.step(env.task.reference["puzzle"].replace(".", digit))[1] == 0.0


def test_dense_credit_is_the_share_of_blanks_in_three_right_units() -> None:
    """By hand: 2 and 4 of the first row swapped leave the rows right and spoil columns 2 and 4 and both boxes above.

    Of the four blanks, (1,2), (1,4), (3,1) and (4,4), only (3,1) stands in a row, a column and a box that are right.
    """
    reference = {"puzzle": "1.3./3412/.143/432.", "box": [2, 2]}
    verdict = make_verifier("sudoku@1", markers=["whole"]).verify("1432/3412/2143/4321", reference)
    assert (verdict.passed, verdict.score) == (False, 0.25)
