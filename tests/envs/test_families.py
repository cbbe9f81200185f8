"""What every family of a generator promises, over all registered ids: a new one needs no line here.

Solved by its own reference solutions, as many tasks as its card says, levels that are there, splits and seeds apart.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.benchmarks.calibrate import calibrate
from rlvr_gym.envs.knobs import entry_point
from rlvr_gym.envs.procedural import ProceduralEnv, ProceduralTaskSet

from rlvr_gym import env_ids

SEEDS = 200
# Programs run in a sandbox, some milliseconds each; and these tasks or their solutions take milliseconds to find.
FEW = {"rlvr/ListFunctions-v0"}
SLOW = {
    f"rlvr/{one}-v0"
    for one in ("Cryptarithm", "Game2048", "Game24", "NaturalDeduction", "SQLQuery", "Sokoban", "Zebra")
}


def families() -> list[str]:
    return [one for one in env_ids() if isinstance(made := entry_point(one), type) and issubclass(made, ProceduralEnv)]


FAMILIES = families()
every_family = pytest.mark.parametrize("env_id", FAMILIES)


def made(env_id: str, **knobs: Any) -> Any:
    return gym.make(f"rlvr_gym:{env_id}", **knobs).unwrapped


@cache
def prompts(env_id: str, seed: int, split: str, count: int) -> tuple[str, ...]:
    """What is asked, with what would be right: two tasks of a game may begin alike."""
    tasks: ProceduralTaskSet[Any] = made(env_id, taskset_seed=seed, split=split).taskset
    return tuple(tasks.task(index).id for index in range(count))


def test_there_are_sixty_ids() -> None:
    assert len(env_ids()) >= 60


def solve(env: Any) -> dict[str, Any]:
    """Play the reference solution; the last info."""
    for move in env.expert(env.task):
        _, reward, terminated, truncated, info = env.step(move)
        if terminated or truncated:
            return {**info, "reward": reward}
    raise AssertionError(f"{env.task.id}: the solution does not end the episode")


@every_family
@pytest.mark.parametrize("style", ["question", "compact"])
def test_the_reference_solution_solves_every_seed(env_id: str, style: str) -> None:
    env = made(env_id, style=style)
    few = 20 if env_id in FEW else SEEDS
    for seed in range(few if style == "question" else min(few, 10)):
        env.reset(seed=seed)
        info = solve(env)
        assert info["passed"], (seed, info)


@every_family
def test_there_are_as_many_tasks_as_the_card_says(env_id: str) -> None:
    """Of n draws from d equally likely tasks n^2 / 2d pairs are alike on average; uneven ones repeat more.

    Held to six times that and 6: a card that claims ten times too many fails, where repeats can be seen at all.
    """
    distinct = made(env_id).card.distinct
    assert distinct is not None, "the card is to say how many different tasks there are at least"
    count = 20 if env_id in FEW else 100 if env_id in SLOW else 400
    repeats = count - len(set(prompts(env_id, 0, "all", count)))
    assert repeats <= 6 + 6 * count * count / (2 * distinct)


@every_family
def test_neighbouring_seeds_share_no_more_tasks_than_chance_allows(env_id: str) -> None:
    """Item 1 of seed 42 is not item 0 of seed 43. Two lots of n share n^2 / d tasks on average."""
    count = 5 if env_id in FEW | SLOW else 20
    one, other = (prompts(env_id, seed, "all", count) for seed in (42, 43))
    distinct = made(env_id).card.distinct
    if distinct >= 1000:
        assert len(set(one) & set(other)) <= 3 + 6 * count * count / distinct
        assert not any(a == b for a, b in zip(one[1:], other, strict=False))
    assert one != other


@every_family
def test_training_and_test_tasks_are_apart(env_id: str) -> None:
    count = 5 if env_id in FEW | SLOW else 40
    train, test = (set(prompts(env_id, seed, split, count)) for seed, split in ((0, "train"), (1, "test")))
    assert train
    assert test
    assert not train & test


@every_family
def test_levels_are_knobs_that_make_solvable_tasks(env_id: str) -> None:
    levels = made(env_id).card.levels
    assert len(levels) >= 4, "the card is to have levels"
    for number in range(len(levels)):
        env = made(env_id, level=number)
        for seed in range(1 if env_id in FEW | SLOW else 3):
            env.reset(seed=seed)
            assert solve(env)["passed"], (number, seed)


@every_family
def test_no_level_is_easier_than_one_before_it(env_id: str) -> None:
    """By the scripted player of `rlvr calibrate`; and the hardest is harder than the easiest."""
    slip = 0.02
    found = calibrate(env_id, slip=slip, episodes=6 if env_id in FEW | SLOW else 30)
    assert found.monotone, found.to_dict()
    assert found.levels[-1].rate <= found.levels[0].rate
