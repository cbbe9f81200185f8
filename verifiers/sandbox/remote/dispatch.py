"""Who is run when: a bounded number at a time, a bounded queue behind it, and each request id once."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rlvr_gym.verifiers.sandbox.base import Sandbox
from rlvr_gym.verifiers.sandbox.languages import find_language
from rlvr_gym.verifiers.sandbox.remote.answer import write_answer, write_built, write_failure
from rlvr_gym.verifiers.sandbox.remote.http1 import HttpError
from rlvr_gym.verifiers.sandbox.remote.request import Request
from rlvr_gym.verifiers.sandbox.spec import RunResult, SandboxError, encoded

_LOOK_S = 0.25  # how often to look whether a waiting client is still there
_KEEP_S = 300.0
_KEEP_BYTES = 64 * 2**20
_KEEP_OVERHEAD = 2048
_LOG = logging.getLogger(__name__)


def perform(sandbox: Sandbox, request: Request) -> dict[str, Any]:
    """Run what a request asks for.

    Raises:
        SandboxError: The sandbox failed, or is weaker than the request allows.
    """
    if request.min_isolation != "none" and not sandbox.isolation().reaches(request.min_isolation):
        level = sandbox.isolation().level
        raise SandboxError(f"{sandbox.name} reaches isolation {level!r}; {request.min_isolation!r} is asked for")
    spec, compile_s = request.spec, None
    language = find_language(spec.language)
    if language.compile:
        start = time.monotonic()
        built = sandbox.build(spec)
        seconds = time.monotonic() - start
        if isinstance(built, RunResult):
            return write_answer(built, request_id=request.request_id)
        if request.build:
            artifact = {language.artifact: encoded(language.artifact, built.files[language.artifact])}
            isolation = sandbox.isolation()
            return write_built(artifact, isolation, request_id=request.request_id, compile_s=seconds)
        compile_s = None if language.artifact in spec.files else seconds
        spec = built
    return write_answer(sandbox.run(spec), request_id=request.request_id, compile_s=compile_s)


@dataclass(frozen=True)
class _Outcome:
    """An answer as JSON text; only a final one is kept for those who ask again."""

    body: bytes
    final: bool


@dataclass
class _Flight:
    """One execution: those who wait for it share it."""

    request_id: str
    digest: bytes
    job: Future[_Outcome]
    done: asyncio.Future[_Outcome]
    waiting: int = 0


class Dispatcher:
    """Runs requests in threads; used from one event loop.

    A request id is run once: while it runs, the same request again waits for the same execution, and for some minutes
    afterwards it gets the stored answer. So a client that lost an answer may ask again. What nobody waits for any more
    is taken out of the queue.

    Args:
        sandbox: Where programs run.
        workers: Programs at one time.
        queue: Requests that may wait besides.
    """

    def __init__(self, sandbox: Sandbox, *, workers: int, queue: int) -> None:
        self.workers, self.queue = workers, queue
        self._sandbox = sandbox
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="sandbox")
        self._pending = 0
        self._flights: dict[str, _Flight] = {}
        self._kept: deque[tuple[float, str, int]] = deque()
        self._kept_bytes = 0

    @property
    def running(self) -> int:
        """Requests that are run now."""
        return min(self._pending, self.workers)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._pending - self.running

    async def answer(self, request: Request, digest: bytes, gone: Callable[[], bool]) -> bytes:
        """The answer to a request as JSON text.

        Args:
            request: What to run.
            digest: A hash of the request as it came.
            gone: Tells whether its client has left.

        Raises:
            HttpError: The queue is full, the server ends, or another request had this id.
            ConnectionResetError: The client has left.
        """
        flight = self._flights.get(request.request_id)
        if flight is None:
            flight = self._start(request, digest)
        elif flight.digest != digest:
            raise HttpError(409, f"request_id {request.request_id!r} was used for another request")
        flight.waiting += 1
        try:
            while not flight.done.done():
                await asyncio.wait({flight.done}, timeout=_LOOK_S)
                if gone() and not flight.done.done():
                    raise ConnectionResetError("the client has left")
        finally:
            flight.waiting -= 1
            if not flight.waiting and flight.job.cancel():  # which it refuses once the job has begun
                self._forget(flight)
        if flight.done.cancelled():
            raise HttpError(503, "this server is shutting down")
        error = flight.done.exception()
        if error is None:
            return flight.done.result().body
        message = f"the sandbox broke: {type(error).__name__}: {error}"
        return _json(write_failure(message, request_id=request.request_id))

    def cancel_waiting(self) -> None:
        """Take all that has not begun out of the queue."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for all that runs; after `cancel_waiting`."""
        self._pool.shutdown(wait=True)

    def _start(self, request: Request, digest: bytes) -> _Flight:
        if self._pending >= self.workers + self.queue:
            raise HttpError(429, f"{self.workers} programs run and {self.queue} wait; try again soon")
        try:
            job = self._pool.submit(self._work, request)
        except RuntimeError as error:  # the pool is shut
            raise HttpError(503, "this server is shutting down") from error
        self._pending += 1
        flight = _Flight(request.request_id, digest, job, asyncio.wrap_future(job))
        flight.done.add_done_callback(functools.partial(self._ended, flight))
        if request.request_id:
            self._flights[request.request_id] = flight
        return flight

    def _work(self, request: Request) -> _Outcome:
        try:
            return _Outcome(_json(perform(self._sandbox, request)), final=True)
        except SandboxError as error:
            _LOG.warning("the sandbox failed: %s", error)
            return _Outcome(_json(write_failure(str(error), request_id=request.request_id)), final=False)

    def _ended(self, flight: _Flight, done: asyncio.Future[_Outcome]) -> None:
        self._pending -= 1
        error = None if done.cancelled() else done.exception()
        if error is not None:
            _LOG.error("the sandbox broke", exc_info=error)
        if done.cancelled() or error is not None or not done.result().final:
            self._forget(flight)
        elif flight.request_id:
            size = len(done.result().body) + _KEEP_OVERHEAD
            self._kept.append((time.monotonic(), flight.request_id, size))
            self._kept_bytes += size
        while self._kept and (self._kept_bytes > _KEEP_BYTES or self._kept[0][0] < time.monotonic() - _KEEP_S):
            _, request_id, size = self._kept.popleft()
            self._kept_bytes -= size
            del self._flights[request_id]

    def _forget(self, flight: _Flight) -> None:
        if self._flights.get(flight.request_id) is flight:
            del self._flights[flight.request_id]


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
