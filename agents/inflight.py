"""`InFlight`: the episodes under way, those that are over and not yet taken, and the environments in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from rlvr_gym.agents.asking import AsyncPolicy, Batches
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.play import Play, Playing, TextGymEnv, goes_on
from rlvr_gym.agents.policy import Completion, Policy, Request
from rlvr_gym.agents.workers import Workers
from rlvr_gym.envs.boundary import guarded

T = TypeVar("T")

_CLOSE_WAIT_S = 5.0  # for the steps and the generation under way


@dataclass(frozen=True, slots=True)
class Finished:
    """An episode that is over.

    Args:
        number: Its place among the plays, from 0.
        play: What was wanted.
        episode: What happened.
    """

    number: int
    play: Play
    episode: Episode


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of `rollout`, checked."""

    max_inflight: int
    workers: int
    deadline_s: float | None
    retries: int
    max_batch: int


class InFlight:
    """Episodes under way, those that are over and not yet taken, and the environments that nobody plays in."""

    def __init__(
        self, make_env: Callable[[], TextGymEnv], policy: Policy | AsyncPolicy, plays: Iterator[Play], limits: Limits
    ) -> None:
        self._make_env, self._plays, self._limits = make_env, enumerate(plays), limits
        self._tasks: set[asyncio.Task[Finished]] = set()
        self._over: deque[asyncio.Task[Finished]] = deque()
        self._news = asyncio.Event()
        self._spare: list[TextGymEnv] = []
        self._steps = Workers("rlvr-step")
        self._free_workers = asyncio.Semaphore(limits.workers)
        self._ask: Callable[[Request], Awaitable[Completion]]
        self._batches: Batches | None = None
        if isinstance(policy, AsyncPolicy):
            self._ask = policy.aact
        else:
            self._batches = Batches(policy, limits.max_batch, self._tasks)
            self._batches.server.add_done_callback(self._end)
            self._ask = self._batches.ask
        self._keeper = asyncio.create_task(self._keep())

    async def open(self) -> None:
        """Make the first environment: if that fails, it is the caller's mistake and no record.

        Where it has more than one turn, a local policy keeps from here to `close` what it computed of a conversation.
        """
        made = Playing(Play(), None, self._make_env)
        try:
            await self._step(made, _Clock(None), made.ready)
        finally:
            self._release(made)
        if self._batches is not None and made.env is not None and goes_on(made.env):
            self._batches.remember()

    async def next(self) -> Finished | None:
        """The next episode that is over; None after the last."""
        self._fill()
        while not self._over:
            if not self._tasks:
                return None
            self._news.clear()
            await self._news.wait()
        task = self._over.popleft()
        self._fill()
        return task.result()

    async def close(self) -> None:
        """End everything."""
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        if self._keeper.cancelled():  # before it had begun
            await self._close()

    async def _keep(self) -> None:
        """Clean up when this task is cancelled: by `close`, or by an event loop that ends and cancels all it finds.

        The loop of `asyncio.run` waits for its tasks, but not for a generator that nobody holds any more.
        """
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        closed = False
        while not closed:
            with suppress(asyncio.CancelledError):
                await self._close()
                closed = True

    async def _close(self) -> None:
        tasks: list[asyncio.Task[Any]] = [*self._tasks, *self._over]
        if self._batches is not None:
            tasks.append(self._batches.server)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        idle, self._spare = self._spare, []
        for i in range(min(self._limits.workers, len(idle))):
            self._steps.forsake(partial(_close_all, idle[i :: self._limits.workers]))
        await self._steps.close(_CLOSE_WAIT_S)
        if self._batches is not None:
            await self._batches.close(_CLOSE_WAIT_S)

    def _fill(self) -> None:
        while len(self._tasks) + len(self._over) < self._limits.max_inflight:
            try:
                number, play = next(self._plays)
            except StopIteration:
                return
            task = asyncio.create_task(self._play(number, play))
            self._tasks.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._over.append(task)
        self._news.set()

    async def _play(self, number: int, play: Play) -> Finished:
        limits = self._limits
        playing = Playing(play, self._spare.pop() if self._spare else None, self._make_env, limits.retries)
        clock = _Clock(limits.deadline_s)
        try:
            await self._step(playing, clock, playing.begin)
            while playing.done is None:
                completion = await clock.wait(self._ask(playing.request()), "the policy")
                await self._step(playing, clock, partial(playing.advance, completion))
            episode = playing.done
        except _LateError as late:
            episode = playing.late(limits.deadline_s or 0.0, str(late))
        finally:
            self._release(playing)
        return Finished(number, play, episode)

    async def _step(self, playing: Playing, clock: _Clock, call: Callable[[], None]) -> None:
        async with self._free_workers:
            job = self._steps.start(call)
            try:
                await clock.wait(job.answer, "the environment")
            except (asyncio.CancelledError, _LateError) as reason:
                playing.abandoned = True
                self._steps.abandon(job, playing.close, hopeless=isinstance(reason, _LateError))
                raise

    def _release(self, playing: Playing) -> None:
        """Keep the environment for another episode; the thread of one that is abandoned closes it, sooner or later."""
        if playing.abandoned or playing.env is None:
            return
        if playing.broken:
            self._steps.forsake(playing.close)
        else:
            self._spare.append(playing.env)


class _LateError(Exception):
    """An episode is over its deadline; the message says what it waited for."""


class _Clock:
    """The time that an episode has left."""

    def __init__(self, left_s: float | None) -> None:
        self._left_s = left_s

    async def wait(self, work: Awaitable[T], waited_for: str) -> T:
        """The result of some work, unless the time runs out."""
        if self._left_s is None:
            return await work
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(self._left_s) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():  # a policy's own
                raise
            raise _LateError(waited_for) from None
        finally:
            self._left_s -= loop.time() - started


def _close_all(envs: Iterable[TextGymEnv]) -> None:
    for env in envs:
        guarded(env.close)
