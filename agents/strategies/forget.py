"""`Forget`: the second half of a group is sampled after the first was unlearnt for a moment (EEPO)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlvr_gym.agents.checks import check_numbers
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.policy import Completion
from rlvr_gym.agents.strategies.base import Memory, Prompt, Sample, Stage, Strategy
from rlvr_gym.verifiers import ConfigError


@dataclass(frozen=True)
class Forget(Strategy):
    """Sample-then-forget exploration (EEPO, arXiv 2510.05837).

    The first half of each group (the larger one of an odd group) is sampled as always. Where the mean entropy of its
    tokens, over all prompts, is below `below`, the model takes one step away from them, the second half is sampled, and
    the parameters are put back bit for bit: see `unlearning.unlearned`. The log-probabilities and entropies that are
    recorded of the second half are those of the policy as it was, so that a learner's ratio is 1 at its first update,
    as in the paper; they are not those of the distribution that was drawn from.

    Args:
        below: In nats; None unlearns always. The paper's test is not published in a form that could be checked.
        learning_rate: Of the one step, which is of plain gradient descent. The paper's value is unknown; it depends on
            the model: 0.03 raised the entropy of a preset `nano` that had learnt sums from 0.49 to 0.70 nats a token,
            0.1 to 1.54.

    Raises:
        ConfigError: A setting is refused. When collecting: the policy has no model here, or gives no token ids.

    Example:
        >>> Forget(below=0.3)
        Forget(below=0.3, learning_rate=0.03)
    """

    name: ClassVar[str] = "forget"
    below: float | None = None
    learning_rate: float = 0.03

    def __post_init__(self) -> None:
        check_numbers(self, ("learning_rate",) if self.below is None else ("learning_rate", "below"))

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`."""
        if not hasattr(stage.policy, "lm"):
            raise ConfigError(f"unlearning needs a policy over a local model, got {type(stage.policy).__name__}")
        half = group_size - group_size // 2
        first = stage.play([prompt.play(member) for prompt in prompts for member in range(half)])
        second = self._second(stage, prompts, range(half, group_size), first)
        samples: list[Sample] = []
        for group in range(len(prompts)):
            for half_of, count in ((first, half), (second, group_size - half)):
                samples += [Sample(episode, group) for episode in half_of[group * count : (group + 1) * count]]
        return samples

    def _second(
        self, stage: Stage, prompts: Sequence[Prompt], members: Sequence[int], first: Sequence[Episode]
    ) -> list[Episode]:
        plays = [prompt.play(member) for prompt in prompts for member in members]
        said = [turn.completion for episode in first for turn in episode.turns]
        if not said or not self._collapsed(said):
            return stage.play(plays)
        from rlvr_gym.agents.transformers_policy import TransformersPolicy
        from rlvr_gym.agents.unlearning import rescored, unlearned

        if not isinstance(stage.policy, TransformersPolicy) or not all(completion.token_ids for completion in said):
            raise ConfigError(f"unlearning needs a TransformersPolicy, got {type(stage.policy).__name__}")
        with unlearned(stage.policy, said, self.learning_rate):
            episodes = stage.play(plays)
        return rescored(stage.policy, episodes)

    def _collapsed(self, said: Sequence[Completion]) -> bool:
        entropies = [value for completion in said for value in completion.entropies]
        return self.below is None or sum(entropies) < self.below * len(entropies)
