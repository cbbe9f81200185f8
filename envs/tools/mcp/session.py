"""`Session`: one conversation with an MCP server, for synchronous callers.

What a caller did wrong comes back as a `Said` with `error`; whatever else goes wrong is the server's, raises
`McpServerError` and ends the session: it dies, writes what is no message, breaks the protocol, or takes too long.
"""

from __future__ import annotations

import asyncio
import json
import os
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rlvr_gym.envs.task import content_hash
from rlvr_gym.envs.tools.mcp.loop import LoopThread, shared_loop
from rlvr_gym.envs.tools.mcp.spec import ServerSpec
from rlvr_gym.verifiers import ConfigError, MissingExtraError, RlvrError

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult, Tool

MAX_TOOLS = 1_000
MAX_PAGES = 100
LOG_CHARS = 500
INVALID_PARAMS = -32602
CLOSED = "Connection closed"  # what the SDK answers in place of a server that is gone
CONNECT_S = 10.0


class McpServerError(RlvrError, RuntimeError):
    """An MCP server died, wrote what is no message, broke the protocol, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a server answered to a call.

    Args:
        text: The result, or what was wrong with the call.
        error: Whether the call was wrong.
    """

    text: str
    error: bool

    @property
    def digest(self) -> str:
        """By which a replay knows it again."""
        return content_hash([self.error, self.text])


class Session:
    """A connection that is open and has told its tools. Its methods may be called in any thread.

    Args:
        spec: Which server.
        start_s: Seconds within which it must have told its tools.

    Raises:
        ConfigError: There is no such program or folder.
        McpServerError: It did not begin.
        MissingExtraError: The SDK is not installed.
    """

    def __init__(self, spec: ServerSpec, start_s: float) -> None:
        check_installed()
        self._pid, self._loop, self._line = os.getpid(), shared_loop(), _Line(spec)
        self.tools: Sequence[Tool] = self._loop.run(self._line.open(self._loop.keep, start_s))
        self._finalizer = weakref.finalize(self, _close, self._pid, self._loop, self._line)

    @property
    def ours(self) -> bool:
        """Whether it belongs to this process, and not to one that this was forked from."""
        return self._pid == os.getpid()

    @property
    def alive(self) -> bool:
        """Whether it belongs to this process and is not known to have ended."""
        return self.ours and self._finalizer.alive and not self._line.ended

    def call(self, name: str, arguments: Mapping[str, Any], timeout_s: float) -> Said:
        """Call a tool.

        Raises:
            McpServerError: See the class; the session is closed then.
        """
        try:
            return self._loop.run(self._line.call(name, arguments, timeout_s))
        except (McpServerError, KeyboardInterrupt):
            self.close()
            raise

    def close(self) -> None:
        """End it, and with it the server's process; does not wait. Ending twice, or in a forked child, is nothing."""
        self._finalizer()


def check_installed() -> None:
    """Say which extra is missing.

    Raises:
        MissingExtraError: The SDK is not installed.
    """
    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("mcp", "mcp", "an MCP server") from error


class _Line:
    """The asynchronous half of a session: everything here runs in the loop.

    The transports of the SDK must be entered and left in one task: that task is `keeper`, and lasts as long as they.
    """

    def __init__(self, spec: ServerSpec) -> None:
        self._spec = spec
        self._log = _Log()
        self._over = asyncio.Event()
        self._garbage = ""
        self._keeper: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None
        self._asking: set[asyncio.Future[CallToolResult]] = set()

    @property
    def ended(self) -> bool:
        return self._over.is_set() or self._keeper is None or self._keeper.done()

    async def open(self, keep: Any, timeout_s: float) -> Sequence[Tool]:
        told: asyncio.Future[Sequence[Tool]] = asyncio.get_running_loop().create_future()
        keeper = self._keeper = keep(self._keep(told), self.close)
        try:
            await asyncio.wait({told, keeper}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failed = keeper.done()
            if not told.done():  # also where the caller was interrupted
                self.close()
                keeper.cancel()
        if told.done():
            return told.result()
        if failed:
            raise self._not_begun(None if keeper.cancelled() else keeper.exception())
        raise McpServerError(f"the MCP server {self._spec.label} has not begun within {timeout_s:g} s{self._log.tail}")

    async def call(self, name: str, arguments: Mapping[str, Any], timeout_s: float) -> Said:
        from mcp import McpError, types

        if self._session is None or self._keeper is None or self.ended:
            raise self._broken("has ended")
        params = types.CallToolRequestParams(name=name, arguments=dict(arguments))
        request = types.ClientRequest(types.CallToolRequest(params=params))
        # Not `call_tool`, which checks results against schemas of the server and would run their patterns.
        asked = asyncio.ensure_future(self._session.send_request(request, types.CallToolResult))
        self._asking.add(asked)
        asked.add_done_callback(self._asking.discard)
        await asyncio.wait({asked, self._keeper}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done() or asked.cancelled():
            asked.cancel()
            raise self._broken(self._why() if self.ended else f"has not answered within {timeout_s:g} s")
        error = asked.exception()
        if isinstance(error, McpError) and error.error.code == INVALID_PARAMS:
            return Said(error.error.message, error=True)
        if error is not None:
            closed = str(error) == CLOSED
            if closed:
                await asyncio.wait({self._keeper}, timeout=0.1)  # it may know why
            raise self._broken(self._why() if closed or self.ended else f"has failed: {_words(error)}")
        return said(asked.result())

    def close(self) -> None:
        self._over.set()
        for asked in list(self._asking):
            asked.cancel()

    async def _keep(self, told: asyncio.Future[Sequence[Tool]]) -> None:
        from mcp import ClientSession

        async with AsyncExitStack() as stack:
            stack.callback(self._log.close)
            read, write = await stack.enter_async_context(_transport(self._spec, self._log))
            session = await stack.enter_async_context(ClientSession(read, write, message_handler=self._heard))
            await session.initialize()
            tools = await _listed(session)
            self._session = session
            told.set_result(tools)
            await self._over.wait()
        if self._garbage:
            raise McpServerError(self._garbage)

    async def _heard(self, message: object) -> None:
        """What is neither an answer nor a request: notifications, which are not used here, and garbage."""
        if isinstance(message, Exception):
            self._garbage = f"wrote what is no message of MCP: {_words(message)}"
            if self._session is None and self._keeper is not None:
                self._keeper.cancel()
            self.close()

    def _why(self) -> str:
        """Why it ended, as far as it is known."""
        if self._garbage or self._keeper is None or not self._keeper.done() or self._keeper.cancelled():
            return self._garbage or "has ended"
        error = self._keeper.exception()
        return f"has failed: {_words(error)}" if error is not None else "has ended"

    def _broken(self, why: str) -> McpServerError:
        return McpServerError(f"the MCP server {self._spec.label} {why}{self._log.tail}")

    def _not_begun(self, error: BaseException | None) -> RlvrError:
        if isinstance(error, OSError) and self._spec.command:
            where = f" in the folder {self._spec.cwd!r}" if self._spec.cwd else ""
            return ConfigError(f"the MCP server {self._spec.label} cannot be started{where}: {error.strerror}")
        why = self._garbage or (f"has not begun: {_words(error)}" if error is not None else "has ended at once")
        return self._broken(why)


class _Log:
    """The end of what a server writes to its standard error, read as it comes, so that it neither fills nor blocks."""

    def __init__(self) -> None:
        self._kept = ""
        self._transport: asyncio.ReadTransport | None = None

    @property
    def tail(self) -> str:
        """How messages end; empty where nothing was written."""
        kept = " ".join(self._kept.split())
        return f"; the end of its log: {kept[-LOG_CHARS:]}" if kept else ""

    async def open(self) -> int:
        """The descriptor to write to; whoever asked closes it."""
        reading, writing = os.pipe()
        loop = asyncio.get_running_loop()
        protocol = partial(_LogProtocol, self)
        self._transport, _ = await loop.connect_read_pipe(protocol, os.fdopen(reading, "rb", buffering=0))
        return writing

    def hear(self, data: bytes) -> None:
        self._kept = (self._kept + data.decode("utf-8", "replace"))[-4 * LOG_CHARS :]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _LogProtocol(asyncio.Protocol):
    def __init__(self, log: _Log) -> None:
        self._log = log

    def data_received(self, data: bytes) -> None:
        self._log.hear(data)


@asynccontextmanager
async def _transport(spec: ServerSpec, log: _Log) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of messages of either kind of server."""
    if not spec.command:
        async with _http(spec) as streams:
            yield streams
        return
    from mcp import StdioServerParameters, stdio_client

    writing = await log.open()
    parameters = StdioServerParameters(command=spec.command, args=list(spec.args), env=dict(spec.env), cwd=spec.cwd)
    with os.fdopen(writing, "w") as errors:
        async with stdio_client(parameters, errlog=errors) as streams:
            errors.close()  # the process has its own
            yield streams


@asynccontextmanager
async def _http(spec: ServerSpec) -> AsyncIterator[tuple[Any, Any]]:
    import httpx
    from mcp.client.streamable_http import streamable_http_client

    # A call may take as long as the caller waits for it, so the caller alone counts the time of reading.
    timeout = httpx.Timeout(CONNECT_S, read=None)
    async with httpx.AsyncClient(headers=dict(spec.headers), timeout=timeout) as client:
        opened: AbstractAsyncContextManager[Any] = streamable_http_client(spec.url, http_client=client)
        async with opened as (read, write, _):
            yield read, write


async def _listed(session: ClientSession) -> Sequence[Tool]:
    """All tools, page by page.

    Raises:
        McpServerError: There is no end of them.
    """
    from mcp import types

    found: list[Tool] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        request = types.ListToolsRequest(params=types.PaginatedRequestParams(cursor=cursor))
        page = await session.send_request(types.ClientRequest(request), types.ListToolsResult)
        found += page.tools
        cursor = page.nextCursor
        if len(found) > MAX_TOOLS:
            break
        if cursor is None:
            return found
    raise McpServerError(f"the server lists more than {MAX_TOOLS:,} tools or {MAX_PAGES} pages of them")


def said(result: CallToolResult) -> Said:
    """A result as text: its texts, one below the other, and what else it holds by kind and size.

    Example:
        >>> from mcp.types import CallToolResult, ImageContent, TextContent
        >>> image = ImageContent(type="image", data="QUJD", mimeType="image/png")
        >>> said(CallToolResult(content=[TextContent(type="text", text="A map:"), image])).text
        'A map:\\n[image/png, 3 bytes]'
        >>> said(CallToolResult(content=[], structuredContent={"n": 7})).text
        '{"n": 7}'
    """
    parts = [_part(item.model_dump(mode="json", by_alias=True, exclude_none=True)) for item in result.content]
    if result.structuredContent is not None and not any(item.type == "text" for item in result.content):
        parts.insert(0, json.dumps(result.structuredContent, ensure_ascii=False))
    return Said("\n".join(parts), bool(result.isError))


def _part(item: Mapping[str, Any]) -> str:
    kind = item.get("type")
    if kind == "text":
        return str(item["text"])
    if kind in ("image", "audio"):
        return f"[{item['mimeType']}, {_decoded(item['data']):,} bytes]"
    resource = item.get("resource", item)
    name, mime = resource.get("uri", ""), resource.get("mimeType", "resource")
    if kind == "resource" and "text" in resource:
        return f"[{mime} {name}]\n{resource['text']}"
    size = f", {_decoded(resource['blob']):,} bytes" if "blob" in resource else ""
    return f"[{mime} {name}{size}]"


def _decoded(data: str) -> int:
    """How many bytes a text in base 64 stands for."""
    return len(data.rstrip("=")) * 3 // 4


def _words(error: BaseException) -> str:
    """An error in one line; of a group, its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).partition("For further information")[0].split())
    return f"{type(error).__name__}: {text[:300]}"


def _close(pid: int, loop: LoopThread, line: _Line) -> None:
    if pid == os.getpid():
        loop.soon(line.close)
