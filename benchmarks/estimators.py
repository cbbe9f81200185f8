"""pass@k: the unbiased estimator and its uncertainty. Pure functions on arrays.

Axes: T tasks, K values of k, R bootstrap resamples.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rlvr_gym.verifiers import ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Band(NamedTuple):
    """An interval for each k; both [K]."""

    low_K: Floats
    high_K: Floats


def pass_at_k(n: int, c: int, k: int) -> float:
    """Probability that at least one of k samples passes, from c passes among n: `1 - C(n-c, k) / C(n, k)`.

    Unbiased (Chen et al. 2021, arXiv 2107.03374, equation 1). Computed in log space over the shorter of the two
    products `prod_{i<c} (1 - k/(n-i))` and `prod_{i<k} (1 - c/(n-i))`, which keeps all digits where a difference of
    log-gammas loses them.

    Args:
        n: Samples of the task.
        c: How many of them passed.
        k: 1 to n.

    Raises:
        ConfigError: `k > n` (no unbiased estimate exists from fewer than k samples), or the counts contradict each
        other.

    Example:
        >>> round(pass_at_k(10, 3, 5), 6), pass_at_k(128, 1, 64), pass_at_k(200, 0, 100)
        (0.916667, 0.5, 0.0)
    """
    if not 0 <= c <= n or k < 1:
        raise ConfigError(f"expected 0 <= c <= n and k >= 1, got n={n}, c={c}, k={k}")
    if k > n:
        raise ConfigError(f"pass@{k} cannot be estimated from n={n} samples: k must not exceed n")
    if n - c < k:
        return 1.0
    short, other = min(c, k), max(c, k)
    return abs(math.expm1(math.fsum(math.log1p(-other / (n - i)) for i in range(short))))


def pass_at_k_table(n_T: Ints, c_T: Ints, ks: tuple[int, ...]) -> Floats:
    """`pass_at_k` of every task and k, shape [T, K].

    Example:
        >>> pass_at_k_table(np.array([4, 4]), np.array([0, 1]), (1, 2)).round(12).tolist()
        [[0.0, 0.0], [0.25, 0.5]]
    """
    known: dict[tuple[int, int, int], float] = {}
    table = np.empty((len(n_T), len(ks)))
    for row, (n, c) in enumerate(zip(n_T.tolist(), c_T.tolist(), strict=True)):
        for column, k in enumerate(ks):
            if (n, c, k) not in known:
                known[n, c, k] = pass_at_k(n, c, k)
            table[row, column] = known[n, c, k]
    return table


def bootstrap_means(values_TK: Floats, resamples: int, seed: int) -> Floats:
    """Means over tasks drawn with replacement, shape [R, K].

    Tasks are the unit, since samples of one task are not independent of each other's difficulty; each draw serves all
    k, so rows are whole curves.

    Args:
        values_TK: One row a task.
        resamples: Number of draws (R).
        seed: Seed of the draws.
    """
    tasks = len(values_TK)
    rng = np.random.default_rng(seed)
    counts_RT = rng.multinomial(tasks, np.full(tasks, 1.0 / tasks), size=resamples)
    means: Floats = counts_RT @ values_TK / tasks
    return means


def percentile_band(means_RK: Floats, level: float = 0.95) -> Band:
    """The pointwise percentile interval of each k.

    Example:
        >>> band = percentile_band(np.linspace(0.0, 1.0, 101)[:, None], level=0.9)
        >>> round(float(band.low_K[0]), 2), round(float(band.high_K[0]), 2)
        (0.05, 0.95)
    """
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(means_RK, [tail, 1.0 - tail], axis=0)
    return Band(low, high)


def simultaneous_band(means_RK: Floats, estimate_K: Floats, level: float = 0.95) -> Band:
    """A band that covers the whole curve at once: `estimate +- q * se`, q a quantile of the largest studentised error.

    A statement about every k ("above at each k") needs this rather than one interval a k. Where the resamples do not
    vary, the band has no width.

    Args:
        means_RK: Bootstrap means.
        estimate_K: The point estimate.
        level: Probability that the whole curve is covered.
    """
    error_RK = means_RK - estimate_K
    se_K = error_RK.std(axis=0)
    scaled_RK = np.divide(np.abs(error_RK), se_K, out=np.zeros_like(error_RK), where=se_K > 1e-12)
    q = float(np.quantile(scaled_RK.max(axis=1), level))
    return Band(estimate_K - q * se_K, estimate_K + q * se_K)


def default_ks(n: int) -> tuple[int, ...]:
    """Powers of two up to n.

    Example:
        >>> default_ks(12)
        (1, 2, 4, 8)
    """
    return tuple(2**i for i in range(n.bit_length()))


def check_ks(ks: tuple[int, ...], n: int) -> tuple[int, ...]:
    """Sorted, distinct values of k that n samples can support.

    Raises:
        ConfigError: A k is not positive, or exceeds n.
    """
    if not ks or min(ks) < 1:
        raise ConfigError(f"k must be at least 1, got {list(ks)}")
    if max(ks) > n:
        raise ConfigError(
            f"pass@{max(ks)} was asked for with n={n} samples a task, but an unbiased estimate needs n >= k: "
            f"draw more samples (--n {max(ks)}) or ask for k up to {n}"
        )
    return tuple(sorted(set(ks)))
