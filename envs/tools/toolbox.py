"""`Toolbox`: the tools of one episode, with budgets, a record of every call, and statistics.

A call never raises: it gives a result that says what came out or what was wrong. The one exception is a failure of
ours, a tool that breaks, which is a result too, marked so that the episode is not held against the policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from threading import Thread
from time import perf_counter
from typing import Any, TypeVar

from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import copied
from rlvr_gym.envs.tools.toolkit import Limits, Tool, ToolError, Toolkit
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

T = TypeVar("T")

MAX_ARGUMENT_CHARS = 100_000
_MOST_NAME, _MOST_TOLD = 100, 500


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a policy asked for.

    Args:
        name: Of the tool, as it was written.
        arguments: By name; JSON values.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call.

    Args:
        name: Of the tool.
        text: The output, or what was wrong.
        error: Empty where the call succeeded; else `"unknown_tool"`, `"bad_arguments"`, `"budget"`, `"tool_error"`, or
            `"broken"`: the tool failed, not the caller.
        cost: What the call cost.
    """

    name: str
    text: str
    error: str = ""
    cost: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return not self.error


class Toolbox:
    """The tools that an episode offers, and what has been done with them.

    Args:
        toolkits: By name; the name is part of the state.

    Raises:
        ConfigError: Two tools have one name.

    Example:
        >>> class Echo(Toolkit):
        ...     pass
        >>> Toolbox({"echo": Echo()}).call(ToolCall("ecko")).text
        "there is no tool 'ecko'; known: none"
    """

    def __init__(self, toolkits: Mapping[str, Toolkit]) -> None:
        self.toolkits = dict(toolkits)
        self.tools: dict[str, Tool] = {}
        for kit in self.toolkits.values():
            for tool in kit.tools():
                if tool.name in self.tools:
                    raise ConfigError(f"two tools have the name {tool.name!r}")
                self.tools[tool.name] = tool
        self._log: list[tuple[ToolCall, ToolResult]] = []
        self._used: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds that each tool has taken in this object: for timings, and no part of results, state or info."""
        return dict(self._seconds)

    @property
    def log(self) -> Sequence[tuple[ToolCall, ToolResult]]:
        """Every call of the episode with its result, in order."""
        return tuple(self._log)

    def call(self, call: ToolCall) -> ToolResult:
        """Carry out a call and keep it in the log."""
        started = perf_counter()
        result = _cut(self._result(call), self.tools.get(call.name))
        if result.error != "unknown_tool":
            self._seconds[result.name] = self._seconds.get(result.name, 0.0) + perf_counter() - started
        self._keep(call if _is_kept(call, result) else ToolCall(call.name[:_MOST_NAME]), result)
        return result

    def record(self) -> list[dict[str, Any]]:
        """The log as a verifier gets it: one object a call, `{"name", "arguments", "error", "text"}`."""
        return [
            {"name": call.name, "arguments": copied(call.arguments), "error": result.error, "text": result.text}
            for call, result in self._log
        ]

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Calls, errors and costs of each tool that was called; calls of tools that do not exist are under `""`."""
        found: dict[str, dict[str, Any]] = {}
        for _, result in self._log:
            name = "" if result.error == "unknown_tool" else result.name
            row = found.setdefault(name, {"calls": 0, "errors": 0, "cost": 0.0})
            row["calls"] += 1
            row["errors"] += not result.ok
            row["cost"] = round(row["cost"] + result.cost, 9)
        return found

    def public_state(self) -> dict[str, Any]:
        """The state of each toolkit that has one, as verifiers see it."""
        states = {name: kit.public_state() for name, kit in self.toolkits.items()}
        return {name: state for name, state in states.items() if state is not None}

    def get_state(self) -> dict[str, Any]:
        """Toolkits and log, as JSON."""
        states = {name: kit.get_state() for name, kit in self.toolkits.items()}
        return {"toolkits": states, "log": [[asdict(call), asdict(result)] for call, result in self._log]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take a state that `get_state` gave.

        Raises:
            SnapshotError: It is none, or of other toolkits.
        """
        if not isinstance(state, Mapping) or state.keys() != {"toolkits", "log"}:
            raise SnapshotError(f"expected the state of a toolbox, got {shown(state)}")
        if state["toolkits"].keys() != self.toolkits.keys():
            here, there = (", ".join(kits) or "none" for kits in (self.toolkits, state["toolkits"]))
            raise SnapshotError(f"the snapshot has the toolkits {there}, this environment {here}")
        for name, kit in self.toolkits.items():
            kit.set_state(state["toolkits"][name])
        self._log = []
        self._used.clear()
        for call, result in state["log"]:
            self._keep(ToolCall(**call), ToolResult(**result))

    def _keep(self, call: ToolCall, result: ToolResult) -> None:
        self._log.append((call, result))
        self._used[call.name] += result.error not in ("budget", "unknown_tool")

    def _result(self, call: ToolCall) -> ToolResult:
        tool = self.tools.get(call.name)
        if tool is None:
            text = f"there is no tool {shown(call.name)}{suggestion(call.name, self.tools)}"
            return ToolResult(call.name[:_MOST_NAME], text, "unknown_tool")
        if tool.limits.max_calls is not None and self._used[tool.name] >= tool.limits.max_calls:
            text = f"{tool.name} may be called {tool.limits.max_calls} times in an episode, and has been"
            return ToolResult(tool.name, text, "budget")
        if _too_long(call.arguments):
            text = f"arguments may have {MAX_ARGUMENT_CHARS:,} characters"
            return ToolResult(tool.name, text, "bad_arguments", tool.limits.cost)
        if wrong := tool.check(call.arguments, tool.parameters):
            return ToolResult(tool.name, "; ".join(wrong), "bad_arguments", tool.limits.cost)
        return _carried_out(tool, call)


def _too_long(arguments: Any) -> bool:
    try:
        return len(str(arguments)) > MAX_ARGUMENT_CHARS
    except ValueError:  # an integer of more digits than Python writes out
        return True


def _carried_out(tool: Tool, call: ToolCall) -> ToolResult:
    outcome = _within(tool.limits.timeout_s, lambda: _said(tool, copied(call.arguments)))
    if isinstance(outcome, Failure):
        return ToolResult(tool.name, f"the tool broke: {outcome.error}", "broken", tool.limits.cost)
    text, error = outcome
    return ToolResult(tool.name, text, error, tool.limits.cost)


def _cut(result: ToolResult, tool: Tool | None) -> ToolResult:
    """Whatever a call is told is bounded: an output as its tool says, and an error, which must be readable."""
    most = (tool.limits if tool is not None else Limits()).max_output_chars
    most = max(most, _MOST_TOLD) if result.error else most
    if len(result.text) <= most:
        return result
    return replace(result, text=f"{result.text[:most]}\n[cut: {len(result.text):,} characters in all]")


def _is_kept(call: ToolCall, result: ToolResult) -> bool:
    """Whether the arguments stay in the log: those that no tool was given and nobody can bound do not."""
    return result.error not in ("unknown_tool", "bad_arguments") or not _too_long(call.arguments)


def _within(seconds: float | None, call: Callable[[], T]) -> T | Failure:
    """The result of a call; a failure where it raises or takes longer. A thread that is late is waited for no more."""
    if seconds is None:
        return guarded(call)
    outcomes: list[T | Failure] = []
    thread = Thread(target=lambda: outcomes.append(guarded(call)), daemon=True)
    thread.start()
    thread.join(seconds)
    return outcomes[0] if outcomes else Failure(f"it has not returned within {seconds:g} s", "")


def _said(tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, str]:
    try:
        return tool(arguments), ""
    except ToolError as error:
        return str(error), "tool_error"
