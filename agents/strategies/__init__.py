"""Rollout strategies: how the trajectories of a prompt come about. None of them needs torch to be imported."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from rlvr_gym.agents.strategies.base import BASELINE, LEARNER, Chain, Memory, Prompt, Sample, Stage, Strategy
from rlvr_gym.agents.strategies.branch import Branch
from rlvr_gym.agents.strategies.curriculum import Curriculum
from rlvr_gym.agents.strategies.forget import Forget
from rlvr_gym.agents.strategies.greedy import Greedy
from rlvr_gym.agents.strategies.growing import sampled_turns
from rlvr_gym.agents.strategies.hinted import Hinted
from rlvr_gym.agents.strategies.reflect import Reflect
from rlvr_gym.agents.strategies.replay import Replay
from rlvr_gym.agents.strategies.search import Search
from rlvr_gym.agents.strategies.tree import Tree
from rlvr_gym.envs.task import copied
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

__all__ = [
    "BASELINE",
    "LEARNER",
    "STRATEGIES",
    "Branch",
    "Chain",
    "Curriculum",
    "Forget",
    "Greedy",
    "Hinted",
    "Memory",
    "Prompt",
    "Reflect",
    "Replay",
    "Sample",
    "Search",
    "Stage",
    "Strategy",
    "Tree",
    "sampled_turns",
    "strategy_of",
    "to_dict",
]

STRATEGIES: Mapping[str, type[Strategy]] = {
    kind.name: kind for kind in (Branch, Chain, Curriculum, Forget, Greedy, Hinted, Reflect, Replay, Search, Tree)
}


def strategy_of(given: Any) -> Strategy:
    """A strategy, from itself or from its name and settings as a mapping.

    Raises:
        ConfigError: It is neither, there is no such strategy or setting (near matches are offered), or a setting is
            refused.

    Example:
        >>> strategy_of({"name": "tree", "trees": 4})
        Tree(trees=4, rounds=1, expansions=2)
    """
    if isinstance(given, Strategy):
        return given
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise ConfigError(f'a strategy is its settings, an object with a "name"; got {shown(given)}')
    name, settings = given["name"], {key: value for key, value in given.items() if key != "name"}
    if name not in STRATEGIES:
        raise ConfigError(f"there is no strategy {name!r}{suggestion(name, STRATEGIES)}")
    known = [field.name for field in fields(STRATEGIES[name])]
    for key in settings:
        if key not in known:
            raise ConfigError(f"the strategy {name!r} has no setting {key!r}{suggestion(str(key), known)}")
    return STRATEGIES[name](**settings)


def to_dict(strategy: Strategy) -> dict[str, Any]:
    """A strategy's name and settings as JSON values; `strategy_of` is the inverse.

    Example:
        >>> to_dict(Hinted())
        {'name': 'hinted', 'levels': [0.25, 0.5, 0.75]}
    """
    settings: dict[str, Any] = copied(asdict(strategy))
    return {"name": strategy.name, **settings}
