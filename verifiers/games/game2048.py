"""`game2048@1`: a record of moves of 2048 that makes the goal tile, judged by playing it again.

Which tile comes after a move, and where, is decided by the reference and the number of the move, so that a record has
one outcome.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.games.replay import DIRECTIONS, ImpossibleMoveError, Replay, directions_of
from rlvr_gym.verifiers.verdict import Part, Reason

MIN_SIZE, MAX_SIZE, MAX_GOAL = 2, 6, 2**17
FOURS = 10  # one new tile in so many is a 4
MOVES = tuple(DIRECTIONS)

Board = tuple[tuple[int, ...], ...]


class Game(NamedTuple):
    """A game: the board at the start (0 is empty), the tile to be made, and what decides which tiles come."""

    start: Board
    goal: int
    seed: str


class Position(NamedTuple):
    """The board, and how many moves were made."""

    board: Board
    moves: int


@dataclass(frozen=True)
class Game2048(Replay):
    """Judges a record of moves of 2048.

    The reference is `{"board": [[0, 2, ...], ...], "goal": 64, "seed": "text"}`: a square board of 2 to 6 rows, whose
    tiles are powers of two, or 0 where it is empty. A record is `up`, `down`, `left` and `right`, or their first
    letters, which may also be written together (`uldr`). After each move a tile comes: 2, in one case of ten 4. A move
    that moves nothing is impossible. The record passes when the goal tile is on the board, with which the game ends.

    The dense score is ((m - a) / (goal - a))**4, where m is the largest tile at the end and a that of the start: half
    of the goal, which most moves make in the end, earns about 1/16. The part `board` of the verdict is the board at the
    end.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Game2048()
        >>> game = {"board": [[0, 4, 4], [0, 0, 0], [0, 0, 2]], "goal": 8, "seed": "1"}
        >>> verifier.verify("<answer>right</answer>", game).passed
        True
        >>> verdict = verifier.verify("<answer>down</answer>", game)
        >>> verdict.reason.text, verdict.score
        ('the largest tile is 4, the goal is 8', 0.0)
    """

    name = "game2048"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Any number of moves passes: ask for few by a limit on turns or a cost.",
        "The dense score looks at the largest tile alone: a board that is nearly stuck earns as much as an open one.",
    )
    asks_for: ClassVar[str] = "moves are up, down, left and right"

    def parse_reference(self, reference: Any) -> Game:
        """See the class."""
        try:
            board, goal, seed = reference["board"], reference["goal"], reference["seed"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_game", "the reference must hold 'board', 'goal' and 'seed'") from error
        if not isinstance(board, list | tuple) or not MIN_SIZE <= len(board) <= MAX_SIZE:
            raise ReferenceFault("not_a_board", f"a board has {MIN_SIZE} to {MAX_SIZE} rows, got {shown(board)}")
        for row in board:
            if not isinstance(row, list | tuple) or len(row) != len(board) or not all(map(_is_tile, row)):
                raise ReferenceFault("not_a_board", f"a row is {len(board)} powers of two or 0, got {shown(row)}")
        if not _is_tile(goal) or goal <= max(map(max, board)):
            raise ReferenceFault("no_goal", f"the goal is a power of two that is not reached yet, got {shown(goal)}")
        if not isinstance(seed, str) or not 1 <= len(seed) <= 100:
            raise ReferenceFault("no_seed", f"'seed' must be a text of 1 to 100 characters, got {shown(seed)}")
        start = tuple(map(tuple, board))
        if not legal(start):
            raise ReferenceFault("stuck", "no move is possible at the start")
        return Game(start, goal, seed)

    def moves_of(self, word: str, gold: Game) -> Sequence[str]:
        """A direction, or first letters of directions."""
        return directions_of(word)

    def start(self, gold: Game) -> Position:
        """See `Replay.start`."""
        return Position(gold.start, 0)

    def play(self, position: Position, move: str, gold: Game) -> Position:
        """See `Replay.play`."""
        board = slid(position.board, move)
        if board == position.board:
            raise ImpossibleMoveError("no tile can go that way")
        return Position(with_new_tile(board, gold.seed, position.moves), position.moves + 1)

    def over(self, position: Position, gold: Game) -> bool:
        """See `Replay.over`."""
        return largest(position.board) >= gold.goal or not legal(position.board)

    def judged(self, position: Position, gold: Game) -> Finding:
        """See `Replay.judged`."""
        most, first = largest(position.board), largest(gold.start)
        board = "/".join(" ".join(map(str, row)) for row in position.board)
        if most >= gold.goal:
            return Finding(
                True, Reason("made", f"the tile {gold.goal} is made"), 1.0, (Part("board", True, 1.0, board),)
            )
        stuck = "" if legal(position.board) else ", and no move is possible"
        reason = Reason("not_made", f"the largest tile is {most}, the goal is {gold.goal}{stuck}")
        score = ((most - first) / (gold.goal - first)) ** 4
        return Finding(False, reason, score, (Part("board", False, score, board),))


def slid(board: Board, move: str) -> Board:
    """The board with all tiles pushed one way and equal neighbours joined, before a new tile comes.

    Example:
        >>> slid(((2, 2, 4), (0, 2, 0), (4, 4, 4)), "right")
        ((0, 4, 4), (0, 0, 2), (0, 4, 8))
        >>> slid(((2, 2, 4), (0, 2, 0), (4, 4, 4)), "up")
        ((2, 4, 8), (4, 4, 0), (0, 0, 0))
    """
    if move in ("left", "right"):
        return _pushed(board, move == "right")
    return tuple(zip(*_pushed(tuple(zip(*board, strict=True)), move == "down"), strict=True))


def legal(board: Board) -> list[str]:
    """The moves that move something."""
    return [move for move in MOVES if slid(board, move) != board]


def largest(board: Board) -> int:
    """The largest tile."""
    return max(map(max, board))


def with_new_tile(board: Board, seed: str, moves: int) -> Board:
    """The board with the tile that comes after so many moves: BLAKE2b of both decides which and where.

    Example:
        >>> with_new_tile(((0, 2), (2, 4)), "any", 3)
        ((2, 2), (2, 4))
    """
    empty = [(row, column) for row, tiles in enumerate(board) for column, tile in enumerate(tiles) if not tile]
    digest = hashlib.blake2b(f"{seed}|{moves}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    number, kind = divmod(int.from_bytes(digest, "big"), FOURS)
    at, column = empty[number % len(empty)]
    row = board[at]
    return (*board[:at], (*row[:column], 2 if kind else 4, *row[column + 1 :]), *board[at + 1 :])


def _pushed(rows: Board, back: bool) -> Board:
    return tuple([_row_back(row) if back else _row(row) for row in rows])


@lru_cache(maxsize=100_000)
def _row(row: tuple[int, ...]) -> tuple[int, ...]:
    """Pushed to its start; of three equal tiles the first two are joined."""
    tiles: list[int] = []
    joinable = False
    for tile in filter(None, row):
        if joinable and tiles[-1] == tile:
            tiles[-1], joinable = 2 * tile, False
        else:
            tiles.append(tile)
            joinable = True
    return (*tiles, *(0,) * (len(row) - len(tiles)))


@lru_cache(maxsize=100_000)
def _row_back(row: tuple[int, ...]) -> tuple[int, ...]:
    return _row(row[::-1])[::-1]


def _is_tile(value: Any) -> bool:
    return type(value) is int and (value == 0 or (2 <= value <= MAX_GOAL and value & (value - 1) == 0))
