"""ToolDataset: anybody's tasks with our tools and with those of MCP servers, also where a server dies."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rlvr_gym.agents import Completion, Play, Policy, Request, collect, rollout
from rlvr_gym.envs import check_text_env, fork, restore, snapshot
from rlvr_gym.envs.rows import DataError
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.tool_dataset import ToolDatasetEnv
from rlvr_gym.envs.tools.formats import format_names
from rlvr_gym.verifiers import ConfigError

SERVER = Path(__file__).parent / "tools" / "servers" / "raw.py"
COUNTER = {"command": sys.executable, "args": [str(SERVER), "count"], "allow": ["add", "crash"], "timeout_s": 10}
SAMPLE = sample_settings("rlvr/ToolDataset-v0")
ROW = {"prompt": "What is 12 * 34?", "answer": "408"}
CALL = {"name": "calculator", "arguments": {"expression": "12 * 34"}}


def written(folder: Path, *rows: dict[str, Any]) -> str:
    file = folder / "tasks.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def played(env: ToolDatasetEnv, responses: Sequence[str]) -> dict[str, Any]:
    """The info of the last step."""
    info: dict[str, Any] = {}
    for response in responses:
        info = env.step(response)[4]
    return info


@pytest.mark.parametrize("name", [name for name in format_names() if name != "compact"])
def test_the_expert_solves_every_row_of_the_sample_in_every_format(name: str) -> None:
    env = ToolDatasetEnv(**SAMPLE, call_format=name)
    for index in range(len(env.taskset)):
        env.reset(options={"task_index": index})
        assert played(env, env.expert(env.task))["passed"]


def test_it_keeps_its_contract() -> None:
    assert check_text_env(lambda: ToolDatasetEnv(**SAMPLE, tools=["calculator", "notes"])).ok


# --- Tools of ours -----------------------------------------------------------------------------------------------


def test_tools_by_name_with_settings(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(json.dumps({"id": "d1", "title": "Tor", "text": "A town."}))
    tools = {
        "calculator": {"max_operations": 1, "limits": {"max_calls": 2, "cost": 0.1}},
        "search": {"path": str(corpus)},
        "sql": {"script": "CREATE TABLE pets (name TEXT); INSERT INTO pets VALUES ('Rex');"},
        "files": {"files": {"a.txt": "one"}},
        "clock": {"time": "2024-02-28T09:30"},
        "notes": None,
        "python": {"max_cells": 3},
    }
    env = ToolDatasetEnv(path=written(tmp_path, ROW), tools=tools, max_turns=20)
    env.reset(seed=0)
    told = [
        env.step(text)[0]
        for text in (
            "<calculator>1 + 1</calculator>",
            "<calculator>1 + 1 + 1</calculator>",
            "<calculator>1 + 1</calculator>",
            "<search>Tor</search>",
            "<sql>SELECT * FROM pets</sql>",
            "<shell>cat a.txt</shell>",
            "<weekday>2024-02-28</weekday>",
            '<write_note>{"name": "a", "text": "b"}</write_note>',
        )
    ]
    for text, part in zip(told, ["2", "operation", "may be called 2 times", "[d1] Tor", "Rex", "one"], strict=False):
        assert part in text
    assert told[6:] == [
        '<result tool="weekday">Wednesday</result>',
        "<result tool=\"write_note\">noted under 'a'</result>",
    ]
    env.reset(seed=0)
    assert env.step("<list_notes></list_notes>")[0] == '<result tool="list_notes">there are no notes</result>'


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tools": ["calculater"]}, "there is no tool 'calculater'; did you mean 'calculator'"),
        ({"tools": 7}, "tools must be a JSON object"),
        ({"tools": {"calculator": 7}}, "the settings of the tool 'calculator' must be a JSON object"),
        ({"tools": {"calculator": {"operations": 1}}}, "has no setting 'operations'; did you mean 'max_operations'"),
        ({"tools": ["sql"]}, 'needs the setting \'script\': tools={"sql": {"script": ...}}'),
        ({"tools": {"search": {"path": "/no/such.jsonl"}}}, "cannot read the corpus '/no/such.jsonl'"),
        ({"tools": {"files": {"files": {"a": 7}}}}, "the file 'a'"),
        ({"tools": {"calculator": {"limits": {"calls": 1}}}}, "limits have no key 'calls'"),
        ({"servers": {"x": {"command": "no-such-program"}}}, "'no-such-program' cannot be started"),
        ({"servers": {"x": {"command": "x", "timeout": 3}}}, "no key 'timeout'; did you mean 'timeout_s'"),
        ({"servers": ["x"]}, "servers must be a JSON object"),
        ({"servers": {"a": COUNTER, "b": COUNTER}}, "two tools have the name 'add'"),
        ({"call_format": "compact", "tools": ["notes"]}, "compact"),
        ({"verifier": "nubmer@1"}, "did you mean 'number@1'"),
        ({"columns": {"expert": 7}}, "columns['expert']"),
        ({"columns": {"prmpt": "x"}}, "columns has no key 'prmpt'"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    if "servers" in settings:
        pytest.importorskip("mcp", reason="MCP needs the extra 'mcp'")
    with pytest.raises((ConfigError, LookupError)) as raised:
        ToolDatasetEnv(path=written(tmp_path, ROW), **settings)
    assert told in str(raised.value)


# --- Experts -----------------------------------------------------------------------------------------------------


def test_experts_are_optional_and_may_be_text_in_a_column_of_another_name(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {**ROW, "trace": json.dumps([CALL])},
        {"prompt": "What is 5 + 6?", "answer": "11", "solution": "#### 11"},
        {"prompt": "What is 7 + 6?", "answer": "13"},
    )
    env = ToolDatasetEnv(path=path, columns={"expert": "trace"})
    assert [env.expert(env.taskset[i]) for i in range(3)] == [
        ["<calculator>12 * 34</calculator>", "<answer>408</answer>"],
        ["#### 11"],
        [],
    ]


@pytest.mark.parametrize(
    ("expert", "told"),
    [
        ("[", "tasks.jsonl, row 1: the column 'expert' is no JSON"),
        ([7], "tasks.jsonl, row 1: the column 'expert' holds calls"),
        ([{"name": "calculator"}], "holds calls"),
        ([{"name": "calcu", "arguments": {}}], "row 1: the expert calls 'calcu', which is not among the tools"),
    ],
)
def test_experts_that_are_none(tmp_path: Path, expert: Any, told: str) -> None:
    with pytest.raises(DataError) as raised:
        ToolDatasetEnv(path=written(tmp_path, {**ROW, "expert": expert}))
    assert told in str(raised.value)


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="Parquet needs the extra 'data'")
    pq = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "tasks.parquet"
    pq.write_table(pa.table({"question": ["What is 12 * 34?"], "answer": [408], "expert": [json.dumps([CALL])]}), file)
    env = ToolDatasetEnv(path=str(file))
    env.reset(seed=0)
    assert played(env, env.expert(env.task))["passed"]


# --- Servers -----------------------------------------------------------------------------------------------------


def counting(tmp_path: Path, **settings: Any) -> ToolDatasetEnv:
    pytest.importorskip("mcp", reason="MCP needs the extra 'mcp'")
    calls = [{"name": "add", "arguments": {"n": n}} for n in (4, 5)]
    path = tmp_path / "tasks.jsonl"
    if not path.exists():  # others may be reading it
        written(tmp_path, {"prompt": "Add 4 and 5.", "answer": "9", "expert": calls})
    return ToolDatasetEnv(path=str(path), tools=["notes"], servers={"counter": {**COUNTER, **settings}})


def test_an_environment_with_a_server_keeps_its_contract(tmp_path: Path) -> None:
    env = counting(tmp_path)
    assert check_text_env(lambda: counting(tmp_path), seeds=1, tasks=1, turns=3).ok
    env.close()


def test_snapshots_and_forks_have_sessions_of_their_own(tmp_path: Path) -> None:
    env = counting(tmp_path)
    env.reset(seed=0)
    assert env.step('<add>{"n": 4}</add>')[0] == '<result tool="add">4</result>'
    saved = snapshot(env)
    [other] = fork(env, 1)
    assert other.step('<add>{"n": 10}</add>')[0] == '<result tool="add">14</result>'
    assert env.step('<add>{"n": 1}</add>')[0] == '<result tool="add">5</result>'
    restore(env, saved)
    assert env.step('<add>{"n": 2}</add>')[0] == '<result tool="add">6</result>'
    assert env.toolbox.public_state()["mcp:counter"][1][:2] == ["add", {"n": 2}]
    env.close()
    other.close()
    env.reset(seed=0)  # closed is not forgotten
    assert played(env, env.expert(env.task))["passed"]
    env.close()


class Crashing(Policy):
    """Calls a tool that works; then, in every second episode, one that kills the server; then answers."""

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(self.said(request)) for request in requests]

    def said(self, request: Request) -> str:
        turn = sum(message["role"] == "assistant" for message in request.conversation)
        second = "<crash>{}</crash>" if request.index % 2 else '<add>{"n": 5}</add>'
        return ['<add>{"n": 4}</add>', second, "<answer>9</answer>"][turn]


def test_a_server_that_dies_ends_its_own_episode_ungradable_and_no_rollout(tmp_path: Path) -> None:
    plays = [Play(seed=0, index=index) for index in range(6)]
    envs = [counting(tmp_path) for _ in range(3)]
    episodes = collect(envs, Crashing(), plays)
    assert [episode.passed for episode in episodes] == [True, None, True, None, True, None]
    assert {episode.stop_reason for episode in episodes[1::2]} == {"ungradable"}

    async def rolled() -> list[tuple[str, str]]:
        finished = rollout(lambda: counting(tmp_path), Crashing(), plays, max_inflight=3)
        return sorted([(one.episode.stop_reason, one.episode.error) async for one in finished])

    assert asyncio.run(rolled()) == [("answered", "")] * 3 + [("ungradable", "")] * 3
    for env in envs:
        env.close()


def test_what_ended_ungradable_is_told_in_the_verdict(tmp_path: Path) -> None:
    env = counting(tmp_path)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step("<crash>{}</crash>")
    assert (observation, reward, terminated, truncated) == ("", 0.0, False, True)
    assert (info["stop_reason"], info["verdict"]["status"]) == ("ungradable", "sandbox_error")
    assert "passed" not in info
    assert info["tool_stats"] == {"crash": {"calls": 1, "errors": 1, "cost": 0.0}}
    env.reset(seed=0)
    assert env.step('<add>{"n": 4}</add>')[0] == '<result tool="add">4</result>'
    env.close()


def test_search_without_settings_is_in_the_glossary(tmp_path: Path) -> None:
    env = ToolDatasetEnv(path=written(tmp_path, {"prompt": "Which method?", "answer": "1"}), tools=["search"])
    env.reset(seed=0)
    assert "GiGPO" in env.step("<search>anchor state of a group</search>")[0]
