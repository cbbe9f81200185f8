"""`CurriculumEnv` (`rlvr/Curriculum-v0`): one environment at levels of difficulty. Who trains says when to move on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.ladders import Calibration, levels_of
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Options, check_number
from rlvr_gym.envs.wrappers.many import ManyEnvs, spec_of
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


class CurriculumEnv(ManyEnvs):
    """Levels of one environment: each is a dict of its keywords, from the easiest to the hardest; those of its card.

    The level is a setting that changes only when it is told to: by `set_level` (for a vector environment
    `envs.call("set_level", 2)`), or for one episode by the option `level` of `reset`. What level comes next is computed
    by `CurriculumTracker` where all outcomes come together, so that results do not depend on the number of workers;
    `SelfPaced` is for a single environment that goes its own pace. `info["level"]` is that of the episode.

    Args:
        env: Id of the environment.
        levels: Keywords for each level; None for those of the environment's card.
        settings: Keywords that all levels share.
        level: Where to begin; None for 0, or for what the calibration says.
        calibration: What `rlvr calibrate` measured of these levels: a dict, or the path of its file.
        pass_rate: Begin at the level whose measured pass rate is nearest to this one; 0.5 where there is a calibration.
        earlier: Share of the episodes that are drawn from earlier levels, all alike, so that these are not forgotten.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> env = CurriculumEnv(env="rlvr/Arithmetic-v0", levels=[{"digits": 1}, {"digits": 3}])
        >>> env.reset(seed=0)[1]["difficulty"]["digits"]
        1
        >>> env.set_level(1)
        >>> env.reset(seed=0)[1]["difficulty"]["digits"]
        3
    """

    def __init__(
        self,
        *,
        env: str,
        levels: Sequence[Mapping[str, Any]] | None = None,
        settings: Mapping[str, Any] | None = None,
        level: int | None = None,
        calibration: Mapping[str, Any] | str | None = None,
        pass_rate: float | None = None,
        earlier: float = 0.0,
        render_mode: str | None = None,
    ) -> None:
        if levels is None:
            levels = levels_of(getattr(gym.make(spec_of(env, settings or {})).unwrapped, "card", None), env)
        if not isinstance(levels, list | tuple) or not levels:
            raise ConfigError(f"levels must be a list of dicts of keywords, the easiest first; got {shown(levels)}")
        common = {} if settings is None else settings
        level = _start(level, calibration, pass_rate, env, levels)
        specs = [_at(spec_of(env, common).kwargs, env, one) for one in levels]
        super().__init__(specs, render_mode)
        self._level = self._checked(level)
        self._earlier = check_number("earlier", earlier, 0.0, 1.0)

    @property
    def levels(self) -> int:
        """How many there are."""
        return len(self._specs)

    @property
    def level(self) -> int:
        """The level of the episodes that will be begun."""
        return self._level

    def set_level(self, level: int) -> None:
        """Move to a level; the episode under way is not touched.

        Raises:
            ConfigError: There is no such level.
        """
        self._level = self._checked(level)

    def choose(self, options: Options) -> int:
        """See `ManyEnvs.choose`."""
        if "level" in options:
            return self._checked(options.pop("level"))
        draw = self.np_random.random()  # also where there is no choice: the stream does not depend on the level
        if draw < self._earlier and self._level > 0:
            return min(int(draw / self._earlier * self._level), self._level - 1)
        return self._level

    def told(self, index: int) -> Info:
        """See `ManyEnvs.told`."""
        return {"level": index}

    def _checked(self, level: Any) -> int:
        return check_int("level", level, 0, len(self._specs) - 1)


def _start(
    level: int | None,
    calibration: Mapping[str, Any] | str | None,
    pass_rate: float | None,
    env: str,
    levels: Sequence[Mapping[str, Any]],
) -> int:
    """The level to begin at."""
    if calibration is None:
        if pass_rate is not None:
            raise ConfigError("pass_rate chooses a level by a calibration: give one, or the level itself")
        return 0 if level is None else level
    if level is not None:
        raise ConfigError("a calibration chooses the level to begin at: give one of the two")
    measured = Calibration.read(calibration)
    known = [dict(one.knobs) for one in measured.levels]
    if measured.env.removeprefix("rlvr_gym:") != env.removeprefix("rlvr_gym:") or known != [
        dict(one) for one in levels
    ]:
        raise ConfigError(f"the calibration is of other levels, those of {measured.env}: {shown(known)}")
    return measured.level_for(0.5 if pass_rate is None else pass_rate)


def _at(common: Mapping[str, Any], env: str, level: Any) -> Any:
    if not isinstance(level, Mapping):
        raise ConfigError(f"a level is a dict of keywords of {env}, got {shown(level)}")
    return spec_of(env, {**common, **level})
