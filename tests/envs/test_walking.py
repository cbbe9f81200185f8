"""Mazes and corridors: a maze is a tree, the shortest way solves it, chance seldom does, the anchor is the place."""

from __future__ import annotations

import random
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs.corridor import CorridorEnv, CorridorTaskSet
from rlvr_gym.envs.maze import MazeEnv, MazeTaskSet, shortest
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.walk import distances_to

MAKES: dict[str, Any] = {
    "maze": lambda **knobs: MazeEnv(**knobs),
    "compact maze": lambda **knobs: MazeEnv(style="compact", **knobs),
    "corridor": lambda **knobs: CorridorEnv(corridors=50, **knobs),
    "compact corridor": lambda **knobs: CorridorEnv(corridors=50, style="compact", **knobs),
}


def walk(env: gym.Env[str, str], moves: list[str]) -> tuple[float, dict[str, Any]]:
    total = 0.0
    for move in moves:
        _, reward, terminated, truncated, info = env.step(move)
        total += reward
        if terminated or truncated:
            break
    return total, info


@pytest.mark.parametrize("name", MAKES)
def test_the_expert_solves_200_seeds_and_pays_only_at_the_end(name: str) -> None:
    env = MAKES[name](max_turns=60)
    for seed in range(200):
        env.reset(seed=seed)
        way = env.expert(env.task)
        total, info = walk(env, way)
        assert (total, info["turn"], info["passed"]) == (1.0, len(way), True)


@pytest.mark.parametrize("name", MAKES)
def test_doing_nothing_echoing_and_one_move_solve_nothing(name: str) -> None:
    env = MAKES[name](max_turns=10)
    for seed in range(100):
        for policy in ("", "echo", "<answer>no</answer>", "north east south west"):
            observation, info = env.reset(seed=seed)
            while "stop_reason" not in info:
                observation, reward, _, _, info = env.step(observation if policy == "echo" else policy)
            assert (reward, info["passed"]) == (0.0, False)


def test_random_doors_lead_through_as_often_as_the_cards_say() -> None:
    """300 episodes each; the levels of the cards are 0.3 and 0.1, three standard errors at most 0.08 and 0.05."""
    for env, moves, level in (
        (MazeEnv(), ["north", "east", "south", "west"], 0.3),
        (CorridorEnv(), ["red", "green", "blue"], 0.1),
    ):
        rng, solved = random.Random(5), 0
        for seed in range(300):
            env.reset(seed=seed)
            solved += walk(env, [f"<answer>{rng.choice(moves)}</answer>" for _ in range(env.max_turns)])[1]["passed"]
        assert 0 < solved / 300 < level


def test_a_maze_is_a_tree_that_reaches_every_room() -> None:
    for task in MazeTaskSet(width=5, height=4, size=50):
        moves = task.reference["moves"]
        doors = sum(len(ways) for ways in moves.values())
        assert (len(moves), doors) == (20, 2 * 19)  # a tree of 20 rooms has 19 passages, each seen from both sides
        assert len(distances_to(task.reference["goal"], moves)) == 20


def test_each_room_of_a_corridor_has_one_door_on_one_back_and_one_that_stays() -> None:
    for task in CorridorTaskSet(rooms=5, corridors=20, size=50):
        for room in range(5):
            ways = task.reference["moves"][str(room)]
            assert sorted(ways.values()) == sorted([str(room + 1), str(room), str(max(room - 1, 0))])
        assert len(shortest(task.reference)) == 5


def test_the_anchor_is_the_place_however_one_came_there() -> None:
    env = MazeEnv()
    start = env.reset(seed=1)[1]["anchor"]
    first, back = env.expert(env.task)[0], {"north": "south", "south": "north", "east": "west", "west": "east"}
    there = env.step(first)[4]["anchor"]
    assert there != start
    assert env.step("nonsense")[4]["anchor"] == there
    home = f"<answer>{back[first[8:-9]]}</answer>"
    assert env.step(home)[4]["anchor"] == start
    assert env.step(first)[4]["anchor"] == there


def test_what_is_no_door_leaves_one_there_and_costs_a_turn() -> None:
    env = CorridorEnv()
    env.reset(seed=0)
    assert env.step("<answer>black</answer>")[0] == "That leads nowhere. You are in room 0."
    assert env.step("red")[0] == "That leads nowhere. You are in room 0."
    assert env.step("<answer>RED</answer>")[4]["turn"] == 3


def test_the_dense_reward_is_the_share_of_the_way() -> None:
    env = CorridorEnv(rooms=4, max_turns=3, reward="dense")
    env.reset(seed=0)
    total, info = walk(env, env.expert(env.task))
    assert (total, info["passed"], info["verdict"]["status"]) == (0.75, False, "failed")


@pytest.mark.parametrize("knobs", [{"width": 0}, {"width": 1, "height": 1}, {"height": 31}, {"width": True}])
def test_a_maze_needs_two_rooms_and_at_most_900(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        MazeEnv(**knobs)


@pytest.mark.parametrize("knobs", [{"rooms": 1}, {"corridors": 0}, {"rooms": "8"}])
def test_a_corridor_needs_rooms(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        CorridorEnv(**knobs)
