"""How often a policy passes: the quick measurement that training loops use between steps.

The pass@k runner of `rlvr_gym.benchmarks` is the measurement to report; this one answers "is it time to stop?".
"""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium as gym
from rlvr_gym.agents.lockstep import collect
from rlvr_gym.agents.play import Play
from rlvr_gym.agents.policy import Policy, seed_from


def pass_rate(envs: Sequence[gym.Env[str, str]], policy: Policy, count: int, seed: int) -> float:
    """Share of passed episodes among the gradable ones; NaN where none was gradable.

    Args:
        envs: Environments to play in.
        policy: Who acts.
        count: Number of episodes, each with a task of its own draw.
        seed: Seed of tasks and samples.

    Example:
        >>> from rlvr_gym.agents import ScriptedPolicy
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=20)
        >>> pass_rate([env], ScriptedPolicy(env.unwrapped.taskset, 1.0), 5, seed=0)
        1.0
    """
    plays = [Play(seed_from(seed, "task", i) % 2**32, seed_from(seed, "sample", i)) for i in range(count)]
    gradable = [episode for episode in collect(envs, policy, plays) if episode.gradable]
    return sum(bool(episode.passed) for episode in gradable) / len(gradable) if gradable else float("nan")
