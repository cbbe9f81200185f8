"""`Curriculum`: the prompts of a step at the level that earlier outcomes have reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import gymnasium as gym
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.policy import seed_from, unit_interval
from rlvr_gym.agents.strategies.base import Chain, Memory, Prompt, Sample, Stage, Strategy
from rlvr_gym.envs.wrappers import CurriculumEnv, CurriculumTracker, Outcome, outcome_of
from rlvr_gym.envs.wrappers.base import check_number
from rlvr_gym.verifiers import ConfigError

_KEPT = "curriculum"


@dataclass(frozen=True)
class Curriculum(Strategy):
    """Stages of rising difficulty: the levels of `rlvr/Curriculum-v0`, moved by `CurriculumTracker`.

    All prompts of a step are played at the level of the tracker, by the option `level` of `reset`, apart from the share
    of earlier ones; each response by itself, as in `Chain`. The tracker is kept in the memory, and so in checkpoints:
    the number of environments changes nothing.

    **What counts.** `passed`, which no shaping touches, and no success with a hint. Of each group one response counts,
    the first that was judged: those to one prompt are not independent, and eight right answers to one easy task would
    be taken for eight tasks.

    Args:
        up: See `CurriculumTracker`.
        down: See `CurriculumTracker`.
        window: See `CurriculumTracker`; in prompts.
        confidence: See `CurriculumTracker`.
        earlier: Share of the prompts that are played at earlier levels, all alike, so that these are not forgotten.

    Raises:
        ConfigError: A setting is refused. When collecting: an environment is no `CurriculumEnv`.

    Example:
        >>> from rlvr_gym.agents import Completion, Policy
        >>> class Adds(Policy):
        ...     def sample(self, requests):
        ...         sums = [one.conversation[0]["content"].rstrip("=").split("+") for one in requests]
        ...         return [Completion(str(sum(map(int, numbers)))) for numbers in sums]
        >>> levels, memory = [{"digits": 1}, {"digits": 2}, {"digits": 3}], {}
        >>> env = CurriculumEnv(env="rlvr/Arithmetic-v0", levels=levels, settings={"style": "compact"})
        >>> for step in range(3):
        ...     prompts = [Prompt(number, (step,)) for number in range(8)]
        ...     _ = Curriculum().collect(Stage([env], Adds(), Adds(), step), prompts, 2, memory)
        ...     memory["curriculum"]
        {'level': 1, 'recent': []}
        {'level': 2, 'recent': []}
        {'level': 2, 'recent': [True, True, True, True, True, True, True, True]}
    """

    name: ClassVar[str] = "curriculum"
    up: float = 0.7
    down: float | None = None
    window: int = 100
    confidence: float = 0.95
    earlier: float = 0.0

    def __post_init__(self) -> None:
        self._tracker(1)
        check_number("earlier", self.earlier, 0.0, 1.0)

    def collect(self, stage: Stage, prompts: Sequence[Prompt], group_size: int, memory: Memory) -> list[Sample]:
        """See `Strategy.collect`."""
        tracker = self._tracker(_levels(stage.envs))
        if _KEPT in memory:
            tracker = tracker.load_state_dict(memory[_KEPT])
        levels = [self._drawn(prompt, stage.step, tracker.level) for prompt in prompts]
        asked = [
            replace(prompt, options={**(prompt.options or {}), "level": level})
            for prompt, level in zip(prompts, levels, strict=True)
        ]
        samples = Chain().collect(stage, asked, group_size, memory)
        first: dict[int, Outcome] = {}
        for sample in samples:
            outcome = _outcome(sample.episode, levels[sample.group])
            if outcome is not None:
                first.setdefault(sample.group, outcome)
        memory[_KEPT] = tracker.update(first.values()).state_dict()
        return samples

    def check(self, envs: Sequence[gym.Env[str, str]], group_size: int) -> None:
        """See `Strategy.check`."""
        _levels(envs)

    def _tracker(self, levels: int) -> CurriculumTracker:
        return CurriculumTracker(levels, self.up, self.down, self.window, self.confidence)

    def _drawn(self, prompt: Prompt, step: int, level: int) -> int:
        """The level of a prompt, as `CurriculumEnv` would draw it."""
        draw = unit_interval(seed_from(*prompt.names, prompt.seed, _KEPT, step))
        return min(int(draw / self.earlier * level), level - 1) if draw < self.earlier and level > 0 else level


def _levels(envs: Sequence[gym.Env[Any, Any]]) -> int:
    """How many there are; 1 where there is no environment, which is for whoever plays to refuse."""
    for env in envs:
        if not isinstance(env.unwrapped, CurriculumEnv):
            raise ConfigError(f"levels are those of rlvr/Curriculum-v0, and the innermost of {env} is none")
    counts = {env.unwrapped.levels for env in envs if isinstance(env.unwrapped, CurriculumEnv)}
    if len(counts) > 1:
        raise ConfigError(f"all environments must have the same levels, got {sorted(counts)} of them")
    return counts.pop() if counts else 1


def _outcome(episode: Episode, level: int) -> Outcome | None:
    """How a response counts; None where it does not."""
    passed = {} if episode.passed is None else {"passed": episode.passed}
    return outcome_of({"level": level, "stop_reason": episode.stop_reason, "hint": episode.hint, **passed})
