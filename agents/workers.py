"""`Workers`: calls that may be slow or hang, made in threads for an event loop.

The executors of the standard library wait for every thread when the interpreter exits. Here a call that hangs costs one
thread and nothing else: whoever waited for it may stop waiting, and another thread takes its place.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from rlvr_gym.envs.boundary import guarded

T = TypeVar("T")


class Workers:
    """As many daemon threads as there are calls under way; idle ones are used again.

    Every method is called in the thread of the event loop that ran when the object was made.

    Args:
        name: Name of the threads.

    Example:
        >>> async def main():
        ...     workers = Workers("example")
        ...     answer = await workers.run(lambda: 6 * 7)
        ...     await workers.close(wait_s=1.0)
        ...     return answer
        >>> asyncio.run(main())
        42
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._threads: dict[_Jobs, threading.Thread] = {}
        self._idle: list[_Jobs] = []
        self._written_off: set[_Jobs] = set()
        self._closing = self._told = False
        self._returned: deque[tuple[_Jobs, Job[Any]]] = deque()
        self._one_ended = asyncio.Event()

    async def run(self, call: Callable[[], T]) -> T:
        """The result of a call made in a thread; what it raises is raised here."""
        return await self.start(call).answer

    def start(self, call: Callable[[], T]) -> Job[T]:
        """Make a call in a thread."""
        job = Job(call, self._loop.create_future())
        self._assign(job)
        return job

    def abandon(self, job: Job[Any], then: Callable[[], None], *, hopeless: bool) -> None:
        """Stop waiting for a call.

        Args:
            job: What `start` gave.
            then: Called in a thread, once the call has returned.
            hopeless: Whether `close` must not wait for it either.
        """
        if not job.followed_by(then):
            self.forsake(then)
        elif hopeless and job.thread is not None:
            self._written_off.add(job.thread)

    def forsake(self, call: Callable[[], None]) -> None:
        """Make a call in a thread, for which nobody waits but `close`."""
        self.start(call).answer.cancel()

    async def close(self, wait_s: float) -> None:
        """End all threads.

        Args:
            wait_s: How long to wait for calls under way, in seconds. Those that take longer end alone.
        """
        self._closing = True
        for jobs in self._threads:
            jobs.put(None)  # after what it has to do
        self._idle.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while self._threads.keys() - self._written_off:
                    self._one_ended.clear()
                    await self._one_ended.wait()

    def _assign(self, job: Job[Any]) -> None:
        if self._idle:
            jobs = self._idle.pop()
        else:
            jobs = SimpleQueue()
            self._threads[jobs] = threading.Thread(target=self._work, args=(jobs,), name=self._name, daemon=True)
            self._threads[jobs].start()
        job.thread = jobs
        jobs.put(job)

    def _work(self, jobs: _Jobs) -> None:
        """What a thread does."""
        job: Job[Any] | None = None
        try:
            while (job := jobs.get()) is not None:
                guarded(job.perform)
                job.follow_up()
                self._returned.append((jobs, job))
                if not self._told:
                    self._told = True
                    self._tell(self._settle)
                job = None  # or what it holds would live until the next one
        finally:
            if job is not None:  # it raised what `guarded` lets pass, and this thread ends
                job.follow_up()
            self._tell(partial(self._end, jobs, job))

    def _tell(self, callback: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback)

    def _settle(self) -> None:
        self._told = False
        while self._returned:
            jobs, job = self._returned.popleft()
            job.settle()
            self._written_off.discard(jobs)
            if not self._closing:
                self._idle.append(jobs)

    def _end(self, jobs: _Jobs, job: Job[Any] | None) -> None:
        if job is not None:
            job.settle()
        self._threads.pop(jobs).join()
        self._one_ended.set()


class Job(Generic[T]):
    """A call in a thread.

    Args:
        call: What to do.
        answer: What comes of it: its result, or what it raises. What must not reach an event loop, such as
            `SystemExit`, comes as a RuntimeError.
    """

    def __init__(self, call: Callable[[], T], answer: asyncio.Future[T]) -> None:
        self.answer = answer
        self.thread: _Jobs | None = None
        self._call = call
        self._result: Any = None
        self._raised: Exception | None = None
        self._lock = threading.Lock()
        self._returned = False
        self._then: Callable[[], None] | None = None

    def perform(self) -> None:
        """Make the call, in a thread. The exception is kept itself: the boundary keeps its text alone."""
        try:
            self._result = self._call()
        finally:
            raised = sys.exc_info()[1]
            if isinstance(raised, Exception) and not isinstance(raised, StopIteration):
                self._raised = raised
            elif raised is not None:  # an event loop would take it for a word to itself
                self._raised = RuntimeError(f"a call in a thread raised {raised!r}")

    def followed_by(self, call: Callable[[], None]) -> bool:
        """Make another call after this one, in its thread; False where this one has returned already."""
        with self._lock:
            if not self._returned:
                self._then = call
            return not self._returned

    def follow_up(self) -> None:
        """In the thread, when the call has returned."""
        with self._lock:
            self._returned, then, self._then = True, self._then, None
        if then is not None:
            guarded(then)

    def settle(self) -> None:
        """In the loop's thread: tell whoever waits."""
        if self.answer.done():
            return
        if self._raised is None:
            self.answer.set_result(self._result)
        else:
            self.answer.set_exception(self._raised)


_Jobs = SimpleQueue[Job[Any] | None]
