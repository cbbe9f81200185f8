"""What the optimiser steps of one rollout read: rows in the order of their length, with everything that stays fixed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from rlvr_gym.agents.batch import Batch
from torch import Tensor


@dataclass(frozen=True)
class Lessons:
    """The rows of a rollout and what does not change while it is learnt from.

    Args:
        batch: Rows; `mask_BT` is True at the tokens that are learnt from.
        counted_BT: The tokens that denominators count.
        trajectory_B: Number of the trajectory of each row.
        group_B: Number of its prompt.
        advantages_BT: Advantages.
        reward_B: Reward of the trajectory, for regressions.
        returns_BT: What the critic is to predict.
        values_BT: What it predicted; zeros without one.
        old_BT: Log-probabilities under the policy that sampled.
        reference_BT: Those of the reference policy; zeros where nothing needs them.
        weight_BT: Factors of the tokens' losses.
        moving_B: Rows that can move a parameter; the others are counted and not computed.
    """

    batch: Batch
    counted_BT: Tensor
    trajectory_B: Tensor
    group_B: Tensor
    advantages_BT: Tensor
    reward_B: Tensor
    returns_BT: Tensor
    values_BT: Tensor
    old_BT: Tensor
    reference_BT: Tensor
    weight_BT: Tensor
    moving_B: Tensor

    def __len__(self) -> int:
        return len(self.batch)

    def rows(self, part: Tensor) -> Lessons:
        """Some rows, by their numbers or by a boolean tensor [B], cut to the width that they need; at least one."""
        batch = self.batch.rows(part)
        width = batch.ids_BT.shape[1]
        found = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "batch":
                found[field.name] = value[part, :width] if value.ndim == 2 else value[part]
        return Lessons(batch, **found)

    def to(self, device: torch.device) -> Lessons:
        """The same on a device."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "batch"}
        return Lessons(batch_to(self.batch, device), **{name: value.to(device) for name, value in tensors.items()})

    def over(self, threshold: float, *, dilute: bool) -> Lessons:
        """The same rows, of which only those with a reward over a threshold are learnt from.

        Args:
            threshold: What the reward must exceed.
            dilute: Whether the others are counted.
        """
        over_B = self.reward_B > threshold
        return replace(
            self,
            batch=replace(self.batch, mask_BT=self.batch.mask_BT & over_B[:, None]),
            counted_BT=self.counted_BT if dilute else self.counted_BT & over_B[:, None],
            moving_B=self.moving_B & over_B,
        )

    def share(self, groups: Tensor) -> Lessons | None:
        """The rows of some groups; None where they have none."""
        part = torch.isin(self.group_B, groups).nonzero()[:, 0]
        return self.rows(part) if len(part) else None


def batch_to(batch: Batch, device: torch.device) -> Batch:
    """A batch on a device."""
    return Batch(**{field.name: getattr(batch, field.name).to(device) for field in fields(batch)})
