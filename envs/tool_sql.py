"""`rlvr/ToolSQL-v0`: questions about made-up databases, and changes to be made in them.

Tables, columns and rows are drawn for each task, so nothing can be known beforehand. An answer is a number that stands
nowhere in the database, and where something is to be changed the whole database is compared afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.tools.sql import SQL
from rlvr_gym.envs.tools.sql_domains import World, world
from rlvr_gym.envs.tools.sql_questions import Asked, ask
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Limits, Toolkit
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.errors import shown

KIT = "database"
MAX_ROWS = 100
_MAX_DRAWS = 200
_READ = "Answer with nothing else, and change nothing in the database."
_WRITE = "Change nothing else. When that is done, answer `done`."


class Problem(NamedTuple):
    """A database, what is asked about it, and what comes of it: an answer, or tables that change."""

    there: World
    asked: Asked
    answer: str
    initial: dict[str, Any]
    changed: dict[str, Any]


class ToolSQLTaskSet(ProceduralTaskSet[Problem]):
    """Databases with a question or a piece of work.

    Args:
        tables: 1 (events), 2 (and persons), 3 (and items).
        rows: Rows of the largest table, 8 to 100.
        hops: 1: one table; 2: a join; 3: three tables, groups with a condition, or a query in a query. It is at most
            `tables`.
        writes: Share of the tasks that change the database, from 0 to 1.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        seed: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        tables: int = 3,
        rows: int = 40,
        hops: int = 2,
        writes: float = 0.3,
        split: str = "all",
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        self._tables = check_int("tables", tables, 1, 3)
        self._rows = check_int("rows", rows, 8, MAX_ROWS)
        self._hops = check_int("hops", hops, 1, 3)
        self._writes = check_share("writes", writes)
        if hops > tables:
            raise ConfigError(f"hops must be at most tables, got hops={shown(hops)} with tables={shown(tables)}")
        super().__init__("ToolSQL", style="question", split=split, size=size, seed=seed)
        self._difficulty = {"tables": tables, "rows": rows, "hops": hops}

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        writes = rng.below(1_000_000) < self._writes * 1_000_000
        for _ in range(_MAX_DRAWS):
            there = world(rng, self._tables, self._rows)
            kit = SQL(there.script)
            initial = kit.public_state()
            for _ in range(5):
                problem = _problem(kit, there, ask(rng, there, self._hops, self._tables, writes=writes), initial)
                if problem is not None:
                    return problem
        raise ConfigError(f"ToolSQL: {_MAX_DRAWS} databases with rows={self._rows} fit no question; take more rows")

    def split_key(self, problem: Problem) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{problem.there.script}\n{problem.asked.text}"

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        there, asked = problem.there, problem.asked
        reference: dict[str, Any] = {"initial": {KIT: problem.initial}, "forbidden": [[]]}
        reference |= {"state": {KIT: problem.changed}} if asked.writes else {"answer": problem.answer}
        private = {"reference": reference, "script": there.script, "query": asked.sql, "answer": problem.answer}
        prompt = f"You work with the database of a {there.title}. {asked.text} {_WRITE if asked.writes else _READ}"
        return Task.create(prompt, private, difficulty={**self._difficulty, "writes": asked.writes})


class ToolSQLEnv(ToolEnv):
    """Answer a question about a database by SQL, or change it as told; judged by `state@1`.

    Reading tasks want the answer and a database that is as it was; writing tasks want the rows changed that were to be
    changed, and all else as it was.

    Args:
        tables: See `ToolSQLTaskSet`.
        rows: See `ToolSQLTaskSet`.
        hops: See `ToolSQLTaskSet`.
        writes: See `ToolSQLTaskSet`.
        tool_cost: What a query costs, in units of reward.
        call_format: How calls are written.
        rendering: See `ToolEnv`.
        max_turns: Responses, calls and answer together.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        taskset_seed: Seed of the task set: another one, another order of tasks.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> env = ToolSQLEnv(writes=0, hops=1)
        >>> _ = env.reset(options={"task_index": 0})
        >>> query, answer = env.expert(env.task)
        >>> _ = env.step(query)
        >>> env.step(answer)[4]["passed"]
        True
    """

    card = Card(
        family="tool",
        answer_format="The value in `<answer>` tags or alone, or as the call format has it; `done` after a change.",
        licence=GENERATED,
        chance=0.001,
        chance_reason="the most frequent answer is that of 1 in 1,000 questions; it is a number of at least three "
        "digits that stands nowhere in the database and is no total of a column, and a change is judged by all rows",
        told="The question, the tools and how to call them; after each call its result or what was wrong with it.",
    )

    def __init__(
        self,
        *,
        tables: int = 3,
        rows: int = 40,
        hops: int = 2,
        writes: float = 0.3,
        tool_cost: float = 0.0,
        call_format: str = "xml",
        rendering: str | None = None,
        max_turns: int = 10,
        split: str = "all",
        size: int = 10_000,
        taskset_seed: int = 0,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        tasks = ToolSQLTaskSet(
            tables=tables, rows=rows, hops=hops, writes=writes, split=split, size=size, seed=taskset_seed
        )
        judge = make_verifier("state@1")
        super().__init__(
            tasks,
            judge,
            call_format=call_format,
            rendering=rendering,
            max_turns=max_turns,
            reward=reward,
            render_mode=render_mode,
        )
        self._limits = Limits(cost=tool_cost)

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """See `ToolEnv.equip`."""
        return {KIT: SQL(task.private["script"], limits=self._limits)}

    def expert(self, task: Task) -> list[str]:
        """The responses that solve a task, in the format of this environment."""
        tools = list(Toolbox(self.equip(task)).tools.values())
        call = ToolCall("sql", {"query": task.private["query"]})
        return [self.call_format.write([call], tools), self.call_format.write_answer(task.private["answer"])]


def check_share(name: str, value: Any) -> float:
    """Refuse what is not a number from 0 to 1.

    Raises:
        ConfigError: With the name and the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name} must be a number from 0 to 1, got {shown(value)}")
    return float(value)


def _problem(kit: SQL, there: World, asked: Asked, initial: dict[str, Any]) -> Problem | None:
    """What is asked with what comes of it; None where it has no answer, or one that could be guessed."""
    if asked.writes:
        return _work(there, asked, initial)
    rows = kit.rows(asked.sql.replace("LIMIT 1", "LIMIT 2"))
    if not rows or (len(rows) > 1 and rows[0][-1] == rows[1][-1]):
        return None
    value = rows[0][-1]
    if not isinstance(value, int) or value < 100 or value in there.cells or value in _totals(initial):
        return None
    answer = ": ".join(map(str, rows[0]))
    return Problem(there, asked, answer, initial, {})


def _work(there: World, asked: Asked, initial: dict[str, Any]) -> Problem | None:
    """A change of some rows and not of all of a table."""
    kit = SQL(there.script)
    kit.sql(asked.sql)
    after = kit.public_state()
    changed = {name: table for name, table in after.items() if table != initial[name]}
    if len(changed) != 1:
        return None
    [(name, table)] = changed.items()
    before, now = ({tuple(row) for row in state["rows"]} for state in (initial[name], table))
    return Problem(there, asked, "done", initial, changed) if before & now else None


def _totals(tables: Mapping[str, Any]) -> set[int]:
    """The sums of all columns of numbers."""
    columns = (column for table in tables.values() for column in zip(*table["rows"], strict=True))
    return {sum(column) for column in columns if all(isinstance(value, int) for value in column)}
