"""`lake@1`: moves over ice with holes that end at the goal; the ice may be slippery.

Where a move slips stands in the reference, by the number of the move, so that a record has one outcome.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding
from rlvr_gym.verifiers.games.replay import DIRECTIONS, ImpossibleMoveError, Replay, directions_of, text_rows
from rlvr_gym.verifiers.verdict import Reason

MAX_SIDE = 50
MAX_SLIPS = 10_000
LEFT_OF = {"up": "left", "left": "down", "down": "right", "right": "up"}
RIGHT_OF = {there: here for here, there in LEFT_OF.items()}
_TURNED = {"<": LEFT_OF, ">": RIGHT_OF}


class Lake(NamedTuple):
    """A lake; cells are counted row by row.

    Args:
        rows: The drawing.
        width: Cells from one row to the next.
        cells: The drawing in one line.
        slips: What happens to the moves, one after another and from the first again; nothing where it is empty.
        distances: How many moves the goal is away from each cell from which it can be reached, without slipping.
    """

    rows: tuple[str, ...]
    width: int
    cells: str
    slips: str
    distances: dict[int, int]


class Place(NamedTuple):
    """Where one is, and after how many moves."""

    cell: int
    moves: int


@dataclass(frozen=True)
class FrozenLake(Replay):
    """Judges moves over a frozen lake.

    The reference is `{"map": "@.\\nH.\\n.G", "slips": ""}`: `@` start, `.` ice, `H` hole, `G` goal, at most 50 rows and
    columns. Moves are `up`, `down`, `left` and `right`, or their first letters, which may also be written together. The
    edge stops a move. The k-th sign of `slips` says what becomes of the k-th move: `.` goes where it is meant to, `<`
    and `>` to the left and right of that; after the last sign comes the first again. A hole ends the game with a score
    of 0. The dense score elsewhere is 1 - d / d0 and at least 0, where d is the number of moves that the goal is away
    at the end, d0 at the start.

    Args:
        markers: See `Replay`.

    Example:
        >>> verifier = FrozenLake()
        >>> lake = {"map": "@.\\nH.\\n.G", "slips": ""}
        >>> verdict = verifier.verify("<answer>right down</answer>", lake)
        >>> verdict.reason.text, round(verdict.score, 3)
        ('the moves end in row 2, column 2, 1 away from the goal', 0.667)
        >>> verifier.verify("<answer>rdd</answer>", lake).passed
        True
        >>> verifier.verify("<answer>right right</answer>", lake | {"slips": ".>"}).reason.text  # slips down
        'the moves end in row 2, column 2, 1 away from the goal'
    """

    name = "lake"
    version = 1
    asks_for = "moves are up, down, left, right"
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Any moves that end at the goal pass, however many: ask for few by a limit on turns or a cost.",
        "On slippery ice the distances of the dense score are those of moves that do not slip.",
    )

    def parse_reference(self, reference: Any) -> Lake:
        """See the class."""
        text, slips = (reference.get("map"), reference.get("slips")) if isinstance(reference, dict) else (None, None)
        rows = text_rows(text, "@.HG", MAX_SIDE)
        if rows is None or len(set(map(len, rows))) != 1 or not rows[0]:
            raise ReferenceFault("not_a_lake", f"'map' must be rows of @ . H G, at most {MAX_SIDE} and of one length")
        if not isinstance(slips, str) or len(slips) > MAX_SLIPS or not set(slips) <= set(".<>"):
            raise ReferenceFault("not_slips", f"'slips' must be a text of . < >, at most {MAX_SLIPS:,} of them")
        cells = "".join(rows)
        if cells.count("@") != 1 or cells.count("G") != 1:
            raise ReferenceFault("not_a_lake", "a lake has one start and one goal")
        distances = distances_to(cells.index("G"), cells, len(rows[0]))
        if cells.index("@") not in distances:
            raise ReferenceFault("no_way", "holes lie between the start and the goal")
        return Lake(tuple(rows), len(rows[0]), cells, slips, distances)

    def moves_of(self, word: str, gold: Lake) -> Sequence[str]:
        """A direction, or first letters of directions."""
        return directions_of(word)

    def start(self, gold: Lake) -> Place:
        """See `Replay.start`."""
        return Place(gold.cells.index("@"), 0)

    def play(self, position: Place, move: str, gold: Lake) -> Place:
        """See `Replay.play`."""
        if move not in DIRECTIONS:
            raise ImpossibleMoveError(self.asks_for)
        slip = gold.slips[position.moves % len(gold.slips)] if gold.slips else "."
        return Place(beside(position.cell, move if slip == "." else _TURNED[slip][move], gold), position.moves + 1)

    def over(self, position: Place, gold: Lake) -> bool:
        """See `Replay.over`."""
        return gold.cells[position.cell] in "GH"

    def judged(self, position: Place, gold: Lake) -> Finding:
        """See the class."""
        here = gold.cells[position.cell]
        if here == "G":
            return Finding(True, Reason("arrived", "the goal is reached"))
        row, column = divmod(position.cell, gold.width)
        where = f"in row {row + 1}, column {column + 1}"
        if here == "H":
            return Finding(False, Reason("fell", f"the moves lead into the hole {where}"))
        away = gold.distances.get(position.cell)
        if away is None:
            return Finding(False, Reason("elsewhere", f"the moves end {where}, cut off from the goal"))
        score = max(0.0, 1 - away / gold.distances[gold.cells.index("@")])
        return Finding(False, Reason("elsewhere", f"the moves end {where}, {away} away from the goal"), score)


def beside(cell: int, direction: str, lake: Lake) -> int:
    """The next cell in a direction; the same at the edge."""
    row, column = divmod(cell, lake.width)
    down, right = DIRECTIONS[direction]
    inside = 0 <= row + down < len(lake.rows) and 0 <= column + right < lake.width
    return cell + down * lake.width + right if inside else cell


def distances_to(goal: int, cells: str, width: int) -> dict[int, int]:
    """How many moves over ice a cell is away, for each cell that is no hole and not cut off.

    Example:
        >>> distances_to(5, "@.H..G", 2)
        {5: 0, 3: 1, 4: 1, 1: 2, 0: 3}
    """
    found = {goal: 0}
    queue = deque([goal])
    while queue:
        here = queue.popleft()
        for there in (here - width, here + width, *((here - 1,) * (here % width > 0)), here + 1):
            if 0 <= there < len(cells) and there not in found and cells[there] != "H":
                if there == here + 1 and there % width == 0:
                    continue
                found[there] = found[here] + 1
                queue.append(there)
    return found
