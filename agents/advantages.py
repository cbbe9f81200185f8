"""Advantages: values less a baseline, divided by a scale, among those that share a key.

Axes: N values; P prompts, G responses of one prompt (a group). What does not count, because it could not be graded,
takes part in no statistic; values without a second one to compare them with get advantage 0.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from rlvr_gym.agents.recipes import BASELINES, SCALES
from rlvr_gym.verifiers import ConfigError
from torch import Tensor


class Grouped(NamedTuple):
    """Statistics of the counted values of each key, for every one of the N values; all [N].

    Args:
        number: How many there are.
        mean: Their mean; where they are equal, exactly that value.
        std: Their sample standard deviation (ddof 1); 0 where there are less than two.
        largest: The largest distance of one of them from the mean.
    """

    number: Tensor
    mean: Tensor
    std: Tensor
    largest: Tensor


def grouped(values_N: Tensor, key_N: Tensor, counts_N: Tensor) -> Grouped:
    """The statistics of each value's key.

    Example:
        >>> grouped(torch.tensor([1.0, 3.0, 7.0]), torch.tensor([5, 5, 9]), torch.ones(3, dtype=torch.bool)).mean
        tensor([2., 2., 7.])
    """
    _, index = torch.unique(key_N, return_inverse=True)
    keys = int(index.max()) + 1 if len(index) else 0
    weight = counts_N.to(values_N.dtype)
    held = torch.where(counts_N, values_N, torch.zeros_like(values_N))
    count_K = values_N.new_zeros(keys).index_add(0, index, weight)
    mean_K = values_N.new_zeros(keys).index_add(0, index, held) / count_K.clamp(min=1)
    # A mean of equal values may differ from them by a rounding, which a division by their deviation would blow up.
    low_K, high_K = (
        values_N.new_zeros(keys).scatter_reduce(0, index[counts_N], values_N[counts_N], of, include_self=False)
        for of in ("amin", "amax")
    )
    mean_K = mean_K.clamp(low_K, high_K)
    apart = (held - mean_K[index]) * weight
    square_K = values_N.new_zeros(keys).index_add(0, index, apart.square())
    std_K = (square_K / (count_K - 1).clamp(min=1)).sqrt()
    largest_K = values_N.new_zeros(keys).scatter_reduce(0, index, apart.abs(), "amax")
    return Grouped(count_K[index], mean_K[index], std_K[index], largest_K[index])


def advantages(
    values_N: Tensor,
    key_N: Tensor,
    counts_N: Tensor,
    *,
    baseline: str = "mean",
    scale: str = "group_std",
    eps: float = 1e-6,
) -> Tensor:
    """`(v - b) / (s + eps)` among the values that share a key.

    Args:
        values_N: Values, shape [N].
        key_N: Integers, shape [N]: equal ones are compared with each other.
        counts_N: Which of them enter the statistics, shape [N], boolean. A value that does not is compared with those
            that do.
        baseline: `"none"`; `"mean"` of the key; `"leave_one_out"`, the mean of the others of the key.
        scale: `"none"`; `"group_std"`, the sample standard deviation (ddof 1) of the key; `"batch_std"`, that of all
            values; `"max_abs"`, the largest distance from the mean of the key.
        eps: Added to the scale.

    Returns:
        Shape [N]; 0 where a key has less than two counted values, unless there is no baseline.

    Raises:
        ConfigError: Shapes differ, or a name is unknown.

    Example:
        >>> rewards, prompts = torch.tensor([1.0, 0.0, 5.0, 4.0]), torch.tensor([0, 0, 1, 1])
        >>> advantages(rewards, prompts, torch.ones(4, dtype=torch.bool), scale="none")
        tensor([ 0.5000, -0.5000,  0.5000, -0.5000])
    """
    if values_N.ndim != 1 or not values_N.shape == key_N.shape == counts_N.shape:
        shapes = [tuple(tensor.shape) for tensor in (values_N, key_N, counts_N)]
        raise ConfigError(f"values, key and counts must have one shape [N], got {shapes}")
    if baseline not in BASELINES or scale not in SCALES:
        raise ConfigError(f"baseline must be one of {BASELINES} and scale one of {SCALES}; got {baseline!r}, {scale!r}")
    stats = grouped(values_N, key_N, counts_N)
    if baseline == "none":
        found = values_N
    else:
        found = values_N - stats.mean
        if baseline == "leave_one_out":
            found = found * stats.number / (stats.number - 1).clamp(min=1)
        found = torch.where(stats.number >= 2, found, torch.zeros_like(found))
    if scale == "none":
        return found
    if scale == "batch_std":
        stats = grouped(values_N, torch.zeros_like(key_N), counts_N)
    size = (stats.largest if scale == "max_abs" else stats.std) + eps
    return found / torch.where(size > 0, size, torch.ones_like(size))  # without an eps, equal values have none


def group_advantages(
    rewards_PG: Tensor,
    mask_PG: Tensor | None = None,
    *,
    baseline: str = "mean",
    scale: str = "group_std",
    eps: float = 1e-6,
) -> Tensor:
    """Advantage of each response relative to the other responses to its prompt.

    With the mean of the group GRPO (arXiv 2402.03300, section 4.1.2), with that of the others RLOO (arXiv 2402.14740).
    The standard deviation is the sample's (ddof 1), as in every public implementation; the paper does not say which.
    `scale="none"` is Dr. GRPO (arXiv 2503.20783).

    Args:
        rewards_PG: Rewards, shape [P, G].
        mask_PG: Which responses count, shape [P, G], boolean; all by default.
        baseline: See `advantages`.
        scale: See `advantages`.
        eps: See `advantages`.

    Returns:
        Advantages, shape [P, G]. 0 where masked, in groups with fewer than two counted responses (their baseline would
        be themselves; verl returns the reward itself there), and in groups whose rewards are all equal.

    Raises:
        ConfigError: Wrong rank or shape, or an unknown name.

    Example:
        >>> group_advantages(torch.tensor([[1.0, 0.0, 0.0, 1.0]]), scale="none")
        tensor([[ 0.5000, -0.5000, -0.5000,  0.5000]])
    """
    mask = _mask(rewards_PG, mask_PG)
    held = torch.where(mask, rewards_PG, torch.zeros_like(rewards_PG)).flatten()
    key = torch.arange(len(rewards_PG)).repeat_interleave(rewards_PG.shape[1])
    found = advantages(held, key, mask.flatten(), baseline=baseline, scale=scale, eps=eps).reshape(rewards_PG.shape)
    return torch.where(mask, found, torch.zeros_like(found))


def tied_groups(rewards_PG: Tensor, mask_PG: Tensor | None = None) -> Tensor:
    """Which groups carry no signal: all counted rewards are equal, or fewer than two count.

    Args:
        rewards_PG: Rewards, shape [P, G].
        mask_PG: Which responses count, shape [P, G]; all by default.

    Returns:
        Boolean, shape [P].

    Example:
        >>> tied_groups(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
        tensor([ True, False])
    """
    mask = _mask(rewards_PG, mask_PG)
    low = rewards_PG.masked_fill(~mask, float("inf")).amin(dim=1)
    high = rewards_PG.masked_fill(~mask, float("-inf")).amax(dim=1)
    return (high <= low) | (mask.sum(dim=1) < 2)


def _mask(rewards_PG: Tensor, mask_PG: Tensor | None) -> Tensor:
    if rewards_PG.ndim != 2:
        raise ConfigError(f"rewards must have shape [P, G], got {tuple(rewards_PG.shape)}")
    if mask_PG is None:
        return torch.ones_like(rewards_PG, dtype=torch.bool)
    if mask_PG.shape != rewards_PG.shape:
        raise ConfigError(f"mask {tuple(mask_PG.shape)} and rewards {tuple(rewards_PG.shape)} must have one shape")
    return mask_PG.bool()
