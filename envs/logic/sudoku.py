"""`rlvr/Sudoku-v0`: fill a grid; every puzzle has one solution.

A full grid is made at random and emptied by `sudoku_grids`; `sudoku@1` checks the constraints and knows neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.logic.sudoku_grids import emptied, filled, geometry
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown

# Rows and columns of a box: the most cells that can be emptied in fair time with one solution left.
_MOST_BLANKS = {(2, 2): 10, (2, 3): 24, (3, 2): 24, (3, 3): 54}


class Grids(NamedTuple):
    """A puzzle and its solution: a digit for each cell, row after row, 0 where it is empty."""

    puzzle: list[int]
    full: list[int]


class SudokuTaskSet(ProceduralTaskSet[Grids]):
    """Sudokus with one solution. Symmetric ones (digits renamed, rows swapped) fall on the same side of the split.

    Args:
        box: Rows and columns of a box: `[2, 2]`, `[2, 3]`, `[3, 2]` or `[3, 3]`; their product is the side of the grid.
        blanks: Cells to be filled in; from 1 to 10, 24, 24 and 54 of these boxes.
        style: See `ProceduralTaskSet`; compact problems look like `2x2:1.3./3.1./.143/4321=`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, box: Sequence[int] = (3, 3), blanks: int = 40, **common: Unpack[Common]) -> None:
        known = isinstance(box, list | tuple) and len(box) == 2 and all(type(size) is int for size in box)
        if not known or tuple(box) not in _MOST_BLANKS:
            raise ConfigError(f"box must be one of {', '.join(map(str, map(list, _MOST_BLANKS)))}; got {shown(box)}")
        self._rows, self._columns = box
        self._blanks = check_int("blanks", blanks, 1, _MOST_BLANKS[self._rows, self._columns])
        super().__init__("Sudoku", **common)
        self._geometry = geometry(self._rows, self._columns)
        self._difficulty = {"box": [self._rows, self._columns], "blanks": blanks}

    def draw(self, rng: TaskRandom) -> Grids:
        """See `ProceduralTaskSet.draw`."""
        while True:
            full = filled(self._geometry, rng)
            puzzle = emptied(self._geometry, full, self._blanks, rng)
            if puzzle is not None:
                return Grids([bit.bit_length() for bit in puzzle], [bit.bit_length() for bit in full])

    def split_key(self, problem: Grids) -> str:
        """See `ProceduralTaskSet.split_key`: what no symmetry of the grid changes."""
        side = self._geometry.side
        by_rows = [range(row * side, (row + 1) * side) for row in range(side)]
        by_columns = [range(column, side**2, side) for column in range(side)]
        ways = [_invariant(problem, by_rows, self._rows), _invariant(problem, by_columns, self._columns)]
        return str(sorted(ways) if self._rows == self._columns else ways)

    def make(self, problem: Grids) -> Task:
        """See `ProceduralTaskSet.make`."""
        puzzle, full = self._lines(problem.puzzle), self._lines(problem.full)
        joined = "/".join(puzzle)
        if self.style == "compact":
            prompt, solution = f"{self._rows}x{self._columns}:{joined}=", "/".join(full)
        else:
            prompt = (
                f"Fill in this sudoku: each row, each column and each box of {self._rows} rows and {self._columns} "
                f"columns must hold each of the digits 1 to {self._geometry.side} once. A dot is an empty cell.\n\n"
                f"{_spaced(puzzle)}\n\nGive all rows of the full grid, one a line, as <answer>grid</answer>."
            )
            solution = f"<answer>\n{_spaced(full)}\n</answer>"
        reference = {"puzzle": joined, "box": [self._rows, self._columns]}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)

    def _lines(self, cells: list[int]) -> list[str]:
        text = "".join(map(str, cells)).replace("0", ".")
        return [text[at : at + self._geometry.side] for at in range(0, len(text), self._geometry.side)]


class SudokuEnv(ProceduralEnv):
    """Fill in a sudoku; verified by constraint with `sudoku@1`. Knobs: those of `SudokuTaskSet`.

    The reward `"dense"` pays for each cell that was to be filled in and whose row, column and box are all complete.

    Example:
        >>> env = SudokuEnv(box=[2, 2], blanks=8, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        '2x2:3.14/...2/.4../2.41='
        >>> env.step("3214/4132/1423/2341")[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="The rows of the full grid in `<answer>` tags or a box, on lines of their own or with `/` "
        "between them; alone in style=compact.",
        licence=GENERATED,
        chance=0.0,
        chance_reason="there is one solution: rows filled with the digits they lack, in order or at random, solve none "
        "of 1,000 default tasks (4 % with a 4x4 grid and 8 blanks) and earn 0.0003 with reward='dense'",
        distinct=10**16,
        levels=(
            {"box": [2, 2], "blanks": 8},
            {"box": [2, 3], "blanks": 18},
            {"box": [3, 3], "blanks": 40},
            {"box": [3, 3], "blanks": 46},
            {"box": [3, 3], "blanks": 50},
            {"box": [3, 3], "blanks": 53},
        ),
        effort=("blanks",),
    )

    taskset_class = SudokuTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("sudoku@1", **compact_markers(style))


def _spaced(lines: list[str]) -> str:
    return "\n".join(map(" ".join, lines))


def _invariant(problem: Grids, lines: list[range], together: int) -> list[list[object]]:
    """Of each band of so many lines: how many cells of each are empty, and how they permute one into another."""
    bands: list[list[object]] = []
    for first in range(0, len(lines), together):
        band = lines[first : first + together]
        empty = sorted(sum(problem.puzzle[cell] == 0 for cell in line) for line in band)
        rows = [[problem.full[cell] for cell in line] for line in band]
        cycles = sorted(_cycles(one, other) for number, one in enumerate(rows) for other in rows[:number])
        bands.append([empty, cycles])
    return sorted(bands, key=str)


def _cycles(one: list[int], other: list[int]) -> list[int]:
    """The lengths of the cycles of the permutation that takes one row into another, in order.

    Example:
        >>> _cycles([1, 2, 3, 4], [2, 1, 4, 3])
        [2, 2]
    """
    leads = dict(zip(one, other, strict=True))
    lengths = []
    while leads:
        start, at = leads.popitem()
        length = 1
        while at != start:
            at = leads.pop(at)
            length += 1
        lengths.append(length)
    return sorted(lengths)
