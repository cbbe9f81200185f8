"""Entry points of `gym.make_vec`: `rlvr_gym.envs.vector.entry:Arithmetic-v0` makes many of `rlvr/Arithmetic-v0`.

Gymnasium calls an entry point with the number of environments and their keywords alone, so the id stands in the name.
"""

from __future__ import annotations

import functools
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.vector import TextVectorEnv

from rlvr_gym.registration import COMPOSITES, ENTRY_POINTS, register_all


def make_text_vec(
    env_id: str,
    *,
    num_envs: int = 1,
    group_size: int = 1,
    autoreset_mode: Any = "Disabled",
    workers: int | None = None,
    **kwargs: Any,
) -> TextVectorEnv:
    """Many environments of one id behind one door; what `gym.make_vec` calls.

    Args:
        env_id: For example `"rlvr/Arithmetic-v0"`.
        num_envs: How many.
        group_size: See `TextVectorEnv`.
        autoreset_mode: See `TextVectorEnv`.
        workers: See `TextVectorEnv`.
        **kwargs: Of `gym.make` for each.

    Example:
        >>> vector = make_text_vec("rlvr/Arithmetic-v0", num_envs=4, group_size=2, style="compact")
        >>> vector.reset(seed=0)[0]
        ('14+40=', '14+40=', '73+62=', '73+62=')
        >>> vector.close()
    """
    register_all()
    make = functools.partial(gym.make, env_id, **kwargs)
    return TextVectorEnv([make] * num_envs, group_size=group_size, autoreset_mode=autoreset_mode, workers=workers)


def __getattr__(name: str) -> Any:
    env_id = f"rlvr/{name}"
    if env_id not in ENTRY_POINTS | COMPOSITES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return functools.partial(make_text_vec, env_id)
