"""A small database as JSON, and JSON as a small database: the same one, whatever had been done to it before.

The schema comes from a script and stays as it is. The state is the rows of each table, in a defined order and with
their row ids, and the sequences of AUTOINCREMENT.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import content_hash
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

MAX_SIZE = 2**19
ROW_SIZE, VALUE_SIZE = 16, 8  # what a row and a value count for, beside the characters of it
LAST_ROWID = 2**63 - 1
State = dict[str, Any]


class Table(NamedTuple):
    """A table of the schema.

    Args:
        name: Of the table.
        columns: Of it, without those that are computed.
        rowid: A name by which its row ids can be asked for; empty where it has none.
        key: What orders its rows where it has none.
    """

    name: str
    columns: tuple[str, ...]
    rowid: str
    key: tuple[str, ...]


class Setup(NamedTuple):
    """What a script makes.

    Args:
        tables: In the order in which they were made.
        views: Names of the views.
        before: Statements that make the tables.
        after: Statements that make indexes, views and triggers, once the rows are in.
        state: The rows.
        sequences: Whether there is an AUTOINCREMENT.
    """

    tables: tuple[Table, ...]
    views: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    state: State
    sequences: bool


@lru_cache(maxsize=256)
def setup_of(script: str) -> Setup:
    """Run a script in a database of its own, and read what it made.

    Raises:
        ConfigError: It fails, makes no table, or more than fits.

    Example:
        >>> setup = setup_of("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (7);")
        >>> setup.before, setup.state
        (('CREATE TABLE t (n INTEGER)',), {'rows': {'t': [[1, 7]]}, 'sequences': []})
    """
    connection = empty()
    try:
        connection.executescript(script)
        made = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        names = [name for kind, name, _ in made if kind == "table" and not name.startswith("sqlite_")]
        tables = tuple(_table(connection, name) for name in names)
        if not tables:
            raise ConfigError("the script of a database makes no table")
        if size(connection, tables) > MAX_SIZE:
            raise ConfigError(f"a database may have a size of {MAX_SIZE:,}, see size of sql_store")
        sequences = any(name == "sqlite_sequence" for _, name, _ in made)
        return Setup(
            tables,
            tuple(name for kind, name, _ in made if kind == "view"),
            tuple(sql for kind, name, sql in made if kind == "table" and not name.startswith("sqlite_")),
            tuple(sql for kind, _, sql in made if kind != "table"),
            dump(connection, tables, sequences),
            sequences,
        )
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise ConfigError(f"the script of a database failed: {error}") from error
    finally:
        connection.close()


def empty() -> sqlite3.Connection:
    """A connection to an empty database in memory, usable from any thread, one at a time."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=0)
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.text_factory = _text
    return connection


def filled(setup: Setup, state: State) -> sqlite3.Connection:
    """A connection to a database with the schema of a script and the rows of a state.

    Raises:
        SnapshotError: The rows do not fit the schema.
    """
    connection = empty()
    try:
        for statement in setup.before:
            connection.execute(statement)
        connection.execute("BEGIN")
        for table in setup.tables:
            _fill(connection, table, state["rows"][table.name])
        if setup.sequences:
            connection.execute("DELETE FROM sqlite_sequence")
            connection.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", state["sequences"])
        connection.execute("COMMIT")
        for statement in setup.after:
            connection.execute(statement)
    except (sqlite3.Error, TypeError, ValueError, OverflowError, KeyError) as error:
        connection.close()
        raise SnapshotError(f"the rows do not fit the database: {error}") from error
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def dump(connection: sqlite3.Connection, tables: tuple[Table, ...], sequences: bool) -> State:
    """The rows of all tables as JSON: by row id, or by primary key where there is none."""
    rows = {}
    for table in tables:
        columns = ", ".join(map(_name, (table.rowid, *table.columns) if table.rowid else table.columns))
        order = ", ".join(map(_name, (table.rowid,) if table.rowid else table.key))
        found = connection.execute(f"SELECT {columns} FROM {_name(table.name)} ORDER BY {order}")
        rows[table.name] = [[encoded(value) for value in row] for row in found]
    if not sequences:
        return {"rows": rows, "sequences": []}
    found = connection.execute("SELECT name, seq FROM sqlite_sequence ORDER BY name")
    return {"rows": rows, "sequences": [list(row) for row in found]}


def exhausted(connection: sqlite3.Connection, tables: tuple[Table, ...]) -> bool:
    """Whether a table holds the last row id there is: SQLite would choose the next one at random."""
    names = [(_name(table.rowid), _name(table.name)) for table in tables if table.rowid]
    return any(
        connection.execute(f"SELECT 1 FROM {name} WHERE {rowid} = {LAST_ROWID}").fetchone() for rowid, name in names
    )


def size(connection: sqlite3.Connection, tables: tuple[Table, ...]) -> int:
    """How much the tables hold: the bytes of all values as texts, and something for each value and row.

    It depends on the rows alone. The pages that a database takes do not: what was deleted leaves gaps in them.

    Example:
        >>> connection = sqlite3.connect(":memory:")
        >>> _ = connection.executescript("CREATE TABLE t (n, s); INSERT INTO t VALUES (7, 'abc'), (NULL, '');")
        >>> size(connection, (Table("t", ("n", "s"), "rowid", ()),))  # 2 rows, 4 values, 1 + 3 bytes
        68
    """
    total = 0
    for table in tables:
        bytes_of = (f"sum(ifnull(length(CAST({_name(column)} AS BLOB)), 0))" for column in table.columns)
        found = connection.execute(f"SELECT count(*), {', '.join(bytes_of)} FROM {_name(table.name)}")
        rows, *parts = found.fetchone()
        if rows:
            total += rows * (ROW_SIZE + VALUE_SIZE * len(table.columns)) + sum(parts)
    return total


def largest_row(tables: tuple[Table, ...], chars: int) -> int:
    """The most that a row can add to `size` which takes no more than so many bytes; a number has up to 24 as a text."""
    return ROW_SIZE + max(len(table.columns) for table in tables) * (VALUE_SIZE + 24) + chars


def public(setup: Setup, state: State) -> dict[str, Any]:
    """The tables as verifiers compare them: columns, and rows in a defined order, without row ids."""
    tables = {}
    for table in setup.tables:
        rows = [row[bool(table.rowid) :] for row in state["rows"][table.name]]
        tables[table.name] = {"columns": list(table.columns), "rows": sorted(rows, key=_order)}
    return tables


def check_state(setup: Setup, state: Any) -> State:
    """Refuse what is no state of this database, by its shape.

    Raises:
        SnapshotError: It is none.
    """
    if not isinstance(state, Mapping) or state.keys() != {"rows", "sequences"}:
        raise SnapshotError(f"expected the rows and sequences of a database, got {shown(state)}")
    rows, names = state["rows"], {table.name: bool(table.rowid) + len(table.columns) for table in setup.tables}
    if not isinstance(rows, Mapping) or rows.keys() != names.keys():
        raise SnapshotError(f"expected the tables {', '.join(names)}, got {shown(rows)}")
    for name, width in names.items():
        found = rows[name]
        if not isinstance(found, list) or not all(isinstance(row, list) and len(row) == width for row in found):
            raise SnapshotError(f"the rows of {name} must be lists of {width} values")
        if not all(_is_value(value) for row in found for value in row):
            raise SnapshotError(f"the rows of {name} hold what is no value of a database")
    return dict(state)


def _is_value(value: Any) -> bool:
    if value is None or isinstance(value, str | int | float):
        return not isinstance(value, bool)
    if not isinstance(value, Mapping):
        return False
    return len(value) == 1 and all(kind in ("blob", "real") and isinstance(x, str) for kind, x in value.items())


def encoded(value: Any) -> Any:
    """A value of SQLite as JSON.

    Example:
        >>> encoded(7), encoded(b"ab"), encoded(float("inf"))
        (7, {'blob': '6162'}, {'real': 'inf'})
    """
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": repr(value)}
    return value


def decoded(value: Any) -> Any:
    """The inverse of `encoded`.

    Raises:
        ValueError: It is no such value.
    """
    if not isinstance(value, Mapping):
        return value
    [(kind, text)] = value.items()
    return bytes.fromhex(text) if kind == "blob" else float(text)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _is_plain(value: Any) -> bool:
    """Whether a value of a state is bound as it is."""
    return type(value) is not dict and (type(value) is not str or value.isascii())


def _bound(value: Any) -> Any:
    """What is bound for a value; for a text that is no UTF-8 its bytes, which `CAST` makes a text again."""
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        return value.encode("utf-8", "surrogateescape")
    return decoded(value)


def _fill(connection: sqlite3.Connection, table: Table, rows: list[list[Any]]) -> None:
    columns = ", ".join(map(_name, (table.rowid, *table.columns) if table.rowid else table.columns))
    into = f"INSERT INTO {_name(table.name)} ({columns}) VALUES"
    if all(map(_is_plain, chain.from_iterable(rows))):
        connection.executemany(f"{into} ({', '.join('?' * (bool(table.rowid) + len(table.columns)))})", rows)
        return
    for row in rows:
        values = [_bound(value) for value in row]
        texts = (isinstance(value, bytes) and isinstance(was, str) for value, was in zip(values, row, strict=True))
        connection.execute(f"{into} ({', '.join('CAST(? AS TEXT)' if text else '?' for text in texts)})", values)


def _table(connection: sqlite3.Connection, name: str) -> Table:
    found = connection.execute(f"PRAGMA table_xinfo({_name(name)})").fetchall()
    columns = tuple(column for _, column, _, _, _, _, hidden in found if not hidden)
    key = tuple(column for *_, column in sorted((row[5], row[1]) for row in found if row[5]))
    taken = {row[1].casefold() for row in found}
    rowid = next((one for one in ("rowid", "_rowid_", "oid") if one not in taken), "")
    try:
        connection.execute(f"SELECT {rowid} FROM {_name(name)} LIMIT 0")
    except sqlite3.OperationalError:
        rowid = ""
    if not rowid and not key:
        raise ConfigError(f"the table {name} has columns with all three names of row ids")
    return Table(name, columns, rowid, key)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _order(row: list[Any]) -> list[str]:
    return [
        f"{type(value).__name__} {value!r}"
        if isinstance(value, str | int) or not isinstance(value, Mapping)
        else content_hash(value)
        for value in row
    ]
