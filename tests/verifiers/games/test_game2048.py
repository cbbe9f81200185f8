"""`game2048@1`: the rules against another way to write them, what a record is worth, known blind spots."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.games.game2048 import MOVES, legal, slid, with_new_tile

GAME: dict[str, Any] = {"board": [[0, 4, 4], [0, 0, 0], [0, 0, 2]], "goal": 16, "seed": "1"}
boards = st.lists(
    st.lists(st.sampled_from([0, 0, 2, 2, 4, 8]), min_size=4, max_size=4).map(tuple), min_size=4, max_size=4
).map(tuple)


def pushed_cell_by_cell(board: Any, move: str) -> Any:
    """Each tile steps on while it can, those nearest the edge first; what was made in this move joins no more."""
    size = len(board)
    down, right = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}[move]
    cells = {(row, column): board[row][column] for row in range(size) for column in range(size) if board[row][column]}
    made: set[tuple[int, int]] = set()
    for row, column in sorted(cells, key=lambda cell: -(cell[0] * down + cell[1] * right)):
        tile = cells.pop((row, column))
        while 0 <= row + down < size and 0 <= column + right < size and (row + down, column + right) not in cells:
            row, column = row + down, column + right
        ahead = (row + down, column + right)
        if cells.get(ahead) == tile and ahead not in made:
            cells[ahead] = 2 * tile
            made.add(ahead)
        else:
            cells[row, column] = tile
    return tuple(tuple(cells.get((row, column), 0) for column in range(size)) for row in range(size))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(board=boards, move=st.sampled_from(MOVES))
def test_a_move_is_what_stepping_tiles_one_by_one_makes(board: Any, move: str) -> None:
    assert slid(board, move) == pushed_cell_by_cell(board, move)


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ((2, 2, 2, 0), (4, 2, 0, 0)),
        ((2, 2, 2, 2), (4, 4, 0, 0)),
        ((4, 2, 2, 0), (4, 4, 0, 0)),  # the 4 that is made joins no other
        ((0, 0, 0, 2), (2, 0, 0, 0)),
        ((2, 0, 0, 2), (4, 0, 0, 0)),
    ],
)
def test_rows_by_hand(row: tuple[int, ...], left: tuple[int, ...]) -> None:
    board = (row, *((0,) * 4,) * 3)
    assert slid(board, "left")[0] == left
    assert slid(board, "right")[0] == slid((row[::-1], *((0,) * 4,) * 3), "left")[0][::-1]


def test_what_comes_is_a_function_of_the_seed_and_the_number_of_the_move() -> None:
    empty = ((0,) * 4,) * 4
    tiles = [with_new_tile(empty, "s", number) for number in range(2000)]
    assert tiles == [with_new_tile(empty, "s", number) for number in range(2000)]
    fours = sum(sum(map(sum, board)) == 4 for board in tiles)
    assert 130 < fours < 270  # a tenth of 2,000, five standard deviations of 13.4
    assert len(set(tiles)) == 32  # 16 places, two kinds


def test_the_dense_score_is_steep() -> None:
    verifier = make_verifier("game2048@1")
    assert verifier.verify("down", GAME).score == 0.0  # the largest is 4 still
    # 4 and 4 are joined: ((8 - 4) / (16 - 4))**4
    assert verifier.verify("right", GAME).score == pytest.approx(1 / 81)
    assert verifier.verify("right right right", GAME).score == pytest.approx(1 / 81)  # and no more for what follows


def test_a_stuck_board_ends_the_game() -> None:
    reference = {"board": [[4, 8], [2, 0]], "goal": 16, "seed": "0"}
    verifier = make_verifier("game2048@1")
    start = tuple(map(tuple, reference["board"]))  # type: ignore[arg-type]
    after = with_new_tile(slid(start, "down"), "0", 0)
    assert legal(after) == []
    verdict = verifier.verify("down", reference)
    assert verdict.reason.text == "the largest tile is 8, the goal is 16, and no move is possible"
    assert verifier.verify("down up", reference).reason.text == "move 2, up: the game was over before"


def test_blind_spots() -> None:
    many, largest_alone = make_verifier("game2048@1").blind_spots
    assert "Any number" in many
    assert make_verifier("game2048@1").verify("d u d u l r l r", {**GAME, "goal": 8}).gradable
    assert "largest tile alone" in largest_alone
    scores = {make_verifier("game2048@1").verify(moves, GAME).score for moves in ("right", "right down left up")}
    assert len(scores) == 1
