"""The critic: what it predicts before each token, from a body of its own or from the policy's."""

from __future__ import annotations

import copy
from typing import Any

import torch
from rlvr_gym.agents.batch import Batch, TokenStats, token_stats
from torch import Tensor, nn


class ValueModel(nn.Module):
    """A value for every token: a linear head on the last hidden state before it.

    The head begins at 0, so that the first advantages are returns.

    Args:
        model: The causal language model that training starts from.
        separate: Whether the body is a copy; else it is the policy's own, and the value loss moves both.

    Example:
        >>> from rlvr_gym.agents.batch import Row, batch_of_rows
        >>> from rlvr_gym.agents.models import build_preset
        >>> lm = build_preset("nano", alphabet="0123456789")
        >>> row = Row([3, 4, 5], [False, True, True], [0.0] * 3, [0] * 3)
        >>> ValueModel(lm.model, separate=True)(batch_of_rows([row], 0)).tolist()
        [[0.0, 0.0, 0.0]]
    """

    def __init__(self, model: Any, *, separate: bool) -> None:
        super().__init__()
        body = model.base_model
        self.body: Any = copy.deepcopy(body) if separate else None
        # Not registered where it is the policy's: its parameters are the policy's to save and to step.
        self._policy_body = [] if separate else [body]
        self.head = nn.Linear(int(model.config.get_text_config().hidden_size), 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch) -> Tensor:
        """What it predicts before each token, shape [B, T]; position 0, before which there is nothing, is 0."""
        body = self.body if self.body is not None else self._policy_body[0]
        hidden = body(input_ids=batch.ids_BT, use_cache=False).last_hidden_state
        values_BT = self.head(hidden.float())[..., 0]
        return torch.cat([torch.zeros_like(values_BT[:, :1]), values_BT[:, :-1]], dim=1)


class PolicyAndCritic(nn.Module):
    """Both as one module: a pass through either is a call of it, as wrappers for several processes need.

    Args:
        policy: A causal language model.
        critic: None where there is none.
    """

    def __init__(self, policy: Any, critic: ValueModel | None) -> None:
        super().__init__()
        self.policy, self.critic = policy, critic

    def forward(self, batch: Batch, temperature: float, entropy: bool) -> tuple[TokenStats, Tensor | None]:
        """What the policy says of the tokens, and what the critic predicts before them."""
        stats = token_stats(self.policy, batch, temperature, entropy=entropy)
        return stats, self.critic(batch) if self.critic is not None else None
