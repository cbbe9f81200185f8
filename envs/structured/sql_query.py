"""`rlvr/SQLQuery-v0`: a question about a small database, to be answered by one SELECT.

The answer is judged by `sql@1` on hidden databases, which are drawn until every plan that is one edit away from what is
asked gives something else on one of them.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.sql_plans import Plan, draw_plan, kinds_of, mutants
from rlvr_gym.envs.structured.sql_world import LINKS, ROLES, Database, Rows, World, draw_database, draw_world
from rlvr_gym.envs.structured.sql_writing import question_of, sql_of
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.structured.sql_engine import fill, opened

_TRIES = 10  # databases for one plan
_SHOWN_ROWS = 3


class Problem(NamedTuple):
    """What is asked of which database, and how it is judged.

    Args:
        world: The schema.
        plan: What is asked.
        shown: A database of which some rows are shown.
        databases: The hidden ones.
        results: What the query of the plan gives on them.
    """

    world: World
    plan: Plan
    shown: Database
    databases: list[Database]
    results: list[Rows]


class SQLQueryTaskSet(ProceduralTaskSet[Problem]):
    """Questions about databases of up to three tables.

    Args:
        depth: 1: one table and one condition; 2: joins, or groups, or an order; 3: groups with an order, outer
            joins, or a query in a query; 4: the same with more conditions, and groups with one too.
        tables: Tables of the database, 1 to 3.
        rows: Rows of the largest table, about; 8 to 40.
        databases: Hidden databases, 2 to 6.
        **common: See `ProceduralTaskSet`; compact problems end with `=`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        depth: int = 2,
        tables: int = 2,
        rows: int = 14,
        databases: int = 3,
        **common: Unpack[Common],
    ) -> None:
        self._depth = check_int("depth", depth, 1, 4)
        self._tables = check_int("tables", tables, 1, 3)
        self._rows = check_int("rows", rows, 8, 40)
        self._databases = check_int("databases", databases, 2, 6)
        super().__init__("SQLQuery", **common)
        self._difficulty = {"depth": depth, "tables": tables}

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        world = draw_world(rng, self._tables)
        kind = rng.choice(kinds_of(self._depth, self._tables))
        for _ in range(self._MAX_DRAWS):
            problem = self._judged(rng, world, draw_plan(rng, world, self._depth, kind))
            if problem is not None:
                return problem
        raise ConfigError(f"SQLQuery: no question of depth {self._depth} in {self._MAX_DRAWS:,} draws; take more rows")

    def split_key(self, problem: Problem) -> str:
        """The plan, whatever the words of the domain: its values count by their place among those of the column."""
        text = repr(problem.plan)
        for column, values in problem.world.values.items():
            for place, value in enumerate(values):
                text = text.replace(f"'{value}'", f"{column}{place}")
        return text

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        compact = self.style == "compact"
        query = sql_of(problem.plan, problem.world)
        tables = problem.world.schema()
        reference = {
            "tables": {name: [list(column) for column in columns] for name, columns in tables.columns.items()},
            "databases": problem.databases,
            "results": problem.results,
            "ordered": problem.plan.order is not None,
        }
        solution = query if compact else f"<answer>{query}</answer>"
        prompt = (_compact if compact else _question)(problem)
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)

    def _judged(self, rng: TaskRandom, world: World, plan: Plan) -> Problem | None:
        """A plan with databases that tell it from all of its mutants; None where it takes too many."""
        tables = world.schema()
        first = draw_database(rng, world, self._rows)
        connection = opened(tables, first)
        try:
            if plan.having:
                plan = _with_bound(rng, world, plan, connection)
            query = sql_of(plan, world)
            texts = {text: None for mutant in mutants(plan, world) if (text := sql_of(mutant, world)) != query}
            alive, ordered = list(texts), plan.order is not None
            kept: list[tuple[Database, Rows]] = []
            for place in range(_TRIES):
                database = draw_database(rng, world, self._rows) if place else first
                fill(connection, tables, database)
                tried = _tried(connection, query, alive, ordered)
                if tried and (len(kept) < self._databases - 1 or not tried.alive):
                    kept.append((database, tried.result))
                    alive = tried.alive
                if len(kept) == self._databases:
                    break
        finally:
            connection.close()
        if alive or len(kept) < self._databases or all(result == kept[0][1] for _, result in kept):
            return None
        shown = draw_database(rng, world, self._rows)
        return Problem(world, plan, shown, [database for database, _ in kept], [result for _, result in kept])


class SQLQueryEnv(ProceduralEnv):
    """Write one SELECT that answers a question for whatever rows; verified with `sql@1` on hidden databases.

    Knobs: those of `SQLQueryTaskSet`. The reward `"dense"` pays the share of the databases on which the result is
    right.

    Example:
        >>> env = SQLQueryEnv(depth=1, tables=1)
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> print(obs.splitlines()[-2])
        For each of the rows of `visits` where `cost` is more than 10, give `id` and `cost`.
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="A SELECT statement in `<answer>` tags, a box or after `####`; the statement alone in "
        "style=compact.",
        licence=GENERATED,
        chance=0.01,
        chance_reason="the most frequent plan is asked for in 0.6 % of 1,000 default tasks, its words set in; all "
        "rows, all ids, a count and a constant are never right, since results differ between the hidden databases",
        distinct=10**6,
        levels=(
            {"depth": 1, "tables": 1},
            {"depth": 1, "tables": 3},
            {"depth": 2, "tables": 2},
            {"depth": 3, "tables": 2},
            {"depth": 4, "tables": 3, "rows": 20},
        ),
    )

    taskset_class = SQLQueryTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("sql@1", **compact_markers(style))


class _Tried(NamedTuple):
    """What a query gives on a database, and the other queries that give the same there."""

    result: Rows
    alive: list[str]


def _tried(connection: sqlite3.Connection, query: str, others: list[str], ordered: bool) -> _Tried | None:
    """None where the query gives no rows or an empty cell."""
    result = _fetched(connection, query)
    if not result or any(cell is None for row in result for cell in row):
        return None
    wanted = result if ordered else sorted(result, key=repr)
    alive = []
    for other in others:
        given = _fetched(connection, other)
        if (given if ordered else sorted(given, key=repr)) == wanted:
            alive.append(other)
    return _Tried(result, alive)


def _fetched(connection: sqlite3.Connection, query: str) -> Rows:
    return [list(row) for row in connection.execute(query)]


def _with_bound(rng: TaskRandom, world: World, plan: Plan, connection: sqlite3.Connection) -> Plan:
    """The condition on groups with a number that one of them has, so that at least and more than differ."""
    rows = _fetched(connection, sql_of(plan._replace(having=None, order=None, limit=None), world))
    numbers = sorted({int(row[-1]) for row in rows if isinstance(row[-1], int | float) and row[-1] == int(row[-1])})
    operator = plan.having[0] if plan.having else ">"
    return plan._replace(having=(operator, rng.choice(numbers)) if numbers else None)


def _question(problem: Problem) -> str:
    world = problem.world
    made = "\n".join(f"{statement};" for statement in world.schema().statements())
    rows = "\n".join(
        f"{table}: {', '.join(str(tuple(row)) for row in rows[:_SHOWN_ROWS])}, ..."
        for table, rows in problem.shown.items()
    )
    links = " ".join(
        f"A row of `{world.words['events']}` belongs to the row of `{world.words[role]}` whose `id` is its "
        f"`{world.words[LINKS[role]]}`."
        for role in ROLES[1 : world.tables]
    )
    return (
        f"The SQLite database of a {world.title} has these tables:\n{made}\nSome rows:\n{rows}\n"
        f"{links}{' ' if links else ''}{question_of(problem.plan, world)}\n"
        "Write one SELECT statement that gives this, with these columns in this order, whatever the rows are. LIKE, "
        "GLOB and recursion are not available. Give it as <answer>SELECT ...</answer>."
    )


def _compact(problem: Problem) -> str:
    world = problem.world
    tables = ";".join(
        f"{name}({','.join(column for column, _ in columns)})" for name, columns in world.schema().columns.items()
    )
    return f"{tables}:{question_of(problem.plan, world).replace('`', '')}="
