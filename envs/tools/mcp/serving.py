"""Episodes served over MCP: by standard input and output, or over streamable HTTP."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from rlvr_gym.envs.tools.mcp.episode import NEXT, SAY, ServedEpisodes, Told
from rlvr_gym.envs.tools.mcp.session import check_installed

if TYPE_CHECKING:
    import anyio
    from mcp.server.lowlevel import Server
    from mcp.types import CallToolRequest, GetPromptRequest, ReadResourceRequest, ServerResult
    from starlette.applications import Starlette

MAX_SESSIONS = 100
TASK, TASK_URI = "task", "rlvr://task"
PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class _Session:
    """What one client plays; calls wait for each other."""

    episodes: ServedEpisodes
    lock: anyio.Lock = field(default_factory=lambda: _lock())


@contextmanager
def standard_streams() -> Iterator[tuple[int, int]]:
    """Keep standard input and output for a protocol: what else prints or reads, here or in a child, does not reach it.

    Yields:
        The descriptors to read messages from and to write them to. What is printed goes to standard error meanwhile.
    """
    sys.stdout.flush()
    reading, writing = os.dup(0), os.dup(1)
    try:
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        yield reading, writing
    finally:
        sys.stdout.flush()
        os.dup2(reading, 0)
        os.dup2(writing, 1)
        os.close(reading)
        os.close(writing)


class EpisodeServer:
    """An MCP server; each client session plays episodes of its own, from the same first task on.

    Args:
        make: Makes the episodes of a session.
        name: What clients are told that this is.

    Raises:
        MissingExtraError: The extra `mcp` is not installed.
    """

    def __init__(self, make: Callable[[], ServedEpisodes], name: str) -> None:
        check_installed()
        self._make, self._name = make, name
        first = make()  # so that what is wrong is told before anybody connects
        self._instructions = first.prompt
        first.close()

    def over_stdio(self, reading: int, writing: int) -> None:
        """Serve one client until it closes our input.

        Args:
            reading: Descriptor of its messages.
            writing: Descriptor of ours; see `standard_streams`.
        """
        import anyio

        anyio.run(self._stdio, reading, writing)

    def over_http(self, listening: socket.socket) -> None:
        """Serve any number of clients at `/mcp` until the process is interrupted.

        Args:
            listening: A socket that is bound to an address.
        """
        import uvicorn

        app = self._app(listening.getsockname()[0])
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])

    async def _stdio(self, reading: int, writing: int) -> None:
        import anyio
        from mcp.server.stdio import stdio_server

        with open(writing, "w", encoding="utf-8", closefd=False) as stdout:
            lines = cast("anyio.AsyncFile[str]", _Lines(reading))
            async with stdio_server(lines, anyio.wrap_file(stdout)) as (read, write):
                server = self._server()
                await server.run(read, write, server.create_initialization_options())

    def _app(self, host: str) -> Starlette:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
        from mcp.server.transport_security import TransportSecuritySettings
        from starlette.applications import Starlette
        from starlette.routing import Route

        known = [f"{name}:*" for name in ("127.0.0.1", "localhost", "[::1]")]
        origins = [f"http://{name}" for name in known]
        # A page that a browser shows could reach a server of this machine; its requests name another host or origin.
        local = TransportSecuritySettings(allowed_hosts=known, allowed_origins=origins) if host in _LOOPBACK else None
        manager = StreamableHTTPSessionManager(self._server(), security_settings=local, max_sessions=MAX_SESSIONS)

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with manager.run():
                yield

        return Starlette(routes=[Route(PATH, endpoint=manager.asgi_app)], lifespan=lifespan)

    @asynccontextmanager
    async def _playing(self, _: object) -> AsyncIterator[_Session]:
        """The episodes of one session."""
        import anyio

        session = _Session(await anyio.to_thread.run_sync(self._make))
        try:
            yield session
        finally:
            session.episodes.close()

    def _server(self) -> Server[_Session, Any]:
        from mcp import types
        from mcp.server.lowlevel import NotificationOptions, Server

        server: Server[_Session, Any] = Server(
            self._name, version=version("rlvr-gym"), instructions=self._instructions, lifespan=self._playing
        )
        changes = NotificationOptions(tools_changed=True)  # another task or role may have other tools
        setattr(server, _OPTIONS, partial(server.create_initialization_options, changes))
        answers = _Answers(server)
        server.request_handlers |= {
            types.ListToolsRequest: answers.tools,
            types.CallToolRequest: answers.call,
            types.ListPromptsRequest: answers.prompts,
            types.GetPromptRequest: answers.prompt,
            types.ListResourcesRequest: answers.resources,
            types.ReadResourceRequest: answers.resource,
        }
        return server


_OPTIONS = "create_initialization_options"  # asked without arguments by the manager of HTTP sessions


class _Lines:
    """Lines of a descriptor, read without a thread: one that waits for a line would keep the process from ending."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._rest = descriptor, b""

    def __aiter__(self) -> _Lines:
        return self

    async def __anext__(self) -> str:
        import anyio

        while b"\n" not in self._rest:
            if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):  # a file is always ready
                await anyio.wait_readable(self._descriptor)
            if not (piece := os.read(self._descriptor, 2**16)):
                raise StopAsyncIteration
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace")


class _Answers:
    """What a server answers, by the session that asks. What raises here is told to the client as a failure of ours."""

    def __init__(self, server: Server[_Session, Any]) -> None:
        self._server = server

    async def tools(self, _: object) -> ServerResult:
        from mcp import types

        episodes = self._session().episodes
        key, meaning = _SAID[episodes.voice == SAY]
        text = {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]}
        nothing = {"type": "object", "properties": {}, "additionalProperties": False}
        rows = [(tool.name, tool.description, dict(tool.parameters)) for tool in episodes.tools]
        rows.append((episodes.voice, meaning, {**text, "additionalProperties": False}))
        rows.append((NEXT, "Leave this task and begin the next one; gives its text.", nothing))
        tools = [types.Tool(name=name, description=words, inputSchema=schema) for name, words, schema in rows]
        return types.ServerResult(types.ListToolsResult(tools=tools))

    async def call(self, request: CallToolRequest) -> ServerResult:
        import anyio
        from mcp import types

        session, asked = self._session(), request.params
        before = [tool.name for tool in session.episodes.tools]
        async with session.lock:
            told: Told = await anyio.to_thread.run_sync(session.episodes.call, asked.name, asked.arguments or {})
        if [tool.name for tool in session.episodes.tools] != before:
            await self._server.request_context.session.send_tool_list_changed()
        content = types.TextContent(type="text", text=told.text)
        return types.ServerResult(types.CallToolResult(content=[content], isError=told.error))

    async def prompts(self, _: object) -> ServerResult:
        from mcp import types

        return types.ServerResult(types.ListPromptsResult(prompts=[types.Prompt(name=TASK, description=_TASK)]))

    async def prompt(self, request: GetPromptRequest) -> ServerResult:
        from mcp import types

        _check("prompt", request.params.name, TASK)
        text = types.TextContent(type="text", text=self._session().episodes.prompt)
        return types.ServerResult(types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)]))

    async def resources(self, _: object) -> ServerResult:
        from mcp import types
        from pydantic import AnyUrl

        task = types.Resource(uri=AnyUrl(TASK_URI), name=TASK, description=_TASK, mimeType="text/plain")
        return types.ServerResult(types.ListResourcesResult(resources=[task]))

    async def resource(self, request: ReadResourceRequest) -> ServerResult:
        from mcp import types

        uri = request.params.uri
        _check("resource", str(uri), TASK_URI)
        text = types.TextResourceContents(uri=uri, text=self._session().episodes.prompt, mimeType="text/plain")
        return types.ServerResult(types.ReadResourceResult(contents=[text]))

    def _session(self) -> _Session:
        return self._server.request_context.lifespan_context


def _check(kind: str, given: str, known: str) -> None:
    from mcp import McpError, types

    if given != known:
        raise McpError(types.ErrorData(code=types.INVALID_PARAMS, message=f"there is one {kind}, {known!r}"))


_TASK = "The task of this episode."
_SAID = {
    False: ("answer", "Give the final answer. It ends the episode; tells whether it passed, and its score."),
    True: ("message", "Say something to the other side; gives the reply. The episode ends when they leave."),
}


def _lock() -> anyio.Lock:
    import anyio

    return anyio.Lock()
