"""What a rollout strategy is: prompts in, the trajectories of each out, by any environment and any policy.

A strategy is a piece of a recipe: a frozen dataclass of its settings, without torch. It plays through a `Stage`, which
owns the environments and the policy, and keeps what must outlive a step (a replay buffer) in a dictionary of JSON
values, which the trainer stores with its checkpoints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium as gym
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.lockstep import collect
from rlvr_gym.agents.notices import Notices
from rlvr_gym.agents.play import Play
from rlvr_gym.agents.policy import Policy, seed_from

LEARNER, BASELINE = "learner", "baseline"

Memory = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A task that is to be tried several times.

    Args:
        seed: Seed of `reset`; equal seeds give equal tasks.
        names: What the seeds of the policy's choices are made from, beside the number of the try.
        options: Options of `reset`.
    """

    seed: int
    names: tuple[str | int, ...] = ()
    options: Mapping[str, Any] | None = None

    def play(self, member: int) -> Play:
        """The try of this number.

        Example:
            >>> Prompt(3, ("sample", 0)).play(1) == Play(3, seed_from("sample", 0, 1), 1)
            True
        """
        return Play(self.seed, seed_from(*self.names, member), member, self.options)


@dataclass(frozen=True, slots=True)
class Sample:
    """One trajectory, and what it is compared with.

    Args:
        episode: What was played.
        group: Number of its prompt among those that were given.
        tree: Number of its tree within the group; trajectories of one tree have turns in common.
        nodes: Number of each turn within the tree, for trees: turns in common have equal numbers. Empty elsewhere.
        role: `"learner"`, or `"baseline"`: others are compared with it, and nothing is learnt from it.
        age: Steps of training since it was sampled; above 0 for what comes from a buffer.
    """

    episode: Episode
    group: int
    tree: int = 0
    nodes: tuple[int, ...] = ()
    role: str = LEARNER
    age: int = 0


@dataclass(frozen=True)
class Stage:
    """Where a strategy plays.

    Args:
        envs: Environments; their number is the width of a batch. Forks of them may be made.
        policy: Who acts.
        greedy: The same policy, always taking what it holds likeliest.
        step: Number of the training step.
    """

    envs: Sequence[gym.Env[str, str]]
    policy: Policy
    greedy: Policy
    step: int = 0

    def play(self, plays: Sequence[Play], policy: Policy | None = None) -> list[Episode]:
        """One episode a play, in order."""
        silent = Notices(aloud=False)  # what is wrong is said once a run, by whoever has the samples of all steps
        return collect(self.envs, policy or self.policy, plays, silent)


@dataclass(frozen=True)
class Strategy(ABC):
    """How trajectories come about.

    Class attributes:
        name: What recipes call it.
        apart: Whether it treats each prompt by itself and remembers nothing, so that several processes can share the
            prompts of a step; where it does not, the first process plays all of them.
    """

    name: ClassVar[str]
    apart: ClassVar[bool] = False

    def check(self, envs: Sequence[gym.Env[str, str]], group_size: int) -> None:  # noqa: B027 - most refuse nothing
        """Refuse, before anything is played, what `collect` would refuse.

        Args:
            envs: Where it would play.
            group_size: Trajectories of each prompt that would be learnt from.

        Raises:
            ConfigError: The settings do not fit the size of the group, or the environments do not have what is needed.
        """

    @abstractmethod
    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """Play.

        Args:
            stage: Where.
            prompts: What; a sample's `group` is a place in this list.
            group_size: Trajectories of each prompt that are learnt from (G).
            memory: What the strategy keeps from step to step, JSON values; empty in the beginning. It is changed.

        Returns:
            The samples, those of one group together. The same arguments give the same samples.
        """


@dataclass(frozen=True)
class Chain(Strategy):
    """Each trajectory by itself, from the first turn to the last.

    Example:
        >>> from rlvr_gym.agents import ScriptedPolicy
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=30)
        >>> policy = ScriptedPolicy(env.unwrapped.taskset, 1.0)
        >>> samples = Chain().collect(Stage([env], policy, policy), [Prompt(0), Prompt(1)], 2, {})
        >>> [sample.group for sample in samples]
        [0, 0, 1, 1]
    """

    name: ClassVar[str] = "chain"
    apart: ClassVar[bool] = True

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`."""
        plays = [prompt.play(member) for prompt in prompts for member in range(group_size)]
        return [Sample(episode, place // group_size) for place, episode in enumerate(stage.play(plays))]
