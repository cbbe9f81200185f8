"""Reward shaping: verdict to reward. Pure functions of a verdict; none of them can touch `passed`."""

if not __name__.startswith("rlvr_gym."):
    raise ImportError(
        "this folder is rlvr_gym.reward_shaping: install the project (pip install -e .) and "
        "`import rlvr_gym.reward_shaping`"
    )

from rlvr_gym.reward_shaping.groups import overlong_penalty, short_rewards, top_groups, win_rates
from rlvr_gym.reward_shaping.terms import REWARDS, RewardTerms, dense, make_reward, outcome

__all__ = [
    "REWARDS",
    "RewardTerms",
    "dense",
    "make_reward",
    "outcome",
    "overlong_penalty",
    "short_rewards",
    "top_groups",
    "win_rates",
]
