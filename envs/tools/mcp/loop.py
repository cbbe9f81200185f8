"""One background thread with an event loop, in which all connections of a process live.

The SDK of MCP is asynchronous and environments are not. Whoever calls waits in a thread of its own, which may have an
event loop of its own too. A process has one such thread at most; a forked child begins without one.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

CLOSING_S = 6.0  # a server that does not heed the end of its input is ended by signals within 4 seconds


class LoopThread:
    """A thread that runs an event loop until the process ends."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.loop = asyncio.SelectorEventLoop(self._selector)
        self._keepers: set[asyncio.Task[None]] = set()
        self._closers: set[Callable[[], None]] = set()
        self._thread = threading.Thread(target=self._serve, name="rlvr-mcp", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for what a coroutine gives or raises; an interrupted wait cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result()
        finally:
            future.cancel()  # nothing, where it is done

    def soon(self, call: Callable[[], object]) -> None:
        """Have a function called in the loop, without waiting; nothing happens where the loop has ended."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call)

    def keep(self, coroutine: Coroutine[Any, Any, None], close: Callable[[], None]) -> asyncio.Task[None]:
        """A task that holds something open; to be called in the loop.

        Args:
            coroutine: What it does.
            close: Makes it end; called in the loop when the process ends.
        """
        task = self.loop.create_task(coroutine)
        self._keepers.add(task)
        self._closers.add(close)
        task.add_done_callback(self._kept)
        task.add_done_callback(lambda _: self._closers.discard(close))
        return task

    def end(self) -> None:
        """Close what is open, wait for it, and end the thread."""
        self.run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(CLOSING_S)

    def disown(self) -> None:
        """In a forked child: let go of what the parent's kernel objects are watched by, without changing what for."""
        self._selector.close()

    def _kept(self, task: asyncio.Task[None]) -> None:
        self._keepers.discard(task)
        if not task.cancelled():
            task.exception()  # whoever has asked something of it tells why it failed

    async def _close(self) -> None:
        for close in list(self._closers):
            close()
        if self._keepers:
            await asyncio.wait(list(self._keepers), timeout=CLOSING_S)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()


class _Shared:
    """The loop of this process, if it has one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: LoopThread | None = None
        self._parents: list[LoopThread] = []  # never collected: that would close what the parent uses

    def forget(self) -> None:
        """Begin without one: the thread of a parent does not live in a forked child."""
        if self._loop is not None:
            self._loop.disown()
            self._parents.append(self._loop)
        self._lock, self._loop = threading.Lock(), None

    def get(self) -> LoopThread:
        with self._lock:
            if self._loop is None:
                # The SDK logs what a server does wrong; here it is in the error that is raised.
                logging.getLogger("mcp").addHandler(logging.NullHandler())
                self._loop = LoopThread()
            return self._loop

    def end(self) -> None:
        if self._loop is not None:
            self._loop.end()


_shared = _Shared()
atexit.register(_shared.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.forget)


def shared_loop() -> LoopThread:
    """The loop of this process; it begins when it is first asked for."""
    return _shared.get()
