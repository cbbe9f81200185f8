"""`Workers`: what is raised comes back, what hangs costs a thread and nothing else."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from rlvr_gym.agents.workers import Workers


def with_workers(main: Callable[[Workers], Coroutine[Any, Any, Any]]) -> Any:
    """Run `main` with workers that are closed behind it; no thread may be left."""

    async def outer() -> Any:
        workers = Workers("test-worker")
        try:
            return await main(workers)
        finally:
            await workers.close(wait_s=10.0)

    result = asyncio.run(outer())
    assert not [thread for thread in threading.enumerate() if thread.name == "test-worker"]
    return result


def raising(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


def test_an_exception_comes_back_itself() -> None:
    error = LookupError("x")

    async def main(workers: Workers) -> None:
        with pytest.raises(LookupError) as caught:
            await workers.run(raising(error))
        assert caught.value is error

    with_workers(main)


class Ended(BaseException):
    """No Exception, as those of pytest and asyncio's CancelledError are none."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [SystemExit(3), StopIteration(7), Ended("x")])
def test_what_an_event_loop_would_misunderstand_comes_as_an_error(error: BaseException) -> None:
    async def main(workers: Workers) -> int:
        with pytest.raises(RuntimeError, match=type(error).__name__):
            await asyncio.wait_for(workers.run(raising(error)), 30)
        return await workers.run(lambda: 7)  # and the next call finds a thread that is alive

    assert with_workers(main) == 7


def test_threads_are_used_again() -> None:
    async def main(workers: Workers) -> set[int]:
        return {await workers.run(threading.get_ident) for _ in range(20)}

    assert len(with_workers(main)) == 1


def test_calls_run_side_by_side() -> None:
    barrier = threading.Barrier(8, timeout=30)

    async def main(workers: Workers) -> None:
        await asyncio.gather(*(workers.run(barrier.wait) for _ in range(8)))

    with_workers(main)


def test_what_follows_an_abandoned_call_waits_for_it_and_is_waited_for() -> None:
    events: list[str] = []
    begun = threading.Event()

    def slow() -> None:
        begun.set()
        time.sleep(0.1)
        events.append("returned")

    async def main(workers: Workers) -> None:
        job = workers.start(slow)
        await workers.run(begun.wait)
        workers.abandon(job, lambda: events.append("closed"), hopeless=False)
        events.append("abandoned")

    with_workers(main)
    assert events == ["abandoned", "returned", "closed"]


def test_a_call_that_has_returned_is_followed_all_the_same() -> None:
    events: list[str] = []

    async def main(workers: Workers) -> None:
        job = workers.start(lambda: events.append("returned"))
        await job.answer
        workers.abandon(job, lambda: events.append("closed"), hopeless=False)

    with_workers(main)
    assert events == ["returned", "closed"]


@pytest.mark.parametrize(("hopeless", "wait_s"), [(True, 30.0), (False, 0.2)])
def test_closing_waits_for_a_while_but_not_for_what_is_hopeless(hopeless: bool, wait_s: float) -> None:
    release, closed = threading.Event(), threading.Event()

    async def main() -> float:
        workers = Workers("test-worker")
        job = workers.start(release.wait)
        workers.abandon(job, closed.set, hopeless=hopeless)
        started = time.perf_counter()
        await workers.close(wait_s)
        return time.perf_counter() - started

    took_s = asyncio.run(main())
    assert not closed.is_set()
    assert (took_s < wait_s) == hopeless
    release.set()  # after the loop is gone: the thread still does what follows, and ends
    for thread in threading.enumerate():
        if thread.name == "test-worker":
            thread.join(30)
    assert closed.is_set()
