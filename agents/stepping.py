"""Forward passes of decoding: the prompts once, then one token a row at a time, over a cache that is written in place.

`Stepper` calls the model's own forward pass and so works for whatever causal model transformers loads. Models of a few
million parameters spend most of such a call between their modules: `LlamaStepper` reads the weights of the Llama family
and computes the step of one token itself. `make_stepper` chooses.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from rlvr_gym.agents.prefixes import Known, Page, Prefixes
from rlvr_gym.verifiers import ConfigError
from torch import Tensor, nn
from torch.nn import functional
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

# Decoders of one build: a norm before attention and before the gated unit with SiLU, rotary positions.
_LLAMA_FAMILY = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
# Larger models spend their time in multiplications, whoever calls them, and a copy of their weights is worth sparing.
_SMALL = 200_000_000
# Rotations that do not depend on the length of the sequence.
_FIXED_ROTATIONS = ("default", "linear", "llama3")


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of the cache with room for all that is to come: written in place, read as a view of what is used.

    Args:
        length: Tokens for which there is room once `batch_select_indices` was called.
        known: Keys and values of earlier tokens, with room for the first that come.
        used: How many these are.
    """

    def __init__(self, length: int, known: tuple[Tensor, Tensor] | None = None, used: int = 0) -> None:
        super().__init__()
        self.length = length
        self.used = used
        if known is not None:
            (self.keys, self.values), self.is_initialized = known, True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Take in the keys and values of new tokens; returns those of all."""
        start, self.used = self.used, self.used + key_states.shape[-2]
        if start == 0:
            self.keys, self.values, self.is_initialized = key_states, value_states, True
        else:
            self.keys.narrow(2, start, self.used - start).copy_(key_states)
            self.values.narrow(2, start, self.used - start).copy_(value_states)
        return self.keys.narrow(2, 0, self.used), self.values.narrow(2, 0, self.used)

    def get_seq_length(self) -> int:
        """Tokens that it holds."""
        return self.used

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows, each as often as it is named."""
        if self.used:
            self.keys, self.values = self._selected(self.keys, indices), self._selected(self.values, indices)

    def _selected(self, states: Tensor, indices: Tensor) -> Tensor:
        _, heads, _, size = states.shape
        roomy = states.new_empty(len(indices), heads, self.length, size)
        roomy[:, :, : self.used] = states[indices, :, : self.used]
        return roomy


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
        self.cache.layers = [
            self._roomy(place, known) if type(layer) is DynamicLayer else layer
            for place, layer in enumerate(self.cache.layers)
        ]
        positions_UL = before_UW.sum(dim=1, keepdim=True) + attention_UL.cumsum(dim=1) - 1
        logits_UV = self._forward(ids_UL, positions_UL.clamp(min=0))
        self.keep(rows_B)
        self.logits_BV = logits_UV[rows_B]

    def page(self, rows_B: Tensor | None = None) -> Page:
        """The cache as it is: of these rows, which are copied, or of all."""
        attention_BW = self._attention_BW[:, : self._used]
        pairs = [(layer.keys, layer.values) for layer in self.cache.layers]
        if rows_B is None:
            return Page(tuple(pairs), attention_BW)
        copied = [(keys[rows_B, :, : self._used], values[rows_B, :, : self._used]) for keys, values in pairs]
        return Page(tuple(copied), attention_BW[rows_B])

    def step(self, token_B: Tensor) -> Tensor:
        """Take in one token a row; returns the logits of the next, [B, V] in float32."""
        positions_B1 = self._lengths_B[:, None]
        self._lengths_B = self._lengths_B + 1
        return self._forward(token_B[:, None], positions_B1)

    def keep(self, rows_B: Tensor) -> None:
        """Go on with these rows alone."""
        self.cache.batch_select_indices(rows_B)
        self._lengths_B, self._attention_BW = self._lengths_B[rows_B], self._attention_BW[rows_B]

    def _roomy(self, place: int, known: Known | None) -> RoomyLayer:
        return RoomyLayer(self.width) if known is None else RoomyLayer(self.width, known.layers[place], self._used)

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


class _Linear(NamedTuple):
    """One or more linear modules of one input, their outputs side by side."""

    weight_IO: Tensor
    bias_O: Tensor | None

    def __call__(self, x_BI: Tensor) -> Tensor:
        if self.bias_O is None:
            return torch.mm(x_BI, self.weight_IO)
        return torch.addmm(self.bias_O, x_BI, self.weight_IO)


class _Norm(NamedTuple):
    """An RMS norm, rounded where transformers rounds it, in fewer operations than torch's own on a CPU."""

    weight: Tensor
    eps: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        wide = x.float()
        norm = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        scale = torch.addcmul(self.eps, norm, norm, value=1 / x.shape[-1]).rsqrt_()
        return (wide * scale).to(x.dtype) * self.weight


class _Block(NamedTuple):
    """What one layer computes with."""

    query_key_value: _Linear
    out: _Linear
    gate_up: _Linear
    down: _Linear
    before_attention: _Norm
    before_unit: _Norm
    of_query_key: _Norm | None
    scale: float


class LlamaStepper(Stepper):
    """The step of one token as the Llama family computes it, without what transformers does around it.

    Prompts are still read by the model's own forward pass. Of the weights it takes a copy, as they are now.
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
        self._dtype = model.model.embed_tokens.weight.dtype
        super().__init__(model, ids_UL, attention_UL, rows_B, room, known)
        config = model.config
        self._blocks = [_block(layer, config) for layer in model.model.layers]
        self._norm, self._head = _norm(model.model.norm.weight, config), _linear(model.lm_head)
        places = torch.arange(self.width, device=ids_UL.device)[None]
        cos, sin = model.model.rotary_emb(torch.empty(0, dtype=self._dtype, device=ids_UL.device), places)
        # A rotation is x * cos + (second half, first half) * sin with the sign of the first half turned.
        self._halves = (2, cos.shape[-1] // 2)
        self._heads = (config.num_attention_heads, config.num_key_value_heads)
        self._cos_W2H = cos[0].unflatten(-1, self._halves)
        self._sin_W2H = sin[0].unflatten(-1, self._halves) * torch.tensor([[-1.0], [1.0]]).to(sin)

    def keep(self, rows_B: Tensor) -> None:
        """See `Stepper.keep`."""
        super().keep(rows_B)
        self._bias_B11W: Tensor | None = None  # minus infinity at padding
        if self.padded:
            bias_BW = torch.zeros_like(self._attention_BW, dtype=self._dtype)
            self._bias_B11W = bias_BW.masked_fill_(self._attention_BW == 0, float("-inf"))[:, None, None]

    def step(self, token_B: Tensor) -> Tensor:
        """See `Stepper.step`."""
        rotation = self._rotation()
        self._used += 1
        self._lengths_B = self._lengths_B + 1
        bias = None if self._bias_B11W is None else self._bias_B11W[..., : self._used]
        x = functional.embedding(token_B, self.model.model.embed_tokens.weight)
        for block, layer in zip(self._blocks, self.cache.layers, strict=True):
            x = x + self._attended(block, layer, block.before_attention(x), rotation, bias)
            gate, up = block.gate_up(block.before_unit(x)).chunk(2, dim=-1)
            x = x + block.down(functional.silu(gate) * up)
        return self._head(self._norm(x)).float()

    def _attended(
        self, block: _Block, layer: RoomyLayer, z: Tensor, rotation: tuple[Tensor, Tensor], bias: Tensor | None
    ) -> Tensor:
        queries, others = self._heads
        heads = block.query_key_value(z).view(len(z), queries + 2 * others, -1)
        turned, values = heads.split((queries + others, others), dim=1)
        if block.of_query_key is not None:
            turned = block.of_query_key(turned)
        turned = _rotated(turned.unflatten(-1, self._halves), *rotation).flatten(2)
        query, keys = turned.split((queries, others), dim=1)
        keys, values = layer.update(keys.unsqueeze(2), values.unsqueeze(2))
        attended = functional.scaled_dot_product_attention(
            query.unsqueeze(2), keys, values, attn_mask=bias, scale=block.scale, enable_gqa=queries != others
        )
        return block.out(attended.reshape(len(z), -1))

    def _rotation(self) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the rows' positions, to be broadcast over [B, heads, 2, half a head]."""
        if not self.padded:
            return self._cos_W2H[self._used], self._sin_W2H[self._used]
        return self._cos_W2H[self._lengths_B, None], self._sin_W2H[self._lengths_B, None]


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
    kind = LlamaStepper if _is_plain_llama(model) else Stepper
    device = model.device
    return kind(model, ids_UL.to(device), attention_UL.to(device), rows_B.to(device), room, known)


def remembers(model: Any) -> bool:
    """Whether the cache of a model holds keys and values of every token, and nothing else."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


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


def _is_plain_llama(model: Any) -> bool:
    """Whether the model is of the Llama family and computes nothing that `LlamaStepper` does not.

    Adapters and quantised weights replace modules, hooks add to them, and some settings change the rotation or the
    activation, or narrow attention to a window.
    """
    kind, config = type(model), model.config
    if kind.__name__ not in _LLAMA_FAMILY or not kind.__module__.startswith("transformers.models."):
        return False
    inner = model.model
    linear = [module for name, module in model.named_modules() if name.endswith(("_proj", "lm_head"))]
    return (
        config.hidden_act == "silu"
        and sum(parameter.numel() for parameter in model.parameters()) <= _SMALL
        and getattr(inner.rotary_emb, "rope_type", None) in _FIXED_ROTATIONS
        and remembers(model)
        and all(type(module) is nn.Linear for module in linear)
        and type(inner.embed_tokens) is nn.Embedding
        and not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    )


def _block(layer: Any, config: Any) -> _Block:
    attention, unit = layer.self_attn, layer.mlp
    of_query_key = None
    if hasattr(attention, "q_norm"):
        of_query = attention.q_norm.weight.expand(config.num_attention_heads, -1)
        of_key = attention.k_norm.weight.expand(config.num_key_value_heads, -1)
        of_query_key = _norm(torch.cat([of_query, of_key]), config)
    return _Block(
        query_key_value=_linear(attention.q_proj, attention.k_proj, attention.v_proj),
        out=_linear(attention.o_proj),
        gate_up=_linear(unit.gate_proj, unit.up_proj),
        down=_linear(unit.down_proj),
        before_attention=_norm(layer.input_layernorm.weight, config),
        before_unit=_norm(layer.post_attention_layernorm.weight, config),
        of_query_key=of_query_key,
        scale=float(attention.scaling),
    )


def _linear(*modules: nn.Linear) -> _Linear:
    """Modules of one input as one; without a copy where it is only one."""
    if len(modules) == 1:
        return _Linear(modules[0].weight.t(), modules[0].bias)
    biases = [module.bias for module in modules if module.bias is not None]
    weight_OI = torch.cat(tuple(module.weight for module in modules))
    return _Linear(weight_OI.t(), torch.cat(tuple(biases)) if biases else None)


def _norm(weight: Tensor, config: Any) -> _Norm:
    return _Norm(weight, torch.tensor(float(config.rms_norm_eps), device=weight.device))


def _rotated(x_BH2D: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return torch.addcmul(x_BH2D * cos, x_BH2D.flip(-2), sin)
