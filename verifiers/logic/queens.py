"""`queens@1`: a queen in every row of a board, none of which attacks another.

Checked by constraint: given queens stay, barred squares stay empty, and any solution passes.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_SIDE = 26
_COLUMNS = re.compile(r"[0-9]{1,26}(?:[ ,\n]++[0-9]{1,2})*+")


class Board(NamedTuple):
    """The rows of a board: `Q` where a queen is given, `x` where none may stand, else a dot."""

    rows: list[str]


@dataclass(frozen=True)
class Queens(RuleVerifier):
    """Judges the places of the queens of all rows.

    The reference is `{"board": "..Q./x.../..../...."}`: the rows from the top, `Q` for a given queen, `x` for a barred
    square. Given queens do not attack each other. A response has for each row from the top the column of its queen,
    counted from 1 at the left, separated by commas or blanks; up to nine columns may stand without anything between.

    The dense score of queens of which `k` pairs attack each other is `2**-k`; it is 0 where a given queen is moved or
    a barred square is taken.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Queens()
        >>> reference = {"board": "..Q./..../x.../...."}
        >>> verifier.verify("<answer>3, 1, 4, 2</answer>", reference).passed
        True
        >>> verifier.verify("<answer>3, 1, 4, 1</answer>", reference).reason.text
        '1 pair of queens attack each other'
    """

    name = "queens"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "How the queens were found is not judged: trying places in the response is as good as reasoning.",
        "A drawn board is refused, also where its queens stand right.",
        "The dense score is 0 for a moved queen, also where no queen attacks another.",
    )
    max_answer_chars: ClassVar[int] = 500

    def parse_reference(self, reference: Any) -> Board:
        """See the class."""
        try:
            board = reference["board"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_board", "the reference must hold 'board'") from error
        if not isinstance(board, str) or len(board) > MAX_SIDE * (MAX_SIDE + 1):
            raise ReferenceFault("not_a_board", f"'board' must be a text of at most {MAX_SIDE} rows")
        rows = board.split("/")
        side = len(rows)
        if not 1 <= side <= MAX_SIDE or any(len(row) != side for row in rows):
            raise ReferenceFault("wrong_shape", "a board has as many rows as columns, with '/' between the rows")
        if not set(board) <= set(".Qx/"):
            raise ReferenceFault("wrong_square", "a square is a dot, 'Q' or 'x'")
        if "." not in board:
            raise ReferenceFault("nothing_to_place", "'board' must have a free square")
        given = [(row, column) for row, line in enumerate(rows) for column, square in enumerate(line) if square == "Q"]
        if _attacking(given):
            raise ReferenceFault("queens_attack", "two of the given queens attack each other")
        return Board(rows)

    def read(self, text: str, gold: Board) -> list[int]:
        """The column of each queen, from 0."""
        side = len(gold.rows)
        if _COLUMNS.fullmatch(text) is None:
            raise UnreadableError("not_columns", "an answer is the column of the queen of each row, as numbers")
        numbers = text.replace(",", " ").split()
        if len(numbers) == 1 and side <= 9:
            numbers = list(numbers[0])
        if len(numbers) != side:
            raise UnreadableError("wrong_length", f"an answer has {side} columns, one for each row")
        columns = [int(number) - 1 for number in numbers]
        if min(columns) < 0 or max(columns) >= side:
            raise UnreadableError("no_such_column", f"columns are numbered from 1 to {side}")
        return columns

    def check(self, answer: list[int], gold: Board) -> Finding:
        """See the class."""
        moved = sum("Q" in line and line[column] != "Q" for line, column in zip(gold.rows, answer, strict=True))
        barred = sum(line[column] == "x" for line, column in zip(gold.rows, answer, strict=True))
        pairs = _attacking(list(enumerate(answer)))
        parts = (
            Part("given", not moved, float(not moved)),
            Part("barred", not barred, float(not barred)),
            Part("peace", not pairs, 2.0**-pairs, str(pairs)),
        )
        extracted = ",".join(str(column + 1) for column in answer)
        if moved:
            return Finding(False, Reason("queen_moved", "a given queen is moved"), 0.0, parts, extracted)
        if barred:
            return Finding(False, Reason("square_barred", "a queen stands on a barred square"), 0.0, parts, extracted)
        if pairs:
            text = f"{pairs} {'pair' if pairs == 1 else 'pairs'} of queens attack each other"
            return Finding(False, Reason("queens_attack", text), 2.0**-pairs, parts, extracted)
        return Finding(True, Reason("solved", "no queen attacks another"), 1.0, parts, extracted)


def _attacking(queens: list[tuple[int, int]]) -> int:
    """How many pairs stand in one row, column or diagonal; who stands behind another counts too.

    Example:
        >>> _attacking([(0, 0), (1, 1), (2, 2), (3, 0)])
        4
    """
    lines = Counter(
        key for row, column in queens for key in (("r", row), ("c", column), ("d", row - column), ("a", row + column))
    )
    return sum(count * (count - 1) // 2 for count in lines.values())
