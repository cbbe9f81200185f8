"""Reward shaping: verdict to reward. Pure functions of what was judged; none of them can touch `passed`."""

if not __name__.startswith("rlvr_gym."):
    raise ImportError(
        "this folder is rlvr_gym.reward_shaping: install the project (pip install -e .) and "
        "`import rlvr_gym.reward_shaping`"
    )

from rlvr_gym.reward_shaping.audit import Audit, audit, idle_terms
from rlvr_gym.reward_shaping.combinators import CONDITIONS, Gate, Min, Product, Sum
from rlvr_gym.reward_shaping.core import (
    NO_CONTEXT,
    REWARDS,
    GroupReward,
    Judged,
    Reward,
    RewardContext,
    RewardTerms,
    Term,
    make_reward,
    make_shaping,
    make_single_reward,
    make_verdict_reward,
    register,
)
from rlvr_gym.reward_shaping.form import (
    CosineLength,
    Format,
    Length,
    Overlong,
    Repetition,
    ToolCost,
)
from rlvr_gym.reward_shaping.groups import overlong_penalty, short_rewards, top_groups, win_rates
from rlvr_gym.reward_shaping.mixing import Anneal, Cap, Lexicographic
from rlvr_gym.reward_shaping.novelty import CountMemory, Memory, RndMemory, memory_from
from rlvr_gym.reward_shaping.potentials import entropy, information_gain, is_no_op, shaping_terms
from rlvr_gym.reward_shaping.presets import cot_ro, layered, verbosity
from rlvr_gym.reward_shaping.ranges import Interval, Ranges
from rlvr_gym.reward_shaping.relative import KimiLength, Rare, TopShort, WinRate
from rlvr_gym.reward_shaping.rubric import Pair, Rubric, RubricFit, fit_rubric_weights
from rlvr_gym.reward_shaping.schedules.point import START, SchedulePoint
from rlvr_gym.reward_shaping.shaped import Given, Signed, TurnCredit
from rlvr_gym.reward_shaping.spans import Span, Spans, read_spans, span_token_rewards
from rlvr_gym.reward_shaping.surprise import Novelty
from rlvr_gym.reward_shaping.terms import Balanced, Dense, Outcome, Process, Repeats, TurnDecay, step_score

__all__ = [
    "CONDITIONS",
    "NO_CONTEXT",
    "REWARDS",
    "START",
    "Anneal",
    "Audit",
    "Balanced",
    "Cap",
    "CosineLength",
    "CountMemory",
    "Dense",
    "Format",
    "Gate",
    "Given",
    "GroupReward",
    "Interval",
    "Judged",
    "KimiLength",
    "Length",
    "Lexicographic",
    "Memory",
    "Min",
    "Novelty",
    "Outcome",
    "Overlong",
    "Pair",
    "Process",
    "Product",
    "Ranges",
    "Rare",
    "Repeats",
    "Repetition",
    "Reward",
    "RewardContext",
    "RewardTerms",
    "RndMemory",
    "Rubric",
    "RubricFit",
    "SchedulePoint",
    "Signed",
    "Span",
    "Spans",
    "Sum",
    "Term",
    "ToolCost",
    "TopShort",
    "TurnCredit",
    "TurnDecay",
    "WinRate",
    "audit",
    "cot_ro",
    "entropy",
    "fit_rubric_weights",
    "idle_terms",
    "information_gain",
    "is_no_op",
    "layered",
    "make_reward",
    "make_shaping",
    "make_single_reward",
    "make_verdict_reward",
    "memory_from",
    "overlong_penalty",
    "read_spans",
    "register",
    "shaping_terms",
    "short_rewards",
    "span_token_rewards",
    "step_score",
    "top_groups",
    "verbosity",
    "win_rates",
]
