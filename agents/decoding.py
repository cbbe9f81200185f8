"""Batched decoding: prompts in, sampled ids with their log-probabilities and entropies out.

Each prompt is read once, however many rows continue it. Rows that have ended leave the batch as soon as fewer than
`OPEN_SHARE` of it are open, so that a few long responses do not keep the width of all. A row's choices are made by
inverting the cumulative distribution at its own uniform numbers: they do not depend on the other rows, but for
floating-point differences between batch shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rlvr_gym.agents.prefixes import Page, Prefixes
from rlvr_gym.agents.reading import make_stepper
from torch import Tensor

OPEN_SHARE = 0.75
# Vocabularies are searched in blocks of this many ids, so that sums in double precision are short.
_BLOCK = 1024


@dataclass(frozen=True)
class Decoded:
    """Responses, on the CPU. What stands behind a row's length is not part of it.

    Args:
        tokens_BT: Sampled ids.
        logprobs_BT: Their log-probabilities under the distributions they were drawn from.
        entropies_BT: Entropies of these distributions, in nats.
        lengths_B: Tokens of each row, with the id that ended it.
    """

    tokens_BT: Tensor
    logprobs_BT: Tensor
    entropies_BT: Tensor
    lengths_B: Tensor


@torch.inference_mode()
def decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    uniforms_BT: Tensor,
    *,
    eos_ids: Sequence[int],
    temperature: float = 1.0,
    pad_id: int = 0,
    prefixes: Prefixes | None = None,
) -> Decoded:
    """Continue prompts, all rows side by side.

    Args:
        model: A causal transformers model in evaluation mode.
        prompts: Ids, one prompt a row.
        uniforms_BT: Uniform numbers in [0, 1), one for each token that may be sampled.
        eos_ids: Ids that end a row.
        temperature: Divides the logits. 0 takes the likeliest id, whatever the uniform numbers; log-probabilities and
            entropies are then those at temperature 1.
        pad_id: Fills up shorter prompts; it is not attended to.
        prefixes: What is found there of the prompts is not read again, and all rows are kept there. Only for models
            that `stepping.remembers`.

    Raises:
        ConfigError: A prompt is empty.

    Example:
        >>> from rlvr_gym.agents.models import build_preset
        >>> lm = build_preset("nano", alphabet="ab")
        >>> found = decode(lm.model.eval(), [[3, 4], [3]], torch.full((2, 5), 0.5), eos_ids=[lm.tokenizer.eos_token_id])
        >>> found.logprobs_BT.shape, bool((found.lengths_B >= 1).all())
        (torch.Size([2, 5]), True)
    """
    steps = uniforms_BT.shape[1]
    stepper = make_stepper(model, prompts, pad_id, room=steps, prefixes=prefixes)
    logits_BV = stepper.logits_BV
    uniforms_BT = uniforms_BT.to(logits_BV.device)
    ends_V = torch.zeros(logits_BV.shape[1], dtype=torch.bool, device=logits_BV.device)
    ends_V[torch.tensor([i for i in eos_ids if i < len(ends_V)], dtype=torch.long, device=ends_V.device)] = True
    record = _Record(len(prompts), steps, logits_BV.device)
    open_B = torch.ones(len(prompts), dtype=torch.bool, device=logits_BV.device)
    pages: list[tuple[Tensor, Page]] = []
    for step in range(steps):
        token_B, logprob_B, entropy_B = _choose(logits_BV, uniforms_BT[:, step], temperature)
        record.add(token_B, logprob_B, entropy_B)
        open_B &= ~ends_V[token_B]
        left = int(open_B.sum())
        if left == 0 or step + 1 == steps:
            break
        if left < OPEN_SHARE * len(open_B):
            rows = open_B.nonzero()[:, 0]
            if prefixes is not None:
                ended = (~open_B).nonzero()[:, 0]
                pages.append((record.places_B[ended], stepper.page(ended)))
            record.narrow(rows)
            stepper.keep(rows)
            token_B, uniforms_BT, open_B = token_B[rows], uniforms_BT[rows], open_B[rows]
        logits_BV = stepper.step(token_B)
    decoded = record.decoded(ends_V)
    if prefixes is not None:
        _remember(prefixes, [*pages, (record.places_B, stepper.page())], prompts, decoded)
    return decoded


def draw_tokens(logits_BV: Tensor, uniforms_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sample one id a row by inverting the cumulative distribution at a uniform number.

    A row's id depends on its logits and its number alone, whatever other rows there are.

    Args:
        logits_BV: Logits, already divided by the temperature.
        uniforms_B: Uniform numbers in [0, 1).

    Returns:
        Ids, their log-probabilities, and the entropies of the rows' distributions; each of shape [B].

    Example:
        >>> ids, logprobs, entropies = draw_tokens(torch.zeros(2, 4), torch.tensor([0.1, 0.9]))
        >>> ids.tolist(), round(entropies[0].item(), 4)
        ([0, 3], 1.3863)
    """
    logprobs_BV = torch.log_softmax(logits_BV, dim=-1)
    probabilities_BV = logprobs_BV.exp()
    ids_B = _inverted(probabilities_BV, uniforms_B)
    return ids_B, _at(logprobs_BV, ids_B), _entropies(logprobs_BV, probabilities_BV)


def likeliest_tokens(logits_BV: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The likeliest id of each row, the first of equals; returns what `draw_tokens` does.

    Example:
        >>> ids, logprobs, _ = likeliest_tokens(torch.tensor([[0.0, 2.0, 2.0]]))
        >>> ids.tolist(), round(logprobs.item(), 4)
        ([1], -0.7586)
    """
    logprobs_BV = torch.log_softmax(logits_BV, dim=-1)
    ids_B = logits_BV.argmax(dim=-1)
    return ids_B, _at(logprobs_BV, ids_B), _entropies(logprobs_BV, logprobs_BV.exp())


class _Record:
    """What was sampled, while fewer and fewer of the rows are open.

    Attributes:
        places_B: Which of all rows those are that are left.
    """

    def __init__(self, rows: int, steps: int, device: torch.device) -> None:
        self._tokens_BT = torch.zeros(rows, steps, dtype=torch.long, device=device)
        self._logprobs_BT = torch.zeros(rows, steps, device=device)
        self._entropies_BT = torch.zeros(rows, steps, device=device)
        self.places_B = torch.arange(rows, device=device)
        self._stretch: list[tuple[Tensor, Tensor, Tensor]] = []
        self._written = 0

    def add(self, token_B: Tensor, logprob_B: Tensor, entropy_B: Tensor) -> None:
        """Take in one step of the rows that are left."""
        self._stretch.append((token_B, logprob_B, entropy_B))

    def narrow(self, rows: Tensor) -> None:
        """Go on with these of the rows that are left."""
        self._write()
        self.places_B = self.places_B[rows]

    def decoded(self, ends_V: Tensor) -> Decoded:
        """Everything, on the CPU."""
        self._write()
        ended_BT = ends_V[self._tokens_BT[:, : self._written]]
        lengths_B = torch.where(ended_BT.any(1), ended_BT.int().argmax(1) + 1, self._written)
        return Decoded(self._tokens_BT.cpu(), self._logprobs_BT.cpu(), self._entropies_BT.cpu(), lengths_B.cpu())

    def _write(self) -> None:
        stop = self._written + len(self._stretch)
        wholes = (self._tokens_BT, self._logprobs_BT, self._entropies_BT)
        for whole, columns in zip(wholes, zip(*self._stretch, strict=True), strict=True):
            whole[self.places_B, self._written : stop] = torch.stack(columns, dim=1)
        self._written = stop
        self._stretch = []


def _remember(
    prefixes: Prefixes, pages: Sequence[tuple[Tensor, Page]], prompts: Sequence[Sequence[int]], decoded: Decoded
) -> None:
    """Keep the cache of all rows: that of a prompt and of what was sampled, but for the last, which was never read."""
    lengths, tokens = decoded.lengths_B.tolist(), decoded.tokens_BT.tolist()
    for places_B, page in pages:
        rows = [(*prompts[place], *tokens[place][: lengths[place] - 1]) for place in places_B.tolist()]
        prefixes.add(rows, page)


def _choose(logits_BV: Tensor, uniforms_B: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    if temperature == 0:
        return likeliest_tokens(logits_BV)
    return draw_tokens(logits_BV if temperature == 1 else logits_BV / temperature, uniforms_B)


def _entropies(logprobs_BV: Tensor, probabilities_BV: Tensor) -> Tensor:
    """`-sum p log p`, in nats; ids of probability 0 add nothing. `torch.special.entr` takes several times as long."""
    smallest = torch.finfo(logprobs_BV.dtype).min
    return -(probabilities_BV * logprobs_BV.clamp(min=smallest)).sum(dim=-1)


def _at(values_BV: Tensor, ids_B: Tensor) -> Tensor:
    return values_BV.gather(1, ids_B[:, None])[:, 0]


def _inverted(probabilities_BV: Tensor, uniforms_B: Tensor) -> Tensor:
    """The first id of each row up to which the probabilities, summed in double precision, exceed its number.

    Large vocabularies are searched in two steps, for the block and within it.
    """
    # Just below 1: rounding must not lift the product to the total, past which there is no id.
    shares_B = uniforms_B.double().clamp(max=1 - 2**-52)
    size = probabilities_BV.shape[1]
    if size <= _BLOCK:
        return _searched(probabilities_BV.cumsum(dim=-1, dtype=torch.double), shares_B)
    whole = size // _BLOCK * _BLOCK
    sums = [probabilities_BV[:, :whole].unflatten(1, (-1, _BLOCK)).sum(dim=-1, dtype=torch.double)]
    if whole < size:
        sums.append(probabilities_BV[:, whole:].sum(dim=-1, keepdim=True, dtype=torch.double))
    cumulative_BK = torch.cat(sums, dim=1).cumsum(dim=-1)
    block_B = _searched(cumulative_BK, shares_B)
    before_B = _at(cumulative_BK, (block_B - 1).clamp(min=0)) * (block_B > 0)
    ids_BN = block_B[:, None] * _BLOCK + torch.arange(_BLOCK, device=block_B.device)
    inside_BN = probabilities_BV.gather(1, ids_BN.clamp(max=size - 1)).masked_fill_(ids_BN >= size, 0.0)
    within_BN = inside_BN.cumsum(dim=-1, dtype=torch.double)
    rest_B = (shares_B * cumulative_BK[:, -1] - before_B) / within_BN[:, -1]
    return block_B * _BLOCK + _searched(within_BN, rest_B.clamp(0.0, 1 - 2**-52))


def _searched(cumulative_BN: Tensor, shares_B: Tensor) -> Tensor:
    """The first place of each row where the sum exceeds this share of the total."""
    targets_B = shares_B * cumulative_BN[:, -1]
    found_B = torch.searchsorted(cumulative_BN, targets_B[:, None], right=True)[:, 0]
    # Only sums that are no numbers are never exceeded.
    return found_B.clamp_(max=cumulative_BN.shape[1] - 1)
