"""`Branch`: trajectories branch where the policy is less certain than it was in the beginning (ARPO)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import gymnasium as gym
from rlvr_gym.agents.asking import ask
from rlvr_gym.agents.checks import check_counts, check_names, check_numbers
from rlvr_gym.agents.policy import Completion, Policy, unit_interval
from rlvr_gym.agents.strategies.base import Memory, Prompt, Sample, Stage, Strategy
from rlvr_gym.agents.strategies.growing import Limb, Trunk, grown, parts
from rlvr_gym.verifiers import ConfigError

MODES = ("bernoulli", "threshold")


@dataclass(frozen=True)
class Branch(Strategy):
    """Adaptive branching of ARPO (arXiv 2507.19849, section 3.2): M leaves of a prompt, of which N begin by themselves.

    A decision belongs to each turn but the first: the environment has answered, and the policy begins its next
    response. `H` is the mean entropy of the response's first tokens over the logarithm of the vocabulary's size, `dH`
    its difference to that of the first response of the same trajectory. Where the trajectory branches, another one goes
    on from the environment's answer, with a response of its own. A trajectory branches at most once a turn, and a new
    one not at the turn where it begins. Once M trajectories exist nothing branches; where all ended earlier, the rest
    are new ones from the beginning.

    **Deviations.** The reference code takes the entropy of the response before the tool's answer, over the ten
    likeliest tokens, as a sum, and compares it with the first batch of the run. Here it is that of the response which
    follows the answer, which is part of the trajectory that was there, over the whole vocabulary, as a mean, and is
    compared with the same rollout.

    Args:
        initial: Trajectories that begin by themselves (N; M is the size of the group); None: half of the group, the
            larger half of an odd one. The paper has 8 of 16.
        mode: `"bernoulli"`: a turn branches with probability `clip(probability + weight * dH, 0, 1)`, as in the
            reference code. `"threshold"`: where `probability + weight * dH > threshold`, as in the paper.
        probability: Where the entropy has not changed.
        weight: Of the change.
        threshold: For the mode of that name.
        tokens: How many of a response count, from its first.

    Raises:
        ConfigError: A setting is refused. When collecting: `initial` is above the size of the group, or the policy
            gives no entropies or has no `vocabulary_size`, of at least 2, where a decision is due.

    Example:
        >>> Branch(initial=2, weight=0.5).probability_of(0.3)
        0.65
    """

    name: ClassVar[str] = "branch"
    apart: ClassVar[bool] = True
    initial: int | None = None
    mode: str = "bernoulli"
    probability: float = 0.5
    weight: float = 0.2
    threshold: float = 0.5
    tokens: int = 20

    def __post_init__(self) -> None:
        check_counts(self, {"tokens": 1} if self.initial is None else {"initial": 1, "tokens": 1})
        check_names(self, {"mode": MODES})
        check_numbers(self, ("weight",))
        check_numbers(self, ("probability", "threshold"), most=1.0)

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`. Where nothing branched, the samples of a group are those of `Chain`."""
        self.check(stage.envs, group_size)
        samples: list[Sample] = []
        for part in parts(stage, prompts, group_size):
            with grown(stage, part) as trunks:
                for limbs in self._play(stage.policy, trunks, group_size):
                    apart = all(limb.born == 0 for limb in limbs)
                    found = [limb.sample() for limb in limbs]
                    samples += [replace(sample, nodes=()) for sample in found] if apart else found
        return samples

    def check(self, envs: Sequence[gym.Env[str, str]], group_size: int) -> None:
        """See `Strategy.check`."""
        if self.initial is not None and self.initial > group_size:
            raise ConfigError(f"initial must be at most the size of the group, {group_size}, got {self.initial}")

    def probability_of(self, change: float) -> float:
        """Of branching, in mode `"bernoulli"`, where the entropy has changed by so much."""
        return min(max(self.probability + self.weight * change, 0.0), 1.0)

    def _play(self, policy: Policy, trunks: Sequence[Trunk], group_size: int) -> list[list[Limb]]:
        initial = group_size - group_size // 2 if self.initial is None else self.initial
        groups = [[trunk.grow(member) for member in range(initial)] for trunk in trunks]
        while True:
            for trunk, limbs in zip(trunks, groups, strict=True):
                if all(limb.done is not None for limb in limbs):
                    limbs += [trunk.grow(member) for member in range(len(limbs), group_size)]
            under_way = [(limb, limbs) for limbs in groups for limb in limbs if limb.done is None]
            if not under_way:
                return groups
            completions = ask(policy, [limb.playing.request() for limb, _ in under_way])
            for (limb, limbs), completion in zip(under_way, completions, strict=True):
                if len(limbs) < group_size and self._branches(policy, limb, completion):
                    limbs.append(limb.trunk.grow(len(limbs), at=limb))
            for (limb, _), completion in zip(under_way, completions, strict=True):
                limb.advance(completion)

    def _branches(self, policy: Policy, limb: Limb, completion: Completion) -> bool:
        """Whether a trajectory branches before this response of its own."""
        turns = limb.playing.turns
        if len(turns) <= limb.born:
            return False
        first, now = (self._entropy(policy, each) for each in (turns[0].completion, completion))
        if self.mode == "threshold":
            return self.probability + self.weight * (now - first) > self.threshold
        return unit_interval(limb.trunk.seed("branch", limb.playing.play.sample_seed, len(turns))) < (
            self.probability_of(now - first)
        )

    def _entropy(self, policy: Policy, completion: Completion) -> float:
        size = getattr(policy, "vocabulary_size", None)
        if size is None or size < 2 or not completion.entropies:
            raise ConfigError(
                f"branching is decided by the entropy of tokens over the logarithm of the vocabulary's size, and "
                f"{type(policy).__name__} gave {len(completion.entropies)} entropies and has vocabulary_size {size}"
            )
        return mean_entropy(completion, self.tokens) / math.log(size)


def mean_entropy(completion: Completion, tokens: int) -> float:
    """Mean entropy of a response's first tokens, in nats; 0 where there are none.

    Example:
        >>> mean_entropy(Completion("ab", (1, 2), entropies=(0.5, 0.25)), tokens=20)
        0.375
    """
    counted = completion.entropies[:tokens]
    return sum(counted) / max(len(counted), 1)
