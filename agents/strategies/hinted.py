"""`Hinted`: where a whole group failed it is sampled again with the beginning of the solution in the prompt (GHPO)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import gymnasium as gym
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.play import Play, Playing
from rlvr_gym.agents.policy import seed_from
from rlvr_gym.agents.strategies.base import Memory, Prompt, Sample, Stage, Strategy
from rlvr_gym.envs.wrappers import Hint
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


@dataclass(frozen=True)
class Hinted(Strategy):
    """Adaptive prompt refinement (GHPO, arXiv 2507.10628): 25 % of the solution, then 50 %, then 75 %.

    A group that has gradable members and no success is replaced by one that was sampled with the next larger hint. It
    needs environments in the wrapper `Hint`, which takes the option `hint`; where nothing can be shown of a task's
    solution, its group stays as it is. The hint is part of the prompt that is learnt from. A success with it has
    `Episode.passed` False and `Episode.passed_with_hint` True, so that no pass rate counts it; the reward is there.

    Args:
        levels: Shares of the solution's characters, in the order in which they are tried; each in (0, 1).

    Raises:
        ConfigError: A setting is refused. When collecting: an environment is not in a `Hint`.

    Example:
        >>> Hinted(levels=[0.5]).levels
        (0.5,)
    """

    name: ClassVar[str] = "hinted"
    apart: ClassVar[bool] = True
    levels: tuple[float, ...] = (0.25, 0.5, 0.75)

    def __post_init__(self) -> None:
        if not isinstance(self.levels, list | tuple) or not self.levels or not all(map(_is_share, self.levels)):
            raise ConfigError(f"levels must be a list of numbers between 0 and 1, got {shown(self.levels)}")
        object.__setattr__(self, "levels", tuple(self.levels))

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`."""
        self.check(stage.envs, group_size)
        groups = _played(stage, [[_hinted(p.play(m), {"hint": 0.0, **(p.options or {})}) for m in range(group_size)]
                                 for p in prompts])  # fmt: skip
        for number, level in enumerate(self.levels, start=1):
            again: dict[int, list[Play]] = {}
            for group in [place for place, episodes in enumerate(groups) if _failed(episodes)]:
                plays = _again(prompts[group], group_size, number, level)
                if _shows(stage.envs[0], plays[0]):
                    again[group] = plays
            for group, episodes in zip(again, _played(stage, list(again.values())), strict=True):
                groups[group] = episodes
        return [Sample(episode, group) for group, episodes in enumerate(groups) for episode in episodes]

    def check(self, envs: Sequence[gym.Env[str, str]], group_size: int) -> None:
        """See `Strategy.check`."""
        _check_wrapped(envs)


def _again(prompt: Prompt, group_size: int, number: int, level: float) -> list[Play]:
    """A group with a hint; its choices are others than those of the groups before."""
    plays = []
    for member in range(group_size):
        play = prompt.play(member)
        seed, index = seed_from(play.sample_seed, "hint", number), number * group_size + member
        plays.append(_hinted(replace(play, sample_seed=seed, index=index), {**(prompt.options or {}), "hint": level}))
    return plays


def _hinted(play: Play, options: dict[str, Any]) -> Play:
    return replace(play, options=options)


def _played(stage: Stage, groups: Sequence[Sequence[Play]]) -> list[list[Episode]]:
    episodes = iter(stage.play([play for plays in groups for play in plays]))
    return [[next(episodes) for _ in plays] for plays in groups]


def _failed(episodes: Sequence[Episode]) -> bool:
    graded = [episode for episode in episodes if episode.gradable]
    return bool(graded) and not any(episode.succeeded for episode in graded)


def _shows(env: gym.Env[str, str], play: Play) -> bool:
    """Whether a prompt has a hint in it; it is only begun."""
    playing = Playing(play, env)
    playing.begin()
    return playing.hint > 0


def _check_wrapped(envs: Sequence[gym.Env[str, str]]) -> None:
    for env in envs:
        layer: Any = env
        while isinstance(layer, gym.Wrapper) and not isinstance(layer, Hint):
            layer = layer.env
        if not isinstance(layer, Hint):
            raise ConfigError(
                f"hints are given by the wrapper Hint, which is not around {env}: use Hint(env, fraction=0.0)"
            )


def _is_share(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 < value < 1
