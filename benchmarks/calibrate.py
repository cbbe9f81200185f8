"""`calibrate`: how often one policy that does not change solves the tasks of each level of an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
from rlvr_gym.agents import Play, Policy, collect
from rlvr_gym.agents.policy import seed_from, unit_interval
from rlvr_gym.agents.scripted import WRONG
from rlvr_gym.benchmarks.runner import make_env, text_env
from rlvr_gym.envs.ladders import Calibration, LevelRate, decisions, levels_of
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import ConfigError

EPISODES = 200
SLIP = 0.02
WIDTH = 128


def calibrate(
    env_id: str,
    *,
    policy: Policy | None = None,
    name: str = "",
    slip: float = SLIP,
    levels: Sequence[Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    episodes: int = EPISODES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Play the same number of different tasks of each level.

    Without a policy the reference solution is played by someone who makes each of its decisions right with probability
    `1 - slip`, whatever the others were, and is lost after a wrong one. So what is measured is how many decisions a
    level takes (see `decisions`), through the environment and its verifier. It knows nothing of how hard a single
    decision is: for that a trained model is to be given.

    Args:
        env_id: A registered id.
        policy: Who plays; None for the above.
        name: What the policy is called in the result.
        slip: In (0, 1); of who plays without a policy.
        levels: Keywords of each level, the easiest first; those of the card where None.
        settings: Keywords that all levels share.
        episodes: Of each level, each with a task of its own where there are so many.
        seed: Of tasks and samples; the same gives the same numbers.
        progress: Called with the number of levels that are done and that there are.

    Raises:
        ConfigError: There are no levels, a number is out of its range, or no episode could be graded.

    Example:
        >>> found = calibrate("rlvr/Arithmetic-v0", levels=[{"digits": 1}, {"operands": 9}], slip=0.2, episodes=50)
        >>> [level.passed for level in found.levels], found.monotone
        ([36, 1], True)
    """
    if not 0 < slip < 1:
        raise ConfigError(f"slip must lie between 0 and 1, got {slip!r}")
    if episodes < 1:
        raise ConfigError(f"episodes must be at least 1, got {episodes}")
    common = dict(settings or {})
    ladder = levels_of(text_env(make_env(env_id, common)).card, env_id) if levels is None else levels
    rates = []
    for number, knobs in enumerate(ladder):
        envs = [make_env(env_id, {**common, **knobs}) for _ in range(1 if policy is None else min(WIDTH, episodes))]
        outcomes = _slipping(envs[0], slip, episodes, seed) if policy is None else _played(envs, policy, episodes, seed)
        graded = [passed for passed in outcomes if passed is not None]
        if not graded:
            raise ConfigError(f"{env_id}, level {number}: no episode could be graded")
        rates.append(LevelRate(dict(knobs), len(graded), sum(graded)))
        if progress is not None:
            progress(number + 1, len(ladder))
    return Calibration(env_id, name or f"decisions right with {1 - slip:g}", tuple(rates))


def _slipping(env: gym.Env[str, str], slip: float, episodes: int, seed: int) -> list[bool | None]:
    """The reference solution, lost after the first wrong decision."""
    found: list[bool | None] = []
    base = text_env(env)
    for number in range(episodes):
        base.reset(options={"task_index": (seed * episodes + number) % len(base.taskset)})
        moves = base.expert(base.task)
        if not moves:
            raise ConfigError(f"task {base.task.id} has no reference solution: give a policy")
        right = unit_interval(seed_from("calibrate", seed, number)) < (1 - slip) ** decisions(
            base.task, moves, base.card.effort if base.card else ()
        )
        found.append(_ending(base, moves if right else [WRONG]))
    return found


def _ending(env: TextEnv, moves: Sequence[str]) -> bool | None:
    """Play these moves, the last one again and again; whether it passed, None where it cannot be graded."""
    turn = 0
    while True:
        _, _, terminated, truncated, info = env.step(moves[min(turn, len(moves) - 1)])
        turn += 1
        if terminated or truncated:
            return None if info["stop_reason"] == "ungradable" else bool(info.get("passed", False))


def _played(envs: Sequence[gym.Env[str, str]], policy: Policy, episodes: int, seed: int) -> list[bool | None]:
    base = text_env(envs[0])
    plays = [
        Play(
            sample_seed=seed_from("calibrate", seed, number),
            options={"task_index": (seed * episodes + number) % len(base.taskset)},
        )
        for number in range(episodes)
    ]
    found: list[bool | None] = []
    for begin in range(0, episodes, len(envs)):
        part = collect(list(envs), policy, plays[begin : begin + len(envs)])
        found += [bool(episode.passed) if episode.gradable else None for episode in part]
    return found
