"""`rlvr/SQLQuery-v0`: gold results are those of plain Python, and no query one edit away passes."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

import pytest
from rlvr_gym.envs.structured.sql_plans import Comparison, Plan, mutants
from rlvr_gym.envs.structured.sql_query import Problem, SQLQueryEnv, SQLQueryTaskSet
from rlvr_gym.envs.structured.sql_world import LINKS, NUMBERS, Database, World
from rlvr_gym.envs.structured.sql_writing import question_of, sql_of
from rlvr_gym.verifiers import ConfigError, make_verifier

Row = dict[str, Any]
COMPARED = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
}


def tables_of(world: World, database: Database) -> dict[str, list[Row]]:
    return {
        role: [dict(zip(world.columns(role), row, strict=True)) for row in database[world.words[role]]]
        for role in world.roles
    }


def holds(test: Comparison, row: Row, base: str, tables: dict[str, list[Row]]) -> bool:
    if test.table != base:
        row = next(other for other in tables[test.table] if other["id"] == row[LINKS[test.table]])
    return bool(COMPARED[test.operator](row[test.column], test.value))


def value(column: tuple[str, str], row: Row, base: str, tables: dict[str, list[Row]]) -> Any:
    table, name = column
    return row[name] if table == base else next(o for o in tables[table] if o["id"] == row[LINKS[table]])[name]


def aggregated(plan: Plan, rows: list[Row]) -> Any:
    assert plan.aggregate
    function, column = plan.aggregate
    numbers = [row[column] for row in rows] if column else []
    if function == "COUNT":
        return len(rows)
    return (
        Fraction(sum(numbers), len(numbers))
        if function == "AVG"
        else {"SUM": sum, "MIN": min, "MAX": max}[function](numbers)
    )


def nested_holds(plan: Plan, row: Row, tables: dict[str, list[Row]]) -> bool:
    nested = plan.nested
    if nested is None:
        return True
    if nested.column:
        numbers = [
            o[nested.column] for o in tables[plan.base] if all(holds(t, o, plan.base, tables) for t in nested.tests)
        ]
        mean = Fraction(sum(numbers), len(numbers))
        return bool(row[nested.column] > mean if nested.kind == "above" else row[nested.column] < mean)
    own = [e for e in tables["events"] if e[LINKS[plan.base]] == row["id"]]
    found = any(all(holds(t, e, "events", tables) for t in nested.tests) for e in own)
    return found == (nested.kind == "with")


def evaluated(plan: Plan, tables: dict[str, list[Row]]) -> list[list[Any]]:
    """What a plan means, without SQL."""
    base, keys = plan.base, []
    if plan.outer:
        found = []
        for row in tables[base]:
            own = [e for e in tables["events"] if e[LINKS[base]] == row["id"]]
            found.append([row["id"], sum(all(holds(t, e, "events", tables) for t in plan.tests) for e in own)])
        keys = [row[1] for row in found]
    else:
        rows = [r for r in tables[base] if all(holds(t, r, base, tables) for t in plan.tests)]
        rows = [r for r in rows if nested_holds(plan, r, tables)]
        if plan.grouped:
            groups = defaultdict(list)
            for row in rows:
                groups[value(plan.columns[0], row, base, tables)].append(row)
            found = [[key, aggregated(plan, members)] for key, members in groups.items()]
            if plan.having:
                found = [row for row in found if COMPARED[plan.having[0]](row[1], plan.having[1])]
            keys = [row[1] for row in found]
        elif plan.aggregate:
            return [[aggregated(plan, rows)]]
        else:
            found = [[value(column, row, base, tables) for column in plan.columns] for row in rows]
            keys = [row[NUMBERS[base]] for row in rows]
    if plan.order:
        sign = -1 if plan.order[1] else 1
        order = sorted(range(len(found)), key=lambda place: (sign * keys[place], found[place][0]))
        found = [found[place] for place in order]
    return found[: plan.limit] if plan.limit else found


def problem(index: int, **knobs: Any) -> Problem:
    return SQLQueryTaskSet(**knobs)._problem(index)


DEPTHS = [(1, 1), (1, 3), (2, 2), (3, 2), (3, 3), (4, 3)]


@pytest.mark.parametrize(("depth", "tables"), DEPTHS)
def test_the_gold_results_are_those_of_plain_python(depth: int, tables: int) -> None:
    for index in range(6):
        found = problem(index, depth=depth, tables=tables, rows=14 + 6 * (depth > 3))
        for database, result in zip(found.databases, found.results, strict=True):
            expected = evaluated(found.plan, tables_of(found.world, database))
            if not found.plan.order:
                expected, result = sorted(expected, key=str), sorted(result, key=str)
            assert [[float(c) if isinstance(c, Fraction) else c for c in row] for row in expected] == [
                list(row) for row in result
            ] or [[*row[:-1], float(row[-1])] for row in expected] == [[*row[:-1], float(row[-1])] for row in result]


@pytest.mark.parametrize(("depth", "tables"), DEPTHS)
def test_no_query_one_edit_away_passes(depth: int, tables: int) -> None:
    verifier, count = make_verifier("sql@1"), 0
    for index in range(3):
        tasks = SQLQueryTaskSet(depth=depth, tables=tables, rows=14 + 6 * (depth > 3))
        found, reference = tasks._problem(index), tasks[index].reference
        gold = sql_of(found.plan, found.world)
        for mutant in mutants(found.plan, found.world):
            text = sql_of(mutant, found.world)
            if text != gold:
                count += 1
                assert not verifier.verify(f"<answer>{text}</answer>", reference).passed, (gold, text)
    assert count >= 12


@pytest.mark.parametrize("level", range(5))
def test_every_level_is_solved_by_its_solutions(level: int) -> None:
    for style in ("question", "compact"):
        env = SQLQueryEnv(level=level, style=style)
        for index in range(3):
            env.reset(options={"task_index": index})
            assert env.step(str(env.task.solution))[4]["passed"]


def test_sixty_tasks_are_solved_by_their_solutions() -> None:
    env = SQLQueryEnv(depth=1)
    for index in range(60):
        env.reset(options={"task_index": index})
        assert env.step(str(env.task.solution))[4]["passed"]


def test_the_question_says_the_plan() -> None:
    """Three plans, by hand."""
    world = problem(0).world
    words = {
        **world.words,
        "events": "orders",
        "persons": "buyers",
        "amount": "total",
        "status": "state",
        "place": "town",
    }
    world = world._replace(words={**words, "person_id": "buyer_id"}, tables=2)
    tests = (Comparison("events", "amount", ">=", 5), Comparison("persons", "place", "=", "Alm"))
    total = Plan("events", tests, aggregate=("SUM", "amount"))
    assert question_of(total, world) == (
        "Of all rows of `orders` where `total` is at least 5 and `town` of its row in `buyers` is 'Alm', give the "
        "sum of `total`."
    )
    assert sql_of(total, world) == (
        "SELECT SUM(e.total) FROM orders e JOIN buyers p ON p.id = e.buyer_id WHERE e.total >= 5 AND p.town = 'Alm'"
    )
    groups = Plan("events", (), (("events", "status"),), ("COUNT", ""), True, (">", 2), ("aggregate", True), 1)
    assert question_of(groups, world) == (
        "Group the rows of `orders` by `state`. For each group give that and the number of its rows. Keep only groups "
        "where this is more than 2. Sort by that number from large to small; where it is equal, by `state` in rising "
        "order. Give only the first row."
    )
    assert sql_of(groups, world) == (
        "SELECT e.state, COUNT(*) FROM orders e GROUP BY e.state HAVING COUNT(*) > 2 ORDER BY COUNT(*) DESC, e.state "
        "LIMIT 1"
    )
    outer = Plan("persons", tests[:1], (("persons", "id"),), ("COUNT", ""), outer=True)
    assert question_of(outer, world) == (
        "For each row of `buyers`, also for those with none, give `id` and the number of rows of `orders` that belong "
        "to it, counting only those where `total` is at least 5."
    )


def test_equal_plans_in_other_domains_share_a_side_of_the_split() -> None:
    tasks, found = SQLQueryTaskSet(), problem(1)
    keys = set()
    for values in (("x", "y", "z"), ("red", "green", "blue")):
        world = found.world._replace(values={**found.world.values, "status": values})
        plan = Plan("events", (Comparison("events", "status", "=", values[1]),), aggregate=("COUNT", ""))
        keys.add(tasks.split_key(found._replace(world=world, plan=plan)))
    assert len(keys) == 1


def test_blind_queries_earn_nothing() -> None:
    tasks, verifier, passed = SQLQueryTaskSet(), make_verifier("sql@1"), 0
    for index in range(15):
        reference = tasks[index].reference
        table = next(iter(reference["tables"]))
        for query in (f"SELECT * FROM {table}", f"SELECT COUNT(*) FROM {table}", "SELECT 1", f"SELECT id FROM {table}"):
            passed += verifier.verify(f"<answer>{query}</answer>", reference).passed
        shown = reference["results"][0]
        rows = " UNION ALL ".join("SELECT " + ", ".join(repr(cell) for cell in row) for row in shown)
        passed += verifier.verify(f"<answer>{rows}</answer>", reference).passed
    assert passed == 0


@pytest.mark.parametrize(
    "knobs", [{"depth": 0}, {"depth": 5}, {"tables": 4}, {"rows": 7}, {"databases": 1}, {"depth": "2"}]
)
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        SQLQueryTaskSet(**knobs)
