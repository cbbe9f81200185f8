"""Ratios of the policy that is trained to the one that sampled, of tokens and of whole responses."""

from __future__ import annotations

from rlvr_gym.agents.losses.shapes import MAX_LOG_RATIO, difference, same_shape
from rlvr_gym.agents.recipes import RATIOS
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from torch import Tensor


def log_ratios(logprobs_BT: Tensor, old_logprobs_BT: Tensor, mask_BT: Tensor, level: str = "token") -> Tensor:
    """The logarithm of the ratio that belongs to each token.

    Args:
        logprobs_BT: Under the policy that is trained; carries the gradient.
        old_logprobs_BT: Under the policy that sampled.
        mask_BT: Sampled tokens.
        level: `"token"`: its own (PPO). `"sequence"`: that of the whole row, the sum over its tokens (RLOO).
            `"geometric"`: the mean over the row's tokens (GSPO, arXiv 2507.18071, equation 7), so that long rows have
            ratios of the same size.

    Returns:
        Shape [B, T], 0 where masked. A row's ratio stands at each of its tokens: with a mean over tokens within a row
        the loss and its gradient are those of the row.

    Raises:
        ConfigError: Shapes differ, or there is no such level.

    Example:
        >>> import torch
        >>> new, old = torch.tensor([[0.2, -0.1, 0.5]]), torch.zeros(1, 3)
        >>> log_ratios(new, old, torch.ones(1, 3, dtype=torch.bool), "geometric")
        tensor([[0.2000, 0.2000, 0.2000]])
    """
    same_shape(logprobs=logprobs_BT, old_logprobs=old_logprobs_BT, mask=mask_BT)
    if level not in RATIOS:
        raise ConfigError(f"the level of a ratio is one of {', '.join(RATIOS)}; got {shown(level)}")
    own = difference(logprobs_BT, old_logprobs_BT, mask_BT)
    if level == "token":
        return own
    row_B1 = own.sum(dim=1, keepdim=True)
    if level == "geometric":
        row_B1 = row_B1 / mask_BT.sum(dim=1, keepdim=True).clamp(min=1)
    return (row_B1.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO) * mask_BT).to(own.dtype)
