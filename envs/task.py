"""Tasks and task sets.

A `Task` is one problem; its id is a hash of its content, so equal problems have equal ids in any file, process or
year. A `TaskSet` is an indexable collection whose item `i` depends on the set's configuration and `i` alone: not on
the order of access, the machine or the number of workers.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rlvr_gym.verifiers import ConfigError, RlvrError
from rlvr_gym.verifiers.errors import shown


class TaskNotFoundError(RlvrError, LookupError):
    """No task with this id or index."""


@dataclass(frozen=True, slots=True)
class Task:
    """One problem.

    Args:
        id: Content hash; use `Task.create` to compute it.
        prompt: What the policy sees.
        private: What it must never see: `reference` (what the verifier compares with) and, where known,
            `solution` (a full response that passes; used for warm starts and self-tests).
        tools: JSON descriptions of the tools that the task offers.
        difficulty: The knob values that made it, or the data set's level; JSON.
        metadata: Anything else that is JSON, such as the row it came from. Not part of the id.

    Example:
        >>> task = Task.create("What is 2 + 2?", {"reference": 4, "solution": "#### 4"})
        >>> task.id == Task.create("What is 2 + 2?", {"reference": 4, "solution": "#### 4"}).id
        True
    """

    id: str
    prompt: str
    private: Mapping[str, Any] = field(repr=False)
    tools: tuple[Mapping[str, Any], ...] = ()
    difficulty: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        prompt: str,
        private: Mapping[str, Any],
        *,
        tools: tuple[Mapping[str, Any], ...] = (),
        difficulty: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Task:
        """Build a task with its content hash over prompt, private part and tools."""
        return cls(content_hash([prompt, private, tools]), prompt, private, tools, difficulty or {}, metadata or {})

    def to_dict(self) -> dict[str, Any]:
        """All of it as a JSON object, the private part included."""
        return {key: copied(getattr(self, key)) for key in _FIELDS}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Task:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is missing, or the id is not the hash of the content.
        """
        try:
            task = cls.create(
                data["prompt"],
                copied(data["private"]),
                tools=tuple(copied(data["tools"])),
                difficulty=copied(data["difficulty"]),
                metadata=copied(data["metadata"]),
            )
        except (KeyError, TypeError) as error:
            raise ConfigError(f"not a task: {error!r} while reading {shown(data)}") from error
        if task.id != data.get("id"):
            raise ConfigError(f"not a task: its content has the id {task.id!r}, not {shown(data.get('id'))}")
        return task

    @property
    def reference(self) -> Any:
        """The gold that the verifier compares with."""
        return self.private["reference"]

    @property
    def solution(self) -> str | None:
        """A full response that passes, where one is known."""
        solution: str | None = self.private.get("solution")
        return solution


_FIELDS = ("id", "prompt", "private", "tools", "difficulty", "metadata")


_LEAVES = frozenset({str, int, float, bool, type(None)})  # most values: to ask for an abstract class takes longer


def copied(value: Any) -> Any:
    """A copy of a JSON value, so that whoever changes the one does not change the other; tuples become lists.

    Example:
        >>> copied({"a": (1, 2)})
        {'a': [1, 2]}
    """
    if type(value) in _LEAVES:
        return value
    if isinstance(value, Mapping):
        return {key: item if type(item) in _LEAVES else copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in _LEAVES else copied(item) for item in value]
    return value


def content_hash(value: Any) -> str:
    """16 hexadecimal digits of the SHA-256 of a JSON value's canonical form.

    Raises:
        ConfigError: The value is not JSON.

    Example:
        >>> content_hash({"b": 1, "a": 2}) == content_hash({"a": 2, "b": 1})
        True
    """
    try:
        canonical = _canonical(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"only JSON values can be hashed: {error}") from error
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class TaskSet(ABC):
    """An indexable collection of tasks. Subclasses implement `__len__` and `task`."""

    @abstractmethod
    def __len__(self) -> int:
        """How many tasks there are."""

    @abstractmethod
    def task(self, index: int) -> Task:
        """The task at a valid, non-negative index; a pure function of the set's configuration and the index."""

    def __getitem__(self, index: int) -> Task:
        n = len(self)
        if not -n <= index < n:
            raise TaskNotFoundError(f"task index {index} is out of range: the set has {n} tasks, 0 to {n - 1}")
        return self.task(index % n)

    def __iter__(self) -> Iterator[Task]:
        return (self.task(i) for i in range(len(self)))

    def index(self, task_id: str) -> int:
        """The first index of the task with this id; scans the set.

        Raises:
            TaskNotFoundError: There is none.
        """
        for index, task in enumerate(self):
            if task.id == task_id:
                return index
        raise TaskNotFoundError(f"no task has the id {task_id!r} among the {len(self)} tasks of this set")

    def find(self, task_id: str) -> Task:
        """The task with this id.

        Raises:
            TaskNotFoundError: There is none.
        """
        return self.task(self.index(task_id))

    def distinct(self, limit: int) -> list[Task]:
        """The first `limit` different tasks, in index order; fewer where the set holds fewer."""
        found: dict[str, Task] = {}
        for task in self:
            if len(found) >= limit:
                break
            found.setdefault(task.id, task)
        return list(found.values())


class ListTaskSet(TaskSet):
    """A task set over tasks that are already in memory.

    Example:
        >>> tasks = ListTaskSet([Task.create("1+1=", {"reference": 2})])
        >>> len(tasks), tasks[0].prompt
        (1, '1+1=')
    """

    def __init__(self, tasks: list[Task]) -> None:
        self._tasks = tasks
        self._by_id: dict[str, int] = {}
        for index, task in enumerate(tasks):
            self._by_id.setdefault(task.id, index)

    def __len__(self) -> int:
        return len(self._tasks)

    def task(self, index: int) -> Task:
        """See `TaskSet.task`."""
        return self._tasks[index]

    def index(self, task_id: str) -> int:
        """See `TaskSet.index`; a dictionary look-up here."""
        if task_id not in self._by_id:
            raise TaskNotFoundError(f"no task has the id {task_id!r} among the {len(self)} tasks of this set")
        return self._by_id[task_id]


def check_int(name: str, value: Any, low: int, high: int | None) -> int:
    """Refuse what is not an integer in [low, high].

    Raises:
        ConfigError: With the name, the value and the range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        wanted = f"an integer from {low} to {high}" if high is not None else f"an integer of at least {low}"
        raise ConfigError(f"{name} must be {wanted}, got {shown(value)}")
    return value


def check_text(name: str, value: Any) -> str:
    """Refuse what is not a text.

    Raises:
        ConfigError: With the name and the value.
    """
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text, got {shown(value)}")
    return value
