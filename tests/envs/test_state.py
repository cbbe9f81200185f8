"""`snapshot`, `restore`, `fork`: through wrappers, across processes and versions, and what they refuse."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from hypothesis import given
from hypothesis import strategies as st
from rlvr_gym.envs import (
    EpisodeOverError,
    ListTaskSet,
    Snapshot,
    SnapshotError,
    Task,
    TextAction,
    TextEnv,
    Transition,
    fork,
    restore,
    snapshot,
)
from rlvr_gym.envs.snapshot import load_rng, other_rng, save_rng
from rlvr_gym.verifiers import ConfigError, make_verifier

GOLDEN = Path(__file__).parent / "golden"
MASTERMIND = "rlvr_gym:rlvr/Mastermind-v0"
GUESSES = ["<answer>1122</answer>", "none", "<answer>3344</answer>", "<answer>5566</answer>", "<answer>1234</answer>"]


def play(env: gym.Env[Any, Any], actions: list[str]) -> list[Any]:
    """What the actions lead to, up to the end of the episode."""
    seen = []
    for action in actions:
        seen.append(env.step(action))
        if seen[-1][2] or seen[-1][3]:
            break
    return seen


def mastermind(**knobs: Any) -> gym.Env[Any, Any]:
    env = gym.make(MASTERMIND, **knobs)
    env.reset(seed=3)
    return env


class Dice(TextEnv):
    """Each turn is answered by a random number; the hidden state is their sum. Nothing is asked."""

    def __init__(self) -> None:
        tasks = [Task.create(f"Roll {i}.", {"reference": i}) for i in range(50)]
        super().__init__(ListTaskSet(tasks), make_verifier("number@1"), max_turns=6)
        self.total = 0

    def begin(self, task: Task) -> str:
        self.total = int(self.np_random.integers(100))
        return f"{task.prompt} Start at {self.total}."

    def transition(self, action: str) -> Transition:
        self.total += int(self.np_random.integers(1_000_000))
        return Transition(str(self.total), reward_terms={"roll": self.total / 1e6})


class SavedDice(Dice):
    """The same, with its state written down."""

    def get_state(self) -> Any:
        return {"total": self.total}

    def set_state(self, state: Any) -> None:
        self.total = state["total"]


# --- Going back ----------------------------------------------------------------------------------------------------


def test_a_restored_episode_has_the_same_future() -> None:
    env = mastermind()
    play(env, GUESSES[:2])
    saved = snapshot(env)
    future = play(env, GUESSES[2:])
    env.reset(seed=99)
    observation, info = restore(env, saved)
    assert observation == saved.transcript[-1]["content"]
    assert (info["turn"], info["messages"]) == (2, list(saved.transcript))
    assert play(env, GUESSES[2:]) == future


def test_a_snapshot_does_not_change_with_the_episode_nor_the_episode_with_it() -> None:
    env = mastermind()
    play(env, GUESSES[:1])
    saved = snapshot(env)
    before = json.dumps(saved.to_dict())
    play(env, GUESSES[1:3])
    assert json.dumps(saved.to_dict()) == before
    _, info = restore(env, saved)
    info["messages"][0]["content"] = "spoilt"
    info["messages"].clear()
    play(env, GUESSES[1:3])
    assert json.dumps(saved.to_dict()) == before
    data = saved.to_dict()
    data["state"].clear()
    data["transcript"].clear()
    assert json.dumps(saved.to_dict()) == before


def test_the_moment_after_reset_and_the_end_can_be_saved() -> None:
    env = mastermind(max_turns=1)
    start = snapshot(env)
    end_step = env.step(GUESSES[0])
    end = snapshot(env)
    restore(env, start)
    assert env.step(GUESSES[0]) == end_step
    assert restore(env, end)[0] == ""
    with pytest.raises(EpisodeOverError):
        env.step("x")


@pytest.mark.parametrize("kind", [Dice, SavedDice])
def test_random_numbers_go_on_where_they_were(kind: type[Dice]) -> None:
    env = kind()
    env.reset(seed=1)
    env.step("a")
    saved = Snapshot.from_dict(json.loads(json.dumps(snapshot(env).to_dict())))
    future = [*play(env, ["b", "c"]), env.reset()]
    other = kind()
    restore(other, saved)
    assert [*play(other, ["b", "c"]), other.reset()] == future


def test_the_option_snapshot_begins_there_and_a_seed_gives_another_future() -> None:
    env = SavedDice()
    env.reset(seed=1)
    env.step("a")
    saved = snapshot(env)
    observation, info = env.reset(options={"snapshot": saved})
    assert (observation, info["turn"]) == (saved.transcript[-1]["content"], 1)
    same, again = env.step("b"), env.reset(options={"snapshot": saved.to_dict()})
    assert again == (observation, info)
    assert env.step("b") == same
    env.reset(seed=7, options={"snapshot": saved})
    reseeded = env.step("b")
    env.reset(seed=7, options={"snapshot": saved})
    assert env.step("b") == reseeded != same


def test_a_seed_after_a_restore_counts() -> None:
    env = SavedDice()
    fresh = env.reset(seed=5)
    env.step("a")
    saved = snapshot(env)
    restore(env, saved)
    assert env.reset(seed=5) == fresh


def test_a_task_that_was_given_travels_whole() -> None:
    task = Task.create("What is 2 + 2?", {"reference": 4}, difficulty={"digits": 1}, metadata={"row": 3})
    env = gym.make("rlvr_gym:rlvr/Arithmetic-v0")
    env.reset(seed=0, options={"task": task})
    saved = json.loads(json.dumps(snapshot(env).to_dict()))
    other = gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=3)
    restore(other, saved)
    assert other.unwrapped.task == task
    assert other.step("#### 4")[4]["passed"]


# --- Replay --------------------------------------------------------------------------------------------------------


class Forgetful(Dice):
    """Restored by replay, which cannot work: its answers count how often they were asked for, in whatever episode."""

    asked = 0

    def transition(self, action: str) -> Transition:
        type(self).asked += 1
        return Transition(f"asked {self.asked} times")


def test_an_environment_without_get_state_is_replayed() -> None:
    env = Dice()
    env.reset(seed=4)
    env.step(TextAction("a", finish_reason="length", tool_calls=({"name": "roll"},)))
    env.step("b")
    saved = snapshot(env)
    assert saved.state is None
    assert saved.replay is not None
    assert saved.replay["actions"] == [
        {"text": "a", "finish_reason": "length", "tool_calls": [{"name": "roll"}]},
        {"text": "b"},
    ]
    [twin] = fork(env)
    assert play(twin, ["c", "d"]) == play(env, ["c", "d"])


def test_a_replay_that_takes_another_way_is_refused_with_the_place() -> None:
    env = Forgetful()
    env.reset(seed=0)
    env.step("a")
    saved = snapshot(env)
    with pytest.raises(SnapshotError, match="diverged at message 2"):
        restore(Forgetful(), saved)
    with pytest.raises(SnapshotError, match="diverged at message 2"):
        fork(env)


def test_after_a_failed_restore_there_is_no_episode() -> None:
    env = Forgetful()
    env.reset(seed=0)
    env.step("a")
    saved = snapshot(env)
    with pytest.raises(SnapshotError):
        restore(env, saved)
    with pytest.raises(EpisodeOverError):
        env.step("b")


# --- Forks ---------------------------------------------------------------------------------------------------------


def test_forks_share_nothing() -> None:
    env = mastermind()
    play(env, GUESSES[:1])
    one, two = fork(env, 2)
    here = play(env, GUESSES[1:3])
    assert play(one, GUESSES[1:3]) == here
    assert two.step(GUESSES[3]) != here[0]
    assert snapshot(env) == snapshot(one) != snapshot(two)
    one.action_space.seed(1)
    two.action_space.seed(1)
    first = one.action_space.sample()
    assert two.action_space.sample() == first


def test_a_fork_before_the_first_reset_is_a_fresh_environment() -> None:
    [twin] = fork(gym.make(MASTERMIND))
    assert twin.reset(seed=3) == gym.make(MASTERMIND).reset(seed=3)


def test_reseeded_forks_differ_from_each_other_and_are_reproducible() -> None:
    def futures() -> list[str]:
        env = SavedDice()
        env.reset(seed=1)
        first = fork(env, 3, reseed=True)
        second = fork(env, 3, reseed=True)
        plain = fork(env)
        return [branch.step("a")[0] for branch in [*first, *second, *plain, env]]

    seen = futures()
    assert len(set(seen)) == 7  # six branches; the unseeded fork and the original agree
    assert seen[-1] == seen[-2]
    assert futures() == seen


def test_branch_streams_are_uniform_and_uncorrelated() -> None:
    """4,096 first draws of sibling streams: mean 1/2 and no correlation of neighbours, each within 5 standard errors
    (a false alarm in 10**6)."""
    base = save_rng(np.random.default_rng(0))
    draws = np.array([load_rng(other_rng(base, number)).random() for number in range(4096)])
    assert abs(draws.mean() - 0.5) < 5 / np.sqrt(12 * 4096)
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 5 / np.sqrt(4095)


@pytest.mark.parametrize("n", [-1, 1.5, True, "2"])
def test_a_number_of_forks_is_a_count(n: Any) -> None:
    with pytest.raises(ConfigError, match="n must be an integer of at least 0"):
        fork(mastermind(), n)


@given(st.lists(st.sampled_from([*GUESSES, "x" * 50, "\ud800", "<answer>6 6 6 6</answer>"]), max_size=9), st.data())
def test_a_fork_anywhere_equals_the_original(actions: list[str], data: st.DataObject) -> None:
    env = mastermind(max_turns=12)
    cut = data.draw(st.integers(0, len(actions)))
    if (begun := play(env, actions[:cut])) and begun[-1][2]:
        return  # the code was found before the cut
    [twin] = fork(env)
    saved = snapshot(env)
    assert play(twin, actions[cut:]) == play(env, actions[cut:])
    again = gym.make(MASTERMIND, max_turns=12)
    restore(again, json.loads(json.dumps(saved.to_dict())))
    play(again, actions[cut:])
    assert snapshot(again) == snapshot(env)


# --- Wrappers ------------------------------------------------------------------------------------------------------


class Counting(gym.Wrapper[Any, Any, Any, Any]):
    """Somebody's wrapper without `get_state`: its attributes are its state."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.steps = 0
        self.seen: dict[str, Any] = {"texts": [], "lengths": (0,)}
        self.clean = str.strip

    def step(self, action: Any) -> Any:
        self.steps += 1
        self.seen["texts"].append(self.clean(action))
        self.seen["lengths"] += (len(action),)
        return super().step(action)


class Locked(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps what cannot be written down."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.log = open(__file__)  # noqa: SIM115


STACKS: dict[str, Any] = {
    "time limit": lambda env: wrappers.TimeLimit(env, 3),
    "statistics": lambda env: wrappers.RecordEpisodeStatistics(env),
    "normalised reward": lambda env: wrappers.NormalizeReward(env),
    "frame stack": lambda env: wrappers.FrameStackObservation(env, 3, padding_type="zero"),
    "delay": lambda env: wrappers.DelayObservation(env, 1),
    "clipped reward": lambda env: wrappers.ClipReward(env, -1, 0.2),
    "transformed": lambda env: wrappers.TransformObservation(env, str.upper, env.observation_space),
    "sticky": lambda env: wrappers.StickyAction(env, 0.5),
    "autoreset": lambda env: wrappers.Autoreset(env),
    "somebody's": Counting,
    "all": lambda env: Counting(
        wrappers.RecordEpisodeStatistics(
            wrappers.TimeLimit(wrappers.StickyAction(wrappers.NormalizeReward(env), 0.5), 3)
        )
    ),
}


def without_clocks(seen: list[Any]) -> list[Any]:
    for step in seen:
        step[4].get("episode", {}).pop("t", None)
    return seen


@pytest.mark.parametrize("name", STACKS)
def test_wrappers_keep_their_state(name: str) -> None:
    env = STACKS[name](gym.make(MASTERMIND))
    env.reset(seed=3)
    env.step(GUESSES[0])
    saved = json.loads(json.dumps(snapshot(env).to_dict()))
    [twin] = fork(env)
    later = STACKS[name](gym.make(MASTERMIND))
    restore(later, saved)
    future = without_clocks(play(env, GUESSES[1:]))
    assert without_clocks(play(twin, GUESSES[1:])) == future
    assert without_clocks(play(later, GUESSES[1:])) == future
    restore(env, saved)
    assert without_clocks(play(env, GUESSES[1:])) == future


def test_time_limit_and_statistics_count_on() -> None:
    env = wrappers.RecordEpisodeStatistics(wrappers.TimeLimit(gym.make(MASTERMIND), 3))
    env.reset(seed=3)
    env.step(GUESSES[0])
    [twin] = fork(env)
    assert [step[3] for step in play(twin, GUESSES[1:])] == [False, True]
    statistics = play(env, GUESSES[1:])[-1][4]["episode"]
    assert (statistics["l"], statistics["r"]) == (3, 0.0)
    assert list(twin.length_queue) == [3]


def test_what_is_seen_after_a_restore_is_what_the_wrappers_show() -> None:
    env = wrappers.TransformObservation(gym.make(MASTERMIND), str.upper, gym.make(MASTERMIND).observation_space)
    first, _ = env.reset(seed=3)
    saved = snapshot(env)
    assert restore(env, saved)[0] == first
    assert first.isupper()
    stacked = wrappers.FrameStackObservation(gym.make(MASTERMIND), 2)
    first, _ = stacked.reset(seed=3)
    assert restore(stacked, snapshot(stacked))[0] == first


def test_a_wrapper_that_cannot_be_saved_is_named() -> None:
    env = Locked(mastermind())
    for act in (snapshot, fork):
        with pytest.raises(SnapshotError, match=r"Locked keeps log = .* give it get_state\(\) and set_state\(state\)"):
            act(env)
    env.log.close()


# --- What does not fit ---------------------------------------------------------------------------------------------


def test_what_is_no_episode_of_ours_is_refused() -> None:
    with pytest.raises(SnapshotError, match="the innermost is a CartPoleEnv"):
        snapshot(gym.make("CartPole-v1"))
    with pytest.raises(EpisodeOverError, match="call reset"):
        snapshot(gym.make(MASTERMIND))


def test_another_environment_other_wrappers_and_other_tasks_are_refused() -> None:
    saved = snapshot(mastermind())
    with pytest.raises(SnapshotError, match=r"cannot be restored in rlvr_gym\.envs\.arithmetic:ArithmeticEnv"):
        restore(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), saved)
    with pytest.raises(SnapshotError, match=r"the snapshot has the wrappers \['OrderEnforcing'\]"):
        restore(gym.make(MASTERMIND).unwrapped, saved)
    with pytest.raises(SnapshotError, match="make it with the settings and the data of the one that was saved"):
        restore(gym.make(MASTERMIND, taskset_seed=1), saved)


MISTAKES: dict[str, Any] = {
    "not a dict": [],
    "no version": {"snapshot": None},
    "a later version": {"snapshot": 2},
    "a missing key": "turn",
    "turn": {"turn": "1"},
    "over": {"over": 0},
    "rng": {"rng": "PCG64"},
    "numbers of the rng": {"rng": ["PCG64", "zz", "1", 0, 0]},
    "another rng": {"rng": ["MT19937", "1", "1", 0, 0]},
    "layers": {"layers": [["TimeLimit"]]},
    "task": {"task": {"id": "0", "index": "x"}},
    "a negative index": {"task": {"id": "0", "index": -1}},
    "state": {"state": {"total": 1}},
    "digest": {"digest": "0" * 16},
    "transcript": {"transcript": [{"role": "user", "content": "You have won."}]},
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_no_snapshot_is_refused(name: str) -> None:
    env = mastermind()
    env.step(GUESSES[0])
    data: Any = snapshot(env).to_dict()
    change = MISTAKES[name]
    if isinstance(change, str):
        del data[change]
    elif isinstance(change, dict):
        data.update(change)
    else:
        data = change
    with pytest.raises(SnapshotError):
        restore(env, data)


# --- Other processes and versions ----------------------------------------------------------------------------------


def golden(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return content


def make_golden(name: str) -> gym.Env[Any, Any]:
    env_id, settings = {
        "mastermind": (MASTERMIND, {}),
        "code_repair": ("rlvr_gym:rlvr/CodeRepair-v0", {"settings": {"depth": 1, "length": 5, "shown": 2}}),
        "arithmetic": ("rlvr_gym:rlvr/Arithmetic-v0", {}),
    }[name]
    return wrappers.RecordEpisodeStatistics(wrappers.TimeLimit(gym.make(env_id, **settings), 4))


@pytest.mark.parametrize("name", ["mastermind", "code_repair", "arithmetic"])
def test_a_snapshot_of_an_earlier_version_restores(name: str) -> None:
    """The files were written by the first version; they are never written again, or snapshots of users break unseen."""
    stored = golden(name)
    env = make_golden(name)
    observation, info = restore(env, stored["snapshot"])
    assert [observation, info["turn"], info["anchor"]] == stored["now"]
    future = without_clocks(play(env, stored["actions"]))
    assert [[step[0], float(step[1]), step[2], step[3], step[4]["anchor"]] for step in future] == stored["future"]


def test_a_snapshot_restores_in_another_process(tmp_path: Path) -> None:
    env = mastermind()
    play(env, GUESSES[:2])
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps(snapshot(env).to_dict()))
    code = (
        "import sys, json, gymnasium as gym\n"
        "from rlvr_gym.envs import restore\n"
        f"env = gym.make({MASTERMIND!r})\n"
        "restore(env, json.load(open(sys.argv[1])))\n"
        f"print(json.dumps([env.step(a) for a in {GUESSES[2:]!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "5", "PATH": ""},
    )  # fmt: skip
    assert json.loads(done.stdout) == json.loads(json.dumps(play(env, GUESSES[2:])))


def test_an_environment_pickles_in_the_middle_of_an_episode() -> None:
    env = mastermind()
    play(env, GUESSES[:2])
    restore(env, snapshot(env))
    twin = pickle.loads(pickle.dumps(env))
    assert play(twin, GUESSES[2:]) == play(env, GUESSES[2:])
    assert twin.reset() == env.reset()
