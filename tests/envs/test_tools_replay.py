"""Episodes with tools again: in another process byte for byte, and from a fork or a snapshot at every turn."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import fork, restore, snapshot

SETTINGS: dict[str, dict[str, Any]] = {
    "ToolFiles": {},
    "ToolMath": {"operations": 1},
    "ToolMath-python": {"tools": "python"},
    "ToolSQL": {"writes": 0.5},
    "ToolSearch": {"cite": True},
    "ToolWorld": {"domain": "travel"},
    "PlannerExecutor": {"plan_reward": 0.1, "call_reward": 0.1, "subgoal_reward": 0.2},
}
TASKS = 3
PLAY = """
import json, sys
from loaded import played
print(json.dumps([played(name, index) for name, index in json.loads(sys.argv[1])], sort_keys=True))
"""


def made(name: str) -> Any:
    return gym.make(f"rlvr_gym:rlvr/{name.partition('-')[0]}-v0", **SETTINGS[name])


def played(name: str, index: int) -> list[Any]:
    """All that an episode shows."""
    env = made(name)
    seen: list[Any] = [env.reset(options={"task_index": index})]
    moves = env.unwrapped.expert(env.unwrapped.task)
    over = False
    while not over:
        seen.append(env.step(moves[min(len(seen) - 1, len(moves) - 1)]))
        over = seen[-1][2] or seen[-1][3]
    return seen


def test_an_episode_is_the_same_bytes_in_another_process() -> None:
    wanted = [(name, index) for name in SETTINGS for index in range(TASKS)]
    here = json.dumps([played(name, index) for name, index in wanted], sort_keys=True)
    loader = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('loaded', {__file__!r})\n"
        "module = sys.modules['loaded'] = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", loader + PLAY, json.dumps(wanted)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "77", "PATH": ""},
    )
    assert done.stdout.strip() == here
    assert here.count('"passed": true') >= len(wanted)


@pytest.mark.parametrize("name", SETTINGS)
def test_forks_and_snapshots_at_every_turn_have_the_future_of_the_original(name: str) -> None:
    env, other = made(name), made(name)
    env.reset(options={"task_index": 1})
    moves = env.unwrapped.expert(env.unwrapped.task)
    if name == "ToolMath-python":  # a session with more in it than names of numbers
        defined = "import random\nrandom.seed(5)\ndef f(x):\n    return x + random.random()"
        moves = [f"<python>{defined}</python>", "<python>print(f(1))</python>", *moves]
    branches: list[tuple[int, Any]] = []
    seen = []
    for turn, move in enumerate(moves):
        [branch] = fork(env, 1)
        branches.append((turn, branch))
        restore(other, json.loads(json.dumps(snapshot(env).to_dict())))
        seen.append(env.step(move))
        assert other.step(move) == seen[-1]
    assert seen[-1][4]["passed"] is True
    for turn, branch in branches:  # all of them after the original has ended
        assert [branch.step(move) for move in moves[turn:]] == seen[turn:]
