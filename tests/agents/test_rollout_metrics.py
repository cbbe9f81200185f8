"""What a step tells of its rollout: groups by how they ended, success with a hint apart, what was sampled; by hand."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="agents need the extra 'agents'")

from rlvr_gym.agents import Completion, Episode, Turn
from rlvr_gym.agents.rollout_metrics import rollout_cost, rollout_metrics
from rlvr_gym.agents.strategies import BASELINE, Sample


def sample(group: int, reward: float, *, stop: str = "answered", hint: float = 0.0, **more: Any) -> Sample:
    """One turn; what is paid 1 passes, with a hint as such a success."""
    passed = reward == 1 if stop == "answered" else None
    truth = {"passed": False, "passed_with_hint": passed} if hint else {"passed": passed}
    turn = Turn(Completion("x", (1, 2), (-0.5, -0.5), (1.0, 0.5), (9,)), reward, "")
    return Sample(Episode("t", (turn,), stop_reason=stop, verdict={}, hint=hint, **truth), group, **more)


def test_groups_by_how_they_ended() -> None:
    """All pass, all fail (with rewards that differ), one of each, and one of which nothing could be graded."""
    rewards = {0: (1.0, 1.0), 1: (0.0, 0.3), 2: (0.0, 1.0)}
    samples = [sample(group, reward) for group, both in rewards.items() for reward in both]
    samples += [sample(3, 0.0, stop="error"), sample(0, 0.0, role=BASELINE)]
    found = rollout_metrics(samples)
    assert (found["passed_groups"], found["failed_groups"]) == (1 / 4, 1 / 4)
    assert found["tied_groups"] == 2 / 4, "by rewards: the first, and the one without any"
    assert "hinted" not in found


def test_success_with_a_hint_is_told_apart() -> None:
    """Of eight episodes six had a hint and three passed with it; one passed without."""
    plain = [sample(0, 1.0), sample(0, 0.0)]
    hinted = [sample(1 + n // 2, reward, hint=0.25) for n, reward in enumerate((1.0, 1.0, 1.0, 0.0, 0.0, 0.0))]
    found = rollout_metrics(plain + hinted)
    assert (found["pass_rate"], found["hinted"], found["hinted_pass_rate"]) == (1 / 8, 6 / 8, 3 / 6)
    assert (found["passed_groups"], found["failed_groups"]) == (1 / 4, 1 / 4), "by success, with a hint or without"


def test_where_hints_may_be_given_their_share_is_there_although_none_was() -> None:
    found = rollout_metrics([sample(0, 1.0)], hints=True)
    assert found["hinted"] == 0.0
    assert "hinted_pass_rate" not in found, "a rate over nothing is no 0"
    assert "hinted" not in rollout_metrics([sample(0, 0.0, stop="error")], hints=True)


def test_a_turn_in_common_was_sampled_once() -> None:
    """Two leaves of one first turn and a third trajectory by itself: five turns, of 3, 1, 1, 2 and 1 tokens."""
    first, second, third = (Turn(Completion("x", (7,) * n), 0.0, "") for n in (3, 1, 1))
    alone = (Turn(Completion("x", (7, 7)), 0.0, ""), Turn(Completion("x", (7,)), 0.0, ""))
    turns = [(first, second), (first, third), alone]
    cost = rollout_cost([Sample(Episode("t", each, True, "answered", {}), 0) for each in turns])
    assert cost == {"sampled_tokens": 8.0, "sampled_turns": 5.0, "sampled_first_turns": 2.0}
