"""A policy over a local transformers model: batched sampling with a KV cache.

The sampling loop is our own because a learner needs what `generate` does not give: the log-probability and entropy of
each sampled id under the very distribution it was drawn from, and a seed of its own for every row. A row's choices are
made by inverting the cumulative distribution at uniform numbers drawn from the row's seed, so they do not depend on
its place in the batch (up to floating-point differences between batch shapes).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from rlvr_gym.agents.models import LanguageModel
from rlvr_gym.agents.policy import Completion, Conversation, Message, Policy, Request
from rlvr_gym.verifiers import ConfigError
from torch import Tensor
from transformers import DynamicCache


class TransformersPolicy(Policy):
    """Samples from a causal language model.

    Args:
        lm: Model and tokenizer.
        max_new_tokens: Longest response, in tokens.
        temperature: Positive; log-probabilities and entropies are those of the distribution at this temperature.
        batch_size: Rows that are decoded together.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> from rlvr_gym.agents.models import build_preset
        >>> policy = TransformersPolicy(build_preset("nano", alphabet="0123456789+="), max_new_tokens=4)
        >>> [completion] = policy.act([[{"role": "user", "content": "1+1="}]], seeds=[7])
        >>> len(completion.token_ids) == len(completion.logprobs) == len(completion.entropies)
        True
    """

    def __init__(
        self, lm: LanguageModel, *, max_new_tokens: int, temperature: float = 1.0, batch_size: int = 512
    ) -> None:
        if max_new_tokens < 1 or batch_size < 1:
            raise ConfigError(f"max_new_tokens and batch_size must be positive, got {max_new_tokens}, {batch_size}")
        if not 0 < temperature < float("inf"):
            raise ConfigError(f"temperature must be a positive number, got {temperature!r}")
        self.lm = lm
        self.max_new_tokens = max_new_tokens
        self.temperature = temperature
        self.batch_size = batch_size
        self._eos = _eos_ids(lm)

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`."""
        prompts = self._encode(requests)
        uniforms = _uniforms([request.seed for request in requests], self.max_new_tokens)
        completions: list[Completion] = []
        self.lm.model.eval()
        for start in range(0, len(prompts), self.batch_size):
            part = slice(start, start + self.batch_size)
            completions += self._decode(prompts[part], uniforms[part])
        return completions

    def _encode(self, requests: Sequence[Request]) -> list[tuple[int, ...]]:
        """Prompt ids, each different conversation encoded once: the members of a group share theirs."""
        known: dict[int, tuple[int, ...]] = {}
        texts: dict[str, tuple[int, ...]] = {}
        prompts = []
        for request in requests:
            if (place := id(request.conversation)) not in known:
                known[place] = encode_conversation(self.lm.tokenizer, request.conversation, texts, request.tools)
            prompts.append(known[place])
        return prompts

    @torch.no_grad()
    def _decode(self, prompts: Sequence[tuple[int, ...]], uniforms_BT: Tensor) -> list[Completion]:
        unique = list(dict.fromkeys(prompts))
        rows_B = torch.tensor([{prompt: i for i, prompt in enumerate(unique)}[prompt] for prompt in prompts])
        ids_UL, attention_UL = left_padded(unique, self.lm.tokenizer.pad_token_id)
        cache = DynamicCache()
        logits_UV = self._forward(ids_UL, attention_UL, cache)
        cache.batch_select_indices(rows_B)
        logits_BV, attention_BL = logits_UV[rows_B], attention_UL[rows_B]
        tokens, logprobs, entropies = [], [], []
        open_B = torch.ones(len(prompts), dtype=torch.bool)
        eos = torch.tensor(self._eos)
        for step in range(self.max_new_tokens):
            token_B, logprob_B, entropy_B = draw_tokens(logits_BV / self.temperature, uniforms_BT[:, step])
            tokens.append(token_B)
            logprobs.append(logprob_B)
            entropies.append(entropy_B)
            open_B = open_B & ~torch.isin(token_B, eos)
            if step + 1 == self.max_new_tokens or not bool(open_B.any()):
                break
            attention_BL = torch.cat([attention_BL, torch.ones_like(attention_BL[:, :1])], dim=1)
            logits_BV = self._forward(token_B[:, None], attention_BL, cache)
        return self._completions(prompts, torch.stack(tokens, 1), torch.stack(logprobs, 1), torch.stack(entropies, 1))

    def _forward(self, ids_BL: Tensor, attention_BL: Tensor, cache: DynamicCache) -> Tensor:
        positions_BL = (attention_BL.cumsum(dim=1) - 1).clamp(min=0)[:, -ids_BL.shape[1] :]
        output = self.lm.model(
            input_ids=ids_BL,
            attention_mask=attention_BL,
            position_ids=positions_BL,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1].float()
        return logits

    def _completions(
        self, prompts: Sequence[tuple[int, ...]], tokens_BT: Tensor, logprobs_BT: Tensor, entropies_BT: Tensor
    ) -> list[Completion]:
        ended_BT = torch.isin(tokens_BT, torch.tensor(self._eos))
        lengths = torch.where(ended_BT.any(1), ended_BT.int().argmax(1) + 1, tokens_BT.shape[1]).tolist()
        kept = [row[:length] for row, length in zip(tokens_BT.tolist(), lengths, strict=True)]
        texts = self.lm.tokenizer.batch_decode(kept, skip_special_tokens=True)
        return [
            Completion(
                text=text,
                token_ids=tuple(ids),
                logprobs=tuple(logprobs[: len(ids)]),
                entropies=tuple(entropies[: len(ids)]),
                prompt_ids=prompt,
                finish_reason="stop" if ids[-1] in self._eos else "length",
            )
            for text, ids, logprobs, entropies, prompt in zip(
                texts, kept, logprobs_BT.tolist(), entropies_BT.tolist(), prompts, strict=True
            )
        ]


def encode_conversation(
    tokenizer: Any,
    conversation: Conversation,
    known: dict[str, tuple[int, ...]] | None = None,
    tools: Sequence[Message] = (),
) -> tuple[int, ...]:
    """The ids that a response continues.

    With a chat template, the template decides, which is given the tools, messages of the role `tool` and native calls.
    Without one, contents are joined as they are, and an assistant message that carries the `token_ids` it was sampled
    as keeps exactly these.

    Args:
        tokenizer: A transformers tokenizer.
        conversation: Messages.
        known: A dictionary of texts already encoded, which is read and filled.
        tools: For the template; JSON Schemas as OpenAI writes them.

    Raises:
        ConfigError: There are tools to be told of, and no template.
    """
    if getattr(tokenizer, "chat_template", None):
        text = tokenizer.apply_chat_template(
            [_templated(message) for message in conversation],
            tools=list(tools) or None,
            add_generation_prompt=True,
            tokenize=False,
        )
        return _encoded(tokenizer, text, known)
    if tools:
        raise ConfigError(
            "the environment leaves it to a chat template to tell of its tools, and this tokenizer has none: make the "
            "environment with a call_format whose rendering is 'text'"
        )
    ids: tuple[int, ...] = ()
    for message in conversation:
        ids += tuple(message.get("token_ids", ())) or _encoded(tokenizer, message["content"], known)
    return ids


def _templated(message: Message) -> dict[str, Any]:
    """A message as templates read it: with the arguments of native calls as objects."""
    plain = {key: value for key, value in message.items() if key not in ("token_ids", "tool_calls")}
    calls = [{**call, "function": {**call["function"]}} for call in message.get("tool_calls", ())]
    for call in calls:
        if isinstance(arguments := call["function"]["arguments"], str):
            call["function"]["arguments"] = _object(arguments)
    return {**plain, "tool_calls": calls} if calls else plain


def _object(text: str) -> Any:
    """The JSON value of a text; the text where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _encoded(tokenizer: Any, text: str, known: dict[str, tuple[int, ...]] | None) -> tuple[int, ...]:
    if known is None:
        known = {}
    if text not in known:
        known[text] = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    return known[text]


def draw_tokens(logits_BV: Tensor, uniforms_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sample one id a row by inverting the cumulative distribution at a uniform number.

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
    cumulative_BV = probabilities_BV.double().cumsum(dim=-1)
    total_B = cumulative_BV[:, -1]
    # Rounding may lift the product to the total, past which there is no id: stay just below it.
    below_B = torch.nextafter(total_B, torch.zeros_like(total_B))
    targets_B = torch.minimum(uniforms_B.double() * total_B, below_B)
    ids_B = torch.searchsorted(cumulative_BV, targets_B[:, None], right=True)[:, 0].clamp(max=logits_BV.shape[-1] - 1)
    entropy_B = -(probabilities_BV * logprobs_BV).nan_to_num(0.0).sum(dim=-1)
    return ids_B, logprobs_BV.gather(1, ids_B[:, None])[:, 0], entropy_B


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


def _uniforms(seeds: Sequence[int], length: int) -> Tensor:
    return torch.from_numpy(np.stack([np.random.default_rng(seed).random(length) for seed in seeds]))


def _eos_ids(lm: LanguageModel) -> list[int]:
    """Every id that ends a response: the tokenizer's and those of the model's generation settings."""
    declared = getattr(lm.model.generation_config, "eos_token_id", None)
    ids = {lm.tokenizer.eos_token_id, *(declared if isinstance(declared, list) else [declared])} - {None}
    if not ids:
        raise ConfigError("the tokenizer has no end-of-sequence token, so no response could ever end")
    return sorted(ids)
