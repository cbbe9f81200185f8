"""Rewards are made of verdicts where the schedule stands, and a run that is continued stands where it stopped."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import Completion, Episode, TrainConfig, Trainer, Turn, build_preset, recipes
from rlvr_gym.agents.late_rewards import LateRewards
from rlvr_gym.agents.strategies import BASELINE, Sample
from rlvr_gym.verifiers import ConfigError, make_verifier

VERIFIER = make_verifier("countdown@1")
SCHEDULE = {"fixed_two_stage": {"steps": 2}}


def sample(answer: str, group: int = 0, **settings: Any) -> Sample:
    verdict = VERIFIER.verify(answer, {"numbers": [3, 4], "target": 12})
    turns = tuple(Turn(Completion(text), reward, "") for text, reward in (("think", 0.25), (answer, 9.0)))
    return Sample(Episode("task", turns, verdict.passed, "answered", verdict.to_dict()), group, **settings)


def test_the_last_turn_is_paid_for_the_verdict_where_the_schedule_stands() -> None:
    rewards = LateRewards(schedule=SCHEDULE)
    cut_off = Sample(Episode("task", (Turn(Completion("x"), 0.5, ""),), False, "max_turns", {}), 0)
    samples = [sample("3 * 4"), sample("3 + 4"), cut_off, sample("3 + 4", role=BASELINE)]
    score = VERIFIER.verify("3 + 4", {"numbers": [3, 4], "target": 12}).score
    assert [one.episode.reward for one in rewards.paid(samples)] == [1.25, 0.25 + score, 0.5, 0.25 + score]
    for step in (1, 2):
        metrics = rewards.told(step, samples)
        # the companion is no attempt: of three responses to the one prompt one passed
        assert (metrics["schedule_stage"], metrics["coverage"], metrics["informative_groups"]) == (0, 1, 1)
    assert [one.episode.reward for one in rewards.paid(samples)] == [1.25, 0.25, 0.5, 0.25]
    again = LateRewards(schedule=SCHEDULE)
    again.load_state_dict(json.loads(json.dumps(rewards.state_dict())))
    assert again.paid(samples) == rewards.paid(samples)
    with pytest.raises(ConfigError, match="no state of a schedule"):
        again.load_state_dict(None)


def test_overlong_is_of_the_run_where_it_names_no_limit() -> None:
    long = {"sum": {"of": ["outcome", {"overlong": {"limit": None, "cache": 2}}]}}
    turns = tuple(Turn(Completion(text, (1,) * 4), 0.0, "") for text in ("think", "3 * 4"))
    verdict = VERIFIER.verify("3 * 4", {"numbers": [3, 4], "target": 12})
    one = Sample(Episode("task", turns, True, "answered", verdict.to_dict()), 0)
    # 8 tokens in both turns: 1 - 0.5 with a limit of 9, all of it with 8.
    assert [LateRewards(long).paid([one], longest)[0].episode.reward for longest in (9, 8, 100)] == [0.5, 0.0, 1.0]
    with pytest.raises(ConfigError, match="longest"):
        LateRewards(long).paid([one])


def test_companions_are_no_group_to_be_ranked() -> None:
    """Half of one group is none; with that of the companion there would be two."""
    verdict = VERIFIER.verify("3 * 4", {"numbers": [3, 4], "target": 12})
    said = [Turn(Completion("3 * 4", (1,) * tokens), 0.0, "") for tokens in (1, 3, 2)]
    one, two, companion = (Episode("task", (turn,), True, "answered", verdict.to_dict()) for turn in said)
    samples = [Sample(one, 0), Sample(two, 0), Sample(companion, 0, role=BASELINE)]
    for share, paid in ((0.5, [1.0, 1.0, 1.0]), (1.0, [1 - 0.5 / (1 + math.e), 1 - 0.5 / (1 + 1 / math.e), 1.0])):
        top = {"sum": {"of": ["outcome", {"top_short": {"share": share}}]}}
        assert [each.episode.reward for each in LateRewards(top).paid(samples)] == pytest.approx(paid)


def test_without_a_reward_nothing_is_touched() -> None:
    rewards = LateRewards()
    samples = [sample("3 * 4")]
    assert rewards.paid(samples) == samples
    assert (rewards.told(1, samples), rewards.state_dict(), rewards.settings) == ({}, {}, {})


def test_a_run_that_is_continued_stands_where_it_stopped(tmp_path: Path) -> None:
    def train(folder: str, steps: int) -> list[str]:
        config = TrainConfig(steps=steps, prompts=2, max_new_tokens=3, checkpoint_every=1)
        lm = build_preset("nano", alphabet="0123456789+=")
        make = lambda: gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact")  # noqa: E731
        recipe = recipes.get("grpo", group_size=2)
        Trainer(make, lm, recipe, config, tmp_path / folder, schedule=SCHEDULE).run()
        return (tmp_path / folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()

    whole = train("whole", 4)
    assert [json.loads(line)["schedule_stage"] for line in whole] == [0, 0, 1, 1]
    assert train("parts", 1) + train("parts", 4)[1:] == whole
