"""Advantages: pure functions of rewards.

Axes: P prompts, G responses of one prompt (a group). A mask is True where a response counts; a response that could not
be graded is masked, and then takes part in no statistic and gets advantage 0.
"""

from __future__ import annotations

import torch
from rlvr_gym.agents.recipes import BASELINES, SCALES
from rlvr_gym.verifiers import ConfigError
from torch import Tensor


def group_advantages(
    rewards_PG: Tensor,
    mask_PG: Tensor | None = None,
    *,
    baseline: str = "mean",
    scale: str = "group_std",
    eps: float = 1e-6,
) -> Tensor:
    """Advantage of each response relative to the other responses to its prompt.

    `A = (r - b) / (s + eps)` with b the group mean (GRPO, arXiv 2402.03300, section 4.1.2) or the mean of the others
    (RLOO, arXiv 2402.14740), and s the group's sample standard deviation (ddof 1), as in every public implementation;
    the paper does not say which. `scale="none"` is Dr. GRPO (arXiv 2503.20783).

    Args:
        rewards_PG: Rewards, shape [P, G].
        mask_PG: Which responses count, shape [P, G], boolean; all by default.
        baseline: `"none"`, `"mean"` or `"leave_one_out"`.
        scale: `"none"` or `"group_std"`.
        eps: Added to the standard deviation.

    Returns:
        Advantages, shape [P, G]. 0 where masked, in groups with fewer than two counted responses (their baseline would
        be themselves; verl returns the reward itself there), and in groups whose rewards are all equal.

    Raises:
        ConfigError: Wrong rank or shape, or an unknown name.

    Example:
        >>> group_advantages(torch.tensor([[1.0, 0.0, 0.0, 1.0]]), scale="none")
        tensor([[ 0.5000, -0.5000, -0.5000,  0.5000]])
    """
    mask = _mask(rewards_PG, mask_PG).to(rewards_PG.dtype)
    if baseline not in BASELINES or scale not in SCALES:
        raise ConfigError(f"baseline must be one of {BASELINES} and scale one of {SCALES}; got {baseline!r}, {scale!r}")
    rewards = torch.where(mask > 0, rewards_PG, torch.zeros_like(rewards_PG))
    count_P1 = mask.sum(dim=1, keepdim=True)
    mean_P1 = rewards.sum(dim=1, keepdim=True) / count_P1.clamp(min=1)
    centred = (rewards - mean_P1) * mask
    std_P1 = (centred.square().sum(dim=1, keepdim=True) / (count_P1 - 1).clamp(min=1)).sqrt()
    if baseline == "mean":
        advantages = centred
    elif baseline == "leave_one_out":
        advantages = centred * count_P1 / (count_P1 - 1).clamp(min=1)
    else:
        advantages = rewards * mask
    if scale == "group_std":
        advantages = advantages / (std_P1 + eps)
    if baseline != "none":
        advantages = torch.where(count_P1 >= 2, advantages, torch.zeros_like(advantages))
    return advantages


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
