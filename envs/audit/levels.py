"""Whether an attack earned more than chance: exact tails, no normal approximation, since the levels are near zero."""

from __future__ import annotations

import math


def binomial_tail(k: int, n: int, p: float) -> float:
    """The probability of at least `k` successes in `n` trials of probability `p`.

    Example:
        >>> round(binomial_tail(2, 2, 0.5), 9), binomial_tail(1, 5, 0.0), binomial_tail(0, 5, 0.0)
        (0.25, 0.0, 1.0)
    """
    if k <= 0 or p >= 1:
        return 1.0
    if p <= 0:
        return 0.0
    whole = math.lgamma(n + 1)
    ways = (whole - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k, n + 1))
    terms = (w + i * math.log(p) + (n - i) * math.log1p(-p) for i, w in zip(range(k, n + 1), ways, strict=True))
    return min(1.0, math.fsum(map(math.exp, terms)))


def mean_tail(mean: float, n: int, level: float) -> float:
    """A bound of the probability that `n` independent values in [0, 1] of mean at most `level` have such a mean.

    Hoeffding (1963), Theorem 1: `exp(-n KL(mean || level))`. At a level of 0 no positive mean is possible.

    Example:
        >>> round(mean_tail(0.5, 10, 0.1), 4), mean_tail(0.1, 10, 0.1), mean_tail(0.01, 10, 0.0)
        (0.006, 1.0, 0.0)
    """
    if mean <= level:
        return 1.0
    if level <= 0:
        return 0.0
    divergence = mean * math.log(mean / level)
    if mean < 1:
        divergence += (1 - mean) * math.log((1 - mean) / (1 - level))
    return math.exp(-n * divergence)


def tasks_needed(chance: float, alarm: float) -> int:
    """How many tasks it takes before an attack that always passes cannot be luck.

    Args:
        chance: Probability to pass by luck.
        alarm: False-alarm rate of one comparison.

    Example:
        >>> tasks_needed(0.5, 0.01), tasks_needed(0.0, 0.01)
        (7, 1)
    """
    if chance <= 0:
        return 1
    return max(1, math.floor(math.log(alarm) / math.log(chance)) + 1)
