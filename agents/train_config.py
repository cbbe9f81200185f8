"""Settings of a training run that are not the algorithm's."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rlvr_gym.agents.tracking import TRACKERS
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import shown

PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a training run that are not the algorithm's.

    Args:
        steps: Rollout batches to train on, counted from the start of the run.
        prompts: Prompts a step (P); each is answered `group_size` times.
        max_new_tokens: Longest response, in tokens.
        temperature: Of sampling and of the log-probabilities that are trained.
        learning_rate: Of AdamW.
        warmup_steps: Steps over which the learning rate rises linearly.
        betas: AdamW's averages of the gradient and of its square. Policy gradients are noisy and move with the policy;
            in trials a longer first and a shorter second average than AdamW's own (0.9, 0.999) learnt faster.
        decay: Where the learning rate ends, as a share of `learning_rate`; it falls linearly over the run. 1 keeps it.
        max_grad_norm: Gradients are scaled down to this norm.
        micro_batch: Most rows of one forward and backward pass; changes memory, not the result.
        precision: `"fp32"`, or `"bf16"`: forward passes under autocast, with parameters and optimiser in fp32.
        lora: Rank of a LoRA adapter of all linear layers but the output, which is then all that is trained of the
            policy; 0 trains all weights. A critic of its own is always trained whole.
        lora_alpha: The adapter is scaled by `lora_alpha / lora`; None: 2 * `lora`.
        gradient_checkpointing: Compute activations again in the backward pass, to need less memory.
        eval_every: Steps between measurements of the pass rate in the evaluation environment; 0 for never.
        eval_episodes: Episodes of such a measurement.
        stop_at: End the run once the measured pass rate is at least so much; None to make all steps.
        checkpoint_every: Steps between checkpoints.
        track: Who else is told the metrics: any of `tracking.TRACKERS` (tensorboard, wandb, mlflow, trackio).
        completions: Responses of each step that are written into `completions.jsonl`, to be read by people.
        seed: Seed of the whole run.

    Raises:
        ConfigError: A setting is out of its range.
        UnknownNameError: There is no such tracker.
    """

    steps: int
    prompts: int = 64
    max_new_tokens: int = 64
    temperature: float = 1.0
    learning_rate: float = 3e-4
    warmup_steps: int = 10
    betas: tuple[float, float] = (0.95, 0.99)
    decay: float = 1.0
    max_grad_norm: float = 1.0
    micro_batch: int = 512
    precision: str = "fp32"
    lora: int = 0
    lora_alpha: float | None = None
    gradient_checkpointing: bool = False
    eval_every: int = 0
    eval_episodes: int = 512
    stop_at: float | None = None
    checkpoint_every: int = 50
    track: tuple[str, ...] = ()
    completions: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "prompts", "max_new_tokens", "micro_batch", "eval_episodes", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        for name in ("learning_rate", "temperature"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive and finite, got {getattr(self, name)!r}")
        if not 0 <= self.decay <= 1:
            raise ConfigError(f"decay must lie in [0, 1], got {self.decay!r}")
        for name in ("eval_every", "completions", "lora"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be at least 0, got {getattr(self, name)!r}")
        if self.lora_alpha is not None and not (self.lora and 0 < self.lora_alpha < math.inf):
            raise ConfigError(f"lora_alpha must be positive and finite and needs lora; got {shown(self.lora_alpha)}")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}; got {shown(self.precision)}")
        object.__setattr__(self, "track", tuple(self.track))
        for name in self.track:
            if name not in TRACKERS:
                raise UnknownNameError("tracker", name, TRACKERS)
        if self.stop_at is not None and not (0 < self.stop_at <= 1 and self.eval_every):
            raise ConfigError(f"stop_at must lie in (0, 1] and needs eval_every; got {shown(self.stop_at)}")

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        warm = min(1.0, step / max(self.warmup_steps, 1))
        return self.learning_rate * warm * (1.0 - (1.0 - self.decay) * (step - 1) / self.steps)
