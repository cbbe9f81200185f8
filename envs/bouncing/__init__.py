"""Programs that predict where bouncing balls are: scenes, an exact engine, their environment and drawings."""

from rlvr_gym.envs.bouncing.drawing import scene_svg, task_svg
from rlvr_gym.envs.bouncing.engine import Contact, Motion, simulate
from rlvr_gym.envs.bouncing.env import BouncingSimEnv, BouncingSimTaskSet
from rlvr_gym.envs.bouncing.families import COMPOSED, PERIODIC, SKILLS, TIERS, Shuttle
from rlvr_gym.envs.bouncing.problems import Problem, lazy_answers, scene_of
from rlvr_gym.envs.bouncing.scene import Ball, Box, Path, Scene, SceneError, Turn

__all__ = [
    "COMPOSED",
    "PERIODIC",
    "SKILLS",
    "TIERS",
    "Ball",
    "BouncingSimEnv",
    "BouncingSimTaskSet",
    "Box",
    "Contact",
    "Motion",
    "Path",
    "Problem",
    "Scene",
    "SceneError",
    "Shuttle",
    "Turn",
    "lazy_answers",
    "scene_of",
    "scene_svg",
    "simulate",
    "task_svg",
]
