"""PPO with a critic, top to bottom, from public pieces, on a game of several turns.

    python examples/ppo_from_scratch.py

Proximal Policy Optimization (arXiv 1707.06347) as it is used on language models: one action is one token, the reward of
a turn stands at its last token, generalised advantages pass the environment's tokens by.
"""

from __future__ import annotations

import gymnasium as gym
import torch
from rlvr_gym.agents import Play, TransformersPolicy, WarmStartConfig, build_preset, collect, warm_start
from rlvr_gym.agents.batch import Batch, make_batch, token_logprobs
from rlvr_gym.agents.credit import gae, whitened
from rlvr_gym.agents.critic import ValueModel
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.losses import aggregate, clipped_policy_loss, value_loss

ROLLOUTS, LENGTH, EPOCHS = 64, 2, 2


def make_env() -> gym.Env[str, str]:
    """A corridor of three rooms; which of three doors leads on is to be found out. It pays at the exit."""
    return gym.make("rlvr_gym:rlvr/Corridor-v0", rooms=3, corridors=1, max_turns=8, style="compact")


def rewards_of(episodes: list[Episode], batch: Batch) -> torch.Tensor:
    """The reward of each turn at its last sampled token, shape [B, T]; here each episode is one row."""
    rewards_BT = torch.zeros_like(batch.logprobs_BT)
    for row, episode in enumerate(episodes):
        ends = torch.tensor([len(turn.completion.token_ids) for turn in episode.turns]).cumsum(0) - 1
        places = batch.mask_BT[row].nonzero()[:, 0][ends]
        rewards_BT[row, places] = torch.tensor([turn.reward for turn in episode.turns])
    return rewards_BT


def train(steps: int = 40, until: float = 0.2) -> list[float]:
    """Train, and give the pass rate of each step."""
    lm = build_preset("nano", alphabet="0123456789bgr|:")
    policy = TransformersPolicy(lm, max_new_tokens=LENGTH)
    envs = [make_env() for _ in range(ROLLOUTS)]
    warm_start(envs, policy, WarmStartConfig(until=until, check_every=5, check_episodes=128))
    critic = ValueModel(lm.model, separate=True)
    parameters = [*lm.model.parameters(), *critic.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.95, 0.99), weight_decay=0.0)
    rates = []
    for step in range(steps):
        # 1. Rollout.
        episodes = collect(envs, policy, [Play(seed=i, sample_seed=step * ROLLOUTS + i) for i in range(ROLLOUTS)])
        rates.append(sum(bool(episode.passed) for episode in episodes) / len(episodes))
        batch = make_batch(episodes, lm.tokenizer.pad_token_id)

        # 2. Credit: how much better than the critic thought.
        with torch.no_grad():
            old_values_BT = critic(batch)
        estimate = gae(rewards_of(episodes, batch), old_values_BT, batch.mask_BT, discount=1.0, trace=0.95)
        advantages_BT = whitened(estimate.advantages_BT, batch.mask_BT)

        # 3. Loss and update, several times over the same rollouts.
        lm.model.train()
        for _ in range(EPOCHS):
            logprobs_BT = token_logprobs(lm.model, batch, temperature=1.0)
            clipped = clipped_policy_loss(logprobs_BT, batch.logprobs_BT, advantages_BT, batch.mask_BT)
            wrong_BT = value_loss(critic(batch), old_values_BT, estimate.returns_BT, batch.mask_BT)
            loss = aggregate(clipped.loss_BT + wrong_BT, batch.mask_BT, "token_mean")
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
        if step % 10 == 0 or step == steps - 1:
            print(f"step {step}: pass rate {rates[-1]:.2f}")
    return rates


if __name__ == "__main__":
    train()
