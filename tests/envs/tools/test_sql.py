"""SQL: what it answers, what it refuses, and that a database made again is the same one."""

from __future__ import annotations

import copy
import json
import pickle
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import SnapshotError
from rlvr_gym.envs.tools.sql import SQL
from rlvr_gym.envs.tools.sql_functions import Functions
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Limits, ToolError
from rlvr_gym.verifiers import ConfigError

PETS = """
CREATE TABLE owners (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE pets (name TEXT, age REAL, owner INTEGER REFERENCES owners (id), note BLOB);
CREATE TABLE log (day TEXT, n INTEGER, PRIMARY KEY (day, n)) WITHOUT ROWID;
CREATE INDEX by_age ON pets (age);
CREATE VIEW old AS SELECT name FROM pets WHERE age > 5;
CREATE TRIGGER noted AFTER DELETE ON pets BEGIN INSERT INTO log VALUES ('gone', (SELECT COUNT(*) FROM log)); END;
INSERT INTO owners (name) VALUES ('Ada'), ('Bo');
INSERT INTO pets VALUES ('Rex', 7, 1, NULL), ('Mia', 2.5, 2, x'00ff'), ('Tom', 11, 2, NULL);
"""


def pets(**settings_: Any) -> SQL:
    return SQL(PETS, **settings_)


def remade(db: SQL) -> SQL:
    """Another database with the same state, by way of JSON."""
    twin = pets()
    twin.set_state(json.loads(json.dumps(db.get_state(), allow_nan=False)))
    return twin


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT name, age FROM pets WHERE age > 5 ORDER BY age", "name | age\nRex | 7.0\nTom | 11.0\n(2 rows)"),
        ("select count(*) from old", "count(*)\n2\n(1 row)"),
        ("SELECT note FROM pets ORDER BY name LIMIT 2", "note\nx'00ff'\nNULL\n(2 rows)"),
        ("SELECT 'a' || char(10) || 'b' AS t, 1e999 AS i", "t | i\na\\nb | inf\n(1 row)"),
        ("WITH x(n) AS (SELECT 2) SELECT n * 3 FROM x;", "n * 3\n6\n(1 row)"),
        ("UPDATE pets SET age = 1 WHERE owner = 2", "2 rows changed"),
        ("INSERT INTO owners (name) VALUES ('Cy') RETURNING id", "id\n3\n(1 row)"),
        ("WITH x AS (SELECT 1) DELETE FROM pets WHERE name = 'Rex'", "1 row changed"),
        ("SELECT name FROM sqlite_master WHERE type = 'view'", "name\nold\n(1 row)"),
        ("VALUES (1), (2)", "column1\n1\n2\n(2 rows)"),
        (
            "SELECT trim('xxaxx', 'x'), trim('  b '), ltrim('aab', 'a')",
            "trim('xxaxx', 'x') | trim('  b ') | ltrim('aab', 'a')\na | b | b\n(1 row)",
        ),
    ],
)
def test_what_statements_give(query: str, told: str) -> None:
    assert pets().sql(query) == told


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT random()", "the function random is not offered"),
        ("SELECT randomblob(4)", "not offered"),
        ("SELECT date('now')", "the function date is not offered"),
        ("SELECT strftime('%s', 'n' || 'ow')", "not offered"),
        ("SELECT CURRENT_TIMESTAMP", "not offered"),
        ("INSERT INTO log VALUES (current_date, 1)", "not offered"),
        ("SELECT changes()", "not offered"),
        ("SELECT last_insert_rowid()", "not offered"),
        ("SELECT sqlite_version()", "not offered"),
        ("SELECT load_extension('x')", "not offered"),
        ("SELECT zeroblob(1000000000)", "not offered"),
        ("SELECT printf('%.*c', 1000000000, 'x')", "not offered"),
        ("SELECT json_extract('{}', '$')", "not offered"),
        ("SELECT * FROM json_each('[1]')", "only the tables of schema()"),
        ("SELECT * FROM pragma_table_info('pets')", "only the tables of schema()"),
        ("INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)", "only the tables of schema()"),
        ("ATTACH 'x.db' AS x", "a query begins with"),
        ("PRAGMA table_info(pets)", "a query begins with"),
        ("EXPLAIN SELECT 1", "a query begins with"),
        ("CREATE TABLE t (n)", "a query begins with"),
        ("DROP TABLE pets", "a query begins with"),
        ("BEGIN", "a query begins with"),
        ("VACUUM INTO 'x'", "a query begins with"),
        ("/* SELECT */ ANALYZE", "a query begins with"),
        ("'SELECT'", "a query begins with"),
        ("", "a query begins with"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT", "incomplete input"),
        ("SELECT nope FROM pets", "no such column: nope"),
        ("SELECT * FROM nope", "no such table: nope"),
        ("SELECT 'a\x00b'", "no NUL and no surrogates"),
        ("SELECT '\ud800'", "no NUL and no surrogates"),
        ("SELECT 'open", "unrecognized token"),
        ("INSERT INTO owners (name) VALUES ('Ada')", "UNIQUE constraint failed"),
        ("INSERT INTO pets (owner) VALUES (99)", "FOREIGN KEY constraint failed"),
        ("UPDATE old SET name = 'x'", "cannot modify old"),
        ("SELECT 'a' LIKE CAST(x'ff61' AS TEXT)", "a text that is no UTF-8"),
        ("SELECT 'a' LIKE 'a' ESCAPE 'ab'", "ESCAPE expression must be a single character"),
        ("SELECT 'a' LIKE 'a' ESCAPE ''", "ESCAPE expression must be a single character"),
        ("SELECT name LIKE '%" + "a" * 50 + "' FROM pets", "a pattern may have 50 characters here"),
        ("SELECT name GLOB '[a-é]' FROM pets", "must be of ASCII characters here"),
        ("SELECT replace(note, 'a', 'b') FROM pets WHERE name = 'Mia'", "replace takes no blobs here"),
        ("SELECT abs(-9223372036854775808)", "integer overflow"),
        ("INSERT INTO owners VALUES (9223372036854775807, 'last'), (NULL, 'by chance')", "database or disk is full"),
        ("INSERT INTO pets (rowid) VALUES (9223372036854775807)", "leaves none for the next row"),
        ("INSERT INTO pets (rowid) VALUES (9223372036854775807), (NULL)", "leaves none for the next row"),
        ("SELECT '" + "x" * 10**7 + "'", "may have 4,000 characters"),
    ],
)
def test_what_is_refused_is_told_and_changes_nothing(query: str, told: str) -> None:
    db = pets()
    before = db.get_state()
    with pytest.raises(ToolError, match="(?s).*" + told.replace("(", "\\(").replace(")", "\\)")):
        db.sql(query)
    assert db.get_state() == before
    assert db.sql("SELECT 1") == "1\n1\n(1 row)"


COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n%s) "
LONG = ", s(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM s WHERE length(x) < 400), b(x) AS (SELECT max(x) FROM s) "
BOMBS = {
    "endless": COUNT % "" + "SELECT count(*) FROM n",
    "growing text": "WITH RECURSIVE n(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM n) SELECT count(*) FROM n",
    "cross join": "SELECT count(*) FROM " + ", ".join(f"pets p{i}" for i in range(30)),
    "cross join of unions": "SELECT count(*) FROM "
    + ", ".join(f"(SELECT 1 x UNION ALL SELECT 2) u{i}" for i in range(30)),
    "doubling WITH": "WITH c0(x) AS (SELECT 1)"
    + "".join(f", c{i + 1}(x) AS (SELECT a.x FROM c{i} a, c{i} b)" for i in range(30))
    + " SELECT * FROM c30",
    "doubling WITH, quoted": "WITH c0 AS MATERIALIZED (SELECT 1 x)"
    + "".join(f', "c{i + 1}" AS (SELECT a.x FROM "c{i}" a, [c{i}] b)' for i in range(30))
    + " SELECT * FROM c30",
    "trim": COUNT % " LIMIT 9000" + LONG + "SELECT sum(length(trim(x || i, x))) FROM n, b",
    "like": COUNT % " LIMIT 5000" + LONG + "SELECT sum(x || i LIKE '%aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab') FROM n, b",
    "replace": COUNT % " LIMIT 9000"
    + LONG
    + "SELECT sum(length(replace(x || i, substr(x, 1, 200) || 'b', ''))) FROM n, b",
    "full": "INSERT INTO log "
    + COUNT % " LIMIT 14000"
    + "SELECT 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy' || i, i FROM n",
    "deep": "SELECT " + "(" * 1900 + "1" + ")" * 1900,
    "nots": "SELECT " + "NOT " * 900 + "1",
    "sub-queries": "SELECT " + "(SELECT " * 90 + "1" + ")" * 90,
    "columns": "SELECT " + ", ".join(["pets.*"] * 100) + " FROM pets",
    "quotes": "SELECT " + "'" * 3990,
    "comments": "SELECT " + "/*" * 1990,
    "brackets": "SELECT " + "[" * 3990,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_end_soon_and_leave_the_database_as_it_was(kind: str) -> None:
    db = pets()
    before = db.get_state()
    db.sql("SELECT 1")
    start = time.process_time()
    said = []
    for _ in range(2):
        result = Toolbox({"db": db}).call(ToolCall("sql", {"query": BOMBS[kind]}))
        assert result.error in ("", "tool_error")
        said.append(result.text)
    assert time.process_time() - start < 3.0  # at most 0.4 s where measured
    assert said[0] == said[1]
    assert db.get_state() == before


def test_the_budget_of_steps_is_told() -> None:
    with pytest.raises(ToolError, match="stopped after 100,000 steps"):
        pets().sql(BOMBS["endless"])
    with pytest.raises(ToolError, match="build too often on one another"):
        pets().sql(BOMBS["doubling WITH"])


LONG_STEPS = {
    "like": f"s LIKE '%a{'_' * 42}b%'",
    "like of a text": f"s LIKE '%{'a' * 20}b{'a' * 20}%'",
    "like of many patterns": "'' LIKE n || '#%_%_%_%_%_%_%_%_%_%_%_%_%_%_'",
    "glob": "s GLOB '*[0-9][^b][^c][^d][^e][^f][^g]z'",
    "replace": "length(replace(s, 'a', 'b'))",
    "trim": "length(trim(s, 'abcdefghijklmnopqrst'))",
}


@pytest.mark.parametrize("kind", LONG_STEPS)
def test_steps_that_take_long_are_counted_for_what_they_take(kind: str) -> None:
    """10,000 calls on a text of 900 characters: for SQLite they are as many steps, and less than the budget."""
    calls = " + ".join(f"({LONG_STEPS[kind].replace('#', str(i))})" for i in range(40))
    rows = f"WITH RECURSIVE c(n, s) AS (SELECT 1, '{'a' * 900}' UNION ALL SELECT n + 1, s FROM c LIMIT {{}})"
    assert "(1 row)" in pets().sql(f"{rows.format(2)} SELECT sum({calls}) AS x FROM c")
    with pytest.raises(ToolError, match="stopped after 100,000 steps"):
        pets().sql(f"{rows.format(250)} SELECT sum({calls}) AS x FROM c")


TEXTS = st.one_of(st.text("aAb%_*?[]^-é!\x00", max_size=7), st.sampled_from([None, 7, -12, 2.5, 1e20, 1e-7, 3.0]))
PATTERNS = st.one_of(st.text("aAb%_*?[]^-é!", max_size=7), st.sampled_from([None, "2_5", "1%", "1.0e+20", "3.0"]))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pattern=PATTERNS, text=TEXTS, new=TEXTS, escape=st.sampled_from(["!", "a", "_", "%", None, 7]))
def test_functions_of_ours_give_what_those_of_sqlite_give(pattern: Any, text: Any, new: Any, escape: Any) -> None:
    plain, ours = (sqlite3.connect(":memory:") for _ in range(2))
    Functions(lambda steps: None, ToolError, 1_000).install(ours)
    for query, values in (
        ("SELECT ? LIKE ?", (text, pattern)),
        ("SELECT ? LIKE ? ESCAPE ?", (text, pattern, escape)),
        ("SELECT ? GLOB ?", (text, pattern)),
        ("SELECT replace(?, ?, ?)", (text, pattern, new)),
    ):
        assert ours.execute(query, values).fetchone() == plain.execute(query, values).fetchone(), (query, values)


def test_a_schema_may_use_functions_of_ours() -> None:
    db = SQL("CREATE TABLE t (s TEXT CHECK (s LIKE 'a%')); CREATE VIEW v AS SELECT s FROM t WHERE s GLOB '*[0-9]';")
    assert db.sql("INSERT INTO t VALUES ('A1'), ('ab')") == "2 rows changed"
    assert db.sql("SELECT * FROM v") == "s\nA1\n(1 row)"
    with pytest.raises(ToolError, match="CHECK constraint failed"):
        db.sql("INSERT INTO t VALUES ('b')")


def test_a_database_that_is_full_is_so_for_its_copy_too() -> None:
    """Half of the rows deleted leaves gaps in the pages of one, and none in those of the other."""
    rows = "INSERT INTO log WITH RECURSIVE n(i) AS (SELECT {0} UNION ALL SELECT i + 1 FROM n LIMIT 500) "
    rows += "SELECT '" + "x" * 450 + "', i FROM n"
    full = "the database is full"
    db = pets()
    assert [_said(db, rows.format(n * 1000)) for n in range(3)] == ["500 rows changed"] * 2 + [full]
    db.sql("DELETE FROM log WHERE n % 2")
    twin = remade(db)
    few = [rows.replace("500", "90").format(10_000 * (n + 1)) for n in range(9)]
    said = [_said(db, query) for query in few]
    assert said == [_said(twin, query) for query in few]
    assert said[0] == "90 rows changed"
    assert said[-1] == full
    assert db.get_state() == twin.get_state()


def _said(db: SQL, query: str) -> str:
    try:
        return db.sql(query)
    except ToolError as error:
        return str(error).partition(":")[0]


def test_rows_and_cells_are_cut() -> None:
    db = pets(max_rows=2)
    assert db.sql("SELECT name FROM pets ORDER BY 1") == "name\nMia\nRex\n(the first 2 rows; there are more)"
    [_, cell, _] = db.sql("SELECT replace('aaaaaaaaaa', 'a', '0123456789012345678901234567890') AS t").splitlines()
    assert len(cell) == 201


def test_reading_only() -> None:
    db = pets(writes=False)
    for query in ("DELETE FROM pets", "INSERT INTO owners (name) VALUES ('x')"):
        with pytest.raises(ToolError, match="begins with SELECT, WITH or VALUES"):
            db.sql(query)
    with pytest.raises(ToolError, match="you may not delete from pets"):
        db.sql("WITH x AS (SELECT 1) DELETE FROM pets")


def test_the_schema_is_shown() -> None:
    told = pets().schema()
    assert told.startswith("CREATE TABLE owners (id INTEGER PRIMARY KEY AUTOINCREMENT")
    assert told.endswith("END;")


def test_a_failed_statement_changes_nothing_whatever_its_conflict_clause() -> None:
    for clause in ("", "OR FAIL ", "OR ROLLBACK ", "OR ABORT "):
        db = pets()
        with pytest.raises(ToolError, match="UNIQUE"):
            db.sql(f"INSERT {clause}INTO owners (name) VALUES ('Cy'), ('Ada')")
        assert [row[1] for row in db.public_state()["owners"]["rows"]] == ["Ada", "Bo"]


def test_the_public_state_is_columns_and_rows_in_order() -> None:
    assert pets().public_state() == {
        "owners": {"columns": ["id", "name"], "rows": [[1, "Ada"], [2, "Bo"]]},
        "pets": {
            "columns": ["name", "age", "owner", "note"],
            "rows": [["Mia", 2.5, 2, {"blob": "00ff"}], ["Rex", 7.0, 1, None], ["Tom", 11.0, 2, None]],
        },
        "log": {"columns": ["day", "n"], "rows": []},
    }


def test_values_of_every_kind_survive_json() -> None:
    db = pets()
    db.sql("UPDATE pets SET age = 9e999 WHERE name = 'Rex'")
    db.sql("UPDATE pets SET note = CAST(x'ff61' AS TEXT), name = 'ä' || char(0, 10) WHERE name = 'Tom'")
    twin = remade(db)
    query = "SELECT typeof(age), age, typeof(note), hex(note), hex(name) FROM pets"
    assert twin.sql(query) == db.sql(query)
    assert "text | FF61 | C3A4000A" in db.sql(query)
    assert twin.get_state() == db.get_state()


WORDS = st.sampled_from(["Ada", "Rex", "Mia", "Tom", "Cy", ""])
NUMBERS = st.sampled_from(["1", "2.5", "NULL", "-7", "x'61'", "9e999"])
STATEMENTS = st.one_of(
    st.builds("INSERT INTO owners (name) VALUES ('{}')".format, WORDS),
    st.builds("INSERT OR REPLACE INTO owners (id, name) VALUES ({}, '{}')".format, st.integers(1, 5), WORDS),
    st.builds("INSERT INTO pets VALUES ('{}', {}, 1, {})".format, WORDS, NUMBERS, NUMBERS),
    st.builds("UPDATE pets SET age = {} WHERE name = '{}'".format, NUMBERS, WORDS),
    st.builds("DELETE FROM pets WHERE name = '{}'".format, WORDS),
    st.builds("DELETE FROM owners WHERE name = '{}'".format, WORDS),
    st.just("UPDATE pets SET rowid = rowid + 10 WHERE age > 3"),
)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(first=st.lists(STATEMENTS, max_size=6), then=st.lists(STATEMENTS, max_size=4))
def test_a_database_made_again_goes_on_as_the_first_does(first: list[str], then: list[str]) -> None:
    """The same answers to the same statements, rows in no order asked for and ids given out included."""
    box = Toolbox({"db": pets()})
    for query in first:
        box.call(ToolCall("sql", {"query": query}))
    twin = Toolbox({"db": remade(box.toolkits["db"])})
    everything = ["SELECT rowid, * FROM pets", "SELECT * FROM owners", "SELECT * FROM log", "SELECT name FROM old"]
    for query in [*everything, *then, *everything]:
        call = ToolCall("sql", {"query": query})
        assert box.call(call) == twin.call(call)
    assert box.get_state()["toolkits"] == twin.get_state()["toolkits"]


def test_copies_share_nothing() -> None:
    db = pets()
    db.sql("DELETE FROM pets WHERE name = 'Rex'")
    for twin in (copy.copy(db), copy.deepcopy(db), pickle.loads(pickle.dumps(db))):
        assert twin.get_state() == db.get_state()
        twin.sql("DELETE FROM pets")
        assert len(db.public_state()["pets"]["rows"]) == 2
    state = db.get_state()
    state["rows"]["pets"].clear()
    db.public_state()["pets"]["rows"].clear()
    assert len(db.public_state()["pets"]["rows"]) == 2


def test_any_thread_may_go_on_with_it() -> None:
    db = pets()
    for n in range(4):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(db.sql, f"INSERT INTO log VALUES ('x', {n})").result() == "1 row changed"
    assert len(db.public_state()["log"]["rows"]) == 4


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {"rows": {}, "sequences": []},
        {"rows": {"owners": [], "pets": [], "log": [[1]]}, "sequences": []},
        {"rows": {"owners": [], "pets": [], "log": [["x", [1]]]}, "sequences": []},
        {"rows": {"owners": [], "pets": [], "log": [["x", {"code": "1"}]]}, "sequences": []},
        {"rows": {"owners": [], "pets": [], "log": [["x", True]]}, "sequences": []},
    ],
)
def test_what_is_no_state_is_refused(state: Any) -> None:
    db = pets()
    with pytest.raises(SnapshotError):
        db.set_state(state)
    assert len(db.public_state()["pets"]["rows"]) == 3


def test_a_script_that_makes_too_much_is_refused() -> None:
    rows = ", ".join(["('" + "x" * 900 + "')"] * 600)
    with pytest.raises(ConfigError, match="a size of 524,288"):
        SQL(f"CREATE TABLE t (s); INSERT INTO t VALUES {rows}")


@pytest.mark.parametrize("script", ["", "SELECT 1", "CREATE TABLE t (n", "CREATE TABLE t (rowid, oid, _rowid_)"])
def test_a_script_that_makes_no_database_is_refused(script: str) -> None:
    with pytest.raises(ConfigError, match=r"script|row ids"):
        SQL(script)


def test_limits_are_those_of_sql_alone() -> None:
    sql, schema = pets(limits=Limits(max_calls=1, cost=0.5)).tools()
    assert (sql.limits.max_calls, sql.limits.cost, schema.limits.max_calls) == (1, 0.5, None)


@pytest.mark.parametrize(
    "arguments", [{}, {"query": 7}, {"query": None}, {"query": "SELECT 1", "x": 1}, {"q": "SELECT 1"}]
)
def test_wrong_arguments_are_told(arguments: Any) -> None:
    assert Toolbox({"db": pets()}).call(ToolCall("sql", arguments)).error == "bad_arguments"
