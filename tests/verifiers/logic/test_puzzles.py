"""Answers of the six puzzles: what is read, what is refused, what the blind spots say, and that scores are no gifts."""

from __future__ import annotations

import random
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import Status, make_verifier
from rlvr_gym.verifiers.by_rule import UnreadableError
from rlvr_gym.verifiers.logic.assignment import read_assignment

examples = settings(max_examples=60, deadline=None, derandomize=True)


class Puzzle(NamedTuple):
    """A verifier, a reference, and an answer that is right."""

    name: str
    reference: dict[str, Any]
    right: str


PUZZLES = [
    Puzzle("sudoku@1", {"puzzle": "1.3./3.1./.143/432.", "box": [2, 2]}, "1234/3412/2143/4321"),
    Puzzle(
        "knights@1",
        {"people": ["Ann", "Bob"], "statements": [["is", "Bob", "knave"], ["count", "exactly", 2, "knight"]]},
        "Ann: knight, Bob: knave",
    ),
    Puzzle(
        "zebra@1",
        {"categories": [["Ann", "Bob"], ["tea", "milk"]], "clues": [["at", "Ann", 1], ["next", "Ann", "milk"]]},
        "1: Ann, tea; 2: Bob, milk",
    ),
    Puzzle("queens@1", {"board": "..Q./..../x.../...."}, "3, 1, 4, 2"),
    Puzzle("colouring@1", {"vertices": "ABC", "edges": ["AB", "BC"], "colours": 2}, "A: 1, B: 2, C: 1"),
    Puzzle("path@1", {"edges": {"AB": 2, "BC": 3, "AC": 9}, "start": "A", "goal": "C"}, "A -> B -> C"),
]
every_puzzle = pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.name)


def judged(puzzle: Puzzle, answer: str) -> Any:
    return make_verifier(puzzle.name, markers=["whole"]).verify(answer, puzzle.reference)


def named(name: str) -> Puzzle:
    return next(puzzle for puzzle in PUZZLES if puzzle.name == name)


@every_puzzle
def test_the_right_answer_passes_and_is_extracted(puzzle: Puzzle) -> None:
    verdict = judged(puzzle, puzzle.right)
    assert (verdict.passed, verdict.score) == (True, 1.0)
    assert judged(puzzle, verdict.extracted).passed


@every_puzzle
@pytest.mark.parametrize("added", [" ?", " or else", "\x00", " = 1", "\n\nI am sure.", "/", ";;0", "٣"])
def test_a_right_answer_with_more_behind_it_does_not_pass_unless_it_is_a_separator(puzzle: Puzzle, added: str) -> None:
    if added != "/" or puzzle.name not in ("sudoku@1", "zebra@1"):  # an empty last row is none
        assert not judged(puzzle, puzzle.right + added).passed


@every_puzzle
@examples
@given(cuts=st.lists(st.integers(0, 40), max_size=3), noise=st.text("0123456789ABCabc.,;:/=->→ \n|x?'\"", max_size=6))
def test_a_mangled_answer_is_judged_as_what_is_extracted_from_it(puzzle: Puzzle, cuts: list[int], noise: str) -> None:
    text = puzzle.right
    for cut in cuts:
        text = text[:cut] + noise + text[cut + 1 :]
    verdict = judged(puzzle, text)
    assert verdict.gradable
    assert 0.0 <= verdict.score <= 1.0
    assert (verdict.score == 1.0) is verdict.passed
    if verdict.status is Status.FAILED:
        assert judged(puzzle, verdict.extracted).score == verdict.score


@every_puzzle
@pytest.mark.parametrize("text", ["", " ", "0", "1" * 9000, "A" * 9000, "," * 9000, "/" * 9000, "A:" * 4000, "9" * 60])
def test_what_is_no_answer_earns_nothing(puzzle: Puzzle, text: str) -> None:
    verdict = judged(puzzle, text)
    assert (verdict.passed, verdict.score, verdict.gradable) == (False, 0.0, True)


@every_puzzle
def test_a_verdict_on_a_reference_that_cannot_be_used_quotes_nothing(puzzle: Puzzle) -> None:
    for key in puzzle.reference:
        for bad in (None, -7, "", [], {}, [[]], [None], {"a": 1}, float("nan"), b"AB", [10**5000], object()):
            verdict = judged(puzzle._replace(reference={**puzzle.reference, key: bad}), puzzle.right)
            assert verdict.status is Status.REFERENCE_ERROR
            assert verdict.reason.text == "the reference cannot be used; check_reference says why"


# --- Assignments ----------------------------------------------------------------------------------------------------


@examples
@given(st.permutations(["Ann", "Bob", "Cleo"]), st.lists(st.integers(0, 1), min_size=3, max_size=3), st.data())
def test_what_is_written_in_any_order_is_read(names: list[str], values: list[int], data: st.DataObject) -> None:
    said = dict(zip(names, values, strict=True))
    signs, ends = (data.draw(st.lists(st.sampled_from(each), min_size=3, max_size=3)) for each in (":=", ",;\n"))
    text = "".join(f"{name} {sign}{said[name]}{end}" for name, sign, end in zip(names, signs, ends, strict=True))
    order = ["Ann", "Bob", "Cleo"]
    assert read_assignment(text, order, {"0": 0, "1": 1}) == [said[name] for name in order]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ann: 1", "incomplete"),
        ("Ann: 1, Ann: 1, Bob: 0", "name_repeated"),
        ("Ann: 1, Bob: 0, Cleo: 1", "unknown_name"),
        ("Ann: 1, Bob: 2", "unknown_value"),
        ("Ann: 1: 0, Bob: 0", "unknown_value"),
        ("ann: 1, Bob: 0", "unknown_name"),
        ("Ann: 1 Bob: 0", "unknown_value"),
        (": 1, Bob: 0", "unknown_name"),
        ("1", "incomplete"),
        ("101", "incomplete"),
        ("12", "unknown_value"),
        ("", "incomplete"),
    ],
)
def test_what_is_no_assignment_is_refused(text: str, code: str) -> None:
    with pytest.raises(UnreadableError) as error:
        read_assignment(text, ["Ann", "Bob"], {"0": 0, "1": 1})
    assert error.value.reason.code == code


# --- Blind spots ----------------------------------------------------------------------------------------------------

REFUSED = {
    "sudoku@1": "12|34\n34|12\n-----\n21|43\n43|21",
    "knights@1": "Ann is a knight, Bob is a knave",
    "zebra@1": "house, name, drink\n1: Ann, tea\n2: Bob, milk",
    "queens@1": "..Q.\nQ...\n...Q\n.Q..",
    "colouring@1": "A: red, B: blue, C: red",
    "path@1": "A -> B -> C = 5",
}


@pytest.mark.parametrize(("name", "answer"), REFUSED.items())
def test_right_in_another_form_is_refused(name: str, answer: str) -> None:
    assert judged(named(name), answer).status is Status.MALFORMED


@every_puzzle
def test_how_an_answer_was_found_is_not_judged(puzzle: Puzzle) -> None:
    response = f"I try 1, 2 and 3 and all else.\n<answer>{puzzle.right}</answer>"
    assert make_verifier(puzzle.name).verify(response, puzzle.reference).passed


def test_a_guess_at_the_roles_of_n_people_is_right_with_one_in_two_to_the_n() -> None:
    puzzle = named("knights@1")
    assert [judged(puzzle, "".join(roles)).passed for roles in product("01", repeat=2)].count(True) == 1


def test_one_wrong_cell_in_each_box_of_a_sudoku_leaves_no_dense_credit() -> None:
    """By hand: the four 1s of 1234/3412/2143/4321, one in each box, are 2s, so that no box holds every digit."""
    reference = {"puzzle": "..../..../..../....", "box": [2, 2]}
    wrong = "2234/3422/2243/4322"
    assert judged(Puzzle("sudoku@1", reference, ""), wrong).score == 0.0


def test_one_wrong_house_can_make_many_clues_fail() -> None:
    clues = [["at", "Ann", 1], ["same", "Ann", "tea"], ["left", "Ann", "milk"], ["at", "tea", 1]]
    reference = {"categories": [["Ann", "Bob"], ["tea", "milk"]], "clues": clues}
    assert judged(Puzzle("zebra@1", reference, ""), "Ann, milk; Bob, tea").score == 2.0**-3


def test_a_moved_queen_scores_nothing_where_no_queen_attacks_another() -> None:
    verdict = judged(named("queens@1"), "2, 4, 1, 3")
    assert (verdict.reason.code, verdict.score) == ("queen_moved", 0.0)


def test_fewer_colours_than_are_allowed_pass() -> None:
    reference = {"vertices": "ABC", "edges": ["AB", "BC"], "colours": 3}
    assert judged(Puzzle("colouring@1", reference, ""), "121").passed


def test_a_path_that_is_hardly_longer_earns_nearly_one() -> None:
    reference = {"edges": {"AB": 50, "BC": 49, "AC": 100}, "start": "A", "goal": "C"}
    verdict = judged(Puzzle("path@1", reference, ""), "A C")
    assert (verdict.passed, round(verdict.score, 3)) == (False, 0.923)  # 0.99 ** 8


# --- Scores of random answers -----------------------------------------------------------------------------------------


def test_random_boards_of_eight_queens_earn_next_to_nothing() -> None:
    rng, puzzle = random.Random(0), Puzzle("queens@1", {"board": "/".join(["." * 8] * 8)}, "")
    scores = [judged(puzzle, "".join(rng.choices("12345678", k=8))).score for _ in range(200)]
    assert sum(scores) / 200 < 0.02
