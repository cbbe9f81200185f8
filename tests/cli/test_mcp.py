"""`rlvr mcp`: a real process, driven by our own client and by hand."""

from __future__ import annotations

import doctest
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="MCP needs the extra 'mcp'")

from rlvr_gym.envs.tool_dataset import ToolDatasetEnv
from rlvr_gym.envs.tool_math import ToolMathEnv
from rlvr_gym.envs.tool_sql import ToolSQLEnv
from rlvr_gym.envs.tools.mcp.client import McpToolkit
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall

from rlvr_gym.cli import main

INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "rlvr_gym", "mcp", *words]


def spec(*words: str) -> dict[str, Any]:
    program, *args = command(*words)
    return {"command": program, "args": args}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def asked(process: subprocess.Popen[str], method: str, params: dict[str, Any], number: int) -> dict[str, Any]:
    """One request and its answer, without the SDK."""
    assert process.stdin is not None
    assert process.stdout is not None
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    assert answer["id"] == number
    result: dict[str, Any] = answer.get("result", answer.get("error"))
    return result


def test_an_expert_solves_sql_over_mcp(tmp_path: Path) -> None:
    env, out = ToolSQLEnv(call_format="openai"), tmp_path / "episodes.jsonl"
    kit = McpToolkit(spec("rlvr/ToolSQL-v0", "--task", "2", "--out", str(out)), timeout_s=20)
    box = Toolbox({"sql": kit})
    for index in (2, 3, 4):
        env.reset(options={"task_index": index})
        *calls, answer = env.expert(env.task)
        for call in calls:
            [native] = call.tool_calls  # type: ignore[attr-defined]
            arguments = json.loads(native["function"]["arguments"])
            assert box.call(ToolCall(native["function"]["name"], arguments)).ok
        assert box.call(ToolCall("rlvr_answer", {"answer": answer})).text == "The episode is over: passed, score 1."
        assert box.call(ToolCall("rlvr_next_task")).ok
    kit.close()
    assert [row["passed"] for row in rows(out)[:3]] == [True] * 3
    assert [row["task_id"] for row in rows(out)[:3]] == [env.taskset[index].id for index in (2, 3, 4)]


def test_the_page_tells_the_truth(root: Path) -> None:
    result = doctest.testfile(str(root / "docs" / "mcp.md"), module_relative=False)
    assert (result.failed, result.attempted) == (0, 8)


def test_our_server_in_another_environment_of_ours(tmp_path: Path) -> None:
    """An expert of ToolDataset solves a task of ToolMath that a server serves; a fork goes its own way."""
    math = ToolMathEnv()
    math.reset(options={"task_index": 0})
    calls = [*math.task.private["expert"]["calculator"]]
    calls.append({"name": "rlvr_answer", "arguments": {"answer": math.task.reference}})
    file = tmp_path / "tasks.jsonl"
    row = {"prompt": "Solve what the server asks.", "answer": math.task.reference, "expert": calls}
    file.write_text(json.dumps(row))
    env = ToolDatasetEnv(path=str(file), tools=[], servers={"math": spec("rlvr/ToolMath-v0")})
    env.reset(seed=0)
    responses = env.expert(env.task)
    assert len(responses) == len(calls) + 1
    told = [env.step(response) for response in responses]
    assert told[-2][0] == '<result tool="rlvr_answer">The episode is over: passed, score 1.</result>'
    assert told[-1][4]["passed"]
    assert told[-1][4]["tool_stats"]["calculator"]["calls"] == len(calls) - 1
    env.close()


NOISY = """
import os
import gymnasium as gym
from rlvr_gym.envs.tool_math import ToolMathEnv


class Noisy(ToolMathEnv):
    def equip(self, task):
        print("equipping")
        os.system("echo a child speaks")
        return super().equip(task)


gym.register("Noisy-v0", entry_point=Noisy)
"""


@pytest.fixture
def noisy(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "noisy.py").write_text(NOISY)
    process = subprocess.Popen(
        command("noisy:Noisy-v0", "steps=1"),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_nothing_but_the_protocol_goes_to_standard_output(noisy: subprocess.Popen[str]) -> None:
    assert noisy.stdin is not None
    began = asked(noisy, "initialize", INITIALIZE, 1)
    task = ToolMathEnv(steps=1).taskset[0]
    assert began["instructions"].startswith(task.prompt)
    noisy.stdin.write('{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
    assert [tool["name"] for tool in asked(noisy, "tools/list", {}, 2)["tools"]] == [
        "calculator",
        "rlvr_answer",
        "rlvr_next_task",
    ]
    got = asked(noisy, "prompts/get", {"name": "task"}, 3)
    assert got["messages"][0]["content"]["text"] == began["instructions"]
    [content] = asked(noisy, "resources/read", {"uri": "rlvr://task"}, 4)["contents"]
    assert content["text"] == began["instructions"]
    assert [prompt["name"] for prompt in asked(noisy, "prompts/list", {}, 5)["prompts"]] == ["task"]
    assert [one["uri"] for one in asked(noisy, "resources/list", {}, 6)["resources"]] == ["rlvr://task"]
    assert asked(noisy, "prompts/get", {"name": "gold"}, 7)["code"] == -32602
    assert asked(noisy, "resources/read", {"uri": "rlvr://gold"}, 8)["code"] == -32602
    told = asked(noisy, "tools/call", {"name": "rlvr_next_task", "arguments": {}}, 9)
    assert told["content"][0]["text"].startswith(ToolMathEnv(steps=1).taskset[1].prompt)
    out, log = noisy.communicate(timeout=20)  # closes its input
    assert (noisy.returncode, out) == (0, "")
    assert "equipping" in log
    assert "a child speaks" in log


def test_an_interrupt_ends_it() -> None:
    process = subprocess.Popen(
        command("rlvr/ToolMath-v0"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert asked(process, "initialize", INITIALIZE, 1)["serverInfo"]["name"] == "rlvr/ToolMath-v0"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130  # though its input is open
    assert "rlvr mcp: interrupted" in process.communicate()[1]


def test_messages_from_a_file(tmp_path: Path) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}
    (tmp_path / "in").write_text(json.dumps(request) + "\nno JSON\n")
    with (tmp_path / "in").open() as file:
        done = subprocess.run(command("rlvr/ToolMath-v0"), stdin=file, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[0])["id"] == 1


def test_each_client_over_http_has_episodes_of_its_own(tmp_path: Path) -> None:
    out = tmp_path / "episodes.jsonl"
    words = ["rlvr/ToolMath-v0", "--http", "127.0.0.1:0"]
    server = subprocess.Popen(command(*words, "--out", str(out)), stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        [url] = re.findall(r"http://\S+", server.stderr.readline())
        one, two = (McpToolkit({"url": url}, timeout_s=20) for _ in range(2))
        for kit in (one, two):
            assert Toolbox({"kit": kit}).call(ToolCall("calculator", {"expression": "6 * 7"})).text == "42"
        two.set_state(one.get_state())  # a new session, in which the same call is made
        one.close()
        two.close()
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert {row["stop_reason"] for row in rows(out)} == {"left"}
    assert {row["turns"] for row in rows(out)} == {1}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rlvr/Arithmetic-v0"], "only an environment with tools can be served"),
        (["rlvr/ToolMat-v0"], "did you mean"),
        (["rlvr/ToolMath-v0", "stpes=2"], "did you mean 'steps'"),
        (["rlvr/ToolMath-v0", "--http", "8000"], "--http takes HOST:PORT"),
        (["rlvr/ToolMath-v0", "--http", "127.0.0.1:x"], "--http takes HOST:PORT"),
        (["rlvr/ToolMath-v0", "--task", "-1"], "--task must be"),
        (["rlvr/ToolMath-v0", "--task", "999999999"], "999999999"),
        (["rlvr/ToolMath-v0", "--out", "/no/such/folder/file"], "there is no folder"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    assert main(["mcp", *words]) == 2
    assert told in capsys.readouterr().err
