"""Constraints: a reward that is to be large and a cost that is to stay below a bound (Safe RLHF, arXiv 2310.12773)."""

from __future__ import annotations

import math

from rlvr_gym.verifiers import ConfigError
from torch import Tensor


def mixed_advantages(reward_advantages: Tensor, cost_advantages: Tensor, multiplier: float) -> Tensor:
    """`(A_r - lambda A_c) / (1 + lambda)`: the Lagrangian's advantages, of a size that lambda does not change.

    Args:
        reward_advantages: Of the reward, with its own baseline; any shape.
        cost_advantages: Of the cost, with its own baseline; the same shape.
        multiplier: Lambda, at least 0.

    Raises:
        ConfigError: Shapes differ, or the multiplier is negative.

    Example:
        >>> import torch
        >>> mixed_advantages(torch.tensor([1.0]), torch.tensor([0.5]), 3.0)
        tensor([-0.1250])
    """
    if reward_advantages.shape != cost_advantages.shape or not 0 <= multiplier < math.inf:
        shapes = tuple(reward_advantages.shape), tuple(cost_advantages.shape)
        raise ConfigError(f"expected one shape and a multiplier of at least 0, got {shapes} and {multiplier}")
    return (reward_advantages - multiplier * cost_advantages) / (1 + multiplier)


def moved_multiplier(
    multiplier: float, cost: float, *, threshold: float = 0.0, learning_rate: float = 0.1, most: float = math.inf
) -> float:
    """Lambda after one step of gradient ascent on `lambda (cost - threshold)` in the logarithm of lambda.

    `log lambda += learning_rate * lambda * (cost - threshold)`, so that it stays above 0.

    Args:
        multiplier: What it was, above 0.
        cost: Mean cost of recent episodes.
        threshold: What the cost is to stay below.
        learning_rate: Of the step.
        most: Its upper bound.

    Raises:
        ConfigError: The multiplier is not above 0.

    Example:
        >>> round(moved_multiplier(1.0, 0.2), 6)
        1.020201
    """
    if not 0 < multiplier < math.inf:
        raise ConfigError(f"the multiplier must be above 0, got {multiplier}")
    return min(multiplier * math.exp(learning_rate * multiplier * (cost - threshold)), most)
