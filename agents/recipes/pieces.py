"""Recipes: a named algorithm is a short frozen config that sets every piece.

Nothing is implied by a name: `recipes.get("grpo")` prints all its pieces. Where a paper and the code that is called by
its name differ, the paper is the default and the difference is an option.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import shown, suggestion

BASELINES = ("none", "mean", "leave_one_out")
SCALES = ("none", "group_std", "batch_std", "max_abs")
AGGREGATIONS = ("token_mean", "token_sum", "seq_mean_token_sum", "seq_mean_token_mean", "seq_mean_token_sum_norm")
LEVELS = ("trajectory", "step")
KEYS = ("group", "anchor", "tree", "thread", "batch")
OVER = ("units", "steps")
RATIOS = ("token", "sequence", "geometric")
REGIONS = ("clip", "geometric", "weight", "none")
KL_ESTIMATORS = ("k1", "k2", "k3", "k3+")
_NAMES = {"aggregation": AGGREGATIONS, "ratio": RATIOS, "region": REGIONS, "kl_estimator": KL_ESTIMATORS}
_COUNTS = ("group_size", "updates")
_NUMBERS = ("clip_low", "clip_high", "kl_coef")


_OF_CHANNELS: Mapping[str, Sequence[str]] = {
    "level": LEVELS,
    "key": KEYS,
    "baseline": BASELINES,
    "scale": SCALES,
    "over": OVER,
}


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value < math.inf


@dataclass(frozen=True)
class Channel:
    """One comparison of values with values; see `credit.channel_advantages`.

    Args:
        level: `"trajectory"`: the discounted sum of a trajectory's rewards, for all of its steps alike. `"step"`: the
            discounted sum from a step on.
        key: With whom a value is compared: `"group"` (responses to one prompt), `"anchor"` (steps from one state),
            `"tree"` (leaves of one tree), `"thread"` (one role of one prompt), `"batch"` (all).
        baseline: See `advantages.advantages`.
        scale: See `advantages.advantages`; the deviation is that of the key.
        eps: Added to the scale.
        weight: Factor of the channel.
        discount: Per step, in [0, 1].
        over: What a trajectory's statistics run over: `"units"` counts each trajectory once, `"steps"` once a step, as
            the public code of GiGPO does.

    Raises:
        ConfigError: There is no such name, or a number is out of range.
    """

    level: str = "trajectory"
    key: str = "group"
    baseline: str = "mean"
    scale: str = "group_std"
    eps: float = 1e-6
    weight: float = 1.0
    discount: float = 1.0
    over: str = "units"

    def __post_init__(self) -> None:
        for name, known in _OF_CHANNELS.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}; got {shown(getattr(self, name))}")
        for name in ("eps", "weight", "discount"):
            if not _is_number(getattr(self, name)):
                raise ConfigError(f"{name} must be a number of at least 0, got {shown(getattr(self, name))}")
        if self.discount > 1:
            raise ConfigError(f"discount must lie in [0, 1], got {shown(self.discount)}")
        if self.level == "trajectory" and self.key in ("anchor", "thread"):
            raise ConfigError(f"whole trajectories cannot be compared by {self.key}: choose level='step'")

    @classmethod
    def of(cls, given: Any) -> Channel:
        """A channel, or its settings as a mapping.

        Raises:
            ConfigError: It is neither, or a setting is refused.
        """
        if isinstance(given, Channel):
            return given
        known = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping):
            raise ConfigError(f'a channel is its settings, {{"level": ..., "key": ...}}; got {shown(given)}')
        for key in given:
            if key not in known:
                raise ConfigError(f"a channel has no {key!r}{suggestion(str(key), known)}")
        return cls(**given)


@dataclass(frozen=True)
class Recipe:
    """The pieces of a policy-gradient algorithm.

    Args:
        name: The algorithm's name as in its paper, lower case.
        group_size: Responses to one prompt (G).
        channels: Whose advantages are summed; `Channel`s, or their settings as mappings.
        ratio: Of what the ratio to the sampling policy is taken; see `losses.log_ratios`.
        region: What bounds an update. `"clip"`: `losses.clipped_policy_loss`. `"geometric"`: GMPO's,
            `losses.geometric_policy_loss`, with `clip_high` as its bound. `"weight"`: `losses.weighted_policy_loss`.
            `"none"`: `losses.policy_gradient_loss`, for one update a rollout.
        clip_low: The ratio's lower bound is `1 - clip_low`.
        clip_high: The ratio's upper bound is `1 + clip_high`.
        dual_clip: See `losses.clipped_policy_loss`.
        aggregation: See `losses.aggregate`.
        kl_coef: Weight of the KL to the reference policy (the model at the start of training) in the loss; 0 keeps no
            reference.
        kl_estimator: See `losses.kl`.
        updates: Optimiser steps a rollout batch; the ratio is 1 at the first of them.

    Raises:
        ConfigError: A piece has a refused value.
    """

    name: str
    group_size: int = 8
    channels: tuple[Channel, ...] = (Channel(),)
    ratio: str = "token"
    region: str = "clip"
    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = None
    aggregation: str = "seq_mean_token_mean"
    kl_coef: float = 0.0
    kl_estimator: str = "k3"
    updates: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.channels, list | tuple) or not self.channels:
            raise ConfigError(f"channels must be a list of at least one, got {shown(self.channels)}")
        object.__setattr__(self, "channels", tuple(map(Channel.of, self.channels)))
        for key, known in _NAMES.items():
            if (value := getattr(self, key)) not in known:
                raise ConfigError(f"{key} must be one of {', '.join(known)}; got {shown(value)}")
        for key in _COUNTS:
            if type(value := getattr(self, key)) is not int:
                raise ConfigError(f"{key} must be an integer, got {shown(value)}")
        for key in _NUMBERS:
            if not _is_number(value := getattr(self, key)):
                raise ConfigError(f"{key} must be a number of at least 0, got {shown(value)}")
        if self.group_size < 2:
            raise ConfigError(f"group_size must be at least 2: a group of one has no baseline; got {self.group_size}")
        if self.updates < 1:
            raise ConfigError(f"updates must be at least 1, got {self.updates}")
        if not 0 < self.clip_low <= 1 or self.clip_high <= 0:
            raise ConfigError(f"expected 0 < clip_low <= 1 and clip_high > 0; got {self.clip_low} and {self.clip_high}")
        if self.dual_clip is not None and not (_is_number(self.dual_clip) and self.dual_clip > 1):
            raise ConfigError(f"dual_clip must be above 1, got {shown(self.dual_clip)}")

    def __str__(self) -> str:
        rows = [(key, value) for key, value in asdict(self).items() if key != "channels"]
        rows += [(f"channel {n}", " ".join(map(str, asdict(c).values()))) for n, c in enumerate(self.channels, 1)]
        return "\n".join(f"{key:<12} {value}" for key, value in rows)


# GRPO, arXiv 2402.03300: equation 3 with outcome supervision. The paper trains with groups of 64; 8 is what public
# trainers use. Its KL weight is 0.04; most public code sets 0.
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

# Dr. GRPO, arXiv 2503.20783: no division by the deviation and none by the length; sums over a constant.
_DR_GRPO = replace(
    _GRPO,
    name="dr-grpo",
    channels=(Channel(scale="none"),),
    aggregation="seq_mean_token_sum_norm",
    kl_coef=0.0,
)

# GSPO, arXiv 2507.18071, section 5.1: the ratio is of the response, its bounds three orders smaller.
_GSPO = replace(_GRPO, name="gspo", ratio="geometric", clip_low=3e-4, clip_high=4e-4, kl_coef=0.0)

# GMPO, arXiv 2507.20673: the geometric mean of ratios, each bounded on one side by exp(0.4).
_GMPO = replace(_GRPO, name="gmpo", region="geometric", clip_high=0.4, kl_coef=0.0)

# GiGPO, arXiv 2505.10978: equations 3, 6 and 8, with omega 1 and gamma 0.95. Its public code takes the statistics of
# trajectories over steps (`over="steps"`) and, for WebShop and Sokoban, no deviation (`scale="none"`).
_GIGPO = replace(
    _GRPO,
    name="gigpo",
    channels=(Channel(), Channel("step", "anchor", discount=0.95)),
    aggregation="token_mean",
    kl_coef=0.01,
)

_RECIPES = {recipe.name: recipe for recipe in (_GRPO, _DR_GRPO, _GSPO, _GMPO, _GIGPO)}


def names() -> list[str]:
    """All recipe names, sorted.

    Example:
        >>> names()
        ['dr-grpo', 'gigpo', 'gmpo', 'grpo', 'gspo']
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
