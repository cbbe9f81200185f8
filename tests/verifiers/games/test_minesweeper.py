"""`minesweeper@1`: cells against a field of lists, what a reference must agree with, and what its blind spots say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.games.minesweeper import Minesweeper

verifier = Minesweeper()
BOARD = ["*....", ".....", "..*..", "....*"]
NUMBERS = ["*1...", "1211.", ".1*21", ".112*"]  # counted by hand
REFERENCE = {"board": "\n".join(BOARD), "start": "-----\n-----\n-----\n-----"}


def opened(cells: list[str]) -> tuple[set[tuple[int, int]], str]:
    """The open cells after these, opened one by one, and how it went: `mine`, `late` or nothing."""
    shown: set[tuple[int, int]] = set()
    safe = {(r, c) for r in range(4) for c in range(5) if BOARD[r][c] == "."}
    how = ""
    for cell in cells:
        if how == "mine" or shown == safe:
            return shown, "late"
        row, column = int(cell[1]) - 1, "abcde".index(cell[0])
        if BOARD[row][column] == "*":
            how = "mine"
            continue
        spreading = [(row, column)]
        while spreading:
            r, c = spreading.pop()
            if (r, c) in safe and (r, c) not in shown:
                shown.add((r, c))
                if NUMBERS[r][c] == ".":
                    spreading += [(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return shown, how


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cells=st.lists(st.sampled_from([c + r for c in "abcde" for r in "1234"]), min_size=1, max_size=12))
def test_cells_open_what_they_open_on_lists(cells: list[str]) -> None:
    shown, how = opened(cells)
    verdict = verifier.verify(" ".join(cells), REFERENCE)
    assert verdict.passed is (len(shown) == 17 and not how)
    code = {"mine": "mine", "late": "impossible_move"}.get(how, "cleared" if len(shown) == 17 else "closed_cells")
    assert verdict.reason.code == code
    if code == "closed_cells":
        assert verdict.score == pytest.approx(len(shown) / 17)
    elif not verdict.passed:
        assert verdict.score == 0.0


def test_what_is_open_at_first_is_worth_nothing() -> None:
    start = "-1...\n-211.\n---21\n-----"
    half = verifier.verify("a2", {"board": REFERENCE["board"], "start": start})
    assert half.score == pytest.approx(1 / 7)  # of 17 cells 10 are open
    assert verifier.verify("b1 e2 e3", {"board": REFERENCE["board"], "start": start}).score == 0.0


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("-1...\n-211.\n---21\n-----", "ok"),
        ("-2...\n-211.\n---21\n-----", "wrong_number"),
        (".----\n-----\n-----\n-----", "nothing_to_open"),  # a mine that is open
        ("-1...\n1211.\n.1-21\n.112-", "nothing_to_open"),
        ("-1...\n-211.\n---21", "not_a_field"),
        ("-1...\n-211.\n---21\n----", "not_a_field"),
        ("01...\n-211.\n---21\n-----", "not_a_field"),
    ],
)
def test_a_start_agrees_with_the_board(start: str, code: str) -> None:
    assert verifier.check_reference({"board": REFERENCE["board"], "start": start}).reason.code == code


def test_blind_spots() -> None:
    """A guess passes as what follows does; a cell that nothing tells of is paid as any other."""
    reference = {"board": "*..", "start": "---"}
    assert verifier.verify("c1", reference).passed
    assert verifier.verify("b1", reference).score == 0.5


def test_no_verdict_tells_of_a_mine_that_was_not_hit() -> None:
    """Two fields in which c1 shows and opens the same give one verdict on it."""
    other = {"board": "....*\n.....\n..*..\n*....", "start": REFERENCE["start"]}
    verdicts = [verifier.verify("c2", reference) for reference in (REFERENCE, other)]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].reason.text == "16 cells without a mine are closed"


@settings(max_examples=80, deadline=None, derandomize=True)
@given(board=st.text(".*\n", max_size=20), start=st.text("-.12\n", max_size=20), word=st.text(max_size=5))
def test_any_drawings_are_a_field_or_refused(board: str, start: str, word: str) -> None:
    reference = {"board": board, "start": start}
    report = verifier.check_reference(reference)
    assert report.reason.code in {"ok", "not_a_field", "nothing_to_open", "wrong_number"}
    assert verifier.verify(word, reference).gradable is report.ok
