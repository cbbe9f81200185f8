"""GiGPO, top to bottom, from public pieces: credit for each step of an episode that pays at its end alone.

    python examples/gigpo_from_scratch.py

Group-in-Group Policy Optimization (arXiv 2505.10978): whole episodes are compared within a group, and steps that were
taken in the same state are compared with each other, whichever episode and moment they belong to. The environment says
which states are the same: `info["anchor"]`.
"""

from __future__ import annotations

import gymnasium as gym
import torch
from rlvr_gym.agents import Play, TransformersPolicy, WarmStartConfig, build_preset, collect, warm_start
from rlvr_gym.agents.batch import make_batch, token_logprobs
from rlvr_gym.agents.credit import Steps, channel_advantages, token_advantages
from rlvr_gym.agents.losses import aggregate, clipped_policy_loss
from rlvr_gym.agents.recipes import Channel

PROMPTS, GROUP, LENGTH = 4, 16, 2


def make_env() -> gym.Env[str, str]:
    """A corridor of three rooms; which of three doors leads on is to be found out. It pays at the exit."""
    return gym.make("rlvr_gym:rlvr/Corridor-v0", rooms=3, corridors=1, max_turns=8, style="compact")


def train(steps: int = 40, until: float = 0.2) -> list[float]:
    """Train, and give the pass rate of each step."""
    lm = build_preset("nano", alphabet="0123456789bgr|:")
    policy = TransformersPolicy(lm, max_new_tokens=LENGTH)
    envs = [make_env() for _ in range(PROMPTS * GROUP)]
    warm_start(envs, policy, WarmStartConfig(until=until, check_every=5, check_episodes=128))
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=1e-3, betas=(0.95, 0.99), weight_decay=0.0)
    groups = [prompt for prompt in range(PROMPTS) for _ in range(GROUP)]
    rates = []
    for step in range(steps):
        # 1. Rollout: a group is GROUP environments reset with one seed.
        plays = [Play(seed=group, sample_seed=step * len(groups) + place) for place, group in enumerate(groups)]
        episodes = collect(envs, policy, plays)
        rates.append(sum(bool(episode.passed) for episode in episodes) / len(episodes))

        # 2. Credit: the sum of two comparisons, for every step.
        found = Steps.of(episodes, groups)
        of_episodes = channel_advantages(Channel("trajectory", "group"), found)
        of_steps = channel_advantages(Channel("step", "anchor", discount=0.95), found)
        advantages_N = (of_episodes + of_steps).float()

        # 3. Loss: each token has the advantage of the step that it was said in.
        batch = make_batch(episodes, lm.tokenizer.pad_token_id)
        lm.model.train()
        logprobs_BT = token_logprobs(lm.model, batch, temperature=1.0)
        advantages_BT = token_advantages(advantages_N, batch)
        loss_BT = clipped_policy_loss(logprobs_BT, batch.logprobs_BT, advantages_BT, batch.mask_BT).loss_BT
        loss = aggregate(loss_BT, batch.mask_BT, "token_mean")

        # 4. Update.
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lm.model.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 0 or step == steps - 1:
            print(f"step {step}: pass rate {rates[-1]:.2f}")
    return rates


if __name__ == "__main__":
    train()
