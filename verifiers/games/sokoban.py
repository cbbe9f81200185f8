"""`sokoban@1`: moves that push every box onto a goal; any such moves pass.

The level is drawn as Sokoban levels are: `#` wall, `.` goal, `$` box, `*` box on a goal, `@` who pushes, `+` the same
on a goal, a blank for the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding
from rlvr_gym.verifiers.games.replay import DIRECTIONS, ImpossibleMoveError, Replay, directions_of, text_rows
from rlvr_gym.verifiers.verdict import Reason

MAX_SIDE = 50


class Level(NamedTuple):
    """A level; cells are counted row by row.

    Args:
        width: Cells from one row to the next.
        height: Rows.
        walls: Cells that nothing enters.
        goals: Cells that boxes are to stand on.
        player: Where one starts.
        boxes: Where the boxes start.
    """

    width: int
    height: int
    walls: frozenset[int]
    goals: frozenset[int]
    player: int
    boxes: frozenset[int]


class Position(NamedTuple):
    """Where one stands, where the boxes stand, and the most that stood on goals at one time."""

    player: int
    boxes: frozenset[int]
    best: int


@dataclass(frozen=True)
class Sokoban(Replay):
    """Judges moves in a level of Sokoban.

    The reference is `{"level": "#####\\n#@$.#\\n#####"}`, at most 50 rows and columns, closed by walls. Moves are `up`,
    `down`, `left` and `right`, or their first letters, which may also be written together (`rrul`). They pass where the
    last one puts the last box on a goal. Else the dense score is the number of boxes by which those on goals were ever
    more than at the start, as a share of the boxes that were to be moved there: what is gained is gained once, however
    often a box is pushed on and off.

    Args:
        markers: See `Replay`; by default without `####`, which is a part of many a drawing.

    Example:
        >>> verifier = Sokoban()
        >>> level = {"level": "########\\n#@$.$. #\\n########"}
        >>> verdict = verifier.verify("<answer>right</answer>", level)
        >>> verdict.reason.text, verdict.score
        ('1 of 2 boxes stand on goals', 0.5)
        >>> verifier.verify("<answer>rr</answer>", level).reason.text
        'move 2, right: behind the box is a box'
    """

    name = "sokoban"
    version = 1
    asks_for = "moves are up, down, left, right"
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Any moves that solve the level pass, however many: ask for few by a limit on turns or a cost.",
        "The dense score knows boxes on goals alone: a level that can no longer be solved keeps what it had.",
    )

    markers: tuple[str, ...] = ("answer_tag", "boxed", "whole")

    def parse_reference(self, reference: Any) -> Level:
        """See the class."""
        text = reference.get("level") if isinstance(reference, dict) else None
        rows = text_rows(text, "#.$*@+ ", MAX_SIDE)
        if rows is None:
            raise ReferenceFault("not_a_level", f"'level' must be a drawing of at most {MAX_SIDE} rows and columns")
        width = max(map(len, rows))
        drawn = "".join(row.ljust(width) for row in rows)
        cells = {symbol: frozenset(cell for cell, here in enumerate(drawn) if here == symbol) for symbol in "#.$*@+"}
        players, boxes = cells["@"] | cells["+"], cells["$"] | cells["*"]
        goals = cells["."] | cells["*"] | cells["+"]
        if len(players) != 1 or len(boxes) != len(goals) or not cells["$"]:
            raise ReferenceFault("not_a_level", "a level has one player, as many boxes as goals, and a box on none")
        [player] = players
        level = Level(width, len(rows), cells["#"], goals, player, boxes)
        if not _closed(level):
            raise ReferenceFault("open_level", "walls must keep the player in the level")
        return level

    def moves_of(self, word: str, gold: Level) -> Sequence[str]:
        """A direction, or first letters of directions."""
        return directions_of(word)

    def start(self, gold: Level) -> Position:
        """See `Replay.start`."""
        return Position(gold.player, gold.boxes, len(gold.boxes & gold.goals))

    def play(self, position: Position, move: str, gold: Level) -> Position:
        """See `Replay.play`."""
        if move not in DIRECTIONS:
            raise ImpossibleMoveError(self.asks_for)
        down, right = DIRECTIONS[move]
        step = down * gold.width + right
        player, boxes = position.player + step, position.boxes
        if player in gold.walls:
            raise ImpossibleMoveError("there is a wall")
        if player in boxes:
            behind = player + step
            if behind in gold.walls or behind in boxes:
                raise ImpossibleMoveError(f"behind the box is a {'wall' if behind in gold.walls else 'box'}")
            boxes = boxes - {player} | {behind}
        return Position(player, boxes, max(position.best, len(boxes & gold.goals)))

    def over(self, position: Position, gold: Level) -> bool:
        """See `Replay.over`."""
        return position.boxes == gold.goals

    def judged(self, position: Position, gold: Level) -> Finding:
        """See the class."""
        if position.boxes == gold.goals:
            return Finding(True, Reason("solved", "every box stands on a goal"))
        there, first = len(position.boxes & gold.goals), len(gold.boxes & gold.goals)
        reason = Reason("unsolved", f"{there} of {len(gold.goals)} boxes stand on goals")
        return Finding(False, reason, (position.best - first) / (len(gold.goals) - first))


def drawing(level: Level, position: Position) -> list[str]:
    """The rows of a position, drawn as levels are.

    Example:
        >>> level = Sokoban().parse_reference({"level": "#####\\n#@$.#\\n#####"})
        >>> drawing(level, Sokoban().play(Sokoban().start(level), "right", level))
        ['#####', '# @*#', '#####']
    """
    cells = ["#" if cell in level.walls else " " for cell in range(level.width * level.height)]
    for marked, symbol in ((level.goals, "."), (position.boxes, "$"), (position.boxes & level.goals, "*")):
        for cell in marked:
            cells[cell] = symbol
    cells[position.player] = "+" if position.player in level.goals else "@"
    drawn = "".join(cells)
    return [drawn[at : at + level.width] for at in range(0, len(drawn), level.width)]


def _closed(level: Level) -> bool:
    """Whether no way from the player leads to the border of the drawing."""
    reached, fresh = {level.player}, [level.player]
    while fresh:
        cell = fresh.pop()
        row, column = divmod(cell, level.width)
        if row in (0, level.height - 1) or column in (0, level.width - 1):
            return False
        for step in (-level.width, level.width, -1, 1):
            there = cell + step
            if there not in level.walls and there not in reached:
                reached.add(there)
                fresh.append(there)
    return True
