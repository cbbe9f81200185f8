"""`minesweeper@1`: cells that are opened until every one without a mine is open, and none with one.

Sets of cells are integers with one bit for each cell, counted row by row.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding
from rlvr_gym.verifiers.games.replay import ImpossibleMoveError, Replay, text_rows
from rlvr_gym.verifiers.verdict import Reason

MAX_SIDE = 26
COLUMNS = "abcdefghijklmnopqrstuvwxyz"


class Field(NamedTuple):
    """A field with mines.

    Args:
        width: Columns.
        height: Rows.
        mines: Cells with a mine.
        start: Cells that are open at first.
    """

    width: int
    height: int
    mines: int
    start: int

    @property
    def safe(self) -> int:
        """Cells without a mine."""
        return (1 << self.width * self.height) - 1 & ~self.mines

    def number(self, cell: int) -> int:
        """How many mines lie around a cell."""
        return (around(self.width, self.height)[cell] & self.mines).bit_count()


class Opened(NamedTuple):
    """The cells that are open, and the one with a mine that was opened; -1 where there is none."""

    cells: int
    mine: int


@dataclass(frozen=True)
class Minesweeper(Replay):
    """Judges the cells that are opened, one after another.

    The reference is `{"board": "*.\\n..\\n.*", "start": "-1\\n--\\n--"}`: where the mines are, and what is open
    at first with the number of mines around it (`.` for none, `-` for what is closed). There are at most 26 rows and
    columns. A move is a cell, `c2`: column and row. A cell without mines around it opens those around it. To open what
    is open changes nothing. A mine ends the game with a score of 0. Else the dense score is the share of the
    closed cells without a mine that was opened.

    Args:
        markers: See `Replay`.

    Example:
        >>> verifier = Minesweeper()
        >>> field = {"board": "*.\\n..\\n.*", "start": "-1\\n--\\n--"}
        >>> verdict = verifier.verify("<answer>a2 b2</answer>", field)
        >>> verdict.reason.text, round(verdict.score, 3)
        ('1 cell without a mine is closed', 0.667)
        >>> verifier.verify("<answer>a2, b2, a3</answer>", field).passed
        True
        >>> verifier.verify("<answer>a1</answer>", field).reason.text
        'there was a mine at a1'
    """

    name = "minesweeper"
    version = 1
    asks_for = "a cell is its column and row, such as c2"
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A cell is right whether it was reasoned out or was luck.",
        "The dense score pays for cells that a person sees to be free as for those that are hard to find.",
    )

    def parse_reference(self, reference: Any) -> Field:
        """See the class."""
        board, start = (reference.get(key) if isinstance(reference, dict) else None for key in ("board", "start"))
        mined, told = text_rows(board, ".*", MAX_SIDE), text_rows(start, "-.12345678", MAX_SIDE)
        if (
            mined is None
            or told is None
            or len({*map(len, mined), *map(len, told)}) != 1
            or len(mined) != len(told)
            or not mined[0]
        ):
            text = f"'board' and 'start' must be drawings of one size, at most {MAX_SIDE} rows and columns"
            raise ReferenceFault("not_a_field", text)
        cells, shows = "".join(mined), "".join(told)
        mines, opened = (
            int("".join("01"[mark] for mark in reversed(marks)), 2)
            for marks in ([cell == "*" for cell in cells], [symbol != "-" for symbol in shows])
        )
        field = Field(len(mined[0]), len(mined), mines, opened)
        if not mines or field.safe == opened or mines & opened:
            raise ReferenceFault("nothing_to_open", "a field has mines, none of them open, and other closed cells")
        if any(shows[cell] != (str(field.number(cell)) if field.number(cell) else ".") for cell in cells_of(opened)):
            raise ReferenceFault("wrong_number", "what 'start' shows of a cell is not the number of mines around it")
        return field

    def moves_of(self, word: str, gold: Field) -> Sequence[str]:
        """One cell, by column and row."""
        word = word.lower()
        known = len(word) <= 3 and word.isascii() and word[1:].isdigit() and word[0] in COLUMNS[: gold.width]
        return [word] if known and word[1] != "0" and int(word[1:]) <= gold.height else []

    def start(self, gold: Field) -> Opened:
        """See `Replay.start`."""
        return Opened(gold.start, -1)

    def play(self, position: Opened, move: str, gold: Field) -> Opened:
        """See `Replay.play`."""
        if not self.moves_of(move, gold):
            raise ImpossibleMoveError(self.asks_for)
        cell = (int(move[1:]) - 1) * gold.width + COLUMNS.index(move[0])
        if gold.mines >> cell & 1:
            return Opened(position.cells, cell)
        return Opened(open_cell(cell, position.cells, gold), -1)

    def over(self, position: Opened, gold: Field) -> bool:
        """See `Replay.over`."""
        return position.mine >= 0 or position.cells == gold.safe

    def judged(self, position: Opened, gold: Field) -> Finding:
        """See the class."""
        if position.mine >= 0:
            return Finding(False, Reason("mine", f"there was a mine at {name_of(position.mine, gold.width)}"))
        left, first = ((gold.safe & ~cells).bit_count() for cells in (position.cells, gold.start))
        if not left:
            return Finding(True, Reason("cleared", "every cell without a mine is open"))
        said = "1 cell without a mine is" if left == 1 else f"{left} cells without a mine are"
        return Finding(False, Reason("closed_cells", f"{said} closed"), 1 - left / first)


def open_cell(cell: int, opened: int, field: Field) -> int:
    """What is open after a cell without a mine is opened: with it what lies around it, where no mine does.

    Example:
        >>> bin(open_cell(0, 0, Field(4, 1, 0b1000, 0)))
        '0b111'
    """
    waiting = 1 << cell & ~opened
    neighbours = around(field.width, field.height)
    while waiting:
        opened |= waiting
        empty = (near for one in cells_of(waiting) if not (near := neighbours[one]) & field.mines)
        waiting = functools.reduce(int.__or__, empty, 0) & ~opened
    return opened


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


def name_of(cell: int, width: int) -> str:
    """Column and row of a cell.

    Example:
        >>> name_of(7, 5)
        'c2'
    """
    row, column = divmod(cell, width)
    return f"{COLUMNS[column]}{row + 1}"


@functools.lru_cache(maxsize=64)
def around(width: int, height: int) -> tuple[int, ...]:
    """For each cell those around it.

    Example:
        >>> bin(around(3, 2)[0])
        '0b11010'
    """
    found = []
    for cell in range(width * height):
        row, column = divmod(cell, width)
        near = (
            (row + down, column + right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if (down or right) and 0 <= row + down < height and 0 <= column + right < width
        )
        found.append(sum(1 << r * width + c for r, c in near))
    return tuple(found)
