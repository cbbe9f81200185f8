"""Group advantages: masks and the identities between estimators; literal values are in `test_golden_vectors.py`."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rlvr_gym.agents.advantages import group_advantages, tied_groups  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402


@given(
    rewards=st.lists(st.floats(-5, 5), min_size=2, max_size=10),
    extra=st.lists(st.floats(-100, 100), max_size=4),
    scale=st.sampled_from(["none", "group_std"]),
    baseline=st.sampled_from(["mean", "leave_one_out"]),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_masked_responses_take_no_part(rewards: list[float], extra: list[float], scale: str, baseline: str) -> None:
    alone = group_advantages(torch.tensor([rewards], dtype=torch.float64), baseline=baseline, scale=scale)
    mask = torch.tensor([[True] * len(rewards) + [False] * len(extra)])
    both = group_advantages(torch.tensor([rewards + extra], dtype=torch.float64), mask, baseline=baseline, scale=scale)
    assert torch.allclose(both[:, : len(rewards)], alone, atol=1e-9)
    assert (both[:, len(rewards) :] == 0).all()
    assert abs(float(alone.sum())) < 1e-3


@given(rewards=st.lists(st.floats(-5, 5), min_size=2, max_size=10))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_leave_one_out_is_mean_baseline_times_g_over_g_minus_1(rewards: list[float]) -> None:
    tensor, g = torch.tensor([rewards], dtype=torch.float64), len(rewards)
    mean = group_advantages(tensor, scale="none")
    loo = group_advantages(tensor, baseline="leave_one_out", scale="none")
    assert torch.allclose(loo, mean * g / (g - 1), atol=1e-9)


def test_a_nan_reward_that_is_masked_does_not_spread() -> None:
    advantages = group_advantages(torch.tensor([[1.0, 0.0, float("nan")]]), torch.tensor([[True, True, False]]))
    assert torch.isfinite(advantages).all()
    assert advantages[0, 2] == 0


def test_tied_groups() -> None:
    rewards = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    mask = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    assert tied_groups(rewards, mask).tolist() == [True, False, True]


def test_refusals() -> None:
    with pytest.raises(ConfigError, match=r"shape \[P, G\]"):
        group_advantages(torch.zeros(3))
    with pytest.raises(ConfigError, match="must have one shape"):
        group_advantages(torch.zeros(1, 3), torch.ones(1, 2))
    with pytest.raises(ConfigError, match="baseline must be one of"):
        group_advantages(torch.zeros(1, 3), baseline="median")
