"""Warm start: supervised learning on an environment's own reference solutions.

A model that starts from scratch never meets a reward. A few steps of imitation bring it to a success rate from which
reinforcement learning can take over; training stops as soon as that rate is reached, so the result does not depend on
how fast the machine is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium as gym
import torch
from rlvr_gym.agents.batch import Batch, Row, batch_of_rows, token_logprobs
from rlvr_gym.agents.evaluate import pass_rate
from rlvr_gym.agents.losses import aggregate
from rlvr_gym.agents.models import LanguageModel
from rlvr_gym.agents.policy import seed_from
from rlvr_gym.agents.transformers_policy import TransformersPolicy, encode_conversation
from rlvr_gym.verifiers import ConfigError


@dataclass(frozen=True)
class WarmStartConfig:
    """Settings of a warm start.

    Args:
        until: Stop once this share of sampled responses passes, in (0, 1].
        max_steps: Stop there at the latest.
        batch_size: Solutions a step.
        learning_rate: Of AdamW, after a linear warm-up over 20 steps.
        check_every: Steps between measurements of the pass rate.
        check_episodes: Episodes of a measurement.
        seed: Seed of tasks and samples.

    Raises:
        ConfigError: A setting is out of its range.
    """

    until: float = 0.2
    max_steps: int = 2000
    batch_size: int = 128
    learning_rate: float = 1e-3
    check_every: int = 25
    check_episodes: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.until <= 1:
            raise ConfigError(f"until must lie in (0, 1], got {self.until!r}")
        if not 0 < self.learning_rate < float("inf"):
            raise ConfigError(f"learning_rate must be a positive number, got {self.learning_rate!r}")
        if min(self.max_steps, self.batch_size, self.check_every, self.check_episodes) < 1:
            raise ConfigError("max_steps, batch_size, check_every and check_episodes must be positive")


class WarmStartResult(NamedTuple):
    """Where the warm start ended: steps taken, last measured pass rate, and whether it reached `until`."""

    steps: int
    pass_rate: float
    reached: bool


def warm_start(
    envs: Sequence[gym.Env[str, str]],
    policy: TransformersPolicy,
    config: WarmStartConfig,
    report: Callable[[int, float, float], None] | None = None,
) -> WarmStartResult:
    """Train the policy's model in place on reference solutions.

    Args:
        envs: Environments whose tasks have a `solution`; used in turn.
        policy: Whose model is trained, and whose sampling measures the pass rate.
        config: Settings.
        report: Called at each measurement with the step, the loss and the pass rate.

    Raises:
        ConfigError: A task has no reference solution.
    """
    model = policy.lm.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=0.0)
    rate, step = 0.0, 0
    for step in range(1, config.max_steps + 1):
        model.train()
        batch = _solutions(envs, policy.lm, config, step)
        logprobs_BT = token_logprobs(model, batch, temperature=1.0)
        loss = aggregate(-logprobs_BT, batch.mask_BT, "token_mean")
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, step / 20)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % config.check_every == 0 or step == config.max_steps:
            rate = pass_rate(envs, policy, config.check_episodes, seed_from("warm-check", config.seed, step))
            if report is not None:
                report(step, float(loss.detach()), rate)
            if rate >= config.until:
                return WarmStartResult(step, rate, True)
    return WarmStartResult(step, rate, False)


def _solutions(envs: Sequence[gym.Env[str, str]], lm: LanguageModel, config: WarmStartConfig, step: int) -> Batch:
    rows = []
    for i in range(config.batch_size):
        env: Any = envs[i % len(envs)]
        _, info = env.reset(seed=seed_from("warm", config.seed, step, i) % 2**32)
        solution = env.get_wrapper_attr("task").solution
        if solution is None:
            raise ConfigError(f"task {info['task_id']} has no reference solution, so there is nothing to imitate")
        row = Row()
        row.extend(encode_conversation(lm.tokenizer, info["messages"]), sampled=False)
        ids = lm.tokenizer(solution, add_special_tokens=False)["input_ids"] + [lm.tokenizer.eos_token_id]
        row.extend(ids, sampled=True)
        rows.append(row)
    return batch_of_rows(rows, list(range(len(rows))), lm.tokenizer.pad_token_id)
