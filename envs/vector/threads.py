"""`Crew`: threads that help the calling thread with its jobs, at next to no cost where there is nothing to help with.

The calling thread works itself. It and its helpers take one job after the other from the same list, and whoever takes
its first invites one more helper. A job that waits (for a sandbox, for a server) lets the helper take the next, which
invites another, until all work. Jobs that are over faster than a thread wakes up are not worth an invitation: whether
they are is learned from earlier calls. What a job returns depends neither on that nor on who did it.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Generic, TypeVar

if sys.platform == "linux":
    import resource

T = TypeVar("T")

_DIED = -1
_WORTH_S = 0.0002  # a job that waits; to wake a helper costs some 0.1 ms a call, little beside many of this length
_LONG_S = 0.002  # a job, whether it waits or computes
_CALLS = 8  # so many calls after the last whose jobs were worth it, helpers are no longer woken


class Crew:
    """The calling thread and up to `size` helpers.

    Helpers are started when they are first needed. They end with `close`, when the crew is garbage, and when the
    interpreter exits. A child made by `fork` has none of its parent's threads: it starts its own.

    Args:
        size: How many helpers, at least 0.

    Example:
        >>> crew = Crew(2)
        >>> crew.run("numbers", [lambda: 1, lambda: 2])
        [1, 2]
        >>> crew.close()
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._invitations: dict[str, int] = {}  # by kind of job: in how many calls helpers will be woken
        self._begin()

    def run(self, kind: str, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """What each job returns, in order.

        Args:
            kind: Jobs of one kind take about as long.
            jobs: Do not raise. What one raises nevertheless in the calling thread, such as a KeyboardInterrupt, is
                raised here; the helpers then finish what they are at and begin nothing more.

        Raises:
            RuntimeError: A job raised in a helper.
        """
        if self.size == 0 or len(jobs) < 2:
            return [job() for job in jobs]
        if self._helpers.process != os.getpid():
            self._finalizer.detach()
            self._begin()
        batch = _Batch(jobs, self._helpers)
        invitations = self._invitations.get(kind, 1)
        results = batch.run(invitations > 0)
        self._invitations[kind] = _CALLS if batch.was_worth else max(invitations - 1, 0)
        return results

    def close(self) -> None:
        """End the helpers and wait until they have ended; a later `run` starts others."""
        threads = self._helpers.threads
        self._finalizer()
        for thread in threads:
            thread.join()
        self._begin()

    def _begin(self) -> None:
        self._helpers = _Helpers(self.size)
        self._finalizer = weakref.finalize(self, self._helpers.dismiss)


class _Helpers:
    """What the threads know; no thread knows the crew, which can therefore become garbage."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.process = os.getpid()
        self.threads: list[threading.Thread] = []
        self.calls: SimpleQueue[_Batch[Any] | None] = SimpleQueue()

    def invite(self, batch: _Batch[Any]) -> None:
        """Wake one more helper for a batch. Never called by two threads at once for the batch that is under way."""
        if batch.invited == self.size:
            return
        batch.invited += 1
        if batch.invited > len(self.threads):
            thread = threading.Thread(target=_help, args=(self.calls,), name="rlvr-vector", daemon=True)
            self.threads.append(thread)
            thread.start()
        self.calls.put(batch)

    def dismiss(self) -> None:
        """Tell every helper to end. Safe in a finalizer: `SimpleQueue.put` may be called at any point of a program."""
        for _ in self.threads:
            self.calls.put(None)


class _Batch(Generic[T]):
    """Jobs that are done once. A job is taken by `list.pop`, which no two threads can do at once."""

    def __init__(self, jobs: Sequence[Callable[[], T]], helpers: _Helpers) -> None:
        self.jobs, self.helpers = jobs, helpers
        self.results: list[Any] = [None] * len(jobs)
        self.left = list(range(len(jobs) - 1, -1, -1))
        self.reports: SimpleQueue[int] = SimpleQueue()
        self.invited = 0
        self.own = 0
        self.was_worth = False
        self.pauses = _pauses()

    def run(self, invite: bool) -> list[T]:
        """Work in the calling thread, then wait for what helpers have begun.

        Args:
            invite: Whether to wake helpers; if not, they are woken once the jobs turn out to be worth it.
        """
        if invite:
            self.helpers.invite(self)
        try:
            self._begin()
            missing = len(self.jobs) - self.own
            while missing:
                done = self.reports.get()
                if done == _DIED:
                    raise RuntimeError("a thread of a vector environment died: its traceback is on stderr")
                missing -= done
        finally:
            self.left.clear()
        return self.results

    def _begin(self) -> None:
        """Work in the calling thread, by the clock."""
        jobs, results, take = self.jobs, self.results, self.left.pop
        started = now = perf_counter()
        late = started + _WORTH_S * len(jobs)
        done = 0
        while True:
            try:
                index = take()
            except IndexError:
                break
            results[index] = jobs[index]()
            done += 1
            now = perf_counter()
            if now > late and self.invited == 0 and self._is_worth(now - started, done):
                self.helpers.invite(self)
        self.own, self.was_worth = done, self._is_worth(now - started, done)

    def _is_worth(self, seconds: float, done: int) -> bool:
        """Whether jobs were worth a helper. A thread that the machine merely interrupts does not pause."""
        if seconds <= _WORTH_S * done:
            return False
        return seconds > _LONG_S * done or _pauses() != self.pauses

    def help(self) -> None:
        """Work in a helper's thread."""
        report = _DIED
        try:
            report = self._work()
        finally:
            if report:
                self.reports.put(report)

    def _work(self) -> int:
        done = 0
        while True:
            try:
                index = self.left.pop()
            except IndexError:
                return done
            if done == 0:
                self.helpers.invite(self)
            self.results[index] = self.jobs[index]()
            done += 1


def _pauses() -> float:
    """A number that is another whenever this thread has waited for something; without Linux, always another."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw if sys.platform == "linux" else perf_counter()


def _help(calls: SimpleQueue[_Batch[Any] | None]) -> None:
    while True:
        batch = calls.get()
        if batch is None:
            return
        batch.help()
        del batch  # or its results would live until the next call
