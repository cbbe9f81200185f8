"""Environment ids and their entry points: one line each.

An id carries a version, which is bumped whenever a score may change.
"""

from __future__ import annotations

import gymnasium as gym

ENTRY_POINTS: dict[str, str] = {
    "rlvr/Arithmetic-v0": "rlvr_gym.envs.arithmetic:ArithmeticEnv",
    "rlvr/Countdown-v0": "rlvr_gym.envs.countdown:CountdownEnv",
    "rlvr/Dataset-v0": "rlvr_gym.envs.dataset:DatasetEnv",
    "rlvr/GSM8K-v0": "rlvr_gym.envs.dataset:GSM8KEnv",
    "rlvr/MATH-v0": "rlvr_gym.envs.dataset:MATHEnv",
}


def env_ids() -> list[str]:
    """All ids of this project, sorted.

    Example:
        >>> "rlvr/Countdown-v0" in env_ids()
        True
    """
    return sorted(ENTRY_POINTS)


def register_all() -> None:
    """Register every id with Gymnasium; ids that are registered already are left alone."""
    for env_id, entry_point in ENTRY_POINTS.items():
        if env_id not in gym.registry:
            gym.register(id=env_id, entry_point=entry_point)
