"""The step of one token as the Llama family computes it, without what transformers does around it.

Models of a few million parameters spend most of a forward pass between their modules, and the larger ones of a few rows
in preparing weights that are the same at every step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from rlvr_gym.agents.prefixes import Known
from rlvr_gym.agents.products import packed, product
from rlvr_gym.agents.stepping import RoomyLayer, Stepper, autocast_dtype, remembers
from torch import Tensor, nn
from torch.nn import functional

# Decoders of one build: a norm before attention and before the gated unit with SiLU, rotary positions.
_LLAMA_FAMILY = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
# Larger models spend their time in multiplications, whoever calls them, and a copy of their weights is worth sparing.
_SMALL = 200_000_000
# Rotations that do not depend on the length of the sequence.
_FIXED_ROTATIONS = ("default", "linear", "llama3")
# Weights of at least so many elements are packed for oneDNN on a CPU, which is faster than BLAS with a batch of at
# least so many elements (rows times weights): twice with 8 rows of 512 x 2048, by a sixth with 128.
_PACKED_WEIGHTS, _PACKED_WORK = 2**17, 2**19


class _Linear(NamedTuple):
    """One or more linear modules of one input, their outputs side by side.

    Args:
        weight_IO: To multiply a row with.
        bias_O: To add.
        packed: The weights as oneDNN reads them; None where they are small, or not on a CPU.
    """

    weight_IO: Tensor
    bias_O: Tensor | None
    packed: Tensor | None

    def __call__(self, x_BI: Tensor) -> Tensor:
        x_BI = x_BI.to(self.weight_IO.dtype)
        if self.packed is not None and len(x_BI) * self.weight_IO.numel() >= _PACKED_WORK:
            return product(x_BI, self.packed, self.bias_O)
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
    """The step of one token of the Llama family.

    Prompts are still read by the model's own forward pass. Of the weights it takes a copy, as they are now; under
    autocast in its precision.
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
        embedding: Tensor = model.model.embed_tokens.weight
        self._dtype = autocast_dtype(embedding.device) or embedding.dtype
        super().__init__(model, ids_UL, attention_UL, rows_B, room, known)
        config = model.config
        self._blocks = [_block(layer, config, self._dtype) for layer in model.model.layers]
        self._norm, self._head = _norm(model.model.norm.weight, config), _linear(self._dtype, model.lm_head)
        places = torch.arange(self.width, device=ids_UL.device)[None]
        cos, sin = model.model.rotary_emb(embedding[:0], places)
        # A rotation is x * cos + (second half, first half) * sin with the sign of the first half turned. Values stand
        # beside queries and keys and are turned by nothing.
        self._halves = (2, cos.shape[-1] // 2)
        self._heads = (config.num_attention_heads, config.num_key_value_heads)
        queries, others = self._heads
        turned = torch.arange(queries + 2 * others, device=cos.device)[:, None, None] < queries + others
        cos_W12H, sin_W12H = (part[0].unflatten(-1, self._halves)[:, None] for part in (cos, sin))
        signs = torch.tensor([[-1.0], [1.0]]).to(sin)
        self._cos_WA2H = torch.where(turned, cos_W12H, torch.ones_like(cos_W12H))
        self._sin_WA2H = torch.where(turned, sin_W12H * signs, torch.zeros_like(sin_W12H))

    def keep(self, rows_B: Tensor) -> None:
        """See `Stepper.keep`."""
        super().keep(rows_B)
        self._bias_B11W: Tensor | None = None  # minus infinity at padding
        if self.padded:
            bias_BW = torch.zeros_like(self._attention_BW, dtype=self._dtype)
            self._bias_B11W = bias_BW.masked_fill_(self._attention_BW == 0, float("-inf"))[:, None, None]

    def step(self, token_B: Tensor) -> Tensor:
        """See `Stepper.step`."""
        with torch.autocast(token_B.device.type, enabled=False):
            return self._step(token_B)

    def _step(self, token_B: Tensor) -> Tensor:
        at = self._lengths_B if self.padded else self._used
        rotation = self._cos_WA2H[at], self._sin_WA2H[at]
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
        heads = block.query_key_value(z).unflatten(1, (queries + 2 * others, -1))
        if block.of_query_key is not None:
            turned, values = heads.split((queries + others, others), dim=1)
            heads = torch.cat([block.of_query_key(turned), values], dim=1)
        cos, sin = rotation
        halves = heads.unflatten(2, self._halves)
        heads = torch.addcmul(halves * cos, halves.flip(-2), sin).flatten(2).to(self._dtype)
        query, new = heads.split((queries, 2 * others), dim=1)
        keys, values = layer.append(new.unflatten(1, (2, others)).unsqueeze(3))
        attended = functional.scaled_dot_product_attention(
            query.unsqueeze(2), keys, values, attn_mask=bias, scale=block.scale, enable_gqa=queries != others
        )
        return block.out(attended.reshape(len(z), -1))


def is_plain_llama(model: Any) -> bool:
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


def _block(layer: Any, config: Any, dtype: torch.dtype) -> _Block:
    attention, unit = layer.self_attn, layer.mlp
    of_query_key = None
    if hasattr(attention, "q_norm"):
        of_query = attention.q_norm.weight.expand(config.num_attention_heads, -1)
        of_key = attention.k_norm.weight.expand(config.num_key_value_heads, -1)
        of_query_key = _norm(torch.cat([of_query, of_key]), config)
    return _Block(
        query_key_value=_linear(dtype, attention.q_proj, attention.k_proj, attention.v_proj),
        out=_linear(dtype, attention.o_proj),
        gate_up=_linear(dtype, unit.gate_proj, unit.up_proj),
        down=_linear(dtype, unit.down_proj),
        before_attention=_norm(layer.input_layernorm.weight, config),
        before_unit=_norm(layer.post_attention_layernorm.weight, config),
        of_query_key=of_query_key,
        scale=float(attention.scaling),
    )


def _linear(dtype: torch.dtype, *modules: nn.Linear) -> _Linear:
    """Modules of one input as one."""
    biases = [module.bias for module in modules if module.bias is not None]
    bias_O = torch.cat(tuple(biases)).to(dtype) if biases else None
    weight_OI = torch.cat(tuple(module.weight for module in modules)).to(dtype).detach()
    for_rows = packed(weight_OI) if weight_OI.numel() >= _PACKED_WEIGHTS else None
    # A row times a wide matrix is faster where its rows are contiguous; times a high one it is not.
    copied = len(weight_OI) >= weight_OI.shape[1] and (for_rows is None or weight_OI.numel() < _PACKED_WORK)
    return _Linear(weight_OI.t().contiguous() if copied else weight_OI.t(), bias_O, for_rows)


def _norm(weight: Tensor, config: Any) -> _Norm:
    return _Norm(weight, torch.tensor(float(config.rms_norm_eps), device=weight.device))
