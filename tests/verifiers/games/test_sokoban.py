"""`sokoban@1`: moves against an implementation on the drawing itself, what is refused, and what its blind spots say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.games.sokoban import Level, Sokoban, drawing

LEVEL = "########\n#@ $ . #\n#  $ . #\n########"
REFERENCE = {"level": LEVEL}
verifier = Sokoban()


def pushed(rows: list[str], move: str) -> list[str] | None:
    """One move on a drawing of characters; None where it is not possible."""
    cells = {(r, c): symbol for r, row in enumerate(rows) for c, symbol in enumerate(row)}
    [(row, column)] = [place for place, symbol in cells.items() if symbol in "@+"]
    down, right = {"u": (-1, 0), "d": (1, 0), "l": (0, -1), "r": (0, 1)}[move]
    there, behind = (row + down, column + right), (row + 2 * down, column + 2 * right)
    if cells[there] in "$*":
        if cells[behind] not in " .":
            return None
        cells[behind] = "*" if cells[behind] == "." else "$"
        cells[there] = "." if cells[there] == "*" else " "
    if cells[there] == "#":
        return None
    cells[there] = "+" if cells[there] == "." else "@"
    cells[row, column] = "." if cells[row, column] == "+" else " "
    return ["".join(cells[r, c] for c in range(len(rows[0]))) for r in range(len(rows))]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(moves=st.text("udlr", min_size=1, max_size=40))
def test_moves_do_what_they_do_on_the_drawing(moves: str) -> None:
    level: Level = verifier.parse_reference(REFERENCE)
    rows, position, made = LEVEL.split("\n"), verifier.start(level), ""
    for move in moves:
        after = pushed(rows, move)
        if after is None or "$" not in "".join(rows):
            break
        rows, made = after, made + move
        position = verifier.play(position, verifier.moves_of(move, level)[0], level)
        assert drawing(level, position) == rows
    if made:
        verdict = verifier.verify(made, REFERENCE)
        assert verdict.passed is ("$" not in "".join(rows))


@pytest.mark.parametrize(
    ("moves", "score"),
    [
        ("r", 0.0),
        ("rrr", 0.5),  # the upper box goes from column 3 to 5
        ("rrrr", 0.5),  # and on: it was there
        ("rrrrllll", 0.5),
        ("rrrlllurd", 0.5),  # the wall above is move 7: what was before counts
    ],
)
def test_the_dense_score_is_what_was_gained_once(moves: str, score: float) -> None:
    verdict = verifier.verify(moves, REFERENCE)
    assert (verdict.passed, verdict.score) == (False, score)


def test_boxes_that_begin_on_goals_earn_nothing() -> None:
    """One of two is on its goal from the start: to push it off and on again gains nothing."""
    reference = {"level": "########\n#@ *   #\n#  $ . #\n########"}
    for moves in ("r", "rr", "rrr"):
        assert verifier.verify(moves, reference).score == 0.0


def test_blind_spots() -> None:
    """Detours pass, and a level that is spoilt keeps what it had."""
    assert verifier.verify("rl" * 50 + "rrrlll" + "drrr", REFERENCE).passed
    reference = {"level": "#######\n#@$.  #\n# $ . #\n#     #\n#######"}
    assert verifier.verify("rd", reference).score == 0.5  # the second box stands at the lower wall for good


@settings(max_examples=80, deadline=None, derandomize=True)
@given(text=st.text("#@+$*. \n", max_size=40))
def test_any_drawing_is_a_level_or_refused(text: str) -> None:
    report = verifier.check_reference({"level": text})
    assert report.reason.code in {"ok", "not_a_level", "open_level"}
    assert verifier.verify("r", {"level": text}).gradable is report.ok
