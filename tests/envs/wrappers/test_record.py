"""`Record` and `replay`: what is on disk after whatever happens, and that it can be played again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import ListTaskSet, Snapshot, Task, TextAction, TextEnv, Transition, fork, restore, snapshot
from rlvr_gym.envs.task import content_hash
from rlvr_gym.envs.wrappers import (
    EpisodeRecord,
    HistoryText,
    Record,
    RecordError,
    TokenLimit,
    UnaryFeedback,
    read_records,
    replay,
)
from rlvr_gym.verifiers import ConfigError, make_verifier

MASTERMIND = {"style": "compact", "length": 3}


def recorded(path: Path, *wrap: Any) -> Record:
    env = gym.make("rlvr_gym:rlvr/Mastermind-v0", **MASTERMIND)
    for one in wrap:
        env = one(env)
    return Record(env, str(path))


def play(env: gym.Env[str, str], *actions: str) -> None:
    for action in actions:
        env.step(action)


def test_an_episode_is_one_line_and_plays_again(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = recorded(path)
    env.reset(seed=4, options={"task_index": 0})
    play(env, "216", TextAction("132", finish_reason="stop"))
    assert not path.exists(), "nothing is written before the end"
    play(env, "162")
    [record] = read_records(path)
    assert (record.seed, record.options, record.stop_reason) == (4, {"task_index": 0}, "answered")
    assert [step.action["text"] for step in record.steps] == ["216", "132", "162"]
    assert [(step.reward, step.terminated) for step in record.steps] == [(0.0, False), (0.0, False), (1.0, True)]
    assert record.steps[1].action["finish_reason"] == "stop"
    assert EpisodeRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    report = replay(path)
    assert (report.episodes, report.turns, report.same) == (1, 3, True)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seeds=st.lists(st.one_of(st.none(), st.integers(0, 99)), min_size=1, max_size=3),
    guesses=st.lists(st.sampled_from(["111", "216", "x", "\ud800", "162"]), min_size=12, max_size=12),
)
def test_any_episodes_play_again(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[int | None], guesses: list[str]
) -> None:
    path = tmp_path_factory.mktemp("records") / "episodes.jsonl"
    env = recorded(path, lambda env: UnaryFeedback(TokenLimit(env, max_tokens=3), turns=2), HistoryText)
    env.reset(seed=0)
    for seed in seeds:
        env.reset(seed=seed)
        for guess in guesses * 2:
            if any(env.step(guess)[2:4]):
                break
    report = replay(path)
    assert report.same, report.divergence
    assert report.episodes == len(seeds)


def ones() -> TextEnv:
    return TextEnv(ListTaskSet([Task.create("1?", {"reference": 1})]), make_verifier("number@1"))


def test_the_task_and_the_snapshot_of_a_reset_are_written_down(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = Record(ones(), str(path))
    env.reset(options={"task": Task.create("7?", {"reference": 7})})
    saved = snapshot(env.env)
    play(env, "#### 7")
    env.reset(options={"snapshot": saved})
    play(env, "#### 6")
    first, second = read_records(path)
    assert first.options is not None
    assert first.options["task"]["prompt"] == "7?"
    assert second.options is not None
    assert Snapshot.from_dict(second.options["snapshot"]) == saved
    with pytest.raises(RecordError, match="give make_env="):
        replay(path)
    assert replay(path, make_env=ones).same


def test_forks_and_restored_episodes_are_recorded_from_where_they_went_on(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = recorded(path)
    env.reset(options={"task_index": 0})
    play(env, "216")
    saved = snapshot(env)
    [branch] = fork(env)
    play(branch, "132", "162")
    play(env, "162")
    restore(env, saved)
    play(env, "111", "162")
    records = list(read_records(path))
    assert [(r.start or {})["turn"] for r in records] == [1, 0, 1]
    assert [len(r.steps) for r in records] == [2, 2, 2]
    assert replay(records) == replay(path)
    assert replay(path).same


def test_an_abandoned_episode_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = recorded(path)
    env.reset(seed=0)
    play(env, "216")
    env.reset(options={"task_index": 0})
    play(env, "162")
    assert [len(record.steps) for record in read_records(path)] == [1]


# --- Differences ----------------------------------------------------------------------------------------------------


class Other(TextEnv):
    """Answers with a word, and pays for it."""

    def __init__(self, word: str = "cold", pay: float = 0.5) -> None:
        tasks = ListTaskSet([Task.create("Guess.", {"reference": 7})])
        super().__init__(tasks, make_verifier("number@1"), max_turns=3)
        self.word, self.pay = word, pay

    def get_state(self) -> Any:
        return None

    def transition(self, action: str) -> Transition:
        if action.startswith("####"):
            return Transition(verdict=self.verifier.verify(action, self.task.reference))
        return Transition(self.word if action == "y" else "cold", reward_terms={"word": self.pay})


@pytest.mark.parametrize(
    ("word", "pay", "turn", "what"), [("warm", 0.5, 2, "observation"), ("cold", 0.25, 1, "reward")]
)
def test_the_first_difference_is_told(tmp_path: Path, word: str, pay: float, turn: int, what: str) -> None:
    path = tmp_path / "episodes.jsonl"
    writer = Record(Other(), str(path))
    for _ in range(2):
        writer.reset(seed=0)
        play(writer, "x", "y", "#### 7")
    assert replay(path, make_env=Other).same
    report = replay(path, make_env=lambda: Other(word, pay))
    assert (report.episodes, report.turns, report.same) == (1, turn, False)
    divergence = report.divergence
    assert divergence is not None
    assert (divergence.episode, divergence.turn, divergence.what) == (0, turn, what)
    if what == "reward":
        assert (divergence.expected, divergence.got) == (0.5, 0.25)
    else:
        assert divergence.expected == content_hash("cold")
        assert divergence.got == f"{content_hash('warm')}: 'warm'"


def test_a_start_that_cannot_be_restored_is_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    writer = recorded(path)
    writer.reset(seed=0)
    play(writer, *["111"] * 9, "222")
    report = replay(path, make_env=lambda: gym.make("rlvr_gym:rlvr/Mastermind-v0", length=4))
    assert report.divergence is not None
    assert (report.divergence.turn, report.divergence.what) == (0, "start")
    assert "another task" in str(report.divergence.got)


def test_another_first_observation_is_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    writer = recorded(path)
    writer.reset(options={"task_index": 0})
    play(writer, "162")
    [record] = read_records(path)
    divergence = replay([record, replace(record, observation=content_hash("another"))]).divergence
    assert divergence is not None
    assert (divergence.episode, divergence.turn, divergence.what) == (1, 0, "start")
    assert divergence.expected == content_hash("another")
    assert str(divergence.got).endswith(": '3x6:'")


class Echo(gym.Env[str, str]):
    """Not an environment of ours, and without a way back."""

    observation_space = gym.spaces.Text(100)
    action_space = gym.spaces.Text(100)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return str(self.np_random.integers(10**9)), {"clock": object()}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return action + str(self.np_random.integers(10**9)), 1.0, action == "end", False, {}


def test_an_environment_without_snapshots_is_played_again_by_its_seed(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = Record(Echo(), str(path))
    env.reset(seed=3)
    play(env, "a", "end")
    [record] = read_records(path)
    assert record.start is None
    assert replay(path, make_env=Echo).same
    env.reset()
    play(env, "end")
    with pytest.raises(RecordError, match="neither a start nor a seed"):
        replay(path, make_env=Echo)


def test_an_end_that_comes_early_is_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = Record(Echo(), str(path))
    env.reset(seed=3)
    play(env, "end")
    [record] = read_records(path)
    divergence = replay(replace(record, steps=record.steps * 2), make_env=Echo).divergence
    assert divergence is not None
    assert (divergence.turn, divergence.what, divergence.expected, divergence.got) == (1, "terminated", False, True)


# --- Files ----------------------------------------------------------------------------------------------------------


def test_a_line_that_was_cut_off_is_passed_over_and_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = recorded(path)
    for _ in range(3):
        env.reset(options={"task_index": 0})
        play(env, "162")
    whole = path.read_bytes()
    for cut in (1, 10, 200):
        path.write_bytes(whole[:-cut])
        env.reset(options={"task_index": 0})
        play(env, "162")  # written after the torn line
        if cut == 1:  # only the newline is missing, and the next line brings its own
            assert len(list(read_records(path))) == 4
            continue
        with pytest.warns(UserWarning, match="cut off"):
            assert len(list(read_records(path))) == 3


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    for line, message in (
        ("[1]", "not a recorded episode"),
        ('{"record": 99}', "version 99"),
        ('{"record": 1, "seed": 3}', "keys"),
    ):
        path.write_text(line + "\n")
        with pytest.raises(RecordError, match=message):
            list(read_records(path))
    with pytest.raises(RecordError, match="cannot be read"):
        replay(tmp_path / "nothing.jsonl")


WRITER = """
import sys
import gymnasium as gym
from rlvr_gym.envs.wrappers import Record, UnaryFeedback
env = Record(gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=3), sys.argv[1])
env.reset(seed=int(sys.argv[2]))
print("ready", flush=True)
for episode in range(int(sys.argv[3])):
    env.reset()
    while not any(env.step("111")[2:4]):
        pass
"""


def writer(path: Path, seed: int, episodes: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(seed), str(episodes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_processes_write_to_one_file_and_one_of_them_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    processes = [writer(path, seed, 40) for seed in range(2)]
    endless = writer(path, 9, 10**9)
    try:
        assert endless.stdout is not None
        endless.stdout.readline()
        for process in processes:
            process.communicate(timeout=60)
    finally:
        os.kill(endless.pid, signal.SIGKILL)
        endless.communicate(timeout=60)
    with warnings.catch_warnings(record=True) as torn:
        warnings.simplefilter("always")
        records = list(read_records(path))
    assert len(torn) <= 1, "at most the line that the killed one was writing"
    assert len(records) >= 80
    assert replay(records[:10]).same


@pytest.mark.parametrize("path", ["", 3, None])
def test_a_path_that_is_none_is_refused(path: Any) -> None:
    with pytest.raises(ConfigError, match="path must be"):
        Record(Other(), path)
