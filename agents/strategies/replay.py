"""`Replay`: where a whole group failed, its first member gives way to an earlier success at the same task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, pstdev
from typing import Any, ClassVar

from rlvr_gym.agents.checks import check_counts, check_numbers
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.episode_json import episode_from_json, episode_to_json
from rlvr_gym.agents.policy import seed_from, unit_interval
from rlvr_gym.agents.strategies.base import Chain, Memory, Prompt, Sample, Stage, Strategy

_KEPT = "successes"


@dataclass(frozen=True)
class Replay(Strategy):
    """Experience replay of successes (arXiv 2505.16282, "ARPO" for agents that use computers).

    The memory holds the last successes at each task. A fresh group is hopeless where the successes of its gradable
    members have a mean below `mean` and a (population) deviation below `deviation`; its first member is then replaced
    by a stored success, drawn uniformly. What passed in fresh groups is stored after all draws of the step.

    Deviation: the paper takes rewards, which are 1 and 0 there. With credit for a format or a part, no group would look
    hopeless, so successes count here.

    **Limits.** Of a group one member at most is replaced, of a step's groups the share `share`, none by what is older
    than `max_age`. The log-probabilities of a stored success are those of the policy that sampled it, so that a
    learner's ratio is the true one and its clip bounds what is learnt. The reference code recomputes them, which makes
    the ratio 1: recompute those of samples with an `age` for that.

    Args:
        size: Successes that are kept of a task, the latest.
        tasks: Tasks that are kept, those with the latest success.
        deviation: See above.
        mean: See above.
        share: The largest share of the groups of a step in which a success is brought back; those that are first in
            the step's order have it.
        max_age: Steps after which a stored success is dropped; None keeps it.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> import gymnasium as gym
        >>> from rlvr_gym.agents import ScriptedPolicy
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=30)
        >>> right, wrong = (ScriptedPolicy(env.unwrapped.taskset, p) for p in (1.0, 0.0))
        >>> memory = {}
        >>> for step, policy in enumerate((right, wrong)):
        ...     samples = Replay().collect(Stage([env], policy, policy, step), [Prompt(0)], 2, memory)
        ...     [(sample.episode.passed, sample.age) for sample in samples]
        [(True, 0), (True, 0)]
        [(True, 1), (False, 0)]
    """

    name: ClassVar[str] = "replay"
    size: int = 8
    tasks: int = 1000
    deviation: float = 0.05
    mean: float = 0.2
    share: float = 1.0
    max_age: int | None = None

    def __post_init__(self) -> None:
        check_counts(self, {"size": 1, "tasks": 1})
        check_numbers(self, ("deviation", "mean"))
        check_numbers(self, ("share",), most=1.0)
        if self.max_age is not None:
            check_counts(self, {"max_age": 1})

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`."""
        fresh = Chain().collect(stage, prompts, group_size, memory)
        kept: dict[str, list[Any]] = memory.setdefault(_KEPT, {})
        self._forget(kept, stage.step)
        samples: list[Sample] = []
        left = int(self.share * len(prompts) + 1e-9)
        for group, prompt in enumerate(prompts):
            members = fresh[group * group_size : (group + 1) * group_size]
            chance = unit_interval(seed_from(*prompt.names, prompt.seed, "replay", stage.step))
            found = self._replaced(members, kept, stage.step, chance) if left else list(members)
            left -= any(sample.age for sample in found)
            samples += found
        for sample in fresh:
            if sample.episode.passed:
                self._store(kept, sample.episode, stage.step)
        return samples

    def _replaced(
        self, members: Sequence[Sample], kept: dict[str, list[Any]], step: int, chance: float
    ) -> list[Sample]:
        graded = [sample.episode for sample in members if sample.episode.gradable]
        stored = kept.get(graded[0].task_id, []) if graded else []
        passed = [float(bool(episode.passed)) for episode in graded]
        if not stored or fmean(passed) >= self.mean or pstdev(passed) >= self.deviation:
            return list(members)
        when, data = stored[int(chance * len(stored))]
        old = Sample(episode_from_json(data), members[0].group, age=max(step - when, 1))
        return [old, *members[1:]]

    def _forget(self, kept: dict[str, list[Any]], step: int) -> None:
        """Drop what is too old."""
        if self.max_age is None:
            return
        for task_id, stored in list(kept.items()):
            young = [[when, data] for when, data in stored if step - when <= self.max_age]
            if young:
                kept[task_id] = young
            else:
                del kept[task_id]

    def _store(self, kept: dict[str, list[Any]], episode: Episode, step: int) -> None:
        """Add a success, and drop the oldest where there are too many."""
        stored = [*kept.get(episode.task_id, []), [step, episode_to_json(episode)]]
        kept[episode.task_id] = stored[-self.size :]
        while len(kept) > self.tasks:
            del kept[min(kept, key=partial(_latest, kept))]


def _latest(kept: dict[str, list[Any]], task_id: str) -> tuple[int, str]:
    """When a task was last solved; it does not depend on the order of a dictionary, which files may change."""
    return kept[task_id][-1][0], task_id
