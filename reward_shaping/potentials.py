"""Potential-based shaping (Ng, Harada and Russell, 1999): pure functions, and where they change nothing.

`F(s, s') = discount * phi(s') - phi(s)` added to the reward of a step leaves the best policies what they are, under
conditions that are easy to break: the potential of the end is 0 (Grzes, 2017), the discount is that of the return, each
potential is evaluated once, at the visit (Devlin and Kudenko, 2012), and F is neither clipped nor scaled over time nor
paid only where it is positive. `rlvr_gym.envs.wrappers.PotentialShaping` keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from rlvr_gym.reward_shaping.core import check_range
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

ENDS = ("terminal", "bootstrap")
CREDITS = ("trajectory", "turn")


def shaping(before: float, after: float, discount: float = 1.0) -> float:
    """`discount * after - before`: the shaping of one step; `after` is 0 where the episode ends.

    Example:
        >>> shaping(0.5, 0.75), shaping(0.75, 0.0)
        (0.25, -0.75)
    """
    return discount * after - before


def shaping_terms(
    potentials: Sequence[float], discount: float = 1.0, *, truncated: bool = False, truncation: str = "terminal"
) -> list[float]:
    """The shaping of every step of an episode.

    With `discount` their discounted sum is `-potentials[0]`, whatever happened, where the last potential counts as 0.

    Args:
        potentials: Of the states visited, the first and the last included: one more than there are steps.
        discount: That of the return.
        truncated: Whether a limit ended the episode, and not the task.
        truncation: `"terminal"`: a truncated episode has ended (for learners that do not bootstrap, such as GRPO).
            `"bootstrap"`: its last state keeps its potential.

    Raises:
        ConfigError: There is no first potential, one is not finite, or a setting is refused.

    Example:
        >>> shaping_terms([0.25, 0.5, 0.75])
        [0.25, -0.5]
        >>> shaping_terms([0.25, 0.5, 0.75], truncated=True, truncation="bootstrap")
        [0.25, 0.25]
    """
    if not potentials:
        raise ConfigError("an episode has at least the potential of its first state")
    check_end(truncation)
    values = [check_range("potential", "a potential", value) for value in potentials]
    if len(values) > 1 and not (truncated and truncation == "bootstrap"):
        values[-1] = 0.0
    return [shaping(before, after, discount) for before, after in pairwise(values)]


def check_end(truncation: str) -> str:
    """Refuse what is not in `ENDS`.

    Raises:
        ConfigError: It is not.
    """
    if truncation not in ENDS:
        raise ConfigError(f"truncation must be one of {', '.join(ENDS)}; got {shown(truncation)}")
    return truncation


def is_no_op(*, credit: str, discount: float = 1.0, truncation: str = "terminal", single_turn: bool = False) -> bool:
    """Whether shaping cannot change what a learner with a group baseline learns.

    With one number a trajectory and discount 1, the shaping adds up to minus the potential of the first state, which is
    the same for a whole group, and the baseline takes it away. It is not one with credit per turn, with a discount
    below 1 (where the plain sum prefers short or long episodes, according to the sign of the potential), or where
    truncated episodes keep their last potential. In one step there is no second state at any discount.

    Args:
        credit: `"trajectory"`: one advantage for all turns; `"turn"`: returns of what follows.
        discount: Of the shaping.
        truncation: See `shaping_terms`.
        single_turn: Whether every episode has one step.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> is_no_op(credit="trajectory"), is_no_op(credit="turn"), is_no_op(credit="trajectory", discount=0.9)
        (True, False, False)
    """
    if credit not in CREDITS:
        raise ConfigError(f"credit must be one of {', '.join(CREDITS)}; got {shown(credit)}")
    ends = check_end(truncation) == "terminal"
    return ends and (single_turn or (credit == "trajectory" and discount == 1.0))


def entropy(weights: Sequence[float]) -> float:
    """The entropy of a belief in bits; weights need not add up to 1.

    Raises:
        ConfigError: There are none, one is negative, or all are 0.

    Example:
        >>> entropy([1, 1, 1, 1]), entropy([1, 0])
        (2.0, 0.0)
    """
    checked = [check_range("belief", "a weight", weight, 0.0) for weight in weights]
    total = math.fsum(checked)
    if total == 0:
        raise ConfigError("a belief needs at least one hypothesis with a weight above 0")
    return 0.0 - math.fsum(w / total * math.log2(w / total) for w in checked if w > 0)


def information_gain(before: Sequence[float], after: Sequence[float]) -> float:
    """The bits by which a step narrowed a belief down: `H(before) - H(after)`.

    It is the shaping with the potential -H, so that all of `shaping_terms` holds: over an episode that keeps its last
    potential it adds up to what is known at the end, and asking in circles gains nothing. IGPO (arXiv 2510.14967) has
    the policy's probability of the gold for a potential, which a trainer must supply; a belief over the hypotheses that
    are left needs neither a policy nor the gold.

    Example:
        >>> information_gain([1, 1, 1, 1], [1, 1])
        1.0
    """
    return entropy(before) - entropy(after)
