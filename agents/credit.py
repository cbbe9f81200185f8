"""Credit: which step of which trajectory earned how much. Pure functions of rewards; no model is asked.

Axes: N steps of any number of trajectories, in order within each; T tokens of a row. A `Channel` says whose values are
compared with whose; an algorithm is a sum of channels (GRPO one, GiGPO and Tree-GRPO two). What could not be graded
takes part in no statistic and gets advantage 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from rlvr_gym.agents.advantages import advantages
from rlvr_gym.agents.batch import Batch
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.recipes import Channel
from rlvr_gym.verifiers import ConfigError
from torch import Tensor


class Steps(NamedTuple):
    """The steps of a batch of trajectories; all of shape [N], each trajectory's steps together and in order.

    Args:
        reward: Of each step.
        trajectory: Number of the trajectory that a step belongs to, from 0 and without gaps.
        group: Number of the prompt.
        anchor: Number of the state that the policy stood in; equal numbers are equal states of one group.
        tree: Number of the tree that the trajectory is a leaf of; the group's where there are no trees.
        thread: Number of the role within the group that spoke (planner, executor); the group's where there is one.
        counts: Whether the trajectory was gradable.
    """

    reward: Tensor
    trajectory: Tensor
    group: Tensor
    anchor: Tensor
    tree: Tensor
    thread: Tensor
    counts: Tensor

    @classmethod
    def of(cls, episodes: Sequence[Episode], groups: Sequence[int], trees: Sequence[int] | None = None) -> Steps:
        """The steps of episodes.

        Args:
            episodes: In any order; episodes without a turn give no step.
            groups: Number of the prompt of each episode.
            trees: Number of the tree of each; by default its group.

        Raises:
            ConfigError: There is not one number an episode.

        Example:
            >>> from rlvr_gym.agents import Completion, Turn
            >>> turns = (Turn(Completion("a"), 0.0, "s0"), Turn(Completion("b"), 1.0, "s1"))
            >>> steps = Steps.of([Episode("t", turns, True, "answered", {})] * 2, [0, 0])
            >>> steps.anchor.tolist(), steps.trajectory.tolist()
            ([0, 1, 0, 1], [0, 0, 1, 1])
        """
        trees = groups if trees is None else trees
        if not len(groups) == len(trees) == len(episodes):
            raise ConfigError(f"{len(episodes)} episodes need a group and a tree each, got {len(groups)}, {len(trees)}")
        spoken = [(i, e) for i, e in enumerate(episodes) if e.turns]
        places = [(number, i, e, turn) for number, (i, e) in enumerate(spoken) for turn in e.turns]
        anchors = _numbered([(groups[i], turn.anchor) for _, i, _, turn in places])
        threads = _numbered([(groups[i], turn.thread.partition(" ")[0]) for _, i, _, turn in places])
        return cls(
            reward=torch.tensor([turn.reward for _, _, _, turn in places], dtype=torch.float64),
            trajectory=torch.tensor([number for number, _, _, _ in places], dtype=torch.long),
            group=torch.tensor([groups[i] for _, i, _, _ in places], dtype=torch.long),
            anchor=torch.tensor(anchors, dtype=torch.long),
            tree=torch.tensor([trees[i] for _, i, _, _ in places], dtype=torch.long),
            thread=torch.tensor(threads, dtype=torch.long),
            counts=torch.tensor([e.gradable for _, _, e, _ in places], dtype=torch.bool),
        )


def channel_advantages(channel: Channel, steps: Steps, companions: Mapping[int, float] | None = None) -> Tensor:
    """What one channel of trajectories or steps says of each step, shape [N].

    Args:
        channel: Of any level but that of tokens.
        steps: Steps.
        companions: What the greedy response to a prompt earned, by the prompt's number; for `baseline="greedy"`.

    Raises:
        ConfigError: The baseline is greedy, and a prompt has no companion.

    Example:
        >>> steps = Steps(*map(torch.tensor, ([0.0, 1.0, 0.0], [0, 0, 1], [0] * 3, [0, 1, 0], [0] * 3, [0] * 3,
        ...                                   [True] * 3)))
        >>> channel_advantages(Channel(scale="none"), steps)
        tensor([ 0.5000,  0.5000, -0.5000])
        >>> channel_advantages(Channel("step", "anchor", scale="none", discount=0.5), steps)
        tensor([ 0.2500,  0.0000, -0.2500])
    """
    values = returns_to_go(steps.reward, steps.trajectory, channel.discount)
    first = _first(steps.trajectory)
    if channel.level == "trajectory":
        values = values[first][steps.trajectory]
    counts = steps.counts & first if channel.level == "trajectory" and channel.over == "units" else steps.counts
    key = torch.zeros_like(steps.group) if channel.key == "batch" else getattr(steps, channel.key)
    baseline = channel.baseline
    if baseline == "greedy":
        values, baseline = values - greedy_rewards(steps, companions or {}).to(values.dtype), "none"
    found = advantages(values, key, counts, baseline=baseline, scale=channel.scale, eps=channel.eps)
    return channel.weight * torch.where(steps.counts, found, torch.zeros_like(found))


def greedy_rewards(steps: Steps, companions: Mapping[int, float]) -> Tensor:
    """For each step what the greedy response to its prompt earned, shape [N].

    Raises:
        ConfigError: There is none for some prompt.
    """
    groups = steps.group.tolist()
    if lacking := sorted(set(groups) - set(companions)):
        raise ConfigError(
            f"baseline='greedy' needs the greedy response to each prompt, and there is none to prompt {lacking[0]}: "
            "let the rollout be 'greedy', or a strategy that gives samples of role BASELINE"
        )
    return torch.tensor([companions[group] for group in groups], dtype=torch.float64)


def step_advantages(steps: Steps, channels: Sequence[Channel], companions: Mapping[int, float] | None = None) -> Tensor:
    """The sum of several channels, shape [N].

    GiGPO (arXiv 2505.10978, equation 8) is `[Channel(), Channel("step", "anchor", weight=omega, discount=gamma)]`;
    Tree-GRPO (arXiv 2509.21240) is `[Channel(), Channel(key="tree")]`.

    Raises:
        ConfigError: There is no channel.
    """
    if not channels:
        raise ConfigError("an algorithm needs at least one channel")
    return torch.stack([channel_advantages(channel, steps, companions) for channel in channels]).sum(dim=0)


def token_advantages(advantages_N: Tensor, batch: Batch) -> Tensor:
    """The advantage of the step in which each token was sampled, shape [B, T]; 0 where none was."""
    if len(advantages_N) == 0:
        return torch.zeros_like(batch.logprobs_BT)
    found = advantages_N[batch.step_BT]
    return torch.where(batch.mask_BT, found, torch.zeros_like(found))


def returns_to_go(reward_N: Tensor, trajectory_N: Tensor, discount: float) -> Tensor:
    """The discounted sum of a trajectory's rewards from each step on, shape [N].

    Example:
        >>> returns_to_go(torch.tensor([0.0, 0.0, 1.0, 5.0]), torch.tensor([0, 0, 0, 1]), 0.5)
        tensor([0.2500, 0.5000, 1.0000, 5.0000])
    """
    returns, owners = reward_N.tolist(), trajectory_N.tolist()  # a loop over tensors would be most of a step's credit
    for place in range(len(returns) - 2, -1, -1):
        if owners[place] == owners[place + 1]:
            returns[place] += discount * returns[place + 1]
    return torch.tensor(returns, dtype=reward_N.dtype)


class Estimate(NamedTuple):
    """Advantages and the returns that a critic is to predict; both [B, T], 0 where masked."""

    advantages_BT: Tensor
    returns_BT: Tensor


def gae(
    rewards_BT: Tensor,
    values_BT: Tensor,
    mask_BT: Tensor,
    *,
    discount: float = 1.0,
    trace: float = 0.95,
) -> Estimate:
    """Generalised advantage estimation over sampled tokens (arXiv 1506.02438, equation 16), through masked spans.

    Tokens of the environment are no steps: values, sums and discounts pass them by unchanged. With `trace=1` and values
    of 0 advantages are rewards to go. What comes after the last token is worth 0, also where a limit cut the episode
    off: the limit is a part of the task.

    Args:
        rewards_BT: Reward of each token; those of masked tokens are not seen.
        values_BT: What the critic predicts before each token.
        mask_BT: Sampled tokens.
        discount: Per sampled token (gamma).
        trace: Lambda.

    Raises:
        ConfigError: Shapes differ.

    Example:
        >>> mask = torch.tensor([[True, False, True]])
        >>> gae(torch.tensor([[0.0, 9.0, 1.0]]), torch.zeros(1, 3), mask, discount=0.5, trace=1.0).advantages_BT
        tensor([[0.5000, 0.0000, 1.0000]])
    """
    if not rewards_BT.shape == values_BT.shape == mask_BT.shape or rewards_BT.ndim != 2:
        shapes = [tuple(tensor.shape) for tensor in (rewards_BT, values_BT, mask_BT)]
        raise ConfigError(f"rewards, values and mask must have one shape [B, T], got {shapes}")
    following = values_BT.new_zeros(len(values_BT))
    running = torch.zeros_like(following)
    advantages = torch.zeros_like(values_BT)
    for place in range(values_BT.shape[1] - 1, -1, -1):
        mine, value = mask_BT[:, place], values_BT[:, place]
        delta = rewards_BT[:, place] + discount * following - value
        running = torch.where(mine, delta + discount * trace * running, running)
        following = torch.where(mine, value, following)
        advantages[:, place] = torch.where(mine, running, torch.zeros_like(running))
    returns = torch.where(mask_BT, advantages + values_BT, torch.zeros_like(values_BT))
    return Estimate(advantages, returns)


def whitened(values_BT: Tensor, mask_BT: Tensor, eps: float = 1e-8) -> Tensor:
    """Values with mean 0 and sample variance 1 over the masked-in tokens; 0 elsewhere.

    Args:
        values_BT: Values.
        mask_BT: Which of them count.
        eps: Added to the variance.

    Example:
        >>> whitened(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[True, True, False]]))
        tensor([[-0.7071,  0.7071,  0.0000]])
    """
    counted = values_BT[mask_BT]
    if counted.numel() < 2:
        return torch.zeros_like(values_BT)
    found = (values_BT - counted.mean()) * torch.rsqrt(counted.var(correction=1) + eps)
    return torch.where(mask_BT, found, torch.zeros_like(values_BT))


def _first(trajectory_N: Tensor) -> Tensor:
    """Which steps are the first of their trajectory."""
    before = torch.cat([trajectory_N.new_full((1,), -1), trajectory_N[:-1]])
    return trajectory_N != before


def _numbered(names: Sequence[tuple[int, str]]) -> list[int]:
    known: dict[tuple[int, str], int] = {}
    return [known.setdefault(name, len(known)) for name in names]
