"""Channels, returns and generalised advantages against each other; most literal values: `test_golden_vectors.py`."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rlvr_gym.agents import Completion, Episode, Turn  # noqa: E402
from rlvr_gym.agents.advantages import advantages, group_advantages  # noqa: E402
from rlvr_gym.agents.credit import (  # noqa: E402
    Steps,
    channel_advantages,
    gae,
    step_advantages,
)
from rlvr_gym.agents.recipes import Channel  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402


def episode(*turns: tuple[str, float], reason: str = "answered", thread: str = "") -> Episode:
    made = tuple(Turn(Completion("x"), reward, anchor, thread) for anchor, reward in turns)
    return Episode("t", made, True, reason, {})


# Two trajectories of one prompt that meet in s0 (three times) and s2 (twice).
FIRST = episode(("s0", 0.0), ("s1", 0.0), ("s0", 0.0), ("s2", 1.0))
SECOND = episode(("s0", 0.0), ("s2", 0.0))
MEETING = Steps.of([FIRST, SECOND], [0, 0])


def close(tensor: Any, expected: list[float], tolerance: float = 2e-6) -> bool:
    return bool(torch.allclose(tensor, torch.tensor(expected, dtype=tensor.dtype), atol=tolerance))


def test_anchors_of_other_prompts_are_other_states() -> None:
    steps = Steps.of([FIRST, SECOND], [0, 1])
    assert channel_advantages(Channel("step", "anchor", scale="none"), steps).tolist()[4:] == [0.0, 0.0]


def test_roles_are_compared_among_themselves() -> None:
    turns = (
        Turn(Completion("plan"), 1.0, "a", "planner"),
        Turn(Completion("call"), 0.0, "b", "executor 1"),
        Turn(Completion("call"), 4.0, "c", "executor 2"),
    )
    steps = Steps.of([Episode("t", turns, True, "answered", {})], [0])
    assert steps.thread.tolist() == [0, 1, 1]
    own = channel_advantages(Channel("step", "thread", scale="none", discount=0.0), steps)
    assert own.tolist() == [0.0, -2.0, 2.0]


def test_what_could_not_be_graded_takes_no_part() -> None:
    broken = episode(("s0", 9.0), reason="ungradable")
    alone = step_advantages(MEETING, [Channel(), Channel("step", "anchor")])
    both = step_advantages(Steps.of([FIRST, SECOND, broken], [0, 0, 0]), [Channel(), Channel("step", "anchor")])
    assert close(both, [*alone.tolist(), 0.0])


def test_episodes_without_a_turn_give_no_step() -> None:
    steps = Steps.of([episode(), FIRST], [0, 0])
    assert steps.trajectory.tolist() == [0] * 4
    assert channel_advantages(Channel(), steps).tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("settings_", "told"),
    [
        ({"level": "word"}, "level must be one of trajectory, step, token"),
        ({"key": "prompt"}, "key must be one of group"),
        ({"scale": "std"}, "scale must be one of none, group_std"),
        ({"discount": 1.5}, "discount must lie in"),
        ({"key": "anchor"}, "choose level='step'"),
    ],
)
def test_channels_that_are_refused(settings_: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Channel(**settings_)


@pytest.mark.parametrize(
    ("baseline", "scale", "expected"),
    [
        ("mean", "max_abs", [1.0, -1.0, 0.0, 0.0, 0.0]),
        # all values: mean 2.4, squares 0.36 + 5.76 + 2 * 0.16 + 6.76 = 13.2, so the deviation is sqrt(3.3) = 1.816590
        ("mean", "batch_std", [0.825723, -0.825723, 0, 0, 0]),
        ("leave_one_out", "none", [3.0, -3.0, 0.0, 0.0, 0.0]),
        ("none", "none", [3.0, 0.0, 2.0, 2.0, 5.0]),
    ],
)
def test_scales_by_hand(baseline: str, scale: str, expected: list[float]) -> None:
    values = torch.tensor([3.0, 0.0, 2.0, 2.0, 5.0], dtype=torch.float64)
    key = torch.tensor([7, 7, 3, 3, 9])
    every = torch.ones(5, dtype=torch.bool)
    assert close(advantages(values, key, every, baseline=baseline, scale=scale), expected)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1), st.floats(-1e6, 1e6))
def test_gae_is_that_of_the_sampled_tokens_alone(
    width: int, seed: int, discount: float, trace: float, junk: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    rewards, values = (torch.randn(1, width, generator=generator, dtype=torch.float64) for _ in range(2))
    mask = torch.rand(1, width, generator=generator) < 0.6
    noisy = [torch.where(mask, tensor, torch.full_like(tensor, junk)) for tensor in (rewards, values)]
    found = gae(*noisy, mask, discount=discount, trace=trace)
    kept = [tensor[mask][None] for tensor in (rewards, values)]
    alone = gae(*kept, torch.ones_like(kept[0], dtype=torch.bool), discount=discount, trace=trace)
    assert torch.allclose(found.advantages_BT[mask], alone.advantages_BT[0])
    assert (found.advantages_BT[~mask] == 0).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.floats(-3, 3), min_size=2, max_size=5), min_size=1, max_size=4), st.data())
def test_channels_over_single_steps_are_group_advantages(groups: list[list[float]], data: st.DataObject) -> None:
    baseline = data.draw(st.sampled_from(["none", "mean", "leave_one_out"]))
    scale = data.draw(st.sampled_from(["none", "group_std", "max_abs"]))
    episodes = [episode(("s", reward)) for group in groups for reward in group]
    numbers = [number for number, group in enumerate(groups) for _ in group]
    found = channel_advantages(Channel(baseline=baseline, scale=scale), Steps.of(episodes, numbers))
    expected = [
        group_advantages(torch.tensor([group], dtype=torch.float64), baseline=baseline, scale=scale) for group in groups
    ]
    assert torch.allclose(found, torch.cat(expected, dim=1)[0], atol=1e-9)
