"""Reward terms: named numbers that add up to the reward of a step.

A reward function maps a verdict to a dict of terms; the reward is their sum, and the terms are reported in
`info["reward_terms"]`, so that a reward can be recomputed and audited offline. An ungradable verdict has no reward: it
gives no terms, the episode is truncated, and learners mask it.
"""

from __future__ import annotations

from collections.abc import Callable

from rlvr_gym.verifiers import UnknownNameError, Verdict

RewardTerms = dict[str, float]


def outcome(verdict: Verdict) -> RewardTerms:
    """1 for a strict pass, else 0: the reward of RLVR.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> outcome(make_verifier("number@1").verify("#### 7", 7))
        {'outcome': 1.0}
    """
    return {"outcome": float(verdict.passed)} if verdict.gradable else {}


def dense(verdict: Verdict) -> RewardTerms:
    """The verifier's dense score in [0, 1].

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> dense(make_verifier("countdown@1").verify("3 + 4", {"numbers": [3, 4], "target": 12}))
        {'dense': 0.6666666666666666}
    """
    return {"dense": verdict.score} if verdict.gradable else {}


REWARDS: dict[str, Callable[[Verdict], RewardTerms]] = {"outcome": outcome, "dense": dense}


def make_reward(name: str) -> Callable[[Verdict], RewardTerms]:
    """The reward function of this name.

    Raises:
        UnknownNameError: With near matches.
    """
    if name not in REWARDS:
        raise UnknownNameError("reward", name, REWARDS)
    return REWARDS[name]
