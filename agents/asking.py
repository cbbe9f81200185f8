"""How a policy is asked: for many conversations at once, or for each by itself where it is asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Sized
from contextlib import ExitStack, suppress
from functools import partial
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from rlvr_gym.agents.policy import Completion, Policy, Request
from rlvr_gym.agents.workers import Workers

# How long a free policy waits for more episodes to ask, as a share of what its last call took. Batches of any size
# take a model about as long, and without it the first episode to ask is answered alone, and stays alone.
_PATIENCE = 0.2
_FIRST_GUESS_S = 0.1  # of what a call takes, before there was one
_SHORTEST_S = 0.001  # timers of an event loop are no finer


@runtime_checkable
class AsyncPolicy(Protocol):
    """A policy that batches elsewhere, such as an inference server: each episode asks for itself.

    Example:
        >>> class Constant:
        ...     async def aact(self, request: Request) -> Completion:
        ...         return Completion("#### 54")
        >>> isinstance(Constant(), AsyncPolicy)
        True
    """

    async def aact(self, request: Request) -> Completion:
        """One completion, a function of the request alone. Cancelled where nobody waits for it any more."""
        ...


def ask(policy: Policy, requests: Sequence[Request]) -> list[Completion]:
    """One completion a request, in order.

    Raises:
        ValueError: The policy gave another number of them.
    """
    offered: dict[str, Any] = (
        {"tools": [request.tools for request in requests]} if any(r.tools for r in requests) else {}
    )
    completions = policy.act(
        [request.conversation for request in requests],
        seeds=[request.seed for request in requests],
        indices=[request.index for request in requests],
        **offered,
    )
    if len(completions) != len(requests):
        raise ValueError(f"{type(policy).__name__} gave {len(completions)} completions for {len(requests)} requests")
    return completions


class Refused(Completion):
    """Stands for a completion that there is none of: reading any part of it raises why.

    So it is never taken for an empty response. An episode that is given it ends there: with `stop_reason="error"`, not
    gradable, and the message in `error`.

    Args:
        error: Raised where it is read.

    Example:
        >>> Refused(RuntimeError("the context is too long")).text
        Traceback (most recent call last):
            ...
        RuntimeError: the context is too long
    """

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        object.__setattr__(self, "error", error)

    def __repr__(self) -> str:
        return f"Refused({self.error!r})"

    def __getattr__(self, name: str) -> Any:
        """Called for the parts of a completion, none of which is set."""
        raise self.error


class Batches:
    """The policy's thread, and the requests that wait for it: it is given what waits when it is free."""

    def __init__(self, policy: Policy, max_batch: int, under_way: Sized) -> None:
        self.thread = Workers("rlvr-policy")
        self._policy, self._max_batch, self._under_way = policy, max_batch, under_way
        self._held = ExitStack()
        self._waiting: dict[asyncio.Future[Completion], Request] = {}
        self._news = asyncio.Event()
        self.took_s = _FIRST_GUESS_S
        self.server = asyncio.create_task(self._serve())

    def remember(self) -> None:
        """Let the policy keep what it computes of conversations that go on, until `close`."""
        self._held.enter_context(self._policy.remembering())

    async def close(self, wait_s: float) -> None:
        """End the thread, after the call under way; wait for it no longer than so many seconds."""
        try:
            await self.thread.close(wait_s)
        finally:
            self._held.close()

    async def ask(self, request: Request) -> Completion:
        """One completion."""
        answer: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = request
        self._news.set()
        try:
            return await answer
        finally:
            self._waiting.pop(answer, None)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._company()
            answers = list(islice(self._waiting, self._max_batch))
            requests = [self._waiting.pop(answer) for answer in answers]
            started = loop.time()
            completions = await self.thread.run(partial(ask, self._policy, requests))
            self.took_s = loop.time() - started
            for answer, completion in zip(answers, completions, strict=True):
                if not answer.done():
                    answer.set_result(completion)

    async def _company(self) -> None:
        """Wait for a request, and a little for more where that can pay."""
        await self._until(1)
        patience_s = _PATIENCE * self.took_s
        if patience_s > _SHORTEST_S:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._until(min(self._max_batch, len(self._under_way)))

    async def _until(self, count: int) -> None:
        while len(self._waiting) < count:
            self._news.clear()
            await self._news.wait()
