"""`Tool`: a function that a policy may call; `Toolkit`: tools that share a state.

A tool is a typed Python function: its schema comes from the signature and the docstring. What it returns is text, or
a JSON value that is written out. What the caller did wrong it says by raising `ToolError`; anything else that it
raises is a failure of ours, which makes the episode ungradable and never wrong.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import check_int, copied
from rlvr_gym.envs.tools.schema import Schema, faults, parameters_of, summary_of
from rlvr_gym.verifiers import ConfigError, RlvrError
from rlvr_gym.verifiers.errors import shown

F = TypeVar("F", bound=Callable[..., Any])

MAX_OUTPUT_CHARS = 4_000
_MARK = "__rlvr_tool__"


class ToolError(RlvrError, ValueError):
    """What a tool says to a caller that asked for what it cannot do; its message is the observation."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tool may be used for.

    Args:
        max_calls: Calls of it in one episode; None for any number.
        max_output_chars: Longest output, in characters; the rest is cut, and its length is told.
        cost: What a call costs, in units of reward; see `ToolEnv`.
        timeout_s: Seconds of the clock after which a call is given up, for tools that wait for something; None for
            tools whose work is bounded by itself, as that of all shipped ones is. A call that is given up is a failure
            of ours, not of the policy, and its thread is left alone: Python can end none.

    Raises:
        ConfigError: A number is out of range.
    """

    max_calls: int | None = None
    max_output_chars: int = MAX_OUTPUT_CHARS
    cost: float = 0.0
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if self.max_calls is not None:
            check_int("max_calls", self.max_calls, 0, None)
        check_int("max_output_chars", self.max_output_chars, 1, None)
        if isinstance(self.cost, bool) or not isinstance(self.cost, int | float) or not 0 <= self.cost < 1e9:
            raise ConfigError(f"cost must be a number of at least 0, got {shown(self.cost)}")
        if self.timeout_s is not None and not _is_duration(self.timeout_s):
            raise ConfigError(f"timeout_s must be a positive number or None, got {shown(self.timeout_s)}")


def _is_duration(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 < value < 1e9


@dataclass(frozen=True)
class Tool:
    """A function with a name, a description and a schema.

    Args:
        name: What a policy calls it.
        description: What it does, for the policy.
        parameters: JSON Schema of its arguments, an object.
        function: Takes the arguments by name.
        limits: See `Limits`.
        check: What is wrong with arguments, one sentence each, by the schema.

    Example:
        >>> def double(n: int) -> int:
        ...     '''Twice a number.
        ...
        ...     Args:
        ...         n: The number.
        ...     '''
        ...     return 2 * n
        >>> twice = Tool.of(double)
        >>> twice({"n": 21}), twice.name, twice.description
        ('42', 'double', 'Twice a number.')
        >>> twice.check({"n": "21"}, twice.parameters)
        ["'n' must be an integer, got '21'"]
    """

    name: str
    description: str
    parameters: Schema
    function: Callable[..., Any] = field(repr=False, compare=False)
    limits: Limits = Limits()
    check: Callable[[Any, Schema], list[str]] = field(default=faults, repr=False, compare=False)

    @classmethod
    def of(cls, function: Callable[..., Any], limits: Limits | None = None) -> Tool:
        """A tool of a typed and documented function.

        Raises:
            ConfigError: An argument has no type, or one that no schema has, or is not explained.
        """
        description = summary_of(function)
        if not description:
            raise ConfigError(f"the tool {function.__name__} needs a docstring: it is what a policy reads")
        return cls(function.__name__, description, parameters_of(function), function, limits or Limits())

    def __call__(self, arguments: Mapping[str, Any]) -> str:
        """The output, in full; the arguments are taken to be right.

        Raises:
            ToolError: The caller asked for what cannot be done.
        """
        output = self.function(**arguments)
        return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, allow_nan=False)

    def to_json(self) -> dict[str, Any]:
        """In the form that chat templates and OpenAI's API take."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


def tool(**limits: Any) -> Callable[[F], F]:
    """Mark a method of a `Toolkit` as a tool.

    Args:
        **limits: See `Limits`.
    """
    marked = Limits(**limits)

    def mark(function: F) -> F:
        setattr(function, _MARK, marked)
        return function

    return mark


class Toolkit:
    """Tools that share a state: its methods marked with `tool`.

    Example:
        >>> class Counter(Toolkit):
        ...     def __init__(self):
        ...         self.n = 0
        ...     @tool(max_calls=3)
        ...     def add(self, n: int) -> int:
        ...         '''Add to the counter.
        ...
        ...         Args:
        ...             n: How much.
        ...         '''
        ...         self.n += n
        ...         return self.n
        ...     def get_state(self):
        ...         return self.n
        ...     def set_state(self, state):
        ...         self.n = state
        >>> counter = Counter()
        >>> [add] = counter.tools()
        >>> add({"n": 2}), add({"n": 3}), counter.get_state()
        ('2', '5', 5)
    """

    def tools(self) -> list[Tool]:
        """The tools, in the order in which the class defines them."""
        kind = type(self)
        if kind not in _DESCRIBED:
            _DESCRIBED[kind] = tuple(_described(self))
        return [
            replace(one, parameters=copied(one.parameters), function=getattr(self, one.name))
            for one in _DESCRIBED[kind]
        ]

    def get_state(self) -> Any:
        """Everything about it that calls can change, as JSON."""
        return None

    def set_state(self, state: Any) -> None:
        """Take a state that `get_state` gave; the value belongs to this toolkit from now on.

        Raises:
            SnapshotError: It is no such state.
        """
        if state is not None:
            raise SnapshotError(f"{type(self).__name__} has no state, got {shown(state)}")

    def public_state(self) -> Any:
        """What of the state a verifier may compare and an anchor hashes; by default all of it."""
        return self.get_state()


# The tools of a class, bound to no toolkit: to read signatures anew for each episode would be most of its cost.
_DESCRIBED: WeakKeyDictionary[type[Toolkit], tuple[Tool, ...]] = WeakKeyDictionary()


def _described(kit: Toolkit) -> Iterator[Tool]:
    for name in dict.fromkeys(name for cls in reversed(type(kit).__mro__) for name in vars(cls)):
        limits = getattr(inspect.getattr_static(type(kit), name), _MARK, None)
        if limits is not None:
            yield replace(Tool.of(getattr(kit, name)), limits=limits, function=_unbound)


def _unbound(**arguments: Any) -> Any:
    raise TypeError("the description of a tool cannot be called")
