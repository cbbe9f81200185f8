"""`rlvr/Game2048-v0`: push tiles together until the goal tile is made, in few moves.

Which tile comes after a move, and where, is decided by the task and the number of the move: the same actions give the
same episode, and another way to the same board may meet other tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.games.board import BoardGame, BoardTaskSet
from rlvr_gym.envs.procedural import Common, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.games.game2048 import MOVES, Board, Game, Position, largest, slid, with_new_tile

GOALS = (16, 32, 64, 128, 256, 512)
WIDTHS = (8, 32, 128, 768, 3072)  # boards that the expert keeps in mind, until one of them gets there
_EMPTY_IS_WORTH = 4


class Deal(NamedTuple):
    """The board at the start, and what decides which tiles come."""

    board: Board
    seed: str


class Game2048TaskSet(BoardTaskSet[Deal]):
    """Games of 2048: two tiles at the start, and a goal. `turns` is about a half of the goal: few moves are wasted.

    Args:
        side: Rows and columns, 3 to 5.
        goal: The tile to be made: 16, 32, 64, 128, 256 or 512; on a board of 3 rows at most 128.
        moves_a_turn: See `BoardTaskSet`.
        **common: See `ProceduralTaskSet`; compact boards are rows of digits, where 3 is the tile 8, the third power of
            two, with `/` between them.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        side: int = 4,
        goal: int = 64,
        moves_a_turn: int = 1,
        **common: Unpack[Common],
    ) -> None:
        self._side = check_int("side", side, 3, 5)
        known = GOALS[:4] if side == 3 else GOALS
        if isinstance(goal, bool) or goal not in known:
            raise ConfigError(f"goal must be one of {', '.join(map(str, known))} for side={side}, got {shown(goal)}")
        super().__init__("Game2048", moves_a_turn=moves_a_turn, **common)
        self._goal = goal
        self.turns = -(-enough_moves(goal) // moves_a_turn)

    def draw(self, rng: TaskRandom) -> Deal:
        """See `ProceduralTaskSet.draw`."""
        seed = f"{rng.below(2**64):x}"
        board: Board = ((0,) * self._side,) * self._side
        for before in (-2, -1):
            board = with_new_tile(board, seed, before)
        return Deal(board, seed)

    def split_key(self, problem: Deal) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return problem.seed

    def make(self, problem: Deal) -> Task:
        """See `ProceduralTaskSet.make`."""
        reference = {"board": [list(row) for row in problem.board], "goal": self._goal, "seed": problem.seed}
        if self.style == "compact":
            prompt = f"{digit(self._goal)}|{drawn(problem.board, bare=True)}:"
        else:
            prompt = (
                f"Play 2048 until a tile {self._goal} is made. A move pushes all tiles one way as far as they go; two "
                "equal tiles that meet become one of twice the value, once in a move. Then a new tile comes to a "
                "free place: 2, or in one case of ten 4. A move that pushes nothing is not possible.\nMoves: up, "
                f"down, left, right. {self.format_sentence()}\n{drawn(problem.board)}"
            )
        return Task.create(prompt, {"reference": reference}, difficulty={"side": self._side, "goal": self._goal})


class Game2048Env(BoardGame):
    """Push tiles together until the goal tile is made; judged by `game2048@1`.

    The episode ends with the goal tile, where no move is possible, or with the verdict on the moves so far when the
    turns are over. The anchor is the board. The expert foresees which tiles come.

    Example:
        >>> env = Game2048Env(goal=16, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        '4|..../.2../..../.1..:'
        >>> env.step("l")[0], env.step("d")[0]
        ('..../2.../1.../1...:', '..../..../2.1./2...:')
        >>> env.reset(options={"task_index": 0})[1]["difficulty"]
        {'side': 4, 'goal': 16}
        >>> [env.step(move)[4].get("passed") for move in env.expert(env.task)][-1]
        True
    """

    card = Card(
        family="game",
        answer_format="One move a turn, or as many as `moves_a_turn`, in `<answer>` tags, a box, after `####` or "
        "alone: up, down, left or right, or their first letters.",
        licence=GENERATED,
        told="The rules, the board and the number of turns; after each turn the board, the largest tile and the turns "
        "that are left.",
        chance=0.07,
        chance_reason="of 80 fixed cycles of moves the best, left, up, right, down again and again, makes the tile in "
        "5.3 % of 400 games",
        distinct=10**12,
        levels=(
            {"goal": 32, "max_turns": 40},
            {"goal": 64, "max_turns": 50},
            {"goal": 64},
            {"side": 3, "goal": 64},
            {"side": 3, "goal": 128},
            {"goal": 256},
        ),
    )

    taskset_class = Game2048TaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("game2048@1", **compact_markers(style))

    def expert(self, task: Task) -> list[str]:
        """Moves that make the goal tile, as `making` finds them when they are asked for."""
        gold = self._rules.parse_reference(task.reference)
        moves = making(gold, enough_moves(gold.goal))
        return self._tasks.responses([move[0] for move in moves] if self.style == "compact" else moves)

    def view(self, position: Position, gold: Game) -> str:
        """See `BoardGame.view`."""
        return drawn(position.board, bare=self.style == "compact")

    def told(self, before: Position, after: Position, moves: Sequence[str], gold: Game) -> str:
        """See `BoardGame.told`."""
        if len(moves) > 1:
            return f"{len(moves)} moves made."
        [move] = moves
        pushed = slid(before.board, move)
        joined = _tiles(before.board) - _tiles(pushed)
        came = sum(map(sum, after.board)) - sum(map(sum, pushed))
        pairs = {0: "no tiles joined", 1: "one pair joined"}.get(joined, f"{joined} pairs joined")
        return f"Pushed {move}: {pairs}. A {came} came."

    def standing(self, position: Position, gold: Game) -> str:
        """See `BoardGame.standing`."""
        return f"Your largest tile is {largest(position.board)}, the goal is {gold.goal}."

    def anchor_of(self, position: Position, gold: Game) -> Any:
        """See `BoardGame.anchor_of`."""
        return [list(row) for row in position.board]


def enough_moves(goal: int) -> int:
    """In how many moves a goal tile is to be made: each brings a tile of 2 or 4, so that few can be wasted.

    Example:
        >>> enough_moves(64)
        36
    """
    return goal // 2 + 4


@lru_cache(maxsize=4096)
def making(gold: Game, most: int) -> tuple[str, ...]:
    """Moves that make the goal tile, at most so many, with the tiles that come foreseen; none where none are found.

    A beam search: of all boards after each move those are kept whose tiles and free places are worth most. It is
    repeated with a wider beam where it fails.

    Example:
        >>> making(Game(((2, 2), (2, 2)), 8, "any"), 2)
        ('up', 'left')
    """
    return next((way for width in WIDTHS for way in _searched(gold, most, width)), ())


def _searched(gold: Game, most: int, width: int) -> Iterator[tuple[str, ...]]:
    """The first way that a beam of this width finds, if any."""
    layer: list[tuple[Board, tuple[str, ...]]] = [(gold.start, ())]
    for made in range(most):
        following: dict[Board, tuple[str, ...]] = {}
        for board, way in layer:
            for move in MOVES:
                pushed = slid(board, move)
                if pushed == board:
                    continue
                if largest(pushed) >= gold.goal:
                    yield (*way, move)
                    return
                following.setdefault(with_new_tile(pushed, gold.seed, made), (*way, move))
        layer = sorted(following.items(), key=_worth, reverse=True)[:width]


def _worth(kept: tuple[Board, tuple[str, ...]]) -> int:
    return sum(tile * tile if tile else _EMPTY_IS_WORTH for row in kept[0] for tile in row)


def _tiles(board: Board) -> int:
    return sum(1 for row in board for tile in row if tile)


def digit(tile: int) -> str:
    """A tile as the exponent of its power of two; a dot for none.

    Example:
        >>> digit(8), digit(0)
        ('3', '.')
    """
    return str(tile.bit_length() - 1) if tile else "."


def drawn(board: Board, bare: bool = False) -> str:
    """A board as text.

    Example:
        >>> print(drawn(((0, 2), (16, 4))))
         .  2
        16  4
        >>> drawn(((0, 2), (16, 4)), bare=True)
        '.1/42'
    """
    if bare:
        return "/".join("".join(map(digit, row)) for row in board)
    width = max(2, len(str(largest(board))))
    return "\n".join(" ".join(str(tile or ".").rjust(width) for tile in row) for row in board)
