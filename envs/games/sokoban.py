"""`rlvr/Sokoban-v0`: push every box onto a goal, in levels that are made backwards and so can be solved.

A push cannot be taken back by a pull, so a move can spoil the level: one plans, or learns by which states credit came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.games.board import BoardGame, BoardTaskSet, canonical
from rlvr_gym.envs.games.sokoban_levels import Made, draw_level, draw_room
from rlvr_gym.envs.procedural import Common, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.games.sokoban import Level, Position, drawing

RULES = (
    "This is Sokoban: bring every box onto a goal. Walking into a box pushes it one cell further, if neither a wall "
    "nor another box is behind it. Boxes cannot be pulled.\n"
    "# wall   @ you   $ box   . goal   * box on a goal   + you on a goal\n"
    "Moves: up, down, left, right. "
)


class SokobanTaskSet(BoardTaskSet[Made]):
    """Levels of one room, made by pulling boxes off their goals.

    Args:
        width: Columns of the drawing with its outer walls, 5 to 20.
        height: Rows, 5 to 20.
        walls: Cells inside that become walls, from 0 to a third of them.
        boxes: Boxes, 1 to 6; at the start none is on a goal.
        pushes: Pushes of a shortest solution, from `boxes` to 40. In large rooms not all positions are looked at, and a
            shorter one may exist.
        moves_a_turn: See `BoardTaskSet`.
        **common: See `ProceduralTaskSet`; compact observations are the board and a colon, with a question mark before
            them where the response did nothing.

    Raises:
        ConfigError: A knob is refused, or no room takes so many pushes.
    """

    _TRIES = 1000

    def __init__(
        self,
        *,
        width: int = 7,
        height: int = 7,
        walls: int = 5,
        boxes: int = 2,
        pushes: int = 6,
        moves_a_turn: int = 1,
        **common: Unpack[Common],
    ) -> None:
        self._width = check_int("width", width, 5, 20)
        self._height = check_int("height", height, 5, 20)
        self._walls = check_int("walls", walls, 0, (width - 2) * (height - 2) // 3)
        self._boxes = check_int("boxes", boxes, 1, 6)
        self._pushes = check_int("pushes", pushes, boxes, 40)
        super().__init__("Sokoban", moves_a_turn=moves_a_turn, **common)
        self._most_moves = 6 * pushes + 4
        self.turns = self.enough_turns(self._most_moves)

    def draw(self, rng: TaskRandom) -> Made:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._TRIES):
            made = draw_level(rng, draw_room(rng, self._width, self._height, self._walls), self._boxes, self._pushes)
            if made is not None and len(made.moves) <= self._most_moves:
                return made
        raise ConfigError(
            f"Sokoban: no level with {self._boxes} boxes takes {self._pushes} pushes among {self._TRIES:,} rooms of "
            f"{self._width} x {self._height} with {self._walls} walls inside: lower pushes, boxes or walls"
        )

    def split_key(self, problem: Made) -> str:
        """The level without the player, however it is turned or mirrored."""
        return canonical([row.replace("@", " ").replace("+", ".") for row in problem.rows])

    def make(self, problem: Made) -> Task:
        """See `ProceduralTaskSet.make`."""
        board, moves = "\n".join(problem.rows), problem.moves
        if self.style == "compact":
            prompt, moves = f"{board}:", [move[0] for move in moves]
        else:
            prompt = f"{RULES}{self.format_sentence()}\n{board}"
        private = {"reference": {"level": board}, "expert": self.responses(moves)}
        difficulty = {
            "width": self._width, "height": self._height, "walls": self._walls, "boxes": self._boxes,
            "pushes": self._pushes, "moves": len(moves),
        }  # fmt: skip
        return Task.create(prompt, private, difficulty=difficulty)


class SokobanEnv(BoardGame):
    """Push every box onto a goal, seeing the whole board; judged by `sokoban@1`.

    The episode ends when every box stands on a goal, or with the verdict on the moves so far when the turns are over: a
    level that was spoilt is played on. The reward `"dense"` then pays for the boxes that were brought onto goals. The
    anchor is the position: who pushes, and the boxes.

    Example:
        >>> env = SokobanEnv(width=5, height=5, walls=0, boxes=1, pushes=1, style="compact")
        >>> print(env.reset(options={"task_index": 1})[0])
        #####
        #  @#
        # $.#
        #   #
        #####:
        >>> [env.step(move)[4].get("passed") for move in "lldr"]
        [None, None, None, True]
    """

    card = Card(
        family="game",
        answer_format="One move a turn, or as many as `moves_a_turn`, in `<answer>` tags, in a box or alone: up, "
        "down, left or right, or their first letters.",
        licence=GENERATED,
        told="The rules, the board and the number of turns; after each turn what the move did, the board, how many "
        "boxes stand on goals and the turns that are left.",
        chance=0.01,
        chance_reason="61 moves drawn at random solve 0.3 % of 1,000 levels; with one box and two pushes 2 %",
        distinct=10**6,
        levels=(
            {"width": 6, "height": 6, "walls": 1, "boxes": 1, "pushes": 2},
            {"width": 6, "height": 6, "walls": 2, "boxes": 1, "pushes": 4},
            {"width": 7, "height": 7, "walls": 5, "boxes": 2, "pushes": 6},
            {"width": 7, "height": 7, "walls": 5, "boxes": 2, "pushes": 9},
            {"width": 8, "height": 8, "walls": 7, "boxes": 3, "pushes": 12},
            {"width": 9, "height": 9, "walls": 9, "boxes": 4, "pushes": 16},
        ),
    )

    taskset_class = SokobanTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("sokoban@1", **compact_markers(style))

    def view(self, position: Position, gold: Level) -> str:
        """See `BoardGame.view`."""
        return "\n".join(drawing(gold, position))

    def told(self, before: Position, after: Position, moves: Sequence[str], gold: Level) -> str:
        """See `BoardGame.told`."""
        if len(moves) > 1:
            return f"{len(moves)} moves made."
        [move] = moves
        if after.boxes == before.boxes:
            return f"You walked {move}."
        onto, off = len(after.boxes & gold.goals), len(before.boxes & gold.goals)
        where = " onto a goal" if onto > off else " off its goal" if onto < off else ""
        return f"You pushed a box {move}{where}."

    def standing(self, position: Position, gold: Level) -> str:
        """See `BoardGame.standing`."""
        return f"{len(position.boxes & gold.goals)} of {len(gold.goals)} boxes on goals."

    def anchor_of(self, position: Position, gold: Level) -> Any:
        """See `BoardGame.anchor_of`."""
        return [position.player, *sorted(position.boxes)]
