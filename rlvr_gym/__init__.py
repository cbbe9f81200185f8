"""Gymnasium environments and verifiers for reinforcement learning with verifiable rewards.

Importing this package registers the environment ids (as strings: nothing heavy is imported; where Gymnasium is not
loaded yet, in the moment it is) and does nothing else.

Example:
    >>> import gymnasium as gym
    >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=2)
    >>> obs, info = env.reset(seed=0)
    >>> obs
    "What is 14 + 40? End your answer with a line '#### <number>'."
    >>> obs, reward, terminated, truncated, info = env.step("14 + 40 = 54\\n#### 54")
    >>> reward, info["passed"]
    (1.0, True)
"""

from rlvr_gym.registration import env_ids, register_with_gymnasium

__version__ = "0.1.0"
__all__ = ["__version__", "env_ids"]

register_with_gymnasium()
