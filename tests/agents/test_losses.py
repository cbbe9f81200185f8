"""Loss pieces against literal values worked by hand, and the invariances that users of other libraries miss."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rlvr_gym.agents.losses import AGGREGATIONS, Denominators, aggregate, clipped_policy_loss, kl_k3  # noqa: E402
from rlvr_gym.verifiers import ConfigError  # noqa: E402

NORM = {"seq_mean_token_sum_norm": 10.0}


@pytest.mark.parametrize(
    ("advantage", "ratio", "expected"),
    [
        # max(-A rho, -A clip(rho, 0.8, 1.28))
        (1.0, 0.5, -0.5),  # below the clip nothing is gained by pushing down, so the plain term stands
        (1.0, 1.25, -1.25),  # inside
        (1.0, 1.4, -1.28),  # clipped at 1 + 0.28
        (-1.0, 0.5, 0.8),  # clipped at 1 - 0.2
        (-1.0, 1.25, 1.25),
        (-1.0, 4.0, 4.0),  # no dual clip
    ],
)
def test_clipped_loss_by_hand(advantage: float, ratio: float, expected: float) -> None:
    one = torch.ones(1, 1)
    result = clipped_policy_loss(
        (math.log(ratio) * one).double(), torch.zeros(1, 1).double(), advantage * one, one.bool(), clip_high=0.28
    )
    assert result.loss_BT.item() == pytest.approx(expected, abs=1e-6)
    assert bool(result.clipped_BT.item()) is ((advantage, ratio) in {(1.0, 1.4), (-1.0, 0.5)})


@pytest.mark.parametrize(
    ("logprob", "reference", "expected"),
    # exp(-d) - 1 + d with d = 0.5: 0.606531 - 1 + 0.5; with d = -0.5: 1.648721 - 1 - 0.5
    [(-1.0, -1.5, 0.106531), (-1.5, -1.0, 0.148721), (-2.0, -2.0, 0.0)],
)
def test_k3_by_hand(logprob: float, reference: float, expected: float) -> None:
    value = kl_k3(torch.tensor([[logprob]]), torch.tensor([[reference]]), torch.tensor([[True]]))
    assert value.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("token_mean", 20 / 6),
        ("token_sum", 20.0),
        ("seq_mean_token_sum", (4 + 16) / 2),
        ("seq_mean_token_mean", (2 + 4) / 2),
        ("seq_mean_token_sum_norm", (4 + 16) / 2 / 10),
    ],
)
def test_aggregation_by_hand(mode: str, expected: float) -> None:
    values = torch.tensor([[1.0, 3.0, 99.0, 99.0], [2.0, 2.0, 4.0, 8.0]])
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    assert aggregate(values, mask, mode, norm=NORM.get(mode)).item() == pytest.approx(expected)


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
        loss = clipped_policy_loss(lp, o, advantages, mask).loss_BT + 0.1 * kl_k3(lp, r, mask)
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
        kl_k3(torch.zeros(1, 2), torch.zeros(1, 3), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(ConfigError, match="expected tensors of one shape"):
        aggregate(torch.zeros(3), torch.ones(3, dtype=torch.bool), "token_mean")
