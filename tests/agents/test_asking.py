"""`Batches`: whatever waits for the policy is asked together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from rlvr_gym.agents import Completion, Policy, Request
from rlvr_gym.agents.asking import Batches


class Gate(Policy):
    """Answers with the seed, once the gate is open."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.asked, self.open = threading.Event(), threading.Event()
        self.threads: set[int] = set()

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.batches.append([request.seed for request in requests])
        self.threads.add(threading.get_ident())
        self.asked.set()
        assert self.open.wait(30)
        return [Completion(str(request.seed)) for request in requests]


class Remembering(Gate):
    """Says whether it remembers, at each call and now."""

    def __init__(self) -> None:
        super().__init__()
        self.remembers, self.told = False, list[bool]()
        self.open.set()

    @contextmanager
    def remembering(self) -> Iterator[None]:
        self.remembers = True
        yield
        self.remembers = False

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.told.append(self.remembers)
        return super().sample(requests)


def with_batches(
    policy: Policy, max_batch: int, under_way: int, main: Callable[[Batches], Coroutine[Any, Any, None]]
) -> None:
    async def outer() -> None:
        batches = Batches(policy, max_batch, range(under_way))
        await main(batches)
        batches.server.cancel()
        await batches.close(10.0)

    asyncio.run(asyncio.wait_for(outer(), 60))


def request(number: int) -> Request:
    return Request([{"role": "user", "content": "?"}], number, 0)


@pytest.mark.parametrize(
    ("max_batch", "batches"), [(100, [[0], [1, 2, 3, 4, 5, 6, 7]]), (3, [[0], [1, 2, 3], [4, 5, 6], [7]])]
)
def test_what_waits_when_the_policy_is_free_is_one_batch(max_batch: int, batches: list[list[int]]) -> None:
    policy = Gate()

    async def main(asked: Batches) -> None:
        first = asyncio.create_task(asked.ask(request(0)))
        await asyncio.to_thread(policy.asked.wait)
        others = [asyncio.create_task(asked.ask(request(i))) for i in range(1, 8)]
        await asyncio.sleep(0)
        policy.open.set()
        assert [(await answer).text for answer in [first, *others]] == ["0", "1", "2", "3", "4", "5", "6", "7"]

    with_batches(policy, max_batch, 1, main)
    assert policy.batches == batches
    assert len(policy.threads) == 1


def test_who_waits_no_longer_is_not_asked_for() -> None:
    policy = Gate()

    async def main(asked: Batches) -> None:
        first = asyncio.create_task(asked.ask(request(0)))
        await asyncio.to_thread(policy.asked.wait)
        others = [asyncio.create_task(asked.ask(request(i))) for i in range(1, 4)]
        await asyncio.sleep(0)
        first.cancel()  # its answer is on its way to nobody
        others[1].cancel()
        await asyncio.sleep(0)
        policy.open.set()
        assert [(await others[i]).text for i in (0, 2)] == ["1", "3"]

    with_batches(policy, 100, 1, main)
    assert policy.batches == [[0], [1, 3]]


def test_a_free_policy_waits_a_little_for_those_that_may_ask_soon() -> None:
    policy = Gate()
    policy.open.set()

    async def main(asked: Batches) -> None:
        asked.took_s = 100.0  # so that a fifth of it is long
        first = asyncio.create_task(asked.ask(request(0)))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(asked.ask(request(1)))
        await asyncio.gather(first, second)
        assert asked.took_s < 50.0  # of the call alone
        started = time.perf_counter()
        await asked.ask(request(2))
        assert time.perf_counter() - started < 5.0  # but not for long where calls are short

    with_batches(policy, 100, 2, main)
    assert policy.batches == [[0, 1], [2]]


def test_a_policy_remembers_from_when_it_is_told_until_the_end() -> None:
    policy = Remembering()

    async def main(asked: Batches) -> None:
        await asked.ask(request(0))
        asked.remember()
        await asked.ask(request(1))

    with_batches(policy, 1, 1, main)
    assert (policy.told, policy.remembers) == ([False, True], False)
