"""What a `TextVectorEnv` is given, checked: its settings, and the arguments of `reset` sorted by sub-environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from rlvr_gym.envs.snapshot import Snapshot
from rlvr_gym.envs.spaces import own
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


@dataclass(frozen=True, slots=True)
class ResetPlan:
    """Who is reset, and how.

    Args:
        indices: The sub-environments that are reset, ascending.
        seeds: A seed or None for each of them.
        options: Options or None for each of them.
    """

    indices: tuple[int, ...]
    seeds: tuple[int | None, ...]
    options: tuple[dict[str, Any] | None, ...]


def plan_reset(seed: Any, options: Any, num_envs: int, group_size: int) -> ResetPlan:
    """Read the arguments of `reset`.

    Raises:
        ConfigError: Says what was given and what to give.
        SnapshotError: A snapshot is none.

    Example:
        >>> plan_reset(7, {"per_env": [None, {"task_index": 1}]}, 2, 1)
        ResetPlan(indices=(0, 1), seeds=(7, 8), options=(None, {'task_index': 1}))
    """
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError(f"reset takes options as a dict, got {shown(options)}")
    rest = dict(options or {})
    chosen = _mask(rest.pop("reset_mask", None), num_envs)
    own = _per_env(rest.pop("per_env", None), num_envs)
    seeds = _seeds(seed, num_envs, group_size)
    if group_size > 1:
        _check_groups(seeds, chosen, group_size)
    found = tuple(_options(rest, own[i]) for i in chosen) if rest or any(own) else (None,) * len(chosen)
    return ResetPlan(chosen, tuple(seeds[i] for i in chosen), found)


def read_mode(given: Any) -> AutoresetMode:
    """An autoreset mode, given as such or by its value.

    Raises:
        ConfigError: It is none.
    """
    values = {mode.value: mode for mode in AutoresetMode}
    mode = given if isinstance(given, AutoresetMode) else values.get(given) if isinstance(given, str) else None
    if mode is None:
        raise ConfigError(f"autoreset_mode must be one of {', '.join(map(repr, values))}; got {shown(given)}")
    return mode


def text_spaces(envs: Sequence[gym.Env[Any, Any]], name: str) -> tuple[spaces.Space[Any], spaces.Space[Any]]:
    """The first environment's space of this name, and the space of all side by side.

    Raises:
        ConfigError: One is not a space of text.
    """
    singles = [getattr(env, name) for env in envs]
    for env, space in zip(envs, singles, strict=True):
        if not isinstance(space, spaces.Text):
            raise ConfigError(
                f"TextVectorEnv takes environments of text, but the {name} of {env} is {space}: "
                "gymnasium.vector.SyncVectorEnv takes any"
            )
    if all(space == singles[0] for space in singles):
        return singles[0], batch_space(singles[0], len(singles))
    return singles[0], spaces.Tuple([own(space) for space in singles])


def _mask(mask: Any, num_envs: int) -> tuple[int, ...]:
    if mask is None:
        return tuple(range(num_envs))
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (num_envs,):
        raise ConfigError(
            f"options['reset_mask'] must be a NumPy array of {num_envs} booleans, such as `terminated | truncated`; "
            f"got {shown(mask)}"
        )
    if not mask.any():
        raise ConfigError("options['reset_mask'] chooses nothing: do not call reset where nothing is to be reset")
    return tuple(np.flatnonzero(mask).tolist())


def _per_env(given: Any, num_envs: int) -> Sequence[Mapping[str, Any] | None]:
    if given is None:
        return [None] * num_envs
    if not isinstance(given, list | tuple) or len(given) != num_envs:
        size = f"{len(given)} entries" if isinstance(given, list | tuple) else shown(given)
        raise ConfigError(
            f"options['per_env'] must be a list of {num_envs} dicts or None, one an environment; got {size}"
        )
    for i, options in enumerate(given):
        if options is not None and not isinstance(options, Mapping):
            raise ConfigError(f"options['per_env'][{i}] must be a dict or None, got {shown(options)}")
    return given


def _options(common: Mapping[str, Any], own: Mapping[str, Any] | None) -> dict[str, Any] | None:
    options = {**common, **(own or {})}
    saved = options.get("snapshot")
    if saved is None:
        return options or None
    if len(options) > 1:
        raise ConfigError(f"option 'snapshot' stands alone, got {', '.join(sorted(map(str, options)))}")
    return {"snapshot": saved if isinstance(saved, Snapshot) else Snapshot.from_dict(saved)}


def _seeds(seed: Any, num_envs: int, group_size: int) -> Sequence[int | None]:
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, list | tuple):
        if len(seed) != num_envs:
            raise ConfigError(f"seed must be an int, None, or a list of {num_envs} of them; the list has {len(seed)}")
        return [None if one is None else _seed(one, f"seed[{i}]") for i, one in enumerate(seed)]
    first = _seed(seed, "seed")
    return [first + i // group_size for i in range(num_envs)]


def _seed(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ConfigError(f"{name} must be an integer of at least 0 or None, got {shown(value)}")
    return int(value)


def _check_groups(seeds: Sequence[int | None], chosen: Sequence[int], group_size: int) -> None:
    """A seed is for a whole group, or its members would no longer play the same tasks."""
    members = set(chosen)
    for first in range(0, len(seeds), group_size):
        group = range(first, first + group_size)
        given = {seeds[i] for i in group if i in members}
        if given <= {None}:
            continue
        last = group[-1]
        if len(given) > 1:
            raise ConfigError(
                f"sub-environments {first} to {last} are one group: give them equal seeds, or group_size=1"
            )
        if not members.issuperset(group):
            raise ConfigError(
                f"sub-environments {first} to {last} are one group: reset all of them with a seed, or some without"
            )
