"""ARPO, top to bottom, from public pieces: episodes branch where the result of a tool left the policy uncertain.

    python examples/arpo_from_scratch.py

Agentic Reinforced Policy Optimization (arXiv 2507.19849): some episodes of a prompt are played from the beginning, the
others are branches of them, forked after a call of a tool, whose result they share. So the same number of answers costs
fewer calls.
"""

from __future__ import annotations

import gymnasium as gym
import torch
from rlvr_gym.agents import TransformersPolicy, WarmStartConfig, build_preset, warm_start
from rlvr_gym.agents.batch import make_batch, token_logprobs
from rlvr_gym.agents.credit import Steps, step_advantages, token_advantages
from rlvr_gym.agents.losses import aggregate, clipped_policy_loss
from rlvr_gym.agents.recipes import Channel
from rlvr_gym.agents.strategies import Branch, Prompt, Stage, sampled_turns

PROMPTS, LEAVES, LENGTH = 32, 8, 8


def make_env() -> gym.Env[str, str]:
    """Sums of two digits; a call of the calculator (`12+34?`), its result, and an answer."""
    return gym.make("rlvr_gym:rlvr/ToolMath-v0", style="compact", steps=1, digits=2, operators="+-", max_turns=2)


def train(steps: int = 60, until: float = 0.3) -> list[float]:
    """Train, and give the pass rate of each step."""
    lm = build_preset("nano", alphabet="0123456789+-:?")
    policy = TransformersPolicy(lm, max_new_tokens=LENGTH)
    envs = [make_env() for _ in range(PROMPTS * LEAVES)]
    warm_start(envs, policy, WarmStartConfig(until=until, check_every=10, check_episodes=128))
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=3e-4, betas=(0.95, 0.99), weight_decay=0.0)
    strategy = Branch(initial=LEAVES // 2, probability=1.0)
    rates = []
    for step in range(steps):
        # 1. Rollout: half of the leaves are chains, the others branch off them; environments are forked.
        stage = Stage(envs, policy, policy, step)
        prompts = [Prompt(step * PROMPTS + place, ("arpo", step, place)) for place in range(PROMPTS)]
        samples = strategy.collect(stage, prompts, LEAVES, {})
        episodes = [sample.episode for sample in samples]
        rates.append(sum(bool(episode.passed) for episode in episodes) / len(episodes))

        # 2. Credit: leaves are compared within their prompt. Shared turns stand in the row of each leaf ("soft").
        found = Steps.of(episodes, [sample.group for sample in samples])
        advantages_N = step_advantages(found, [Channel()]).float()

        # 3. Loss: the result of the tool is masked.
        batch = make_batch(episodes, lm.tokenizer.pad_token_id)
        lm.model.train()
        logprobs_BT = token_logprobs(lm.model, batch, temperature=1.0)
        advantages_BT = token_advantages(advantages_N, batch)
        loss_BT = clipped_policy_loss(
            logprobs_BT, batch.logprobs_BT, advantages_BT, batch.mask_BT, dual_clip=3.0
        ).loss_BT
        loss = aggregate(loss_BT, batch.mask_BT, "token_mean")

        # 4. Update.
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lm.model.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 0 or step == steps - 1:
            played = sum(len(episode.turns) for episode in episodes)
            print(
                f"step {step}: pass rate {rates[-1]:.2f}, {sampled_turns(samples)} turns sampled for {played} in rows"
            )
    return rates


if __name__ == "__main__":
    train()
