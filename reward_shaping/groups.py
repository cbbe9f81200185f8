"""Rewards of a group of responses to one prompt, as functions of all of their rewards and lengths.

Pure functions of plain numbers: what a learner adds to or puts in the place of the rewards of verdicts. None of them
is told what passed, and none can change it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def overlong_penalty(length: int, limit: int, cache: int) -> float:
    """DAPO's soft punishment of overlong responses (arXiv 2503.14476, equation 13).

    0 up to `limit - cache` tokens, then linear, and -1 from `limit` on. Public code that does not stop at -1 punishes a
    response past the limit without bound.

    Args:
        length: Tokens that were sampled.
        limit: From here on the punishment is whole.
        cache: Over so many tokens before the limit it grows.

    Example:
        >>> [round(overlong_penalty(n, 20, 5), 3) for n in (15, 16, 18, 20, 21)]
        [0.0, -0.2, -0.6, -1.0, -1.0]
    """
    if cache <= 0:
        return -1.0 if length > limit else 0.0
    over = length - (limit - cache)
    if over <= 0:
        return 0.0
    return -1.0 if over >= cache else 0.0 - over / cache


def win_rates(rewards: Sequence[float]) -> list[float]:
    """The share of the others that each response beats; a tie is half a win (SPO, arXiv 2401.04056, section 4).

    Alone, a response has 0.5.

    Example:
        >>> win_rates([1.0, 0.0, 0.0])
        [1.0, 0.25, 0.25]
    """
    others = len(rewards) - 1
    if others < 1:
        return [0.5] * len(rewards)
    return [(sum((mine > its) + (mine == its) / 2 for its in rewards) - 0.5) / others for mine in rewards]


def short_rewards(rewards: Sequence[float], lengths: Sequence[int], weight: float) -> list[float]:
    """Among right responses the short ones are worth more; wrong ones keep what they have.

    `r - weight * r * sigmoid((length - mean) / std)`, with mean and standard deviation over the right responses
    (rewards above 0): the reward of length that GRPO-lambda (arXiv 2505.18086) gives to the groups that solve most.

    Example:
        >>> [round(value, 3) for value in short_rewards([1.0, 1.0, 0.0], [4, 8, 2], 0.5)]
        [0.866, 0.634, 0.0]
    """
    right = [n for n, reward in zip(lengths, rewards, strict=True) if reward > 0]
    mean = sum(right) / max(len(right), 1)
    std = math.sqrt(sum((n - mean) ** 2 for n in right) / max(len(right), 1))
    return [
        reward - weight * reward / (1 + math.exp(-(n - mean) / std)) if reward > 0 and std > 0 else reward
        for reward, n in zip(rewards, lengths, strict=True)
    ]


def top_groups(rates: Sequence[float], share: float) -> list[bool]:
    """Which groups are among the given share with the highest rates; of equal ones the earlier.

    The share is rounded down, but where it is above 0 one group at least is among them: else a step of few groups would
    have none, at every step.

    Example:
        >>> top_groups([0.2, 0.9, 0.5, 0.9], 0.5)
        [False, True, False, True]
        >>> top_groups([0.2, 0.9], 0.25)
        [False, True]
    """
    count = max(math.floor(share * len(rates) + 1e-9), 1 if share > 0 else 0)
    chosen = sorted(range(len(rates)), key=lambda place: (-rates[place], place))[:count]
    return [place in chosen for place in range(len(rates))]
