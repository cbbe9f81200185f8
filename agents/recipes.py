"""Recipes: a named algorithm is a short frozen config that sets every piece.

Nothing is implied by a name: `recipes.get("grpo")` prints all its pieces. Where a paper and the code that is called by
its name differ, the paper is the default and the difference is an option.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import shown, suggestion

BASELINES = ("none", "mean", "leave_one_out")
SCALES = ("none", "group_std", "batch_std", "max_abs")
AGGREGATIONS = ("token_mean", "token_sum", "seq_mean_token_sum", "seq_mean_token_mean", "seq_mean_token_sum_norm")
_NAMES = {"baseline": BASELINES, "scale": SCALES, "aggregation": AGGREGATIONS}
_COUNTS = ("group_size", "updates")
_NUMBERS = ("scale_eps", "clip_low", "clip_high", "kl_coef")


@dataclass(frozen=True)
class Recipe:
    """The pieces of a policy-gradient algorithm.

    Args:
        name: The algorithm's name as in its paper, lower case.
        group_size: Responses to one prompt (G).
        baseline: See `advantages.advantages`.
        scale: See `advantages.advantages`.
        scale_eps: Added to the standard deviation.
        clip_low: See `losses.clipped_policy_loss`.
        clip_high: See `losses.clipped_policy_loss`.
        aggregation: See `losses.aggregate`.
        kl_coef: Weight of the k3 KL to the reference policy (the model at the start of training) in the loss; 0 keeps
            no
            reference.
        updates: Optimiser steps a rollout batch; the ratio is 1 at the first of them.

    Raises:
        ConfigError: A piece has a refused value.
    """

    name: str
    group_size: int = 8
    baseline: str = "mean"
    scale: str = "group_std"
    scale_eps: float = 1e-6
    clip_low: float = 0.2
    clip_high: float = 0.2
    aggregation: str = "seq_mean_token_mean"
    kl_coef: float = 0.0
    updates: int = 1

    def __post_init__(self) -> None:
        for key, known in _NAMES.items():
            if (value := getattr(self, key)) not in known:
                raise ConfigError(f"{key} must be one of {', '.join(known)}; got {shown(value)}")
        for key in _COUNTS:
            if type(value := getattr(self, key)) is not int:
                raise ConfigError(f"{key} must be an integer, got {shown(value)}")
        for key in _NUMBERS:
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ConfigError(f"{key} must be a number of at least 0, got {shown(value)}")
        if self.group_size < 2:
            raise ConfigError(f"group_size must be at least 2: a group of one has no baseline; got {self.group_size}")
        if self.updates < 1:
            raise ConfigError(f"updates must be at least 1, got {self.updates}")
        if not 0 < self.clip_low <= 1 or self.clip_high <= 0:
            raise ConfigError(f"expected 0 < clip_low <= 1 and clip_high > 0; got {self.clip_low} and {self.clip_high}")

    def __str__(self) -> str:
        return "\n".join(f"{key:<12} {value}" for key, value in asdict(self).items())


# GRPO, arXiv 2402.03300: equation 3 with outcome supervision. The paper trains with groups of 64; 8 is what public
# trainers use. Its KL weight is 0.04; most public code sets 0.
_GRPO = Recipe(
    name="grpo",
    group_size=8,
    baseline="mean",
    scale="group_std",
    clip_low=0.2,
    clip_high=0.2,
    aggregation="seq_mean_token_mean",
    kl_coef=0.04,
    updates=1,
)

_RECIPES = {recipe.name: recipe for recipe in (_GRPO,)}


def names() -> list[str]:
    """All recipe names, sorted.

    Example:
        >>> names()
        ['grpo']
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
