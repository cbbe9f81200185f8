"""How prompts are read before rows continue them: each different one once, and of it what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from rlvr_gym.agents.llama_stepping import LlamaStepper, is_plain_llama
from rlvr_gym.agents.prefixes import Prefixes
from rlvr_gym.agents.stepping import Stepper
from rlvr_gym.verifiers import ConfigError
from torch import Tensor


def make_stepper(
    model: Any, prompts: Sequence[Sequence[int]], pad_id: int, room: int, prefixes: Prefixes | None = None
) -> Stepper:
    """The fastest stepper that knows the model, with the prompts read.

    Args:
        model: A causal transformers model.
        prompts: Ids, one prompt a row; equal prompts are read once.
        pad_id: Any id; what fills rows up is not attended to.
        room: Tokens that will be sampled at most.
        prefixes: Of the prompts, what is found there is not read again. Only for models that `remembers`.

    Raises:
        ConfigError: A prompt is empty.
    """
    unique = {tuple(prompt): None for prompt in prompts}
    places = {prompt: i for i, prompt in enumerate(unique)}
    known = prefixes.known(list(unique)) if prefixes is not None else None
    lengths = known.lengths if known is not None else [0] * len(unique)
    unread = [prompt[length:] for prompt, length in zip(unique, lengths, strict=True)]
    ids_UL, attention_UL = left_padded(unread, pad_id)
    rows_B = torch.tensor([places[tuple(prompt)] for prompt in prompts])
    kind = LlamaStepper if is_plain_llama(model) else Stepper
    device = model.device
    return kind(model, ids_UL.to(device), attention_UL.to(device), rows_B.to(device), room, known)


def left_padded(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, padded on the left to one width; both [B, L].

    Raises:
        ConfigError: A row is empty.
    """
    width = max(len(row) for row in rows)
    if min(len(row) for row in rows) == 0:
        raise ConfigError("a prompt has no tokens: the policy needs at least one to continue")
    ids = torch.tensor([[pad_id] * (width - len(row)) + list(row) for row in rows])
    attention = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, attention
