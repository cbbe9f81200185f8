"""Levels of difficulty: what a calibration says, how it is made, and where a curriculum begins by it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.agents import Completion, Policy
from rlvr_gym.benchmarks.calibrate import calibrate
from rlvr_gym.envs import Task
from rlvr_gym.envs.ladders import Calibration, LevelRate, decisions
from rlvr_gym.verifiers import ConfigError

from rlvr_gym.cli import main as rlvr


def found(*passed: int, episodes: int = 100) -> Calibration:
    levels = [LevelRate({"digits": number}, episodes, one) for number, one in enumerate(passed, start=1)]
    return Calibration("rlvr/Arithmetic-v0", "by hand", tuple(levels))


def test_neighbours_in_the_wrong_order_are_pooled() -> None:
    """By hand: 40 and 50 become 45; 10, 20 and 30 become 20."""
    assert found(90, 40, 50, 10).fitted == (0.9, 0.45, 0.45, 0.1)
    assert found(10, 20, 30).fitted == (0.2, 0.2, 0.2)
    assert found(5).fitted == (0.05,)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=7))
def test_the_fit_never_rises_keeps_the_mean_and_is_nearest(passed: list[int]) -> None:
    one = found(*passed, episodes=20)
    fitted = one.fitted
    assert all(a >= b - 1e-12 for a, b in pairwise(fitted))
    assert sum(fitted) == pytest.approx(sum(passed) / 20)

    def off(rates: Any) -> float:
        return sum((level.rate - rate) ** 2 for level, rate in zip(one.levels, rates, strict=True))

    steps = sorted({level.rate for level in one.levels}, reverse=True)
    for cut in range(len(passed) + 1):  # some other rates that never rise
        assert off(fitted) <= off([steps[0]] * cut + [steps[-1]] * (len(passed) - cut)) + 1e-12


def test_a_level_that_is_easier_than_one_before_is_seen_beyond_luck() -> None:
    assert found(90, 50, 54, 10).monotone  # 54 of 100 against 50 of 100 is luck
    assert not found(90, 30, 60, 10).monotone
    assert not found(20, 20, 40, 38).monotone


def test_the_level_for_a_pass_rate_is_the_nearest_and_the_easier_of_two() -> None:
    one = found(90, 60, 40, 5)
    assert [one.level_for(rate) for rate in (1.0, 0.7, 0.5, 0.2, 0.0)] == [0, 1, 1, 3, 3]
    with pytest.raises(ConfigError, match="pass rate lies"):
        one.level_for(1.2)


def test_it_travels_as_json(tmp_path: Path) -> None:
    one = found(90, 60)
    assert Calibration.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    file = tmp_path / "found.json"
    file.write_text(json.dumps(one.to_dict()))
    assert Calibration.read(str(file)) == one
    file.write_text("{")
    for bad in (str(file), str(tmp_path / "none.json"), {}, {"env": "x", "policy": "y", "levels": []}, {"levels": 3}):
        with pytest.raises(ConfigError):
            Calibration.read(bad)
    with pytest.raises(ConfigError, match="one episode or more"):
        found(3, episodes=0)


def test_decisions_are_what_the_card_says_or_turns_or_words_and_digits() -> None:
    task = Task.create("2+2=", {"reference": 4})
    assert [decisions(task, moves) for moves in (["#### 4"], ["up", "down down"], ["twelve, 12"])] == [1, 2, 3]
    known = Task.create("2+2=", {"reference": 4}, difficulty={"rooms": 3, "doors": 2, "none": 0})
    assert [decisions(known, ["x"], one) for one in (["rooms"], ["rooms", "doors"], ["none"])] == [3, 6, 1]


def test_a_scripted_player_solves_a_level_as_often_as_its_decisions_are_all_right() -> None:
    """0.9 ** 2, 0.9 ** 8 and 0.9 ** 20, within four standard deviations of 400 episodes; a game loses as well."""
    levels = [{"digits": 1}, {"digits": 4}, {"digits": 4, "operands": 5}]
    rates = calibrate("rlvr/Arithmetic-v0", levels=levels, slip=0.1, episodes=400).levels
    for level, wanted in zip(rates, (0.81, 0.4305, 0.1216), strict=True):
        assert abs(level.rate - wanted) < 4 * (wanted * (1 - wanted) / 400) ** 0.5
    game = calibrate("rlvr/Mastermind-v0", levels=[{"length": 3}], slip=0.2, episodes=50)
    assert 0 < game.levels[0].passed < 50
    assert calibrate("rlvr/Mastermind-v0", levels=[{"length": 3}], slip=0.2, episodes=50) == game


class Solves(Policy):
    """Answers sums of one digit and nothing else."""

    def sample(self, requests: Any) -> list[Completion]:
        texts = [request.conversation[-1]["content"].rstrip("=").split("+") for request in requests]
        return [Completion(str(sum(map(int, text))) if len(text[0]) == 1 else "?", (1,), (0.0,)) for text in texts]


def test_a_policy_is_measured() -> None:
    one = calibrate(
        "rlvr/Arithmetic-v0",
        policy=Solves(),
        name="sums",
        levels=[{"digits": 1}, {"digits": 2}],
        settings={"style": "compact"},
        episodes=30,
    )
    assert ([level.passed for level in one.levels], one.policy) == ([30, 0], "sums")


def test_a_curriculum_takes_the_levels_of_the_card_and_begins_where_a_calibration_says(tmp_path: Path) -> None:
    env: Any = gym.make("rlvr_gym:rlvr/Curriculum-v0", env="rlvr/Countdown-v0").unwrapped
    assert (env.levels, env.level) == (5, 0)
    assert env.reset(seed=0)[1]["difficulty"]["numbers"] == 2
    knobs = [{"digits": 1}, {"digits": 2}, {"digits": 5}]
    measured = Calibration(
        "rlvr/Arithmetic-v0", "x", tuple(LevelRate(k, 10, p) for k, p in zip(knobs, (9, 4, 0), strict=True))
    )
    file = tmp_path / "measured.json"
    file.write_text(json.dumps(measured.to_dict()))
    at = {
        rate: gym.make(
            "rlvr_gym:rlvr/Curriculum-v0",
            env="rlvr/Arithmetic-v0",
            levels=knobs,
            calibration=str(file),
            **({} if rate is None else {"pass_rate": rate}),
        ).unwrapped.level  # type: ignore[attr-defined]
        for rate in (None, 0.9, 0.0)
    }
    assert at == {None: 1, 0.9: 0, 0.0: 2}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pass_rate": 0.5}, "give one, or the level itself"),
        ({"calibration": found(9, 3).to_dict(), "level": 1}, "give one of the two"),
        ({"calibration": found(9, 3).to_dict()}, "of other levels"),
        ({"calibration": "nowhere.json"}, "cannot read"),
        ({"env": "rlvr/GSM8K-v0"}, "has no levels"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], words: str) -> None:
    env = {"env": "rlvr/Arithmetic-v0"}
    if settings.get("env") == "rlvr/GSM8K-v0":
        from rlvr_gym.envs.samples import sample_settings

        env = {"settings": sample_settings("rlvr/GSM8K-v0")}
    with pytest.raises(ConfigError, match=words):
        gym.make("rlvr_gym:rlvr/Curriculum-v0", **{**env, **settings})


def test_the_command_prints_writes_and_says_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "arithmetic.json"
    command = ["calibrate", "rlvr/Arithmetic-v0", "--episodes", "40", "--policy", "slips:0.05", "--out", str(file)]
    assert rlvr(command) == 0
    said = capsys.readouterr().out
    assert "no level is easier than one before it" in said
    assert len(Calibration.read(str(file)).levels) == 5
    assert rlvr(["calibrate", "rlvr/Arithmetic-v0", "--policy", "slips:2"]) == 2
    assert rlvr(["calibrate", "rlvr/Arithmetic-v0", "--policy", "guess"]) == 2
    assert "slips:P or model:FOLDER" in capsys.readouterr().err
