"""The trainer: one loop that a recipe runs in, readable in one sitting.

A step is: reset G environments with each of P seeds, let the policy answer, turn rewards into advantages, and take the
recipe's number of optimiser steps on the sampled ids. Every random choice is a function of (run seed, step, place), so
a run that was killed and resumed writes the same bytes as one that was not.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from rlvr_gym.agents.advantages import tied_groups
from rlvr_gym.agents.batch import Batch, make_batch, token_logprobs
from rlvr_gym.agents.checkpoint import checkpoints, load_checkpoint, save_checkpoint, save_model
from rlvr_gym.agents.credit import Steps, step_advantages, token_advantages
from rlvr_gym.agents.episode import Episode, tool_totals
from rlvr_gym.agents.evaluate import pass_rate
from rlvr_gym.agents.lock import only_writer
from rlvr_gym.agents.lockstep import collect
from rlvr_gym.agents.losses import Denominators, aggregate, kl, policy_loss
from rlvr_gym.agents.models import LanguageModel, load_model
from rlvr_gym.agents.play import Play
from rlvr_gym.agents.policy import seed_from
from rlvr_gym.agents.recipes import Recipe
from rlvr_gym.agents.tracking import JsonLines, TensorBoard
from rlvr_gym.agents.transformers_policy import TransformersPolicy
from rlvr_gym.verifiers import ConfigError
from torch import Tensor

Metrics = dict[str, float]

# The metrics of a step in which no group carried a signal, so that nothing moved.
_STILL: Metrics = {"grad_norm": 0.0, "clip_fraction_low": 0.0, "clip_fraction_high": 0.0, "kl": 0.0, "logprob_gap": 0.0}


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
        micro_batch: Rows of one forward and backward pass; changes memory, not the result.
        eval_every: Steps between measurements of the pass rate in the evaluation environment; 0 for never.
        eval_episodes: Episodes of such a measurement.
        checkpoint_every: Steps between checkpoints.
        tensorboard: Also write TensorBoard events.
        seed: Seed of the whole run.

    Raises:
        ConfigError: A setting is out of its range.
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
    eval_every: int = 0
    eval_episodes: int = 512
    checkpoint_every: int = 50
    tensorboard: bool = False
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
        if self.eval_every < 0:
            raise ConfigError(f"eval_every must be at least 0, got {self.eval_every!r}")

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        warm = min(1.0, step / max(self.warmup_steps, 1))
        return self.learning_rate * warm * (1.0 - (1.0 - self.decay) * (step - 1) / self.steps)


class Trainer:
    """Trains a language model in an environment with a recipe.

    Args:
        make_env: Builds one training environment; called `prompts * group_size` times.
        start: The model to start from, or a function that builds it, called only where the run begins. `folder/base`
            keeps it, as the reference of a KL term and as the base of comparisons.
        recipe: The algorithm.
        config: Everything else.
        folder: Where the run lives. A run that was interrupted is continued when the same trainer is built again.
        make_eval_env: Builds one evaluation environment, for `eval_every`.
        identity: What else must not change when a run is continued, such as the environment's id; JSON.

    Raises:
        ConfigError: The folder holds a run with other settings, which the message names, or something else.
        FolderBusyError: Another process writes to it.

    Example:
        >>> import tempfile, pathlib
        >>> from rlvr_gym.agents import build_preset, recipes
        >>> make_env = lambda: gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact")
        >>> config = TrainConfig(steps=1, prompts=2, max_new_tokens=3)
        >>> lm = build_preset("nano", alphabet="0123456789+=")
        >>> trainer = Trainer(make_env, lm, recipes.get("grpo", group_size=2), config, pathlib.Path(tempfile.mkdtemp()))
        >>> trainer.run()["step"]
        1
    """

    def __init__(
        self,
        make_env: Callable[[], gym.Env[str, str]],
        start: LanguageModel | Callable[[], LanguageModel],
        recipe: Recipe,
        config: TrainConfig,
        folder: Path,
        *,
        make_eval_env: Callable[[], gym.Env[str, str]] | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.recipe, self.config, self.folder = recipe, config, folder
        with only_writer(folder):
            self.lm = lm = self._base(start, dict(identity or {}))
        self.envs = [make_env() for _ in range(config.prompts * recipe.group_size)]
        self.eval_envs = [make_eval_env() for _ in range(256)] if make_eval_env and config.eval_every else []
        self.policy = TransformersPolicy(lm, max_new_tokens=config.max_new_tokens, temperature=config.temperature)
        self.optimizer = torch.optim.AdamW(
            lm.model.parameters(), lr=config.learning_rate, betas=config.betas, weight_decay=0.0
        )
        self._denominator_norm = float(config.max_new_tokens) if recipe.aggregation.endswith("_norm") else None
        self._seconds: dict[str, float] = {}

    def run(self, report: Callable[[Metrics], None] | None = None) -> Metrics:
        """Train to the last step, from the newest checkpoint if there is one.

        Writes `metrics.jsonl`, `timings.jsonl`, `checkpoints/`, and at the end `model/`.

        Args:
            report: Called after each step with its metrics.

        Returns:
            The metrics of the last step.
        """
        with only_writer(self.folder):
            return self._run(report)

    def _run(self, report: Callable[[Metrics], None] | None) -> Metrics:
        done, metrics = self._resume()
        sinks = self._sinks(done)
        timings = JsonLines(self.folder / "timings.jsonl", done)
        reference = self._reference()
        try:
            for step in range(done + 1, self.config.steps + 1):
                metrics = self._step(step, reference)
                for sink in sinks:
                    sink.write(metrics)
                timings.write({"step": step, **self._seconds})
                if step % self.config.checkpoint_every == 0 or step == self.config.steps:
                    self._checkpoint(step, metrics)
                if report is not None:
                    report(metrics)
        finally:
            for sink in (*sinks, timings):
                sink.close()
        save_model(self.folder / "model", self.lm)
        return metrics

    def _step(self, step: int, reference: Any) -> Metrics:
        started = time.perf_counter()
        episodes = collect(self.envs, self.policy, self._plays(step))
        rolled_out = time.perf_counter()
        metrics = self._learn(step, episodes, reference)
        learned = time.perf_counter()
        if self.eval_envs and step % self.config.eval_every == 0:
            seed = seed_from("eval", self.config.seed)
            metrics["eval_pass_rate"] = pass_rate(self.eval_envs, self.policy, self.config.eval_episodes, seed)
        self._seconds = {
            "rollout_s": rolled_out - started,
            "learn_s": learned - rolled_out,
            "sampled_tokens": float(sum(len(turn.completion.token_ids) for e in episodes for turn in e.turns)),
            **_tool_seconds(episodes),
        }
        return metrics

    def _plays(self, step: int) -> list[Play]:
        """P tasks, G times each: a group is G environments reset with one seed."""
        plays = []
        for prompt in range(self.config.prompts):
            task_seed = seed_from("task", self.config.seed, step, prompt) % 2**32
            for member in range(self.recipe.group_size):
                plays.append(Play(task_seed, seed_from("sample", self.config.seed, step, prompt, member), member))
        return plays

    def _learn(self, step: int, episodes: Sequence[Episode], reference: Any) -> Metrics:
        shape = (self.config.prompts, self.recipe.group_size)
        rewards_PG = torch.tensor([episode.reward for episode in episodes]).reshape(shape)
        mask_PG = torch.tensor([episode.gradable for episode in episodes]).reshape(shape)
        heard = [episode if episode.gradable else _silent(episode) for episode in episodes]
        groups = [place // self.recipe.group_size for place in range(len(episodes))]
        advantages_N = step_advantages(Steps.of(heard, groups), self.recipe.channels).float()
        batch = make_batch(heard, self.lm.tokenizer.pad_token_id)
        counts = Denominators.of(batch.mask_BT)
        metrics = {"step": step, **_rollout_metrics(episodes, rewards_PG, mask_PG), **_STILL}
        # Without a KL term a row of advantage 0 adds nothing to the loss: it is counted and not computed.
        moving = token_advantages(advantages_N, batch).any(dim=1)
        moving = moving if reference is None else torch.ones_like(moving)
        self.lm.model.train()
        for update in range(self.recipe.updates if bool(moving.any()) else 0):
            seen = self._update(step, batch.rows(moving), advantages_N, counts, reference)
            gap = seen["logprob_gap"] if update == 0 else metrics["logprob_gap"]
            metrics |= {**seen, "logprob_gap": gap}
        return {**metrics, "learning_rate": self.config.rate_at(step)}

    def _update(self, step: int, batch: Batch, advantages_N: Tensor, counts: Denominators, reference: Any) -> Metrics:
        """One optimiser step over the whole batch, in micro-batches that share its denominators."""
        sums = {"clip_fraction_low": 0.0, "clip_fraction_high": 0.0, "kl": 0.0, "logprob_gap": 0.0}
        self.optimizer.zero_grad(set_to_none=True)
        for start in range(0, len(batch), self.config.micro_batch):
            part = batch.rows(slice(start, start + self.config.micro_batch))
            loss, seen = self._loss(part, advantages_N, counts, reference)
            loss.backward()
            sums["logprob_gap"] = max(sums["logprob_gap"], seen.pop("logprob_gap"))
            for key, value in seen.items():
                sums[key] += value / max(counts.tokens, 1)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate_at(step)
        norm = torch.nn.utils.clip_grad_norm_(self.lm.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        return {"grad_norm": float(norm), **sums}

    def _loss(self, part: Batch, advantages_N: Tensor, counts: Denominators, reference: Any) -> tuple[Tensor, Metrics]:
        recipe, mask = self.recipe, part.mask_BT
        logprobs = token_logprobs(self.lm.model, part, self.config.temperature)
        policy = policy_loss(recipe, logprobs, part.logprobs_BT, token_advantages(advantages_N, part), mask)
        values = policy.loss_BT
        seen = {
            "clip_fraction_low": float(policy.low_BT.sum()),
            "clip_fraction_high": float(policy.high_BT.sum()),
            "logprob_gap": float((logprobs.detach() - part.logprobs_BT)[mask].abs().max()) if bool(mask.any()) else 0.0,
        }
        if reference is not None:
            with torch.no_grad():
                reference_logprobs = token_logprobs(reference, part, self.config.temperature)
            divergence = kl(logprobs, reference_logprobs, mask, recipe.kl_estimator)
            values = values + recipe.kl_coef * divergence
            seen["kl"] = float(divergence.detach().sum())
        loss = aggregate(values, mask, recipe.aggregation, denominators=counts, norm=self._denominator_norm)
        return loss, seen

    def _base(self, start: LanguageModel | Callable[[], LanguageModel], identity: dict[str, Any]) -> LanguageModel:
        """The model before training: built and kept where the run begins, else loaded. Writes the settings."""
        folder = self.folder / "base"
        settings = self._checked_settings(identity)
        begun = folder.is_dir()
        lm = load_model(folder) if begun else start() if callable(start) else start
        partial = self.folder / "trainer.json.partial"
        partial.write_text(json.dumps(settings, indent=2), encoding="utf-8")
        partial.replace(self.folder / "trainer.json")
        if not begun:
            save_model(folder, lm)
        return lm

    def _checked_settings(self, identity: dict[str, Any]) -> dict[str, Any]:
        """The settings of this run, compared with those of the run that is already there; steps may grow."""
        plain = {"run": identity, "recipe": asdict(self.recipe), "train": asdict(self.config)}
        settings: dict[str, Any] = json.loads(json.dumps(plain))
        file = self.folder / "trainer.json"
        if not file.exists() and any(path.suffix != ".partial" for path in self.folder.iterdir()):
            raise ConfigError(f"{self.folder} is not empty and not a training run; choose another folder with --out")
        if file.exists():
            try:
                before = json.loads(file.read_text(encoding="utf-8"))
                flat = {(a, b): v for a, values in before.items() for b, v in values.items()}
            except (ValueError, AttributeError, RecursionError) as error:
                raise ConfigError(f"{file} is damaged ({error}); choose another folder or delete this one") from error
            now = {(a, b): v for a, values in settings.items() for b, v in values.items()}
            free = {("train", "steps"), ("train", "tensorboard"), ("train", "checkpoint_every")}
            changed = [key for key in sorted({*flat, *now} - free) if flat.get(key) != now.get(key)]
            if changed:
                lines = "; ".join(f"{a}.{b}: {flat.get((a, b))!r} there, {now.get((a, b))!r} now" for a, b in changed)
                raise ConfigError(f"{self.folder} holds a run with other settings ({lines}); choose another folder")
        return settings

    def _resume(self) -> tuple[int, Metrics]:
        found = checkpoints(self.folder / "checkpoints")
        if not found:
            return 0, {"step": 0}
        state = load_checkpoint(found[-1], self.optimizer, self.lm)
        return int(state["step"]), state["metrics"]

    def _reference(self) -> Any:
        if self.recipe.kl_coef == 0:
            return None
        return load_model(self.folder / "base").model.eval().requires_grad_(False)

    def _sinks(self, done: int) -> list[Any]:
        sinks: list[Any] = [JsonLines(self.folder / "metrics.jsonl", done)]
        if self.config.tensorboard:
            sinks.append(TensorBoard(self.folder / "tensorboard", done))
        return sinks

    def _checkpoint(self, step: int, metrics: Metrics) -> None:
        folder = self.folder / "checkpoints"
        folder.mkdir(exist_ok=True)
        save_checkpoint(folder / f"step-{step:06d}", self.lm, self.optimizer, {"step": step, "metrics": metrics})
        for old in checkpoints(folder)[:-2]:
            shutil.rmtree(old)


def _silent(episode: Episode) -> Episode:
    """The same episode without turns: what could not be graded gives no training row."""
    return Episode(episode.task_id, (), episode.passed, episode.stop_reason, episode.verdict, episode.error)


def _rollout_metrics(episodes: Sequence[Episode], rewards_PG: Tensor, mask_PG: Tensor) -> Metrics:
    graded = [episode for episode in episodes if episode.gradable]
    count = max(len(graded), 1)
    entropies = [value for e in graded for turn in e.turns for value in turn.completion.entropies]
    return {
        "episodes": len(episodes),
        "ungradable": len(episodes) - len(graded),
        "reward_mean": sum(episode.reward for episode in graded) / count,
        "pass_rate": sum(bool(episode.passed) for episode in graded) / count,
        "tied_groups": float(tied_groups(rewards_PG, mask_PG).float().mean()),
        "cut_off": sum(episode.completion.finish_reason == "length" for episode in graded) / count,
        "entropy": sum(entropies) / max(len(entropies), 1),
        "response_tokens": sum(len(turn.completion.token_ids) for e in graded for turn in e.turns) / count,
        **_tool_metrics(graded),
    }


def _tool_metrics(graded: Sequence[Episode]) -> Metrics:
    """Calls, failed calls and cost an episode, in all and of each tool; nothing where there are no tools."""
    known = [episode.tool_stats for episode in graded if episode.tool_stats is not None]
    if not known:
        return {}
    totals = tool_totals(known)
    every = {"": {key: sum(row[key] for row in totals.values()) for key in ("calls", "errors", "cost")}}
    named = {f"/{name or 'unknown'}": row for name, row in totals.items()}
    return {f"tool_{key}{name}": row[key] / len(known) for name, row in {**every, **named}.items() for key in row}


def _tool_seconds(episodes: Sequence[Episode]) -> dict[str, float]:
    found: dict[str, float] = {}
    for episode in episodes:
        for name, seconds in episode.tool_seconds.items():
            found[f"tool_s/{name}"] = found.get(f"tool_s/{name}", 0.0) + seconds
    return found
