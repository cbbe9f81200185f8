"""The named recipes. Where a paper and the code that is called by its name differ, the paper is the default.

A bound of the ratio acts from the second optimiser step of a rollout on. How many there are is said where the paper, or
the script published with it, says how many; a recipe of one step is on the policy that sampled, its ratio is 1, and its
`region` would act with `updates` or `minibatches` above 1 alone.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from rlvr_gym.agents.recipes.pieces import Channel, Critic, Filter
from rlvr_gym.agents.recipes.recipe import Recipe
from rlvr_gym.reward_shaping import Overlong, Signed, Sum, TopShort, WinRate
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import suggestion

_PLAIN = Channel(baseline="none", scale="none")

# REINFORCE, Williams 1992: the return of the whole response, one step on fresh samples, no bound.
_REINFORCE = Recipe(
    name="reinforce",
    channels=(_PLAIN,),
    group_size=1,
    region="none",
    aggregation="seq_mean_token_sum",
)

# RLOO, arXiv 2402.14740: the response is one action, the divergence is part of its reward, the baseline the mean of the
# others. TRL's settings are the same with G 2 and 0.05; verl takes the ratio of tokens.
_RLOO = Recipe(
    name="rloo",
    group_size=4,
    channels=(Channel(baseline="leave_one_out", scale="none"),),
    ratio="sequence",
    aggregation="seq_mean_token_mean",
    kl_coef=0.03,
    kl_estimator="k1",
    kl_place="reward",
    updates=2,
)

# ReMax, arXiv 2310.10505, algorithm 1: what the greedy response earns is the baseline of the rewards to go.
_REMAX = Recipe(
    name="remax",
    rollout={"name": "greedy"},  # type: ignore[arg-type]
    group_size=1,
    channels=(Channel("token", baseline="greedy", scale="none"),),
    region="none",
    aggregation="token_mean",
    kl_coef=0.01,
    kl_estimator="k1",
    kl_place="reward",
)

# REINFORCE++, arXiv 2501.03262: rewards to go with the divergence of each token, brought to mean 0 and variance 1 over
# the batch. One step here: the paper speaks of mini-batches and not of how many.
_REINFORCE_PP = Recipe(
    name="reinforce++",
    group_size=1,
    channels=(Channel("token", "batch", baseline="none", scale="none"),),
    whiten=True,
    aggregation="token_mean",
    kl_coef=0.01,
    kl_estimator="k1",
    kl_place="reward",
)

# REINFORCE++-baseline, the paper's variant for groups: the outcome less the group's mean, then mean 0 and variance 1
# over the batch, and the divergence as k2 in the loss.
_REINFORCE_PP_BASELINE = replace(
    _REINFORCE_PP,
    name="reinforce++-baseline",
    group_size=8,
    channels=(Channel(scale="none"),),
    kl_estimator="k2",
    kl_place="loss",
)

# PPO, arXiv 1707.06347 with the settings of its use on language models (arXiv 1909.08593): GAE over sampled tokens, a
# divergence in the reward of each, four passes. TRL has lambda 0.95, verl 1.
_PPO = Recipe(
    name="ppo",
    group_size=1,
    channels=(Channel("token", "batch", baseline="value", scale="none", trace=0.95),),
    critic=Critic(),
    whiten=True,
    aggregation="token_mean",
    kl_coef=0.05,
    kl_estimator="k1",
    kl_place="reward",
    updates=4,
)

# PPO's other form, section 4: no clip; the divergence from the sampling policy with a coefficient that doubles where
# it is above 1.5 targets and halves where it is below two thirds of one.
_PPO_PENALTY = replace(_PPO, name="ppo-penalty", region="penalty", beta=1.0, penalty_target=0.01)

# GRPO, arXiv 2402.03300: equation 3 with outcome supervision. The paper trains with groups of 64; 8 is what public
# trainers use. Its KL weight is 0.04; most public code sets 0. One step a rollout, as in the paper: the ratio is 1.
_GRPO = Recipe(
    name="grpo",
    group_size=8,
    channels=(Channel("trajectory", "group", baseline="mean", scale="group_std"),),
    ratio="token",
    region="clip",
    clip_low=0.2,
    clip_high=0.2,
    aggregation="seq_mean_token_mean",
    kl_coef=0.04,
    updates=1,
)

# Dr. GRPO, arXiv 2503.20783: no division by the deviation and none by the length; sums over a constant. Its script
# takes 8 steps of 128 responses a rollout.
_DR_GRPO = replace(
    _GRPO,
    name="dr-grpo",
    channels=(Channel(scale="none"),),
    aggregation="seq_mean_token_sum_norm",
    kl_coef=0.0,
    minibatches=8,
)

# DAPO, arXiv 2503.14476, equations 8 to 13: further prompts until every group has a signal, a wider upper bound, the
# mean over tokens, a soft punishment of lengths over 4/5 of the limit. Rewards are 1 and -1. Public code makes ten
# rounds at most and raises then; here the step is smaller. 16 steps a rollout.
_DAPO = replace(
    _GRPO,
    name="dapo",
    group_size=16,
    shaping=Sum([Signed("given"), Overlong(limit=None, cache=None)]),
    filter=Filter(groups="varied", metric="passed", refill=10),
    clip_high=0.28,
    aggregation="token_mean",
    kl_coef=0.0,
    minibatches=16,
)

# CPPO, arXiv 2503.22342: after the statistics, half of each group, the smaller advantages, is left out. The public code
# ranks over the whole batch of a process, the paper within a group. Two passes over a rollout.
_CPPO = replace(_GRPO, name="cppo", group_size=16, filter=Filter(samples="advantage", keep=0.5), updates=2)

# RAFT, arXiv 2304.06767 as in arXiv 2504.11343: the likelihood of what was rewarded. The public code counts what was
# left out in the denominators (`dilute`), and keeps a divergence of 0.001. One step, on the policy that sampled.
_RAFT = Recipe(
    name="raft",
    group_size=4,
    filter=Filter(samples="positive"),
    channels=(_PLAIN,),
    region="none",
    aggregation="token_mean",
)

# RAFT++, arXiv 2504.11343: the same with ratio and clip, for several steps: batches of 1024 prompts, steps of 256.
_RAFT_PP = replace(_RAFT, name="raft++", region="clip", minibatches=4)

# Reinforce-Rej, arXiv 2504.11343: prompts that all or none of the responses solve are left out; rewards as they are.
_REINFORCE_REJ = replace(_RAFT_PP, name="reinforce-rej", filter=Filter(groups="varied"), shaping=Signed("given"))

# GVPO, arXiv 2504.19599, equation 10, with the sampling policy as the one that log ratios are taken to.
_GVPO = replace(_GRPO, name="gvpo", channels=(Channel(scale="none"),), region="gvpo", beta=0.1, kl_coef=0.0)

# QRPO, arXiv 2507.08068, equation 9, on policy: the reference is the policy that sampled, and the reward's quantile is
# taken among the responses of the group. The paper takes both from the model before training, counts equal rewards
# whole and has quantiles that are uniform; those of rewards of 0 and 1 are not: see `losses.qrpo_targets`.
_QRPO = replace(_GVPO, name="qrpo", region="qrpo")

# GSPO, arXiv 2507.18071, section 5.1: the ratio is of the response, its bounds three orders smaller.
_GSPO = replace(_GRPO, name="gspo", ratio="geometric", clip_low=3e-4, clip_high=4e-4, kl_coef=0.0, minibatches=4)

# GMPO, arXiv 2507.20673: the geometric mean of ratios, each bounded on one side by exp(0.4). Its script takes 8 steps
# of 128 responses a rollout.
_GMPO = replace(_GRPO, name="gmpo", region="geometric", clip_high=0.4, kl_coef=0.0, minibatches=8)

# CISPO, arXiv 2506.13585, section 3.1: the clipped ratio is a weight without gradient, so that no token is left out. 16
# steps a rollout. The paper names no upper bound.
_CISPO = replace(
    _GRPO,
    name="cispo",
    region="weight",
    clip_low=1.0,
    clip_high=4.0,
    aggregation="token_mean",
    kl_coef=0.0,
    minibatches=16,
)

# GRPO-lambda, arXiv 2505.18086: short answers are worth more in the fifth of the groups that solve most. The paper
# names no constants of its reward of length. One step: the ratio is 1.
_GRPO_LAMBDA = replace(
    _GRPO, name="grpo-lambda", shaping=Sum(["given", TopShort(share=0.2, weight=0.5, of="given")]), kl_coef=0.0
)

# GHPO, arXiv 2507.10628: a prompt that no response solves is tried again with 25, 50, 75 % of its solution. The paper's
# option of a cold start, first steps in which every prompt has half of its solution, is not here. One step, as in its
# public code: the ratio is 1.
_GHPO = replace(_GRPO, name="ghpo", rollout={"name": "hinted"}, aggregation="token_mean", kl_coef=0.0)  # type: ignore[arg-type]

# EEPO, arXiv 2510.05837: half of the group comes from a copy that unlearnt the first half. One step; the ratio is to
# the policy as it was before it unlearnt, and is 1.
_EEPO = replace(_GRPO, name="eepo", rollout={"name": "forget"}, kl_coef=0.0)  # type: ignore[arg-type]

# Tree-GRPO, arXiv 2509.21240: compared within the tree and within the prompt. Its script: 2 trees, each with one round
# of 2 expansions, thus with 3 leaves, all of which are kept. One
# step: the ratio is 1.
_TREE_GRPO = replace(
    _GRPO,
    name="tree-grpo",
    rollout={"name": "tree"},  # type: ignore[arg-type]
    group_size=6,
    channels=(Channel(), Channel(key="tree")),
    aggregation="token_mean",
    kl_coef=0.001,
)

# ARPO, arXiv 2507.19849: branches where tool results made the policy uncertain; each leaf's row has its own advantage
# at shared turns (`shared="hard"` is the paper's other form). Its code branches by chance, the paper at a threshold.
# Half of the 16 begin by themselves.
# Its script takes 8 steps of 16 prompts a rollout.
_ARPO = replace(
    _GRPO,
    name="arpo",
    rollout={"name": "branch"},  # type: ignore[arg-type]
    group_size=16,
    dual_clip=3.0,
    aggregation="token_mean",
    kl_coef=0.0,
    minibatches=8,
)

# ARPO-replay, arXiv 2505.16282: a stored success takes the place of a response where a group is hopeless. One step:
# only what was stored has a ratio other than 1.
_ARPO_REPLAY = replace(
    _GRPO,
    name="arpo-replay",
    rollout={"name": "replay"},  # type: ignore[arg-type]
    clip_high=0.3,
    aggregation="token_mean",
    kl_coef=0.0,
)

# GiGPO, arXiv 2505.10978: equations 3, 6 and 8, with omega 1 and gamma 0.95. Its public code takes the statistics of
# trajectories over steps (`over="steps"`) and, for WebShop and Sokoban, no deviation (`scale="none"`). One step: the
# ratio is 1. Its scripts take a step for so many turns, thus more steps where episodes are longer.
_GIGPO = replace(
    _GRPO,
    name="gigpo",
    channels=(Channel(), Channel("step", "anchor", discount=0.95)),
    aggregation="token_mean",
    kl_coef=0.01,
)

# UFO, arXiv 2507.14295: PPO where a failed answer is told to be wrong; the environment is wrapped in `UnaryFeedback`.
# The quarter of the groups with the largest deviation is learnt from, in steps of a quarter of what is left, as its
# public settings have it.
_UFO = replace(
    _PPO,
    name="ufo",
    group_size=16,
    filter=Filter(groups="spread", metric="reward", share=0.25),
    channels=(Channel("token", "batch", baseline="value", scale="none", trace=1.0),),
    clip_high=0.28,
    kl_coef=0.0,
    entropy_coef=0.001,
    updates=1,
    minibatches=4,
)

# ReTool, arXiv 2504.11536: PPO with rewards of 1 and -1 on an environment with an interpreter. Its public code pays
# failures for turns, up to -0.6: `shaping={"gate": {"then": "given", "otherwise": "turn_credit"}}`. One step: the
# ratio is 1.
_RETOOL = replace(
    _PPO,
    name="retool",
    shaping=Signed("given"),
    channels=(Channel("token", "batch", baseline="value", scale="none", trace=1.0),),
    clip_high=0.28,
    kl_coef=0.0,
    updates=1,
)

# Planner and executors (`rlvr/PlannerExecutor-v0`): what each role earns is compared with that role's own steps. One
# step: the ratio is 1.
_HRL = replace(
    _GRPO,
    name="hrl",
    channels=(Channel("step", "thread", scale="group_std"),),
    aggregation="token_mean",
    kl_coef=0.0,
)

# SPO, arXiv 2401.04056: the reward is the share of the other responses that one beats. One step: the ratio is 1.
_SPO = replace(_GRPO, name="spo", shaping=WinRate("given"), kl_coef=0.0)

# ReST, arXiv 2308.08998: grow, then improve by several passes of likelihood over what earned more than a threshold,
# which rises from pass to pass. With rewards of 0 and 1 all thresholds choose the same.
_REST = replace(
    _RAFT, name="rest", group_size=8, filter=Filter(samples="positive", above=(0.0, 0.7, 0.8, 0.9)), updates=4
)

# ReST-EM, arXiv 2312.06585: what was rewarded, and each improvement begins from the model before training. The paper
# learns from 10 right responses to a problem at most; a group of 8 has no more.
_REST_EM = replace(_REST, name="rest-em", filter=Filter(samples="positive"), from_base=True)

_RECIPES = {
    recipe.name: recipe
    for recipe in (
        _REINFORCE,
        _RLOO,
        _REMAX,
        _REINFORCE_PP,
        _REINFORCE_PP_BASELINE,
        _PPO,
        _PPO_PENALTY,
        _GRPO,
        _DR_GRPO,
        _DAPO,
        _CPPO,
        _RAFT,
        _RAFT_PP,
        _REINFORCE_REJ,
        _GVPO,
        _QRPO,
        _GSPO,
        _GMPO,
        _CISPO,
        _GRPO_LAMBDA,
        _GHPO,
        _EEPO,
        _TREE_GRPO,
        _ARPO,
        _ARPO_REPLAY,
        _GIGPO,
        _UFO,
        _RETOOL,
        _HRL,
        _SPO,
        _REST,
        _REST_EM,
    )
}


def names() -> list[str]:
    """All recipe names, sorted.

    Example:
        >>> [name for name in names() if "ppo" in name]
        ['cppo', 'ppo', 'ppo-penalty']
    """
    return sorted(_RECIPES)


def get(name: str, /, **overrides: Any) -> Recipe:
    """A recipe, with some pieces replaced.

    Raises:
        UnknownNameError: No such recipe; near matches are offered.
        ConfigError: No such piece, or a refused value.

    Example:
        >>> get("grpo", kl_coef=0.0).aggregation
        'seq_mean_token_mean'
    """
    if name not in _RECIPES:
        raise UnknownNameError("recipe", name, _RECIPES)
    known = [field.name for field in fields(Recipe) if field.name != "name"]
    for key in overrides:
        if key not in known:
            raise ConfigError(f"a recipe has no piece {key!r}{suggestion(key, known)}")
    return replace(_RECIPES[name], **overrides)
