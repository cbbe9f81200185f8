"""`rlvr/Minesweeper-v0`: open every cell without a mine, on fields that need no guess.

Every field is solved by inference when it is made (`minesweeper_solver`), so a mine that is hit is a mistake and no bad
luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.games.board import BoardGame, BoardTaskSet, canonical, sampled
from rlvr_gym.envs.games.minesweeper_solver import solved
from rlvr_gym.envs.procedural import Common, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.games.minesweeper import COLUMNS, Field, Opened, around, cells_of, name_of, open_cell


class Laid(NamedTuple):
    """A field and the cells to open, round by round."""

    field: Field
    rounds: list[list[int]]


class MinesweeperTaskSet(BoardTaskSet[Laid]):
    """Fields with mines at random that can be cleared without a guess; one region is open at first.

    Args:
        width: Columns, 4 to 20.
        height: Rows, 4 to 20.
        mines: Mines, from 1 to a quarter of the cells.
        moves_a_turn: The most cells of one response, 1 to 100.
        **common: See `ProceduralTaskSet`; compact prompts are the number of mines, a bar, the rows and a colon;
            observations the rows and a colon, with a question mark before them where the response did nothing.

    Raises:
        ConfigError: A knob is refused, or no field needs no guess.
    """

    thing = "cell"
    _TRIES = 3000

    def __init__(
        self,
        *,
        width: int = 7,
        height: int = 7,
        mines: int = 9,
        moves_a_turn: int = 10,
        **common: Unpack[Common],
    ) -> None:
        self._width = check_int("width", width, 4, 20)
        self._height = check_int("height", height, 4, 20)
        self._mines = check_int("mines", mines, 1, width * height // 4)
        super().__init__("Minesweeper", moves_a_turn=moves_a_turn, **common)
        self._most_turns = width * height // self.moves_a_turn + width + height
        self.turns = self._most_turns + self._most_turns // 2

    def draw(self, rng: TaskRandom) -> Laid:
        """See `ProceduralTaskSet.draw`."""
        size = self._width * self._height
        for _ in range(self._TRIES):
            first = rng.below(size)
            near = around(self._width, self._height)[first] | 1 << first
            mines = sampled(rng, [cell for cell in range(size) if not near >> cell & 1], self._mines)
            field = Field(self._width, self._height, sum(1 << cell for cell in mines), 0)
            field = field._replace(start=open_cell(first, 0, field))
            rounds = solved(field) if field.start != field.safe else None
            if rounds is not None and len(self._said(rounds)) <= self._most_turns:
                return Laid(field, rounds)
        raise ConfigError(
            f"Minesweeper: every field of {self._width} x {self._height} with {self._mines} mines among "
            f"{self._TRIES:,} needs a guess: lower mines"
        )

    def split_key(self, problem: Laid) -> str:
        """Where the mines are, however the field is turned or mirrored."""
        return canonical(_rows(problem.field, "".join(".*"[bit] for bit in _bits(problem.field))))

    def make(self, problem: Laid) -> Task:
        """See `ProceduralTaskSet.make`."""
        field = problem.field
        start = board_of(field, field.start)
        mined = _rows(field, "".join(".*"[bit] for bit in _bits(field)))
        if self.style == "compact":
            prompt = "\n".join(start)
            prompt = f"{self._mines}|{prompt}:"
        else:
            prompt = (
                f"This is Minesweeper: {self._mines} mines lie under the closed cells. Open every cell without a mine; "
                "opening a mine ends the game. A number says how many of the up to eight cells around hold a mine. No "
                "guess is needed.\n- closed   . open, no mine around   1 to 8 open, so many mines around\n"
                f"A cell is its column and row, such as {name_of(self._width + 2, self._width)}. "
                f"{self.format_sentence()}\n"
                f"{drawn(field, field.start)}"
            )
        reference = {"board": "\n".join(mined), "start": "\n".join(start)}
        difficulty = {
            "width": self._width, "height": self._height, "mines": self._mines, "rounds": len(problem.rounds),
            "cells": (field.safe & ~field.start).bit_count(),
        }  # fmt: skip
        private = {"reference": reference, "expert": self._said(problem.rounds)}
        return Task.create(prompt, private, difficulty=difficulty)

    def _said(self, rounds: list[list[int]]) -> list[str]:
        """The responses that open these cells. A round needs what is seen after the last, and so begins a new one."""
        named = ([name_of(cell, self._width) for cell in cells] for cells in rounds)
        return [response for names in named for response in self.responses(names)]


class MinesweeperEnv(BoardGame):
    """Open every cell without a mine, by what the open ones show; judged by `minesweeper@1`.

    The episode ends with the last of them, with a mine, or with the verdict on the cells so far when the turns are
    over. The reward `"dense"` then pays for the share of cells that were opened, and nothing after a mine. The anchor
    is the board as it is seen.

    Example:
        >>> env = MinesweeperEnv(width=4, height=4, mines=2, style="compact")
        >>> print(env.reset(options={"task_index": 0})[0])
        2|----
        112-
        ..1-
        ..1-:
        >>> [env.step(cells)[4].get("passed") for cells in ("a1 c1 d2 d4", "d1")]
        [None, True]
    """

    card = Card(
        family="game",
        answer_format="One cell or several, at most `moves_a_turn`, in `<answer>` tags, a box, after `####` or alone: "
        "column and row, such as `c2`.",
        licence=GENERATED,
        told="The rules, the number of mines, the board and the number of turns; after each turn what was opened, the "
        "board, how many cells without a mine are closed and the turns that are left.",
        chance=0.001,
        chance_reason="closed cells opened at random clear none of 1,000 fields; with level=0 they clear 13 %",
        distinct=10**6,
        levels=(
            {"width": 4, "height": 4, "mines": 2},
            {"width": 5, "height": 5, "mines": 4},
            {"width": 7, "height": 7, "mines": 9},
            {"width": 8, "height": 8, "mines": 13},
            {"width": 9, "height": 9, "mines": 18},
            {"width": 12, "height": 12, "mines": 31},
        ),
    )

    taskset_class = MinesweeperTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("minesweeper@1", **compact_markers(style))

    def view(self, position: Opened, gold: Field) -> str:
        """See `BoardGame.view`."""
        return "\n".join(board_of(gold, position.cells)) if self.style == "compact" else drawn(gold, position.cells)

    def told(self, before: Opened, after: Opened, moves: Sequence[str], gold: Field) -> str:
        """See `BoardGame.told`."""
        new = (after.cells & ~before.cells).bit_count()
        if len(moves) > 1:
            return f"{new} cells opened."
        [cell] = moves
        if new > 1:
            return f"You opened {cell}, and as no mine is around it {new - 1} more."
        return f"You opened {cell}." if new else f"Nothing new: {cell} was open."

    def standing(self, position: Opened, gold: Field) -> str:
        """See `BoardGame.standing`."""
        left = (gold.safe & ~position.cells).bit_count()
        return f"{left} cells to open." if left != 1 else "1 cell to open."

    def anchor_of(self, position: Opened, gold: Field) -> Any:
        """See `BoardGame.anchor_of`."""
        return board_of(gold, position.cells)


def board_of(field: Field, opened: int) -> list[str]:
    """The rows as they are seen.

    Example:
        >>> board_of(Field(3, 1, mines=0b100, start=0), 0b11)
        ['.1-']
    """
    shown = ["-"] * (field.width * field.height)
    for cell in cells_of(opened):
        shown[cell] = str(field.number(cell) or ".")
    return _rows(field, "".join(shown))


def drawn(field: Field, opened: int) -> str:
    """The same with names of columns and rows.

    Example:
        >>> print(drawn(Field(3, 1, mines=0b100, start=0), 0b11))
            a b c
         1  . 1 -
    """
    rows = [f"{number:>2}  {' '.join(row)}" for number, row in enumerate(board_of(field, opened), start=1)]
    return "\n".join([f"    {' '.join(COLUMNS[: field.width])}", *rows])


def _rows(field: Field, cells: str) -> list[str]:
    return [cells[at : at + field.width] for at in range(0, len(cells), field.width)]


def _bits(field: Field) -> list[int]:
    """For each cell whether there is a mine."""
    return [field.mines >> cell & 1 for cell in range(field.width * field.height)]
