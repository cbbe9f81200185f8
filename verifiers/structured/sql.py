"""`sql@1`: one SELECT, judged by the tables that it gives on several hidden databases of one schema.

No query is compared by its text. Constants do not pass, since the databases differ, and a query that is nearly right
passes only where no database shows the difference: whoever makes a task chooses databases that do.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.structured.sql_engine import (
    MAX_QUERY_CHARS,
    QueryError,
    Rows,
    Tables,
    check_query,
    result_of,
)
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_DATABASES = 10
MAX_CELLS = 5_000
TYPES = ("INTEGER", "REAL", "TEXT")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FENCE = re.compile(r"```(?:sql|sqlite)?[ \t]*\n(?P<inside>[^`]*)```", re.IGNORECASE)
_DIGITS = ".10g"


class Gold(NamedTuple):
    """What is asked: a schema, databases, the table that is wanted of each, and whether its order counts."""

    tables: Tables
    databases: Sequence[Mapping[str, Rows]]
    results: Sequence[Rows]
    ordered: bool


@dataclass(frozen=True)
class SQLQuery(RuleVerifier):
    """Judges a query by what it gives.

    The reference is `{"tables": {"pets": [["name", "TEXT"], ["age", "INTEGER"]]}, "databases": [{"pets": [["Rex",
    7]]}, ...], "results": [[[7]], ...], "ordered": false}`: two to ten databases, and the rows that are wanted of
    each. Results that are the same for all databases are refused, since a constant would pass.

    Rows are compared as multisets, or in their order where `ordered` is true; columns by their place and not by their
    names; numbers to ten significant digits, so that 2 and 2.0 are one.

    The dense score is the share of the databases on which the result is right.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = SQLQuery()
        >>> reference = {
        ...     "tables": {"pets": [["name", "TEXT"], ["age", "INTEGER"]]},
        ...     "databases": [{"pets": [["Rex", 7], ["Mia", 3]]}, {"pets": [["Ivo", 5]]}],
        ...     "results": [[[7]], [[5]]],
        ...     "ordered": False,
        ... }
        >>> verifier.verify("<answer>SELECT MAX(age) FROM pets</answer>", reference).passed
        True
        >>> verdict = verifier.verify("<answer>SELECT age FROM pets</answer>", reference)
        >>> verdict.reason.code, verdict.score
        ('different', 0.5)
    """

    name = "sql"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A query is right when it gives what is wanted on the databases of the reference: a wrong one on which no "
        "database shows the difference passes.",
        "How a query is written is not judged: its speed, its style and the names of its columns say nothing.",
        "LIKE, GLOB, recursion and functions beyond a list are not offered, also where they would give what is wanted.",
        "Numbers that agree to ten significant digits are one.",
    )
    max_answer_chars: ClassVar[int] = MAX_QUERY_CHARS + 100

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####")

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        try:
            given = [reference[key] for key in ("tables", "databases", "results", "ordered")]
        except (TypeError, KeyError, IndexError) as error:
            text = "the reference must hold 'tables', 'databases', 'results' and 'ordered'"
            raise ReferenceFault("not_databases", text) from error
        tables, databases, results, ordered = given
        if not isinstance(ordered, bool):
            raise ReferenceFault("not_databases", f"'ordered' must be true or false, got {shown(ordered)}")
        schema = _schema(tables)
        for name, value in (("databases", databases), ("results", results)):
            if not isinstance(value, list | tuple) or not 2 <= len(value) <= MAX_DATABASES:
                raise ReferenceFault("not_databases", f"'{name}' must be a list of 2 to {MAX_DATABASES}")
        if len(databases) != len(results):
            raise ReferenceFault("not_databases", "there must be one result for each database")
        for database in databases:
            _check_database(database, schema)
        for result in results:
            _check_rows(result, None)
        if all(_canonical(result) == _canonical(results[0]) for result in results):
            raise ReferenceFault("one_result", "the same result is wanted of all databases: a constant would pass")
        return Gold(schema, databases, results, ordered)

    def read(self, text: str, gold: Gold) -> str:
        """See the class."""
        fenced = _FENCE.fullmatch(text)
        query = (fenced["inside"] if fenced else text).strip()
        try:
            check_query(query)
        except QueryError as error:
            raise UnreadableError(error.code, str(error)) from error
        return query

    def check(self, answer: str, gold: Gold) -> Finding:
        """See the class."""
        right = []
        for database, wanted in zip(gold.databases, gold.results, strict=True):
            try:
                rows = result_of(answer, gold.tables, database)
            except QueryError as error:
                return Finding(False, Reason(error.code, str(error)))
            right.append(_equal(rows, wanted, gold.ordered))
        parts = tuple(Part(f"database {place}", ok, float(ok)) for place, ok in enumerate(right, start=1))
        if all(right):
            return Finding(True, Reason("equal", "it gives what is asked for on every database"), parts=parts)
        text = f"it gives what is asked for on {sum(right)} of {len(right)} databases"
        return Finding(False, Reason("different", text), sum(right) / len(right), parts)


def _equal(rows: Rows, wanted: Rows, ordered: bool) -> bool:
    given, gold = _canonical(rows), _canonical(wanted)
    return given == gold if ordered else Counter(given) == Counter(gold)


def _canonical(rows: Rows) -> list[tuple[str, ...]]:
    """Rows whose cells are texts that are equal where the values are."""
    return [tuple([_cell(value) for value in row]) for row in rows]


def _cell(value: Any) -> str:
    if isinstance(value, int | float):
        return f"n{float(value) + 0.0:{_DIGITS}}"
    return "null" if value is None else f"t{value!r}"


def _schema(tables: Any) -> Tables:
    if not isinstance(tables, Mapping) or not 1 <= len(tables) <= 10:
        raise ReferenceFault("bad_tables", "'tables' must hold 1 to 10 tables")
    schema: dict[str, list[tuple[str, str]]] = {}
    for table, columns in tables.items():
        if not isinstance(columns, list | tuple) or not 1 <= len(columns) <= 20:
            raise ReferenceFault("bad_tables", "a table has a list of 1 to 20 columns")
        pairs = [tuple(column) if isinstance(column, list | tuple) else () for column in columns]
        if any(len(pair) != 2 or not _is_name(pair[0]) or pair[1] not in TYPES for pair in pairs):
            raise ReferenceFault("bad_tables", f"a column is a pair of a name and one of {', '.join(TYPES)}")
        if not _is_name(table) or len({pair[0] for pair in pairs}) < len(pairs):
            raise ReferenceFault("bad_tables", "tables and columns have different names of small letters")
        schema[table] = [(pair[0], pair[1]) for pair in pairs]
    made = Tables(schema)
    if fault := _fault_of(tuple(made.statements())):
        raise ReferenceFault("bad_tables", f"SQLite does not make the tables: {fault}")
    return made


@lru_cache(maxsize=1024)
def _fault_of(statements: tuple[str, ...]) -> str:
    """Why SQLite refuses the statements; empty where it does not."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(";".join(statements))
    except sqlite3.Error as error:
        return str(error)
    finally:
        connection.close()
    return ""


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and not name.startswith("sqlite_")


def _check_database(database: Any, schema: Tables) -> None:
    if not isinstance(database, Mapping) or set(database) != set(schema.columns):
        raise ReferenceFault("bad_database", "a database holds the rows of each table and nothing else")
    for table, columns in schema.columns.items():
        _check_rows(database[table], len(columns))


def _check_rows(rows: Any, width: int | None) -> None:
    if not isinstance(rows, list | tuple) or not all(isinstance(row, list | tuple) and row for row in rows):
        raise ReferenceFault("bad_rows", "rows are a list of lists")
    if width is not None and any(len(row) != width for row in rows):
        raise ReferenceFault("bad_rows", "a row has one value for each column of its table")
    cells = [value for row in rows for value in row]
    if len(cells) > MAX_CELLS or not all(_is_cell(value) for value in cells):
        text = f"a table has at most {MAX_CELLS:,} values: numbers of 64 bits, texts of up to 200 characters, null"
        raise ReferenceFault("bad_rows", text)


def _is_cell(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) < 2**63
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, str) and len(value) <= 200 and value.isprintable())
