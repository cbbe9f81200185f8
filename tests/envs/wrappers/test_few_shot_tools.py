"""Few-shot examples where a task takes several turns: the episode of the expert, calls, results and all."""

from __future__ import annotations

import json

import gymnasium as gym
import pytest
from rlvr_gym.envs import fork, restore, snapshot
from rlvr_gym.envs.wrappers import FewShot


@pytest.mark.parametrize("env_id", ["ToolMath", "ToolSQL", "ToolSearch", "ToolWorld", "PlannerExecutor"])
def test_examples_are_episodes_of_the_expert(env_id: str) -> None:
    env = FewShot(gym.make(f"rlvr_gym:rlvr/{env_id}-v0"), shots=1)
    _, info = env.reset(seed=3)
    base = env.unwrapped
    roles = [message["role"] for message in info["messages"]]
    assert roles[0] == roles[-1] == "user"
    assert roles.count("assistant") > 1
    assert info["messages"][-1]["content"].startswith(base.task.prompt[:40]) or env_id == "PlannerExecutor"
    again = FewShot(gym.make(f"rlvr_gym:rlvr/{env_id}-v0"), shots=1)
    assert again.reset(seed=3)[1] == info
    for move in base.expert(base.task):
        last = env.step(move)[4]
    assert last["passed"] is True


def test_native_calls_are_shown_in_both_forms() -> None:
    chat = FewShot(gym.make("rlvr_gym:rlvr/ToolMath-v0", call_format="openai", operations=1), shots=1)
    _, info = chat.reset(seed=0)
    assert [m["role"] for m in info["messages"]].count("tool") == 3
    assert all("tool_calls" in m for m in info["messages"][1:7:2])
    text = FewShot(gym.make("rlvr_gym:rlvr/ToolMath-v0", call_format="openai", operations=1), shots=1, form="text")
    observation, _ = text.reset(seed=0)
    assert observation.count('"name": "calculator"') == 3


def test_forks_and_snapshots_keep_their_examples() -> None:
    env = FewShot(gym.make("rlvr_gym:rlvr/ToolMath-v0"), shots=2)
    env.reset(seed=0)
    first, *rest = env.unwrapped.expert(env.unwrapped.task)
    env.step(first)
    other = FewShot(gym.make("rlvr_gym:rlvr/ToolMath-v0"), shots=2)
    restore(other, json.loads(json.dumps(snapshot(env).to_dict())))
    [branch] = fork(env, 1)
    futures = [[each.step(move) for move in rest] for each in (env, branch, other)]
    assert futures[0] == futures[1] == futures[2]
