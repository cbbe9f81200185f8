"""`rlvr/FrozenLake-v0`: every lake can be crossed, slipping belongs to the task, and chance crosses few."""

from __future__ import annotations

import random
from typing import Any

import pytest
from rlvr_gym.envs.games.board import canonical
from rlvr_gym.envs.games.frozen_lake import FrozenLakeEnv, FrozenLakeTaskSet
from rlvr_gym.envs.task import Task
from rlvr_gym.verifiers import ConfigError


def played(env: FrozenLakeEnv, responses: list[str]) -> tuple[float, dict[str, Any]]:
    total = 0.0
    for response in responses:
        _, reward, terminated, truncated, info = env.step(response)
        total += reward
        if terminated or truncated:
            break
    return total, info


@pytest.mark.parametrize(
    "knobs", [{}, {"style": "compact"}, {"moves_a_turn": 3, "slip": 20}, {"level": 0}, {"level": 5}]
)
def test_the_expert_crosses_200_lakes_within_the_turns(knobs: dict[str, Any]) -> None:
    env = FrozenLakeEnv(**knobs)
    for seed in range(30 if knobs else 200):
        env.reset(seed=seed)
        way = env.expert(env.task)
        total, info = played(env, way)
        assert (total, info["turn"], info["passed"]) == (1.0, len(way), True)
        assert len(way) < env.max_turns


def test_without_slips_the_expert_takes_the_fewest_moves() -> None:
    """By the reach of a set of cells that grows by one move at a time."""
    for task in FrozenLakeTaskSet(size=100):
        rows = task.reference["map"].split("\n")
        cells = {(r, c): symbol for r, row in enumerate(rows) for c, symbol in enumerate(row) if symbol != "H"}
        reach, moves = {cell for cell, symbol in cells.items() if symbol == "@"}, 0
        while all(cells[cell] != "G" for cell in reach):
            reach |= {(r + d, c + e) for r, c in reach for d, e in ((0, 1), (1, 0), (0, -1), (-1, 0))} & cells.keys()
            moves += 1
        assert len(task.private["expert"]) == task.difficulty["moves"] == moves
        assert sum(row.count("H") for row in rows) == 10


def test_about_as_many_moves_slip_as_were_asked_for() -> None:
    """20,000 signs at 30 %: the standard error is 0.3 %, the room five of them; as many to either side."""
    signs = "".join(task.reference["slips"] for task in FrozenLakeTaskSet(size=200, slip=30))
    assert len(signs) == 20_000
    assert abs(signs.count("<") / len(signs) - 0.15) < 0.015
    assert abs(signs.count(">") / len(signs) - 0.15) < 0.015
    assert {task.reference["slips"] for task in FrozenLakeTaskSet(size=5)} == {""}


def test_the_same_moves_slip_the_same_way() -> None:
    env, rng = FrozenLakeEnv(slip=40, holes=4), random.Random(2)
    for index in range(20):
        moves = [rng.choice("udlr") for _ in range(env.max_turns)]
        ends = []
        for _ in range(2):
            env.reset(options={"task_index": index})
            ends.append(played(env, moves)[1])
        assert ends[0] == ends[1]


def test_slips_are_told() -> None:
    env = FrozenLakeEnv()
    env.reset(options={"task": Task.create("Go.", {"reference": {"map": "...\n.@.\n..G", "slips": "<.>.<"}})})
    said = [env.step(move)[0].split(" You are")[0] for move in ("left", "left", "left", "left", "right")]
    assert said == [
        "You slipped down.",
        "You went left.",
        "You slipped up.",
        "The edge stopped you.",
        "You slipped up.",
    ]
    env.reset(options={"task": Task.create("Go.", {"reference": {"map": "@..\n..G", "slips": "<"}})})
    assert env.step("right")[0].startswith("You slipped, and the edge stopped you. You are in row 1, column 1.")


def test_random_moves_cross_as_few_as_the_card_says() -> None:
    """300 episodes at 0.9 %: more than 9 would be a chance of 1 in 1,000."""
    env, rng, crossed = FrozenLakeEnv(), random.Random(5), 0
    for index in range(300):
        env.reset(options={"task_index": index})
        crossed += played(env, [rng.choice("udlr") for _ in range(env.max_turns)])[1]["passed"]
    assert crossed <= 9


def test_turned_lakes_and_other_starts_are_on_one_side() -> None:
    train, test = (
        {canonical(task.reference["map"].replace("@", ".").split("\n"))
         for task in FrozenLakeTaskSet(size=120, split=split, width=3, height=3, holes=2)}
        for split in ("train", "test")
    )  # fmt: skip
    assert train
    assert test
    assert train.isdisjoint(test)
    assert len({task.id for task in FrozenLakeTaskSet(size=500)}) == 500


def test_the_anchor_is_the_cell_and_the_edge_keeps_one_there() -> None:
    env = FrozenLakeEnv(width=3, height=3, holes=2)
    start = env.reset(options={"task_index": 0})[1]["anchor"]  # the upper left corner, ice below and to the right
    assert env.step("up")[4]["anchor"] == start
    there = env.step("down")[4]["anchor"]
    assert there != start
    assert env.step("left")[4]["anchor"] == there
    assert env.step("up")[4]["anchor"] == start


def test_a_hole_ends_the_game() -> None:
    env = FrozenLakeEnv(width=3, height=3, holes=2, reward="dense")
    env.reset(options={"task_index": 0})
    total, info = played(env, ["right", "<answer>right</answer>", "left"])
    assert (total, info["turn"], info["passed"], info["verdict"]["reason"]["code"]) == (0.0, 2, False, "fell")


def test_what_is_no_move_costs_a_turn() -> None:
    env = FrozenLakeEnv(width=3, height=3, holes=2, max_turns=3)
    env.reset(options={"task_index": 0})
    assert env.step("east")[0].split("\n") == [
        "No move: 'east' is no move; moves are up, down, left, right. You are in row 1, column 1. 2 turns left.",
        "@.H", ".H.", ".G.",
    ]  # fmt: skip
    assert env.step("<answer>up")[0].startswith("No move: Give one move a turn as <answer>move</answer>.")
    assert env.step("")[4]["verdict"]["reason"]["code"] == "no_moves"


@pytest.mark.parametrize("knobs", [{"width": 2}, {"holes": 19}, {"slip": 61}, {"slip": 0.5}, {"height": "6"}])
def test_knobs_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(knobs))} must be"):
        FrozenLakeEnv(**knobs)
