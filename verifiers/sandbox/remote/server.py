"""The sandbox as a service: a stateless HTTP worker around any other back end, spoken to as SandboxFusion is.

`POST /run_code` runs a program, `GET /health` tells of the back end and its isolation, `GET /v1/ping` says "pong". Full
is full: a request that finds no room is answered 429 at once. A failure of the sandbox is answered 200 with the status
"SandboxError", so that no client takes it for a wrong program.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.sandbox.base import Sandbox
from rlvr_gym.verifiers.sandbox.remote import http1
from rlvr_gym.verifiers.sandbox.remote.answer import PROTOCOL, write_isolation
from rlvr_gym.verifiers.sandbox.remote.dispatch import Dispatcher
from rlvr_gym.verifiers.sandbox.remote.fields import FieldError
from rlvr_gym.verifiers.sandbox.remote.http1 import Head, HttpError, Reply
from rlvr_gym.verifiers.sandbox.remote.request import MOST, read_request
from rlvr_gym.verifiers.sandbox.spec import Limits, SandboxError

_LOG = logging.getLogger(__name__)
_ROUTES = {"/run_code": "POST", "/health": "GET", "/v1/ping": "GET"}
_RETRY = (429, 503)
_HEALTH_S = 10.0
_SPARE_CONNECTIONS = 256  # beyond one for each request that may run or wait


@dataclass(frozen=True)
class Settings:
    """How a server serves.

    Args:
        host: Address to listen on.
        port: Port; 0 takes a free one.
        workers: Programs at one time; by default one for each processor.
        queue: Requests that may wait besides.
        token: What clients must send as `Authorization: Bearer`; nothing where None.
        most: Limits above which a request is refused.
        body_bytes: Largest request.
        held_bytes: All requests under way together.
        idle_s: Seconds that an open connection may say nothing.
        head_s: Seconds for the headers of a request.
        body_s: Seconds for its body.
        write_s: Seconds for a client to read its answer.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> Settings(port=0, workers=2).queue
        512
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    queue: int = 512
    token: str | None = field(default=None, repr=False)
    most: Limits = MOST
    body_bytes: int = 32 * 2**20
    held_bytes: int = 512 * 2**20
    idle_s: float = 75.0
    head_s: float = 10.0
    body_s: float = 60.0
    write_s: float = 60.0

    def __post_init__(self) -> None:
        ranges = {"port": (0, 65_535), "workers": (1, 1024), "queue": (0, 65_536)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ConfigError(f"{name} must be an integer from {low} to {high}, got {shown(value)}")
        try:
            named = bool(self.host.encode("idna")) and "\0" not in self.host
        except (UnicodeError, AttributeError):
            named = False
        if not named:  # the empty name would listen everywhere
            raise ConfigError(f"host must be an address or a name of this machine, got {shown(self.host)}")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise ConfigError("the token must be printable ASCII text and not empty")


class Server:
    """Serves one sandbox over HTTP, once, until it is told to stop; then it finishes what runs and refuses the rest.

    `run` serves in the main thread of a process, a `with` statement beside the caller.

    Args:
        sandbox: Where programs run; its owner closes it.
        settings: How.

    Example:
        >>> from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox
        >>> with make_sandbox("forkserver") as sandbox, Server(sandbox, Settings(port=0)) as server:
        ...     with make_sandbox("remote", url=server.url) as remote:
        ...         result = remote.run(RunSpec("print(input()[::-1])", stdin="abc"))
        >>> result.stdout
        b'cba\\n'
    """

    def __init__(self, sandbox: Sandbox, settings: Settings | None = None) -> None:
        self.settings = settings if settings is not None else Settings()
        self.url = ""
        self._sandbox = sandbox
        self._dispatcher = Dispatcher(sandbox, workers=self.settings.workers, queue=self.settings.queue)
        self._connections: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[Any] | None] = set()
        self._held = 0
        self._hurried = False
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._fault: OSError | None = None

    def run(self, ready: Callable[[str], object] | None = None) -> None:
        """Serve until SIGTERM or SIGINT; a second one does not wait for what runs.

        Args:
            ready: Called with the URL once the port is open.

        Raises:
            OSError: The port cannot be had.
        """
        asyncio.run(self._serve(ready, signals=(signal.SIGTERM, signal.SIGINT)))

    def stop(self) -> None:
        """Begin to shut down; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stopping.set)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve_beside, name="sandbox-server", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._fault is not None:
            raise self._fault
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def _serve_beside(self) -> None:
        try:
            asyncio.run(self._serve(None, signals=()))
        except OSError as error:
            self._fault = error
        finally:
            self._ready.set()

    async def _serve(self, ready: Callable[[str], object] | None, signals: tuple[signal.Signals, ...]) -> None:
        self._loop = asyncio.get_running_loop()
        listener = await asyncio.start_server(
            self._accept, self.settings.host, self.settings.port, limit=http1.HEAD_BYTES, backlog=1024
        )
        host, port = listener.sockets[0].getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        for number in signals:
            with contextlib.suppress(NotImplementedError):  # Windows ends on SIGINT by itself
                self._loop.add_signal_handler(number, self._on_signal)
        self._ready.set()
        if ready is not None:
            ready(self.url)
        try:
            await self._stopping.wait()
        finally:
            listener.close()
            self._dispatcher.cancel_waiting()
            for task in [task for task in self._connections if task not in self._busy]:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            if not self._hurried:
                await asyncio.to_thread(self._dispatcher.join)

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._hurried = True
            for task in self._connections:
                task.cancel()
        self._stopping.set()

    # --- Connections ------------------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        self._busy.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a connection broke", exc_info=error)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=0)  # drain means: all of it is with the kernel
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):  # the client left, or does not read
            writer.transport.abort()
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply; tells whether another may follow."""
        read, held, keep_alive = False, 0, False
        try:
            if len(self._connections) > self.settings.workers + self.settings.queue + _SPARE_CONNECTIONS:
                raise HttpError(429, "too many connections; try again soon")
            head = await http1.read_head(reader, idle_s=self.settings.idle_s, head_s=self.settings.head_s)
            if head is None:
                return False
            held = self._admit(head)
            body = await http1.read_body(reader, writer, head, self.settings.body_s)
            read, keep_alive = True, head.keep_alive
            self._busy.add(asyncio.current_task())
            reply = await self._reply(head, body, reader.at_eof)
        except HttpError as error:
            retry = {"Retry_After": "1"} if error.status in _RETRY else {}
            challenge = {"WWW_Authenticate": "Bearer"} if error.status == 401 else {}
            reply = Reply.of(error.status, {"detail": error.message}, **retry, **challenge)
        finally:
            self._held -= held
        keep_alive = keep_alive and not self._stopping.is_set()
        try:
            await http1.write_reply(writer, reply, keep_alive=keep_alive, write_s=self.settings.write_s)
        finally:
            self._busy.discard(asyncio.current_task())
        if not read:
            await http1.leave(reader, writer)
        return keep_alive

    def _admit(self, head: Head) -> int:
        """Refuse what can be refused by its head; gives the bytes to hold for its body."""
        if "origin" in head.headers:
            raise HttpError(403, "this is no service for web pages")
        if head.path not in _ROUTES:
            raise HttpError(404, f"there is no {shown(head.path)}; there are {', '.join(_ROUTES)}")
        if head.method != _ROUTES[head.path]:
            raise HttpError(405, f"{head.path} is asked with {_ROUTES[head.path]}, not {head.method}")
        if self.settings.token is not None and head.path != "/v1/ping":
            given = head.headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, f"Bearer {self.settings.token}".encode("ascii")):
                raise HttpError(401, "send the token of this server as 'Authorization: Bearer TOKEN'")
        if head.length is None:
            if head.method == "POST":
                raise HttpError(411, "a request must say its Content-Length")
            return 0
        if head.length > self.settings.body_bytes:
            raise HttpError(413, f"a request may have {self.settings.body_bytes} bytes; this one has {head.length}")
        if self._held + head.length > self.settings.held_bytes:
            raise HttpError(429, "the requests under way fill this server's memory; try again soon")
        self._held += head.length
        return head.length

    # --- Requests ---------------------------------------------------------------------------------------------------

    async def _reply(self, head: Head, body: bytes, gone: Callable[[], bool]) -> Reply:
        if self._stopping.is_set():
            raise HttpError(503, "this server is shutting down")
        if head.path == "/v1/ping":
            return Reply.of(200, "pong")
        if head.path == "/health":
            return await self._health()
        try:
            request = read_request(json.loads(body), self.settings.most)
        except FieldError as error:
            raise HttpError(422, str(error)) from error
        except (ValueError, RecursionError) as error:
            raise HttpError(400, f"the request is not JSON: {shown(str(error), 200)}") from error
        return Reply(200, await self._dispatcher.answer(request, hashlib.sha256(body).digest(), gone), {})

    async def _health(self) -> Reply:
        data = {
            "status": "ready",
            "rlvr": PROTOCOL,
            "backend": self._sandbox.name,
            "running": self._dispatcher.running,
            "waiting": self._dispatcher.waiting,
            "workers": self.settings.workers,
            "queue": self.settings.queue,
            "limits": self.settings.most.to_dict(),
        }
        asked = asyncio.get_running_loop().run_in_executor(None, self._sandbox.isolation)
        await asyncio.wait({asked}, timeout=_HEALTH_S)
        error = asked.exception() if asked.done() else SandboxError("it does not answer")
        if error is None:
            return Reply.of(200, {**data, "isolation": write_isolation(asked.result())})
        return Reply.of(503, {**data, "status": "broken", "detail": f"{self._sandbox.name}: {error}"}, Retry_After="5")
