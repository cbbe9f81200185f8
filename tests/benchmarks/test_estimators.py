"""pass@k against exact rational arithmetic, closed forms and its own definition."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.benchmarks.estimators import (
    bootstrap_means,
    check_ks,
    default_ks,
    pass_at_k,
    pass_at_k_table,
    percentile_band,
    simultaneous_band,
)
from rlvr_gym.verifiers import ConfigError


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (5, 2, 2, 0.7),
        (10, 3, 5, 11 / 12),
        (128, 1, 64, 0.5),
        (1000, 1, 256, 0.256),
        (200, 0, 100, 0.0),
        (16, 16, 16, 1.0),
        (1, 1, 1, 1.0),
        (10**6, 3, 1000, 0.0029970034963),  # a difference of log-gammas gives 0.0029955
    ],
)
def test_literal_values(n: int, c: int, k: int, expected: float) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(expected, rel=1e-6, abs=1e-15)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_equals_the_ratio_of_binomials(case: tuple[int, int, int]) -> None:
    n, c, k = case
    exact = 1 - Fraction(math.comb(n - c, k), math.comb(n, k))
    assert pass_at_k(n, c, k) == pytest.approx(float(exact), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("n", "c", "k"), [(6, 2, 3), (7, 1, 7), (5, 5, 2), (6, 0, 2)])
def test_is_the_share_of_subsets_with_a_pass(n: int, c: int, k: int) -> None:
    outcomes = [True] * c + [False] * (n - c)
    subsets = list(itertools.combinations(outcomes, k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_is_unbiased() -> None:
    """The exact expectation over c ~ Binomial(n, p) is 1 - (1 - p)^k."""
    n, p = 12, 0.17
    for k in range(1, n + 1):
        expectation = sum(math.comb(n, c) * p**c * (1 - p) ** (n - c) * pass_at_k(n, c, k) for c in range(n + 1))
        assert expectation == pytest.approx(1 - (1 - p) ** k, abs=1e-12)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 1, 5), (4, 5, 1), (4, -1, 1), (4, 1, 0)])
def test_impossible_counts_are_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ConfigError):
        pass_at_k(n, c, k)


def test_k_above_n_says_why_and_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"pass@16 was asked for with n=8 .* needs n >= k: draw more samples"):
        check_ks((1, 16), 8)
    with pytest.raises(ConfigError, match="at least 1"):
        check_ks((0, 1), 8)
    assert check_ks((8, 1, 1), 8) == (1, 8)
    assert default_ks(1) == (1,)
    assert default_ks(64) == (1, 2, 4, 8, 16, 32, 64)


def test_curves_never_fall_in_k() -> None:
    rng = np.random.default_rng(0)
    table = pass_at_k_table(np.full(50, 32), rng.integers(0, 33, size=50), default_ks(32))
    assert (np.diff(table, axis=1) >= -1e-15).all()


def test_bootstrap_is_seeded_and_centred() -> None:
    values = np.random.default_rng(1).random((80, 3))
    one, two = bootstrap_means(values, 4000, seed=5), bootstrap_means(values, 4000, seed=5)
    assert np.array_equal(one, two)
    # standard error of the mean of resample means: below 0.29 / sqrt(80) / sqrt(4000) = 0.0005
    assert np.abs(one.mean(axis=0) - values.mean(axis=0)).max() < 0.003
    # bootstrap standard deviation = population standard deviation / sqrt(T), within 5 %
    assert one.std(axis=0) == pytest.approx(values.std(axis=0) / math.sqrt(80), rel=0.05)


def test_band_covers_the_truth_about_as_often_as_it_says() -> None:
    """300 benchmarks of 60 tasks: 95 % +- 1.3 %; below 90 % about once in 20,000 seeds of a perfect interval."""
    rng = np.random.default_rng(7)
    covered = simultaneous = 0
    for trial in range(300):
        values = rng.random((60, 1)) ** [[1.0, 2.0]]
        means = bootstrap_means(values, 400, seed=trial)
        band = percentile_band(means)
        wide = simultaneous_band(means, values.mean(axis=0))
        truth = np.array([1 / 2, 1 / 3])
        covered += bool(band.low_K[0] <= truth[0] <= band.high_K[0])
        simultaneous += bool(((wide.low_K <= truth) & (truth <= wide.high_K)).all())
    assert covered / 300 > 0.90
    assert simultaneous / 300 > 0.90


def test_simultaneous_band_without_variation_has_no_width() -> None:
    values = np.ones((10, 2)) * [0.3, 0.6]
    band = simultaneous_band(bootstrap_means(values, 100, 0), values.mean(axis=0))
    assert band.low_K == pytest.approx([0.3, 0.6])
    assert band.high_K == pytest.approx([0.3, 0.6])
