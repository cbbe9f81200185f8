"""Aggregation: from values of tokens to one number, by counts of the whole batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from rlvr_gym.agents.losses.shapes import same_shape
from rlvr_gym.agents.recipes import AGGREGATIONS
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import suggestion
from torch import Tensor


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
    same_shape(values=values_BT, mask=mask_BT)
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
