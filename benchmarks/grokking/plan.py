"""What the experiment is: its tasks, its arms and every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlvr_gym.envs.manufactoria import ManufactoriaEnv
from rlvr_gym.verifiers import ConfigError

ALPHABET = "RBYGPpQ!-;:sxao0123456789"
SKILLS = ("START", "EXACT", "APPEND")  # what the base is taught: chains, in which no node leads back
TAG = "o"  # the first letter of a target prompt, which the base has never read


@dataclass(frozen=True)
class Arm:
    """One way to pay: the reward before and after the switch, and the schedule between them.

    Args:
        reward: A reward spec.
        schedule: A schedule spec, or None.
        says: What it is, for the page.
    """

    reward: Mapping[str, Any] | str
    schedule: Mapping[str, Any] | str | None
    says: str


ARMS: dict[str, Arm] = {
    "binary": Arm("outcome", None, "right or wrong, from the beginning"),
    "dense": Arm("dense", None, "the share of tapes, to the end"),
    "two_stage": Arm(
        "anneal",
        {"delta_two_stage": {"coverage": 0.75, "min_steps": 20}},
        "the share of tapes until three prompts in four have a right answer, then right or wrong",
    ),
    "early": Arm(
        "anneal",
        {"delta_two_stage": {"coverage": 0.1, "min_steps": 20}},
        "the same, but switched when one prompt in ten has a right answer",
    ),
}


@dataclass(frozen=True)
class Plan:
    """Every number of the experiment.

    Args:
        seeds: One base and one run of every arm for each.
        arms: Names of `ARMS`.
        steps: Of training, of every arm.
        prompts: A step.
        group: Responses to a prompt.
        learning_rate: Of AdamW, with averages of 0.9 and 0.95.
        length: Symbols of a pattern, the fewest and the most.
        slip: What the base gives to each wrong target of a node.
        imitation: Steps of imitation that make the base, 128 programs each.
        samples: Samples of each problem that the base is asked for.
        pooled: Samples of the base in all; None for as many as an arm plays in training.
        eval_every: Steps between measurements on problems that are held out.

    Raises:
        ConfigError: A number is out of its range, or there is no such arm.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    arms: tuple[str, ...] = ("binary", "dense", "two_stage")
    steps: int = 400
    prompts: int = 32
    group: int = 16
    learning_rate: float = 3e-4
    length: tuple[int, int] = (4, 4)
    slip: float = 0.004
    imitation: int = 1500
    samples: int = 128
    pooled: int | None = None
    eval_every: int = 25

    def __post_init__(self) -> None:
        counts = (self.steps, self.prompts, self.imitation, self.samples, self.eval_every)
        if min(counts) < 1 or self.group < 2 or not self.seeds:
            raise ConfigError(
                "steps, prompts, imitation, samples, eval_every and seeds must be positive, group above 1"
            )
        if not 2 <= self.length[0] <= self.length[1] <= 6:
            raise ConfigError(f"length must be two numbers from 2 to 6, got {self.length!r}")
        if not 0 < self.slip < 0.1:
            raise ConfigError(f"slip must lie between 0 and 0.1, got {self.slip!r}")
        if unknown := [name for name in self.arms if name not in ARMS]:
            raise ConfigError(f"there is no arm {unknown[0]!r}; there are {', '.join(ARMS)}")

    @property
    def episodes(self) -> int:
        """How many responses an arm is trained on."""
        return self.steps * self.prompts * self.group

    def target(self, split: str) -> ManufactoriaEnv:
        """The environment of the target problems, on one side of the split."""
        shortest, longest = self.length
        return ManufactoriaEnv(
            families="HAS", kind="ordered", shortest=shortest, length=longest, style="compact", split=split
        )

    @property
    def recipe(self) -> dict[str, Any]:
        """What differs from the recipe `grpo`: no divergence from the base, a wider upper bound, and a filter.

        Of a group in which nothing is better than most, a small model learns one thing, to slip less; then it no longer
        finds what is better. Such groups are left out, in every arm.
        """
        return {"group_size": self.group, "kl_coef": 0.0, "clip_high": 0.28, "filter": {"groups": "better"}}

    @property
    def training(self) -> dict[str, Any]:
        """Settings of `TrainConfig` but the seed and what is measured."""
        return {
            "steps": self.steps,
            "prompts": self.prompts,
            "max_new_tokens": self.longest,
            "learning_rate": self.learning_rate,
            "betas": (0.9, 0.95),
            "checkpoint_every": 100,
        }

    @property
    def longest(self) -> int:
        """Tokens of the longest right response, one more node and the end."""
        return 5 * (self.length[1] + 1) + 1
