"""`rlvr/NQueens-v0`: complete a board of queens of which some are given and some squares are barred.

A board is made from a random solution, so it has one. Which queens are given and which squares are barred differs from
task to task, so that no list of the few solutions of an empty board is an answer.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.logic.shuffling import shuffle
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers


class Board(NamedTuple):
    """The columns of all queens by row, the rows of the given ones, and the barred squares, row after row."""

    columns: list[int]
    given: list[int]
    barred: list[int]


class NQueensTaskSet(ProceduralTaskSet[Board]):
    """Boards with a solution. Turned and mirrored ones fall on the same side of the split.

    Args:
        side: Rows, columns and queens, 4 to 12.
        given: Queens that are given, 0 to `side - 2`.
        barred: Squares on which no queen may stand, 0 to 100; fewer where fewer are left that no given queen attacks
            and the solution does not need.
        style: See `ProceduralTaskSet`; compact problems look like `..Q./..../x.../....=`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, side: int = 8, given: int = 2, barred: int = 8, **common: Unpack[Common]) -> None:
        self._side = check_int("side", side, 4, 12)
        self._given = check_int("given", given, 0, side - 2)
        self._barred = check_int("barred", barred, 0, 100)
        super().__init__("NQueens", **common)
        self._difficulty = {"side": side, "given": given, "barred": barred}

    def draw(self, rng: TaskRandom) -> Board:
        """See `ProceduralTaskSet.draw`."""
        side = self._side
        columns = _solution(side, rng)
        rows = list(range(side))
        shuffle(rows, rng)
        given, open_ = sorted(rows[: self._given]), rows[self._given :]
        squares = [
            row * side + column
            for row in open_
            for column in range(side)
            if column != columns[row]
            and all(column != columns[at] and abs(column - columns[at]) != abs(row - at) for at in given)
        ]
        shuffle(squares, rng)
        return Board(columns, given, sorted(squares[: self._barred]))

    def split_key(self, problem: Board) -> str:
        """See `ProceduralTaskSet.split_key`."""
        given = [row * self._side + problem.columns[row] for row in problem.given]
        views = (
            (sorted(view[square] for square in given), sorted(view[square] for square in problem.barred))
            for view in _views(self._side)
        )
        return f"{self._side}{min(views)}"

    def make(self, problem: Board) -> Task:
        """See `ProceduralTaskSet.make`."""
        side = self._side
        squares = ["."] * side**2
        for row in problem.given:
            squares[row * side + problem.columns[row]] = "Q"
        for square in problem.barred:
            squares[square] = "x"
        rows = ["".join(squares[at : at + side]) for at in range(0, side**2, side)]
        board = "/".join(rows)
        numbers = [str(column + 1) for column in problem.columns]
        if self.style == "compact":
            prompt, solution = f"{board}=", ("" if side <= 9 else ",").join(numbers)
        else:
            drawn = "\n".join(map(" ".join, rows))
            prompt = (
                f"Put {side - self._given} more queens on this board of {side} rows and {side} columns, so that every "
                "row has one and no queen attacks another along a row, a column or a diagonal. Q is a queen that stays "
                f"where it is; no queen may stand on x.\n\n{drawn}\n\nGive the column of the queen of each row from "
                f"the top, counted from 1 at the left, as <answer>{side} numbers</answer>."
            )
            solution = f"<answer>{', '.join(numbers)}</answer>"
        difficulty = {**self._difficulty, "barred": len(problem.barred)}
        return Task.create(prompt, {"reference": {"board": board}, "solution": solution}, difficulty=difficulty)


class NQueensEnv(ProceduralEnv):
    """Complete a board of queens; verified by constraint with `queens@1`. Knobs: those of `NQueensTaskSet`.

    The reward `"dense"` pays `2**-k` for a queen in every row of which k pairs attack each other, where the given ones
    stay and no barred square is taken.

    Example:
        >>> env = NQueensEnv(side=5, given=1, barred=3, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        '...../x...x/...x./...../..Q..='
        >>> env.step("14253")[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="The column of the queen of each row from the top, `3, 1, 4, 2`, in `<answer>` tags, a box or "
        "after `####`; in style=compact digits alone up to 9 columns.",
        licence=GENERATED,
        chance=0.06,
        chance_reason="of the 92 solutions of the empty board the best solves 5.0 % of 1,000 default tasks, of which "
        "86 % have one solution; with reward='dense' it earns 0.07 with the given queens put in",
        distinct=7 * 10**7,
        levels=(
            {"side": 5, "given": 2, "barred": 2},
            {"side": 6, "given": 1, "barred": 4},
            {"side": 8, "given": 2, "barred": 8},
            {"side": 9, "given": 1, "barred": 16},
            {"side": 10, "given": 1, "barred": 24},
            {"side": 12, "given": 1, "barred": 40},
        ),
    )

    taskset_class = NQueensTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("queens@1", **compact_markers(style))


def _solution(side: int, rng: TaskRandom) -> list[int]:
    """A column for each row: every row in turn tries its columns in random order."""
    columns: list[int] = []
    tried: list[list[int]] = [_order(side, rng)]
    while len(columns) < side:
        row, left = len(columns), tried[-1]
        while left:
            column = left.pop()
            if all(column != other and abs(column - other) != row - at for at, other in enumerate(columns)):
                columns.append(column)
                tried.append(_order(side, rng))
                break
        else:
            tried.pop()
            columns.pop()
    return columns


def _order(side: int, rng: TaskRandom) -> list[int]:
    order = list(range(side))
    shuffle(order, rng)
    return order


@cache
def _views(side: int) -> list[list[int]]:
    """Where each square stands in each of the eight ways to lay the board down."""
    last = side - 1
    places = [(row, column) for row in range(side) for column in range(side)]
    views = []
    for turned in (False, True):
        for down in (False, True):
            for right in (False, True):
                seen = [(last - r if down else r, last - c if right else c) for r, c in places]
                views.append([c * side + r if turned else r * side + c for r, c in seen])
    return views
