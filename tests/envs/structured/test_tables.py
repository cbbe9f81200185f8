"""`rlvr/CSVTable-v0`, `csv@1` and `rlvr/TableQA-v0`: tables read, written and asked about."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.structured.csv_table import CSVTableEnv, CSVTableTaskSet, quoted
from rlvr_gym.envs.structured.table_qa import TableQAEnv, TableQATaskSet
from rlvr_gym.verifiers import ConfigError, Verdict, make_verifier
from rlvr_gym.verifiers.by_rule import UnreadableError
from rlvr_gym.verifiers.structured.csv_table import read_csv

examples = settings(max_examples=60, deadline=None, derandomize=True)
CELLS = st.text('ab ,"\n;', max_size=4)


def judged(table: str, rows: list[list[str]], **more: Any) -> Verdict:
    reference = {"columns": [f"c{n}" for n in range(len(rows[0]))], "rows": rows, **more}
    return make_verifier("csv@1", markers=["whole"]).verify(table, reference)


# --- csv@1 ----------------------------------------------------------------------------------------------------------


@examples
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4))
def test_what_the_standard_library_writes_is_read(rows: list[tuple[str, str]]) -> None:
    for ending, quoting in (("\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL)):
        file = io.StringIO(newline="")
        csv.writer(file, lineterminator=ending, quoting=quoting).writerows(rows)
        assert read_csv(file.getvalue()) == rows


@examples
@given(st.text('a,"\n', max_size=12))
def test_what_is_read_is_what_the_standard_library_reads(text: str) -> None:
    """Where ours takes a text, the strict reader of the standard library reads the same; blank lines are its own."""
    try:
        rows = read_csv(text)
    except UnreadableError:
        return
    theirs = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
    assert [row or ("",) for row in theirs] == rows or text in ("", "\n")


def test_scores_by_hand() -> None:
    rows = [["Ann", "1"], ["Bo", "2"], ["Cy", "3"], ["Di", "4"]]
    lines = [",".join(row) for row in rows]
    score = lambda *wanted: judged("\n".join(("c0,c1", *wanted)), rows).score  # noqa: E731
    assert score() == 0.0
    assert score(*lines[:3]) == 3 / 4
    assert score(*lines[1:]) == 0.0  # all moved
    assert score(*lines, "Ed,5") == 3 / 4
    assert score(*lines, *lines) == 0.0
    assert score(lines[0], lines[2], lines[1], lines[3]) == 2 / 4
    assert score(*lines[:3], "Di,4 is wrong") == 0.0
    assert judged("c0,c1\nBo,2\nAnn,1", rows[:2], ordered=False).passed
    assert judged("c0,c1\nBo,2\nBo,2", rows[:2], ordered=False).score == 1 / 2


def test_what_csv_is_known_to_overlook() -> None:
    assert not judged("c0\n7.5", [["7.50"]]).passed  # another way to write a number
    assert not judged("c0,c1\n1, 2", [["1", "2"]]).passed  # a blank after a comma
    assert judged('c0\n"7"', [["7"]]).passed  # quotes that are not needed
    assert judged("c0\n2\n3", [["1"], ["2"], ["3"]]).score == 0.0  # one row left out
    assert judged("```\nc0\n8\n```\n```csv\nc0\n7\n```", [["7"]]).passed  # the last block


def test_odd_tables_earn_nothing() -> None:
    for text in (
        "",
        "c0",
        '"',
        '"' * 9999,
        "," * 9999,
        "\n" * 9999,
        "c0\n" * 6000,
        "\x00",
        "\ud800",
        "c0\r7",
        'c0\n7"',
    ):
        verdict = judged(text, [["7"]])
        assert (verdict.gradable, verdict.passed, verdict.score) == (True, False, 0.0)


# --- rlvr/CSVTable-v0 -----------------------------------------------------------------------------------------------


def test_solutions_are_read_alike_by_the_standard_library_and_sorted_as_asked() -> None:
    for index in range(60):
        env = CSVTableEnv(rows=5, columns=5, tricky=3, taskset_seed=1)
        prompt, _ = env.reset(options={"task_index": index})
        text = (env.task.solution or "").removeprefix("<answer>\n").removesuffix("\n</answer>")
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        assert (header, rows) == (env.task.reference["columns"], env.task.reference["rows"])
        found = re.search(
            r"sorted by (\w+), the (earliest|latest|smallest|largest) first|sorted by (name), ([AZ])", prompt
        )
        assert found is not None
        column, falling = found[1] or found[3], found[2] in ("latest", "largest") or found[4] == "Z"
        values = [row[header.index(column)] for row in rows]
        keys: list[Any] = list(map(float, values)) if column in ("paid", "tickets") else values
        assert keys == sorted(keys, reverse=falling)
        assert len(set(keys)) == len(keys)
        assert env.step(env.task.solution or "")[1] == 1.0


def test_every_cell_is_told() -> None:
    sheet = CSVTableTaskSet(rows=8, columns=5, tricky=3).draw(TaskRandom(b"7"))
    for row, told in zip(sheet.rows, sheet.told, strict=True):
        cells = dict(zip(sheet.columns, row, strict=True))
        for name in ("name", "city", "code", "note", "filed_as"):
            assert cells[name] in told
        assert all(line in told for line in cells["label"].split("\n"))
        assert f"{cells['paid']} euros" in told


def test_a_cell_that_needs_quotes_is_lost_without_them() -> None:
    for index in range(30):
        env = CSVTableEnv(tricky=3, style="compact", reward="dense")
        env.reset(options={"task_index": index})
        assert env.step((env.task.solution or "").replace('"', ""))[1] == 0.0


def test_headers_and_constants_earn_nothing() -> None:
    for index in range(40):
        for attack in range(3):
            env = CSVTableEnv(reward="dense")
            prompt, _ = env.reset(options={"task_index": index})
            header = ",".join(env.task.reference["columns"])
            rows = "\n".join(["Ann Bell,Oslo,2024-01-01,10.00"] * 4)
            text = (header, f"{header}\n{rows}", prompt)[attack]
            assert env.step(f"<answer>{text}</answer>")[1] == 0.0


def test_training_and_test_share_no_table_whatever_the_order() -> None:
    knobs: dict[str, Any] = {"rows": 1, "columns": 1, "tricky": 0, "sort": False}
    seen = [
        {str(CSVTableEnv(split=split, **knobs).taskset.task(i).reference["rows"]) for i in range(200)}
        for split in ("train", "test")
    ]
    assert not seen[0] & seen[1]
    taskset = CSVTableTaskSet(rows=3)
    sheet = taskset.draw(TaskRandom(b"1"))
    assert taskset.split_key(sheet) == taskset.split_key(
        sheet._replace(rows=sheet.rows[::-1], falling=not sheet.falling)
    )


@pytest.mark.parametrize(
    "knobs", [{"rows": 0}, {"rows": 41}, {"columns": 0}, {"columns": 6}, {"tricky": 4}, {"sort": 1}]
)
def test_refused_knobs_of_the_table(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        CSVTableEnv(**knobs)


def test_cells_are_quoted_where_they_must_be() -> None:
    assert [quoted(cell) for cell in ("a b", "a,b", "a\nb", 'a"')] == ["a b", '"a,b"', '"a\nb"', '"a"""']


# --- rlvr/TableQA-v0 ------------------------------------------------------------------------------------------------

_SQL = {
    "lookup": "SELECT {0} FROM t WHERE name = '{2}'",
    "sum": "SELECT SUM({0}) FROM t{1}",
    "range": "SELECT MAX({0}) - MIN({0}) FROM t{1}",
    "product": "SELECT SUM(units * price) FROM t{1}",
    "largest": "SELECT name FROM t{1} ORDER BY {0} DESC LIMIT 1",
    "smallest": "SELECT name FROM t{1} ORDER BY {0} LIMIT 1",
    "second": "SELECT name FROM t{1} ORDER BY {0} DESC LIMIT 1 OFFSET 1",
    "group": "SELECT city FROM t{1} GROUP BY city ORDER BY SUM({0}) DESC LIMIT 1",
}


@pytest.mark.parametrize("level", range(6))
def test_sqlite_gives_the_same_answer_to_the_compact_question(level: int) -> None:
    """The prompt alone is read here: tables and question become SQL."""
    env = TableQAEnv(level=level, style="compact")
    for index in range(25):
        prompt, _ = env.reset(options={"task_index": index})
        tables, _, asked = prompt.removesuffix(":").partition("?")
        base = sqlite3.connect(":memory:")
        for name, text in zip(("p", "c"), tables.split("//"), strict=False):
            header, *rows = (line.split(",") for line in text.split("/"))
            kinds = [f"{column} {'INTEGER' if rows[0][n].isdigit() else 'TEXT'}" for n, column in enumerate(header)]
            base.execute(f"CREATE TABLE {name} ({', '.join(kinds)})")
            base.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(header))})", rows)
        joined = "SELECT * FROM p JOIN c USING (city)" if "//" in tables else "SELECT * FROM p"
        base.execute(f"CREATE VIEW t AS {joined}")
        first, *conditions = asked.split(";")
        where = " AND ".join(re.sub(r"^(\w+)([<>=]+)(.*)$", r"\1 \2 '\3'", each) for each in conditions)
        kind = env.task.difficulty["operation"]
        column = "units" if kind == "product" else next(word for word in first.split() if word in ("units", "price"))
        query = _SQL[kind].format(column, f" WHERE {where}" if where else "", first.split()[-1])
        assert base.execute(query).fetchall() == [(type_of(env.task.reference)(env.task.reference),)]
        assert env.step(env.task.solution or "")[1] == 1.0


def type_of(answer: str) -> type[int] | type[str]:
    return int if answer.isdigit() else str


def test_conditions_matter_and_answers_are_unique() -> None:
    taskset = TableQATaskSet(rows=10, depth=3)
    for index in range(100):
        question = taskset.draw(TaskRandom(b"%d" % index))
        assert 2 <= len(question.found) < 10
        if question.operation in ("largest", "smallest"):
            values = [row[question.column] for row in question.rows if row["name"] in question.found]
            extreme = max(values) if question.operation == "largest" else min(values)
            assert values.count(extreme) == 1


def test_the_question_reads_as_it_is_meant() -> None:
    prompt = TableQAEnv(rows=4, depth=5, join=True).taskset.task(0).prompt
    assert re.findall(r"^\| (name|city) \|", prompt, re.MULTILINE) == ["name", "city"]
    assert re.search(
        r"where the country of the city is \w+ and \w+ is .* and \w+ is .*\? Give the answer alone as", prompt
    )
    prompts = [TableQAEnv(depth=1).taskset.task(index).prompt for index in range(8)]
    assert any("among the rows of the table?" in prompt for prompt in prompts)
    assert any("What stands under" in prompt for prompt in prompts)


def test_guesses_and_lists_of_names_earn_nothing_much() -> None:
    env = TableQAEnv(reward="dense")
    total = 0.0
    for index in range(150):
        env.reset(options={"task_index": index})
        names = re.findall(r"^\| ([A-Z]\w+) ", env.task.prompt, re.MULTILINE)
        total += env.step(f"<answer>{', '.join(names)}</answer>")[1]
    assert total == 0.0


def test_the_order_of_rows_is_no_other_problem() -> None:
    taskset = TableQATaskSet(depth=3)
    question = taskset.draw(TaskRandom(b"3"))
    turned = question._replace(rows=question.rows[::-1], conditions=question.conditions[::-1])
    assert taskset.split_key(turned) == taskset.split_key(question)


@pytest.mark.parametrize(
    "knobs", [{"rows": 3}, {"rows": 41}, {"depth": 0}, {"depth": 6}, {"join": 1}, {"depth": 1, "join": True}]
)
def test_refused_knobs_of_the_question(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        TableQAEnv(**knobs)
