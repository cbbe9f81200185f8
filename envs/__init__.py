"""Environments: text in, text out, behind `gym.make`."""

if not __name__.startswith("rlvr_gym."):
    raise ImportError("this folder is rlvr_gym.envs: install the project (pip install -e .) and `import rlvr_gym.envs`")

import importlib
from typing import TYPE_CHECKING, Any

from rlvr_gym.envs.action import TextAction, Transition
from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.card import Card
from rlvr_gym.envs.procedural import ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.snapshot import Snapshot, SnapshotError
from rlvr_gym.envs.spaces import UnicodeText
from rlvr_gym.envs.state import fork, restore, snapshot
from rlvr_gym.envs.task import ListTaskSet, Task, TaskNotFoundError, TaskSet
from rlvr_gym.envs.text_env import EpisodeOverError, TextEnv

if TYPE_CHECKING:
    from rlvr_gym.envs.check import CheckFailed, CheckReport, check_text_env, checks
    from rlvr_gym.envs.token_env import CharTokenizer, TokenEnv, make_token_env
    from rlvr_gym.envs.vector import TextVectorEnv

__all__ = [
    "Card",
    "CharTokenizer",
    "CheckFailed",
    "CheckReport",
    "EpisodeOverError",
    "Failure",
    "ListTaskSet",
    "ProceduralEnv",
    "ProceduralTaskSet",
    "Snapshot",
    "SnapshotError",
    "Task",
    "TaskNotFoundError",
    "TaskRandom",
    "TaskSet",
    "TextAction",
    "TextEnv",
    "TextVectorEnv",
    "TokenEnv",
    "Transition",
    "UnicodeText",
    "check_text_env",
    "checks",
    "fork",
    "guarded",
    "make_token_env",
    "restore",
    "snapshot",
]

# Imported when first asked for: who plays an environment need not wait for what checks it.
_LATER = {
    "CharTokenizer": "rlvr_gym.envs.token_env",
    "CheckFailed": "rlvr_gym.envs.check",
    "CheckReport": "rlvr_gym.envs.check",
    "TextVectorEnv": "rlvr_gym.envs.vector",
    "TokenEnv": "rlvr_gym.envs.token_env",
    "make_token_env": "rlvr_gym.envs.token_env",
    "check_text_env": "rlvr_gym.envs.check",
    "checks": "rlvr_gym.envs.check",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)
