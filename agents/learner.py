"""The learner: from the samples of a step to new parameters, by the pieces of a recipe.

A step first asks the models what does not change while it learns (the reference, the critic, the old policy where a
correction needs it), then makes `updates * minibatches` optimiser steps, each in micro-batches that share its
denominators. Its only state beside parameters and optimiser is two coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from rlvr_gym.agents.batch import Batch, make_batch, token_stats
from rlvr_gym.agents.checkpoint import read_tensors
from rlvr_gym.agents.credit import whitened
from rlvr_gym.agents.experience import Learnable, kept_samples
from rlvr_gym.agents.lessons import Lessons, batch_to
from rlvr_gym.agents.losses import (
    Denominators,
    adapted_coefficient,
    aggregate,
    gvpo_weights,
    kl,
    policy_loss,
    qrpo_weights,
    sampler_correction,
    value_loss,
)
from rlvr_gym.agents.losses.shapes import difference
from rlvr_gym.agents.models import LanguageModel
from rlvr_gym.agents.notices import TrainingError
from rlvr_gym.agents.policy import seed_from
from rlvr_gym.agents.products import FasterProducts
from rlvr_gym.agents.ranks import Ranks
from rlvr_gym.agents.recipes import REGRESSIONS, Recipe
from rlvr_gym.agents.reference import Reference
from rlvr_gym.agents.strategies import BASELINE, Sample
from rlvr_gym.agents.train_config import TrainConfig
from rlvr_gym.agents.trained import Trained
from torch import Tensor

Metrics = dict[str, float]
_MEANS = ("clip_fraction_low", "clip_fraction_high", "kl", "policy_kl", "value_loss")  # over the tokens of an update


class Learner:
    """Takes optimiser steps.

    Args:
        lm: The policy that is trained, in place.
        recipe: The algorithm.
        config: Everything else.
        base: Gives the model at the start of training; called where the recipe needs it, at most once for the steps
            that begin from it.
        ranks: The processes that train it together; every method is called by all of them, with the same samples.

    Raises:
        ConfigError: See `Trained`.
        MissingExtraError: See `Trained`.
    """

    def __init__(
        self,
        lm: LanguageModel,
        recipe: Recipe,
        config: TrainConfig,
        base: Callable[[], LanguageModel],
        ranks: Ranks | None = None,
    ) -> None:
        self.lm, self.recipe, self.config, self._base = lm, recipe, config, cache(base)
        self.ranks = ranks or Ranks.alone()
        self.trained = Trained(lm, recipe, config, self.ranks)
        every, decay = recipe.reference_every, recipe.reference_decay
        # A reference that moves needs a model of its own; any other shares the one that `from_base` begins from.
        first = base if every else self._base
        self.reference = Reference(lm, self.trained.adapter, first, every=every, decay=decay)
        self.coefficients = {"kl": recipe.kl_coef, "penalty": recipe.beta}
        self._norm = float(config.max_new_tokens) if recipe.aggregation.endswith("_norm") else None

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of forward passes."""
        return torch.autocast(self.trained.device.type, dtype=torch.bfloat16, enabled=self.config.precision == "bf16")

    def learn(self, step: int, samples: Sequence[Sample]) -> Metrics:
        """Learn from the samples of a step; what could not be graded teaches nothing.

        Returns:
            Metrics; those of updates are 0 where no sample can move a parameter.

        Raises:
            TrainingError: The loss, or its gradient, is no finite number.
        """
        still = ("grad_norm", "logprob_gap", "clip_fraction_low", "clip_fraction_high", "kl", "advantage_skew")
        metrics = dict.fromkeys(still, 0.0)
        if self.trained.critic is not None:
            metrics["value_loss"] = 0.0
        metrics["learning_rate"] = self.config.rate_at(step)
        with nullcontext() if self.config.gradient_checkpointing else FasterProducts():
            lessons, seen = self.lessons(samples)
            metrics |= seen
            if lessons is not None and bool(lessons.moving_B.any()):
                metrics |= self._updates(step, lessons)
                self._adapt(metrics, sum(sample.role != BASELINE for sample in samples), int(lessons.counted_BT.sum()))
        self.reference.follow(step)
        return metrics

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint holds beside the policy and the coefficients."""
        moved = {"reference": self.reference.tensors()} if self.reference.follows else {}
        return self.trained.tensors() | moved

    def restore(self, folder: Path) -> None:
        """Read policy and tensors from the folder of a checkpoint."""
        self.trained.restore(folder)
        if self.reference.follows:
            self.reference.load(read_tensors(folder, "reference"))

    def lessons(self, samples: Sequence[Sample]) -> tuple[Lessons | None, Metrics]:
        """Everything that is the same for all optimiser steps of a rollout; None where there is no row."""
        recipe, known = self.recipe, Learnable.of(samples)
        batch = make_batch(known.episodes, self.lm.tokenizer.pad_token_id)
        if not len(batch):
            return None, {}
        batch = batch.rows(torch.argsort(batch.attention_BT.sum(dim=1), stable=True))
        mask, nothing, metrics = batch.mask_BT, torch.zeros_like(batch.logprobs_BT), Metrics()
        reference = self._referred(batch) if recipe.kl_coef else nothing
        critic = self.trained.critic
        values = self._asked(batch, critic) if critic is not None else nothing
        old, weight = batch.logprobs_BT, torch.ones_like(nothing)
        if recipe.correction is not None:
            piece, old = recipe.correction, self._asked(batch, self._logprobs_of(self.lm.model))
            found = sampler_correction(
                old, batch.logprobs_BT, mask, mode=piece.mode, level=piece.level, low=piece.low, high=piece.high
            )
            weight = found.weight_BT
            metrics |= {"sampler_left_out": found.left_out, "sampler_gap": found.largest}
        cost = None
        if recipe.kl_coef and recipe.kl_place == "reward":
            divergence = kl(old, reference, mask, recipe.kl_estimator)
            cost = self.coefficients["kl"] * divergence
            metrics["kl"] = float(divergence.sum()) / max(int(mask.sum()), 1)
        estimate = known.advantages(recipe, batch, cost, values)
        trajectory_B = _trajectories(batch, known.steps.trajectory)
        kept_B = self._kept(samples, known, estimate.advantages_BT, batch, trajectory_B)
        mask = mask & kept_B[:, None]
        counted = batch.mask_BT if recipe.filter.dilute else mask
        advantages = torch.where(mask, estimate.advantages_BT, nothing)
        if recipe.whiten:
            advantages = whitened(advantages, mask)
        rewards_K = torch.zeros(len(known.group_K)).index_add(0, known.steps.trajectory, known.steps.reward.float())
        lessons = Lessons(
            batch=replace(batch, mask_BT=mask),
            counted_BT=counted,
            trajectory_B=trajectory_B,
            group_B=torch.tensor(known.group_K)[trajectory_B],
            advantages_BT=advantages,
            reward_B=rewards_K[trajectory_B],
            returns_BT=estimate.returns_BT,
            values_BT=values,
            old_BT=old,
            reference_BT=reference,
            weight_BT=weight,
            moving_B=mask.any(dim=1) if self._all_move() else advantages.any(dim=1),
        )
        return lessons, {**metrics, "advantage_skew": _skew(advantages[mask])}

    def update(self, step: int, lessons: Lessons) -> Metrics:
        """One optimiser step over some rows, in micro-batches that share their denominators."""
        counts = Denominators.of(lessons.counted_BT)
        self.trained.clear()
        sums, gap = dict.fromkeys(_MEANS, 0.0), 0.0
        if bool(lessons.moving_B.any()):
            for found in self.ranks.gathered(self._gradients(step, lessons.rows(lessons.moving_B), counts)):
                gap = max(gap, found.pop("logprob_gap"))
                for key, value in found.items():
                    sums[key] += value / max(counts.tokens, 1)
        norm = self.trained.step(self.config.rate_at(step))
        _check_finite(step, "the norm of the gradient", norm)
        return {"grad_norm": norm, "logprob_gap": gap, **{key: sums[key] for key in _MEANS if self._measures(key)}}

    def _gradients(self, step: int, part: Lessons, counts: Denominators) -> Metrics:
        """Adds the gradients of some rows, of which this process takes its share; what it saw, as sums over tokens."""
        sums, gap = Metrics(), 0.0
        slopes_B = self._slopes(part) if self.recipe.region in REGRESSIONS else None
        turns = self._micro_batches(part.batch)
        for number, numbers in enumerate(turns, start=1):
            # A process without a row left makes the same passes as the others, with a weight of 0.
            idle = not len(numbers)
            rows = torch.zeros(1, dtype=torch.long) if idle else numbers
            slopes = None if slopes_B is None else slopes_B[rows]
            with self.trained.holding(last=number == len(turns)):
                loss, seen = self._loss(step, part.rows(rows).to(self.trained.device), counts, slopes)
                _check_finite(step, "the loss", float(loss.detach()))
                self.ranks.backward(loss * 0.0 if idle else loss)
            if not idle:
                gap = max(gap, seen.pop("logprob_gap"))
                sums |= {key: sums.get(key, 0.0) + value for key, value in seen.items()}
        return {**sums, "logprob_gap": gap}

    def _updates(self, step: int, lessons: Lessons) -> Metrics:
        """All optimiser steps of a rollout; what the last one saw, with the gap before the first."""
        if self.recipe.from_base:
            # An adapter is reset without the base, which then need not be in memory.
            self.trained.reset(self._base() if self.trained.adapter is None else self.lm)
        self.lm.model.train()
        found = [self.update(step, part) for part in self._parts(step, lessons)]
        return {**found[-1], "logprob_gap": found[0]["logprob_gap"]}

    def _loss(self, step: int, part: Lessons, counts: Denominators, slopes_B: Tensor | None) -> tuple[Tensor, Metrics]:
        recipe, mask = self.recipe, part.batch.mask_BT
        with self.autocast():
            stats, values = self.trained(part.batch, entropy=recipe.entropy_coef > 0)
        now = stats.logprobs_BT
        seen = {"logprob_gap": float(difference(now.detach(), part.old_BT, mask).abs().max())}
        if slopes_B is not None:
            loss = (slopes_B.to(now.device)[:, None] * torch.where(mask, now, torch.zeros_like(now))).sum()
        else:
            policy = policy_loss(recipe, now, part.old_BT, part.advantages_BT, mask)
            seen |= {"clip_fraction_low": float(policy.low_BT.sum()), "clip_fraction_high": float(policy.high_BT.sum())}
            loss_BT = policy.loss_BT * part.weight_BT
            if recipe.region == "penalty":
                away = kl(part.old_BT, now, mask, "k3")
                loss_BT = loss_BT + self.coefficients["penalty"] * away
                seen["policy_kl"] = float(away.detach().sum())
            if stats.entropy_BT is not None:
                loss_BT = loss_BT - recipe.entropy_coef * stats.entropy_BT
            if recipe.kl_coef and recipe.kl_place == "loss":
                divergence = kl(now, part.reference_BT, mask, recipe.kl_estimator)
                loss_BT = loss_BT + self.coefficients["kl"] * divergence
                seen["kl"] = float(divergence.detach().sum())
            loss = aggregate(loss_BT, mask, recipe.aggregation, denominators=counts, norm=self._norm)
        if recipe.critic is not None and values is not None:
            if step <= recipe.critic.warmup:
                loss = loss * 0.0
            wrong = value_loss(values, part.values_BT, part.returns_BT, mask, clip=recipe.critic.clip)
            loss = loss + recipe.critic.coef * wrong.sum() / max(counts.tokens, 1)
            seen["value_loss"] = float(wrong.detach().sum())
        return loss, seen

    def _slopes(self, part: Lessons) -> Tensor:
        """Of a regression, the factor of the gradient of each row's log-probability, shape [B]."""
        now = self._asked(part.batch, self._logprobs_of(self.lm.model))
        own_B = difference(now, part.old_BT, part.batch.mask_BT).sum(dim=1)
        _, first, inverse = _unique(part.trajectory_B)
        ratio_K = torch.zeros(len(first)).index_add(0, inverse, own_B)
        weights = gvpo_weights if self.recipe.region == "gvpo" else qrpo_weights
        return weights(ratio_K, part.reward_B[first], part.group_B[first], beta=self.recipe.beta)[inverse]

    def _parts(self, step: int, lessons: Lessons) -> Iterator[Lessons]:
        """The rows of each optimiser step."""
        groups, choice = torch.unique(lessons.group_B), self.recipe.filter
        above = choice.above
        for number in range(self.recipe.updates):
            order = groups
            if self.recipe.minibatches > 1:
                generator = torch.Generator().manual_seed(seed_from("minibatch", self.config.seed, step, number))
                order = groups[torch.randperm(len(groups), generator=generator)]
            threshold = above[min(number, len(above) - 1)]
            earned = lessons.over(threshold, dilute=choice.dilute) if len(above) > 1 else lessons
            for share in order.tensor_split(min(self.recipe.minibatches, len(groups))):
                part = earned.share(share)
                if part is not None:
                    yield part

    def _kept(
        self, samples: Sequence[Sample], known: Learnable, advantages_BT: Tensor, batch: Batch, trajectory_B: Tensor
    ) -> Tensor:
        """The rows of the responses that the filter keeps, shape [B]."""
        if self.recipe.filter.samples == "all" and not self.recipe.filter.finished:
            return torch.ones(len(batch), dtype=torch.bool)
        size_B = advantages_BT.abs().amax(dim=1)
        size_K = torch.zeros(len(known.group_K)).scatter_reduce(0, trajectory_B, size_B, "amax")
        learners = [sample for sample in samples if sample.role != BASELINE]
        heard = [sample for sample, episode in zip(learners, known.episodes, strict=True) if episode.turns]
        return torch.tensor(kept_samples(heard, self.recipe.filter, size_K.tolist()))[trajectory_B]

    def _asked(self, batch: Batch, call: Callable[[Batch], Tensor]) -> Tensor:
        """What a model says of all rows, without gradient, in micro-batches; shape [B, T]."""
        found = torch.zeros_like(batch.logprobs_BT)
        with torch.no_grad(), self.autocast():
            for numbers in self._micro_batches(batch):
                if len(numbers):
                    part = batch_to(batch.rows(numbers), self.trained.device)
                    found[numbers, : part.ids_BT.shape[1]] = call(part).float().cpu()
        return self.ranks.added(found)

    def _micro_batches(self, batch: Batch) -> list[Tensor]:
        small = self.trained.device.type == "cpu"
        return self.ranks.micro_batches(batch.attention_BT.sum(dim=1), self.config.micro_batch, small=small)

    def _logprobs_of(self, model: Any) -> Callable[[Batch], Tensor]:
        return lambda part: token_stats(model, part, self.config.temperature).logprobs_BT

    def _referred(self, batch: Batch) -> Tensor:
        """Log-probabilities under the reference policy, shape [B, T]."""
        with self.reference.model() as model:
            return self._asked(batch, self._logprobs_of(model))

    def _all_move(self) -> bool:
        """Whether a row without an advantage moves a parameter all the same."""
        recipe = self.recipe
        in_loss = recipe.kl_coef > 0 and recipe.kl_place == "loss"
        return (
            in_loss
            or recipe.entropy_coef > 0
            or recipe.critic is not None
            or recipe.region in (*REGRESSIONS, "penalty")
        )

    def _measures(self, key: str) -> bool:
        of = {"kl": self.recipe.kl_place == "loss", "policy_kl": self.recipe.region == "penalty"}
        return bool(of.get(key, key != "value_loss" or self.trained.critic is not None))

    def _adapt(self, metrics: Metrics, responses: int, tokens: int) -> None:
        """Steer the coefficients by what the step measured."""
        recipe = self.recipe
        if recipe.kl_target is not None:
            per_response = metrics["kl"] * tokens / max(responses, 1)
            self.coefficients["kl"] = adapted_coefficient(
                self.coefficients["kl"],
                per_response,
                target=recipe.kl_target,
                horizon=recipe.kl_horizon,
                steps=responses,
            )
            metrics["kl_coef"] = self.coefficients["kl"]
        if recipe.region == "penalty":
            if metrics["policy_kl"] > 1.5 * recipe.penalty_target:
                self.coefficients["penalty"] *= 2
            elif metrics["policy_kl"] < recipe.penalty_target / 1.5:
                self.coefficients["penalty"] /= 2
            metrics["penalty_coef"] = self.coefficients["penalty"]


def _check_finite(step: int, what: str, value: float) -> None:
    if not math.isfinite(value):
        raise TrainingError(
            f"step {step}: {what} is {value}. The model gives no numbers any more: look at kl, grad_norm and "
            "logprob_gap of the steps before, and begin again with a lower learning rate or precision='fp32'"
        )


def _trajectories(batch: Batch, trajectory_N: Tensor) -> Tensor:
    """The number of the trajectory that each row belongs to, shape [B]; every row has a sampled token."""
    first_B = batch.mask_BT.int().argmax(dim=1)
    return trajectory_N[batch.step_BT[torch.arange(len(batch)), first_B]]


def _unique(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The distinct values, the place of one of each, and which of them each value is."""
    found, inverse = torch.unique(values, return_inverse=True)
    first = torch.zeros(len(found), dtype=torch.long).scatter_(0, inverse, torch.arange(len(values)))
    return found, first, inverse


def _skew(values: Tensor) -> float:
    """The third standardised moment; 0 where values do not differ."""
    if len(values) < 2 or not bool((apart := values - values.mean()).any()):
        return 0.0
    return float((apart**3).mean() / (apart**2).mean() ** 1.5)
