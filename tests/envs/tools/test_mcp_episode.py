"""Episodes for a caller that knows tools only: they are those of the environment, and nothing private is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rlvr_gym.envs.arithmetic import ArithmeticEnv
from rlvr_gym.envs.tool_math import ToolMathEnv
from rlvr_gym.envs.tool_sql import ToolSQLEnv
from rlvr_gym.envs.tool_world import ToolWorldEnv
from rlvr_gym.envs.tools.mcp.episode import ServedEpisodes, Told
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.verifiers import ConfigError

Rows = list[dict[str, Any]]


def steps(env: ToolEnv) -> list[tuple[str, dict[str, Any]]]:
    """What the expert would call, the answer or message last."""
    found: list[tuple[str, dict[str, Any]]] = []
    for action in env.expert(env.task):
        calls = getattr(action, "tool_calls", ())
        functions = [call["function"] for call in calls]
        found += [(function["name"], json.loads(function["arguments"])) for function in functions]
        if not calls and isinstance(env, ToolWorldEnv):
            found.append(("rlvr_say", {"message": str(action)}))
        elif not calls:
            found.append(("rlvr_answer", {"answer": str(action)}))
    return found


@pytest.mark.parametrize("env", [ToolMathEnv(), ToolSQLEnv(), ToolWorldEnv()], ids=lambda env: type(env).__name__)
def test_the_expert_solves_task_after_task(env: ToolEnv) -> None:
    rows: Rows = []
    episodes = ServedEpisodes(env, 3, rows.append)
    for number in range(8):
        assert env.task.id == env.taskset[3 + number].id
        told = Told("")
        for name, arguments in steps(env):
            told = episodes.call(name, arguments)
            assert not told.error
        assert told.text.endswith("The episode is over: passed, score 1.")
        assert episodes.call("rlvr_next_task", {}) == Told(episodes.prompt)
    assert [row["passed"] for row in rows] == [True] * 8
    assert [row["task_id"] for row in rows] == [env.taskset[3 + i].id for i in range(8)]
    assert all(row["verdict"]["status"] == "passed" and row["stop_reason"] == "answered" for row in rows)
    assert sum(one["calls"] for one in rows[0]["tool_stats"].values()) == len(rows[0]["calls"])


def test_the_prompt_names_the_tool_that_takes_the_answer_and_no_format_of_calls() -> None:
    for env, voice in ((ToolMathEnv(), "rlvr_answer"), (ToolWorldEnv(), "rlvr_say")):
        prompt = ServedEpisodes(env).prompt
        assert voice in prompt
        assert "<answer>" not in prompt
        assert "<calculator>" not in prompt


def test_a_call_costs_a_turn_and_the_last_one_ends_the_episode() -> None:
    rows: Rows = []
    episodes = ServedEpisodes(ToolMathEnv(max_turns=3, tool_cost=0.25), 0, rows.append)
    assert episodes.call("calculator", {"expression": "6*7"}) == Told("42")
    assert episodes.call("calculater", {}) == Told("there is no tool 'calculater'; did you mean 'calculator'?", True)
    assert episodes.call("calculator", {"expression": "1/0"}) == Told(
        "division by zero\nThe episode is over: max_turns, not passed.", error=True
    )
    assert episodes.call("rlvr_answer", {"answer": "1"}) == Told(
        "the episode is over; call rlvr_next_task for another", True
    )
    [row] = rows
    assert (row["stop_reason"], row["passed"], row["turns"]) == ("max_turns", False, 3)
    assert row["tool_stats"]["calculator"] == {"calls": 2, "errors": 1, "cost": 0.5}
    assert "verdict" not in row


@pytest.mark.parametrize("arguments", [{}, {"answer": 3}, {"answer": "3", "more": 1}, {"anser": "3"}])
def test_an_answer_is_one_text(arguments: dict[str, Any]) -> None:
    episodes = ServedEpisodes(ToolMathEnv())
    told = episodes.call("rlvr_answer", arguments)
    assert told.error
    assert "rlvr_answer takes one text, 'answer'" in told.text
    assert not episodes.call("calculator", {"expression": "1"}).error  # it has cost no turn and ended nothing


def test_whoever_leaves_is_on_record() -> None:
    rows: Rows = []
    episodes = ServedEpisodes(ToolMathEnv(), 0, rows.append)
    episodes.call("rlvr_next_task", {})  # looked and went
    episodes.call("calculator", {"expression": "1"})
    episodes.close()
    assert [(row["stop_reason"], row["passed"], row["turns"]) for row in rows] == [
        ("left", False, 0),
        ("left", False, 1),
    ]
    ServedEpisodes(ToolMathEnv(), 0, rows.append).close()  # a client that only asked for the tools
    assert len(rows) == 2


def test_nothing_private_is_told() -> None:
    """A wrong answer is told without the right one, in every environment that is served."""
    for env in (ToolMathEnv(digits=9), ToolSQLEnv(writes=0), ToolWorldEnv(domain="library")):
        episodes = ServedEpisodes(env)
        gold = json.dumps(env.task.private)
        told = episodes.call(episodes.voice, {"message" if episodes.voice == "rlvr_say" else "answer": "no idea"})
        assert told.text not in gold
        if isinstance(env, ToolMathEnv):
            assert str(env.task.reference) not in told.text + episodes.prompt


def test_only_environments_with_tools_are_served() -> None:
    with pytest.raises(ConfigError, match="only an environment with tools can be served, got ArithmeticEnv"):
        ServedEpisodes(ArithmeticEnv())
