"""The correction between the program that samples and the one that trains: two programs, two sets of numbers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from rlvr_gym.agents.losses.ratios import log_ratios
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from torch import Tensor

MODES = ("truncate", "mask")


class Correction(NamedTuple):
    """Weights of the tokens' losses, and how far apart the programs are.

    Args:
        weight_BT: Factor of each token's loss, without gradient; 0 where masked or left out.
        left_out: Share of the sampled tokens that are left out.
        largest: Largest difference of a token's log-probabilities.
    """

    weight_BT: Tensor
    left_out: float
    largest: float


def sampler_correction(
    trainer_logprobs_BT: Tensor,
    sampler_logprobs_BT: Tensor,
    mask_BT: Tensor,
    *,
    mode: str = "truncate",
    level: str = "token",
    low: float = 0.0,
    high: float = 2.0,
) -> Correction:
    """Importance weights of the trainer's own old policy over the sampler's.

    Args:
        trainer_logprobs_BT: Under the policy that sampled, as the trainer computes it.
        sampler_logprobs_BT: Under the same policy, as the sampler computed it.
        mask_BT: Sampled tokens.
        mode: `"truncate"`: weights are cut to the bounds (truncated importance sampling). `"mask"`: tokens, or with
            another level rows, whose weight is out of bounds are left out, and the others keep theirs (IcePop has
            bounds of 0.5 and 5 at the level of tokens).
        level: See `log_ratios`.
        low: Lower bound.
        high: Upper bound.

    Raises:
        ConfigError: Shapes differ, there is no such mode, or the bounds do not hold 1.

    Example:
        >>> trainer, sampler = torch.tensor([[0.0, 1.0, 0.0]]), torch.zeros(1, 3)
        >>> sampler_correction(trainer, sampler, torch.tensor([[True, True, False]])).weight_BT
        tensor([[1., 2., 0.]])
    """
    if mode not in MODES or not 0 <= low <= 1 <= high:
        raise ConfigError(
            f"expected a mode of {', '.join(MODES)} and 0 <= low <= 1 <= high; got {shown(mode)}, {low}, {high}"
        )
    with torch.no_grad():
        apart = log_ratios(trainer_logprobs_BT, sampler_logprobs_BT, mask_BT)
        weight = log_ratios(trainer_logprobs_BT, sampler_logprobs_BT, mask_BT, level).exp()
        outside = ((weight < low) | (weight > high)) & mask_BT
        kept = mask_BT & ~outside if mode == "mask" else mask_BT
        weight = torch.where(kept, weight.clamp(low, high), torch.zeros_like(weight))
    count = max(int(mask_BT.sum()), 1)
    left_out = float((mask_BT & ~kept).sum()) / count
    return Correction(weight, left_out, float(apart.abs().max()) if apart.numel() else 0.0)
