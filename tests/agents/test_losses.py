"""Loss pieces: invariances that users of other libraries miss; literal values are in `test_golden_vectors.py`."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rlvr_gym.agents.losses import (  # noqa: E402
    Denominators,
    adapted_coefficient,
    aggregate,
    clipped_policy_loss,
    entropy,
    geometric_policy_loss,
    kl,
    policy_gradient_loss,
    qrpo_targets,
    qrpo_weights,
    sampler_correction,
    value_loss,
    weighted_policy_loss,
)
from rlvr_gym.agents.recipes import AGGREGATIONS, KL_ESTIMATORS  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402

NORM = {"seq_mean_token_sum_norm": 10.0}


def test_rows_without_a_token_do_not_count() -> None:
    values = torch.tensor([[4.0, 2.0], [7.0, 7.0]])
    mask = torch.tensor([[True, True], [False, False]])
    assert aggregate(values, mask, "seq_mean_token_mean").item() == 3.0
    assert aggregate(values, torch.zeros_like(mask), "seq_mean_token_mean").item() == 0.0


@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    cuts=st.sets(st.integers(1, 7)),
    mode=st.sampled_from(AGGREGATIONS),
    seed=st.integers(0, 999),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_micro_batches_sum_to_the_batch(lengths: list[int], cuts: set[int], mode: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(lengths), 5, generator=generator, dtype=torch.float64)
    mask = torch.arange(5)[None, :] < torch.tensor(lengths)[:, None]
    whole = aggregate(values, mask, mode, norm=NORM.get(mode))
    counts = Denominators.of(mask)
    bounds = sorted({0, len(lengths), *(cut for cut in cuts if cut < len(lengths))})
    parts = [
        aggregate(values[a:b], mask[a:b], mode, denominators=counts, norm=NORM.get(mode)) for a, b in pairwise(bounds)
    ]
    assert sum(parts).item() == pytest.approx(whole.item(), abs=1e-12)


@given(seed=st.integers(0, 999), junk=st.sampled_from([1e30, -1e30, float("inf"), float("nan")]))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_what_stands_at_masked_positions_changes_nothing(seed: int, junk: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logprobs = -torch.rand(3, 4, generator=generator)
    old, reference = -torch.rand(3, 4, generator=generator), -torch.rand(3, 4, generator=generator)
    advantages, mask = torch.randn(3, 1, generator=generator), torch.rand(3, 4, generator=generator) < 0.6

    def value(lp: torch.Tensor, o: torch.Tensor, r: torch.Tensor) -> tuple[float, torch.Tensor]:
        lp = lp.clone().requires_grad_()
        loss = clipped_policy_loss(lp, o, advantages, mask).loss_BT + 0.1 * kl(lp, r, mask)
        total = aggregate(loss, mask, "token_mean")
        total.backward()
        return total.item(), lp.grad

    clean, gradient = value(logprobs, old, reference)
    dirty, dirty_gradient = value(*(torch.where(mask, t, torch.full_like(t, junk)) for t in (logprobs, old, reference)))
    assert dirty == clean
    assert torch.equal(dirty_gradient[mask], gradient[mask])
    assert (dirty_gradient[~mask].nan_to_num() == 0).all()


def test_ratio_one_gives_the_gradient_of_the_plain_policy_gradient() -> None:
    logprobs = torch.tensor([[-0.3, -0.7]], requires_grad=True)
    mask = torch.ones(1, 2, dtype=torch.bool)
    loss = clipped_policy_loss(logprobs, logprobs.detach(), torch.tensor([[2.0]]), mask).loss_BT
    aggregate(loss, mask, "token_sum").backward()
    assert logprobs.grad.tolist() == [[-2.0, -2.0]]


@pytest.mark.parametrize(
    ("mode", "norm", "message"),
    [
        ("token_men", None, "did you mean 'token_mean'"),
        ("seq_mean_token_sum_norm", None, "norm must be a positive number"),
        ("token_mean", 3.0, "absent else"),
    ],
)
def test_refused_aggregations(mode: str, norm: float | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        aggregate(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), mode, norm=norm)


def test_shapes_are_checked() -> None:
    with pytest.raises(ConfigError, match="expected tensors of one shape"):
        kl(torch.zeros(1, 2), torch.zeros(1, 3), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(ConfigError, match="expected tensors of one shape"):
        aggregate(torch.zeros(3), torch.ones(3, dtype=torch.bool), "token_mean")


F64 = torch.float64
EVERY = torch.ones(1, 3, dtype=torch.bool)
APART = torch.tensor([[0.2, -0.1, 0.5]], dtype=F64)
SAME = torch.zeros(1, 3, dtype=F64)


def row(*values: float) -> object:
    return torch.tensor([values], dtype=F64)


@pytest.mark.parametrize("dual", [None, 3.0])
def test_the_dual_clip_is_a_lower_bound_of_bad_actions(dual: float | None) -> None:
    ratio = torch.tensor([[4.0, 0.5, 1.25]], dtype=F64).log()
    found = clipped_policy_loss(ratio, SAME, row(-1.0), EVERY, clip_high=0.28, dual_clip=dual)
    assert found.low_BT[0].tolist() == [dual is not None, True, False]
    with pytest.raises(ConfigError, match="dual_clip must be above 1"):
        clipped_policy_loss(ratio, SAME, row(-1.0), EVERY, dual_clip=1.0)


def test_which_bound_is_in_force() -> None:
    ratio = torch.tensor([[1.4, 0.5, 1.1]], dtype=F64).log()
    good = clipped_policy_loss(ratio, SAME, row(1.0), EVERY)
    assert (good.low_BT[0].tolist(), good.high_BT[0].tolist()) == ([False] * 3, [True, False, False])
    bad = clipped_policy_loss(ratio, SAME, row(-1.0), EVERY)
    assert (bad.low_BT[0].tolist(), bad.high_BT[0].tolist()) == ([False, True, False], [False] * 3)


def test_weights_carry_no_gradient() -> None:
    new = torch.tensor([[0.3, 5.0]], dtype=F64, requires_grad=True)
    found = weighted_policy_loss(new, torch.zeros(1, 2, dtype=F64), row(2.0), torch.ones(1, 2, dtype=torch.bool))
    found.loss_BT.sum().backward()
    assert new.grad[0].tolist() == pytest.approx([-2 * math.exp(0.3), -2 * 5.0])
    assert found.high_BT[0].tolist() == [False, True]


def test_the_plain_policy_gradient() -> None:
    new = torch.tensor([[-0.5, -0.7]], dtype=F64, requires_grad=True)
    policy_gradient_loss(new, row(3.0), torch.tensor([[True, False]])).sum().backward()
    assert new.grad[0].tolist() == [-3.0, 0.0]


def test_a_token_that_was_all_but_impossible_has_a_gradient_like_any_other() -> None:
    """Ratios are limited, log-probabilities are not: at log pi of -25 the slope is minus the advantage, as at -1."""
    new = torch.tensor([[-25.0, -1.0]], dtype=F64, requires_grad=True)
    policy_gradient_loss(new, row(1.5), torch.ones(1, 2, dtype=torch.bool)).sum().backward()
    assert new.grad[0].tolist() == [-1.5, -1.5]


def test_only_k2_has_the_gradient_of_the_divergence() -> None:
    """Of two actions, with expectations under the policy by hand: d KL / d logits = p (log p/q - KL)."""
    logits = torch.tensor([0.3, -0.2], dtype=F64, requires_grad=True)
    reference = torch.log_softmax(torch.tensor([-0.5, 0.4], dtype=F64), 0)
    logprobs = torch.log_softmax(logits, 0)
    exact = (logprobs.exp() * (logprobs - reference)).sum()
    [wanted] = torch.autograd.grad(exact, logits, retain_graph=True)
    two = torch.ones(1, 2, dtype=torch.bool)
    gradients = {}
    for name in KL_ESTIMATORS:
        loss = (logprobs.exp().detach() * kl(logprobs[None], reference[None], two, name)[0]).sum()
        [gradients[name]] = torch.autograd.grad(loss, logits, retain_graph=True)
    assert torch.allclose(gradients["k2"], wanted)
    assert torch.allclose(gradients["k3+"], wanted)
    assert torch.allclose(gradients["k1"], torch.zeros(2, dtype=F64), atol=1e-12)
    assert not torch.allclose(gradients["k3"], wanted, atol=1e-3)


def test_the_coefficient_follows_its_target() -> None:
    def moved(divergence: float) -> float:
        return adapted_coefficient(0.1, divergence, target=0.1, horizon=10_000, steps=1000)

    assert [moved(0.1), moved(0.11), moved(9.0), moved(0.0)] == pytest.approx([0.1, 0.101, 0.102, 0.098])


GROUP = torch.zeros(8, dtype=torch.long)


@pytest.mark.parametrize("right", range(9))
def test_qrpo_pushes_right_answers_up_and_wrong_ones_down(right: int) -> None:
    """By rewards of 0 and 1: in a mixed group each kind to its side, in a group of one kind nothing at all."""
    rewards = torch.tensor([1.0] * right + [0.0] * (8 - right))
    push = -qrpo_weights(torch.zeros(8), rewards, GROUP, beta=0.1)
    if right in (0, 8):
        assert push.tolist() == [0.0] * 8
    else:
        assert (push[:right] > 0).all()
        assert (push[right:] < 0).all()


def test_qrpo_with_many_different_rewards_is_that_of_the_paper() -> None:
    """A thousand rewards in any order: quantiles are even, the partition is that of uniform ones, to half a rank."""
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    rewards, group = order.to(F64), torch.zeros(1000, dtype=torch.long)
    quantile = (order + 1) / 1000
    wanted = quantile - 0.1 * math.log(0.1 * (math.exp(10) - 1))
    assert torch.allclose(qrpo_targets(rewards, group, beta=0.1), wanted.to(F64), atol=1e-3)


def test_the_value_loss_takes_the_worse_of_two() -> None:
    one = torch.ones(1, 1, dtype=torch.bool)
    # clipped to 1.2: (1.2 - 3)^2 / 2; unclipped: (2 - 3)^2 / 2
    assert value_loss(row(2.0), row(1.0), row(3.0), one).item() == pytest.approx(1.62)
    assert value_loss(row(2.0), row(1.0), row(3.0), one, clip=None).item() == pytest.approx(0.5)
    assert value_loss(row(2.0), row(1.0), row(3.0), ~one).item() == 0.0


def test_entropy_by_hand() -> None:
    logits = torch.tensor([[0.9, 0.1], [0.6, 0.4], [1.0, 0.0]], dtype=F64).log()
    assert entropy(logits).tolist() == pytest.approx([0.325083, 0.673012, 0.0], abs=1e-6)


def test_corrections_by_hand() -> None:
    trainer, sampler = row(0.0, math.log(4), -math.log(4)), SAME
    cut = sampler_correction(trainer, sampler, EVERY)
    assert cut.weight_BT[0].tolist() == pytest.approx([1.0, 2.0, 0.25])
    assert (cut.left_out, cut.largest) == pytest.approx((0.0, math.log(4)))
    ice = sampler_correction(trainer, sampler, EVERY, mode="mask", low=0.5, high=5.0)
    assert ice.weight_BT[0].tolist() == pytest.approx([1.0, 4.0, 0.0])
    assert ice.left_out == pytest.approx(1 / 3)
    rows = sampler_correction(row(1.0, 1.0, 1.0), SAME, EVERY, mode="mask", level="sequence")
    assert rows.weight_BT[0].tolist() == [0.0] * 3
    same = sampler_correction(APART, APART, EVERY)
    assert (same.weight_BT[0].tolist(), same.left_out, same.largest) == ([1.0] * 3, 0.0, 0.0)
    with pytest.raises(ConfigError, match="low <= 1 <= high"):
        sampler_correction(APART, APART, EVERY, low=1.5)


LOSSES = {
    "ppo": lambda new, old, a, m: clipped_policy_loss(new, old, a, m).loss_BT,
    "dual": lambda new, old, a, m: clipped_policy_loss(new, old, a, m, dual_clip=1.5).loss_BT,
    "rloo": lambda new, old, a, m: clipped_policy_loss(new, old, a, m, level="sequence").loss_BT,
    "gspo": lambda new, old, a, m: clipped_policy_loss(new, old, a, m, level="geometric").loss_BT,
    "gmpo": lambda new, old, a, m: geometric_policy_loss(new, old, a, m).loss_BT,
    "cispo": lambda new, old, a, m: weighted_policy_loss(new, old, a, m).loss_BT,
    "reinforce": lambda new, old, a, m: policy_gradient_loss(new, a, m),
    **{name: lambda new, old, a, m, name=name: kl(new, old, m, name) for name in KL_ESTIMATORS},
}


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), junk=st.floats(-1e4, 1e4))
def test_masked_tokens_change_no_loss_and_no_gradient(name: str, seed: int, junk: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    new, old = (torch.randn(3, 5, generator=generator, dtype=F64) for _ in range(2))
    advantages, mask = torch.randn(3, 1, generator=generator, dtype=F64), torch.rand(3, 5, generator=generator) < 0.5
    found = []
    for noise in (0.0, junk):
        one = torch.where(mask, new, new + noise).requires_grad_()
        loss = LOSSES[name](one, torch.where(mask, old, old - noise), advantages, mask)
        [gradient] = torch.autograd.grad(loss.sum(), one)
        found.append((loss.detach(), gradient))
        assert (loss[~mask] == 0).all()
        assert (gradient[~mask] == 0).all()
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ("cispo", "k3+")])
def test_gradients_are_finite_differences_on_a_model_of_two_tokens(name: str) -> None:
    """A softmax over two tokens at three places; away from the bounds, where a loss has two slopes."""
    logits = torch.tensor([[0.4, -0.3], [0.1, 0.2], [-0.5, 0.6]], dtype=F64)
    chosen, old = torch.tensor([0, 1, 1]), torch.tensor([[-0.35, -0.6, -0.45]], dtype=F64)

    def loss(at: object) -> object:
        logprobs = torch.log_softmax(at, dim=-1).gather(1, chosen[:, None]).T
        return LOSSES[name](logprobs, old, row(0.7), EVERY).sum()

    point = logits.clone().requires_grad_()
    [gradient] = torch.autograd.grad(loss(point), point)
    for place in range(3):
        for token in range(2):
            step = torch.zeros_like(logits)
            step[place, token] = 1e-6
            slope = (loss(logits + step) - loss(logits - step)).item() / 2e-6
            assert gradient[place, token].item() == pytest.approx(slope, abs=1e-7)
