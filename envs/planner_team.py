"""`Team`: the planner's tool `delegate`, what is under way, and what executors have reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.tools.formats.base import harmless
from rlvr_gym.envs.tools.toolkit import Tool, ToolError, Toolkit, tool
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.numerals import Refusal, read_quantity
from rlvr_gym.verifiers.state import normalised

PLANNER = "planner"
DELEGATE = "delegate"
TEAM = "results"  # name of the toolkit; its state is the results
KITS: Mapping[str, tuple[str, ...]] = {
    "calculator": ("calculator",),
    "database": ("sql", "schema"),
    "files": ("shell",),
    "notes": ("write_note", "read_note", "list_notes", "delete_note"),
}
MAX_TASK_CHARS = 2_000
MAX_REPORT_CHARS = 200
_LARGEST = 10**30


@dataclass(frozen=True, slots=True)
class Delegation:
    """A subgoal under way.

    Args:
        number: How many there were with it, from 1 on.
        subgoal: Its name.
        tools: Names of the kits that its executor may use.
        task: What the executor is told to do, in the planner's words.
        given: Name to result, for the results that the planner passes on.
        turns: How many responses the executor has given.
        undone: Whether the subgoal was still to be done when it was delegated; for rewards.
    """

    number: int
    subgoal: str
    tools: tuple[str, ...]
    task: str
    given: Mapping[str, str]
    turns: int = 0
    undone: bool = True

    def tool_names(self) -> tuple[str, ...]:
        """The tools that the executor may call."""
        return tuple(name for kit in self.tools for name in KITS[kit])

    def told(self) -> str:
        """What the executor is told of the job: the planner's words, and the results that are passed on."""
        results = "".join(f"\n- {name}: {harmless(text)}" for name, text in self.given.items())
        return harmless(self.task) + (f"\n\nResults so far:{results}" if results else "")


class Team(Toolkit):
    """A tool `delegate(subgoal, tools, task, given)`; one subgoal is under way at a time.

    The public state is what was last reported on each subgoal, whole numbers in one spelling.

    Args:
        subgoals: The names under which something can be delegated.

    Example:
        >>> team = Team(["price", "total"])
        >>> team.delegate("price", ["files"], "Find the price in a.txt.", [])
        'begun'
        >>> team.thread, team.delegation.tool_names()
        ('executor 1', ('shell',))
        >>> team.report("1,250")
        >>> team.thread, team.public_state()
        ('planner', {'price': '1250'})
    """

    def __init__(self, subgoals: Sequence[str]) -> None:
        self._subgoals = tuple(subgoals)
        self._results: dict[str, str] = {}
        self._count = 0
        self.delegation: Delegation | None = None

    @property
    def thread(self) -> str:
        """Whose conversation goes on: `"planner"`, or `"executor 1"`, one for each delegation."""
        return PLANNER if self.delegation is None else f"executor {self.delegation.number}"

    def tools(self) -> list[Tool]:
        """See `Toolkit.tools`; the schema names the subgoals and the kits."""
        [found] = super().tools()
        subgoals, kits = {"enum": list(self._subgoals)}, {"enum": list(KITS)}
        allowed: dict[str, dict[str, Any]] = {
            "subgoal": subgoals,
            "tools": {"type": "array", "items": kits},
            "given": {"type": "array", "items": subgoals},
        }
        arguments = found.parameters["properties"]
        changed = {name: {**kind, "description": arguments[name]["description"]} for name, kind in allowed.items()}
        return [replace(found, parameters={**found.parameters, "properties": {**arguments, **changed}})]

    @tool()
    def delegate(self, subgoal: str, tools: list[str], task: str, given: list[str]) -> str:
        """Let an executor carry out a subgoal; it sees what you give here and nothing else, and reports a result.

        Args:
            subgoal: Its name.
            tools: What the executor may use.
            task: What it is to do, in full.
            given: Names of subgoals whose results it is told; may be empty.
        """
        if not tools:
            raise ToolError(f"name what the executor may use: {', '.join(KITS)}")
        if not 0 < len(task.strip()) <= MAX_TASK_CHARS:
            raise ToolError(f"a task has 1 to {MAX_TASK_CHARS:,} characters, this one has {len(task.strip()):,}")
        if missing := [name for name in given if name not in self._results]:
            raise ToolError(f"there is no result of {', '.join(dict.fromkeys(missing))} yet")
        self._count += 1
        passed_on = {name: self._results[name] for name in given}
        self.delegation = Delegation(self._count, subgoal, tuple(dict.fromkeys(tools)), task.strip(), passed_on)
        return "begun"

    def report(self, text: str | None) -> None:
        """End what is under way.

        Args:
            text: The result, which replaces an earlier one; None where the executor gave none.
        """
        if self.delegation is not None and text is not None:
            self._results[self.delegation.subgoal] = text
        self.delegation = None

    def get_state(self) -> Any:
        """Results, the number of delegations, and the one under way."""
        under_way = None if self.delegation is None else asdict(self.delegation)
        return {"results": dict(self._results), "count": self._count, "delegation": under_way}

    def set_state(self, state: Any) -> None:
        """See `Toolkit.set_state`."""
        if not isinstance(state, Mapping) or state.keys() != {"results", "count", "delegation"}:
            raise SnapshotError(f"expected results and a delegation, got {shown(state)}")
        self._results, self._count = dict(state["results"]), state["count"]
        under_way = state["delegation"]
        self.delegation = None if under_way is None else Delegation(**{**under_way, "tools": tuple(under_way["tools"])})

    def public_state(self) -> Any:
        """Subgoal to result."""
        return {name: value_of(text) for name, text in sorted(self._results.items())}


def value_of(text: str) -> str:
    """A report in one spelling, so that it can be compared.

    Example:
        >>> value_of(" 15,244. "), value_of("x = 7.0"), value_of("Done."), value_of("7 or 8")
        ('15244', '7', 'done', '7 or 8')
    """
    number = read_quantity(text)
    if isinstance(number, Refusal) or number.value.denominator != 1 or not -_LARGEST < number.value < _LARGEST:
        return normalised(text)
    return str(int(number.value))
