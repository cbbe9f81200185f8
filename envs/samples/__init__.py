"""Small original data sets for the environments that read files: each can be tried, checked and audited at once.

Every row was written for this project, in the form of the published data set; rows in the form of LiveCodeBench carry
`solutions` besides, which that one does not. No two rows of a file have one answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent


def sample_settings(env_id: str) -> dict[str, Any]:
    """Keywords that make an environment of this project with tasks of its own: a sample's path where it reads a file.

    Args:
        env_id: For example `"rlvr/GSM8K-v0"`.

    Example:
        >>> import gymnasium as gym
        >>> env = gym.make("rlvr_gym:rlvr/GSM8K-v0", **sample_settings("rlvr/GSM8K-v0"))
        >>> sample_settings("rlvr/Arithmetic-v0")
        {}
    """
    file = _FOLDER / f"{env_id.rpartition('/')[2].rpartition('-v')[0]}.jsonl"
    return {"path": str(file)} if file.is_file() else {}
