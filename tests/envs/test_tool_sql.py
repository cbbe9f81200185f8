"""ToolSQL: an expert solves every task, nobody else does, and an episode can be branched and replayed."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from rlvr_gym.envs import check_text_env, fork
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.tool_sql import KIT, ToolSQLEnv, ToolSQLTaskSet
from rlvr_gym.envs.tools.formats import format_names
from rlvr_gym.verifiers import ConfigError, make_verifier

SEEDS = range(200)
ENV = ToolSQLEnv()
KNOBS: list[dict[str, Any]] = [
    {"tables": 1, "hops": 1, "rows": 8, "writes": 0.5},
    {"tables": 2, "hops": 2, "rows": 8, "writes": 0.5},
    {"tables": 3, "hops": 1, "rows": 100, "writes": 1},
    {"tables": 3, "hops": 3, "rows": 12, "writes": 0},
    {"tables": 3, "hops": 3, "rows": 40, "writes": 1.0},
]


def played(env: ToolSQLEnv, responses: list[str]) -> dict[str, Any]:
    """The info of the last step."""
    info: dict[str, Any] = {}
    for response in responses:
        *_, terminated, truncated, info = env.step(response)
        if terminated or truncated:
            break
    return info


def tables_of(env: ToolSQLEnv) -> dict[str, Any]:
    """The tables as they are at the beginning."""
    tables: dict[str, Any] = env.task.reference["initial"][KIT]
    return tables


def test_the_expert_solves_every_task() -> None:
    for seed in SEEDS:
        ENV.reset(seed=seed)
        assert played(ENV, ENV.expert(ENV.task))["passed"], seed


@pytest.mark.parametrize("knobs", KNOBS)
def test_the_expert_solves_every_task_whatever_the_knobs(knobs: dict[str, Any]) -> None:
    env = ToolSQLEnv(**knobs)
    for index in range(8):
        env.reset(options={"task_index": index})
        assert played(env, env.expert(env.task))["passed"]


@pytest.mark.parametrize("name", [name for name in format_names() if name != "compact"])
def test_the_expert_writes_every_call_format(name: str) -> None:
    env = ToolSQLEnv(call_format=name)
    env.reset(seed=3)
    assert played(env, env.expert(env.task))["passed"]


QUERIES = ("SELECT * FROM {}", "SELECT COUNT(*), MAX(id) FROM {}", "SELECT id FROM {} LIMIT 1", "DELETE FROM {}")


def test_who_does_nothing_echoes_or_calls_at_random_solves_nothing() -> None:
    for seed in SEEDS:
        ENV.reset(seed=seed)
        rng = TaskRandom(f"{seed}".encode())
        [idle] = fork(ENV, 1)
        observation, *_ = ENV.step(f"<sql>{rng.choice(QUERIES).format(rng.choice(list(tables_of(ENV))))}</sql>")
        body = observation.replace("<result>", "").replace("</result>", "").strip()
        cells = [cell.strip() for line in body.splitlines()[1:-1] for cell in line.split("|")]
        [other] = fork(ENV, 1)
        for env, answer in ((idle, "done"), (ENV, body), (other, rng.choice(cells or ["done"]))):
            assert not env.step(f"<answer>{answer}</answer>")[4]["passed"], (seed, answer)


def test_answers_cannot_be_guessed() -> None:
    tasks = list(ToolSQLTaskSet(size=150, writes=0))
    answers = Counter(task.private["answer"] for task in tasks)
    assert answers.most_common(1)[0][1] <= 2
    for task in tasks:
        number = int(task.private["answer"].rpartition(": ")[2])
        assert number >= 100
        tables = task.reference["initial"][KIT].values()
        assert all(number not in row for table in tables for row in table["rows"])


def test_what_is_to_be_changed_is_some_rows_of_one_table() -> None:
    for task in ToolSQLTaskSet(size=40, writes=1):
        [(name, table)] = task.reference["state"][KIT].items()
        before = {tuple(row) for row in task.reference["initial"][KIT][name]["rows"]}
        after = {tuple(row) for row in table["rows"]}
        assert before & after
        assert before != after


def test_the_gold_of_a_sum_is_that_of_python() -> None:
    """`SELECT SUM(column) FROM table WHERE column = 'text'`, worked out over the rows of the reference."""
    checked = 0
    for task in ToolSQLTaskSet(size=40, tables=1, hops=1, writes=0):
        words = task.private["query"].replace("(", " ").replace(")", " ").split()
        if words[:2] != ["SELECT", "SUM"] or len(words) != 9:
            continue
        table = task.reference["initial"][KIT][words[4]]
        summed, compared = table["columns"].index(words[2]), table["columns"].index(words[6])
        rows = [row for row in table["rows"] if row[compared] == words[8].strip("'")]
        assert str(sum(row[summed] for row in rows)) == task.private["answer"]
        checked += 1
    assert checked >= 5


def test_a_change_too_many_or_too_few_fails() -> None:
    env = ToolSQLEnv(writes=1)
    for index in range(20):
        env.reset(options={"task_index": index})
        expert = env.expert(env.task)
        table = next(iter(env.task.reference["state"][KIT]))
        others = [name for name in env.task.reference["initial"][KIT] if name != table]
        wrong = f"<sql>UPDATE {others[0]} SET id = id + 1000 WHERE id = (SELECT MAX(id) FROM {others[0]})</sql>"
        info = played(env, [wrong, *expert])
        if info["verdict"]["reason"]["code"] != "forbidden_change":  # a foreign key held the row where it was
            assert info["passed"]
        env.reset(options={"task_index": index})
        info = played(env, [f"<sql>DELETE FROM {table} WHERE id = (SELECT MIN(id) FROM {table})</sql>", expert[-1]])
        assert not info["passed"]


def test_reading_tasks_want_the_database_as_it_was() -> None:
    env = ToolSQLEnv(writes=0, tables=1, hops=1)
    env.reset(seed=0)
    query, answer = env.expert(env.task)
    [table] = env.task.reference["initial"][KIT]
    info = played(env, [query, f"<sql>DELETE FROM {table} WHERE id = (SELECT MAX(id) FROM {table})</sql>", answer])
    assert (info["passed"], info["verdict"]["reason"]["code"]) == (False, "forbidden_change")


def test_a_policy_that_does_nothing_is_paid_nothing_by_the_dense_reward() -> None:
    env = ToolSQLEnv(writes=1, reward="dense")
    for seed in range(15):
        env.reset(seed=seed)
        assert env.step("<answer>done</answer>")[1] == 0.0


def script(env: ToolSQLEnv) -> list[str]:
    """Calls that are right, wrong and malformed, then the expert's."""
    table = next(iter(tables_of(env)))
    return [
        "<sql>SELECT random()</sql>",
        f"<sql>UPDATE {table} SET id = id + 5000 WHERE id % 2</sql><schema></schema>",
        f"<sql>SELECT rowid, * FROM {table}</sql>",
        "<sql>",
        f"<sql>DELETE FROM {table} WHERE id % 3 = 0</sql>",
        *env.expert(env.task),
    ]


def test_forks_at_every_turn_agree_with_the_original_and_replays_are_byte_equal() -> None:
    for seed in (0, 1, 2):
        env, again = ToolSQLEnv(), ToolSQLEnv()
        env.reset(seed=seed)
        again.reset(seed=seed)
        responses = script(env)
        branches = []
        for response in responses:
            for branch in branches:
                branch.step(response)
            branches += fork(env, 1)
            seen = env.step(response)
            assert json.dumps(branches[-1].step(response)) == json.dumps(seen) == json.dumps(again.step(response))
        states = [branch.unwrapped.get_state() for branch in branches]
        assert states == [env.get_state()] * len(responses)


@pytest.mark.parametrize(
    "action",
    [
        "<sql>" + "x" * 10**7 + "</sql>",
        "<sql>" * 10**5,
        "<sql>SELECT '\x00'</sql>",
        "<sql>\ud800</sql>",
        '<schema>{"x": ' + "[" * 10**5 + "</schema>",
        "<sql>WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT * FROM n ORDER BY 1</sql>",
        "<nope>SELECT 1</nope><sql></sql>",
    ],
)
def test_bad_input_costs_a_turn_or_is_an_answer_and_is_never_our_failure(action: str) -> None:
    ENV.reset(seed=0)
    *_, info = ENV.step(action)
    assert info.get("stop_reason") != "ungradable"
    assert not info.get("passed", False)


def test_tasks_are_different_and_splits_disjoint() -> None:
    tasks = list(ToolSQLTaskSet(size=100))
    assert len({task.id for task in tasks}) == 100
    train, test = (ToolSQLTaskSet(size=12, split=split) for split in ("train", "test"))
    assert not {task.prompt + task.private["script"] for task in train} & {
        task.prompt + task.private["script"] for task in test
    }


def test_every_gold_can_be_used() -> None:
    judge = make_verifier("state@1")
    assert all(judge.check_reference(task.reference).ok for task in ToolSQLTaskSet(size=100))


@pytest.mark.parametrize(
    "knobs",
    [
        {"tables": 4},
        {"tables": 1, "hops": 2},
        {"hops": 0},
        {"rows": 5},
        {"writes": 1.5},
        {"writes": True},
        {"writes": "x"},
    ],
)
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ToolSQLEnv(**{"tables": 3, "hops": 1, **knobs})


def test_the_conformance_kit_finds_nothing() -> None:
    report = check_text_env(ToolSQLEnv, seeds=2, tasks=2, skip=("gold_blind",), raise_on_failure=False)
    assert report.ok, str(report)
