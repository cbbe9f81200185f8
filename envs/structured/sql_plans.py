"""Plans of queries: what is asked, apart from SQL and from words, and the plans that are one edit away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.structured.sql_world import HIGH, LINKS, LOW, NUMBERS, OWN, TEXTS, World

OPERATORS = ("<", "<=", ">", ">=", "=", "<>")
AGGREGATES = ("SUM", "MIN", "MAX", "AVG", "COUNT")


class Comparison(NamedTuple):
    """A comparison of a column, as `("persons", "place")`, with a value."""

    table: str
    column: str
    operator: str
    value: int | str


class Nested(NamedTuple):
    """A condition that takes a query of its own.

    Args:
        kind: `"above"` or `"below"`: a number beside the average of its column; `"with"` or `"without"`: a row that
            has such events, or none.
        column: Of the first two.
        tests: Which rows the inner query looks at.
    """

    kind: str
    column: str
    tests: tuple[Comparison, ...]


class Plan(NamedTuple):
    """What is asked.

    Args:
        base: Of which table rows are looked at.
        tests: What holds of the rows.
        columns: What is given of each row, as pairs of table and column; of groups, by what they are made.
        aggregate: Function and column of what is computed of all rows, or of each group; no column for COUNT.
        grouped: Whether rows are grouped by the columns.
        having: What holds of the aggregate of a group, as operator and number; the number is set once there are rows.
        order: Whether rows are sorted, by what, and whether downwards; `"aggregate"` is that.
            Ties are broken by the first column, upwards.
        limit: How many rows are given.
        nested: A condition with a query of its own.
        outer: Whether each row of the base counts its events, those that hold the tests; also those without any.
    """

    base: str
    tests: tuple[Comparison, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    aggregate: tuple[str, str] | None = None
    grouped: bool = False
    having: tuple[str, int] | None = None
    order: tuple[str, bool] | None = None
    limit: int | None = None
    nested: Nested | None = None
    outer: bool = False


def kinds_of(depth: int, tables: int) -> tuple[str, ...]:
    """The kinds of plan of a depth.

    Example:
        >>> kinds_of(2, 1)
        ('rows', 'total', 'groups')
    """
    if depth == 1:
        return ("rows", "total")
    if depth == 2:
        return ("rows", "total", "groups")
    return ("groups", "nested", *(("outer", "related") if tables > 1 else ()))


def draw_plan(rng: TaskRandom, world: World, depth: int, kind: str) -> Plan:
    """A plan of one of `kinds_of(depth, tables)`; with every step there is more in it."""
    joined = depth > 1 and world.tables > 1
    plan = _MAKERS[kind](rng, world, max(1, depth - 2) if depth > 2 else depth, joined)
    if plan.grouped and (depth > 3 or (depth > 2 and rng.below(2))):
        plan = plan._replace(having=(rng.choice(OPERATORS[:4]), 0))
    ordered = kind == "rows" if depth == 2 else depth > 3 or kind in ("groups", "outer")
    return _sorted(rng, plan) if ordered and depth > 1 else plan


def mutants(plan: Plan, world: World) -> Iterator[Plan]:
    """Plans that differ from one in one place; what a query that is nearly right would ask for."""
    for place, test in enumerate(plan.tests):
        yield plan._replace(tests=plan.tests[:place] + plan.tests[place + 1 :])
        for other in _test_mutants(test, world):
            yield plan._replace(tests=(*plan.tests[:place], other, *plan.tests[place + 1 :]))
    if plan.aggregate:
        yield from (plan._replace(aggregate=other) for other in _aggregate_mutants(plan, *plan.aggregate))
    if plan.having:
        operator, number = plan.having
        yield plan._replace(having=None)
        yield plan._replace(having=(_neighbour(operator), number))
        yield plan._replace(having=(operator, number + 1))
    if plan.order:
        yield plan._replace(order=(plan.order[0], not plan.order[1]))
        yield plan._replace(order=None)
    if plan.limit:
        yield plan._replace(limit=None)
        yield plan._replace(limit=plan.limit + 1)
    if plan.nested:
        yield from _nested_mutants(plan, plan.nested, world)
    if plan.outer:
        yield plan._replace(outer=False, grouped=True)  # an inner join: rows without events are missing


def _test_mutants(test: Comparison, world: World) -> Iterator[Comparison]:
    if isinstance(test.value, int):
        yield test._replace(operator=_neighbour(test.operator))
        yield test._replace(operator={"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(test.operator, "<>"))
        yield test._replace(value=test.value + 1)
    else:
        yield test._replace(operator="<>" if test.operator == "=" else "=")
        yield from (test._replace(value=value) for value in world.values[test.column] if value != test.value)


def _neighbour(operator: str) -> str:
    return {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "=": ">="}[operator]


def _aggregate_mutants(plan: Plan, function: str, column: str) -> Iterator[tuple[str, str]]:
    for other in AGGREGATES:
        if other != function and not plan.outer:
            yield other, "" if other == "COUNT" else column or NUMBERS[plan.base]


def _nested_mutants(plan: Plan, nested: Nested, world: World) -> Iterator[Plan]:
    opposite = {"above": "below", "below": "above", "with": "without", "without": "with"}
    yield plan._replace(nested=None)
    yield plan._replace(nested=nested._replace(kind=opposite[nested.kind]))
    for place, test in enumerate(nested.tests):
        yield plan._replace(nested=nested._replace(tests=nested.tests[:place] + nested.tests[place + 1 :]))
        for other in _test_mutants(test, world):
            tests = (*nested.tests[:place], other, *nested.tests[place + 1 :])
            yield plan._replace(nested=nested._replace(tests=tests))
    if nested.kind in ("above", "below") and plan.tests:  # the average of the rows that are looked at alone
        yield plan._replace(nested=nested._replace(tests=plan.tests))


def _numeric(rng: TaskRandom, table: str) -> Comparison:
    return Comparison(table, NUMBERS[table], rng.choice(OPERATORS[:4]), rng.between(LOW + 3, HIGH - 4))


def _textual(rng: TaskRandom, world: World, table: str) -> Comparison:
    column = TEXTS[table]
    return Comparison(table, column, rng.choice(("=", "=", "<>")), rng.choice(world.values[column]))


def _tests(rng: TaskRandom, world: World, base: str, count: int, joined: bool) -> tuple[Comparison, ...]:
    """Tests of different columns; where rows of another table are joined, one is of that."""
    tables = [base, *(world.roles[1:] if base == "events" and joined else ())]
    left = [(table, kind) for table in tables for kind in (0, 1)]
    found: list[Comparison] = []
    for place in range(min(count, len(left))):
        others = [one for one in left if one[0] != base]
        table, kind = rng.choice(others if joined and place == 0 and others else left)
        left.remove((table, kind))
        found.append(_textual(rng, world, table) if kind else _numeric(rng, table))
    return tuple(found)


def _rows(rng: TaskRandom, world: World, count: int, joined: bool) -> Plan:
    base = "events" if joined else rng.choice(world.roles)
    tests = _tests(rng, world, base, count, joined)
    own = [column for column in OWN[base] if column != "id"]
    columns = [(base, "id"), (base, own[rng.below(len(own))])]
    if joined and rng.below(2):
        table = rng.choice(world.roles[1:])
        columns[1] = (table, rng.choice(OWN[table][1:]))
    return Plan(base, tests, tuple(columns))


def _total(rng: TaskRandom, world: World, count: int, joined: bool) -> Plan:
    plan = _rows(rng, world, count, joined)
    return plan._replace(columns=(), aggregate=_aggregate(rng, plan.base))


def _aggregate(rng: TaskRandom, base: str) -> tuple[str, str]:
    function = rng.choice(AGGREGATES)
    return function, "" if function == "COUNT" else NUMBERS[base]


def _groups(rng: TaskRandom, world: World, count: int, joined: bool) -> Plan:
    base = "events"
    table = rng.choice(world.roles) if joined else base
    tests: tuple[Comparison, ...] = (_numeric(rng, rng.choice(world.roles) if joined else base),)
    others = [role for role in world.roles if role != table]
    if count > 1 and joined:
        tests = (*tests, _textual(rng, world, rng.choice(others)))
    return Plan(base, tests, ((table, TEXTS[table]),), _aggregate(rng, base), grouped=True)


def _sorted(rng: TaskRandom, plan: Plan) -> Plan:
    """Sorted, and half of the time only the first rows."""
    what = "aggregate" if plan.aggregate else NUMBERS[plan.base]
    most = 1 if plan.grouped else 3 if plan.base == "events" else 2
    return plan._replace(order=(what, bool(rng.below(2))), limit=rng.between(1, most) if rng.below(2) else None)


def _nested(rng: TaskRandom, world: World, count: int, joined: bool) -> Plan:
    base = rng.choice(world.roles)
    inner = (_textual(rng, world, base),) if count > 1 or rng.below(2) else ()
    outer = (_textual(rng, world, base),) if count > 1 or not inner else ()
    nested = Nested(rng.choice(("above", "below")), NUMBERS[base], inner)
    return Plan(base, outer, ((base, "id"), (base, NUMBERS[base])), nested=nested)


def _related(rng: TaskRandom, world: World, count: int, joined: bool) -> Plan:
    base = rng.choice(world.roles[1:])
    nested = Nested(rng.choice(("with", "without")), "", _tests(rng, world, "events", 1, False))
    return Plan(base, _tests(rng, world, base, count - 1, False), ((base, "id"), (base, TEXTS[base])), nested=nested)


def _outer(rng: TaskRandom, world: World, count: int, joined: bool) -> Plan:
    base = rng.choice(world.roles[1:])
    return Plan(base, _tests(rng, world, "events", 2, False), ((base, "id"),), ("COUNT", ""), outer=True)


_MAKERS = {
    "rows": _rows,
    "total": _total,
    "groups": _groups,
    "nested": _nested,
    "related": _related,
    "outer": _outer,
}


def links_of(plan: Plan) -> list[str]:
    """The tables that are joined to the events.

    Example:
        >>> links_of(Plan("events", (Comparison("persons", "place", "=", "Alm"),)))
        ['persons']
    """
    used = {test.table for test in plan.tests} | {table for table, _ in plan.columns}
    return [table for table in LINKS if plan.base == "events" and table in used]
