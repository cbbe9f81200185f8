"""Environments: text in, text out, behind `gym.make`."""

if not __name__.startswith("rlvr_gym."):
    raise ImportError("this folder is rlvr_gym.envs: install the project (pip install -e .) and `import rlvr_gym.envs`")

from rlvr_gym.envs.action import TextAction, Transition
from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.card import Card
from rlvr_gym.envs.procedural import ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.snapshot import Snapshot, SnapshotError
from rlvr_gym.envs.spaces import UnicodeText
from rlvr_gym.envs.state import fork, restore, snapshot
from rlvr_gym.envs.task import ListTaskSet, Task, TaskNotFoundError, TaskSet
from rlvr_gym.envs.text_env import EpisodeOverError, TextEnv

__all__ = [
    "Card",
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
    "Transition",
    "UnicodeText",
    "fork",
    "guarded",
    "restore",
    "snapshot",
]
