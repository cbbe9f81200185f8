"""How a point reaches environments: workers, processes, autoresets, restarts."""

from __future__ import annotations

import doctest
import json
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, Transition, fork, restore, snapshot
from rlvr_gym.envs.check import check_text_env
from rlvr_gym.envs.vector import TextVectorEnv
from rlvr_gym.envs.wrappers import FormatGate, TokenLimit, UnaryFeedback
from rlvr_gym.envs.wrappers.scheduled import ScheduledReward, finished_infos, info_of, judged_in
from rlvr_gym.reward_shaping.core import make_reward
from rlvr_gym.reward_shaping.schedules import (
    PRESETS,
    SHAPES,
    TRIGGERS,
    AcknowledgementError,
    Controller,
    Feedback,
    SchedulePoint,
    outcome_of,
    scored,
)
from rlvr_gym.verifiers import ConfigError, make_verifier

ANNEAL = {"anneal": {"a": "dense", "b": "outcome", "key": "mix"}}
HALF = {"version": 7, "stage": "half", "values": {"mix": 0.5}}
BINARY = {"version": 8, "stage": "binary", "values": {"mix": 1.0}}
RIGHT, WRONG = "3 * 4", "3 + 4"  # countdown@1 gives 3 + 4 for 12 a score of 2/3: closer to 12 is more
WRONG_SCORE = make_verifier("countdown@1").verify(WRONG, {"numbers": [3, 4], "target": 12}).score
EPISODES = 24


def tasks(count: int = 6) -> ListTaskSet:
    private = {"reference": {"numbers": [3, 4], "target": 12}, "solution": RIGHT}
    return ListTaskSet([Task.create(f"Number {i}: make 12 of 3 and 4.", private) for i in range(count)])


def plain_env() -> TextEnv:
    return TextEnv(tasks(), make_verifier("countdown@1"))


def env(point: dict[str, Any] | None = None) -> ScheduledReward:
    return ScheduledReward(plain_env(), reward=ANNEAL, point=point)


PAGE = Path(__file__).resolve().parents[2] / "docs" / "schedules.md"


def test_the_page_about_schedules_is_right_and_names_all_pieces() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS).failed == 0
    text = PAGE.read_text(encoding="utf-8")
    assert not [name for name in (*TRIGGERS, *SHAPES, *PRESETS) if f"`{name}" not in text]


# --- One environment -------------------------------------------------------------------------------------------------


def test_an_episode_keeps_the_point_that_it_began_with() -> None:
    one = env()
    assert one.reset(seed=0)[1]["schedule_version"] == 0
    assert one.set_schedule_point(BINARY) == 8
    _, reward, terminated, _, info = one.step(WRONG)
    assert (reward, info["reward_terms"], info["schedule_version"]) == (WRONG_SCORE, {"dense": WRONG_SCORE}, 0)
    assert terminated
    assert info["passed"] is False
    assert one.reset()[1]["schedule_version"] == 8
    _, reward, _, _, info = one.step(WRONG)
    assert (reward, info["reward_terms"], info["schedule_version"]) == (0.0, {"outcome": 0.0}, 8)
    assert one.reset(options={"reward_schedule": HALF, "task_index": 1})[1]["schedule_version"] == 7
    _, reward, _, _, info = one.step(WRONG)
    assert reward == sum(info["reward_terms"].values()) == pytest.approx(WRONG_SCORE / 2)
    assert one.reset(seed=1)[1]["schedule_version"] == 7


@pytest.mark.parametrize("point", [None, 3, {"version": 1}, {"version": 1, "stage": "a", "values": {"mix": "x"}}])
def test_what_is_no_point_is_refused_and_changes_nothing(point: Any) -> None:
    one = env(HALF)
    with pytest.raises(ConfigError):
        one.set_schedule_point(point)
    with pytest.raises(ConfigError):
        one.reset(options={"reward_schedule": point})
    assert one.reset(seed=0)[1]["schedule_version"] == 7


def test_the_wrapper_and_the_function_give_one_reward() -> None:
    for point in (None, HALF, BINARY):
        one = env(point)
        for action in (RIGHT, WRONG, "nothing", "3 +"):
            one.reset(seed=0)
            _, reward, _, _, info = one.step(action)
            judged = judged_in(action, info)
            assert judged is not None
            [late] = scored(make_reward(ANNEAL), [judged], one.schedule_point)
            assert (late.reward, late.terms) == (reward, info["reward_terms"])
            assert late.version == info["schedule_version"]


def test_a_verdict_that_is_no_grade_and_an_episode_without_verdict_keep_their_reward() -> None:
    broken = ListTaskSet([Task.create("?", {"reference": {"numbers": [], "target": "x"}})])
    one = ScheduledReward(TextEnv(broken, make_verifier("countdown@1")), reward=ANNEAL, point=HALF)
    one.reset(seed=0)
    _, reward, terminated, truncated, info = one.step(RIGHT)
    assert (reward, terminated, truncated, info["reward_terms"]) == (0.0, False, True, {})

    class Pays(TextEnv):
        def transition(self, action: str) -> Transition:
            return Transition(observation="on", reward_terms={"step": 0.25})

    limited = ScheduledReward(Pays(tasks(), make_verifier("countdown@1"), max_turns=1), reward=ANNEAL, point=BINARY)
    limited.reset(seed=0)
    _, reward, _, truncated, info = limited.step(RIGHT)
    assert (reward, truncated, info["reward_terms"], info["schedule_version"]) == (0.25, True, {"step": 0.25}, 8)


def test_other_terms_stay() -> None:
    class Pays(TextEnv):
        def transition(self, action: str) -> Transition:
            verdict = self.verifier.verify(action, self.task.reference)
            return Transition(verdict=verdict, reward_terms={"step": 0.25})

    one = ScheduledReward(Pays(tasks(), make_verifier("countdown@1")), reward=ANNEAL)
    one.reset(seed=0)
    _, reward, _, _, info = one.step(WRONG)
    assert info["reward_terms"] == {"step": 0.25, "dense": WRONG_SCORE}
    assert reward == pytest.approx(0.25 + WRONG_SCORE)


def test_wrappers_around_it_keep_what_they_do() -> None:
    stack = UnaryFeedback(env(), turns=2, decay=0.5)
    stack.reset(seed=0)
    assert stack.step("3 - 4")[1] == 0.0
    assert stack.step(RIGHT)[1] == 0.5
    gated = FormatGate(env(), mode="bonus", weight=0.25, pass_on="answer")
    gated.reset(seed=0)
    _, reward, _, _, info = gated.step(f"<think>so</think><answer>{WRONG}</answer>")
    assert info["reward_terms"] == {"dense": WRONG_SCORE, "format": 0.25}
    assert reward == WRONG_SCORE + 0.25


class Slow(TextEnv):
    """Judges the third answer."""

    def transition(self, action: str) -> Transition:
        if self._turn < 3:
            return Transition("on")
        return Transition(verdict=self.verifier.verify(action, self.task.reference))

    def get_state(self) -> None:
        return None


def counted(limit: int) -> ScheduledReward:
    inner = TokenLimit(Slow(tasks(), make_verifier("countdown@1"), max_turns=3), tokenizer="words")
    overlong = {"overlong": {"limit": limit, "cache": 4}}
    return ScheduledReward(inner, reward={"sum": {"of": ["outcome", overlong]}})


def test_tokens_are_those_of_the_episode() -> None:
    """4 + 2 + 3 words: with 4 before a limit of 11, 2 are over, of 9 all."""
    for limit, price in ((13, 0.0), (11, -0.5), (9, -1.0)):
        one = counted(limit)
        for _ in range(2):  # the second episode begins at 0
            one.reset(seed=0)
            one.step("let me think first")
            saved = json.loads(json.dumps(snapshot(one).to_dict()))
            other = counted(limit)
            restore(other, saved)
            for each in (one, other, fork(one)[0]):
                each.step("well so")
                _, reward, _, _, info = each.step(RIGHT)
                assert (reward, info["reward_terms"]) == (1.0 + price, {"outcome": 1.0, "overlong": price})
            assert judged_in(RIGHT, info).context.tokens is None  # type: ignore[union-attr]  # 3 would be wrong


def test_a_reward_that_compares_responses_is_left_to_the_trainer() -> None:
    with pytest.raises(ConfigError, match="compares responses"):
        ScheduledReward(plain_env(), reward="win_rate")


def test_snapshots_forks_specs_and_pickles_have_the_point() -> None:
    one = env(HALF)
    one.reset(seed=0)
    one.set_schedule_point(BINARY)
    saved = json.loads(json.dumps(snapshot(one).to_dict()))
    [branch] = fork(one)
    other = env()
    assert restore(other, saved)[1]["schedule_version"] == 7
    copy = pickle.loads(pickle.dumps(one))
    assert one.step(WRONG) == branch.step(WRONG) == other.step(WRONG) == copy.step(WRONG)
    assert [each.reset()[1]["schedule_version"] for each in (one, branch, copy, other)] == [8, 8, 8, 7]

    made = ScheduledReward(gym.make("rlvr_gym:rlvr/Countdown-v0"), reward=make_reward(ANNEAL), point=HALF)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(made.spec.to_json()))  # type: ignore[union-attr]
    assert made.reset(seed=3) == again.reset(seed=3)
    assert made.step("1 + 1") == again.step("1 + 1")


def test_a_wrapped_environment_keeps_every_promise() -> None:
    check_text_env(
        lambda: ScheduledReward(gym.make("rlvr_gym:rlvr/Countdown-v0"), reward=ANNEAL, point=HALF),
        turns=2, tasks=2, seeds=1,
    )  # fmt: skip


# --- Many environments -----------------------------------------------------------------------------------------------

MODES = {mode.value: mode for mode in AutoresetMode}
ENVS = 8


def ours(number: int, mode: AutoresetMode) -> Any:
    return TextVectorEnv([env] * number, autoreset_mode=mode)


def sync(number: int, mode: AutoresetMode) -> Any:
    return SyncVectorEnv([env] * number, autoreset_mode=mode)


def apart(number: int, mode: AutoresetMode) -> Any:
    return AsyncVectorEnv([env] * number, autoreset_mode=mode, shared_memory=False)


class Log(NamedTuple):
    points: list[SchedulePoint]  # after each step of the trainer
    rewards: list[list[float]]  # late bound, in the order of the environments
    lags: set[int]  # versions by which the environments' own rewards were behind


def passes(place: int, episode: int) -> bool:
    """Whether the episode of this number of this environment is a pass: ever more often, whoever plays it."""
    return random.Random(f"{place} {episode}").random() < episode / EPISODES


def play(make: Callable[[int, AutoresetMode], Any], workers: int, mode: AutoresetMode) -> Log:
    """Eight environments in so many vector environments; a step of the trainer is one episode of each."""
    size = ENVS // workers
    vectors = [make(size, mode) for _ in range(workers)]
    controller = Controller({"delta_two_stage": {"min_steps": 4, "coverage": 0.5, "rescue_steps": 2}})
    reward = make_reward(ANNEAL)
    log = Log([], [], set())
    for number, vector in enumerate(vectors):
        controller.deliver(vector)
        vector.reset(seed=[number * size + i for i in range(size)])
    for episode in range(1, EPISODES + 1):
        parts, judged, lags = [], [], set()
        for number, vector in enumerate(vectors):
            controller.deliver(vector)
            if episode > 1 and mode is AutoresetMode.DISABLED:
                vector.reset(options={"reset_mask": np.ones(size, bool)})
            if episode > 1 and mode is AutoresetMode.NEXT_STEP:
                _, rewards, terminated, truncated, _ = vector.step(["ignored"] * size)
                assert not np.concatenate([rewards, terminated, truncated]).any()
            actions = [RIGHT if passes(number * size + i, episode) else WRONG for i in range(size)]
            _, rewards, terminated, truncated, infos = vector.step(actions)
            ended = finished_infos(infos, terminated | truncated)
            assert list(ended) == list(range(size))
            found = [judged_in(action, ended[i]) for i, action in enumerate(actions)]
            for i, each in enumerate(found):
                assert each is not None
                version = ended[i]["schedule_version"]
                assert rewards[i] == scored(reward, [each], controller.point_of(version))[0].reward
                lags.add(controller.point.version - version)
            judged += found
            counted = [outcome_of(each.context.prompt_id, each.verdict) for each in found]
            parts.append(Feedback.of(episode, counted))
        log.rewards.append([each.reward for each in scored(reward, judged, controller.point)])
        log.points.append(controller.advance(parts))
        log.lags.update(lags)
    for vector in vectors:
        vector.close()
    return log


@pytest.fixture(scope="module")
def expected() -> Log:
    return play(ours, 1, AutoresetMode.DISABLED)


def test_the_stream_that_is_compared_switches(expected: Log) -> None:
    stages = [point.stage for point in expected.points]
    assert {"dense", "binary"} == set(stages)
    switch = stages.index("binary")
    assert 4 <= switch + 1 < EPISODES
    assert WRONG_SCORE in expected.rewards[switch]
    assert set(expected.rewards[switch + 1]) == {0.0, 1.0}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("make", "workers"),
    [(ours, 1), (ours, 2), (ours, 8), (sync, 1), (sync, 2), (sync, 8), (apart, 2)],
    ids=["ours-1", "ours-2", "ours-8", "sync-1", "sync-2", "sync-8", "processes-2"],
)
def test_the_same_outcomes_give_the_same_switches(make: Any, workers: int, mode: str, expected: Log) -> None:
    log = play(make, workers, MODES[mode])
    assert log.points == expected.points
    assert log.rewards == expected.rewards
    # The next episode begins before the trainer has heard of this one's end where the reset is in the same step.
    assert log.lags == ({0, 1} if mode == "SameStep" else {0})


@pytest.mark.parametrize("make", [ours, sync, apart])
def test_a_point_that_comes_with_reset_reaches_every_environment(make: Any) -> None:
    vector = make(2, AutoresetMode.DISABLED)
    _, infos = vector.reset(seed=0, options={"reward_schedule": HALF})
    assert infos["schedule_version"].tolist() == [7, 7]
    vector.step([RIGHT, WRONG])
    mask = np.array([False, True])
    _, infos = vector.reset(options={"reset_mask": mask, "reward_schedule": BINARY})
    assert info_of(infos, 1)["schedule_version"] == 8
    vector.close()


@pytest.mark.filterwarnings("ignore:.*ERROR")  # Gymnasium's workers say it, too
@pytest.mark.parametrize("make", [ours, sync, apart])
def test_environments_without_the_wrapper_are_noticed(make: Any) -> None:
    maker = partial({ours: TextVectorEnv, sync: SyncVectorEnv, apart: AsyncVectorEnv}[make], [plain_env])
    vector = maker(shared_memory=False) if make is apart else maker()
    with pytest.raises(AcknowledgementError, match="no ScheduledReward"):
        Controller("delta_two_stage").deliver(vector)
    vector.close()


def test_an_answer_with_another_version_is_noticed() -> None:
    class Deaf(ScheduledReward):
        def set_schedule_point(self, point: Any) -> int:
            return 0

    controller = Controller("delta_two_stage")
    controller.deliver([env(), env()])
    with pytest.raises(AcknowledgementError, match=r"version 1 .* \{1: 0\}"):
        controller.deliver([env(), Deaf(plain_env(), reward=ANNEAL)])


def test_an_environment_that_was_built_again_gets_the_point_with_its_next_reset() -> None:
    class Fragile(TextEnv):
        def reset(self, **kwargs: Any) -> Any:
            if faults:
                raise OSError(faults.pop())
            return super().reset(**kwargs)

    faults: list[str] = []
    vector = TextVectorEnv(
        [lambda: ScheduledReward(Fragile(tasks(), make_verifier("countdown@1")), reward=ANNEAL)], workers=0
    )
    controller = Controller("delta_two_stage")
    controller.deliver(vector)
    assert vector.reset(seed=0)[1]["schedule_version"].tolist() == [1]
    faults.append("gone")
    assert vector.reset()[1]["schedule_version"].tolist() == [0]  # built again: whoever reads it sees that it has none
    controller.deliver(vector)
    assert vector.reset()[1]["schedule_version"].tolist() == [1]
    vector.close()


# --- Killed and resumed ----------------------------------------------------------------------------------------------

RUN = """
import json, os, random, signal, sys
from pathlib import Path
from rlvr_gym.reward_shaping.schedules import Controller, Feedback, Outcome, merged

folder, workers, die_at = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
saved = folder / "state.json"
controller = Controller({"delta_two_stage": {"min_steps": 5, "coverage": 0.3, "rescue_steps": 4}})
begin = 1
if saved.exists():
    state = json.loads(saved.read_text())
    controller.load_state_dict(state)
    begin = state["state"]["step"] + 1
for step in range(begin, 61):
    outcomes = []
    for prompt in "abcdefgh":
        for sample in range(4):
            rate = max(0.0, 0.04 * (step % 30 - 8))
            passed = random.Random(f"{step} {prompt} {sample}").random() < rate
            outcomes.append(Outcome(prompt, passed, random.Random(sample).random()))
    parts = [Feedback.of(step, outcomes[i::workers]) for i in range(workers)]
    point = controller.advance(reversed(parts))
    if step == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    print(step, json.dumps(point.to_dict()), flush=True)
    if step % 7 == 0:
        (folder / "partial").write_text(json.dumps(controller.state_dict()))
        (folder / "partial").replace(saved)
"""


def test_a_run_that_was_killed_goes_on_in_a_new_process_as_if_it_had_not_been(tmp_path: Path) -> None:
    def run(folder: str, workers: int, die_at: int) -> tuple[int, dict[str, str]]:
        (tmp_path / folder).mkdir(exist_ok=True)
        command = [sys.executable, "-c", RUN, str(tmp_path / folder), str(workers), str(die_at)]
        salted = {**os.environ, "PYTHONHASHSEED": str(workers)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=salted)
        lines = (line.partition(" ") for line in done.stdout.splitlines())
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode, {step: point for step, _, point in lines}

    _, whole = run("whole", 1, 0)
    code, first = run("killed", 2, 33)
    assert (code, len(first)) == (-signal.SIGKILL, 32)
    code, second = run("killed", 8, 0)
    assert (code, next(iter(second))) == (0, "29")  # 28 was the last that was saved
    assert {**first, **second} == whole
    stages = [json.loads(point)["stage"] for point in whole.values()]
    assert stages[0] == "dense"
    assert stages[-1] == "binary"
    assert "dense" in stages[stages.index("binary") :]  # it was rescued once
