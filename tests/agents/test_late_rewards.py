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
    """Lengths 1 and 3: mean 2, deviation 1. With that of the companion, 2, the deviation would be another."""
    verdict = VERIFIER.verify("3 * 4", {"numbers": [3, 4], "target": 12})
    said = [Turn(Completion("3 * 4", (1,) * tokens), 0.0, "") for tokens in (1, 3, 2)]
    one, two, companion = (Episode("task", (turn,), True, "answered", verdict.to_dict()) for turn in said)
    samples = [Sample(one, 0), Sample(two, 0), Sample(companion, 0, role=BASELINE)]
    top = {"sum": {"of": ["outcome", {"top_short": {"share": 1.0}}]}}
    paid = [1 - 0.5 / (1 + math.e), 1 - 0.5 / (1 + 1 / math.e), 1.0]
    assert [each.episode.reward for each in LateRewards(top).paid(samples)] == pytest.approx(paid)


def test_without_a_reward_nothing_is_touched() -> None:
    rewards = LateRewards()
    samples = [sample("3 * 4")]
    assert rewards.paid(samples) == samples
    assert (rewards.told(1, samples), rewards.state_dict(), rewards.settings) == ({}, {}, {})


NOVEL = {"sum": {"of": ["outcome", "novelty"], "weights": [1, 0.125]}}


def test_what_was_seen_three_times_is_half_as_new_and_a_checkpoint_knows_it() -> None:
    """`1 / sqrt(1 + 3)`. A step is paid under the memory that it began with, and what is old teaches nothing."""
    rewards = LateRewards(NOVEL)
    wrong, right, unread = "3 + 4", "3 * 4", "twelve?"
    step = [sample(wrong), sample(wrong), sample(right), sample(unread), sample("4 - 3")]
    paid = [one.episode.turns[-1].reward for one in rewards.paid(step)]
    assert paid == [0.125, 0.125, 1.0, 0.0, 0.125]
    assert rewards.told(1, [*step, sample(wrong), sample(wrong, role=BASELINE), sample(wrong, age=1)]) == {}
    paid = [one.episode.turns[-1].reward for one in rewards.paid(step)]
    assert paid == pytest.approx([0.0625, 0.0625, 1.0, 0.0, 0.125 / math.sqrt(2)])
    again = LateRewards(NOVEL)
    again.load_state_dict(json.loads(json.dumps(rewards.state_dict())))
    assert again.paid(step) == rewards.paid(step)
    for other, saved in ((LateRewards(NOVEL), None), (LateRewards("outcome"), rewards.state_dict())):
        with pytest.raises(ConfigError, match="memories"):
            other.load_state_dict(saved)


def test_rnd_forgets_what_is_new_by_its_rate() -> None:
    """One visit leaves (1 - 1/2)^2 of the error."""
    rewards = LateRewards({"novelty": {"of": "words", "memory": {"kind": "rnd", "rate": 0.5, "size": 32}}})
    step = [sample("3 + 4")]
    assert rewards.paid(step)[0].episode.turns[-1].reward == 1.0
    rewards.told(1, step)
    assert rewards.paid(step)[0].episode.turns[-1].reward == pytest.approx(0.25)
    assert LateRewards(NOVEL).settings == {"reward": NOVEL | {"sum": {**NOVEL["sum"], "weights": [1.0, 0.125]}}}


def test_a_run_that_is_continued_stands_where_it_stopped(tmp_path: Path) -> None:
    reward = {"sum": {"of": ["anneal", {"novelty": {"of": "words"}}], "weights": [1, 0.125]}}

    def train(folder: str, steps: int) -> list[str]:
        config = TrainConfig(steps=steps, prompts=2, max_new_tokens=3, checkpoint_every=1)
        lm = build_preset("nano", alphabet="0123456789+=")
        make = lambda: gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact")  # noqa: E731
        recipe = recipes.get("grpo", group_size=2)
        Trainer(make, lm, recipe, config, tmp_path / folder, reward=reward, schedule=SCHEDULE).run()
        return (tmp_path / folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()

    whole = train("whole", 4)
    assert [json.loads(line)["schedule_stage"] for line in whole] == [0, 0, 1, 1]
    assert train("parts", 1) + train("parts", 4)[1:] == whole
    state = Path("checkpoints", "step-000004", "trainer_state.json")
    there, here = (json.loads((tmp_path / folder / state).read_text())["schedule"] for folder in ("whole", "parts"))
    assert there == here
    [memory] = here["memories"].values()
    assert 8 < sum(memory["rows"][0]) <= 4 * 2 * 2  # steps, prompts, responses; nothing is learnt of an empty one
