"""A policy over a local transformers model: batched sampling with a KV cache.

The sampling loop (`rlvr_gym.agents.decoding`) is our own because a learner needs what `generate` does not give: the
log-probability and entropy of each sampled id under the very distribution it was drawn from, and a seed of its own for
every row. A row's choices are made by inverting the cumulative distribution at uniform numbers drawn from the row's
seed, so they do not depend on its place in the batch (up to floating-point differences between batch shapes).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from rlvr_gym.agents.decoding import Decoded, decode
from rlvr_gym.agents.encoding import encode_conversation
from rlvr_gym.agents.models import LanguageModel
from rlvr_gym.agents.policy import Completion, Policy, Request
from rlvr_gym.agents.prefixes import Prefixes
from rlvr_gym.agents.stepping import remembers
from rlvr_gym.verifiers import ConfigError
from torch import Tensor


class TransformersPolicy(Policy):
    """Samples from a causal language model.

    Args:
        lm: Model and tokenizer.
        max_new_tokens: Longest response, in tokens.
        temperature: Log-probabilities and entropies are those of the distribution at this temperature. At 0 the
            likeliest id is always taken, and they are those at temperature 1.
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
        if not 0 <= temperature < float("inf"):
            raise ConfigError(f"temperature must be a number that is not negative, got {temperature!r}")
        self.lm = lm
        self.max_new_tokens = max_new_tokens
        self.temperature = temperature
        self.batch_size = batch_size
        self._eos = _eos_ids(lm)
        self._users: set[object] = set()
        self._kept = threading.local()

    @property
    def vocabulary_size(self) -> int:
        """Ids that it chooses between."""
        return int(self.lm.model.config.get_text_config().vocab_size)

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """See `Policy.remembering`: keys and values of all rows are kept, up to `prefixes.KEPT_BYTES` a thread.

        It may be entered again before it is left, also by other threads: all is forgotten when the last one leaves.
        """
        user = object()
        self._users.add(user)
        try:
            yield
        finally:
            self._users.remove(user)
            if not self._users:
                self._kept = threading.local()

    @property
    def _prefixes(self) -> Prefixes | None:
        """What is kept for the thread that asks; threads have nothing in common, so that none waits for another."""
        if not self._users or not remembers(self.lm.model):
            return None
        kept = self._kept
        if not hasattr(kept, "prefixes"):
            kept.prefixes = Prefixes()
        found: Prefixes = kept.prefixes
        return found

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`."""
        prompts = self._encode(requests)
        uniforms = _uniforms([request.seed for request in requests], self.max_new_tokens)
        self.lm.model.eval()
        completions: dict[int, Completion] = {}
        # Prompts of about one length are decoded together: the less is padded, the better.
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        for start in range(0, len(order), self.batch_size):
            part = order[start : start + self.batch_size]
            asked = [prompts[i] for i in part]
            decoded = decode(
                self.lm.model,
                asked,
                uniforms[part],
                eos_ids=self._eos,
                temperature=self.temperature,
                pad_id=self.lm.tokenizer.pad_token_id,
                prefixes=self._prefixes,
            )
            completions |= zip(part, self._completions(asked, decoded), strict=True)
        return [completions[i] for i in range(len(prompts))]

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

    def _completions(self, prompts: Sequence[tuple[int, ...]], decoded: Decoded) -> list[Completion]:
        lengths = decoded.lengths_B.tolist()
        kept = [row[:length] for row, length in zip(decoded.tokens_BT.tolist(), lengths, strict=True)]
        texts = self.lm.tokenizer.batch_decode(kept, skip_special_tokens=True)
        rows = zip(texts, kept, decoded.logprobs_BT.tolist(), decoded.entropies_BT.tolist(), prompts, strict=True)
        return [
            Completion(
                text=text,
                token_ids=tuple(ids),
                logprobs=tuple(logprobs[: len(ids)]),
                entropies=tuple(entropies[: len(ids)]),
                prompt_ids=prompt,
                finish_reason="stop" if ids[-1] in self._eos else "length",
            )
            for text, ids, logprobs, entropies, prompt in rows
        ]


def _uniforms(seeds: Sequence[int], length: int) -> Tensor:
    return torch.from_numpy(np.stack([np.random.default_rng(seed).random(length) for seed in seeds]))


def _eos_ids(lm: LanguageModel) -> list[int]:
    """Every id that ends a response: the tokenizer's and those of the model's generation settings."""
    declared = getattr(lm.model.generation_config, "eos_token_id", None)
    ids = {lm.tokenizer.eos_token_id, *(declared if isinstance(declared, list) else [declared])} - {None}
    if not ids:
        raise ConfigError(
            "the tokenizer has no end-of-sequence token, so no response could ever end: set tokenizer.eos_token, or "
            "generation_config.eos_token_id of the model"
        )
    return sorted(ids)
