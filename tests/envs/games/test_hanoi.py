"""`rlvr/Hanoi-v0`: every puzzle is solved within the turns, and neither chance nor a known sequence solves it."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from rlvr_gym.envs.games.hanoi import HanoiEnv, HanoiTaskSet
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.games.hanoi import beside, shortest


def played(env: HanoiEnv, responses: list[str]) -> tuple[float, dict[str, Any]]:
    total = 0.0
    for response in responses:
        _, reward, terminated, truncated, info = env.step(response)
        total += reward
        if terminated or truncated:
            break
    return total, info


@pytest.mark.parametrize(
    "knobs", [{}, {"style": "compact"}, {"moves_a_turn": 4}, *({"level": level} for level in range(6))]
)
def test_the_expert_solves_200_seeds_within_the_turns(knobs: dict[str, Any]) -> None:
    env = HanoiEnv(**knobs)
    for seed in range(20 if knobs else 200):
        env.reset(seed=seed)
        way = env.expert(env.task)
        total, info = played(env, way)
        assert (total, info["turn"], info["passed"]) == (1.0, len(way), True)
        assert len(way) < env.max_turns


def test_the_turns_allow_every_puzzle_of_three_pegs() -> None:
    """No two arrangements of n disks are more than 2 ** n - 1 moves apart: by all pairs for n = 3."""
    everything = list(itertools.product(range(3), repeat=3))
    assert max(len(shortest(start, goal, 3)) for start in everything for goal in everything) == 7
    assert HanoiEnv(pegs=3, disks=3, least=1).max_turns == 11  # half as many again, and one
    assert HanoiEnv(pegs=3, disks=3, least=1, moves_a_turn=5).max_turns == 3
    assert HanoiEnv(pegs=3, disks=3, least=1, max_turns=7).max_turns == 7


def test_so_many_puzzles_are_different_as_the_card_says() -> None:
    """Ordered pairs of the 1,024 arrangements that are at least 5 apart; which pegs are which makes no difference, so a
    start in 24 will do where all its pegs can be told apart: here one for each way to name pegs as they occur."""
    pairs = 0
    for start in itertools.product(range(4), repeat=5):
        used = list(dict.fromkeys(start))
        if used != sorted(used) or used != list(range(len(used))):
            continue
        near, layer = {start}, [start]
        for _ in range(4):
            layer = list({there for here in layer for there in beside(here, 4)} - near)
            near |= set(layer)
        names = {1: 4, 2: 12, 3: 24, 4: 24}[len(used)]
        pairs += names * (1024 - len(near))
    card = HanoiEnv.card
    assert card is not None
    assert pairs == card.distinct == 910_752


def test_random_legal_moves_solve_as_few_as_the_card_says() -> None:
    """150 episodes at 0.6 %: more than 5 would be a chance of 1 in 2,000."""
    env, rng, solved = HanoiEnv(), random.Random(5), 0
    for index in range(150):
        env.reset(options={"task_index": index})
        moves = []
        here = tuple(
            next(peg for peg, disks in enumerate(env.task.reference["start"]) if str(n) in disks) for n in range(1, 6)
        )
        for _ in range(env.max_turns):
            there = rng.choice(beside(here, 4))
            moves += ["ABCD"[a] + "ABCD"[b] for a, b in zip(here, there, strict=True) if a != b]
            here = there
        solved += played(env, moves)[1]["passed"]
    assert solved <= 5


def test_the_sequence_from_tower_to_tower_solves_none() -> None:
    env = HanoiEnv()
    known = shortest((0,) * 5, (3,) * 5, 4)
    for index in range(100):
        env.reset(options={"task_index": index})
        assert not played(env, [*known, *["AB"] * env.max_turns])[1]["passed"]


def test_renamed_and_reversed_puzzles_are_on_one_side() -> None:
    sides: list[set[frozenset[tuple[str, ...]]]] = []
    for split in ("train", "test"):
        tasks = HanoiTaskSet(size=200, split=split, pegs=3, disks=3, least=4)
        sides.append(
            {frozenset(zip(task.reference["start"], task.reference["goal"], strict=True)) for task in tasks}
            | {frozenset(zip(task.reference["goal"], task.reference["start"], strict=True)) for task in tasks}
        )
    assert all(sides)
    assert sides[0].isdisjoint(sides[1])


def test_the_anchor_is_the_arrangement_however_one_came_there() -> None:
    env = HanoiEnv(pegs=3, disks=2, least=3)
    start = env.reset(options={"task_index": 0})[1]["anchor"]  # both disks on B
    there = env.step("BC")[4]["anchor"]
    assert there != start
    assert env.step("AA")[4]["anchor"] == there
    assert env.step("CB")[4]["anchor"] == start


def test_what_is_seen_and_said() -> None:
    env = HanoiEnv(pegs=3, disks=2, least=3, max_turns=5)
    observation = env.reset(options={"task_index": 0})[0]
    assert observation.endswith("  | now | goal\nA |     | 2\nB | 2 1 | 1\nC |     |\nYou have 5 turns.")
    said = [env.step(text)[0].split("\n") for text in ("AB", "<answer>BD</answer>", "bc", "BC")]
    assert [lines[0] for lines in said] == [
        "AB is not possible: there is no disk on A. 1 of 2 disks on their pegs. 4 turns left.",
        "No move: 'BD' is no move; a move is two pegs, such as AC. 1 of 2 disks on their pegs. 3 turns left.",
        "You moved disk 1 from B to C. 0 of 2 disks on their pegs. 2 turns left.",
        "BC is not possible: disk 2 may not lie on disk 1. 0 of 2 disks on their pegs. 1 turn left.",
    ]
    info = env.step("BA")[4]
    assert (info["passed"], info["verdict"]["reason"]["text"]) == (False, "the goal is 1 move away")


@pytest.mark.parametrize(
    "knobs", [{"pegs": 5}, {"disks": 8}, {"disks": 1}, {"least": 8}, {"least": 0}, {"pegs": 3, "disks": 2, "least": 4}]
)
def test_knobs_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{list(knobs)[-1]} must be an integer"):
        HanoiEnv(**knobs)
