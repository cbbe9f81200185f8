"""Settings of a training run: what makes no sense is refused, with what was given and what was expected."""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.agents.train_config import TrainConfig
from rlvr_gym.verifiers import ConfigError


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"steps": 2.5}, "steps must be an integer, got 2.5"),
        ({"prompts": True}, "prompts must be an integer, got True"),
        ({"prompts": 0}, "prompts must be at least 1, got 0"),
        ({"micro_batch": "3"}, "micro_batch must be an integer, got '3'"),
        ({"warmup_steps": -5}, "warmup_steps must be at least 0, got -5"),
        ({"lora": 1.5}, "lora must be an integer, got 1.5"),
        ({"eval_every": 1.5}, "eval_every must be an integer, got 1.5"),
        ({"completions": 2.5}, "completions must be an integer, got 2.5"),
        ({"seed": "a"}, "seed must be an integer, got 'a'"),
        ({"learning_rate": "1e-3"}, "learning_rate must be positive and finite, got '1e-3'"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive and finite, got nan"),
        ({"temperature": False}, "temperature must be positive and finite, got False"),
        ({"max_grad_norm": 0}, "max_grad_norm must be positive and finite, got 0"),
        ({"max_grad_norm": -1}, "max_grad_norm must be positive and finite, got -1"),
        ({"betas": (2, 2)}, r"betas must be two numbers in \[0, 1\), got \(2, 2\)"),
        ({"betas": 5}, r"betas must be two numbers in \[0, 1\), got 5"),
        ({"betas": (0.9,)}, r"betas must be two numbers in \[0, 1\)"),
        ({"betas": "ab"}, r"betas must be two numbers in \[0, 1\)"),
        ({"decay": "1"}, "decay must be a number of at least 0, got '1'"),
        ({"decay": 1.5}, r"decay must lie in \[0, 1\], got 1.5"),
        ({"precision": 16}, "precision must be one of fp32, bf16; got 16"),
        ({"gradient_checkpointing": 1}, "gradient_checkpointing must be true or false, got 1"),
        ({"lora_alpha": "x", "lora": 2}, "lora_alpha must be positive and finite and needs lora; got 'x'"),
        ({"stop_at": "x", "eval_every": 1}, r"stop_at must lie in \(0, 1\] and needs eval_every; got 'x'"),
        ({"track": "wandb"}, "track must be a list of names, got 'wandb'"),
        ({"track": 3}, "track must be a list of names, got 3"),
    ],
)
def test_settings_that_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        TrainConfig(**{"steps": 1, **given})


def test_settings_that_are_accepted() -> None:
    config = TrainConfig(steps=1, betas=[0.0, 0.999], max_grad_norm=1e9, seed=-3, stop_at=1, eval_every=2)  # type: ignore[arg-type]
    assert config.betas == (0.0, 0.999)
    assert config.rate_at(5) == pytest.approx(1.5e-4)  # half way through ten steps of rise
