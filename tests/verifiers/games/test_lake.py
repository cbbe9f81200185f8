"""`lake@1`: moves against a walk on coordinates, slipping by hand, and what its blind spots say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.games.lake import FrozenLake, distances_to

MAP = "@..\nHH.\n...\nG.H"
verifier = FrozenLake()
# Clockwise, so that to the left is one before and to the right one after.
COMPASS = [("u", -1, 0), ("r", 0, 1), ("d", 1, 0), ("l", 0, -1)]


def walked(rows: list[str], slips: str, moves: str) -> tuple[int, int, bool]:
    """Row and column at the end, and whether the walk ended before its last move."""
    row, column = next((r, c) for r, line in enumerate(rows) for c, symbol in enumerate(line) if symbol == "@")
    for number, move in enumerate(moves):
        if rows[row][column] in "GH":
            return row, column, True
        turn = {"": 0, ".": 0, "<": -1, ">": 1}[slips[number % len(slips)] if slips else ""]
        _, down, right = COMPASS[("urdl".index(move) + turn) % 4]
        row = min(max(row + down, 0), len(rows) - 1)
        column = min(max(column + right, 0), len(rows[0]) - 1)
    return row, column, False


@settings(max_examples=80, deadline=None, derandomize=True)
@given(moves=st.text("udlr", min_size=1, max_size=20), slips=st.text(".<>", max_size=5))
def test_moves_end_where_they_end_on_coordinates(moves: str, slips: str) -> None:
    rows = MAP.split("\n")
    row, column, early = walked(rows, slips, moves)
    verdict = verifier.verify(moves, {"map": MAP, "slips": slips})
    assert verdict.passed is (rows[row][column] == "G" and not early)
    assert (verdict.reason.code == "fell") is (rows[row][column] == "H" and not early)
    assert (verdict.reason.code == "impossible_move") is early
    if verdict.reason.code == "elsewhere":
        assert f"row {row + 1}, column {column + 1}," in verdict.reason.text


@pytest.mark.parametrize(
    ("moves", "score"),
    [
        ("r", 1 / 7),  # of seven moves right, right, down, down, left, left, down six are left
        ("rrddll", 6 / 7),
        ("rrddll" + "rl" * 20, 6 / 7),  # to and fro earns nothing
        ("lu", 0.0),
        ("d", 0.0),  # a hole
    ],
)
def test_the_dense_score_is_the_part_of_the_way(moves: str, score: float) -> None:
    verdict = verifier.verify(moves, {"map": MAP, "slips": ""})
    assert (verdict.passed, round(verdict.score, 9)) == (False, round(score, 9))


def test_moves_after_a_hole_earn_nothing() -> None:
    assert verifier.verify("d d d", {"map": MAP, "slips": ""}).score == 0.0


def test_blind_spots() -> None:
    """Detours pass, and distances know nothing of slips."""
    assert verifier.verify("lu" * 50 + "rrddlld", {"map": MAP, "slips": ""}).passed
    plain, slippery = (verifier.verify("r", {"map": "@..\n..G", "slips": slips}) for slips in ("", ".<"))
    assert plain.score == slippery.score == pytest.approx(1 / 3)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(cells=st.lists(st.sampled_from(".H"), min_size=11, max_size=11))
def test_distances_are_the_fewest_moves(cells: list[str]) -> None:
    """By relaxing all cells again and again, on 3 rows of 4."""
    text = "".join(cells) + "G"
    far = {cell: (0 if text[cell] == "G" else 99) for cell in range(12) if text[cell] != "H"}
    for _ in range(12):
        for cell in far:
            row, column = divmod(cell, 4)
            beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
            near = [far[r * 4 + c] for r, c in beside if 0 <= r < 3 and 0 <= c < 4 and r * 4 + c in far]
            far[cell] = min([far[cell], *(n + 1 for n in near)])
    assert distances_to(11, text, 4) == {cell: d for cell, d in far.items() if d < 99}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text("@.HG\n", max_size=30), slips=st.text(".<>x", max_size=3))
def test_any_drawing_is_a_lake_or_refused(text: str, slips: str) -> None:
    report = verifier.check_reference({"map": text, "slips": slips})
    assert report.reason.code in {"ok", "not_a_lake", "not_slips", "no_way"}
    assert verifier.verify("r", {"map": text, "slips": slips}).gradable is report.ok
