"""`snapshot`, `restore`, `fork`: a moment of an episode, written down, gone back to, and lived on in several ways.

They are functions, not methods, because a wrapper does not pass on methods that it does not know, and the wrappers have
state of their own: how many steps were taken, what was said before. Tree search, branching rollouts (ARPO, Tree-GRPO)
and retries stand on these three.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import gymnasium as gym
from rlvr_gym.envs.layers import load_layer, save_layer
from rlvr_gym.envs.snapshot import Layer, Snapshot, SnapshotError
from rlvr_gym.envs.spaces import own
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.text_env import Info


class Base(Protocol):
    """What stands innermost: a `TextEnv`, or an environment that passes these on to the one that it plays in."""

    def save(self) -> Snapshot:
        """See `TextEnv.save`."""

    def load(self, saved: Snapshot | Mapping[str, Any]) -> tuple[str, Info]:
        """See `TextEnv.load`."""

    def copy(self, rng: list[Any]) -> Any:
        """See `TextEnv.copy`."""

    def rng_state(self) -> list[Any]:
        """See `TextEnv.rng_state`."""

    def branch_rng(self) -> list[Any]:
        """See `TextEnv.branch_rng`."""


_LOOKS_ON = "PassiveEnvChecker"  # Gymnasium's: what it keeps is no part of an episode
_NEEDED = ("save", "load", "copy", "rng_state", "branch_rng")


def snapshot(env: gym.Env[Any, Any]) -> Snapshot:
    """This moment of the episode: of the environment and of every wrapper around it, ours and others'.

    Args:
        env: An environment whose innermost part is a `TextEnv`, after its first reset.

    Returns:
        JSON on request (`Snapshot.to_dict`), and the same bytes for the same moment. Clocks are not part of it: the
        durations that `RecordEpisodeStatistics` keeps begin anew.

    Raises:
        SnapshotError: A wrapper has state that cannot be written down.
        EpisodeOverError: There was no reset yet.

    Example:
        >>> import gymnasium as gym
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0")
        >>> observation, _ = env.reset(seed=0)
        >>> saved = snapshot(env)
        >>> env.step("#### 1")[4]["passed"]
        False
        >>> restore(env, saved)[0] == observation
        True
        >>> env.step("#### 54")[4]["passed"]
        True
    """
    layers, base = stack(env)
    kept = (layer for layer in layers if type(layer).__name__ != _LOOKS_ON)
    return replace(base.save(), layers=tuple(Layer(type(layer).__name__, save_layer(layer)) for layer in kept))


def restore(env: gym.Env[Any, Any], saved: Snapshot | Mapping[str, Any]) -> tuple[Any, Info]:
    """Go back to a moment, in this environment or in another one made with the same settings.

    Args:
        env: Where to; it need not have been reset. Its wrappers are those of the environment that was saved.
        saved: What `snapshot` gave, or its `to_dict`.

    Returns:
        Observation and info as `reset` gives them: the observation is the text that the policy is to answer, and
        `info["messages"]` is the whole conversation so far, as the innermost environment had it.

    Raises:
        SnapshotError: It is of another environment, other wrappers or a task that this environment lacks; or a replay
            took another way. The environment must then be reset.
    """
    saved = saved if isinstance(saved, Snapshot) else Snapshot.from_dict(saved)
    layers, base = stack(env)
    here = [type(layer).__name__ for layer in layers if type(layer).__name__ != _LOOKS_ON]
    records = [layer for layer in saved.layers if layer.name != _LOOKS_ON]
    there = [layer.name for layer in records]
    if here != there:
        raise SnapshotError(f"the snapshot has the wrappers {there or 'none'}, this environment {here or 'none'}")
    seen: tuple[Any, Info] = base.load(saved)
    left = iter(records)
    for layer in layers:
        load_layer(layer, save_layer(layer) if type(layer).__name__ == _LOOKS_ON else next(left).state)
        seen = _as_seen(layer, *seen)
    return seen


def fork(env: gym.Env[Any, Any], n: int = 1, *, reseed: bool = False) -> list[gym.Env[Any, Any]]:
    """More environments at the same moment, wrappers and all; nothing that changes is shared.

    Args:
        env: An environment whose innermost part is a `TextEnv`; it is left as it is.
        n: How many, at least 0.
        reseed: False: the same actions have the same future in every one of them. True: each draws other random
            numbers from here on, different at every call, and the same ones whenever the program is run again.

    Returns:
        Environments with the wrappers of `env`, ready for `step`.

    Raises:
        SnapshotError: A wrapper has state that cannot be copied.
        ConfigError: `n` is no such number.

    Example:
        >>> import gymnasium as gym
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0")
        >>> _ = env.reset(seed=0)
        >>> [branch.step(answer)[1] for branch, answer in zip(fork(env, 2), ["#### 1", "#### 54"])]
        [0.0, 1.0]
    """
    layers, base = stack(env)
    states = [save_layer(layer) for layer in layers]
    return [
        branch(base, layers, states, base.branch_rng() if reseed else base.rng_state())
        for _ in range(check_int("n", n, 0, None))
    ]


def branch(
    base: Base, layers: Sequence[gym.Wrapper[Any, Any, Any, Any]], states: Sequence[Any], rng: list[Any]
) -> gym.Env[Any, Any]:
    """A copy of a stack of wrappers: `fork` with the state of the random generator given."""
    there: gym.Env[Any, Any] = base.copy(rng)
    for layer, state in zip(layers, states, strict=True):
        shell = copy.copy(layer)
        shell.env = there
        for name in ("_action_space", "_observation_space"):
            if (space := getattr(layer, name)) is not None:
                setattr(shell, name, own(space))
        load_layer(shell, state)
        there = shell
    return there


def stack(env: gym.Env[Any, Any]) -> tuple[list[gym.Wrapper[Any, Any, Any, Any]], Base]:
    """The wrappers from the innermost to the outermost, and what they surround.

    Raises:
        SnapshotError: What they surround cannot be saved.
    """
    layers = []
    while isinstance(env, gym.Wrapper):
        layers.append(env)
        env = env.env
    if not all(hasattr(type(env), name) for name in _NEEDED):
        raise SnapshotError(
            f"only a TextEnv can be saved, restored and forked; the innermost is a {type(env).__name__}"
        )
    return layers[::-1], cast(Base, env)


def _as_seen(layer: gym.Wrapper[Any, Any, Any, Any], observation: Any, info: Info) -> tuple[Any, Info]:
    """What a policy outside this wrapper sees of a restored episode."""
    if hasattr(type(layer), "restored"):
        seen: tuple[Any, Info] = layer.restored(observation, info)  # type: ignore[attr-defined]
        return seen
    if isinstance(layer, gym.ObservationWrapper):
        return layer.observation(observation), info
    if isinstance(layer, gym.wrappers.FrameStackObservation):
        return tuple(layer.obs_queue), info
    return observation, info
