"""Losses: masked pure functions on tensors.

Axes: B rows, T tokens. `mask_BT` is True at tokens that the policy sampled; a masked position (prompt, padding, text
of the environment) contributes to no value, no sum and no denominator. Denominators are global: a micro-batch divides
by the counts of the whole batch, so that splitting a batch changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from rlvr_gym.agents.recipes import AGGREGATIONS
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import suggestion
from torch import Tensor

_MAX_LOG_RATIO = 20.0


class ClippedLoss(NamedTuple):
    """Per-token loss and where the clip was in force; both [B, T]."""

    loss_BT: Tensor
    clipped_BT: Tensor


def clipped_policy_loss(
    logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_BT: Tensor,
    mask_BT: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
) -> ClippedLoss:
    """PPO's clipped surrogate per token (arXiv 1707.06347, equation 7), negated to be minimised.

    `max(-A rho, -A clip(rho, 1 - clip_low, 1 + clip_high))` with `rho = exp(logprobs - old_logprobs)`. Separate bounds
    are DAPO's clip-higher (arXiv 2503.14476). The log ratio is limited to 20 in size against overflow.

    Args:
        logprobs_BT: Under the policy that is trained; carries the gradient.
        old_logprobs_BT: Under the policy that sampled.
        advantages_BT: Advantages; shape [B, T], or [B, 1] to broadcast.
        mask_BT: Sampled tokens.
        clip_low: The ratio's lower bound is `1 - clip_low`.
        clip_high: The ratio's upper bound is `1 + clip_high`.

    Returns:
        Loss per token, 0 where masked, and where the clipped branch was the larger.

    Raises:
        ConfigError: Shapes differ.

    Example:
        >>> one = torch.ones(1, 1)
        >>> clipped_policy_loss(torch.log(1.5 * one), torch.log(one), one, one.bool()).loss_BT
        tensor([[-1.2000]])
    """
    _same_shape(logprobs=logprobs_BT, old_logprobs=old_logprobs_BT, mask=mask_BT)
    log_ratio = torch.where(mask_BT, logprobs_BT - old_logprobs_BT, torch.zeros_like(logprobs_BT))
    ratio = log_ratio.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO).exp()
    plain = -advantages_BT * ratio
    clipped = -advantages_BT * ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    loss = torch.where(mask_BT, torch.maximum(plain, clipped), torch.zeros_like(plain))
    return ClippedLoss(loss, (clipped > plain) & mask_BT)


def kl_k3(logprobs_BT: Tensor, reference_logprobs_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Schulman's k3 estimate of KL(policy || reference) per token: `exp(-d) - 1 + d` with `d = logprobs - reference`.

    Unbiased in value and never negative; as a loss its gradient is biased (GRPO, arXiv 2402.03300, equation 4, uses it
    so).

    Args:
        logprobs_BT: Under the policy that is trained.
        reference_logprobs_BT: Under the reference policy.
        mask_BT: Sampled tokens.

    Returns:
        Shape [B, T], 0 where masked.

    Example:
        >>> kl_k3(torch.tensor([[-1.0]]), torch.tensor([[-1.5]]), torch.tensor([[True]]))
        tensor([[0.1065]])
    """
    _same_shape(logprobs=logprobs_BT, reference_logprobs=reference_logprobs_BT, mask=mask_BT)
    d = torch.where(mask_BT, logprobs_BT - reference_logprobs_BT, torch.zeros_like(logprobs_BT))
    d = d.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO)
    return torch.expm1(-d) + d


@dataclass(frozen=True)
class Denominators:
    """Counts over a whole batch: sampled tokens, and rows with at least one of them.

    Example:
        >>> Denominators.of(torch.tensor([[True, True], [False, False]]))
        Denominators(tokens=2, rows=1)
    """

    tokens: int
    rows: int

    @classmethod
    def of(cls, mask_BT: Tensor) -> Denominators:
        """Count a mask."""
        return cls(int(mask_BT.sum()), int(mask_BT.any(dim=1).sum()))


def aggregate(
    values_BT: Tensor,
    mask_BT: Tensor,
    mode: str,
    *,
    denominators: Denominators | None = None,
    norm: float | None = None,
) -> Tensor:
    """Reduce per-token values to a scalar.

    Args:
        values_BT: Values.
        mask_BT: Which of them count.
        mode: `token_mean` (DAPO: sum over tokens / tokens), `token_sum`, `seq_mean_token_sum`, `seq_mean_token_mean`
            (GRPO's paper: mean over rows of each row's mean), `seq_mean_token_sum_norm` (Dr. GRPO: mean over rows of
            each row's sum / `norm`). Rows without a counted token are left out of row means.
        denominators: Counts of the whole batch, where this is a part of it; by default those of `mask_BT`.
        norm: The constant of `seq_mean_token_sum_norm`, for example the longest response allowed.

    Returns:
        A scalar; 0 where nothing counts. The parts of a batch, each with the batch's denominators, sum to the batch's
        value.

    Raises:
        ConfigError: Unknown mode, shapes differ, or `norm` is missing.

    Example:
        >>> values = torch.tensor([[1.0, 3.0, 0.0, 0.0], [2.0, 2.0, 4.0, 8.0]])
        >>> mask = torch.tensor([[True, True, False, False], [True] * 4])
        >>> [round(aggregate(values, mask, mode).item(), 4) for mode in ("token_mean", "seq_mean_token_mean")]
        [3.3333, 3.0]
    """
    _same_shape(values=values_BT, mask=mask_BT)
    if mode not in AGGREGATIONS:
        raise ConfigError(f"unknown aggregation {mode!r}{suggestion(mode, AGGREGATIONS)}")
    if (norm is None) != (mode != "seq_mean_token_sum_norm") or (norm is not None and norm <= 0):
        raise ConfigError(f"norm must be a positive number for 'seq_mean_token_sum_norm' and absent else; got {norm!r}")
    counts = denominators or Denominators.of(mask_BT)
    masked = torch.where(mask_BT, values_BT, torch.zeros_like(values_BT))
    if mode == "token_sum":
        return masked.sum()
    if mode == "token_mean":
        return masked.sum() / max(counts.tokens, 1)
    row_B = masked.sum(dim=1)
    if mode == "seq_mean_token_mean":
        row_B = row_B / mask_BT.sum(dim=1).clamp(min=1)
    return row_B.sum() / (max(counts.rows, 1) * (norm or 1.0))


def _same_shape(**tensors: Tensor) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 2:
        raise ConfigError(f"expected tensors of one shape [B, T], got {shapes}")
