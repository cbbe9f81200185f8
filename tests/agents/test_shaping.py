"""What shaping makes of the rewards of samples: expected values by hand, and who is left alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
from rlvr_gym.agents import Completion, Episode, Turn
from rlvr_gym.agents.late_rewards import LateRewards, shaped
from rlvr_gym.agents.strategies import BASELINE, Sample
from rlvr_gym.reward_shaping import SchedulePoint, make_single_reward
from rlvr_gym.verifiers import ConfigError

SIGNED = {"signed": {"of": "given"}}
WON = {"win_rate": {"of": "given"}}
RETOOL = {"gate": {"then": "given", "otherwise": "turn_credit"}}
OF_THE_RUN: dict[str, Any] = {"overlong": {"limit": None, "cache": None}}


def turn(reward: float, tokens: int = 1) -> Turn:
    return Turn(Completion("x", tuple(range(tokens)), (-0.5,) * tokens, (1.0,) * tokens, (9,)), reward, "")


def sample(*rewards: float, group: int = 0, tokens: int = 1, stop: str = "max_turns", **more: Any) -> Sample:
    """An episode without a verdict, which passed where it earned anything."""
    turns = tuple(turn(reward, tokens) for reward in rewards)
    return Sample(Episode("t", turns, sum(rewards) > 0, stop, {}), group, **more)


def plus(*of: Any, weight: float = 1.0) -> dict[str, Any]:
    return {"sum": {"of": ["given", *of], "weights": [1.0, *[weight] * len(of)]}}


@pytest.mark.parametrize(
    ("spec", "samples", "expected"),
    [
        (None, [sample(0.25)], [0.25]),
        ("given", [sample(0.25, 0.5)], [0.75]),
        (SIGNED, [sample(1.0), sample(0.0), sample(0.5), sample(0.25, 0.25)], [1, -1, 0, 0]),
        (plus({"overlong": {"limit": 20, "cache": 5}}), [sample(1.0, tokens=n) for n in (15, 18, 25)], [1, 0.4, 0]),
        (plus(OF_THE_RUN), [sample(1.0, tokens=n) for n in (8, 9, 10)], [1, 0.5, 0]),  # 10, and a fifth of it
        (plus(OF_THE_RUN), [sample(1.0, 0.0, 0.0, tokens=3)], [0.5]),  # 9 tokens in three turns
        (plus({"overlong": {"limit": 4, "cache": 1}}, weight=0.5), [sample(0.0, tokens=4)], [-0.5]),
        (WON, [sample(1.0), sample(0.0), sample(0.0)], [1, 0.25, 0.25]),
        (WON, [sample(1.0), sample(0.0), sample(0.0, group=1), sample(0.0, group=1)], [1, 0, 0.5, 0.5]),
        (RETOOL, [sample(*[0.0] * n) for n in (1, 2, 5, 15)], [-1, -0.9, -0.6, -0.6]),  # 0, 1, 4 and 14 calls
        (RETOOL, [sample(1.0)], [1.0]),
        ({"signed": {"of": WON}}, [sample(0.3), sample(0.2)], [1, -1]),  # one after the other
    ],
)
def test_each_shaping(spec: Any, samples: list[Sample], expected: list[float]) -> None:
    after = shaped(samples, spec, longest=10)
    assert [each.episode.reward for each in after] == pytest.approx(expected)
    assert [each.episode.passed for each in after] == [each.episode.passed for each in samples]
    earlier = [each.episode.turns[:-1] for each in after]
    assert earlier == [each.episode.turns[:-1] for each in samples]  # the difference stands in the last turn


def test_short_answers_are_worth_more_where_most_is_solved() -> None:
    """Of two groups the one that solves more; lengths 2 and 6, mean 4, deviation 2: sigmoid(-1) and sigmoid(1)."""
    easy = [sample(1.0, tokens=2), sample(1.0, tokens=6), sample(0.0)]
    hard = [sample(1.0, group=1, tokens=2), sample(0.0, group=1, tokens=6), sample(0.0, group=1, tokens=6)]
    spec = plus({"top_short": {"share": 0.5, "weight": 0.5, "of": "given"}})
    after = [each.episode.reward for each in shaped([*hard, *easy], spec, longest=10)]
    low, high = 1 / (1 + math.e), 1 / (1 + math.exp(-1))
    assert after == pytest.approx([1, 0, 0, 1 - low / 2, 1 - high / 2, 0])


def test_of_equal_groups_the_first_by_number_is_the_top_one() -> None:
    """As text, group 10 would come before group 2."""
    samples = [sample(1.0, group=number, tokens=n) for number in (10, 2) for n in (1, 3)]
    after = shaped(samples, plus({"top_short": {"share": 0.5, "of": "given"}}), longest=10)
    assert [one.episode.reward < 1 for one in after] == [False, False, True, True]


def test_companions_and_what_cannot_be_graded_are_in_nobodys_statistic() -> None:
    lost, companion = sample(0.0, stop="error"), sample(0.25, role=BASELINE)
    played = [sample(1.0), sample(0.0), lost, companion]
    assert [one.episode.reward for one in shaped(played, SIGNED, longest=10)] == [1, -1, 0.0, -0.5]
    assert [one.episode.reward for one in shaped(played, WON, longest=10)] == [1, 0, 0.0, 0.5]  # alone
    assert shaped(played, WON, longest=10)[2] == lost
    # Lengths 1 and 3: mean 2, deviation 1. With that of the companion, 2, the deviation would be another.
    top = plus({"top_short": {"share": 1.0, "of": "given"}})
    more = [sample(1.0, tokens=1), sample(1.0, tokens=3), sample(1.0, role=BASELINE, tokens=2)]
    low, high = 1 / (1 + math.e), 1 / (1 + math.exp(-1))
    found = [one.episode.reward for one in shaped(more, top, longest=10)]
    assert found == pytest.approx([1 - low / 2, 1 - high / 2, 1.0])


def test_what_comes_from_a_buffer_is_shaped_like_the_others() -> None:
    assert [each.episode.reward for each in shaped([sample(1.0, age=3)], SIGNED, longest=10)] == [1.0]
    assert [each.episode.reward for each in shaped([sample(0.0, age=3)], SIGNED, longest=10)] == [-1.0]


def test_a_success_with_a_hint_is_no_fail() -> None:
    hinted = Episode("t", (turn(1.0),), False, "answered", {}, hint=0.5, passed_with_hint=True)
    assert [one.episode.reward for one in shaped([Sample(hinted, 0)], RETOOL, longest=10)] == [1.0]


def test_shaping_stands_where_the_schedule_stands() -> None:
    mix = {"anneal": {"a": "given", "b": SIGNED}}
    after = [
        shaped([sample(0.25)], mix, 10, SchedulePoint(1, "", {"mix": share}))[0].episode.reward for share in (0, 1)
    ]
    assert after == [0.25, -0.5]


def test_each_reward_has_one_place() -> None:
    """`given` is for shaping alone, and shaping is of nothing else: what a verdict is worth is said elsewhere."""
    for build in (LateRewards, make_single_reward):
        with pytest.raises(ConfigError, match="which shaping alone is told"):
            build(plus("overlong"))
    for spec, told in (("overlong", "name 'given'"), (plus("dense"), "more of a verdict"), (["given"], "a reward is")):
        with pytest.raises(ConfigError, match=told):
            shaped([sample(1.0)], spec, longest=10)  # type: ignore[arg-type]
