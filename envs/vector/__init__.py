"""`TextVectorEnv`: many text environments side by side, behind `gym.make_vec`."""

from rlvr_gym.envs.vector.vector_env import TextVectorEnv

__all__ = ["TextVectorEnv"]
