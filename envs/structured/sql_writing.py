"""A plan of a query as SQL, and as a question in words."""

from __future__ import annotations

from rlvr_gym.envs.structured.sql_plans import Comparison, Nested, Plan, links_of
from rlvr_gym.envs.structured.sql_world import LINKS, World

_ALIASES = {"events": "e", "persons": "p", "items": "i"}
_AS_WORDS = {
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "=": "is",
    "<>": "is not",
}
_AGGREGATES = {
    "SUM": "the sum of",
    "MIN": "the smallest",
    "MAX": "the largest",
    "AVG": "the average of",
}


def sql_of(plan: Plan, world: World) -> str:
    """The query of a plan.

    Example:
        >>> from rlvr_gym.envs.procedural import TaskRandom
        >>> from rlvr_gym.envs.structured.sql_world import draw_world
        >>> world = draw_world(TaskRandom(b"x"), 1)
        >>> sql_of(Plan("events", (Comparison("events", "amount", ">", 5),), aggregate=("COUNT", "")), world)
        'SELECT COUNT(*) FROM purchases e WHERE e.total > 5'
    """
    columns = [_column(world, *column) for column in plan.columns]
    counted = plan.outer or (plan.grouped and plan.base != "events")
    aggregate = _aggregate(plan, world, "e.id" if counted else "*")
    query = f"SELECT {', '.join([*columns, *([aggregate] if aggregate else [])])} FROM {_table(world, plan.base)}"
    tests = [_test(world, test) for test in plan.tests]
    if counted:
        link = f"e.{world.words[LINKS[plan.base]]} = {_ALIASES[plan.base]}.id"
        query += f" {'LEFT ' * plan.outer}JOIN {_table(world, 'events')} ON {' AND '.join([link, *tests])}"
        tests = []
    for table in links_of(plan):
        query += f" JOIN {_table(world, table)} ON {_ALIASES[table]}.id = e.{world.words[LINKS[table]]}"
    if plan.nested:
        tests.append(_nested(plan, plan.nested, world))
    if tests:
        query += f" WHERE {' AND '.join(tests)}"
    if plan.grouped or plan.outer:
        query += f" GROUP BY {', '.join(columns)}"
    if plan.having:
        query += f" HAVING {aggregate} {plan.having[0]} {plan.having[1]}"
    return query + _ending(plan, world, columns, aggregate)


def _ending(plan: Plan, world: World, columns: list[str], aggregate: str) -> str:
    ending = ""
    if plan.order:
        what = aggregate if plan.order[0] == "aggregate" else _column(world, plan.base, plan.order[0])
        ending = f" ORDER BY {what}{' DESC' * plan.order[1]}, {columns[0]}"
    return f"{ending} LIMIT {plan.limit}" if plan.limit else ending


def _aggregate(plan: Plan, world: World, counted: str) -> str:
    if not plan.aggregate:
        return ""
    function, column = plan.aggregate
    return f"{function}({_column(world, plan.base, column) if column else counted})"


def _table(world: World, role: str) -> str:
    return f"{world.words[role]} {_ALIASES[role]}"


def _column(world: World, table: str, column: str) -> str:
    return f"{_ALIASES[table]}.{world.words.get(column, column)}"


def _test(world: World, test: Comparison) -> str:
    value = f"'{test.value}'" if isinstance(test.value, str) else str(test.value)
    return f"{_column(world, test.table, test.column)} {test.operator} {value}"


def _nested(plan: Plan, nested: Nested, world: World) -> str:
    """The inner query uses the bare names of its table, since the outer one may have the same alias."""
    table = plan.base if nested.column else "events"
    prefix = f"{_ALIASES[table]}."
    tests = [_test(world, test).removeprefix(prefix) for test in nested.tests]
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    if nested.column:
        column = world.words[nested.column]
        inner = f"(SELECT AVG({column}) FROM {world.words[table]}{where})"
        return f"{_column(world, plan.base, nested.column)} {'>' if nested.kind == 'above' else '<'} {inner}"
    inner = f"(SELECT {world.words[LINKS[plan.base]]} FROM {world.words['events']}{where})"
    return f"{_ALIASES[plan.base]}.id {'NOT ' * (nested.kind == 'without')}IN {inner}"


def question_of(plan: Plan, world: World) -> str:
    """The plan in words."""
    rows = f"rows of `{world.words[plan.base]}`"
    given = [_column_words(world, plan, *column) for column in plan.columns]
    conditions = [_test_words(world, plan, test) for test in plan.tests]
    if plan.nested:
        conditions.append(_nested_words(plan, plan.nested, world))
    where = f" where {' and '.join(conditions)}" if conditions else ""
    if plan.outer:
        events = f"the number of rows of `{world.words['events']}` that belong to it"
        own = f", counting only those{where}" if conditions else ""
        said = f"For each row of `{world.words[plan.base]}`, also for those with none, give `id` and {events}{own}."
    elif plan.grouped:
        what = _aggregate_words(plan, world)
        said = f"Group the {rows}{where} by {given[0]}. For each group give that and {what}."
    elif plan.aggregate and not plan.aggregate[1]:
        said = f"How many {rows} are there{where}?"
    elif plan.aggregate:
        said = f"Of all {rows}{where}, give {_aggregate_words(plan, world)}."
    else:
        said = f"For each of the {rows}{where}, give {' and '.join(given)}."
    return said + _having_words(plan) + _order_words(plan, world)


def _column_words(world: World, plan: Plan, table: str, column: str) -> str:
    name = f"`{world.words.get(column, column)}`"
    return name if table == plan.base or plan.outer else f"{name} of its row in `{world.words[table]}`"


def _test_words(world: World, plan: Plan, test: Comparison) -> str:
    value = f"'{test.value}'" if isinstance(test.value, str) else str(test.value)
    return f"{_column_words(world, plan, test.table, test.column)} {_AS_WORDS[test.operator]} {value}"


def _nested_words(plan: Plan, nested: Nested, world: World) -> str:
    own = plan._replace(base=plan.base if nested.column else "events")
    tests = [_test_words(world, own, test) for test in nested.tests]
    where = f" where {' and '.join(tests)}" if tests else ""
    if nested.column:
        name, side = f"`{world.words[nested.column]}`", "more" if nested.kind == "above" else "less"
        return f"{name} is {side} than the average of {name} over all rows of `{world.words[plan.base]}`{where}"
    amount = "at least one row" if nested.kind == "with" else "no row"
    return f"{amount} of `{world.words['events']}`{where} belongs to it"


def _aggregate_words(plan: Plan, world: World) -> str:
    if not plan.aggregate or not plan.aggregate[1]:
        return "the number of its rows"
    return f"{_AGGREGATES[plan.aggregate[0]]} `{world.words[plan.aggregate[1]]}`"


def _having_words(plan: Plan) -> str:
    return f" Keep only groups where this {_AS_WORDS[plan.having[0]]} {plan.having[1]}." if plan.having else ""


def _order_words(plan: Plan, world: World) -> str:
    if not plan.order:
        return ""
    if plan.order[0] == "aggregate":
        what = "that number" if plan.aggregate and not plan.aggregate[1] else "that value"
    else:
        what = f"`{world.words[plan.order[0]]}`"
    way = "from large to small" if plan.order[1] else "from small to large"
    first = world.words.get(plan.columns[0][1], plan.columns[0][1])
    said = f" Sort by {what} {way}; where it is equal, by `{first}` in rising order."
    some = f"first {plan.limit} rows" if plan.limit != 1 else "first row"
    return f"{said} Give only the {some}." if plan.limit else said
