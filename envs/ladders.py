"""Difficulty as one number: the levels of an environment's card, measured, and the level that a pass rate asks for."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rlvr_gym.envs.card import Card
from rlvr_gym.envs.task import Task
from rlvr_gym.reward_shaping.schedules.evidence import wilson_low
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

_UNIT = re.compile(r"\d|[^\W\d]+")
CONFIDENCE = 0.975  # of each bound alone: two make an interval of 95 %


class Interval(NamedTuple):
    """A lower and an upper bound."""

    low: float
    high: float


def wilson(passed: int, n: int, confidence: float) -> Interval:
    """Wilson's bounds of a success rate (Wilson 1927, JASA 22:209), each alone holding with this confidence.

    Args:
        passed: Successes.
        n: Trials.
        confidence: In (0, 1).

    Example:
        >>> [round(bound, 4) for bound in wilson(9, 10, 0.95)]
        [0.6523, 0.9774]
        >>> wilson(0, 0, 0.95)
        Interval(low=0.0, high=1.0)
    """
    # Fails are successes of the other kind: their lower bound is the upper one of these.
    return Interval(wilson_low(passed, n, confidence), 1.0 - wilson_low(n - passed, n, confidence))


@dataclass(frozen=True)
class LevelRate:
    """How often one policy solved tasks of one level.

    Args:
        knobs: Keywords of the level.
        episodes: That could be graded.
        passed: Of these.
    """

    knobs: Mapping[str, Any]
    episodes: int
    passed: int

    @property
    def rate(self) -> float:
        """Share that passed."""
        return self.passed / self.episodes

    @property
    def interval(self) -> Interval:
        """Wilson's interval of 95 %."""
        return wilson(self.passed, self.episodes, CONFIDENCE)


@dataclass(frozen=True)
class Calibration:
    """The levels of an environment as one policy found them.

    Args:
        env: Id of the environment.
        policy: Who played, in words.
        levels: The easiest first.

    Raises:
        ConfigError: There is no level, or one without an episode.

    Example:
        >>> rates = [LevelRate({"digits": n}, 100, passed) for n, passed in ((1, 90), (2, 40), (3, 44), (4, 5))]
        >>> found = Calibration("rlvr/Arithmetic-v0", "a policy", tuple(rates))
        >>> found.fitted
        (0.9, 0.42, 0.42, 0.05)
        >>> found.monotone, found.level_for(0.5), found.level_for(0.0)
        (True, 1, 3)
    """

    env: str
    policy: str
    levels: tuple[LevelRate, ...]

    def __post_init__(self) -> None:
        if not self.levels:
            raise ConfigError("a calibration has at least one level")
        for number, level in enumerate(self.levels):
            if not 0 <= level.passed <= level.episodes or level.episodes < 1:
                raise ConfigError(
                    f"level {number} needs one episode or more, of which some or none passed: {shown(level)}"
                )

    @property
    def fitted(self) -> tuple[float, ...]:
        """The rates that never rise and lie nearest to the measured ones, in squares weighted by episodes.

        Ayer et al. 1955, Annals of Mathematical Statistics 26:641: neighbours in the wrong order are pooled.
        """
        pools: list[tuple[int, int, int]] = []  # passed, episodes, levels
        for level in self.levels:
            pool = (level.passed, level.episodes, 1)
            while pools and pools[-1][0] * pool[1] < pool[0] * pools[-1][1]:
                last = pools.pop()
                pool = (last[0] + pool[0], last[1] + pool[1], last[2] + pool[2])
            pools.append(pool)
        return tuple(passed / episodes for passed, episodes, count in pools for _ in range(count))

    @property
    def monotone(self) -> bool:
        """Whether no level is easier than one before it, beyond what two intervals of 95 % allow."""
        return all(
            later.interval.low <= min(earlier.interval.high for earlier in self.levels[: number + 1])
            for number, later in enumerate(self.levels)
        )

    def level_for(self, pass_rate: float) -> int:
        """The level whose fitted rate is nearest to this one; the easier of two that are equally near.

        Args:
            pass_rate: In [0, 1].
        """
        if not 0 <= pass_rate <= 1:
            raise ConfigError(f"a pass rate lies in [0, 1], got {shown(pass_rate)}")
        fitted = self.fitted
        return min(range(len(fitted)), key=lambda number: abs(fitted[number] - pass_rate))

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        levels = [
            {"knobs": dict(one.knobs), "episodes": one.episodes, "passed": one.passed, "rate": one.rate}
            for one in self.levels
        ]
        return {"env": self.env, "policy": self.policy, "monotone": self.monotone, "levels": levels}

    @classmethod
    def from_dict(cls, found: Any) -> Calibration:
        """What `to_dict` gave.

        Raises:
            ConfigError: It is no calibration.
        """
        try:
            levels = tuple(LevelRate(one["knobs"], int(one["episodes"]), int(one["passed"])) for one in found["levels"])
            return cls(str(found["env"]), str(found["policy"]), levels)
        except (TypeError, KeyError, ValueError) as error:
            raise ConfigError(f"no calibration as `rlvr calibrate` writes it: {error!r}") from error

    @classmethod
    def read(cls, source: Mapping[str, Any] | str) -> Calibration:
        """What `to_dict` gave, or the path of a file with it.

        Raises:
            ConfigError: There is no such file, or it holds no calibration.
        """
        if isinstance(source, Mapping):
            return cls.from_dict(source)
        try:
            found = json.loads(Path(source).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"cannot read a calibration from {shown(source)}: {error}") from error
        return cls.from_dict(found)


def levels_of(card: Card | None, env_id: str) -> Sequence[Mapping[str, Any]]:
    """The levels of a card.

    Raises:
        ConfigError: It has none.
    """
    if card is None or not card.levels:
        raise ConfigError(f"{env_id} has no levels: give some, a list of dicts of its keywords, the easiest first")
    return card.levels


def decisions(task: Task, moves: Sequence[str], effort: Sequence[str] = ()) -> int:
    """How many decisions the reference solution of a task takes, at least 1.

    Args:
        task: The task.
        moves: The responses that solve it, one a turn.
        effort: See `Card`.

    Example:
        >>> decisions(Task.create("20+3=", {"reference": 23}), ["20 and 3 are 23"])
        7
        >>> decisions(Task.create("2+3=", {"reference": 5}, difficulty={"terms": 2, "digits": 3}), ["5"], ["digits"])
        3
    """
    if effort:
        return max(1, math.prod(int(task.difficulty[name]) for name in effort))
    if len(moves) > 1:
        return len(moves)
    return max(1, len(_UNIT.findall("".join(moves))))
