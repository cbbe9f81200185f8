"""The ten-line loop: make, reset, step, verdict."""

import gymnasium as gym

env = gym.make("rlvr_gym:rlvr/Countdown-v0", numbers=3)
observation, info = env.reset(seed=0)
print(observation)
observation, reward, terminated, truncated, info = env.step("<answer>20 + 13 * 1</answer>")
print(reward, terminated, info["passed"])
print(info["verdict"]["status"], "-", info["verdict"]["reason"]["text"])
