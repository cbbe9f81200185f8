"""Small databases in memory, and what one query gives on them; a query can read their tables and nothing else.

SQLite asks an authorizer for every table and function that a query names, and a progress handler every so many steps of
its virtual machine: work is counted, and no clock is read. Functions that can take long in one step are not offered.
What neither of them sees, the work of reading a query, is bounded by its text.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

MAX_QUERY_CHARS = 2_000
MAX_STEPS = 100_000
MAX_RESULT_ROWS = 1_000
MAX_VALUE_CHARS = 1_000
MAX_COPIES = 100
FUNCTIONS = frozenset(
    """abs avg cast coalesce count dense_rank first_value ifnull iif lag last_value lead length lower max min ntile
    nullif rank round row_number sign substr substring sum total upper""".split()
)
_LIMITS: Mapping[int, int] = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 10,
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE_CHARS,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4 * MAX_QUERY_CHARS,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_STEPS_AT_ONCE = 1_000
# Strings, quoted names and comments as wholes, so that no word in them is taken for SQL.
_TOKEN = re.compile(
    r"'(?:[^']|'')*+'?|\"(?P<quoted>(?:[^\"]|\"\")*+)\"?|\[(?P<bracket>[^\]]*+)\]?|`(?P<tick>(?:[^`]|``)*+)`?"
    r"|--[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|(?P<word>[^\W\d]\w*+)|\d[\w.]*+|\S"
)

Cell: TypeAlias = int | float | str | None
Rows: TypeAlias = Sequence[Sequence[Cell]]


class Tables(NamedTuple):
    """The schema of a database: for each table its columns with their types."""

    columns: Mapping[str, Sequence[tuple[str, str]]]

    def statements(self) -> list[str]:
        """The statements that make it.

        Example:
            >>> Tables({"pets": [("name", "TEXT"), ("age", "INTEGER")]}).statements()
            ['CREATE TABLE pets (name TEXT, age INTEGER)']
        """
        return [
            f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns)})"
            for table, columns in self.columns.items()
        ]


class QueryError(ValueError):
    """A query that is not run, or not to its end."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def check_query(query: str) -> None:
    """Refuse by its text what is no query, or is too large to be read.

    Raises:
        QueryError: It says what is wrong.

    Example:
        >>> check_query("SELECT 1")
        >>> check_query("DROP TABLE pets")
        Traceback (most recent call last):
        ...
        rlvr_gym.verifiers.structured.sql_engine.QueryError: a query begins with SELECT or WITH
    """
    if len(query) > MAX_QUERY_CHARS:
        raise QueryError("query_too_long", f"a query has at most {MAX_QUERY_CHARS:,} characters, not {len(query):,}")
    if "\x00" in query or (not query.isascii() and any("\ud800" <= char <= "\udfff" for char in query)):
        raise QueryError("not_a_query", "a query holds no NUL and no surrogates")
    words = _words(query)
    if not words or words[0] not in ("select", "with"):
        raise QueryError("not_a_query", "a query begins with SELECT or WITH")
    _check_copies(words)


def _words(query: str) -> list[str]:
    """Names and keywords folded, and whatever else as one character; comments left out."""
    found = []
    for match in _TOKEN.finditer(query):
        if not match[0].startswith(("--", "/*")):
            name = match["word"] or match["quoted"] or match["bracket"] or match["tick"]
            found.append(name.casefold() if name else match[0][0])
    return found


def _check_copies(words: list[str]) -> None:
    """Refuse tables of a WITH that build on one another so often that reading the query takes long."""
    heads = [
        word
        for word, after, last in zip(words, words[1:], words[2:], strict=False)
        if after == "as" and last in ("(", "materialized", "not")
    ]
    if ")" in heads or len(set(heads)) < len(heads):
        raise QueryError("not_offered", "tables of a WITH have different names, and no list of columns after them")
    uses, copies = Counter(words), 1
    for name in heads:
        copies *= max(1, uses[name] - 1)
    if copies > MAX_COPIES:
        raise QueryError("not_offered", "the WITH tables are used too often; use fewer, or use each of them once")


def opened(tables: Tables, database: Mapping[str, Rows]) -> sqlite3.Connection:
    """A connection to a database in memory with these rows; to be closed by the caller.

    Raises:
        sqlite3.Error: The rows do not fit the tables.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
    try:
        for statement in tables.statements():
            connection.execute(statement)
        fill(connection, tables, database)
    except (sqlite3.Error, OverflowError):
        connection.close()
        raise
    return connection


def fill(connection: sqlite3.Connection, tables: Tables, database: Mapping[str, Rows]) -> None:
    """Put these rows in the place of those that are there.

    Raises:
        sqlite3.Error: They do not fit the tables.
    """
    connection.execute("BEGIN")
    for table, columns in tables.columns.items():
        connection.execute(f"DELETE FROM {table}")
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", database[table])
    connection.execute("COMMIT")


def result_of(query: str, tables: Tables, database: Mapping[str, Rows]) -> list[tuple[Any, ...]]:
    """The rows that an untrusted query gives on a database.

    Raises:
        QueryError: SQLite refuses it, it names what is not offered, it takes more than 100,000 steps, or it gives
            more than 1,000 rows.

    Example:
        >>> pets = Tables({"pets": [("name", "TEXT"), ("age", "INTEGER")]})
        >>> result_of("SELECT max(age) FROM pets", pets, {"pets": [["Rex", 7], ["Mia", 3]]})
        [(7,)]
    """
    connection = opened(tables, database)
    try:
        guard = _Guard(tables)
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        connection.set_authorizer(guard.authorize)
        connection.set_progress_handler(guard.progress, _STEPS_AT_ONCE)
        return _rows(connection, query, guard)
    finally:
        connection.close()


def _rows(connection: sqlite3.Connection, query: str, guard: _Guard) -> list[tuple[Any, ...]]:
    try:
        rows = connection.execute(query).fetchmany(MAX_RESULT_ROWS + 1)
    except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as error:
        if guard.steps >= MAX_STEPS:
            raise QueryError("too_much_work", f"the query was stopped after {MAX_STEPS:,} steps") from error
        if guard.refused:
            raise QueryError("not_offered", guard.refused) from error
        raise QueryError("refused_by_sqlite", f"SQLite refuses the query: {error}") from error
    if len(rows) > MAX_RESULT_ROWS:
        raise QueryError("too_many_rows", f"the query gives more than {MAX_RESULT_ROWS:,} rows")
    return rows


class _Guard:
    """What a query may name, and how much work it has done."""

    def __init__(self, tables: Tables) -> None:
        self._tables = frozenset(name.casefold() for name in tables.columns)
        self.steps = 0
        self.refused = ""

    def authorize(self, action: int, first: str | None, second: str | None, *where: str | None) -> int:
        """The authorizer; see `sqlite3.Connection.set_authorizer`."""
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and (not second or (first or "").casefold() in self._tables):
            return sqlite3.SQLITE_OK  # one without a column may be of a subquery
        if action == sqlite3.SQLITE_FUNCTION and (second or "").casefold() in FUNCTIONS:
            return sqlite3.SQLITE_OK
        what = f"the function {(second or '')[:40]}" if action == sqlite3.SQLITE_FUNCTION else "what the query names"
        self.refused = self.refused or f"{what} is not offered here"
        return sqlite3.SQLITE_DENY

    def progress(self) -> bool:
        """The progress handler: whether the query is to be stopped."""
        self.steps += _STEPS_AT_ONCE
        return self.steps >= MAX_STEPS
