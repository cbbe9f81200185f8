"""One sub-environment of a vector environment: its failures stay its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode
from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.state import restore
from rlvr_gym.envs.task import TaskNotFoundError
from rlvr_gym.envs.text_env import Info
from rlvr_gym.verifiers import ConfigError, RlvrError
from rlvr_gym.verifiers.errors import shown

Options = dict[str, Any]
Step = tuple[str, float, bool, bool, Info]
TextGymEnv = gym.Env[str, str]

_LONGEST_ERROR = 500


class SubEnv:
    """An environment, where it stands, and what to do when it fails.

    Args:
        make: Makes the environment; called again where a reset of it failed.
        mode: What happens at the end of an episode.
        grouped: Whether it gets the seeds of its group; otherwise a reset without a seed continues its own stream.
    """

    def __init__(self, make: Callable[[], TextGymEnv], mode: AutoresetMode, grouped: bool) -> None:
        self.make, self.mode, self.grouped = make, mode, grouped
        self.env = make()
        self.seed: int | None = None
        self.episode = -1
        self.over = True
        self.observation = ""
        self.failure: Failure | None = None
        self.refusal: RlvrError | None = None
        self._stillborn: Failure | None = None
        self._broken = False

    def reset(
        self, seed: int | None = None, options: Options | None = None, episode: int | None = None
    ) -> tuple[str, Info]:
        """Begin an episode; a failure gives one that ends with its first step.

        Options that the environment refuses are the caller's mistake and no failure: `refusal` is the error.

        Args:
            seed: Begins a new series of episodes; None continues the series.
            options: Of the sub-environment's `reset`; or `{"snapshot": Snapshot}` alone, whose random future is then
                that of the seed, where there is one.
            episode: Number of the episode in its series, by default the next.

        Returns:
            Observation and info.
        """
        reseed = seed
        if seed is not None:
            self.seed, self.episode = seed, 0
        else:
            self.episode = self.episode + 1 if episode is None else episode
            seed = self._series_seed() if self.grouped else None
        self.over, self._stillborn, self.refusal = False, None, None
        outcome = guarded(partial(self._begin, seed, options, reseed))
        if isinstance(outcome, Failure):
            guarded(self.env.close)
            self._broken = True
            outcome = guarded(partial(self._begin, seed, options, reseed))
        if isinstance(outcome, Failure):
            self.failure = self._stillborn = outcome
            self._broken = True
            outcome = "", _error_info(outcome)
        self.observation = outcome[0]
        return outcome

    def step(self, action: str) -> Step:
        """Play a turn, or what the autoreset mode wants where the episode is over."""
        if self.over:
            observation, info = self.reset()
            return observation, 0.0, False, False, info
        stillborn = self._stillborn
        outcome = guarded(partial(self._play, action)) if stillborn is None else stillborn
        if isinstance(outcome, Failure):
            self.failure = outcome
            outcome = "", 0.0, False, True, _error_info(outcome)
        self.observation, reward, terminated, truncated, info = outcome
        self.over = terminated or truncated
        if self.over and self.mode is AutoresetMode.SAME_STEP:
            final = {"final_obs": self.observation, "final_info": info}
            observation, info = self.reset()
            return observation, reward, terminated, truncated, {**info, **final}
        return outcome

    def abandon(self) -> None:
        """Forget the episode and the environment, which another thread may still be stepping."""
        self.over, self._broken, self.observation = True, True, ""

    def _begin(self, seed: int | None, options: Options | None, reseed: int | None) -> tuple[str, Info]:
        if self._broken:
            self.env = self.make()
            self._broken = False
            seed = self._series_seed() if seed is None else seed  # its stream went with the old environment
        saved = options.get("snapshot") if options else None
        try:
            if saved is None:
                observation, info = self.env.reset(seed=seed, options=options)
            else:
                observation, info = restore(self.env, saved)
                self.over = saved.over
                if reseed is not None:
                    self.env.unwrapped.np_random = np_random(reseed)[0]
        except (ConfigError, TaskNotFoundError) as error:
            if options is None:
                raise
            self.refusal, self.over = error, True
            return "", {}
        _check(observation, info)
        return observation, info

    def _play(self, action: str) -> Step:
        observation, reward, terminated, truncated, info = self.env.step(action)
        _check(observation, info)
        return observation, float(reward), bool(terminated), bool(truncated), info

    def _series_seed(self) -> int | None:
        return None if self.seed is None else derived_seed(self.seed, self.episode)


def derived_seed(seed: int, episode: int) -> int:
    """The seed of a later episode of a series: 63 bits of a hash, the same on every machine.

    Example:
        >>> derived_seed(7, 1) == derived_seed(7, 1), derived_seed(7, 1) == derived_seed(7, 2)
        (True, False)
    """
    digest = hashlib.blake2b(b"rlvr vector|%d|%d" % (seed, episode), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _error_info(failure: Failure) -> Info:
    return {"stop_reason": "error", "error": " ".join(failure.error.split())[:_LONGEST_ERROR]}


def _check(observation: Any, info: Any) -> None:
    if not (isinstance(observation, str) and isinstance(info, dict)):
        raise TypeError(f"expected an observation of text and an info dict, got {shown(observation)} and {shown(info)}")
