"""DAPO, top to bottom, from public pieces: refilled groups, a wider upper bound, means over tokens, overlong answers.

    python examples/dapo_from_scratch.py

Decoupled Clip and Dynamic Sampling Policy Optimization (arXiv 2503.14476) in a corridor that pays at its exit, from a
model that has imitated an expert until it got there one time in five.
"""

from __future__ import annotations

import gymnasium as gym
import torch
from rlvr_gym.agents import TransformersPolicy, WarmStartConfig, build_preset, warm_start
from rlvr_gym.agents.batch import make_batch, token_logprobs
from rlvr_gym.agents.credit import Steps, step_advantages, token_advantages
from rlvr_gym.agents.experience import kept_groups
from rlvr_gym.agents.late_rewards import shaped
from rlvr_gym.agents.losses import aggregate, clipped_policy_loss
from rlvr_gym.agents.recipes import Channel, Filter
from rlvr_gym.agents.strategies import Chain, Prompt, Sample, Stage

PROMPTS, GROUP, LENGTH, ROUNDS, UPDATES = 8, 8, 2, 10, 4
VARIED = Filter(groups="varied", metric="passed")
SHAPING = {"sum": {"of": [{"signed": {"of": "given"}}, {"overlong": {"limit": 16, "cache": 8}}]}}  # tokens an episode


def make_env() -> gym.Env[str, str]:
    """Three rooms; which of three doors leads on is to be found out. It pays at the exit."""
    return gym.make("rlvr_gym:rlvr/Corridor-v0", rooms=3, corridors=1, max_turns=8, style="compact")


def train(steps: int = 40, until: float = 0.2) -> list[float]:
    """Train, and give the pass rate of each step over all that was sampled."""
    lm = build_preset("nano", alphabet="0123456789bgr|:")
    policy = TransformersPolicy(lm, max_new_tokens=LENGTH)
    envs = [make_env() for _ in range(PROMPTS * GROUP)]
    warm_start(envs, policy, WarmStartConfig(until=until, check_every=5, check_episodes=128))
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=1e-3, betas=(0.95, 0.99), weight_decay=0.0)
    stage = Stage(envs, policy, policy)
    rates = []
    for step in range(steps):
        # 1. Dynamic sampling: further prompts, until PROMPTS groups have both right and wrong answers.
        kept: list[Sample] = []
        played: list[Sample] = []
        groups = 0
        for tried in range(ROUNDS):
            prompts = [Prompt(seed, (step, seed)) for seed in range(tried * PROMPTS, (tried + 1) * PROMPTS)]
            prompts = [Prompt(prompt.seed + 1000 * step, prompt.names) for prompt in prompts]
            samples = Chain().collect(stage, prompts, GROUP, {})
            played += samples
            chosen = sorted(kept_groups(samples, VARIED))[: PROMPTS - groups]
            # Soft overlong punishment comes after the filter's metric: lengths must not make a group varied.
            for place, group in enumerate(chosen, start=groups):
                own = [sample for sample in shaped(samples, SHAPING, LENGTH) if sample.group == group]
                kept += [Sample(sample.episode, place) for sample in own]
            groups += len(chosen)
            if groups == PROMPTS:
                break
        rates.append(sum(bool(sample.episode.passed) for sample in played) / len(played))
        if step % 10 == 0 or step == steps - 1:
            print(f"step {step}: pass rate {rates[-1]:.2f}, {tried + 1} rounds for {groups} groups")
        if not kept:
            continue

        # 2. Credit: GRPO's, over the shaped rewards.
        episodes = [sample.episode for sample in kept]
        steps_N = Steps.of(episodes, [sample.group for sample in kept])
        advantages_N = step_advantages(steps_N, [Channel(scale="group_std")]).float()
        batch = make_batch(episodes, lm.tokenizer.pad_token_id)
        advantages_BT = token_advantages(advantages_N, batch)

        # 3. Several updates, each over a part of the rows: the policy moves away from the one that sampled.
        lm.model.train()
        order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(step))
        for rows in order.tensor_split(UPDATES):
            part = batch.rows(rows)
            width = part.ids_BT.shape[1]

            # 4. Loss: clip-higher, and one mean over all tokens of the part.
            logprobs_BT = token_logprobs(lm.model, part, temperature=1.0)
            given = (logprobs_BT, part.logprobs_BT, advantages_BT[rows, :width], part.mask_BT)
            found = clipped_policy_loss(*given, clip_low=0.2, clip_high=0.28)
            loss = aggregate(found.loss_BT, part.mask_BT, "token_mean")
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(lm.model.parameters(), 1.0)
            optimizer.step()
    return rates


if __name__ == "__main__":
    train()
