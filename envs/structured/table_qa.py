"""`rlvr/TableQA-v0`: a table and a question that filters, joins, compares or adds up its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.kinds import FIRST_NAMES
from rlvr_gym.envs.task import Task, check_int, content_hash
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown

COLUMNS = ("name", "city", "team", "units", "price", "year")
CITIES = ("Bergen", "Cork", "Faro", "Lyon", "Riga", "Turin", "Vienna", "York")
COUNTRIES = ("Norland", "Esteria", "Sudavia")
TEAMS = ("blue", "green", "red", "white")
_NUMBERS = {"units": (1, 60), "price": (5, 95), "year": (2005, 2025)}
# Of each depth: how many conditions there are, and which operations. A deeper one is asked for more steps.
DEPTHS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0, ("lookup", "largest", "smallest")),
    (1, ("sum", "largest", "smallest", "range")),
    (2, ("sum", "largest", "smallest", "range", "product")),
    (2, ("second", "range", "product", "group")),
    (3, ("second", "range", "product", "group")),
)
_ASKED = {
    "lookup": ("What stands under {0} in the row of {1}?", "{0} {1}"),
    "sum": ("What is the sum of {0} over the rows{1}?", "sum {0}"),
    "largest": ("Which name has the largest {0} among the rows{1}?", "max {0}"),
    "smallest": ("Which name has the smallest {0} among the rows{1}?", "min {0}"),
    "second": ("Which name has the second largest {0} among the rows{1}?", "second {0}"),
    "range": ("By how much is the largest {0} above the smallest {0} among the rows{1}?", "range {0}"),
    "product": (
        "For each row, units times price is its value. What is the sum of the values among the rows{1}?",
        "value",
    ),
    "group": ("Which city has the largest sum of {0} over the rows{1}?", "city {0}"),
}
_SAID = {"is": "is", "at least": "is at least", "below": "is below"}
_SIGNS = {"is": "=", "at least": ">=", "below": "<"}

Row = dict[str, Any]


class Condition(NamedTuple):
    """What must hold of a row: `city is Lyon`, `units at least 20`, `price below 30`, `country is Norland`."""

    column: str
    test: str
    value: Any


class Question(NamedTuple):
    """Tables and what is asked of them.

    Args:
        rows: The table, a value for each of `COLUMNS`.
        countries: The country of each city; empty where there is no second table.
        conditions: What holds of the rows that count.
        operation: What is done with them; a key of `_ASKED`.
        column: The column that it is done with.
        found: The names of the rows that count.
        answer: What comes out.
    """

    rows: tuple[Row, ...]
    countries: dict[str, str]
    conditions: tuple[Condition, ...]
    operation: str
    column: str
    found: tuple[str, ...]
    answer: str


class TableQATaskSet(ProceduralTaskSet[Question]):
    """Tables with questions that have one answer, a number or a text of the table.

    Args:
        rows: How many rows the table has, 4 to 40.
        depth: How many steps a question takes, 1 to 5: from a look-up over conditions to groups under three of them.
        join: Whether a second table says in which country a city lies, and one condition is of the country.
        **common: See `ProceduralTaskSet`; compact problems look like
            `name,city,team,units,price,year/Ada,Cork,red,7,20,2010/...?sum units;team=red:`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, rows: int = 8, depth: int = 2, join: bool = False, **common: Unpack[Common]) -> None:
        self._rows = check_int("rows", rows, 4, len(FIRST_NAMES))
        self._depth = check_int("depth", depth, 1, len(DEPTHS))
        if not isinstance(join, bool) or (join and depth == 1):
            raise ConfigError(f"join must be true or false, and true from depth 2 on; got {shown(join)}")
        self._join = join
        super().__init__("TableQA", **common)
        self._difficulty = {"rows": rows, "depth": depth, "join": join}

    def draw(self, rng: TaskRandom) -> Question:
        """See `ProceduralTaskSet.draw`."""
        count, operations = DEPTHS[self._depth - 1]
        while True:
            rows = _rows(rng, self._rows)
            countries = {city: rng.choice(COUNTRIES) for city in CITIES} if self._join else {}
            for _ in range(8):  # a table costs more than a question
                operation = rng.choice(operations)
                column = rng.choice(("units", "price"))
                conditions = tuple(_conditions(rng, rows, countries, count))
                found = [row for row in rows if all(_holds(each, row, countries) for each in conditions)]
                if operation == "lookup":
                    found = [rng.choice(rows)]
                answer = _answer(operation, column, found)
                if answer is not None and (not conditions or answer != _answer(operation, column, rows)):
                    names = tuple(row["name"] for row in found)
                    return Question(tuple(rows), countries, conditions, operation, column, names, answer)

    def split_key(self, problem: Question) -> str:
        """See `ProceduralTaskSet.split_key`; the order of rows and conditions says nothing."""
        rows = sorted(map(list, (row.values() for row in problem.rows)))
        asked = [problem.operation, problem.column, sorted(map(str, problem.conditions))]
        return content_hash([rows, problem.countries, *asked, problem.found if problem.operation == "lookup" else ()])

    def make(self, problem: Question) -> Task:
        """See `ProceduralTaskSet.make`."""
        tables = [[COLUMNS, *([*row.values()] for row in problem.rows)]]
        if problem.countries:
            tables.append([("city", "country"), *sorted(problem.countries.items())])
        asked, short = _ASKED[problem.operation]
        if self.style == "compact":
            lines = "//".join("/".join(",".join(map(str, row)) for row in table) for table in tables)
            wanted = ";".join((short.format(problem.column, problem.found[0]), *map(_sign, problem.conditions)))
            prompt, solution = f"{lines}?{wanted}:", problem.answer
        else:
            where = f" where {' and '.join(map(_say, problem.conditions))}" if problem.conditions else " of the table"
            if problem.operation == "lookup":
                where = problem.found[0]
            question = asked.format(problem.column, where)
            shown_tables = "\n\n".join(map(_markdown, tables))
            prompt = f"{shown_tables}\n\n{question} Give the answer alone as <answer>answer</answer>."
            solution = f"The rows that count: {', '.join(problem.found)}. <answer>{problem.answer}</answer>"
        private = {"reference": problem.answer, "solution": solution}
        return Task.create(prompt, private, difficulty={**self._difficulty, "operation": problem.operation})


class TableQAEnv(ProceduralEnv):
    """Answer a question about a table with a number or a name; verified with `answer@1`, word by word.

    Knobs: those of `TableQATaskSet`.

    Example:
        >>> env = TableQAEnv(rows=4, depth=1, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs.partition("/")[0], obs.rpartition("/")[2]
        ('name,city,team,units,price,year', 'Ivo,Riga,red,8,26,2012?units Oskar:')
        >>> env.step("41")[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="A number or a name in `<answer>` tags, a box or after `####`; alone in style=compact.",
        licence=GENERATED,
        chance=0.06,
        chance_reason="the best constant for each kind of question, or the first name of the table where that is right "
        "more often, are right in 5.3 % of 2,000 default tasks (9 % with depth=1, less than 5 % deeper)",
        distinct=10**12,
        levels=(
            {"rows": 5, "depth": 1},
            {"rows": 8, "depth": 2},
            {"rows": 12, "depth": 3},
            {"rows": 16, "depth": 3, "join": True},
            {"rows": 24, "depth": 4, "join": True},
            {"rows": 40, "depth": 5, "join": True},
        ),
    )

    taskset_class = TableQATaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("answer@1", **compact_markers(style))


def _rows(rng: TaskRandom, count: int) -> list[Row]:
    names = list(FIRST_NAMES)
    rows: list[Row] = []
    for _ in range(count):
        name = names.pop(rng.below(len(names)))
        numbers = {column: rng.between(*ends) for column, ends in _NUMBERS.items()}
        rows.append({"name": name, "city": rng.choice(CITIES), "team": rng.choice(TEAMS), **numbers})
    return rows


def _conditions(rng: TaskRandom, rows: Sequence[Row], countries: dict[str, str], count: int) -> list[Condition]:
    """Conditions on different columns, each with a value that some row has."""
    columns = ["team", "units", "price", "year", "city"]
    chosen = ["country"] if countries and count else []
    while len(chosen) < count:
        chosen.append(columns.pop(rng.below(len(columns))))
    found = []
    for column in chosen:
        row = rng.choice(rows)
        value = countries[row["city"]] if column == "country" else row[column]
        test = rng.choice(("at least", "below")) if column in _NUMBERS else "is"
        found.append(Condition(column, test, value))
    return found


def _holds(condition: Condition, row: Row, countries: dict[str, str]) -> bool:
    value = countries[row["city"]] if condition.column == "country" else row[condition.column]
    if condition.test == "is":
        return bool(value == condition.value)
    return bool(value >= condition.value) is (condition.test == "at least")


def _answer(operation: str, column: str, rows: Sequence[Row]) -> str | None:
    """What comes out; None where there are too few rows, or more than one answer is right."""
    if operation == "lookup":
        return str(rows[0][column])
    if len(rows) < (3 if operation == "second" else 2):
        return None
    values = sorted(row[column] for row in rows)
    if operation in ("sum", "range", "product"):
        numbers = {
            "sum": sum(values),
            "range": values[-1] - values[0],
            "product": sum(row["units"] * row["price"] for row in rows),
        }
        return str(numbers[operation])
    if operation == "group":
        sums: Counter[str] = Counter()
        for row in rows:
            sums[row["city"]] += row[column]
        first, *rest = sums.most_common(2)
        return first[0] if rest and rest[0][1] < first[1] else None
    place = {"largest": -1, "smallest": 0, "second": -2}[operation]
    if values.count(values[place]) > 1:
        return None
    return str(next(row["name"] for row in rows if row[column] == values[place]))


def _say(condition: Condition) -> str:
    column = "the country of the city" if condition.column == "country" else condition.column
    return f"{column} {_SAID[condition.test]} {condition.value}"


def _sign(condition: Condition) -> str:
    return f"{condition.column}{_SIGNS[condition.test]}{condition.value}"


def _markdown(table: Sequence[Sequence[Any]]) -> str:
    header, *rows = table
    lines = (header, ["---"] * len(header), *rows)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
