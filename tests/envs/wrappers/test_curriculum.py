"""`CurriculumEnv`, `CurriculumTracker`, `SelfPaced`: levels change when they should, and only then."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import fork, restore, snapshot
from rlvr_gym.envs.ladders import wilson
from rlvr_gym.envs.wrappers import CurriculumEnv, CurriculumTracker, Hint, Outcome, SelfPaced, UnaryFeedback, outcome_of
from rlvr_gym.verifiers import ConfigError

gym.register("test/Curriculum-v0", "rlvr_gym.envs.wrappers.curriculum:CurriculumEnv")

LEVELS = [{"digits": 1}, {"digits": 2}, {"digits": 3}]


def curriculum(**settings: Any) -> CurriculumEnv:
    return CurriculumEnv(
        **{"env": "rlvr/Arithmetic-v0", "levels": LEVELS, "settings": {"style": "compact"}, **settings}
    )


# --- The environment ------------------------------------------------------------------------------------------------


def test_the_level_changes_only_when_told_to() -> None:
    env = curriculum()
    assert {env.reset(seed=seed)[1]["level"] for seed in range(20)} == {0}
    env.set_level(2)
    assert env.step("1")[4]["level"] == 0, "the episode under way is not touched"
    _, info = env.reset(seed=0)
    assert (info["level"], info["difficulty"]["digits"]) == (2, 3)
    assert env.reset(seed=0, options={"level": 1, "task_index": 4})[1]["level"] == 1
    assert env.reset(seed=0)[1]["level"] == 2, "the option is for one episode"


def test_a_vector_of_environments_is_told_at_once() -> None:
    envs = gym.make_vec(
        "test/Curriculum-v0", num_envs=3, vectorization_mode="sync", env="rlvr/Arithmetic-v0", levels=LEVELS
    )
    envs.call("set_level", 1)
    _, infos = envs.reset(seed=0)
    assert list(infos["level"]) == [1, 1, 1]


def test_earlier_levels_are_drawn_with_their_share() -> None:
    """900 draws, a third of them from two earlier levels: 150 each, standard deviation 11.2; six are allowed."""
    env = curriculum(level=2, earlier=1 / 3)
    env.reset(seed=0)
    counts = Counter(env.reset()[1]["level"] for _ in range(900))
    assert abs(counts[0] - 150) < 68
    assert abs(counts[1] - 150) < 68
    assert counts[2] > 500
    assert {curriculum(earlier=1.0).reset(seed=seed)[1]["level"] for seed in range(20)} == {0}, "there is none earlier"


def test_the_seeds_of_tasks_do_not_depend_on_what_was_played() -> None:
    env, other = curriculum(earlier=0.5), curriculum(earlier=0.5)
    env.set_level(1)
    other.set_level(1)
    for seed in (3, 1, 2):
        other.reset(seed=seed)
    assert [env.reset(seed=seed) for seed in (1, 2, 3)] == [other.reset(seed=seed) for seed in (1, 2, 3)]


def test_a_snapshot_has_the_level_of_its_episode_and_not_that_of_the_next() -> None:
    env = curriculum()
    env.reset(seed=0)
    saved = snapshot(env).to_dict()
    env.set_level(2)
    assert restore(env, saved)[1]["level"] == 0
    assert env.reset()[1]["level"] == 2
    assert fork(env)[0].step("1")[4]["level"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"levels": []}, "levels must be"),
        ({"levels": [3]}, "a level is a dict"),
        ({"level": 3}, "level must be an integer from 0 to 2"),
        ({"earlier": 2}, "earlier must be"),
        ({"env": "rlvr/Arithmetik-v0"}, "no environment"),
        ({"settings": [1]}, "settings must be"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        curriculum(**change)


@pytest.mark.parametrize("level", [-1, 3, True, "1"])
def test_there_is_no_such_level(level: Any) -> None:
    with pytest.raises(ConfigError, match="level must be"):
        curriculum().set_level(level)
    with pytest.raises(ConfigError, match="level must be"):
        curriculum().reset(options={"level": level})


# --- The tracker ----------------------------------------------------------------------------------------------------


def test_wilson_by_hand() -> None:
    """With z = 1 (confidence 0.84134) and 3 of 4: centre (3 + 1/2) / 5 = 0.7, half sqrt(3/4 + 1/4) / 5 = 0.2."""
    bounds = wilson(3, 4, 0.8413447460685429)
    assert bounds == pytest.approx((0.5, 0.9))
    assert wilson(0, 4, 0.95).low == 0.0
    assert wilson(4, 4, 0.95).high == 1.0


def run(tracker: CurriculumTracker, level: int, outcomes: str) -> CurriculumTracker:
    return tracker.update(Outcome(level, one == "+") for one in outcomes)


def test_up_once_the_lower_bound_is_above_the_threshold() -> None:
    """n of n have the lower bound n / (n + 1.645**2): 0.689 for 6, 0.721 for 7."""
    tracker = CurriculumTracker(levels=2, up=0.7)
    assert run(tracker, 0, "++++++").level == 0
    assert run(tracker, 0, "+++++++") == CurriculumTracker(levels=2, up=0.7, level=1)
    assert run(run(tracker, 0, "+++++++"), 1, "+" * 50).level == 1, "the last level is the last"


def test_down_once_the_upper_bound_is_below_the_threshold_and_never_below_the_first() -> None:
    """0 of n have the upper bound 2.706 / (n + 2.706): 0.213 for 10, 0.197 for 11."""
    tracker = CurriculumTracker(levels=3, down=0.2, level=1)
    assert run(tracker, 1, "-" * 10).level == 1
    assert run(tracker, 1, "-" * 11).level == 0
    assert run(run(tracker, 1, "-" * 11), 0, "-" * 50).level == 0
    assert run(CurriculumTracker(levels=3, level=1), 1, "-" * 99).level == 1, "down only if asked for"


def test_other_levels_do_not_count_and_old_outcomes_are_forgotten() -> None:
    tracker = CurriculumTracker(levels=3, up=0.5, window=10, level=1)
    assert run(tracker, 0, "+" * 50) == tracker
    assert run(tracker, 2, "+" * 50) == tracker
    assert run(run(tracker, 1, "-" * 50), 1, "+" * 7).level == 1
    assert run(run(tracker, 1, "-" * 50), 1, "+" * 9).level == 2


outcomes = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(outcomes, st.integers(0, 2**32))
def test_who_played_an_episode_does_not_matter(batch: list[tuple[int, bool]], seed: int) -> None:
    """Within a window the order does not matter either; a batch moves by one level at most."""
    tracker = CurriculumTracker(levels=3, up=0.5, down=0.3, window=100, level=1)
    shuffled = list(batch)
    random.Random(seed).shuffle(shuffled)
    assert tracker.update(batch).level == tracker.update(shuffled).level
    assert tracker.update(batch).level in (0, 1, 2)


def test_a_checkpoint_goes_on_where_it_was() -> None:
    tracker = run(CurriculumTracker(levels=3, up=0.5, level=1), 1, "+-")
    state = json.loads(json.dumps(tracker.state_dict()))
    assert state == {"level": 1, "recent": [True, False]}
    assert CurriculumTracker(levels=3, up=0.5).load_state_dict(state) == tracker
    for bad in (None, {}, {"level": 7, "recent": []}, {"level": 0, "recent": [1]}, {"level": 0, "recent": "x"}):
        with pytest.raises(ConfigError):
            CurriculumTracker(levels=3).load_state_dict(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"levels": 0},
        {"up": 1.0},
        {"up": 0},
        {"down": 0.7},
        {"window": 6},
        {"confidence": 0.5},
        {"confidence": 1},
        {"level": 3},
    ],
)
def test_bad_settings_of_the_tracker_are_refused(change: dict[str, Any]) -> None:
    """With a window of 6 the lower bound reaches 0.689 and never 0.7."""
    with pytest.raises(ConfigError, match=next(iter(change))):
        CurriculumTracker(**{"levels": 3, **change})


@pytest.mark.parametrize(
    ("info", "outcome"),
    [
        ({"level": 1, "stop_reason": "answered", "passed": True}, (1, True)),
        ({"level": 1, "stop_reason": "answered", "passed": False, "hint": 0.0}, (1, False)),
        ({"level": 1, "stop_reason": "max_turns"}, (1, False)),
        ({"level": 1, "stop_reason": "length"}, (1, False)),
        ({"level": 1, "stop_reason": "answered", "passed": False, "passed_with_hint": True, "hint": 0.5}, None),
        ({"level": 1, "stop_reason": "ungradable"}, None),
        ({"level": 1, "stop_reason": "error"}, None),
        ({"level": 1}, None),
        ({"stop_reason": "answered", "passed": True}, None),
    ],
)
def test_what_counts(info: dict[str, Any], outcome: tuple[int, bool] | None) -> None:
    assert outcome_of(info) == outcome


# --- At its own pace ------------------------------------------------------------------------------------------------


def solution(env: gym.Env[str, str]) -> str:
    return str(env.unwrapped.current.unwrapped.task.solution)  # type: ignore[attr-defined]


def paced() -> SelfPaced:
    return SelfPaced(curriculum(), up=0.5)  # up after three successes: 3 / (3 + 2.706) = 0.526


def solve(env: gym.Env[str, str], times: int = 1) -> None:
    for _ in range(times):
        env.reset()
        env.step(solution(env))


def test_it_moves_up_by_what_it_sees() -> None:
    env = paced()
    env.reset(seed=0)
    solve(env, 2)
    assert env.reset()[1]["level"] == 0
    env.step(solution(env))
    assert env.reset()[1]["level"] == 1


def test_an_episode_counts_once_whatever_is_forked_or_restored() -> None:
    env = paced()
    env.reset(seed=0)
    saved = snapshot(env)
    branches = fork(env, 5)
    for branch in branches:
        branch.step(solution(branch))
        assert branch.state_dict() == {"level": 0, "recent": []}  # type: ignore[attr-defined]
    assert env.state_dict() == {"level": 0, "recent": []}
    env.step(solution(env))
    for _ in range(5):
        restore(env, saved)
        env.step(solution(env))
        env.reset(options={"snapshot": replace_layers(saved)})
        env.step(solution(env))
    assert env.state_dict() == {"level": 0, "recent": [True]}
    solve(branches[0])
    assert branches[0].state_dict()["recent"] == [True], "a branch goes its own way from its next reset on"  # type: ignore[attr-defined]
    assert env.state_dict()["recent"] == [True]


def replace_layers(saved: Any) -> dict[str, Any]:
    return {**saved.to_dict(), "layers": []}


def test_hinted_successes_and_attempts_are_judged_from_outside() -> None:
    rows = {"levels": [{"style": "question"}] * 2, "settings": {}}
    env = SelfPaced(UnaryFeedback(Hint(curriculum(**rows), fraction=0.0), turns=2), up=0.5)
    env.reset(seed=0)
    env.step("#### 0")
    env.step(solution(env))
    assert env.state_dict()["recent"] == [True], "the second attempt is right"


def test_its_checkpoint() -> None:
    env = paced()
    solve(env, 4)
    other = paced()
    other.load_state_dict(json.loads(json.dumps(env.state_dict())))
    assert other.reset(seed=0) == env.reset(seed=0)
    assert other.reset()[1]["level"] == 1


def test_it_needs_a_curriculum() -> None:
    with pytest.raises(ConfigError, match="needs a CurriculumEnv inside"):
        SelfPaced(gym.make("rlvr_gym:rlvr/Arithmetic-v0"))
