"""A private SQLite database: rows are read and changed, the schema stays as its script made it.

The same statements give the same bytes: there is no clock and no random number, work is counted in steps of SQLite's
virtual machine, and a database that was saved and made again has its rows in the same places.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any

from rlvr_gym.envs.task import check_int, check_text, copied
from rlvr_gym.envs.tools import sql_store
from rlvr_gym.envs.tools.sql_guard import MAX_VALUE_CHARS, Guard, check_statement
from rlvr_gym.envs.tools.toolkit import Limits, Tool, ToolError, Toolkit, tool

MAX_CELL_CHARS = 200
_TOLD = {"user-defined function raised exception": "a function was given a text that is no UTF-8"}
_SHOWN_AS = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x00": "\\0"})


class SQL(Toolkit):
    """Tools `sql(query)`, one statement a call, and `schema()`.

    A statement that fails changes nothing. Foreign keys are enforced. Functions that depend on a clock, on chance, on
    files or on the connection are not offered, and neither are those that exist to make large values.

    Args:
        script: SQL that makes the tables and fills them.
        writes: Whether rows may be changed.
        max_rows: Rows of a result that are shown.
        limits: See `Tool`; of `sql`.

    Raises:
        ConfigError: The script fails, or a setting is refused.

    Example:
        >>> db = SQL("CREATE TABLE pets (name TEXT, age INTEGER); INSERT INTO pets VALUES ('Rex', 7), ('Mia', NULL);")
        >>> print(db.sql("SELECT * FROM pets ORDER BY name"))
        name | age
        Mia | NULL
        Rex | 7
        (2 rows)
        >>> db.sql("UPDATE pets SET age = 3 WHERE age IS NULL"), db.public_state()["pets"]["rows"]
        ('1 row changed', [['Mia', 3], ['Rex', 7]])
        >>> db.sql("SELECT random()")
        Traceback (most recent call last):
        ...
        rlvr_gym.envs.tools.toolkit.ToolError: the function random is not offered here
    """

    def __init__(self, script: str, *, writes: bool = True, max_rows: int = 50, limits: Limits | None = None) -> None:
        self._setup = sql_store.setup_of(check_text("script", script))
        self._writes, self._limits = bool(writes), limits
        self._max_rows = check_int("max_rows", max_rows, 1, None)
        self._state: sql_store.State | None = self._setup.state  # None where only the connection knows
        self._public: dict[str, Any] | None = None
        self._connection: sqlite3.Connection | None = None
        self._room = 0  # rows that surely fit in, however large they are
        self._largest = sql_store.largest_row(self._setup.tables, MAX_VALUE_CHARS)
        self._guard = Guard((*(table.name for table in self._setup.tables), *self._setup.views), self._writes)

    def tools(self) -> list[Tool]:
        """See `Toolkit.tools`."""
        found = super().tools()
        return [replace(one, limits=self._limits) if self._limits and one.name == "sql" else one for one in found]

    @tool()
    def sql(self, query: str) -> str:
        """Run one SQL statement (SQLite) on the database.

        Args:
            query: The statement. Dates are texts such as 2024-03-05, which compare and sort as they are.
        """
        check_statement(query, self._writes)
        connection = self._opened()
        before = connection.total_changes
        try:
            return self._run(connection, query)
        finally:
            if connection.total_changes != before:
                self._state = self._public = None

    @tool()
    def schema(self) -> str:
        """Show the statements that made the tables of the database."""
        return "\n".join(f"{statement};" for statement in (*self._setup.before, *self._setup.after))

    def get_state(self) -> Any:
        """The rows of each table with their ids, and the sequences."""
        return copied(self._known())

    def set_state(self, state: Any) -> None:
        """See `Toolkit.set_state`."""
        self._state = sql_store.check_state(self._setup, state)
        self._public = self._connection = None  # made when they are needed
        self._room = 0

    def public_state(self) -> Any:
        """Table to `{"columns", "rows"}`; the rows in a defined order."""
        if self._public is None:
            self._public = sql_store.public(self._setup, self._known())
        return {name: {key: list(part) for key, part in table.items()} for name, table in self._public.items()}

    def rows(self, query: str) -> list[list[Any]]:
        """The rows of a query as JSON values, as many as there are; for whoever makes tasks, not a tool.

        Raises:
            ToolError: As for `sql`.
        """
        check_statement(query, writes=False)
        return [[sql_store.encoded(value) for value in row] for row in self._executed(self._opened(), query, None)[1]]

    def __getstate__(self) -> dict[str, Any]:
        self._known()
        return {**vars(self), "_connection": None, "_guard": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._guard = Guard((*(table.name for table in self._setup.tables), *self._setup.views), self._writes)

    def _run(self, connection: sqlite3.Connection, query: str) -> str:
        names, rows = self._executed(connection, query, self._max_rows + 1)
        if not names:
            [(changed,)] = connection.execute("SELECT changes()")
            return f"{changed} row{'' if changed == 1 else 's'} changed"
        lines = [" | ".join(names), *(" | ".join(map(_shown, row)) for row in rows[: self._max_rows])]
        more = len(rows) > self._max_rows
        count = (
            f"the first {self._max_rows} rows; there are more" if more else f"{len(rows)} row{'s' * (len(rows) != 1)}"
        )
        return "\n".join([*lines, f"({count})"])

    def _executed(
        self, connection: sqlite3.Connection, query: str, most: int | None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names and rows of a statement's result, within a transaction that a failure undoes."""
        changes = connection.total_changes
        connection.execute("BEGIN")
        self._guard.arm()
        try:
            with_rows = connection.execute(query)
            names = [_shown(column[0]) for column in with_rows.description or ()]
            rows = with_rows.fetchall() if most is None else with_rows.fetchmany(most)
            with_rows.close()
            self._guard.disarm()
            if changed := connection.total_changes - changes:
                self._check(connection, changed)
            connection.execute("COMMIT")
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
            self._guard.disarm()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise ToolError(self._guard.reason or _TOLD.get(str(error), str(error))) from error
        return names, rows

    def _check(self, connection: sqlite3.Connection, changed: int) -> None:
        """Refuse what a statement has made of the database; a size is only added up where it could be too much."""
        if sql_store.exhausted(connection, self._setup.tables):
            raise sqlite3.DataError(f"a row id of {sql_store.LAST_ROWID} leaves none for the next row")
        self._room -= changed
        if self._room < 0:
            left = sql_store.MAX_SIZE - sql_store.size(connection, self._setup.tables)
            self._room = max(0, left // self._largest)
            if left < 0:
                raise sqlite3.DataError("the database is full: delete rows, or add less")

    def _known(self) -> sql_store.State:
        if self._state is None:
            self._state = sql_store.dump(self._opened(), self._setup.tables, self._setup.sequences)
        return self._state

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sql_store.filled(self._setup, self._known())
            self._guard.watch(self._connection)
        return self._connection


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        text = f"x'{value.hex()}'"
    else:
        text = str(value).translate(_SHOWN_AS).encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_CELL_CHARS else f"{text[:MAX_CELL_CHARS]}…"
