"""`rlvr/FrozenLake-v0`: cross a frozen lake with holes; the ice may be slippery.

Unlike in Gymnasium's environment of this name every task is another lake, and what slips belongs to the task: the same
moves end the same way.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.games.board import BoardGame, BoardTaskSet, canonical, sampled
from rlvr_gym.envs.procedural import Common, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.games.lake import FrozenLake, Lake, Place, beside
from rlvr_gym.verifiers.games.replay import DIRECTIONS

_RULES = FrozenLake()
_SLIPS = 100  # signs of a task


class Crossing(NamedTuple):
    """A lake and moves that cross it."""

    rows: list[str]
    slips: str
    moves: list[str]


class FrozenLakeTaskSet(BoardTaskSet[Crossing]):
    """Lakes with holes at random that can be crossed.

    Args:
        width: Columns, 3 to 20.
        height: Rows, 3 to 20.
        holes: Holes, from 0 to half of the cells.
        slip: Of 100 moves so many slip to the left or right of where they are meant to go, 0 to 60.
        moves_a_turn: See `BoardTaskSet`.
        **common: See `ProceduralTaskSet`; compact observations are the map and a colon, with a question mark before
            them where the response was no move.

    Raises:
        ConfigError: A knob is refused, or no lake can be crossed.
    """

    _TRIES = 1000

    def __init__(
        self,
        *,
        width: int = 6,
        height: int = 6,
        holes: int = 10,
        slip: int = 0,
        moves_a_turn: int = 1,
        **common: Unpack[Common],
    ) -> None:
        self._width = check_int("width", width, 3, 20)
        self._height = check_int("height", height, 3, 20)
        self._holes = check_int("holes", holes, 0, width * height // 2)
        self._slip = check_int("slip", slip, 0, 60)
        super().__init__("FrozenLake", moves_a_turn=moves_a_turn, **common)
        self._most_moves = 2 * (width + height)
        self.turns = self.enough_turns(self._most_moves)

    def draw(self, rng: TaskRandom) -> Crossing:
        """See `ProceduralTaskSet.draw`."""
        cells = range(self._width * self._height)
        for _ in range(self._TRIES):
            start, goal, *holes = sampled(rng, cells, 2 + self._holes)
            (down, right), (low, far) = divmod(start, self._width), divmod(goal, self._width)
            if 2 * (abs(down - low) + abs(right - far)) < self._width + self._height:
                continue
            drawn = ["."] * len(cells)
            for cell in holes:
                drawn[cell] = "H"
            drawn[start], drawn[goal] = "@", "G"
            rows = ["".join(drawn[at : at + self._width]) for at in range(0, len(drawn), self._width)]
            slips = "".join(map(self._sign, (rng.below(200) for _ in range(_SLIPS if self._slip else 0))))
            moves = crossing("\n".join(rows), slips, self._most_moves)
            if moves:
                return Crossing(rows, slips, moves)
        raise ConfigError(
            f"FrozenLake: no lake of {self._width} x {self._height} with {self._holes} holes can be crossed in "
            f"{self._most_moves} moves, of {self._TRIES:,}: lower holes or slip"
        )

    def split_key(self, problem: Crossing) -> str:
        """Holes and goal, however the lake is turned or mirrored."""
        return canonical([row.replace("@", ".") for row in problem.rows])

    def make(self, problem: Crossing) -> Task:
        """See `ProceduralTaskSet.make`."""
        board, moves = "\n".join(problem.rows), problem.moves
        if self.style == "compact":
            prompt, moves = f"{board}:", [move[0] for move in moves]
        else:
            ice = (
                f"The ice is slippery: {self._slip} of 100 moves slide to the left or to the right of where you meant "
                "to go. "
                if self._slip
                else ""
            )
            prompt = (
                "Cross the frozen lake: walk to the goal and stay out of the holes, which end the game. The edge stops "
                f"you. {ice}\n@ you   . ice   H hole   G goal\nMoves: up, down, left, right. "
                f"{self.format_sentence()}\n{board}"
            ).replace(" \n", "\n")
        reference = {"map": board, "slips": problem.slips}
        difficulty = {
            "width": self._width, "height": self._height, "holes": self._holes, "slip": self._slip, "moves": len(moves),
        }  # fmt: skip
        return Task.create(prompt, {"reference": reference, "expert": self.responses(moves)}, difficulty=difficulty)

    def _sign(self, number: int) -> str:
        return "." if number >= 2 * self._slip else "<>"[number % 2]


class FrozenLakeEnv(BoardGame):
    """Cross a frozen lake with holes, seeing the whole lake; judged by `lake@1`.

    The episode ends at the goal, in a hole, or with the verdict on the moves so far when the turns are over. The reward
    `"dense"` then pays for the part of the way that was covered, and nothing in a hole. Where moves slip, they do so
    by their number in the episode, which is a part of the task. The anchor is the cell.

    Example:
        >>> env = FrozenLakeEnv(width=3, height=3, holes=2, style="compact")
        >>> print(env.reset(options={"task_index": 0})[0])
        @.H
        .H.
        .G.:
        >>> [env.step(move)[4].get("passed") for move in "ddr"]
        [None, None, True]
    """

    card = Card(
        family="game",
        answer_format="One move a turn, or up to `moves_a_turn`, in `<answer>` tags, a box, after `####` or alone: up, "
        "down, left or right, or their first letters.",
        licence=GENERATED,
        told="The rules, the lake and the number of turns; after each turn where the move led, the lake and the turns "
        "that are left.",
        chance=0.02,
        chance_reason="37 moves drawn at random cross 0.9 % of 1,000 lakes; with level=0, 25 cross 6 %",
        distinct=10**9,
        levels=(
            {"width": 4, "height": 4, "holes": 3},
            {"width": 5, "height": 5, "holes": 6},
            {"width": 6, "height": 6, "holes": 10},
            {"width": 8, "height": 8, "holes": 22},
            {"width": 8, "height": 8, "holes": 22, "slip": 10},
            {"width": 10, "height": 10, "holes": 36, "slip": 20},
        ),
    )

    taskset_class = FrozenLakeTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("lake@1", **compact_markers(style))

    def view(self, position: Place, gold: Lake) -> str:
        """See `BoardGame.view`."""
        cells = gold.cells.replace("@", ".")
        cells = f"{cells[: position.cell]}@{cells[position.cell + 1 :]}"
        return "\n".join(cells[at : at + gold.width] for at in range(0, len(cells), gold.width))

    def told(self, before: Place, after: Place, moves: Sequence[str], gold: Lake) -> str:
        """See `BoardGame.told`."""
        meant = functools.reduce(lambda cell, move: beside(cell, move, gold), moves, before.cell)
        stays = after.cell == before.cell
        if len(moves) > 1:
            return f"{len(moves)} moves made." if meant == after.cell else f"{len(moves)} moves made: you slipped."
        if meant == after.cell:
            return "The edge stopped you." if stays else f"You went {moves[0]}."
        way = next((way for way in DIRECTIONS if beside(before.cell, way, gold) == after.cell), "")
        return "You slipped, and the edge stopped you." if stays else f"You slipped {way}."

    def standing(self, position: Place, gold: Lake) -> str:
        """See `BoardGame.standing`."""
        row, column = divmod(position.cell, gold.width)
        return f"You are in row {row + 1}, column {column + 1}."

    def anchor_of(self, position: Place, gold: Lake) -> Any:
        """See `BoardGame.anchor_of`."""
        return position.cell


def crossing(board: str, slips: str, most: int) -> list[str]:
    """The fewest moves that cross a lake, at most so many, with its slips foreseen; none where there are none.

    Example:
        >>> crossing("@.\\nH.\\n.G", "", 9), crossing("@.\\n.G", "<.", 9), crossing("@H\\nHG", "", 9)
        (['right', 'down', 'down'], ['down', 'down'], [])
    """
    try:
        lake = _RULES.parse_reference({"map": board, "slips": slips})
    except ReferenceFault:  # holes lie between
        return []
    start = _RULES.start(lake)
    came_from: dict[Place, tuple[Place, str]] = {}
    seen, queue = {start if slips else start.cell}, deque([start])  # without slips the number of moves says nothing
    while queue:
        here = queue.popleft()
        if lake.cells[here.cell] == "G":
            moves = []
            while here != start:
                here, move = came_from[here]
                moves.append(move)
            return moves[::-1]
        if lake.cells[here.cell] == "H" or here.moves == most:
            continue
        for move in DIRECTIONS:
            there = _RULES.play(here, move, lake)
            mark = there if slips else there.cell
            if mark not in seen:
                seen.add(mark)
                came_from[there] = here, move
                queue.append(there)
    return []
