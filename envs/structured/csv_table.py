"""`rlvr/CSVTable-v0`: write records that are told in prose as a table in CSV, sorted as asked."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.kinds import CITIES, FIRST_NAMES, KINDS
from rlvr_gym.envs.task import Task, check_int, content_hash
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown

T = TypeVar("T")

_RULES = (
    "Write the records below as CSV (RFC 4180: a cell with a comma, a quote or a line break stands in quotes, a quote "
    "in it is doubled; no blanks around cells). Dates are written YYYY-MM-DD, numbers in digits, amounts with two "
    "decimals and without their unit."
)
_STREETS = tuple("Elm Oak Mill Lake Hill King Rose Park".split())
_ENDS = ("at the gate", "after lunch", "in the yard", "by the door", "at noon", "on Monday")
_PLAIN = re.compile(r"[A-Za-z0-9 .-]*")


class Column(NamedTuple):
    """A column: its name, the kind of its values, and what a text says of a person with such a value."""

    name: str
    kind: str
    say: str


PLAIN = (
    Column("city", "city", "{0} lives in {1}."),
    Column("joined", "date", "{0} joined on {1}."),
    Column("paid", "money", "{0} paid {1}."),
    Column("tickets", "count", "{0} has {1} tickets."),
    Column("code", "code", "The code of {0} is {1}."),
)
TRICKY = (
    Column("note", "note", "The note on {0} reads: {1}"),
    Column("label", "label", "The label for {0} has two lines, {1}."),
    Column("filed_as", "filed", 'The card of {0} is filed as "{1}".'),
)
SORTS = ("name", "joined", "paid", "tickets")
_NUMBERS = ("paid", "tickets")


class Sheet(NamedTuple):
    """A table and its text.

    Args:
        columns: Names of the columns, in the order that is asked for.
        rows: Cells, in the order in which they are told.
        told: What is said of each row.
        sort: The column that the rows are sorted by; empty where they stay as they are told.
        falling: Whether the largest comes first.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    told: tuple[str, ...]
    sort: str
    falling: bool

    def ordered(self) -> list[tuple[str, ...]]:
        """The rows in the order that is asked for."""
        if not self.sort:
            return list(self.rows)
        place = self.columns.index(self.sort)
        if self.sort in _NUMBERS:
            return sorted(self.rows, key=lambda row: float(row[place]), reverse=self.falling)
        return sorted(self.rows, key=lambda row: row[place], reverse=self.falling)


class CSVTableTaskSet(ProceduralTaskSet[Sheet]):
    """Records in prose and the tables that hold them.

    Args:
        rows: How many records, 1 to 40.
        columns: How many plain columns stand beside the name, 1 to 5.
        tricky: How many columns need quotes (commas, quotes and line breaks in cells), 0 to 3.
        sort: Whether the rows are to be sorted by a column; else they are told in their order.
        **common: See `ProceduralTaskSet`; compact problems look like `Ann Bell;Oslo/Leon Hart;Riga>name,city^-name:`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self, *, rows: int = 4, columns: int = 2, tricky: int = 1, sort: bool = True, **common: Unpack[Common]
    ) -> None:
        self._rows = check_int("rows", rows, 1, 40)
        self._columns = check_int("columns", columns, 1, len(PLAIN))
        self._tricky = check_int("tricky", tricky, 0, len(TRICKY))
        if not isinstance(sort, bool):
            raise ConfigError(f"sort must be true or false, got {shown(sort)}")
        self._sort = sort
        super().__init__("CSVTable", **common)
        self._difficulty = {"rows": rows, "columns": columns, "tricky": tricky, "sort": sort}

    def draw(self, rng: TaskRandom) -> Sheet:
        """See `ProceduralTaskSet.draw`."""
        used = [*_some(rng, PLAIN, self._columns), *_some(rng, TRICKY, self._tricky)]
        order = _some(rng, used, len(used))
        names = tuple(column.name for column in order)
        sort = rng.choice([name for name in ("name", *names) if name in SORTS]) if self._sort else ""
        rows: list[tuple[str, ...]] = []
        told: list[str] = []
        place = ("name", *names).index(sort or "name")
        taken: set[str] = set()
        while len(rows) < self._rows:
            person = KINDS["person"].draw(rng)
            drawn = [_cell(rng, column, person) for column in order]
            cells = (person, *(cell for cell, _ in drawn))
            if person in taken or cells[place] in taken:  # names are told apart, and there are no ties
                continue
            taken |= {person, cells[place]}
            rows.append(cells)
            sentences = [column.say.format(person, shown) for column, (_, shown) in zip(order, drawn, strict=True)]
            told.append("\n".join(_some(rng, sentences, len(sentences))))
        return Sheet(("name", *names), tuple(rows), tuple(told), sort, bool(rng.below(2)))

    def split_key(self, problem: Sheet) -> str:
        """See `ProceduralTaskSet.split_key`; the order of rows and columns says nothing."""
        rows = sorted(sorted(zip(problem.columns, row, strict=True)) for row in problem.rows)
        return content_hash(rows)

    def make(self, problem: Sheet) -> Task:
        """See `ProceduralTaskSet.make`."""
        rows = problem.ordered()
        solution = "\n".join(",".join(map(quoted, row)) for row in (problem.columns, *rows))
        if self.style == "compact":
            listed = "/".join(";".join(map(_short, row)) for row in problem.rows)
            sort = f"^{'-' if problem.falling else '+'}{problem.sort}" if problem.sort else ""
            prompt = f"{listed}>{','.join(problem.columns)}{sort}:"
        else:
            text = "\n".join(problem.told)
            prompt = (
                f"{_RULES}\n\n{text}\n\nThe columns are {','.join(problem.columns)}, in this order; "
                f"the first line holds these names. {_wish(problem)} Give the table as <answer>table</answer>."
            )
            solution = f"<answer>\n{solution}\n</answer>"
        reference = {"columns": list(problem.columns), "rows": [list(row) for row in rows]}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)


class CSVTableEnv(ProceduralEnv):
    """Write records as CSV; verified with `csv@1`, cell by cell. Knobs: those of `CSVTableTaskSet`.

    The reward `"dense"` pays the share of the rows that are right and in their place.

    Example:
        >>> env = CSVTableEnv(rows=2, columns=1, tricky=0, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        'Quentin Jensen;2021-06-12/Nadia North;2019-01-25>name,joined^-name:'
        >>> env.step("name,joined\\nQuentin Jensen,2021-06-12\\nNadia North,2019-01-25")[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="A table in CSV in `<answer>` tags, in a fenced block or alone; alone in style=compact.",
        licence=GENERATED,
        chance_reason="nothing but rows that are right are paid: the header alone and rows that are the same in all "
        "tasks earn nothing in 2,000 tasks",
        distinct=10**12,
        levels=(
            {"rows": 2, "columns": 1, "tricky": 0, "sort": False},
            {"rows": 3, "columns": 2, "tricky": 0},
            {"rows": 4, "columns": 2, "tricky": 1},
            {"rows": 6, "columns": 3, "tricky": 2},
            {"rows": 10, "columns": 4, "tricky": 3},
            {"rows": 20, "columns": 5, "tricky": 3},
        ),
    )

    taskset_class = CSVTableTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("csv@1", **compact_markers(style))


def quoted(cell: str) -> str:
    """A cell as CSV writes it.

    Example:
        >>> quoted("Oslo"), quoted('no, "never"')
        ('Oslo', '"no, ""never\"\""')
    """
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if any(mark in cell for mark in ',"\n') else cell


def _wish(sheet: Sheet) -> str:
    if not sheet.sort:
        return "The rows stay in the order of the text."
    how = {"joined": "date", "paid": "amount", "tickets": "number"}.get(sheet.sort, "the alphabet")
    first = {
        "date": ("the earliest first", "the latest first"),
        "the alphabet": ("A first", "Z first"),
    }.get(how, ("the smallest first", "the largest first"))[sheet.falling]
    return f"The rows are sorted by {sheet.sort}, {first}."


def _cell(rng: TaskRandom, column: Column, person: str) -> tuple[str, str]:
    """The value as the table holds it and as the text tells it."""
    if column.kind == "note":
        told = f'{rng.choice(FIRST_NAMES)} said "{rng.choice(("yes", "no", "later", "never"))}", {rng.choice(_ENDS)}'
        return told, told
    if column.kind == "label":
        street, city = f"{rng.choice(_STREETS)} Street {rng.between(1, 99)}", rng.choice(CITIES)
        return f"{street}\n{city}", f'first "{street}" and then "{city}"'
    if column.kind == "filed":
        first, last = person.split(" ")
        title = rng.choice(("Dr.", "Prof.", "Ms.", "Mr."))
        return f"{last}, {first}, {title}", f"{last}, {first}, {title}"
    kind = KINDS[column.kind]
    value = kind.draw(rng)
    cell = f"{value:.2f}" if column.kind == "money" else str(value)
    return cell, kind.show(value)


def _short(cell: str) -> str:
    return cell if _PLAIN.fullmatch(cell) else json.dumps(cell)


def _some(rng: TaskRandom, items: Sequence[T], count: int) -> list[T]:
    """So many different ones, in a random order."""
    rest = list(items)
    return [rest.pop(rng.below(len(rest))) for _ in range(count)]
