"""Environments whose answers are programs: rows of a file with their tests, judged by running the program (`code@1`).

A family of data sets is a reader, which makes a `CodeProblem` of a row. Tests that the prompt shows are public: a
verdict tells what they asked, expected and got. Of hidden tests nothing but the outcome leaves the verifier.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rlvr_gym.envs.source import Record, RowSource, check_mapping
from rlvr_gym.envs.task import ListTaskSet, Task
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier

PUBLIC_WEIGHT = 0.01


@dataclass(frozen=True)
class CodeProblem:
    """What a row says.

    Args:
        prompt: What the policy sees.
        reference: The tests, in the form of `code@1`.
        solution: A response that passes; empty where the row has none.
        difficulty: See `Task`.
    """

    prompt: str
    reference: Mapping[str, Any]
    solution: str = ""
    difficulty: Mapping[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Makes a problem of a row. Readers are hashable: equal readers make equal problems."""

    def __call__(self, row: Record) -> CodeProblem | None:
        """The problem of this row; None where it is to be left out.

        Raises:
            DataError: The row cannot be used.
        """

    def __hash__(self) -> int:
        """See the class."""


class CodeEnv(TextEnv):
    """Problems of a file or a data-set id, judged by running the program of the response.

    Args:
        reader: Makes problems of rows.
        path: A `.jsonl`, `.json`, `.csv` or `.parquet` file.
        hub: Instead of `path`: a data-set id, loaded through `datasets`.
        hub_name: Configuration of the hub data set.
        hub_split: Its split.
        hub_revision: A commit or tag to pin.
        limit: At most so many rows.
        sandbox: Where programs run; see `code@1`.
        verifier_config: Further settings of `code@1`, for example `{"limits": {"cpu_s": 2}}`.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: Neither or both of `path` and `hub`; a refused setting.
        DataError: A row that cannot be used, with its number.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        path: str | None = None,
        hub: str | None = None,
        hub_name: str | None = None,
        hub_split: str = "test",
        hub_revision: str | None = None,
        limit: int | None = None,
        sandbox: str = "forkserver",
        verifier_config: Mapping[str, Any] | None = None,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        source = RowSource.of(
            path=path, hub=hub, hub_name=hub_name, hub_split=hub_split, hub_revision=hub_revision, limit=limit
        )
        judge = code_verifier(sandbox, verifier_config)
        super().__init__(_load(source, reader, judge), judge, reward=reward, render_mode=render_mode)


def code_verifier(sandbox: str, config: Mapping[str, Any] | None, **defaults: Any) -> Verifier:
    """`code@1` as environments build it.

    Args:
        sandbox: Name of the sandbox.
        config: Further settings.
        **defaults: What holds where `config` says nothing.

    Raises:
        ConfigError: A setting is refused, or the sandbox is named twice.
    """
    settings = {**defaults, **check_mapping("verifier_config", config)}
    if "sandbox" in settings:
        raise ConfigError("name the sandbox with sandbox=, not in verifier_config")
    return make_verifier("code@1", sandbox=sandbox, **settings)


def fenced(code: str, language: str = "python") -> str:
    """A program as a block of Markdown.

    Example:
        >>> fenced("x = 1")
        '```python\\nx = 1\\n```'
    """
    return f"```{language}\n{code.strip(chr(10))}\n```"


def discounted(tests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tests of which the public ones weigh next to nothing, so that a table of what the prompt shows earns so little.

    Where all are public nothing is changed.

    Example:
        >>> discounted([{"stdin": "1", "stdout": "2", "public": True}, {"stdin": "2", "stdout": "3"}])[0]["weight"]
        0.01
    """
    if all(test.get("public") for test in tests):
        return [dict(test) for test in tests]
    return [{**test, "weight": PUBLIC_WEIGHT} if test.get("public") else dict(test) for test in tests]


@functools.lru_cache(maxsize=16)
def _load(source: RowSource, reader: Reader, verifier: Verifier) -> ListTaskSet:
    """Rows to tasks, once per process and configuration: a group of 512 environments shares one task set."""
    tasks: dict[str, Task] = {}
    for row in source.rows():
        record = Record(f"{source.label}, row {row.number}", row.values)
        problem = reader(record)
        if problem is None:
            continue
        report = verifier.check_reference(problem.reference)
        if not report.ok:
            raise record.error(f"{verifier.key} cannot use the tests ({report.reason.code}): {report.reason.text}")
        private = {"reference": problem.reference} | ({"solution": problem.solution} if problem.solution else {})
        task = Task.create(problem.prompt, private, difficulty=problem.difficulty, metadata={"row": row.number})
        tasks.setdefault(task.id, task)
    return ListTaskSet(list(tasks.values()))
