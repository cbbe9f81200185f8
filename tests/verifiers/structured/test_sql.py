"""`sql@1`: compares what queries give, and a query can neither change anything, nor look elsewhere, nor run long."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import Verdict, make_verifier
from rlvr_gym.verifiers.structured.sql_engine import FUNCTIONS

REFERENCE: dict[str, Any] = {
    "tables": {"pets": [["name", "TEXT"], ["age", "INTEGER"]]},
    "databases": [{"pets": [["Rex", 7], ["Mia", 3]]}, {"pets": [["Ivo", 5]]}],
    "results": [[[7]], [[5]]],
    "ordered": False,
}
WORDS = "SELECT MAX ( ) age FROM pets , ' \" [ ` -- /* */ ; WITH AS x 1 \x00 \ud800 é".split(" ")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "verifiers" / "sql.md"


def verdict(query: str, **changed: Any) -> Verdict:
    return make_verifier("sql@1").verify(f"<answer>{query}</answer>", {**REFERENCE, **changed})


def test_the_rows_of_the_page_are_true() -> None:
    rows = re.findall(r"^\| `(.*)` \| `R` \| (\w+) \| (\w+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 13
    for response, status, code in rows:
        found = make_verifier("sql@1").verify(response, REFERENCE)
        assert (found.status.value, found.reason.code) == (status, code), response


def test_the_page_names_every_function() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in FUNCTIONS - {"cast"} if f"`{name}`" not in text] == []


def test_order_counts_only_where_it_is_asked_for() -> None:
    rows = [[["Mia"], ["Rex"]], [["Ivo"]]]
    for ordered in (False, True):
        assert verdict("SELECT name FROM pets ORDER BY age", results=rows, ordered=ordered).passed
        backwards = verdict("SELECT name FROM pets ORDER BY age DESC", results=rows, ordered=ordered)
        assert (backwards.passed, backwards.score) == ((False, 0.5) if ordered else (True, 1.0))


def test_repeated_rows_count() -> None:
    rows = [[[1], [1]], [[1]]]
    assert verdict("SELECT 1 FROM pets", results=rows).passed
    assert verdict("SELECT DISTINCT 1 FROM pets", results=rows).score == 0.5


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        ("SELECT MAX(age) + 0.0 FROM pets", True),
        ("SELECT MAX(age) + 0.0000001 FROM pets", False),
        ("SELECT CAST(MAX(age) AS TEXT) FROM pets", False),
        ("SELECT NULL FROM pets LIMIT 1", False),
        ("SELECT MAX(age) AS whatever FROM pets", True),
        ("SELECT MAX(age), 1 FROM pets", False),
    ],
)
def test_cells_are_compared_by_value(query: str, passed: bool) -> None:
    assert verdict(query).passed is passed


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM sqlite_master",
        "SELECT * FROM pragma_table_info('pets')",
        "SELECT * FROM json_each('[1]')",
        "SELECT random()",
        "SELECT load_extension('x')",
        "SELECT hex(zeroblob(1000000))",
        "SELECT printf('%1000000d', 1)",
        "SELECT 'a' LIKE '%a'",
        "SELECT 'a' GLOB '*a'",
        "SELECT group_concat(name) FROM pets",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t",
        "WITH t AS (SELECT 1) INSERT INTO pets SELECT 'x', 1",
        "WITH t AS (SELECT 1) DELETE FROM pets",
        "WITH t AS (SELECT 1), t AS (SELECT 2) SELECT 1",
        "SELECT date('now')",
        "SELECT sqlite_version()",
    ],
)
def test_what_is_not_offered_is_refused(query: str) -> None:
    assert verdict(query).reason.code in ("not_offered", "refused_by_sqlite")
    assert verdict(query).score == 0.0


MANY = ", ".join(f"pets p{place}" for place in range(60))
CHAIN = "WITH a AS (SELECT 1 x)" + "".join(
    f", {name} AS (SELECT 1 x FROM {before} p, {before} q, {before} r)"
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True)
)


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT COUNT(*) FROM {MANY}",
        f"{CHAIN} SELECT * FROM k",
        "SELECT " + "(" * 300 + "1" + ")" * 300,
        "SELECT " + " + ".join(["1"] * 900),
        "SELECT " + " UNION ALL ".join(["SELECT 1"] * 100),
        "SELECT " + "||".join(["'" + "a" * 100 + "'"] * 19),
        "SELECT * FROM (SELECT *, * FROM (SELECT *, * FROM (SELECT *, * FROM (SELECT *, * FROM (SELECT *, * FROM "
        "(SELECT *, * FROM (SELECT *, * FROM pets)))))))",
        "SELECT p.* FROM pets p, pets q ORDER BY " + ", ".join(["substr(p.name, 1)"] * 90),
    ],
)
def test_no_query_takes_long(query: str) -> None:
    big = {"pets": [[f"name {place}", place] for place in range(400)]}
    start = time.process_time()
    found = verdict(query, databases=[big, {"pets": []}])
    assert time.process_time() - start < 2
    assert not found.passed


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(WORDS)))
def test_any_query_is_judged(words: list[str]) -> None:
    found = verdict("SELECT " + " ".join(words))
    assert found.gradable


def test_a_query_changes_nothing_for_the_next_one() -> None:
    before = [list(map(list, database["pets"])) for database in REFERENCE["databases"]]
    for query in ("WITH t AS (SELECT 1) DELETE FROM pets", "SELECT 1; DELETE FROM pets"):
        assert not verdict(query).passed
    assert verdict("SELECT MAX(age) FROM pets").passed
    assert [database["pets"] for database in REFERENCE["databases"]] == before


def test_the_verdict_quotes_neither_rows_nor_results() -> None:
    text = str(verdict("SELECT age FROM pets").to_dict())
    assert not any(hidden in text for hidden in ("Rex", "Mia", "Ivo"))


def test_a_wrong_query_that_no_database_shows_passes() -> None:
    """A blind spot: whoever makes a task chooses databases that show the difference."""
    assert verdict("SELECT age FROM pets WHERE name <> 'Mia'").passed


def test_numbers_that_agree_to_ten_digits_are_one() -> None:
    """A blind spot."""
    assert verdict("SELECT MAX(age) + 0.00000000001 FROM pets").passed
