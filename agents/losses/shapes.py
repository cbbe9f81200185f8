"""Checks and pieces that every loss needs."""

from __future__ import annotations

import torch
from rlvr_gym.verifiers import ConfigError
from torch import Tensor

MAX_LOG_RATIO = 20.0


def same_shape(**tensors: Tensor) -> None:
    """Refuse tensors that are not all of one shape [B, T].

    Raises:
        ConfigError: With their names and shapes.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 2:
        raise ConfigError(f"expected tensors of one shape [B, T], got {shapes}")


def difference(above_BT: Tensor, below_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """The difference of log-probabilities, limited to 20 in size against overflow; 0 where masked."""
    found = torch.where(mask_BT, above_BT - below_BT, torch.zeros_like(above_BT))
    return found.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
