"""When to go on to harder tasks: `CurriculumTracker`, a pure function of outcomes, and `SelfPaced`, which asks it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import gymnasium as gym
from rlvr_gym.envs.ladders import wilson
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Options, Step, TextWrapper, check_number
from rlvr_gym.envs.wrappers.curriculum import CurriculumEnv
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


class Outcome(NamedTuple):
    """How an episode ended, as far as a curriculum is concerned."""

    level: int
    passed: bool


def outcome_of(info: Info) -> Outcome | None:
    """The outcome of an episode from the info of its last step; None where it does not count.

    What could not be graded does not count, nor does a success with a hint. An episode that ran into a limit failed.

    Example:
        >>> outcome_of({"level": 1, "stop_reason": "answered", "passed": True})
        Outcome(level=1, passed=True)
        >>> outcome_of({"level": 1, "stop_reason": "answered", "passed": False, "hint": 0.25}) is None
        True
    """
    if "level" not in info or info.get("hint") or info.get("stop_reason") not in _COUNTED:
        return None
    return Outcome(info["level"], bool(info.get("passed", False)))


_COUNTED = ("answered", "max_turns", "length")


@dataclass(frozen=True)
class CurriculumTracker:
    """Which level comes next. Frozen: `update` gives another tracker, and the same outcomes always give the same one.

    Up a level, once the lower bound of the success rate at the current one is above `up`; down, once the upper bound is
    below `down`. Outcomes of other levels do not count, and a new level begins with none. The bound is looked at again
    and again, so `confidence` is no error rate of the whole.

    Args:
        levels: How many there are.
        up: In (0, 1).
        down: In [0, up); None to never go down.
        window: The last outcomes that count.
        confidence: Of each bound, in (0.5, 1).
        level: The current one.
        recent: Outcomes at the current level, the latest last.

    Raises:
        ConfigError: A setting is refused, or the window is too short for the bound ever to exceed `up`.

    Example:
        >>> tracker = CurriculumTracker(levels=3, up=0.7)
        >>> tracker = tracker.update([Outcome(0, True)] * 6)
        >>> tracker.level, tracker.update([Outcome(0, True)]).level
        (0, 1)
    """

    levels: int
    up: float = 0.7
    down: float | None = None
    window: int = 100
    confidence: float = 0.95
    level: int = 0
    recent: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        check_int("levels", self.levels, 1, None)
        check_int("window", self.window, 1, None)
        check_int("level", self.level, 0, self.levels - 1)
        if not 0 < check_number("up", self.up, 0.0, 1.0) < 1:
            raise ConfigError(f"up must lie between 0 and 1, got {self.up!r}")
        if self.down is not None and check_number("down", self.down, 0.0, 1.0) >= self.up:
            raise ConfigError(f"down must be below up, got down={self.down!r} and up={self.up!r}")
        if not 0.5 < check_number("confidence", self.confidence, 0.5, 1.0) < 1:
            raise ConfigError(f"confidence must lie between 0.5 and 1, got {self.confidence!r}")
        best = wilson(self.window, self.window, self.confidence).low
        if best <= self.up:
            raise ConfigError(
                f"with a window of {self.window} the lower bound reaches {best:.3f} at most, which is not above "
                f"up={self.up!r}: lengthen the window"
            )

    def update(self, outcomes: Iterable[tuple[int, bool]]) -> Self:
        """The tracker after these outcomes. It moves by one level at most.

        Args:
            outcomes: Of one batch, in the order of the plays and not of their ends, which depends on the machine.
        """
        here = tuple(bool(passed) for level, passed in outcomes if level == self.level)
        recent = (self.recent + here)[-self.window :]
        bounds = wilson(sum(recent), len(recent), self.confidence)
        if bounds.low > self.up and self.level < self.levels - 1:
            return replace(self, level=self.level + 1, recent=())
        if self.down is not None and bounds.high < self.down and self.level > 0:
            return replace(self, level=self.level - 1, recent=())
        return replace(self, recent=recent)

    def state_dict(self) -> dict[str, Any]:
        """What changes, as JSON; for a checkpoint."""
        return {"level": self.level, "recent": list(self.recent)}

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """A tracker with these settings and the state of a checkpoint.

        Raises:
            ConfigError: It is no such state, or of a level that there is not.
        """
        known = isinstance(state, Mapping) and state.keys() == {"level", "recent"} and isinstance(state["recent"], list)
        if not known or not all(isinstance(passed, bool) for passed in state["recent"]):
            raise ConfigError(f"expected what state_dict() gives, got {shown(state)}")
        return replace(self, level=state["level"], recent=tuple(state["recent"][-self.window :]))


class SelfPaced(TextWrapper):
    """A `CurriculumEnv` that moves by what is seen here: for a single environment, around all other wrappers.

    With many environments each would go its own way; there the trainer keeps one `CurriculumTracker`. An episode counts
    once, when it is played here from its reset to its end: forks and restored episodes do not count.

    Args:
        env: A `CurriculumEnv`, in wrappers or not.
        up: See `CurriculumTracker`.
        down: See `CurriculumTracker`.
        window: See `CurriculumTracker`.
        confidence: See `CurriculumTracker`.

    Raises:
        ConfigError: There is no curriculum inside; a setting is refused.

    Example:
        >>> env = CurriculumEnv(env="rlvr/Arithmetic-v0", levels=[{"digits": 1}, {"digits": 3}])
        >>> env = SelfPaced(env, up=0.5)
        >>> for _ in range(3):
        ...     _ = env.reset()
        ...     _ = env.step(env.unwrapped.current.unwrapped.task.solution)
        >>> env.reset()[1]["level"]
        1
    """

    def __init__(
        self,
        env: gym.Env[str, str],
        up: float = 0.7,
        down: float | None = None,
        window: int = 100,
        confidence: float = 0.95,
    ) -> None:
        super().__init__(env, up=up, down=down, window=window, confidence=confidence)
        base = env.unwrapped
        if not isinstance(base, CurriculumEnv):
            raise ConfigError(f"SelfPaced needs a CurriculumEnv inside, not {type(base).__name__}")
        self.tracker = CurriculumTracker(base.levels, up, down, window, confidence, base.level)
        self._counts = False

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `CurriculumEnv.reset`."""
        self._counts = False
        self.env.get_wrapper_attr("set_level")(self.tracker.level)
        began = self.env.reset(seed=seed, options=options)
        self._counts = not (options and "snapshot" in options)
        return began

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._counts and (terminated or truncated):
            self._counts = False
            outcome = outcome_of(info)
            self.tracker = self.tracker.update([] if outcome is None else [outcome])
        return observation, float(reward), terminated, truncated, info

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        super().set_state(state)
        self._counts = False

    def state_dict(self) -> dict[str, Any]:
        """See `CurriculumTracker.state_dict`."""
        return self.tracker.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, with the next reset.

        Raises:
            ConfigError: It is no such state.
        """
        self.tracker = self.tracker.load_state_dict(state)
