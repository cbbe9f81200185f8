"""Potentials telescope, leave the best policy what it is, and say where a group baseline removes them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.reward_shaping import entropy, idle_terms, information_gain, is_no_op, shaping_terms
from rlvr_gym.verifiers import ConfigError

PHIS = st.lists(st.floats(-100, 100), min_size=2, max_size=20)


@given(phis=PHIS, discount=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_the_discounted_sum_is_minus_the_first_potential(phis: list[float], discount: float) -> None:
    total = sum(discount**step * term for step, term in enumerate(shaping_terms(phis, discount)))
    assert total == pytest.approx(-phis[0], abs=1e-9)


@given(phis=PHIS)
@settings(max_examples=50, deadline=None)
def test_a_truncated_episode_may_keep_its_last_potential(phis: list[float]) -> None:
    kept = sum(shaping_terms(phis, truncated=True, truncation="bootstrap"))
    assert kept == pytest.approx(phis[-1] - phis[0], abs=1e-9)
    assert sum(shaping_terms(phis, truncated=True)) == pytest.approx(-phis[0], abs=1e-9)


def test_by_hand() -> None:
    # 0.5 * 4 - 2, 0.5 * 8 - 4, 0 - 8.
    assert shaping_terms([2.0, 4.0, 8.0, 99.0], 0.5) == [0.0, 0.0, -8.0]
    assert shaping_terms([3.0]) == []


def test_a_cycle_earns_nothing_where_progress_pay_earns_without_end() -> None:
    circle = [1.0, 2.0, 3.0, 2.0, 1.0]
    terms = shaping_terms([*circle, 0.0])[:-1]
    assert sum(terms) == 0.0
    assert sum(max(0.0, term) for term in terms) == 2.0  # the bicycle that rides around its goal


def values(shaped: bool, discount: float = 0.9) -> tuple[list[int], list[float]]:
    """The best move at each of five places in a row (goal at 4, worth 1), and what it is worth, by value iteration."""
    phi = [5.0, -3.0, 2.0, 7.0, 0.0]
    worth = [0.0] * 5

    def of(place: int, move: int) -> float:
        there = min(max(place + move, 0), 4)
        extra = discount * phi[there] - phi[place] if shaped else 0.0
        return (1.0 if there == 4 else -0.1) + extra + (discount * worth[there] if there != 4 else 0.0)

    for _ in range(300):
        worth = [max(of(place, move) for move in (-1, 1)) for place in range(4)] + [0.0]
    return [max((-1, 1), key=lambda move: of(place, move)) for place in range(4)], worth


def test_value_iteration_finds_the_same_policy_with_and_without() -> None:
    (plain, plain_worth), (shaped, shaped_worth) = values(False), values(True)
    assert plain == shaped == [1, 1, 1, 1]
    # Q-initialisation: values differ by the potential of the place (Wiewiora, 2003).
    phi = [5.0, -3.0, 2.0, 7.0]
    assert [a - b for a, b in zip(plain_worth[:4], shaped_worth[:4], strict=True)] == pytest.approx(phi, abs=1e-6)


@given(phis=st.lists(PHIS, min_size=2, max_size=4), first=st.floats(-9, 9))
@settings(max_examples=50, deadline=None)
def test_the_detector_fires_exactly_where_the_data_show_nothing(phis: list[list[float]], first: float) -> None:
    rows = [{"potential": sum(shaping_terms([first, *phi]))} for phi in phis]
    assert is_no_op(credit="trajectory")
    assert idle_terms(rows, ["a"] * len(rows), tolerance=1e-6) == ("potential",)


def test_where_shaping_does_something() -> None:
    assert not is_no_op(credit="turn")
    assert not is_no_op(credit="trajectory", truncation="bootstrap")
    assert not is_no_op(credit="trajectory", discount=0.9)
    assert is_no_op(credit="turn", single_turn=True)
    # Below 1 the plain sum prefers short episodes where the potential is positive: 2 * (0.9 - 1) more for two steps.
    short, long = sum(shaping_terms([1.0, 0.0], 0.9)), sum(shaping_terms([1.0, 2.0, 0.0], 0.9))
    assert long - short == pytest.approx(-0.2)


def test_information_is_in_bits_and_adds_up() -> None:
    assert entropy([2, 2, 4]) == 1.5  # 2 * 1/4 * 2 bits + 1/2 * 1 bit
    assert information_gain([1] * 8, [1] * 2) == 2.0
    beliefs = [[1] * 8, [1] * 4, [1] * 4, [1]]
    steps = [information_gain(a, b) for a, b in pairwise(beliefs)]
    assert steps == [1.0, 0.0, 2.0]  # asking what is known gains nothing
    assert steps == shaping_terms([-entropy(b) for b in beliefs], truncated=True, truncation="bootstrap")


@pytest.mark.parametrize("belief", [[], [0, 0], [-1, 2], [float("nan")]])
def test_what_is_no_belief_is_refused(belief: list[float]) -> None:
    with pytest.raises(ConfigError):
        entropy(belief)


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="first state"):
        shaping_terms([])
    with pytest.raises(ConfigError, match="truncation"):
        shaping_terms([0.0], truncation="bootstrapped")
    with pytest.raises(ConfigError, match="credit"):
        is_no_op(credit="token")
    with pytest.raises(ConfigError, match="potential"):
        shaping_terms([float("inf"), 0.0])
