"""`rlvr/ToolDataset-v0`: tasks of your own with tools: ours by name, and those of any MCP server.

A data set is rows as for `rlvr/Dataset-v0`; which tools there are is a setting, the same for every row.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlvr_gym.envs.card import Card
from rlvr_gym.envs.dataset import PROMPT_FIELD, DatasetEnv
from rlvr_gym.envs.rows import DataError
from rlvr_gym.envs.source import Record, RowSource, check_mapping
from rlvr_gym.envs.task import ListTaskSet, Task, TaskSet, check_text
from rlvr_gym.envs.tools.calculator import Calculator
from rlvr_gym.envs.tools.clock import Clock
from rlvr_gym.envs.tools.corpus import Corpus
from rlvr_gym.envs.tools.files import Files
from rlvr_gym.envs.tools.mcp.client import McpToolkit, limits_of
from rlvr_gym.envs.tools.mcp.spec import SERVER_KEYS
from rlvr_gym.envs.tools.notes import Notes
from rlvr_gym.envs.tools.python_session import PythonSession
from rlvr_gym.envs.tools.search import Search
from rlvr_gym.envs.tools.sql import SQL
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Toolkit
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

Make = Callable[[], Toolkit]
EXPERT = "expert"


class ToolDatasetEnv(ToolEnv):
    """Problems from a file or a data-set id, to be solved with tools and judged by any registered verifier.

    **Tools** are named: `calculator`, `python`, `notes`, `clock`, `files`, `sql` and `search` of this project, with
    settings where they need some (`search` without any is in `Corpus.glossary`), and those of MCP servers. Every
    episode has them anew.

    **Experts.** A row may have a column `expert`: calls, one a turn, as `[{"name": ..., "arguments": {...}}, ...]`.
    The answer after them is the solution, or the gold in the form that the call format has for answers.

    Args:
        path: See `DatasetEnv`.
        hub: See `DatasetEnv`.
        hub_name: See `DatasetEnv`.
        hub_split: See `DatasetEnv`.
        hub_revision: See `DatasetEnv`.
        columns: Column spec over that of `Dataset-v0`, and `expert`; see `ColumnSpec`.
        tools: Names of tools, or name to settings: `["calculator", "notes"]`, `{"search": {"path": "corpus.jsonl"}}`,
            `{"sql": {"script": "CREATE TABLE ..."}}`, `{"files": {"files": {"a.txt": "..."}}}`,
            `{"clock": {"time": "2024-02-28T09:30"}}`, `{"python": {"limits": {"max_calls": 3}}}`.
        servers: Name to MCP server: `{"web": {"command": ..., "args": [...], "allow": [...]}}`; the keys of
            `McpToolkit` may stand beside those of the server.
        verifier: Registered verifier name; its context has the calls as `log` and the toolkits' state as `state`.
        verifier_config: Its settings.
        template: What the policy sees before what it is told of the tools, with `{prompt}` where the problem stands.
        limit: At most so many rows.
        call_format: How calls are written.
        rendering: See `ToolEnv`.
        max_turns: Responses, calls and answer together.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A setting is refused, or a server cannot be started.
        DataError: A row cannot be used, or its expert calls a tool that is not there; with the row's number.
        McpServerError: A server does not begin.

    Example:
        >>> import json, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp(), "sums.jsonl")
        >>> call = {"name": "calculator", "arguments": {"expression": "12 * 34"}}
        >>> _ = file.write_text(json.dumps({"prompt": "What is 12 * 34?", "answer": "408", "expert": [call]}))
        >>> env = ToolDatasetEnv(path=str(file), tools=["calculator", "notes"])
        >>> _ = env.reset(seed=0)
        >>> env.expert(env.task)
        ['<calculator>12 * 34</calculator>', '<answer>408</answer>']
        >>> env.step("<calculator>12 * 34</calculator>")[0]
        '<result tool="calculator">408</result>'
        >>> env.step("<answer>408</answer>")[4]["passed"]
        True
    """

    card = Card(
        family="tool",
        answer_format="As the verifier reads it, for most in `<answer>` tags; calls in the call format.",
        licence="Those of the data and the servers that you bring.",
        chance=0.05,
        chance_reason="a constant is right in 1 of the 20 sample rows; of your data, the share of the most frequent "
        "answer",
        told="The problem, the tools and how to call them; after each call its result or what was wrong with it.",
        data="A file or a data-set id with a prompt (`prompt`, `question` or `problem`) and a gold (`reference`, "
        "`answer` or `expected_answer`), or what `columns` names; `solution` and `expert` are optional.",
    )

    def __init__(
        self,
        *,
        path: str | None = None,
        hub: str | None = None,
        hub_name: str | None = None,
        hub_split: str = "test",
        hub_revision: str | None = None,
        columns: Mapping[str, Any] | None = None,
        tools: Sequence[str] | Mapping[str, Any] = ("calculator",),
        servers: Mapping[str, Any] | None = None,
        verifier: str = "number@1",
        verifier_config: Mapping[str, Any] | None = None,
        template: str = PROMPT_FIELD,
        limit: int | None = None,
        call_format: str = "xml",
        rendering: str | None = None,
        max_turns: int = 10,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        rest = {key: value for key, value in check_mapping("columns", columns).items() if key != EXPERT}
        where = {"hub": hub, "hub_name": hub_name, "hub_split": hub_split, "hub_revision": hub_revision, "limit": limit}
        data = DatasetEnv(
            path=path,
            columns=rest,
            verifier=verifier,
            verifier_config=verifier_config,
            template=template,
            **where,  # type: ignore[arg-type]
        )
        expert = check_text("columns['expert']", (columns or {}).get(EXPERT, EXPERT))
        super().__init__(
            _with_experts(data.taskset, RowSource.of(path=path, **where), expert),
            data.verifier,
            call_format=call_format,
            rendering=rendering,
            max_turns=max_turns,
            reward=reward,
            render_mode=render_mode,
        )
        self._makes = {**_ours(tools), **_foreign(servers)}
        self._held = self._equipped()  # a server lives as long as somebody holds tools of it
        self._offered = [replace(tool, function=_not_called) for tool in Toolbox(self._held).tools.values()]
        self.call_format.instructions(self._offered)
        _check_experts(self.taskset, [tool.name for tool in self._offered])

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """See `ToolEnv.equip`."""
        return self._equipped()

    def expert(self, task: Task) -> list[str]:
        """The calls of the row and the answer, in the format of this environment."""
        calls = [self.call_format.write([ToolCall(**call)], self._offered) for call in task.private.get(EXPERT, ())]
        if task.solution is not None:
            return [*calls, task.solution]
        return [*calls, self.call_format.write_answer(str(task.reference))] if calls else []

    def close(self) -> None:
        """End the sessions of MCP servers, and the servers that nobody else uses; a later reset begins anew."""
        for kit in self.toolbox.toolkits.values():
            if isinstance(kit, McpToolkit):
                kit.close()
        self._toolbox, self._held = Toolbox({}), {}
        super().close()

    def _equipped(self) -> dict[str, Toolkit]:
        return {name: make() for name, make in self._makes.items()}


def _ours(tools: Any) -> dict[str, Make]:
    """Name to what makes a toolkit.

    Raises:
        ConfigError: A name or setting is refused.
    """
    tools = [tools] if isinstance(tools, str) else tools
    if isinstance(tools, list | tuple) and all(isinstance(name, str) for name in tools):
        tools = dict.fromkeys(tools)
    found: dict[str, Make] = {}
    for name, given in check_mapping("tools", tools).items():
        if name not in _TOOLKITS:
            raise ConfigError(f"there is no tool {name!r}{suggestion(name, _TOOLKITS)}")
        settings = dict(check_mapping(f"the settings of the tool {name!r}", given))
        known = inspect.signature(_TOOLKITS[name]).parameters
        for key in settings:
            if key not in known:
                raise ConfigError(f"the tool {name!r} has no setting {key!r}{suggestion(key, known)}")
        for key, one in known.items():
            if one.default is one.empty and key not in settings:
                raise ConfigError(f'the tool {name!r} needs the setting {key!r}: tools={{"{name}": {{"{key}": ...}}}}')
        if "limits" in settings:
            settings["limits"] = limits_of(settings["limits"])
        found[name] = functools.partial(_TOOLKITS[name], **settings)
    return found


def _foreign(servers: Any) -> dict[str, Make]:
    found: dict[str, Make] = {}
    for name, given in check_mapping("servers", servers).items():
        settings = check_mapping(f"the server {name!r}", given)
        knobs = {key: value for key, value in settings.items() if key in _KNOBS}
        server = {key: value for key, value in settings.items() if key not in _KNOBS}
        for key in server:
            if key not in SERVER_KEYS:
                raise ConfigError(f"the server {name!r} has no key {key!r}{suggestion(key, (*_KNOBS, *SERVER_KEYS))}")
        found[f"mcp:{name}"] = functools.partial(McpToolkit, server, **knobs)
    return found


def _search(path: str | None = None, page_chars: int = 2_000, limits: Any = None) -> Toolkit:
    corpus = _glossary() if path is None else _corpus(RowSource.of(path=check_text("path", path)))
    return Search(corpus, page_chars=page_chars, limits=limits)


def _files(files: Mapping[str, Any], limits: Any = None) -> Toolkit:
    texts = {path: check_text(f"the file {path!r}", text) for path, text in check_mapping("files", files).items()}
    return Files(texts, limits=limits)


@functools.cache
def _glossary() -> Corpus:
    return Corpus.glossary()


@functools.lru_cache(maxsize=8)
def _corpus(source: RowSource) -> Corpus:
    """The documents of a file, once a process and state of the file."""
    return Corpus.from_jsonl(source.label)


_TOOLKITS: Mapping[str, Callable[..., Toolkit]] = {
    "calculator": Calculator,
    "clock": Clock,
    "files": _files,
    "notes": Notes,
    "python": PythonSession,
    "search": _search,
    "sql": SQL,
}
_KNOBS = tuple(inspect.signature(McpToolkit).parameters)[1:]


@functools.lru_cache(maxsize=16)
def _with_experts(tasks: TaskSet, source: RowSource, column: str) -> TaskSet:
    """The tasks with the calls of their rows in the private part, where rows have some; the ids change with them."""
    rows = {row.number: Record(f"{source.label}, row {row.number}", row.values) for row in source.rows()}
    if not any(row.has(column) for row in rows.values()):
        return tasks
    return ListTaskSet([_with_expert(tasks.task(i), rows, column) for i in range(len(tasks))])


def _with_expert(task: Task, rows: Mapping[int, Record], column: str) -> Task:
    row = rows[task.metadata["row"]]
    calls = row.parsed(column)
    if calls is None:
        return task
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        raise row.error(
            f'the column {column!r} holds calls, [{{"name": ..., "arguments": {{...}}}}, ...]; got {shown(calls)}'
        )
    private = {**task.private, EXPERT: calls}
    return Task.create(task.prompt, private, difficulty=task.difficulty, metadata=task.metadata)


def _is_call(call: Any) -> bool:
    return (
        isinstance(call, Mapping)
        and call.keys() == {"name", "arguments"}
        and isinstance(call["name"], str)
        and isinstance(call["arguments"], Mapping)
    )


def _not_called(**arguments: Any) -> str:
    raise TypeError("the description of a tool cannot be called")


def _check_experts(tasks: TaskSet, offered: Sequence[str]) -> None:
    """Refuse experts that call what is not offered.

    Raises:
        DataError: With the row's number.
    """
    for index in range(len(tasks)):
        task = tasks.task(index)
        for call in task.private.get(EXPERT, ()):
            if call["name"] not in offered:
                raise DataError(
                    f"row {task.metadata['row']}: the expert calls {call['name']!r}, which is not among the tools"
                    f"{suggestion(call['name'], offered)}"
                )
