"""Recipes: a named algorithm is a short frozen config that sets every piece.

Nothing is implied by a name: `print(recipes.get("grpo"))` shows all its pieces. No recipe needs torch to be imported.
"""

from rlvr_gym.agents.recipes.named import get, names
from rlvr_gym.agents.recipes.pieces import BASELINES, RATIOS, SCALES, Channel, Correction, Critic, Filter
from rlvr_gym.agents.recipes.recipe import AGGREGATIONS, KL_ESTIMATORS, KL_PLACES, REGIONS, REGRESSIONS, Recipe

__all__ = [
    "AGGREGATIONS",
    "BASELINES",
    "KL_ESTIMATORS",
    "KL_PLACES",
    "RATIOS",
    "REGIONS",
    "REGRESSIONS",
    "SCALES",
    "Channel",
    "Correction",
    "Critic",
    "Filter",
    "Recipe",
    "get",
    "names",
]
