"""Settings of a training run that are not the algorithm's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rlvr_gym.agents.checks import check_counts, check_flags, check_names, check_numbers, is_number
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
        max_grad_norm: Gradients are scaled down to this norm; above 0. A large one (1e9) leaves them as they are.
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
        some = ("steps", "prompts", "max_new_tokens", "micro_batch", "eval_episodes", "checkpoint_every")
        none_too = ("warmup_steps", "eval_every", "completions", "lora")
        check_counts(self, {**dict.fromkeys(some, 1), **dict.fromkeys(none_too, 0)})
        if type(self.seed) is not int:
            raise ConfigError(f"seed must be an integer, got {shown(self.seed)}")
        for name in ("learning_rate", "temperature", "max_grad_norm"):
            if not _is_positive(getattr(self, name)):
                raise ConfigError(f"{name} must be positive and finite, got {shown(getattr(self, name))}")
        check_numbers(self, ("decay",), most=1.0)
        check_flags(self, ("gradient_checkpointing",))
        check_names(self, {"precision": PRECISIONS})
        if not (
            isinstance(self.betas, list | tuple)
            and len(self.betas) == 2
            and all(is_number(beta) and beta < 1 for beta in self.betas)
        ):
            raise ConfigError(f"betas must be two numbers in [0, 1), got {shown(self.betas)}")
        object.__setattr__(self, "betas", tuple(self.betas))
        if self.lora_alpha is not None and not (self.lora and _is_positive(self.lora_alpha)):
            raise ConfigError(f"lora_alpha must be positive and finite and needs lora; got {shown(self.lora_alpha)}")
        if self.stop_at is not None and not (_is_positive(self.stop_at) and self.stop_at <= 1 and self.eval_every):
            raise ConfigError(f"stop_at must lie in (0, 1] and needs eval_every; got {shown(self.stop_at)}")
        self._check_trackers()

    def _check_trackers(self) -> None:
        if isinstance(self.track, str) or not isinstance(self.track, Sequence):
            raise ConfigError(f"track must be a list of names, got {shown(self.track)}")
        object.__setattr__(self, "track", tuple(self.track))
        for name in self.track:
            if name not in TRACKERS:
                raise UnknownNameError("tracker", name, TRACKERS)

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        warm = min(1.0, step / max(self.warmup_steps, 1))
        return self.learning_rate * warm * (1.0 - (1.0 - self.decay) * (step - 1) / self.steps)


def _is_positive(value: object) -> bool:
    return is_number(value) and value != 0
