"""`rlvr/Sokoban-v0`: every level is solved by its expert with the fewest pushes, and nothing else pays."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest
from rlvr_gym.envs.games.board import canonical
from rlvr_gym.envs.games.sokoban import SokobanEnv, SokobanTaskSet
from rlvr_gym.verifiers import ConfigError

STEPS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
Cell = tuple[int, int]


def played(env: SokobanEnv, responses: list[str]) -> tuple[float, dict[str, Any]]:
    total = 0.0
    for response in responses:
        _, reward, terminated, truncated, info = env.step(response)
        total += reward
        if terminated or truncated:
            break
    return total, info


def fewest_pushes(rows: list[str]) -> int:
    """Breadth first over all positions, a move a step, walking free of charge: independent of how levels are made."""
    cells = {(r, c): symbol for r, row in enumerate(rows) for c, symbol in enumerate(row)}
    walls = {cell for cell, symbol in cells.items() if symbol == "#"}
    goals = frozenset(cell for cell, symbol in cells.items() if symbol in ".*+")
    boxes = frozenset(cell for cell, symbol in cells.items() if symbol in "$*")
    [player] = [cell for cell, symbol in cells.items() if symbol in "@+"]
    best: dict[tuple[Cell, frozenset[Cell]], int] = {(player, boxes): 0}
    queue = deque([(player, boxes)])
    while queue:
        player, boxes = state = queue.popleft()
        if boxes == goals:
            return best[state]
        for down, right in STEPS.values():
            there, behind = (player[0] + down, player[1] + right), (player[0] + 2 * down, player[1] + 2 * right)
            pushes = there in boxes
            if there in walls or (pushes and (behind in walls or behind in boxes)):
                continue
            after = (there, boxes - {there} | {behind} if pushes else boxes)
            cost = best[state] + pushes
            if cost < best.get(after, 10**9):
                best[after] = cost
                queue.append(after) if pushes else queue.appendleft(after)
    raise AssertionError("no solution")


@pytest.mark.parametrize("knobs", [{}, {"style": "compact"}, {"moves_a_turn": 5}, {"level": 0}, {"level": 4}])
def test_the_expert_solves_200_seeds_within_the_turns(knobs: dict[str, Any]) -> None:
    env = SokobanEnv(**knobs)
    for seed in range(25 if knobs else 200):
        env.reset(seed=seed)
        way = env.expert(env.task)
        total, info = played(env, way)
        assert (total, info["turn"], info["passed"]) == (1.0, len(way), True)
        assert len(way) < env.max_turns


def test_the_solutions_have_the_fewest_pushes() -> None:
    for task in SokobanTaskSet(size=25):
        rows = task.reference["level"].split("\n")
        assert fewest_pushes(rows) == task.difficulty["pushes"] == 6
        assert "*" not in task.reference["level"]


def test_levels_differ_and_mirrored_ones_are_on_one_side() -> None:
    """Of 10,000 there are 2 equal pairs, where of 1,000,000 equally likely ones there would be 50."""
    assert len({task.id for task in SokobanTaskSet(size=300)}) == 300
    train, test = (
        {canonical([row.replace("@", " ").replace("+", ".") for row in task.reference["level"].split("\n")])
         for task in SokobanTaskSet(size=60, split=split, boxes=1, pushes=2, width=6, height=6, walls=1)}
        for split in ("train", "test")
    )  # fmt: skip
    assert train
    assert test
    assert train.isdisjoint(test)


def test_random_moves_solve_as_few_as_the_card_says() -> None:
    """100 episodes at 0.3 %: more than 3 would be a chance of 1 in 3,000."""
    env, rng, solved = SokobanEnv(), random.Random(5), 0
    for index in range(100):
        env.reset(options={"task_index": index})
        solved += played(env, [rng.choice("udlr") for _ in range(env.max_turns)])[1]["passed"]
    assert solved <= 3


def test_the_anchor_is_the_position_however_one_came_there() -> None:
    env = SokobanEnv(width=5, height=5, walls=0, boxes=1, pushes=1)
    start = env.reset(options={"task_index": 1})[1]["anchor"]  # the player stands in the upper right corner
    there = env.step("left")[4]["anchor"]
    assert there != start
    assert env.step("no move")[4]["anchor"] == there
    assert env.step("right")[4]["anchor"] == start


def test_what_is_no_move_costs_a_turn_and_says_what_was_expected() -> None:
    env = SokobanEnv(width=5, height=5, walls=0, boxes=1, pushes=1, max_turns=6)
    env.reset(options={"task_index": 1})
    said = [env.step(text)[0].split("\n")[0] for text in ("", "fly", "up", "left left", "<answer>LEFT</answer>")]
    assert said == [
        "No move: Give one move a turn as <answer>move</answer>. 0 of 1 boxes on goals. 5 turns left.",
        "No move: 'fly' is no move; moves are up, down, left, right. 0 of 1 boxes on goals. 4 turns left.",
        "Up is not possible: there is a wall. 0 of 1 boxes on goals. 3 turns left.",
        "No move: at most 1 a turn, not 2. 0 of 1 boxes on goals. 2 turns left.",
        "You walked left. 0 of 1 boxes on goals. 1 turn left.",
    ]
    info = env.step("left")[4]
    assert (info["stop_reason"], info["passed"], info["verdict"]["status"]) == ("answered", False, "failed")


def test_of_several_moves_those_before_an_impossible_one_are_made() -> None:
    env = SokobanEnv(width=5, height=5, walls=0, boxes=1, pushes=1, moves_a_turn=4)
    env.reset(options={"task_index": 1})
    said = env.step("left up left right")[0].split(".")[:3]
    assert said == ["You walked left", " Up is not possible: there is a wall", " 2 more not made"]
    assert env.step("left, down, right")[4]["passed"]


def test_a_box_in_a_corner_is_played_on_and_fails() -> None:
    env = SokobanEnv(width=5, height=5, walls=0, boxes=1, pushes=1, reward="dense")
    env.reset(options={"task_index": 1})
    spoils = ["d", "l", "l", "u", "r", "d"]  # the box at row 2, column 2 is pushed down to the wall
    total, info = played(env, [*spoils, *["r", "l"] * 30])
    assert (total, info["passed"], info["turn"]) == (0.0, False, env.max_turns)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"width": 4}, "width must be an integer from 5 to 20, got 4"),
        ({"walls": 9}, "walls must be an integer from 0 to 8, got 9"),
        ({"boxes": True}, "boxes must be an integer from 1 to 6"),
        ({"pushes": 1}, "pushes must be an integer from 2 to 40, got 1"),
        ({"moves_a_turn": 0}, "moves_a_turn must be an integer from 1 to 100, got 0"),
    ],
)
def test_knobs_are_refused_with_what_is_expected(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SokobanEnv(**knobs)


def test_a_room_without_such_levels_says_so() -> None:
    with pytest.raises(ConfigError, match="no level with 6 boxes takes 40 pushes"):
        SokobanEnv(width=5, height=5, boxes=6, pushes=40, walls=0).reset(seed=0)
