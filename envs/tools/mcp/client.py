"""`McpToolkit`: the tools of an MCP server as tools of an environment.

A server is foreign: what it says is data, what it does cannot be undone, and it may fail. What a policy did wrong is
an observation; where the server failed, the tool is broken and the episode ungradable.
"""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.source import check_mapping
from rlvr_gym.envs.task import copied
from rlvr_gym.envs.tools.formats.base import harmless
from rlvr_gym.envs.tools.mcp.schema import Check, check_references, shown_schema
from rlvr_gym.envs.tools.mcp.session import McpServerError, Said, Session
from rlvr_gym.envs.tools.mcp.spec import ServerSpec
from rlvr_gym.envs.tools.toolkit import Limits, Tool, ToolError, Toolkit
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

if TYPE_CHECKING:
    from mcp.types import Tool as Listed

REPLAY, NONE = "replay", "none"
STATES = (REPLAY, NONE)
MAX_DESCRIPTION_CHARS = 2_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


class McpToolkit(Toolkit):
    """The tools of an MCP server.

    **State.** A server's state cannot be read, so with `state="replay"` it is the list of calls that were made, each
    with a digest of its result: every episode has a session of its own, and one that is restored or forked has a new
    session in which the calls are made again. A server that then answers otherwise is found out. With `state="none"`
    nothing is kept, and all episodes of a process share one session: right for a server that only looks things up.

    A session begins with the first call of an episode and ends with the toolkit. Tools are asked for once a process.

    **Failures.** A result that is marked as an error and refused arguments are told to the caller. A server that dies,
    writes garbage, breaks the protocol or takes too long raises `McpServerError`.

    Args:
        server: `{"command": ..., "args": [...], "env": {...}, "cwd": ...}` or `{"url": ..., "headers": {...}}`.
        allow: Names of the tools that are offered; all by default.
        prefix: What stands before the names of the tools here, for servers that name tools alike.
        timeout_s: Seconds that a call may take.
        start_s: Seconds that the start of a session may take.
        limits: Name of a tool, as the server has it, to `Limits` as JSON: `{"max_calls": 3, "cost": 0.1}`.
        state: `"replay"` or `"none"`.

    Raises:
        ConfigError: A setting is refused, there is no such program or tool, or a tool cannot be offered.
        McpServerError: The server does not begin.
        MissingExtraError: The extra `mcp` is not installed.
    """

    def __init__(
        self,
        server: Mapping[str, Any],
        *,
        allow: Sequence[str] | None = None,
        prefix: str = "",
        timeout_s: float = 30.0,
        start_s: float = 30.0,
        limits: Mapping[str, Mapping[str, Any]] | None = None,
        state: str = REPLAY,
    ) -> None:
        settings = {"allow": allow, "prefix": prefix, "timeout_s": timeout_s, "start_s": start_s, "limits": limits}
        self._made_of: tuple[Mapping[str, Any], dict[str, Any]] = (server, {**settings, "state": state})
        if state not in STATES:
            raise ConfigError(f"state must be one of {', '.join(STATES)}; got {shown(state)}")
        check_mapping("limits", limits)
        if not isinstance(prefix, str):
            raise ConfigError(f"prefix must be a text, got {shown(prefix)}")
        self._timeout_s = _seconds("timeout_s", timeout_s)
        self._server = _servers.get(ServerSpec.of(server), _seconds("start_s", start_s))
        self._replays = state == REPLAY
        self._tools = _offered(self._server, allow, prefix, limits or {})
        self._session: Session | None = None
        self._calls: list[list[Any]] = []  # name, arguments, digest of the result

    def __reduce__(self) -> tuple[Any, ...]:
        return _revived, (*self._made_of, self.get_state())

    def tools(self) -> list[Tool]:
        """See `Toolkit.tools`."""
        return [
            replace(tool, parameters=copied(tool.parameters), function=partial(self._call, name))
            for name, tool in self._tools.items()
        ]

    def get_state(self) -> Any:
        """The calls that were made, each with a digest of its result; None where the server has no state."""
        return [list(call) for call in self._calls] if self._replays else None

    def set_state(self, state: Any) -> None:
        """Make the calls again in a new session.

        Raises:
            SnapshotError: It is no such state, or the server answers otherwise than it did.
            McpServerError: The server fails.
        """
        if not self._replays:
            super().set_state(state)
            return
        if not isinstance(state, list) or not all(_is_call(call) for call in state):
            raise SnapshotError(f"expected the calls of a session, got {shown(state)}")
        self.close()
        self._calls = state
        if state:
            self._session = self._replayed()

    def close(self) -> None:
        """End the session of this episode; a later call begins anew and makes the calls again."""
        if self._session is not None and self._replays:
            self._session.close()
        self._session = None

    def _call(self, name: str, /, **arguments: Any) -> str:
        if self._replays:
            answer = self._own().call(name, arguments, self._timeout_s)
            self._calls.append([name, arguments, answer.digest])
        else:
            answer = self._server.common().call(name, arguments, self._timeout_s)
        if answer.error:
            raise ToolError(answer.text)
        return answer.text

    def _own(self) -> Session:
        """The session of this episode. One that has died is not begun anew in secret: what it held is lost."""
        if self._session is None or not self._session.ours:
            self._session = self._replayed()
        return self._session

    def _replayed(self) -> Session:
        session = self._server.fresh()
        for number, (name, arguments, digest) in enumerate(self._calls, start=1):
            answer: Said = session.call(name, arguments, self._timeout_s)
            if answer.digest != digest:
                session.close()
                raise SnapshotError(
                    f"call {number} of {name} has another result when it is made again: {shown(answer.text, 200)}; the "
                    'server is not deterministic. With state="none" its sessions are not restored'
                )
        return session


class Server:
    """What the toolkits of a process share of one server: its tools, and sessions. Ends with the last of them.

    Args:
        spec: Which server.
        start_s: Seconds that the start of a session may take.
    """

    def __init__(self, spec: ServerSpec, start_s: float) -> None:
        self.spec, self._start_s = spec, start_s
        self._lock = threading.Lock()
        first = Session(spec, start_s)
        self.tools = first.tools
        self._described: dict[str, Tool] = {}
        self._untouched: Session | None = first  # nobody has called it: as good as fresh
        self._common: Session | None = None

    def described(self, listed: Listed) -> Tool:
        """A tool with what a policy is told of it and its check, made once; without a function.

        Raises:
            ConfigError: Its schema refers to something outside.
        """
        if listed.name not in self._described:
            schema = listed.inputSchema
            check_references(schema, f"the tool {listed.name!r} of the MCP server {self.spec.label}")
            text = " ".join(harmless(listed.description or listed.title or listed.name).split())
            text = text if len(text) <= MAX_DESCRIPTION_CHARS else f"{text[:MAX_DESCRIPTION_CHARS]}…"
            tool = Tool(listed.name, text, shown_schema(schema), _no_function, check=Check(schema))
            self._described[listed.name] = tool
        return self._described[listed.name]

    def fresh(self) -> Session:
        """A session that nobody has called, for one caller."""
        with self._lock:
            session, self._untouched = self._untouched, None
        return session if session is not None and session.alive else Session(self.spec, self._start_s)

    def common(self) -> Session:
        """The session of all; another one where it has ended."""
        with self._lock:
            session = self._common
        if session is None or not session.alive:
            session = self.fresh()
            with self._lock:  # somebody else may have been quicker
                if self._common is None or not self._common.alive:
                    self._common = session
                session = self._common
        return session


class _Servers:
    """The servers of this process that somebody uses."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know none: what a parent has open is not for a forked child."""
        self._lock = threading.Lock()
        self._known: weakref.WeakValueDictionary[ServerSpec, Server] = weakref.WeakValueDictionary()

    def get(self, spec: ServerSpec, start_s: float) -> Server:
        with self._lock:
            server = self._known.get(spec)
            if server is None:
                server = self._known[spec] = Server(spec, start_s)
        return server


_servers = _Servers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_servers.forget)


def _offered(server: Server, allow: Any, prefix: str, limits: Mapping[str, Mapping[str, Any]]) -> dict[str, Tool]:
    """The tools that are offered, by the names that the server has for them; without their functions."""
    listed = {one.name: one for one in server.tools}
    if allow is not None and (isinstance(allow, str) or not isinstance(allow, Sequence)):
        raise ConfigError(f"allow is a list of names of tools, got {shown(allow)}")
    for name in [*(allow or ()), *limits]:
        if name not in listed:
            raise ConfigError(f"the MCP server {server.spec.label} has no tool {name!r}{suggestion(str(name), listed)}")
    names = list(listed) if allow is None else list(dict.fromkeys(allow))
    return {name: _named(server, listed[name], prefix, limits_of(limits.get(name, {}))) for name in names}


def _named(server: Server, listed: Listed, prefix: str, limits: Limits) -> Tool:
    name = f"{prefix}{listed.name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"the MCP server {server.spec.label} has a tool named {shown(listed.name)}, which no format can write; "
            "a name is letters, digits and _ . - and begins with a letter: leave it out with allow= or give a prefix="
        )
    return replace(server.described(listed), name=name, limits=limits)


def limits_of(given: Any) -> Limits:
    """`Limits` from JSON.

    Raises:
        ConfigError: It is no object, or has an unknown key or a wrong value.

    Example:
        >>> limits_of({"max_calls": 3})
        Limits(max_calls=3, max_output_chars=4000, cost=0.0, timeout_s=None)
    """
    known = [field.name for field in fields(Limits)]
    if not isinstance(given, Mapping):
        raise ConfigError(f'limits are an object such as {{"max_calls": 3}}, got {shown(given)}')
    for key in given:
        if key not in known:
            raise ConfigError(f"limits have no key {key!r}{suggestion(str(key), known)}")
    return Limits(**given)


def _revived(server: Mapping[str, Any], settings: dict[str, Any], state: Any) -> McpToolkit:
    """A toolkit that was pickled; in another process it has servers of its own."""
    kit = McpToolkit(server, **settings)
    kit.set_state(state)
    return kit


def _no_function() -> str:
    raise McpServerError("a tool that was taken from no session")


def _is_call(call: Any) -> bool:
    if not isinstance(call, list) or len(call) != 3:
        return False
    name, arguments, digest = call
    return isinstance(name, str) and isinstance(arguments, dict) and isinstance(digest, str)


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
        raise ConfigError(f"{name} is a number of seconds above 0 and up to a day, got {shown(value)}")
    return float(value)
