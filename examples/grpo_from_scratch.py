"""GRPO, top to bottom, from public pieces: an untrained model of 0.2 million parameters learns to say even digits.

    python examples/grpo_from_scratch.py

Group Relative Policy Optimization (arXiv 2402.03300): several responses to each prompt, rewards less the group's mean
over the group's deviation, PPO's clipped ratio. What the trainer adds is in `agents/learner.py`.
"""

from __future__ import annotations

import torch
from rlvr_gym.agents import Play, TransformersPolicy, build_preset, collect
from rlvr_gym.agents.advantages import group_advantages, tied_groups
from rlvr_gym.agents.batch import make_batch, token_logprobs
from rlvr_gym.agents.losses import aggregate, clipped_policy_loss
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, Transition
from rlvr_gym.verifiers import make_verifier

PROMPTS, GROUP, LENGTH = 8, 8, 2


class Even(TextEnv):
    """One turn; a response that is the even digit of the prompt's task passes."""

    def __init__(self) -> None:
        tasks = [Task.create(f"{digit}?", {"reference": 2 * digit % 10}) for digit in range(10)]
        super().__init__(ListTaskSet(tasks), make_verifier("number@1", markers=["whole"]))

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        return Transition(verdict=self.verifier.verify(action, self.task.reference))


def train(steps: int = 150) -> list[float]:
    """Train, and give the pass rate of each step."""
    lm = build_preset("nano", alphabet="0123456789?")
    policy = TransformersPolicy(lm, max_new_tokens=LENGTH)
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=2e-3, betas=(0.95, 0.99), weight_decay=0.0)
    envs = [Even() for _ in range(PROMPTS * GROUP)]
    rates = []
    for step in range(steps):
        # 1. Rollout: each prompt is a seed of `reset`, tried GROUP times with seeds of its own for sampling.
        plays = [
            Play(seed=step * PROMPTS + prompt, sample_seed=(step * PROMPTS + prompt) * GROUP + member)
            for prompt in range(PROMPTS)
            for member in range(GROUP)
        ]
        episodes = collect(envs, policy, plays)
        rates.append(sum(bool(episode.passed) for episode in episodes) / len(episodes))
        if step % 25 == 0 or step == steps - 1:
            print(f"step {step}: pass rate {rates[-1]:.2f}")

        # 2. Credit: what a response earned, relative to the others to its prompt.
        rewards_PG = torch.tensor([episode.reward for episode in episodes]).reshape(PROMPTS, GROUP)
        if bool(tied_groups(rewards_PG).all()):
            continue
        advantages_B1 = group_advantages(rewards_PG).reshape(-1, 1)

        # 3. Loss: ids exactly as they were sampled; one row an episode.
        batch = make_batch(episodes, lm.tokenizer.pad_token_id)
        lm.model.train()
        logprobs_BT = token_logprobs(lm.model, batch, temperature=1.0)
        loss_BT = clipped_policy_loss(logprobs_BT, batch.logprobs_BT, advantages_B1, batch.mask_BT).loss_BT
        loss = aggregate(loss_BT, batch.mask_BT, "seq_mean_token_mean")

        # 4. Update.
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lm.model.parameters(), 1.0)
        optimizer.step()
    return rates


if __name__ == "__main__":
    train()
