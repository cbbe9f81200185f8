"""Policies: the contract of `act`, the scripted and the replay back ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import NoRecordingError, Play, Recording, ReplayPolicy, ScriptedPolicy, Spread, collect, seed_from
from rlvr_gym.agents.policy import unit_interval
from rlvr_gym.envs import Task
from rlvr_gym.envs.rows import DataError
from rlvr_gym.verifiers import ConfigError

TASKS = [Task.create(f"{i}+1=", {"reference": i + 1, "solution": str(i + 1)}) for i in range(4)]


def ask(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def test_seeds_are_pinned_across_versions() -> None:
    """A recorded run must stay resumable: the derivation of seeds is part of the format.

    2-byte check of the construction: BLAKE2b-64 of `str:a\\x1fint:1`, shifted right by one.
    """
    import hashlib

    digest = hashlib.blake2b(b"str:a\x1fint:1", digest_size=8).digest()
    assert seed_from("a", 1) == int.from_bytes(digest, "big") >> 1
    assert seed_from("a", 1) != seed_from("a", "1")
    assert seed_from("a", "b") != seed_from("ab")


def test_unit_interval_is_uniform() -> None:
    """Mean of 20,000 uniforms: standard deviation 0.002; 0.01 is five of them."""
    values = [unit_interval(seed) for seed in range(20_000)]
    assert abs(sum(values) / len(values) - 0.5) < 0.01
    assert 0 <= min(values) < max(values) < 1


def test_act_is_conversation_major_and_a_function_of_the_seed() -> None:
    policy = ScriptedPolicy(TASKS, 0.5)
    conversations = [ask(task.prompt) for task in TASKS]
    seeds = list(range(12))
    together = policy.act(conversations, n=3, seeds=seeds)
    apart = [policy.act([conversations[i // 3]], seeds=[seed])[0] for i, seed in enumerate(seeds)]
    assert together == apart


def test_without_seeds_calls_differ_but_objects_agree() -> None:
    conversations = [ask(TASKS[0].prompt)] * 40
    one, two = ScriptedPolicy(TASKS, 0.5), ScriptedPolicy(TASKS, 0.5)
    first, second = one.act(conversations), one.act(conversations)
    assert first != second
    assert [first, second] == [two.act(conversations), two.act(conversations)]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"n": 2, "seeds": [1]}, "need 2 seeds, got 1"),
        ({"n": 1, "indices": [1, 2]}, "need 1 indices, got 2"),
    ],
)
def test_act_refuses_wrong_counts(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ScriptedPolicy(TASKS, 0.5).act([ask(TASKS[0].prompt)], **kwargs)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_scripted_success_rate_is_what_was_asked_for(p: float) -> None:
    """4,000 draws: standard deviation at 0.3 is 0.0072; 0.03 is four of them."""
    policy = ScriptedPolicy(TASKS, p)
    texts = [c.text for c in policy.act([ask(TASKS[0].prompt)], n=4000, seeds=range(4000))]
    assert abs(texts.count("1") / 4000 - p) < (0.03 if 0 < p < 1 else 1e-9)


def test_spread_is_a_function_of_the_task() -> None:
    spread = Spread(0.2, 0.6, skew=2.0)
    values = [spread(task) for task in TASKS]
    assert values == [spread(task) for task in TASKS]
    assert len(set(values)) == len(TASKS)
    assert all(0.2 <= value <= 0.6 for value in values)


@pytest.mark.parametrize(
    ("tasks", "p", "message"),
    [
        ([Task.create("x", {"reference": 1})], 0.5, "no reference solution"),
        (TASKS, 1.5, "must lie in \\[0, 1\\], got 1.5"),
        (TASKS, float("nan"), "must lie in"),
    ],
)
def test_scripted_refuses(tasks: list[Task], p: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ScriptedPolicy(tasks, p)


def test_scripted_says_when_it_does_not_know_a_task() -> None:
    with pytest.raises(ConfigError, match="does not know this task: 'other'"):
        ScriptedPolicy(TASKS, 0.5).act([ask("other")])


ROWS = [
    {"question": "a", "response": "1", "ok": True, "model": "x"},
    {"question": "a", "response": "2", "ok": False, "model": "y"},
    {"question": "b", "response": "3", "ok": True, "model": "x"},
]


def recorded(tmp_path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    file = tmp_path / "recorded.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_replay_answers_by_index_with_the_recorded_label(tmp_path: Path) -> None:
    policy = ReplayPolicy.from_file(recorded(tmp_path), template="Q: {prompt}", label="ok")
    assert (policy.available("Q: a"), policy.available("Q: b"), policy.available("a")) == (2, 1, 0)
    completions = policy.act([ask("Q: a")], n=2)
    assert [(c.text, c.label) for c in completions] == [("1", True), ("2", False)]
    assert policy.act([ask("Q: a")], indices=[1])[0].text == "2"


def test_replay_keeps_rows_of_one_kind(tmp_path: Path) -> None:
    policy = ReplayPolicy.from_file(recorded(tmp_path), where={"model": "y"})
    assert policy.recordings == {"a": [Recording("2")]}


def test_replay_refuses_more_than_was_recorded() -> None:
    with pytest.raises(NoRecordingError, match="sample 1 was asked for, 1 were recorded for 'a'"):
        ReplayPolicy({"a": [Recording("1")]}).act([ask("a")], n=2)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"response": "respnse"}, "row 1: no text in column 'respnse'.*did you mean 'response'"),
        ({"prompt": "questn"}, "did you mean 'question'"),
        ({"label": "model"}, "row 1: the label column 'model' must be true or false, got 'x'"),
        ({"where": {"model": "z"}}, "no row has {'model': 'z'}"),
    ],
)
def test_replay_names_the_row_of_a_mistake(tmp_path: Path, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ReplayPolicy.from_file(recorded(tmp_path), **kwargs)


@pytest.mark.parametrize("env_id", ["ToolMath", "ToolSQL", "ToolWorld", "Maze"])
def test_a_scripted_policy_plays_the_expert_of_several_turns(env_id: str) -> None:
    env = gym.make(f"rlvr_gym:rlvr/{env_id}-v0")
    base: Any = env.unwrapped
    tasks = base.taskset.distinct(3)
    plays = [Play(sample_seed=i, options={"task": tasks[i % 3]}) for i in range(120)]
    for probability, least, most in ((1.0, 120, 120), (0.0, 0, 0), (0.5, 40, 80)):
        episodes = collect([env], ScriptedPolicy(tasks, probability, base), plays)
        assert least <= sum(bool(episode.passed) for episode in episodes) <= most


def test_a_scripted_policy_cannot_play_what_begins_alike() -> None:
    base: Any = gym.make("rlvr_gym:rlvr/Mastermind-v0").unwrapped
    with pytest.raises(ConfigError, match="begins as another one does"):
        ScriptedPolicy(base.taskset.distinct(3), 1.0, base)
