"""Forward passes of decoding: the prompts once, then one token a row at a time, over a cache that is written in place.

`Stepper` calls the model's own forward pass and so works for whatever causal model transformers loads;
`llama_stepping.LlamaStepper` is faster for the models that it knows.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from rlvr_gym.agents.prefixes import Known, Page
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of the cache with room for all that is to come: written in place, read as a view of what is used.

    Args:
        length: Tokens for which there is room once `batch_select_indices` was called.
        dtype: Of what is kept; None for that of the first keys.
        known: Keys and values of earlier tokens, [B, 2, heads, W, size], with room for the first that come.
        used: How many these are.

    Attributes:
        states: Keys and values, [B, 2, heads, W, size].
    """

    def __init__(
        self, length: int, dtype: torch.dtype | None = None, known: Tensor | None = None, used: int = 0
    ) -> None:
        super().__init__()
        self.length, self.kept_dtype, self.used = length, dtype, used
        if known is not None:
            self.states, self.is_initialized = known, True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Take in the keys and values of new tokens, each [B, heads, N, size]; returns those of all."""
        start, self.used = self.used, self.used + key_states.shape[-2]
        if start == 0:
            kept = self.kept_dtype or key_states.dtype
            self.states, self.is_initialized = torch.stack([key_states.to(kept), value_states.to(kept)], dim=1), True
        else:
            for new, place in ((key_states, 0), (value_states, 1)):
                self.states[:, place, :, start : self.used] = new
        return self._read()

    def append(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Take in keys and values of one token, [B, 2, heads, 1, size]; returns those of all."""
        self.states.narrow(3, self.used, 1).copy_(states)
        self.used += 1
        return self._read()

    def get_seq_length(self) -> int:
        """Tokens that it holds."""
        return self.used

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows, each as often as it is named."""
        if self.used:
            _, _, heads, _, size = self.states.shape
            roomy = self.states.new_empty(len(indices), 2, heads, self.length, size)
            roomy[..., : self.used, :] = self.states[indices, ..., : self.used, :]
            self.states = roomy

    def _read(self) -> tuple[Tensor, Tensor]:
        keys, values = self.states.narrow(3, 0, self.used).unbind(1)
        return keys, values


class Stepper:
    """The model's own forward pass.

    Layers of the cache that are no plain attention (sliding windows, recurrent states) stay what transformers makes
    them.

    Args:
        model: A causal transformers model.
        ids_UL: Different prompts, or what is not known of them, padded on the left.
        attention_UL: 0 at padding.
        rows_B: Which of the prompts each row continues.
        room: Tokens that will be sampled at most.
        known: Of the prompts' beginnings.

    Attributes:
        logits_BV: Logits of the next token, in float32.
    """

    def __init__(
        self,
        model: Any,
        ids_UL: Tensor,
        attention_UL: Tensor,
        rows_B: Tensor,
        room: int,
        known: Known | None = None,
    ) -> None:
        self.model = model
        self._takes = inspect.signature(model.forward).parameters
        before_UW = attention_UL[:, :0] if known is None else known.attention_UW
        self._used = before_UW.shape[1]
        attention_UW = torch.cat([before_UW, attention_UL], dim=1)
        self.padded = not bool(attention_UW.all())
        self.width = attention_UW.shape[1] + room
        self._lengths_B = attention_UW.sum(dim=1)
        self._attention_BW = functional.pad(attention_UW, (0, room), value=1)
        self.cache = DynamicCache(config=model.config)
        # Under autocast attention would turn the whole cache to its precision at every step.
        dtype = autocast_dtype(ids_UL.device)
        self.cache.layers = [
            RoomyLayer(self.width, dtype, None if known is None else known.layers[place], self._used)
            if type(layer) is DynamicLayer
            else layer
            for place, layer in enumerate(self.cache.layers)
        ]
        positions_UL = before_UW.sum(dim=1, keepdim=True) + attention_UL.cumsum(dim=1) - 1
        logits_UV = self._forward(ids_UL, positions_UL.clamp(min=0))
        self.keep(rows_B)
        self.logits_BV = logits_UV[rows_B]

    def step(self, token_B: Tensor) -> Tensor:
        """Take in one token a row; returns the logits of the next, [B, V] in float32."""
        positions_B1 = self._lengths_B[:, None]
        self._lengths_B = self._lengths_B + 1
        return self._forward(token_B[:, None], positions_B1)

    def keep(self, rows_B: Tensor) -> None:
        """Go on with these rows alone."""
        self.cache.batch_select_indices(rows_B)
        self._lengths_B, self._attention_BW = self._lengths_B[rows_B], self._attention_BW[rows_B]

    def page(self, rows_B: Tensor | None = None) -> Page:
        """The cache as it is: of these rows, which are copied, or of all. Of models that `remembers` alone."""
        attention_BW = self._attention_BW[:, : self._used]
        if rows_B is None:
            return Page(tuple(layer.states for layer in self.cache.layers), attention_BW)
        copied = [layer.states[rows_B, ..., : self._used, :] for layer in self.cache.layers]
        return Page(tuple(copied), attention_BW[rows_B])

    def _forward(self, ids_BL: Tensor, positions_BL: Tensor) -> Tensor:
        self._used += ids_BL.shape[1]
        more = {"position_ids": positions_BL, "logits_to_keep": 1}
        output = self.model(
            input_ids=ids_BL,
            attention_mask=self._attention_BW[:, : self._used],
            past_key_values=self.cache,
            use_cache=True,
            **{name: value for name, value in more.items() if name in self._takes},
        )
        logits: Tensor = output.logits[:, -1].float()
        return logits


def remembers(model: Any) -> bool:
    """Whether the cache of a model holds keys and values of every token, and nothing else."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def autocast_dtype(device: torch.device) -> torch.dtype | None:
    """The precision of products under the autocast that is on; None where it is off."""
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
