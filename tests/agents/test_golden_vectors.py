"""Golden vectors: every formula of the learners at numbers that were worked out by hand, in float64, to 1e-5.

A number is one of a family (`test_v5_...`): what the formula gives, and beside it what other public code makes of the
same input where that differs. After them gradients against finite differences, and what must hold for any numbers.
"""

from __future__ import annotations

import doctest
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rlvr_gym.agents import Completion, Episode, TrainConfig, Turn, build_preset, recipes  # noqa: E402
from rlvr_gym.agents.advantages import group_advantages  # noqa: E402
from rlvr_gym.agents.batch import Batch, TokenStats, make_batch  # noqa: E402
from rlvr_gym.agents.credit import Steps, channel_advantages, gae, returns_to_go, step_advantages, whitened  # noqa: E402
from rlvr_gym.agents.experience import Learnable, kept_samples  # noqa: E402
from rlvr_gym.agents.late_rewards import shaped  # noqa: E402
from rlvr_gym.agents.learner import REGRESSIONS, Learner  # noqa: E402
from rlvr_gym.agents.lessons import Lessons  # noqa: E402
from rlvr_gym.agents.losses import (  # noqa: E402
    PREFERENCES,
    Answers,
    Denominators,
    aggregate,
    clipped_policy_loss,
    entropy,
    geometric_policy_loss,
    gvpo_loss,
    gvpo_weights,
    kl,
    kto_loss,
    log_ratios,
    mixed_advantages,
    moved_multiplier,
    policy_loss,
    preference_loss,
    qrpo_loss,
    qrpo_weights,
    sequential_kl,
    turn_weights,
)
from rlvr_gym.agents.recipes import AGGREGATIONS, KL_ESTIMATORS, Channel, Filter, Recipe  # noqa: E402
from rlvr_gym.agents.self_rewards import (  # noqa: E402
    logit_rewards,
    process_returns,
    process_rewards,
    uncertainty_weights,
)
from rlvr_gym.agents.strategies import Branch, Chain, Sample  # noqa: E402
from rlvr_gym.agents.strategies.branch import mean_entropy  # noqa: E402
from rlvr_gym.envs.wrappers import UnaryFeedback  # noqa: E402
from rlvr_gym.reward_shaping import overlong_penalty  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402

F64 = torch.float64


def row(*values: float) -> Any:
    return torch.tensor([values], dtype=F64)


def mask(*values: int) -> Any:
    return torch.tensor([values], dtype=torch.bool)


def near(expected: Any) -> Any:
    return pytest.approx(expected, abs=1e-5)


def steps(rewards: Sequence[float], trajectory: Sequence[int], anchors: str = "", trees: Sequence[int] = ()) -> Steps:
    """Steps of one prompt; anchors are letters."""
    places, nothing = torch.tensor(trajectory), torch.zeros(len(rewards), dtype=torch.long)
    return Steps(
        reward=torch.tensor(rewards, dtype=F64),
        trajectory=places,
        group=nothing,
        anchor=torch.tensor([ord(letter) for letter in anchors]) if anchors else nothing,
        tree=torch.tensor(trees) if trees else nothing,
        thread=nothing,
        counts=torch.ones(len(rewards), dtype=torch.bool),
    )


def sample(*rewards: float, passed: bool = False, prompts: Sequence[Sequence[int]] = ()) -> Sample:
    """An episode of a turn a reward, each of one token."""
    prompts = prompts or [(9,)] * len(rewards)
    turns = [
        Turn(Completion("x", (0,), (-0.5,), (1.0,), tuple(prompt)), reward, "")
        for reward, prompt in zip(rewards, prompts, strict=True)
    ]
    return Sample(Episode("t", tuple(turns), passed, "answered", {}), 0)


# --- Advantages ------------------------------------------------------------------------------------------------------

DR_GRPO = {"scale": "none"}
RLOO = {"baseline": "leave_one_out", "scale": "none"}


@pytest.mark.parametrize(
    ("rewards", "pieces", "expected"),
    [
        # mean 0.5, sample standard deviation sqrt(4 * 0.25 / 3) = 0.577350
        ([1, 0, 0, 1], {"eps": 1e-6}, [0.866024, -0.866024, -0.866024, 0.866024]),
        ([1, 0, 0, 1], {"eps": 1e-4}, [0.865875, -0.865875, -0.865875, 0.865875]),
        ([1, 0, 0, 1], DR_GRPO, [0.5, -0.5, -0.5, 0.5]),
        ([1, 0, 0, 1], RLOO, [2 / 3, -2 / 3, -2 / 3, 2 / 3]),
        # mean 0.25, sample standard deviation 0.5
        ([1, 0, 0, 0], {"eps": 1e-6}, [1.499997, -0.499999, -0.499999, -0.499999]),
        ([1, 0, 0, 0], {"eps": 1e-4}, [1.499700, -0.499900, -0.499900, -0.499900]),
        ([1, 0, 0, 0], RLOO, [1, -1 / 3, -1 / 3, -1 / 3]),
        ([0.2, 0.4, 0.9], {"eps": 1e-6}, [-0.832048, -0.277349, 1.109397]),
        ([0.2, 0.4, 0.9], RLOO, [-0.45, -0.15, 0.60]),
        ([1, 1, 1], {}, [0, 0, 0]),
        ([0.7], {}, [0]),  # alone there is nothing to compare with; verl gives 0.7 / (1 + 1e-6)
        ([1, 0, 1], {"baseline": "none", "scale": "none"}, [1, 0, 1]),
    ],
)
def test_v1_groups(rewards: list[float], pieces: dict[str, Any], expected: list[float]) -> None:
    assert group_advantages(row(*rewards), **pieces)[0].tolist() == near(expected)


def test_v1_population_deviations_and_lengths() -> None:
    """With the population's deviation 1, 0, 0, 1 would give 1, -1, -1, 1: sqrt(4 / 3) times that of the sample."""
    assert (group_advantages(row(1, 0, 0, 1), eps=0.0) * math.sqrt(4 / 3))[0].tolist() == near([1, -1, -1, 1])
    # OPO's baseline, the mean weighted by lengths 3, 5, 2, 6: (3 + 6) / 16 = 0.5625; a step stands for a token.
    rewards = [reward for reward, length in zip([1, 0, 0, 1], [3, 5, 2, 6], strict=True) for reward in [0] * length]
    owners = [number for number, length in enumerate([3, 5, 2, 6]) for _ in range(length)]
    rewards[2] = rewards[15] = 1
    found = channel_advantages(Channel(scale="none", over="steps"), steps(rewards, owners))
    assert found[[0, 3, 8, 10]].tolist() == near([0.4375, -0.5625, -0.5625, 0.4375])


REWARDS, VALUES, HEARD = row(0, 0, 0, 0, 1), row(0.1, 0.2, 0.9, 0.4, 0.5), mask(1, 1, 0, 1, 1)


def test_v2_gae_passes_the_tokens_of_a_tool_by() -> None:
    found = gae(REWARDS, VALUES, HEARD)
    assert found.advantages_BT[0].tolist() == near([0.808937, 0.746250, 0, 0.575, 0.5])
    assert found.returns_BT[0].tolist() == near([0.908937, 0.946250, 0, 0.975, 1])
    late = gae(REWARDS, VALUES, HEARD, discount=0.99)
    assert late.advantages_BT[0].tolist() == near([0.782324, 0.727618, 0, 0.565250, 0.5])
    naive = gae(REWARDS, VALUES, mask(1, 1, 1, 1, 1))  # what it would be if the policy had said the tool's token
    assert naive.advantages_BT[0, :2].tolist() == near([0.806741, 0.743937])


def test_v2_whitening_has_the_variance_of_the_sample() -> None:
    white = whitened(gae(REWARDS, VALUES, HEARD).advantages_BT, HEARD)
    assert white[0].tolist() == near([1.049517, 0.614935, 0, -0.572257, -1.092195])
    assert (white * math.sqrt(4 / 3))[0].tolist() == near([1.211878, 0.710066, 0, -0.660786, -1.261158])
    assert whitened(torch.ones(1, 3), mask(1, 0, 0)).tolist() == [[0.0, 0.0, 0.0]]  # alone there is no variance


# --- Losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logprob", "reference", "expected"),
    # d, d^2 / 2, exp(-d) - 1 + d with d = 0.5: 0.606531 - 1 + 0.5; with d = -0.5: 1.648721 - 1 - 0.5
    [(-1.0, -1.5, [0.5, 0.125, 0.106531]), (-1.5, -1.0, [-0.5, 0.125, 0.148721]), (-2.0, -2.0, [0, 0, 0])],
)
def test_v3_divergences(logprob: float, reference: float, expected: list[float]) -> None:
    found = [kl(row(logprob), row(reference), mask(1), name).item() for name in KL_ESTIMATORS]
    assert found == near([*expected, expected[-1]])  # k3+ has the value of k3


@pytest.mark.parametrize(
    ("advantage", "ratio", "wide", "symmetric", "dual"),
    [
        # max(-A rho, -A clip(rho, 0.8, 1.28)), with the upper bound 1.2, and at most -3 A where A is negative
        (1, 0.5, -0.5, -0.5, -0.5),  # below the clip nothing is gained by pushing down, so the plain term stands
        (1, 1.25, -1.25, -1.2, -1.25),
        (1, 1.4, -1.28, -1.2, -1.28),
        (-1, 0.5, 0.8, 0.8, 0.8),
        (-1, 1.25, 1.25, 1.25, 1.25),
        (-1, 4.0, 4.0, 4.0, 3.0),
    ],
)
def test_v4_clipped_losses(advantage: float, ratio: float, wide: float, symmetric: float, dual: float) -> None:
    one = (row(ratio).log(), row(0.0), row(advantage), mask(1))
    bounds: list[dict[str, float]] = [{"clip_high": 0.28}, {}, {"clip_high": 0.28, "dual_clip": 3.0}]
    found = [clipped_policy_loss(*one, **each) for each in bounds]
    assert [each.loss_BT.item() for each in found] == near([wide, symmetric, dual])
    assert [bool(each.clipped_BT) for each in found] == [
        value != near(-advantage * ratio) for value in (wide, symmetric, dual)
    ]


MATRIX = torch.tensor([[1.0, 3.0, 99.0, 99.0], [2.0, 2.0, 4.0, 8.0]], dtype=F64)
COUNTED = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)


@pytest.mark.parametrize(
    ("mode", "norm", "expected"),
    [
        ("token_mean", None, 3.333333),  # 20 / 6
        ("token_sum", None, 20),
        ("seq_mean_token_sum", None, 10),  # (4 + 16) / 2
        ("seq_mean_token_mean", None, 3),  # (2 + 4) / 2
        ("seq_mean_token_sum_norm", 4.0, 2.5),
        ("seq_mean_token_sum_norm", 10.0, 1),
    ],
)
def test_v5_aggregations(mode: str, norm: float | None, expected: float) -> None:
    assert aggregate(MATRIX, COUNTED, mode, norm=norm).item() == near(expected)
    counts = Denominators.of(COUNTED)
    parts = [
        aggregate(MATRIX[[b]], COUNTED[[b]], mode, norm=norm, denominators=counts) for b in (0, 1)
    ]  # as micro-batches
    assert sum(parts).item() == near(expected)


def test_v5_the_trap_of_micro_batches() -> None:
    """A mean of the means of micro-batches is another number: 3 instead of 3.3333."""
    alone = [aggregate(MATRIX[[b]], COUNTED[[b]], "token_mean").item() for b in (0, 1)]
    assert sum(alone) / 2 == near(3.0)


APART, SAME, EVERY = row(0.2, -0.1, 0.5), row(0, 0, 0), mask(1, 1, 1)


def test_v6_ratios() -> None:
    levels = {level: log_ratios(APART, SAME, EVERY, level).exp()[0].tolist() for level in recipes.RATIOS}
    assert levels["geometric"] == near([1.221403] * 3)
    assert levels["sequence"] == near([1.822119] * 3)
    assert sum(levels["token"]) / 3 == near(1.258320)
    for level, expected in (("token", [0.2, 0, 0.5]), ("sequence", [0.7, 0, 0.7]), ("geometric", [0.35, 0, 0.35])):
        assert log_ratios(APART, SAME, mask(1, 0, 1), level)[0].tolist() == near(expected)


@pytest.mark.parametrize(
    ("advantage", "gspo", "grpo", "gmpo"),
    # exp(0.2) = 1.221403 is above 1.0004; the mean of 1.2 (cut), 0.904837 and 1.2 (cut) is 1.101612
    [(1.0, -1.0004, -1.101612, -1.181360), (-1.0, 1.221403, 1.258320, 1.221403)],
)
def test_v6_gspo_grpo_gmpo(advantage: float, gspo: float, grpo: float, gmpo: float) -> None:
    for name, expected in (("gspo", gspo), ("grpo", grpo), ("gmpo", gmpo)):
        loss = policy_loss(recipes.get(name), APART, SAME, row(advantage), EVERY).loss_BT
        assert aggregate(loss, EVERY, "seq_mean_token_mean").item() == near(expected), name


# --- Shaping, credit -------------------------------------------------------------------------------------------------


def test_v8_overlong_responses() -> None:
    """Limit 20, cache 5. At 21 verl gives -1.2; TRL and OpenRLHF stop at -1, as the paper does."""
    assert [overlong_penalty(n, 20, 5) for n in (15, 16, 18, 20, 21)] == near([0, -0.2, -0.6, -1, -1])


# Two trajectories of one prompt that meet in a (three times) and c (twice).
MEETING = steps([0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1], "abacac")


@pytest.mark.parametrize(
    ("scale", "over", "expected"),
    [
        ("none", "units", [0.686, 0.5, 0.857, 1, -1.043, -1]),
        # over steps, as in the published code, the mean return is 4 / 6
        ("none", "steps", [0.519333, 0.333333, 0.690333, 0.833333, -1.209667, -1.166667]),
        ("group_std", "units", [1.096258, 0.707106, 1.454027, 1.414212, -1.843179, -1.414212]),
        ("group_std", "steps", [1.034648, 0.645496, 1.392417, 1.352602, -2.427065, -1.998098]),
    ],
)
def test_v9_gigpo(scale: str, over: str, expected: list[float]) -> None:
    channels = [Channel(scale=scale, over=over), Channel("step", "anchor", scale=scale, discount=0.9)]
    assert step_advantages(MEETING, channels).tolist() == near(expected)


def test_v9_gigpo_by_channels() -> None:
    """Anchor a has returns 0.729, 0.9, 0 (mean 0.543); b stands alone; c has 1, 0."""
    assert returns_to_go(MEETING.reward, MEETING.trajectory, 0.9).tolist() == near([0.729, 0.81, 0.9, 1, 0, 0])
    assert returns_to_go(MEETING.reward, MEETING.trajectory, 0.0).tolist() == [0, 0, 0, 1, 0, 0]
    step = channel_advantages(Channel("step", "anchor", scale="none", discount=0.9), MEETING)
    assert step.tolist() == near([0.186, 0, 0.357, 0.5, -0.543, -0.5])
    for over, expected in (("units", [0.5] * 4 + [-0.5] * 2), ("steps", [1 / 3] * 4 + [-2 / 3] * 2)):
        assert channel_advantages(Channel(scale="none", over=over), MEETING).tolist() == near(expected)


def test_v10_arpo_branches() -> None:
    changes = (-0.5, 0.0, 0.3, 2.0)
    for weight, expected in ((0.2, [0.4, 0.5, 0.56, 0.9]), (0.5, [0.25, 0.5, 0.65, 1.0])):
        assert [Branch(probability=0.5, weight=weight).probability_of(change) for change in changes] == near(expected)


def test_v10_arpo_entropies() -> None:
    """0.673012 and 0.325083 nats: ours is the mean; the reference code sums and divides by log V, here of 100 words."""
    found = entropy(torch.tensor([[0.6, 0.4], [0.9, 0.1]], dtype=F64).log())
    assert (found.sum() / math.log(100)).item() == near(0.216733)
    assert mean_entropy(Completion("ab", (1, 2), entropies=tuple(found.tolist())), tokens=20) == near(0.499047)


@pytest.mark.parametrize(("shared", "expected"), [("hard", [0.25, 1, 0.25, -0.5]), ("soft", [1, 1, -0.5, -0.5])])
def test_v10_arpo_shared_turns(shared: str, expected: list[float]) -> None:
    """Leaves of 1 and -0.5 share their first turn."""
    leaves = [
        replace(sample(0.0, reward, prompts=((9,), (9, 0, 5))), nodes=(0, number))
        for number, reward in enumerate((1.0, -0.5), start=1)
    ]
    known = Learnable.of(leaves)
    batch = make_batch(known.episodes, 0)
    recipe = Recipe("x", rollout=Branch(), channels=(Channel(baseline="none", scale="none"),), shared=shared)
    assert known.advantages(recipe, batch, None, None).advantages_BT[batch.mask_BT].tolist() == near(expected)


def test_v11_tree_grpo() -> None:
    leaves = steps([1, 0, 0, 1, 1, 0], range(6), trees=[0, 0, 0, 1, 1, 1])
    inter, intra = channel_advantages(Channel(), leaves), channel_advantages(Channel(key="tree"), leaves)
    assert inter.tolist() == near([0.912869, -0.912869, -0.912869, 0.912869, 0.912869, -0.912869])
    assert intra.tolist() == near([1.154699, -0.577349, -0.577349, 0.577349, 0.577349, -1.154699])
    both = step_advantages(leaves, recipes.get("tree-grpo").channels)
    assert both.tolist() == near([2.067568, -1.490219, -1.490219, 1.490219, 1.490219, -2.067568])


# --- Preferences and regressions -------------------------------------------------------------------------------------

# Log ratios 1 and -0.5, so that h = 1.5.
CHOSEN = Answers(row(-10)[0], row(-11)[0], torch.tensor([5]), row(0.4)[0], row(3)[0])
REJECTED = Answers(row(-12)[0], row(-11.5)[0], torch.tensor([8]), row(0.9)[0], row(1)[0])


@pytest.mark.parametrize(
    ("name", "pieces", "expected"),
    [
        ("dpo", {}, 0.620957),  # -log sigma(0.15)
        ("ipo", {"score": "log_ratio"}, 12.25),  # (1.5 - 5)^2
        ("ipo", {}, 22.443906),  # (1 / 5 + 0.5 / 8 - 5)^2
        ("simpo", {}, 2.126928),  # -log sigma(2 (-2 + 1.5) - 1)
        ("orpo", {}, 2.104206),  # 2 - 0.1 log sigma(-0.607069)
        ("orpo", {"likelihood": 0.0, "weight": 1.0}, 1.042062),  # log(1 + exp(0.607069))
        ("sppo", {"beta": 0.1}, 36.25),  # (1 - 5)^2 + (-0.5 + 5)^2
        ("tdpo1", {}, 0.644397),  # -log sigma(0.1 (1.5 - 0.5))
        ("tdpo2", {}, 0.632599),  # -log sigma(0.1 (1.5 - 0.25))
        ("odpo", {}, 1.001152),  # -log sigma(0.15 - log 2)
    ],
)
def test_v12_pairs(name: str, pieces: dict[str, Any], expected: float) -> None:
    method = replace(PREFERENCES[name], **pieces)
    assert preference_loss(method, CHOSEN, REJECTED).tolist() == near([expected])


def test_v12_kto_and_dmpo() -> None:
    ratios, good = row(1.0, -0.5)[0], torch.tensor([True, False])
    # 1 - sigma(0.1 (1 - 0.3)), 1 - sigma(0.1 (0.3 + 0.5))
    assert kto_loss(ratios, good, row(0.3)[0]).tolist() == near([0.482507, 0.480011])
    # a divergence below 0 counts as 0: 1 - sigma(0.1), 1 - sigma(0.05)
    assert kto_loss(ratios, good, row(-0.3)[0]).tolist() == near([0.475021, 0.487503])
    # 0.7^t (1 - 0.7^(3 - t)) / (1 - 0.7^3); of one turn 1; with discount 1 the share of turns that are left
    turns = torch.tensor([[0, 1, 2], [0, 0, 7]])
    held = torch.tensor([[1, 1, 1], [1, 1, 0]], dtype=torch.bool)
    weights = turn_weights(turns, held)
    assert weights.tolist() == [near([1, 0.543379, 0.223744]), near([1, 1, 0])]
    assert turn_weights(turns, held, discount=1.0)[0].tolist() == near([1, 2 / 3, 1 / 3])
    said = Answers.of(-torch.ones(2, 3, dtype=F64), torch.zeros(2, 3, dtype=F64), held, weight_BT=weights.double())
    assert said.logprob.tolist() == near([-1.767123, -2])


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda: replace(PREFERENCES["ipo"], margin="constant"), "a margin belongs to link='logistic'"),
        (lambda: replace(PREFERENCES["dpo"], score="log_odd"), "score must be one of log_ratio"),
        (lambda: replace(PREFERENCES["dpo"], beta=0), "beta must be above 0"),
        (lambda: preference_loss(PREFERENCES["odpo"], REJECTED, CHOSEN), "larger rewards"),
        (lambda: preference_loss(PREFERENCES["tdpo2"], CHOSEN._replace(divergence=None), REJECTED), "the divergence"),
        (lambda: preference_loss(PREFERENCES["dpo"], CHOSEN._replace(length=torch.ones(2)), REJECTED), "one shape"),
        (lambda: turn_weights(torch.zeros(1, 2), mask(1, 1), discount=1.5), "discount must lie in"),
        (lambda: sequential_kl(torch.zeros(1, 2, 3), torch.zeros(1, 2, 4), mask(1, 1)), "expected shapes"),
        (lambda: kto_loss(torch.zeros(2), torch.ones(3), torch.zeros(1)), "expected shapes"),
        (lambda: mixed_advantages(torch.zeros(2), torch.zeros(2), -1.0), "a multiplier of at least 0"),
        (lambda: moved_multiplier(0.0, 1.0), "must be above 0"),
        (lambda: logit_rewards(torch.zeros(1, 2, 3), torch.zeros(1, 2).long(), mask(1, 1), alpha=0.0), "alpha above 0"),
        (lambda: uncertainty_weights([[]]), "at least one sample"),
        (lambda: process_rewards(torch.zeros(1, 2), mask(1, 1), torch.zeros(1), baseline="mean"), "a baseline is one"),
    ],
)
def test_what_is_refused(broken: Callable[[], object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        broken()


def test_v13_gvpo() -> None:
    """Residuals -0.46, 0.47, 0.5, -0.51: half of the sum of squares is 0.4713; a group of one has none."""
    ratios, rewards = torch.tensor([[0.5, -0.2, 0.1, 0], [1, 9, 9, 9]]), torch.tensor([[1.0, 0, 0, 1], [1, 0, 0, 0]])
    counted = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]], dtype=torch.bool)
    found = gvpo_loss(ratios.double(), rewards.double(), counted, beta=0.1)
    assert found.tolist() == near([0.1571, 0])
    assert found[0].item() * 3 == near(0.4713)


@pytest.mark.parametrize(
    ("beta", "exact", "expected"),
    # q = 3/4; beta log Z is 1 + beta log beta, and exactly beta log(beta (exp(1 / beta) - 1))
    [(0.1, False, 0.00157939), (0.1, True, 0.00157903), (1.0, False, 0.2025), (1.0, True, 0.0000753)],
)
def test_v14_qrpo(beta: float, exact: bool, expected: float) -> None:
    found = qrpo_loss(row(0.2)[0], row(1.0)[0], row(0, 0.5, 1, 2), beta=beta, exact=exact)
    assert found.item() == pytest.approx(expected, rel=1e-3 if beta == 1 else 1e-5)


def test_v16_rewards_to_go_pass_the_tokens_of_a_tool_by() -> None:
    """REINFORCE++; where the running return is reset at a tool's token the first would be 0."""
    found = gae(row(0, 0, 1), row(0, 0, 0), mask(1, 0, 1), discount=0.5, trace=1.0)
    assert found.advantages_BT.tolist() == [[0.5, 0.0, 1.0]]


# --- Rewards of models, costs, rewards of environments ---------------------------------------------------------------


@pytest.mark.parametrize("gap", [False, True])
def test_v18_endorm(gap: bool) -> None:
    """1 - log(2 + e^2) and 2; their sum is the log-likelihood plus V of the first state, log(e + 1 + 1/e)."""
    logits = torch.tensor([[[1.0, 0, -1], [5, 5, 5], [0, 2, 0]]], dtype=F64)
    ids, held = torch.tensor([[0, 2, 1]]), mask(1, 0, 1)
    if not gap:
        logits, ids, held = logits[:, [0, 2]], ids[:, [0, 2]], mask(1, 1)
    found = logit_rewards(logits, ids, held)
    assert found[held].tolist() == near([-1.239545, 2])
    likelihood = logits.log_softmax(dim=-1).gather(2, ids[..., None])[..., 0][held].sum()
    assert found.sum().item() == near(0.760455)
    assert found.sum().item() == near((likelihood + logits[0, 0].logsumexp(0)).item())


def test_v19_east() -> None:
    """Entropies 1.5, 0.543564 and 0 bits."""
    counts = [(4, 2, 2), (7, 1), (8,)]
    assert uncertainty_weights(counts) == near([1.468023, 0.531977, 0])
    assert uncertainty_weights(counts, exponent=2.0) == near([1.767852, 0.232148, 0])
    assert uncertainty_weights([(8,), (0, 3)]) == [0.0, 0.0]


def test_v21_safe_rlhf() -> None:
    for multiplier, expected in ((1.0, 0.25), (3.0, -0.125)):
        assert mixed_advantages(row(1.0), row(0.5), multiplier).item() == near(expected)
    assert moved_multiplier(1.0, 0.2) == near(1.020201)  # exp(0.1 * 0.2)
    assert moved_multiplier(2.0, 0.2, threshold=0.7) == near(1.809675)  # 2 exp(0.1 * 2 * -0.5)
    assert moved_multiplier(1.0, 100.0, most=5.0) == 5.0


@pytest.mark.parametrize(
    ("baseline", "rewards", "returns"),
    [("scaled", [0.2, 0.6, -0.4], [0.8, 0.6, -0.4]), ("leave_one_out", [0.3, 0.5, -0.4], [0.8, 0.5, -0.4])],
)
def test_v23_prime(baseline: str, rewards: list[float], returns: list[float]) -> None:
    """Responses 0.2, 0.4 and -0.1. The code: 0.4, 0.8 and -0.2 less 0.3 - 0.1; the paper: less -0.1, and less 0.3."""
    given_, held = torch.tensor([[0.2, 0.4], [-0.1, 7]], dtype=F64), torch.tensor([[True, True], [True, False]])
    found = process_rewards(given_, held, torch.tensor([3, 3]), baseline=baseline)
    assert found[held].tolist() == near(rewards)
    assert process_returns(found, held)[held].tolist() == near(returns)
    silent = torch.tensor([[False, False]])  # a response without a token is none of the others
    more = process_rewards(
        torch.cat([given_, given_]), torch.cat([held, silent, silent]), torch.tensor([3] * 4), baseline=baseline
    )
    assert more[:2][held].tolist() == near(rewards)
    alone = process_rewards(given_, held, torch.tensor([3, 4]), baseline=baseline)
    assert alone[held].tolist() == near([0.2, 0.4, -0.1])


@pytest.mark.parametrize(("pruned", "factor"), [(0.5, 2), (0.75, 4), (0.875, 8), (0.9, 10), (0.9375, 16)])
def test_v24_cppo_allocation(pruned: float, factor: int) -> None:
    """With a share P pruned, int(1 / (1 - P)) times the responses are sampled, and as many as before are learnt from.

    1 / (1 - 0.9) is 10.000000000000002 in floating point, and 30 * (1 - 0.9) is 2.9999999999999996.
    """
    assert int(1 / (1 - pruned)) == factor
    samples = [sample(0.0) for _ in range(3 * factor)]
    sizes = [float(number) for number in range(3 * factor)]
    kept = kept_samples(samples, Filter(samples="advantage", keep=1 - pruned), sizes)
    assert kept == [False] * (3 * factor - 3) + [True] * 3


def test_v25_ufo() -> None:
    env = UnaryFeedback(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), turns=5, decay=0.5, repetition_penalty=0.5)
    for wrong, expected in enumerate([1, 0.5, 0.25, 0.125, 0.0625]):
        env.reset(seed=0)
        right = int(env.unwrapped.task.reference)
        rewards = [env.step(f"#### {right + each}")[1] for each in (*range(1, wrong + 1), 0)]
        assert rewards == [0.0] * wrong + [expected]
    four = UnaryFeedback(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), turns=4, repetition_penalty=0.5)
    four.reset(seed=0)
    rewards = [four.step(f"#### {right + each}")[1] for each in (1, 2, 1, 2)]  # E = 2, T = 4: 0.5 (1 - 2 / 4)
    assert rewards == [0.0, 0.0, 0.0, -0.25]


def test_v26_retool() -> None:
    """What failed has min(-0.6, -1 + 0.1 (n - 2) / 2).

    The n of its code counts the messages of policy and tool, and one more: after one call the policy has spoken twice
    and the tool once, so n = 4; with t responses there are t - 1 results, so n = 2 t, and the reward is
    -1 + 0.1 (t - 1). For n = 2, 4, 10, 30: t = 1, 2, 5, 15.
    """
    failed = [sample(*[0.0] * (n // 2)) for n in (2, 4, 10, 30)]
    spec = {"gate": {"then": "given", "otherwise": "turn_credit"}}
    after = shaped([*failed, sample(1.0, passed=True)], spec, longest=10)
    assert [each.episode.reward for each in after] == near([-1, -0.9, -0.6, -0.6, 1])


# --- Gradients against finite differences, on a model of two tokens --------------------------------------------------


def slopes(loss: Callable[[Any], Any], point: Any, size: float = 1e-5) -> Any:
    """Central differences."""
    found = torch.zeros_like(point)
    for place in range(point.numel()):
        step = torch.zeros_like(point).reshape(-1)
        step[place] = size
        step = step.reshape(point.shape)
        found.view(-1)[place] = (loss(point + step) - loss(point - step)).item() / (2 * size)
    return found


def gradient(loss: Callable[[Any], Any], point: Any) -> Any:
    """By autograd."""
    point = point.clone().requires_grad_()
    return torch.autograd.grad(loss(point), point)[0]


class TwoTokens:
    """A policy whose two logits at each of four places of four rows are its parameters, and a critic's values there."""

    device = torch.device("cpu")

    def __init__(self, point: Any) -> None:
        self.every = torch.log_softmax(point[..., :2], dim=-1)
        self.values = point[..., 2]

    def __call__(self, batch: Batch, *, entropy: bool) -> tuple[TokenStats, Any]:
        chosen = self.every.gather(2, batch.ids_BT[..., None])[..., 0]
        return TokenStats(chosen, -(self.every.exp() * self.every).sum(dim=-1) if entropy else None), self.values


POINT = torch.randn(4, 4, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
IDS = torch.tensor([[0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 0], [1, 0, 1, 1]])
SAMPLED = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 0], [0, 1, 1, 1], [0, 1, 0, 1]], dtype=torch.bool)
# How far the policy is from the one that sampled: within and beyond the bounds of every recipe (ratios 0.8, 1.2, 1.28,
# 1.3, 3 and 5, a log ratio of 0.4), one row within those of GSPO (a mean log ratio of 3e-4), nowhere at a bound.
OFF = torch.tensor([[0, 0.35, -0.3, 0.1], [0, 0.55, -0.25, 9], [0, 1.7, -0.3, 0.12], [0, 0.1, 9, -0.0999]], dtype=F64)
ADVANTAGES = torch.tensor([[1.0], [0.5], [-1.0], [0.7]], dtype=F64).expand(4, 4)


def lessons() -> Lessons:
    """What a learner reads of the four rows, which are two groups of two."""
    now, values = TwoTokens(POINT)(Batch(IDS, IDS, SAMPLED, OFF, IDS), entropy=False)
    old, ones = now.logprobs_BT - OFF, torch.ones(4, 4, dtype=F64)
    return Lessons(
        batch=Batch(IDS, torch.ones_like(IDS), SAMPLED, old, torch.zeros_like(IDS)),
        counted_BT=SAMPLED,
        trajectory_B=torch.arange(4),
        group_B=torch.tensor([0, 0, 1, 1]),
        advantages_BT=ADVANTAGES,
        reward_B=torch.tensor([1.0, 0.0, 0.3, 1.0], dtype=F64),
        returns_BT=values + OFF.flip(1),
        values_BT=values - OFF,
        old_BT=old,
        reference_BT=now.logprobs_BT + OFF.flip(0),
        weight_BT=ones * 0.9,
        moving_B=SAMPLED.any(dim=1),
    )


SMALL = build_preset("nano", alphabet="01")
FIXED = lessons()
LOG_RATIOS = torch.where(SAMPLED, OFF, torch.zeros_like(OFF)).sum(dim=1)


def learner_loss(recipe: Recipe, part: Lessons, slopes_B: Any = None) -> Callable[[Any], Any]:
    """The loss of a learner as a function of a policy of two tokens."""
    one = Learner(SMALL, recipe, TrainConfig(steps=1, max_new_tokens=4), lambda: SMALL)

    def loss(point: Any) -> Any:
        one.trained = TwoTokens(point)  # type: ignore[assignment]
        return one._loss(1, part, Denominators.of(SAMPLED), slopes_B)[0]

    return loss


def regression_loss(recipe: Recipe) -> Callable[[Any], Any]:
    """That of GVPO and QRPO, of whole groups."""

    def loss(point: Any) -> Any:
        now = TwoTokens(point)(FIXED.batch, entropy=False)[0].logprobs_BT
        ratio_B = torch.where(SAMPLED, now - FIXED.old_BT, torch.zeros_like(now)).sum(dim=1)
        pairs = FIXED.reward_B.reshape(2, 2)
        if recipe.region == "gvpo":
            return gvpo_loss(ratio_B.reshape(2, 2), pairs, torch.ones(2, 2).bool(), beta=recipe.beta).mean()
        quantile_B = torch.where(FIXED.reward_B == 1, 0.75, 0.25)  # in each pair one earned 1 and the other less
        rest = recipe.beta * math.log((math.exp(0.75 / recipe.beta) + math.exp(0.25 / recipe.beta)) / 2)
        return (quantile_B - rest - recipe.beta * ratio_B).square().mean()

    return loss


@pytest.mark.parametrize("name", [*recipes.names(), "adapted"])
def test_the_gradient_of_a_recipe_is_that_of_its_loss(name: str) -> None:
    """Of what a learner makes a backward pass through, with everything that the recipe adds to it.

    The regressions pass each row's log-probability with its factor, and CISPO a weight that has no gradient: there the
    differences are those of the regression itself, and of the policy gradient with that weight held.
    """
    recipe = recipes.get("grpo", kl_estimator="k2", entropy_coef=0.1) if name == "adapted" else recipes.get(name)
    if recipe.region in REGRESSIONS:
        weights = gvpo_weights if recipe.region == "gvpo" else qrpo_weights
        factors_B = weights(LOG_RATIOS, FIXED.reward_B, FIXED.group_B, beta=recipe.beta)
        ours, wanted = learner_loss(recipe, FIXED, factors_B), regression_loss(recipe)
    elif recipe.region == "weight":
        held = ADVANTAGES * OFF.exp().clamp(1 - recipe.clip_low, 1 + recipe.clip_high)
        ours = learner_loss(recipe, FIXED)
        plain = replace(recipe, region="none", clip_low=0.2, clip_high=0.2)
        wanted = learner_loss(plain, replace(FIXED, advantages_BT=held))
    else:
        ours = wanted = learner_loss(recipe, FIXED)
    found = gradient(ours, POINT)
    assert torch.allclose(found, slopes(wanted, POINT), atol=1e-6, rtol=0)
    assert found[SAMPLED].abs().max() > 1e-3
    assert (found[~SAMPLED] == 0).all()
    if recipe.region in ("clip", "geometric", "weight"):
        clipped = policy_loss(recipe, FIXED.old_BT + OFF, FIXED.old_BT, ADVANTAGES, SAMPLED).clipped_BT[SAMPLED]
        assert clipped.any()
        assert not clipped.all()


@pytest.mark.parametrize("name", [*PREFERENCES, "kto"])
def test_the_gradient_of_a_preference_is_that_of_its_loss(name: str) -> None:
    """Pairs are rows 0 and 2 against 1 and 3. TDPO2's divergence of the chosen answer has no gradient: it is held."""
    method, reference = PREFERENCES.get(name), POINT.flip(0)[..., :2]
    logprobs_BT = torch.log_softmax(reference, dim=-1).gather(2, IDS[..., None])[..., 0]

    def answers(point: Any, rows: list[int], held: Any) -> Answers:
        now = TwoTokens(point)(FIXED.batch, entropy=False)[0].logprobs_BT
        divergence = sequential_kl(held[..., :2], reference, SAMPLED)[rows]
        reward = FIXED.reward_B.new_tensor([2.0, 3.0] if 0 in rows else [1.0, 0.5])
        return Answers.of(now[rows], logprobs_BT[rows], SAMPLED[rows], divergence_B=divergence, reward_B=reward)

    def loss(point: Any, chosen_at: Any = None) -> Any:
        better = answers(point, [0, 2], point if chosen_at is None else chosen_at)
        worse = answers(point, [1, 3], point)
        if method is not None:
            return preference_loss(method, better, worse).sum()
        ratios = torch.cat([each.logprob - each.reference for each in (better, worse)])
        return kto_loss(ratios, torch.tensor([True, True, False, False]), row(0.2)[0], undesirable_weight=1.3).sum()

    held = POINT if name == "tdpo2" else None
    found = gradient(loss, POINT)
    assert torch.allclose(found, slopes(lambda point: loss(point, held), POINT), atol=1e-6, rtol=1e-6)
    assert found.abs().max() > 1e-3


# --- What holds for any numbers --------------------------------------------------------------------------------------

few = settings(max_examples=30, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**31)


def drawn(seed: int, *shapes: tuple[int, ...]) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=F64) for shape in shapes]


def some(seed: int, *shape: int) -> Any:
    """A mask with a token in each row."""
    found = torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.6
    found[:, 0] = True
    return found


@few
@given(SEEDS)
def test_gspo_of_tokens_has_the_gradient_of_gspo_of_responses(seed: int) -> None:
    """arXiv 2507.18071, equations 5 and 13: s_i, and s_i held times pi / pi held, each bounded and averaged."""
    new, old, advantages = drawn(seed, (3, 5), (3, 5), (3, 1))
    held, low, high = some(seed, 3, 5), 0.3, 0.4
    count_B = held.sum(dim=1)

    def responses(at: Any) -> Any:
        ratio_B = ((torch.where(held, at - old, 0 * at)).sum(dim=1) / count_B).exp()
        mine = advantages[:, 0]
        return -torch.minimum(ratio_B * mine, ratio_B.clamp(1 - low, 1 + high) * mine).mean()

    def tokens(at: Any) -> Any:
        mean = torch.where(held, at - old, 0 * at).sum(dim=1, keepdim=True) / count_B[:, None]
        ratio = mean.exp().detach() * (at - at.detach()).exp()
        each = torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)
        return -(torch.where(held, each, 0 * each).sum(dim=1) / count_B).mean()

    def ours(at: Any) -> Any:
        loss = clipped_policy_loss(at, old, advantages, held, clip_low=low, clip_high=high, level="geometric").loss_BT
        return aggregate(loss, held, "seq_mean_token_mean")

    assert torch.allclose(gradient(ours, new), gradient(responses, new))
    assert torch.allclose(gradient(ours, new), gradient(tokens, new))
    assert ours(new).item() == pytest.approx(responses(new).item())


@few
@given(st.floats(-2, 2), st.floats(-3, 3), st.floats(0.05, 1))
def test_gmpo_of_one_token_is_ppo_with_bounds_of_the_logarithm(apart: float, advantage: float, clip: float) -> None:
    one = (row(apart), row(0.0), row(advantage), mask(1))
    ppo = clipped_policy_loss(*one, clip_low=1 - math.exp(-clip), clip_high=math.exp(clip) - 1).loss_BT.item()
    assert geometric_policy_loss(*one, clip=clip).loss_BT.item() == pytest.approx(ppo, abs=1e-9)


@few
@given(SEEDS, st.sampled_from(["dpo", "tdpo1", "tdpo2"]), st.floats(0.01, 2))
def test_both_orders_of_a_pair_cancel_where_the_policy_is_the_reference(seed: int, name: str, beta: float) -> None:
    (logits,) = drawn(seed, (2, 4, 3))
    ids, held = torch.randint(3, (2, 4), generator=torch.Generator().manual_seed(seed)), some(seed, 2, 4)
    method = replace(PREFERENCES[name], beta=beta)

    def loss(at: Any) -> Any:
        both = [each.log_softmax(dim=-1).gather(2, ids[..., None])[..., 0] for each in (at, logits)]
        far = sequential_kl(at, logits, held)
        one, other = (Answers.of(both[0][[b]], both[1][[b]], held[[b]], divergence_B=far[[b]]) for b in (0, 1))
        return (preference_loss(method, one, other) + preference_loss(method, other, one)).sum()

    assert gradient(loss, logits).abs().max() < 1e-12
    assert loss(logits).item() == pytest.approx(2 * math.log(2))


@few
@given(SEEDS, st.sampled_from([1e30, -1e30, float("inf"), float("nan")]))
def test_masked_tokens_change_no_preference_and_no_reward_of_a_model(seed: int, junk: float) -> None:
    """Neither ids, nor log-probabilities, logits, rewards and weights."""
    new, old, weight, logits = drawn(seed, (2, 5), (2, 5), (2, 5), (2, 5, 3))
    held, ids = some(seed, 2, 5), torch.randint(3, (2, 5), generator=torch.Generator().manual_seed(seed))
    found = []
    for fill in (0.0, junk):
        a, b, w = (torch.where(held, each, torch.full_like(each, fill)) for each in (new, old, weight))
        c = torch.where(held[..., None], logits, torch.full_like(logits, fill))
        said = Answers.of(a, b, held, weight_BT=w, divergence_B=sequential_kl(c, logits, held))
        earned = process_rewards(a, held, torch.tensor([0, 0]))
        found.append(
            (
                *said[:4],
                logit_rewards(c, torch.where(held, ids, 2 * bool(fill)), held),
                earned,
                process_returns(earned, held),
                turn_weights(torch.where(held, ids, 7 * bool(fill)), held),
            )
        )
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@few
@given(SEEDS, st.sampled_from(AGGREGATIONS), st.sampled_from(["grpo", "gspo", "gmpo", "cispo", "reinforce", "rloo"]))
def test_micro_batches_change_no_gradient(seed: int, mode: str, name: str) -> None:
    new, old, reference, advantages = drawn(seed, (4, 5), (4, 5), (4, 5), (4, 1))
    held = some(seed, 4, 5)
    held[seed % 4] = False  # a row without a token
    counts, norm = Denominators.of(held), 7.0 if mode.endswith("_norm") else None

    def loss(at: Any, rows: Any) -> Any:
        part = (at[rows], old[rows], advantages[rows], held[rows])
        each = policy_loss(recipes.get(name), *part).loss_BT + 0.1 * kl(at[rows], reference[rows], held[rows])
        return aggregate(each, held[rows], mode, denominators=counts, norm=norm)

    whole = gradient(lambda at: loss(at, slice(None)), new)
    parts = [gradient(lambda at, rows=rows: loss(at, rows), new) for rows in ([0], [1, 2], [3])]
    assert torch.allclose(sum(parts), whole)


@few
@given(st.lists(st.lists(st.floats(-3, 3), min_size=1, max_size=4), min_size=2, max_size=5), st.data())
def test_gigpo_without_steps_is_grpo_and_one_tree_counts_twice(paid: list[list[float]], data: st.DataObject) -> None:
    rewards = [reward for each in paid for reward in each]
    owners = [number for number, each in enumerate(paid) for _ in each]
    anchors = data.draw(st.text("abc", min_size=len(rewards), max_size=len(rewards)))
    one = steps(rewards, owners, anchors)
    grpo = group_advantages(row(*map(math.fsum, paid)))[0][one.trajectory]
    gigpo = recipes.get("gigpo").channels
    assert torch.allclose(step_advantages(one, [gigpo[0], replace(gigpo[1], weight=0.0)]), grpo, atol=1e-6)
    intra = channel_advantages(Channel(key="tree"), one)
    assert torch.allclose(step_advantages(one, recipes.get("tree-grpo").channels), 2 * intra, atol=1e-9)


@few
@given(SEEDS, st.integers(1, 5))
def test_dapo_with_equal_bounds_and_lengths_is_grpo(seed: int, length: int) -> None:
    new, old, advantages = drawn(seed, (4, 5), (4, 5), (4, 1))
    held = torch.arange(5).expand(4, 5) < length
    dapo, grpo = recipes.get("dapo", clip_high=0.2), recipes.get("grpo", kl_coef=0.0)
    found = [
        aggregate(policy_loss(each, new, old, advantages, held).loss_BT, held, each.aggregation)
        for each in (dapo, grpo)
    ]
    assert found[0].item() == pytest.approx(found[1].item())


def test_arpo_without_branches_is_grpo_over_tokens() -> None:
    """N = M: its rollouts are chains (see `test_strategies_trees.py`), and its pieces are GRPO's."""
    arpo = recipes.get("arpo", rollout=Chain(), dual_clip=None, group_size=8, minibatches=1)
    assert arpo.to_dict() == recipes.get("grpo", kl_coef=0.0, aggregation="token_mean").to_dict() | {"name": "arpo"}


@few
@given(SEEDS, st.floats(0, 1))
def test_gae_without_a_critic_is_the_reward_to_go(seed: int, discount: float) -> None:
    """Lambda 1 and values of 0: the sum over later sampled tokens, discounted by how many of them lie between."""
    (rewards,) = drawn(seed, (2, 6))
    held = some(seed, 2, 6)
    found = gae(rewards, torch.zeros_like(rewards), held, discount=discount, trace=1.0).advantages_BT
    for b in range(2):
        own = rewards[b][held[b]].tolist()
        expected = [sum(discount**k * later for k, later in enumerate(own[place:])) for place in range(len(own))]
        assert found[b][held[b]].tolist() == pytest.approx(expected)


def test_the_examples_on_the_page_run() -> None:
    page = Path(__file__).parents[2] / "docs" / "preferences.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
