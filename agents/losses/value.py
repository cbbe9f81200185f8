"""What a critic is trained by, and the entropy of a policy."""

from __future__ import annotations

import torch
from rlvr_gym.agents.losses.shapes import same_shape
from torch import Tensor


def value_loss(
    values_BT: Tensor, old_values_BT: Tensor, returns_BT: Tensor, mask_BT: Tensor, *, clip: float | None = 0.2
) -> Tensor:
    """Half of the squared error per token, the larger of the plain and the clipped one, as in PPO's published code.

    Args:
        values_BT: What the critic predicts; carries the gradient.
        old_values_BT: What it predicted at sampling time.
        returns_BT: What it should have predicted.
        mask_BT: Sampled tokens.
        clip: How far a prediction may move from the old one; None for no bound.

    Returns:
        Shape [B, T], 0 where masked.

    Example:
        >>> one = torch.ones(1, 1)
        >>> value_loss(2 * one, one, 3 * one, one.bool())
        tensor([[1.6200]])
    """
    same_shape(values=values_BT, old_values=old_values_BT, returns=returns_BT, mask=mask_BT)
    error = (values_BT - returns_BT).square()
    if clip is not None:
        near = old_values_BT + (values_BT - old_values_BT).clamp(-clip, clip)
        error = torch.maximum(error, (near - returns_BT).square())
    return torch.where(mask_BT, error / 2, torch.zeros_like(error))


def entropy(logits: Tensor) -> Tensor:
    """Entropy of each distribution, in nats.

    Args:
        logits: Shape [..., V], divided by the temperature.

    Returns:
        Shape [...]; logits of minus infinity count as impossible.

    Example:
        >>> entropy(torch.zeros(1, 4))
        tensor([1.3863])
    """
    logprobs = torch.log_softmax(logits, dim=-1)
    terms = torch.where(torch.isneginf(logprobs), torch.zeros_like(logprobs), logprobs.exp() * logprobs)
    return -terms.sum(dim=-1)
