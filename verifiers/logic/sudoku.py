"""`sudoku@1`: a full grid that keeps the clues and whose rows, columns and boxes hold every digit once.

Checked by constraint, never against one oracle grid: of a puzzle with several solutions each one passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Part, Reason

DIGITS = "123456789"


class Puzzle(NamedTuple):
    """The clues, row after row with a dot for an empty cell, and the shape of a box."""

    cells: str
    rows: int  # of a box
    columns: int  # of a box

    @property
    def side(self) -> int:
        """Rows, columns and digits of the grid."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Sudoku(RuleVerifier):
    """Judges a filled grid by its constraints.

    The reference is `{"puzzle": "1.3./3.1./.143/432.", "box": [2, 2]}`: rows from the top, a dot for an empty cell, and
    the rows and columns of a box, whose product is the side of the grid, 4 to 9. A response is the full grid: as many
    rows of as many digits, rows on lines of their own or with `/` between them, blanks anywhere.

    The dense score of a grid that keeps the clues is the share of the cells to be filled in whose row, column and box
    each hold every digit once. Rows that are filled with the digits they lack earn next to nothing, since their columns
    and boxes repeat digits.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Sudoku()
        >>> reference = {"puzzle": "1.3./3.1./.143/432.", "box": [2, 2]}
        >>> verifier.verify("<answer>1234/3412/2143/4321</answer>", reference).passed
        True
        >>> verifier.verify("<answer>1234/3214/2143/4321</answer>", reference).reason.text
        '8 of 12 rows, columns and boxes hold every digit once'
    """

    name = "sudoku"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "How the grid was found is not judged: trying values in the response is as good as reasoning.",
        "A grid that is drawn with lines between its boxes is refused, also where its digits are right.",
        "The dense score counts complete rows, columns and boxes: of a grid with one wrong cell in each box it is 0.",
    )
    max_answer_chars: ClassVar[int] = 1000

    def parse_reference(self, reference: Any) -> Puzzle:
        """See the class."""
        try:
            puzzle, (rows, columns) = reference["puzzle"], reference["box"]
        except (TypeError, KeyError, IndexError, ValueError) as error:
            raise ReferenceFault("not_a_sudoku", "the reference must hold 'puzzle' and 'box', a pair") from error
        if type(rows) is not int or type(columns) is not int or not (2 <= rows <= 4 and 2 <= columns <= 4):
            raise ReferenceFault("bad_box", f"a box has 2 to 4 rows and columns, got {shown(reference['box'])}")
        side = rows * columns
        if side > len(DIGITS):
            raise ReferenceFault("bad_box", f"a grid has at most {len(DIGITS)} digits, not {side}")
        lines = puzzle.split("/") if isinstance(puzzle, str) and len(puzzle) <= side * (side + 1) else []
        if len(lines) != side or any(len(line) != side for line in lines):
            raise ReferenceFault("wrong_shape", f"'puzzle' must be {side} rows of {side} cells with '/' between them")
        cells = "".join(lines)
        if not set(cells) <= {".", *DIGITS[:side]}:
            raise ReferenceFault("wrong_cell", f"a cell is a dot or a digit from 1 to {side}")
        if "." not in cells:
            raise ReferenceFault("nothing_to_fill", "'puzzle' must have an empty cell")
        for unit in _units(rows, columns):
            held = unit(cells)
            if len(set(held)) + max(0, held.count(".") - 1) != side:
                raise ReferenceFault("clues_conflict", "two clues of one row, column or box are the same digit")
        return Puzzle(cells, rows, columns)

    def read(self, text: str, gold: Puzzle) -> str:
        """The cells of a grid."""
        lines = ["".join(line.split()) for line in text.replace("/", "\n").split("\n")]
        rows = [line for line in lines if line]
        if len(rows) != gold.side or any(len(row) != gold.side for row in rows):
            raise UnreadableError("wrong_shape", f"a grid is {gold.side} rows of {gold.side} digits")
        cells = "".join(rows)
        if not set(cells) <= set(DIGITS[: gold.side]):
            raise UnreadableError("not_a_digit", f"a full grid holds digits from 1 to {gold.side} and nothing else")
        return cells

    def check(self, answer: str, gold: Puzzle) -> Finding:
        """See the class."""
        kept = all(clue in (".", cell) for clue, cell in zip(gold.cells, answer, strict=True))
        units = [len(set(unit(answer))) == gold.side for unit in _units(gold.rows, gold.columns)]
        right = sum(units)
        parts = (
            Part("clues", kept, float(kept)),
            Part("units", all(units), right / len(units), f"{right} of {len(units)}"),
        )
        extracted = "/".join(answer[at : at + gold.side] for at in range(0, len(answer), gold.side))
        if kept and all(units):
            return Finding(True, Reason("solved", "the grid is solved"), 1.0, parts, extracted)
        if not kept:
            return Finding(False, Reason("clue_changed", "a clue is not kept"), 0.0, parts, extracted)
        text = f"{right} of {len(units)} rows, columns and boxes hold every digit once"
        return Finding(False, Reason("digits_repeat", text), _share(units, gold), parts, extracted)


def _share(units: list[bool], gold: Puzzle) -> float:
    """The share of the cells to be filled in that stand in three right units; 1 would be a solved grid."""
    side, filled, right = gold.side, 0, 0
    for cell, clue in enumerate(gold.cells):
        if clue == ".":
            row, column = divmod(cell, side)
            box = row // gold.rows * gold.rows + column // gold.columns
            filled += 1
            right += units[row] and units[side + column] and units[2 * side + box]
    return right / filled if right < filled else 0.0


@cache
def _units(rows: int, columns: int) -> list[itemgetter[Any]]:
    """What takes the rows, the columns and the boxes out of the cells of a grid, in this order."""
    side = rows * columns
    lines = [range(row * side, (row + 1) * side) for row in range(side)]
    lines += [range(column, side**2, side) for column in range(side)]
    boxes = [
        [(top + row) * side + left + column for row in range(rows) for column in range(columns)]
        for top in range(0, side, rows)
        for left in range(0, side, columns)
    ]
    return [itemgetter(*unit) for unit in (*lines, *boxes)]
