"""Policy losses: what is lessened so that good responses become more likely, and how far one update may go."""

from __future__ import annotations

from typing import NamedTuple

import torch
from rlvr_gym.agents.losses.ratios import log_ratios
from rlvr_gym.agents.losses.shapes import same_shape
from rlvr_gym.agents.recipes import Recipe
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from torch import Tensor


class ClippedLoss(NamedTuple):
    """Per-token loss, and where a bound was in force; all [B, T].

    Args:
        loss_BT: Loss, 0 where masked.
        low_BT: Where the lower bound of the ratio was in force, or that of the dual clip.
        high_BT: Where the upper bound was in force.
    """

    loss_BT: Tensor
    low_BT: Tensor
    high_BT: Tensor

    @property
    def clipped_BT(self) -> Tensor:
        """Where either was in force."""
        return self.low_BT | self.high_BT


def clipped_policy_loss(
    logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_BT: Tensor,
    mask_BT: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
    level: str = "token",
) -> ClippedLoss:
    """PPO's clipped surrogate per token (arXiv 1707.06347, equation 7), negated to be minimised.

    `max(-A rho, -A clip(rho, 1 - clip_low, 1 + clip_high))` with `rho = exp(logprobs - old_logprobs)`. Separate bounds
    are DAPO's clip-higher (arXiv 2503.14476). With `level="geometric"` it is GSPO. The log ratio is limited to 20 in
    size against overflow.

    Args:
        logprobs_BT: Under the policy that is trained; carries the gradient.
        old_logprobs_BT: Under the policy that sampled.
        advantages_BT: Advantages; shape [B, T], or [B, 1] to broadcast.
        mask_BT: Sampled tokens.
        clip_low: The ratio's lower bound is `1 - clip_low`.
        clip_high: The ratio's upper bound is `1 + clip_high`.
        dual_clip: For negative advantages the loss is at most `-dual_clip A` (arXiv 1912.09729, equation 5); above 1.
            None for no such bound.
        level: See `log_ratios`.

    Raises:
        ConfigError: Shapes differ, or the dual clip is not above 1.

    Example:
        >>> one = torch.ones(1, 1)
        >>> clipped_policy_loss(torch.log(1.5 * one), torch.log(one), one, one.bool()).loss_BT
        tensor([[-1.2000]])
    """
    ratio = log_ratios(logprobs_BT, old_logprobs_BT, mask_BT, level).exp()
    plain = -advantages_BT * ratio
    clipped = -advantages_BT * ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    loss = torch.maximum(plain, clipped)
    bound = (clipped > plain) & mask_BT
    low, high = bound & (ratio < 1), bound & (ratio > 1)
    if dual_clip is not None:
        if dual_clip <= 1:
            raise ConfigError(f"dual_clip must be above 1, got {shown(dual_clip)}")
        most = torch.where(advantages_BT < 0, -dual_clip * advantages_BT, torch.full_like(loss, torch.inf))
        low = low | ((loss > most) & mask_BT)
        loss = torch.minimum(loss, most)
    return ClippedLoss(torch.where(mask_BT, loss, torch.zeros_like(loss)), low, high)


def geometric_policy_loss(
    logprobs_BT: Tensor, old_logprobs_BT: Tensor, advantages_BT: Tensor, mask_BT: Tensor, *, clip: float = 0.4
) -> ClippedLoss:
    """GMPO (arXiv 2507.20673, equation 4): the geometric mean of the row's ratios, each clipped on one side before.

    A token's log ratio may help the objective by at most `clip`; what harms it is not cut.

    Args:
        logprobs_BT: Under the policy that is trained; carries the gradient.
        old_logprobs_BT: Under the policy that sampled.
        advantages_BT: Advantages, one a row; shape [B, T] or [B, 1].
        mask_BT: Sampled tokens.
        clip: Bound of the log ratio.

    Returns:
        The row's loss at each of its tokens.

    Example:
        >>> new, old, every = torch.tensor([[0.2, -0.1, 0.5]]), torch.zeros(1, 3), torch.ones(1, 3, dtype=torch.bool)
        >>> geometric_policy_loss(new, old, torch.ones(1, 1), every).loss_BT[0, 0]
        tensor(-1.1814)
    """
    own = log_ratios(logprobs_BT, old_logprobs_BT, mask_BT)
    sign = torch.sign(advantages_BT).expand_as(own)
    kept = sign * torch.minimum(sign * own, (sign * own).clamp(-clip, clip))
    kept = torch.where(mask_BT, kept, torch.zeros_like(kept))
    mean_B1 = kept.sum(dim=1, keepdim=True) / mask_BT.sum(dim=1, keepdim=True).clamp(min=1)
    loss = torch.where(mask_BT, -advantages_BT * mean_B1.exp(), torch.zeros_like(own))
    return ClippedLoss(loss, (sign * own > clip) & (sign < 0) & mask_BT, (sign * own > clip) & (sign > 0) & mask_BT)


def weighted_policy_loss(
    logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_BT: Tensor,
    mask_BT: Tensor,
    *,
    low: float = 0.0,
    high: float = 5.0,
) -> ClippedLoss:
    """The policy gradient with the clipped ratio as a weight that carries no gradient (CISPO, arXiv 2506.13585).

    `-A sg(clip(rho, low, high)) log pi`: no token loses its gradient, however far its ratio has gone.

    Args:
        logprobs_BT: Under the policy that is trained; carries the gradient.
        old_logprobs_BT: Under the policy that sampled.
        advantages_BT: Advantages; shape [B, T] or [B, 1].
        mask_BT: Sampled tokens.
        low: Least weight.
        high: Largest weight.
    """
    ratio = log_ratios(logprobs_BT, old_logprobs_BT, mask_BT).exp().detach()
    own = torch.where(mask_BT, logprobs_BT, torch.zeros_like(logprobs_BT))
    loss = -advantages_BT * ratio.clamp(low, high) * own
    return ClippedLoss(loss, (ratio < low) & mask_BT, (ratio > high) & mask_BT)


def policy_loss(
    recipe: Recipe, logprobs_BT: Tensor, old_logprobs_BT: Tensor, advantages_BT: Tensor, mask_BT: Tensor
) -> ClippedLoss:
    """The policy loss of a recipe, per token; of the region `"penalty"` without its penalty."""
    given = (logprobs_BT, old_logprobs_BT, advantages_BT, mask_BT)
    if recipe.region == "geometric":
        return geometric_policy_loss(*given, clip=recipe.clip_high)
    if recipe.region == "weight":
        return weighted_policy_loss(*given, low=1 - recipe.clip_low, high=1 + recipe.clip_high)
    if recipe.region == "penalty":
        ratio = log_ratios(logprobs_BT, old_logprobs_BT, mask_BT, recipe.ratio).exp()
        nowhere = torch.zeros_like(mask_BT)
        return ClippedLoss(torch.where(mask_BT, -advantages_BT * ratio, torch.zeros_like(ratio)), nowhere, nowhere)
    if recipe.region == "none":
        nowhere = torch.zeros_like(mask_BT)
        return ClippedLoss(policy_gradient_loss(logprobs_BT, advantages_BT, mask_BT), nowhere, nowhere)
    return clipped_policy_loss(
        *given,
        clip_low=recipe.clip_low,
        clip_high=recipe.clip_high,
        dual_clip=recipe.dual_clip,
        level=recipe.ratio,
    )


def policy_gradient_loss(logprobs_BT: Tensor, advantages_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """`-A log pi` per token, 0 where masked: REINFORCE, ReMax, RAFT; its value means nothing, its gradient does.

    No log-probability is limited: that of a token that was all but impossible has a gradient like any other.
    """
    same_shape(logprobs=logprobs_BT, mask=mask_BT)
    return -advantages_BT * torch.where(mask_BT, logprobs_BT, torch.zeros_like(logprobs_BT))
