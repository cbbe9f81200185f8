"""`hanoi@1`: moves against stacks of disks, distances against a search over stacks, and what its blind spots say."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.games.hanoi import Hanoi, shortest

verifier = Hanoi()
REFERENCE = {"start": ["321", "", ""], "goal": ["", "3", "21"]}
Stacks = tuple[str, ...]


def moved(stacks: Stacks, move: str) -> Stacks | None:
    """One move on stacks of digits; None where it is forbidden."""
    source, target = "ABCD".index(move[0]), "ABCD".index(move[1])
    if source == target or not stacks[source]:
        return None
    disk = stacks[source][-1]
    if stacks[target] and stacks[target][-1] < disk:
        return None
    after = list(stacks)
    after[source], after[target] = stacks[source][:-1], stacks[target] + disk
    return tuple(after)


def stacked(disks: tuple[int, ...], pegs: int) -> Stacks:
    return tuple("".join(str(n + 1) for n in reversed(range(len(disks))) if disks[n] == peg) for peg in range(pegs))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(moves=st.lists(st.sampled_from([a + b for a in "ABC" for b in "ABC"]), min_size=1, max_size=15))
def test_moves_do_what_they_do_on_stacks(moves: list[str]) -> None:
    stacks, forbidden, goal = tuple(REFERENCE["start"]), False, tuple(REFERENCE["goal"])
    for move in moves:
        after = None if stacks == goal else moved(stacks, move)
        if after is None:
            forbidden = True
            break
        stacks = after
    verdict = verifier.verify(" ".join(moves), REFERENCE)
    assert (verdict.reason.code == "impossible_move") is forbidden
    assert verdict.passed is (stacks == goal and not forbidden)


@pytest.mark.parametrize(("pegs", "disks"), [(3, 3), (4, 3)])
def test_the_fewest_moves_are_the_fewest(pegs: int, disks: int) -> None:
    """Breadth first over stacks from one arrangement in three, to all others."""
    everything = list(itertools.product(range(pegs), repeat=disks))
    names = [a + b for a in "ABCD"[:pegs] for b in "ABCD"[:pegs]]
    for start in everything[::3]:
        first = stacked(start, pegs)
        far, layer = {first: 0}, [first]
        while layer:
            after = {there for here in layer for name in names if (there := moved(here, name)) and there not in far}
            far |= dict.fromkeys(after, far[layer[0]] + 1)
            layer = list(after)
        for goal in everything:
            way = shortest(start, goal, pegs)
            assert len(way) == far[stacked(goal, pegs)]
            here: Any = first
            for move in way:
                here = moved(here, move)
            assert here == stacked(goal, pegs)


@pytest.mark.parametrize("disks", range(1, 8))
def test_a_tower_takes_as_many_moves_as_is_known(disks: int) -> None:
    """2 ** n - 1 with three pegs; with four 1, 3, 5, 9, 13, 17, 25 (Frame and Stewart)."""
    start, goal = (0,) * disks, (2,) * disks
    assert len(shortest(start, goal, 3)) == 2**disks - 1
    assert len(shortest(start, goal, 4)) == [1, 3, 5, 9, 13, 17, 25][disks - 1]


def test_the_dense_score_is_the_part_of_the_way() -> None:
    """Each move of a shortest way is worth as much, and to go to and fro is worth nothing."""
    way = shortest((0, 0, 0), (2, 2, 1), 3)
    scores = [verifier.verify(" ".join(way[:done]), REFERENCE).score for done in range(1, len(way) + 1)]
    assert scores == pytest.approx([done / len(way) for done in range(1, len(way) + 1)])
    to_and_fro = verifier.verify(" ".join(way[:1] + [way[0][::-1], way[0]] * 20), REFERENCE)
    assert to_and_fro.score == pytest.approx(scores[0])


def test_blind_spots() -> None:
    """Detours pass."""
    way = shortest((0, 0, 0), (2, 2, 1), 3)
    assert verifier.verify(" ".join(["AB", "BA"] * 100 + way), REFERENCE).passed


@settings(max_examples=80, deadline=None, derandomize=True)
@given(pegs=st.lists(st.text("1234", max_size=4), max_size=7))
def test_any_pegs_are_a_puzzle_or_refused(pegs: list[str]) -> None:
    reference = {"start": pegs, "goal": pegs[::-1]}
    report = verifier.check_reference(reference)
    sound = 3 <= len(pegs) <= 6 and sorted("".join(pegs)) == sorted("1234"[: len("".join(pegs))]) and "".join(pegs)
    falling = all(list(peg) == sorted(peg, reverse=True) for peg in pegs)
    assert report.ok is bool(sound and falling and pegs != pegs[::-1])
    assert verifier.verify("AB", reference).gradable is report.ok
