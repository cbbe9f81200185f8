"""Environments: text in, text out, behind `gym.make`."""

if not __name__.startswith("rlvr_gym."):
    raise ImportError("this folder is rlvr_gym.envs: install the project (pip install -e .) and `import rlvr_gym.envs`")

from rlvr_gym.envs.procedural import ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.spaces import UnicodeText
from rlvr_gym.envs.task import ListTaskSet, Task, TaskNotFoundError, TaskSet
from rlvr_gym.envs.text_env import EpisodeOverError, TextAction, TextEnv, Transition

__all__ = [
    "EpisodeOverError",
    "ListTaskSet",
    "ProceduralEnv",
    "ProceduralTaskSet",
    "Task",
    "TaskNotFoundError",
    "TaskRandom",
    "TaskSet",
    "TextAction",
    "TextEnv",
    "Transition",
    "UnicodeText",
]
