"""`ManyEnvs`: an environment that plays each episode in one of several others, as mixtures and curricula do."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import seeding
from rlvr_gym.envs.layers import save_layer
from rlvr_gym.envs.snapshot import Snapshot, SnapshotError, load_rng, other_rng, save_rng
from rlvr_gym.envs.spaces import UnicodeText, own
from rlvr_gym.envs.state import branch, restore, snapshot, stack
from rlvr_gym.envs.text_env import EpisodeOverError, Info, TextEnv
from rlvr_gym.envs.wrappers.base import ANY_TEXT, Options, Step
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

Made = gym.Env[Any, Any]


class ManyEnvs(gym.Env[str, str], ABC):
    """One of several environments an episode. It is no wrapper: what is chosen from is made when it is first needed.

    Everything random comes from `np_random`: it chooses the environment and the seed of its reset. So the same seed
    gives the same environment and the same task. `snapshot`, `restore` and `fork` reach the environment in play.

    Args:
        specs: What `gym.make` makes the environments from.
        render_mode: None or `"ansi"`; given to the environments.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"], "render_fps": 1}  # type: ignore[misc]

    def __init__(self, specs: Sequence[EnvSpec], render_mode: str | None = None) -> None:
        if render_mode not in (None, "ansi"):
            raise ConfigError(f"render_mode must be None or 'ansi', got {shown(render_mode)}")
        self.render_mode = render_mode
        self.observation_space, self.action_space = UnicodeText(ANY_TEXT), UnicodeText(ANY_TEXT)
        self._specs = tuple(specs)
        self._made: dict[int, Made] = {}
        self._index: int | None = None
        self._branches = 0

    @abstractmethod
    def choose(self, options: Options) -> int:
        """Which environment the next episode is played in. Takes its own options out of `options`."""

    @abstractmethod
    def told(self, index: int) -> Info:
        """What info says of the environment in play."""

    @property
    def current(self) -> Made:
        """The environment in play.

        Raises:
            EpisodeOverError: Before the first reset.
        """
        if self._index is None:
            raise EpisodeOverError("no environment was chosen yet: call reset() first")
        return self._env(self._index)

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """Choose an environment and begin an episode in it. What is no option of this one is given to that one.

        Raises:
            ConfigError: An option is refused.
        """
        if options is not None and not isinstance(options, dict):
            raise ConfigError(f"reset takes options as a dict, got {shown(options)}")
        rest = dict(options or {})
        if "snapshot" in rest:
            return self._begin_at(rest, seed)
        super().reset(seed=seed)
        self._index = None  # if anything below fails, there is no episode
        index = self.choose(rest)
        env = self._env(index)
        observation, info = env.reset(seed=int(self.np_random.integers(2**32)), options=rest or None)
        self._index = index
        return observation, {**info, **self.told(index)}

    def step(self, action: str) -> Step:
        """Play a turn in the environment in play.

        Raises:
            EpisodeOverError: The episode is over or was never begun.
        """
        observation, reward, terminated, truncated, info = self.current.step(action)
        told = self.told(self._index or 0)
        return observation, float(reward), bool(terminated), bool(truncated), {**info, **told}

    def render(self) -> Any:
        """See `TextEnv.render`."""
        return self.current.render()

    def close(self) -> None:
        """Close every environment that was made."""
        for env in self._made.values():
            env.close()

    def save(self) -> Snapshot:
        """See `TextEnv.save`."""
        inner = snapshot(self.current)
        return Snapshot(
            env=self._path(),
            task={"id": inner.task["id"], **self.told(self._index or 0)},
            turn=inner.turn,
            over=inner.over,
            rng=save_rng(self.np_random),
            transcript=inner.transcript,
            state={"index": self._index, "inner": inner.to_dict()},
            replay=None,
            digest=inner.digest,
        )

    def load(self, saved: Snapshot | Mapping[str, Any]) -> tuple[str, Info]:
        """See `TextEnv.load`."""
        saved = saved if isinstance(saved, Snapshot) else Snapshot.from_dict(saved)
        self._index = None
        if saved.env != self._path():
            raise SnapshotError(f"a snapshot of {saved.env} cannot be restored in {self._path()}")
        index = saved.state.get("index") if isinstance(saved.state, Mapping) else None
        if type(index) is not int or not 0 <= index < len(self._specs):
            raise SnapshotError(f"this environment has {len(self._specs)} to choose from, the snapshot is of {index!r}")
        observation, info = restore(self._env(index), saved.state["inner"])
        self.np_random = load_rng(saved.rng)
        self._index = index
        return observation, {**info, **self.told(index)}

    def copy(self, rng: list[Any]) -> Self:
        """See `TextEnv.copy`."""
        there = copy.copy(self)
        there.observation_space, there.action_space = own(self.observation_space), own(self.action_space)
        there._made = {}
        if self._index is not None:
            layers, base = stack(self.current)
            there._made[self._index] = branch(base, layers, [save_layer(layer) for layer in layers], rng[1])
        there.np_random = load_rng(rng[0])
        return there

    def rng_state(self) -> list[Any]:
        """See `TextEnv.rng_state`: of this environment, and of the one in play."""
        return [save_rng(self.np_random), None if self._index is None else stack(self.current)[1].rng_state()]

    def branch_rng(self) -> list[Any]:
        """See `TextEnv.branch_rng`."""
        self._branches += 1
        inner = None if self._index is None else stack(self.current)[1].branch_rng()
        return [other_rng(save_rng(self.np_random), self._branches), inner]

    def _begin_at(self, options: Options, seed: int | None) -> tuple[str, Info]:
        """Begin at a snapshot; with a seed, the random numbers from here on are that seed's."""
        if len(options) > 1:
            raise ConfigError(f"option 'snapshot' stands alone, got {', '.join(sorted(map(str, options)))}")
        began = self.load(options["snapshot"])
        if seed is not None:
            super().reset(seed=seed)
            for base in bases_of(self)[1:]:
                base.np_random = seeding.np_random(int(self.np_random.integers(2**32)))[0]
        return began

    def _env(self, index: int) -> Made:
        env = self._made.get(index)
        if env is None:
            more: dict[str, Any] = {} if self.render_mode is None else {"render_mode": self.render_mode}
            env = self._made[index] = gym.make(self._specs[index], disable_env_checker=True, **more)
        return env

    def _path(self) -> str:
        return f"{type(self).__module__}:{type(self).__qualname__}"


def spec_of(env_id: Any, settings: Any) -> EnvSpec:
    """What `gym.make` makes an environment of this id with these keywords from.

    Raises:
        ConfigError: There is no such id, or the settings are no JSON object.

    Example:
        >>> spec_of("rlvr/Arithmetic-v0", {"digits": 1}).kwargs
        {'digits': 1}
    """
    if not isinstance(settings, Mapping):
        raise ConfigError(f"settings must be the keywords of the environment as a dict, got {shown(settings)}")
    if not isinstance(env_id, str):
        raise ConfigError(f"an environment is given by its id, such as 'rlvr/Arithmetic-v0', got {shown(env_id)}")
    try:
        spec = copy.deepcopy(gym.spec(env_id))
    except (gym.error.Error, ImportError) as error:
        raise ConfigError(f"no environment {env_id!r}: {error}") from error
    spec.kwargs = {**spec.kwargs, **settings}
    return spec


def bases_of(env: gym.Env[Any, Any]) -> list[gym.Env[Any, Any]]:
    """What an episode is played in, below all wrappers: each choice among environments, and what was chosen."""
    bases: list[gym.Env[Any, Any]] = [env.unwrapped]
    while isinstance(bases[-1], ManyEnvs):
        bases.append(bases[-1].current.unwrapped)
    return bases


def text_env_of(env: gym.Env[Any, Any]) -> TextEnv | None:
    """The `TextEnv` that an episode is played in, below all wrappers and choices; None where it is of another kind.

    Example:
        >>> type(text_env_of(gym.make("rlvr_gym:rlvr/Arithmetic-v0"))).__name__
        'ArithmeticEnv'
    """
    base = bases_of(env)[-1]
    return base if isinstance(base, TextEnv) else None
