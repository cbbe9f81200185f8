"""From samples to what is learnt: groups and responses chosen, an advantage for every token.

Axes: N steps of all trajectories, K trajectories, B rows, T tokens. Nothing here asks a model; what models say comes in
as tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import median

import torch
from rlvr_gym.agents.anchors import clustered, observations
from rlvr_gym.agents.batch import Batch
from rlvr_gym.agents.credit import Estimate, Steps, gae, greedy_rewards, step_advantages
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.recipes import Channel, Filter, Recipe
from rlvr_gym.agents.strategies import BASELINE, Sample
from rlvr_gym.reward_shaping import top_groups
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from torch import Tensor

Groups = Mapping[int, list[int]]
_LARGEST = 1e18  # sum of an episode's rewards: its square is still a number in float32


def groups_of(samples: Sequence[Sample]) -> dict[int, list[int]]:
    """The places of each group's samples that are learnt from; companions are in no group."""
    found: dict[int, list[int]] = {}
    for place, sample in enumerate(samples):
        if sample.role != BASELINE:
            found.setdefault(sample.group, []).append(place)
    return found


def response_tokens(episode: Episode) -> int:
    """How many tokens the policy sampled in an episode."""
    return sum(len(turn.completion.token_ids) for turn in episode.turns)


def sound(samples: Sequence[Sample]) -> list[Sample]:
    """The samples, of which those with a reward that is no finite number cannot be graded.

    Such an episode ends before that reward, as where the environment raises: it is in no statistic, and never a 0.

    Raises:
        ConfigError: A turn has no token ids, or not one log-probability each.
    """
    return [replace(sample, episode=_sound(sample.episode)) for sample in samples]


def kept_groups(samples: Sequence[Sample], choice: Filter) -> set[int]:
    """The groups that a filter keeps; see `recipes.Filter`. By `"passed"`, success with a hint is success."""
    values = {group: _metric(samples, places, choice.metric) for group, places in groups_of(samples).items()}
    if choice.groups == "varied":
        return {group for group, found in values.items() if len(set(found)) > 1}
    if choice.groups == "better":
        rewards = {group: _metric(samples, places, "reward") for group, places in groups_of(samples).items()}
        return {group for group, found in values.items() if len(set(found)) > 1 or _has_news(rewards[group])}
    if choice.groups == "band":
        return {group for group, found in values.items() if found and choice.low <= _mean(found) <= choice.high}
    if choice.groups == "spread":
        spreads = [_spread(found) for found in values.values()]
        return {group for group, top in zip(values, top_groups(spreads, choice.share), strict=True) if top}
    return set(values)


def kept_samples(samples: Sequence[Sample], choice: Filter, size_K: Sequence[float]) -> list[bool]:
    """Which samples a filter keeps, after all statistics.

    Args:
        samples: All that are learnt from.
        choice: See `recipes.Filter`.
        size_K: The size of each one's advantage.
    """
    kept = [True] * len(samples)
    if choice.samples == "positive":
        kept = [sample.episode.reward > choice.above[0] for sample in samples]
    elif choice.samples == "advantage":
        for places in groups_of(samples).values():
            for place, top in zip(places, top_groups([size_K[i] for i in places], choice.keep), strict=True):
                kept[place] = top
    if choice.finished:
        whole = [sample.episode.completion.finish_reason != "length" for sample in samples]
        kept = [keep and ended for keep, ended in zip(kept, whole, strict=True)]
    return kept


@dataclass(frozen=True)
class Learnable:
    """The trajectories that are learnt from, as steps.

    Args:
        episodes: In order; those that could not be graded have no turns.
        steps: All their steps.
        group_K: Number of the prompt of each trajectory that has a step.
        companions: What the greedy response to a prompt earned.
        node_N: Number of the node of a tree that each step is; equal numbers are one turn.
    """

    episodes: list[Episode]
    steps: Steps
    group_K: list[int]
    companions: dict[int, float]
    node_N: Tensor

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Learnable:
        """The samples that are learnt from; what could not be graded, or compared, gives no step."""
        learners = [sample for sample in samples if sample.role != BASELINE]
        lost = {sample.group for sample in samples if sample.role == BASELINE and not sample.episode.gradable}
        usable = [sample.episode.gradable and sample.group not in lost for sample in learners]
        heard = [
            sample.episode if use else silent(sample.episode) for sample, use in zip(learners, usable, strict=True)
        ]
        trees: dict[tuple[int, int], int] = {}
        tree = [trees.setdefault((sample.group, sample.tree), len(trees)) for sample in learners]
        nodes: dict[tuple[int, int], int] = {}
        numbers = []
        for place, (sample, episode) in enumerate(zip(learners, heard, strict=True)):
            for turn in range(len(episode.turns)):
                key = (tree[place], sample.nodes[turn]) if sample.nodes else (-1 - place, turn)
                numbers.append(nodes.setdefault(key, len(nodes)))
        return cls(
            episodes=heard,
            steps=Steps.of(heard, [sample.group for sample in learners], tree),
            group_K=[sample.group for sample, episode in zip(learners, heard, strict=True) if episode.turns],
            companions={
                sample.group: sample.episode.reward
                for sample in samples
                if sample.role == BASELINE and sample.episode.gradable
            },
            node_N=torch.tensor(numbers, dtype=torch.long),
        )

    def advantages(self, recipe: Recipe, batch: Batch, cost_BT: Tensor | None, values_BT: Tensor | None) -> Estimate:
        """Each token's advantage, and the return that a critic is to predict; both [B, T].

        Args:
            recipe: Whose channels are summed.
            batch: The rows of `episodes`.
            cost_BT: What is taken off the reward of each token (a divergence); None for nothing.
            values_BT: What the critic predicts before each token; None without one.
        """
        cost_N = torch.zeros_like(self.steps.reward)
        if cost_BT is not None and len(cost_N):
            cost_N.index_add_(0, batch.step_BT[batch.mask_BT], cost_BT[batch.mask_BT].to(cost_N.dtype))
        steps = self.steps._replace(reward=self.steps.reward - cost_N)
        coarse = [channel for channel in recipe.channels if channel.level != "token"]
        total_BT = torch.zeros_like(batch.logprobs_BT)
        if coarse and len(cost_N):
            found_N = self._coarse(steps, coarse).float()
            if recipe.shared == "hard":
                found_N = _shared(found_N, self.node_N)
            total_BT = torch.where(batch.mask_BT, found_N[batch.step_BT], total_BT)
        returns_BT = torch.zeros_like(total_BT)
        for channel in recipe.channels:
            if channel.level == "token":
                found = token_channel(channel, self.steps, batch, cost_BT, values_BT, self.companions)
                total_BT = total_BT + channel.weight * found.advantages_BT
                returns_BT = found.returns_BT if channel.baseline == "value" else returns_BT
        return Estimate(total_BT, returns_BT)

    def _coarse(self, steps: Steps, channels: Sequence[Channel]) -> Tensor:
        """What channels of trajectories and steps say of each step, shape [N]; each with the anchors that it means."""
        found: list[Tensor] = []
        for similarity, alike in groupby(channels, key=lambda channel: channel.similarity):
            anchors = steps if similarity == 1 else steps._replace(anchor=self._alike(steps, similarity))
            found.append(step_advantages(anchors, list(alike), self.companions))
        return sum(found[1:], start=found[0])

    def _alike(self, steps: Steps, similarity: float) -> Tensor:
        shown_N = [shown for episode in self.episodes for shown in observations(episode)]
        return torch.tensor(clustered(shown_N, steps.group.tolist(), similarity), dtype=torch.long)


def token_channel(
    channel: Channel,
    steps: Steps,
    batch: Batch,
    cost_BT: Tensor | None,
    values_BT: Tensor | None,
    companions: Mapping[int, float],
) -> Estimate:
    """What a channel of tokens says, through all rows of a trajectory; see `credit.gae`.

    The reward of a step stands at its last token. A trajectory may be several rows (conversations, edited prompts):
    its tokens follow each other in the order of its steps.
    """
    rows, places = batch.mask_BT.nonzero(as_tuple=True)
    step_M = batch.step_BT[rows, places]
    order = torch.argsort(step_M * batch.mask_BT.shape[1] + places)
    rows, places, step_M = rows[order], places[order], step_M[order]
    if not len(step_M):
        return Estimate(torch.zeros_like(batch.logprobs_BT), torch.zeros_like(batch.logprobs_BT))
    trajectory_M = steps.trajectory[step_M]
    count_K = torch.bincount(trajectory_M, minlength=int(steps.trajectory.max()) + 1)
    within_M = torch.arange(len(step_M)) - (count_K.cumsum(0) - count_K)[trajectory_M]
    shape = (len(count_K), int(count_K.max()))
    mask_KL = torch.zeros(shape, dtype=torch.bool)
    mask_KL[trajectory_M, within_M] = True
    reward_KL = torch.zeros(shape)
    last_M = torch.cat([step_M[1:] != step_M[:-1], torch.ones(1, dtype=torch.bool)])
    reward_KL[trajectory_M[last_M], within_M[last_M]] = steps.reward[step_M[last_M]].float()
    if cost_BT is not None:
        reward_KL[trajectory_M, within_M] -= cost_BT[rows, places]
    values_KL = torch.zeros(shape)
    if channel.baseline == "value" and values_BT is not None:
        values_KL[trajectory_M, within_M] = values_BT[rows, places]
    trace = channel.trace if channel.baseline == "value" else 1.0
    found = gae(reward_KL, values_KL, mask_KL, discount=channel.discount, trace=trace)
    advantages_BT, returns_BT = torch.zeros_like(batch.logprobs_BT), torch.zeros_like(batch.logprobs_BT)
    advantages_BT[rows, places] = found.advantages_BT[trajectory_M, within_M]
    returns_BT[rows, places] = found.returns_BT[trajectory_M, within_M]
    if channel.baseline == "greedy":
        advantages_BT[rows, places] -= greedy_rewards(steps, companions)[step_M].float()
    return Estimate(advantages_BT, returns_BT)


def silent(episode: Episode) -> Episode:
    """The same episode without turns: what could not be graded gives no training row."""
    return replace(episode, turns=())


def _sound(episode: Episode) -> Episode:
    total = 0.0
    for place, turn in enumerate(episode.turns):
        said = turn.completion
        if not len(said.token_ids) == len(said.logprobs) > 0:
            raise ConfigError(
                "a learner needs the ids that were sampled with a log-probability each; the policy gave "
                f"{len(said.token_ids)} ids and {len(said.logprobs)} log-probabilities for {shown(said.text)}"
            )
        total += turn.reward
        if not abs(total) <= _LARGEST:
            why = f"the reward of turn {place + 1} is {turn.reward!r}; it must be a finite number below {_LARGEST:g}"
            lost = replace(episode, turns=episode.turns[:place], stop_reason="error", error=why)
            return replace(lost, passed=None, passed_with_hint=None)
    return episode


def _metric(samples: Sequence[Sample], places: Sequence[int], metric: str) -> list[float]:
    graded = [samples[place].episode for place in places if samples[place].episode.gradable]
    return [float(episode.succeeded) if metric == "passed" else episode.reward for episode in graded]


def _has_news(rewards: Sequence[float]) -> bool:
    """Whether the best is above the middle one."""
    return bool(rewards) and max(rewards) > median(rewards)


def _shared(values_N: Tensor, node_N: Tensor) -> Tensor:
    """Each step's value, or the mean over the leaves that it belongs to."""
    count = torch.bincount(node_N).clamp(min=1)
    total = values_N.new_zeros(len(count)).index_add(0, node_N, values_N)
    return (total / count)[node_N]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _spread(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.sqrt(_mean([(value - mean) ** 2 for value in values]))
