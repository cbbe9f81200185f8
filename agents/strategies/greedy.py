"""`Greedy`: beside each group one greedy trajectory, which the others are compared with (ReMax)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rlvr_gym.agents.strategies.base import BASELINE, Chain, Memory, Prompt, Sample, Stage, Strategy


@dataclass(frozen=True)
class Greedy(Strategy):
    """Trajectories by themselves, and one of `stage.greedy`, with the role `"baseline"` (ReMax, arXiv 2310.10505).

    Example:
        >>> import gymnasium as gym
        >>> from rlvr_gym.agents import ScriptedPolicy
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=30)
        >>> sampled, greedy = (ScriptedPolicy(env.unwrapped.taskset, p) for p in (0.0, 1.0))
        >>> [(s.role, s.episode.passed) for s in Greedy().collect(Stage([env], sampled, greedy), [Prompt(0)], 2, {})]
        [('learner', False), ('learner', False), ('baseline', True)]
    """

    name: ClassVar[str] = "greedy"
    apart: ClassVar[bool] = True

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`."""
        learners = Chain().collect(stage, prompts, group_size, memory)
        compared = Chain().collect(replace(stage, policy=stage.greedy), prompts, 1, memory)
        samples: list[Sample] = []
        for group, sample in enumerate(compared):
            samples += learners[group * group_size : (group + 1) * group_size]
            samples.append(replace(sample, role=BASELINE))
        return samples
