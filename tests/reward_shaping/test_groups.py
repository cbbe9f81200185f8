"""Rewards of groups as functions of plain numbers; expected values by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.reward_shaping import overlong_penalty, short_rewards, win_rates


@pytest.mark.parametrize(
    ("length", "expected"), [(0, 0), (15, 0), (16, -0.2), (18, -0.6), (20, -1), (21, -1), (99, -1)]
)
def test_soft_overlong_punishment(length: int, expected: float) -> None:
    assert overlong_penalty(length, 20, 5) == pytest.approx(expected)


def test_a_cache_of_nothing_is_a_hard_limit() -> None:
    assert [overlong_penalty(n, 20, 0) for n in (20, 21)] == [0.0, -1.0]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=8))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_win_rates_sum_to_half_of_all_games(rewards: list[float]) -> None:
    rates = win_rates(rewards)
    assert sum(rates) == pytest.approx(len(rewards) / 2)
    assert sorted(range(len(rewards)), key=lambda i: (rewards[i], i)) == sorted(
        range(len(rewards)), key=lambda i: (rates[i], i)
    )


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(1, 50)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_length_makes_a_wrong_answer_worth_a_right_one(answers: list[tuple[float, int]]) -> None:
    rewards, lengths = zip(*answers, strict=True)
    after = short_rewards(rewards, lengths, 0.5)
    assert all((value >= 0.5) if reward else value == 0.0 for value, reward in zip(after, rewards, strict=True))
