"""The policy contract: conversations in, completions out.

A policy is a language model behind any back end. It returns the token ids that were sampled with their
log-probabilities, so that nothing downstream ever tokenises a response again.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from rlvr_gym.verifiers import ConfigError

Message = Mapping[str, Any]
Conversation = Sequence[Message]


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled response.

    Args:
        text: The response as text; the only part that an environment sees.
        token_ids: The sampled ids, with the end-of-sequence id if it was sampled. Empty where a back end has no tokens.
        logprobs: Log-probability of each sampled id under the distribution that it was drawn from.
        entropies: Entropy of that distribution at each position, in nats.
        prompt_ids: The ids that the response continues.
        finish_reason: `"stop"` or `"length"`.
        label: For recorded responses: what somebody else judged it to be.
        tool_calls: Native calls, as a server gave them beside the text; JSON objects.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    entropies: tuple[float, ...] = ()
    prompt_ids: tuple[int, ...] = ()
    finish_reason: str = "stop"
    label: bool | None = None
    tool_calls: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One completion that is wanted.

    Args:
        conversation: What it continues.
        seed: Of its choices.
        index: The how-maniest of its task it is.
        tools: What a chat template or a server is to be told of; empty where the conversation tells of its tools.
    """

    conversation: Conversation
    seed: int
    index: int
    tools: Sequence[Message] = ()


class Policy(ABC):
    """A source of completions. Subclasses implement `sample`."""

    _calls: int = 0

    def act(
        self,
        conversations: Sequence[Conversation],
        n: int = 1,
        *,
        seeds: Sequence[int] | None = None,
        indices: Sequence[int] | None = None,
        tools: Sequence[Sequence[Message]] | None = None,
    ) -> list[Completion]:
        """Sample `n` completions of each conversation.

        Args:
            conversations: Lists of messages in chat format. An assistant message may carry `token_ids`, the ids that
                were sampled, which are then continued as they are.
            n: Completions of each conversation.
            seeds: One seed a completion, conversation-major; a completion depends on its conversation and its seed
                alone. By default seeds that differ between the calls of this object.
            indices: The number of each completion among those of its task, for back ends that replay recordings; by
                default 0 to n - 1 for each conversation.
            tools: For each conversation the tools that a chat template or a server is to be told of; by default none.

        Returns:
            `len(conversations) * n` completions, conversation-major.

        Raises:
            ConfigError: `n` is not positive, or there is not one seed or index a completion, or one list of tools a
                conversation.
        """
        if n < 1:
            raise ConfigError(f"n must be at least 1, got {n}")
        count = len(conversations) * n
        if seeds is None:
            seeds = [seed_from("act", self._calls, i) for i in range(count)]
            self._calls += 1
        if indices is None:
            indices = [i for _ in conversations for i in range(n)]
        for name, values in (("seeds", seeds), ("indices", indices)):
            if len(values) != count:
                raise ConfigError(f"{len(conversations)} conversations x {n} need {count} {name}, got {len(values)}")
        if tools is None:
            tools = [()] * len(conversations)
        elif len(tools) != len(conversations):
            raise ConfigError(f"{len(conversations)} conversations need as many lists of tools, got {len(tools)}")
        asked = [pair for pair in zip(conversations, tools, strict=True) for _ in range(n)]
        parts = zip(asked, seeds, indices, strict=True)
        return self.sample([Request(said, seed, index, known) for (said, known), seed, index in parts])

    def available(self, prompt: str) -> int | None:
        """How many different completions of this prompt there are; None for no limit."""
        return None

    def remembering(self) -> AbstractContextManager[None]:
        """While it is entered, the policy may keep what it computed of conversations that go on.

        Who enters it promises that no parameter changes before it is left. What is sampled is the same, but for
        floating-point differences. By default nothing is kept.
        """
        return nullcontext()

    @abstractmethod
    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion a request, in order."""


def seed_from(*parts: str | int) -> int:
    """A 63-bit seed from names and numbers: independent of order of use, process and machine.

    Example:
        >>> seed_from("run", 1, 2) == seed_from("run", 1, 2), seed_from("run", 1, 2) == seed_from("run", 12)
        (True, False)
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def unit_interval(seed: int) -> float:
    """A uniform number in [0, 1) that is a function of the seed.

    Example:
        >>> 0 <= unit_interval(7) < 1
        True
    """
    return (seed_from("unit", seed) >> 10) / 2**53


def last_user_text(conversation: Conversation) -> str:
    """The content of the last user message.

    Raises:
        ConfigError: There is none.
    """
    for message in reversed(conversation):
        if message["role"] == "user":
            return str(message["content"])
    raise ConfigError("the conversation has no user message")
