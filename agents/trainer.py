"""The trainer: one loop that every recipe runs in, readable in one sitting.

A step is: reset environments with the seeds of P prompts, let the policy answer as the recipe's rollout says, keep the
groups that its filter keeps, and take its optimiser steps on the sampled ids. Every random choice is a function of (run
seed, step, place), so a run that was killed and resumed writes the same bytes as one that was not. Several processes
may share the work of a step (see `ranks`); the first of them keeps the folder.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
from rlvr_gym.agents.checkpoint import checkpoints, load_checkpoint, save_checkpoint, save_model
from rlvr_gym.agents.evaluate import pass_rate
from rlvr_gym.agents.experience import kept_groups, response_tokens, sound
from rlvr_gym.agents.late_rewards import LateRewards, Spec, shaped
from rlvr_gym.agents.learner import Learner
from rlvr_gym.agents.lock import only_writer
from rlvr_gym.agents.models import LanguageModel, load_model
from rlvr_gym.agents.notices import Notices, why_ungradable
from rlvr_gym.agents.policy import seed_from
from rlvr_gym.agents.ranks import Ranks
from rlvr_gym.agents.recipes import Recipe
from rlvr_gym.agents.rollout_metrics import groups_played, rollout_cost, rollout_metrics
from rlvr_gym.agents.strategies import BASELINE, Hinted, Memory, Prompt, Sample, Stage
from rlvr_gym.agents.tracking import TRACKERS, JsonLines, Sink
from rlvr_gym.agents.train_config import TrainConfig
from rlvr_gym.agents.transformers_policy import TransformersPolicy
from rlvr_gym.envs.wrappers.base import turns_allowed
from rlvr_gym.verifiers import ConfigError

Metrics = dict[str, float]
_LOG = logging.getLogger(__name__)


class Trainer:
    """Trains a language model in an environment with a recipe.

    Args:
        make_env: Builds one training environment; called `prompts * group_size` times.
        start: The model to start from, or a function that builds it, called only where the run begins. `folder/base`
            keeps it, as the reference of a KL term and as the base of comparisons.
        recipe: The algorithm.
        config: Everything else.
        folder: Where the run lives. A run that was interrupted is continued when the same trainer is built again. One
            that made no step, such as one whose settings turned out to be wrong, may begin anew with other settings.
        make_eval_env: Builds one evaluation environment, for `eval_every`.
        evaluate: Called after such a measurement with the step and the policy, to measure more; what it gives are
            metrics.
        reward: Takes the place of the environments' rewards of verdicts; see `late_rewards`.
        schedule: Where `reward` stands in each step; a spec of `rlvr_gym.reward_shaping.schedules`.
        identity: What else must not change when a run is continued, such as the environment's id; JSON.
        ranks: The processes that train together, each of which builds a trainer with the same arguments and runs it;
            one by default. They share the folder; the first writes it, builds `start`, evaluates and reports.

    Raises:
        ConfigError: The folder holds a run with other settings, which the message names, or something else; or the
            tokenizer has no token that ends a response, or none for padding; or the rollout refuses the size of the
            group or the environments.
        MissingExtraError: The settings need a package that is not installed.
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
        evaluate: Callable[[int, TransformersPolicy], Mapping[str, float]] | None = None,
        reward: Spec | None = None,
        schedule: Spec | None = None,
        identity: Mapping[str, Any] | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.recipe, self.config, self.folder = recipe, config, folder
        self.ranks = ranks = ranks or Ranks.alone()
        self.rewards = LateRewards(reward, schedule, recipe.shaping)
        prompts = len(ranks.share(config.prompts)) if recipe.rollout.apart else config.prompts * ranks.main
        self.envs = [make_env() for _ in range(prompts * recipe.group_size)]
        ranks.first(lambda: recipe.rollout.check(self.envs, recipe.group_size))
        ranks.first(lambda: self.rewards.check(self.envs[0]))
        self._turns = ranks.first(lambda: turns_allowed(self.envs[0]))
        ranks.first(lambda: self._begin(start, {**(identity or {}), **self.rewards.settings}))
        if not ranks.main:
            self.lm = load_model(folder / "base")
        lm = self.lm
        self._evaluates = make_eval_env is not None and config.eval_every > 0
        measured = 256 if self._evaluates and ranks.main else 0
        self.eval_envs = [make_eval_env() for _ in range(measured)] if make_eval_env is not None else []
        self.policy = TransformersPolicy(lm, max_new_tokens=config.max_new_tokens, temperature=config.temperature)
        self.greedy = TransformersPolicy(lm, max_new_tokens=config.max_new_tokens, temperature=0.0)
        self.learner = Learner(lm, recipe, config, lambda: load_model(folder / "base"), ranks)
        self.memory: Memory = {}
        self._hints = isinstance(recipe.rollout, Hinted)
        self._notices = Notices(aloud=ranks.main)
        self._evaluate = evaluate
        self._seconds: dict[str, float] = {}
        self._logs: _Logs | None = None

    def run(self, report: Callable[[Metrics], None] | None = None) -> Metrics:
        """Train to the last step, from the newest checkpoint if there is one.

        Writes `metrics.jsonl`, `timings.jsonl`, `completions.jsonl`, `checkpoints/`, and at the end `model/`.

        Args:
            report: Called after each step with its metrics, in the first process.

        Returns:
            The metrics of the last step.

        Raises:
            TrainingError: Three steps on end had no episode that could be graded, or the loss is no number.
            ConfigError: A completion came without the ids and log-probabilities that were sampled.
        """
        with ExitStack() as held:
            self.ranks.first(lambda: held.enter_context(only_writer(self.folder)))
            done, metrics = self._resume()
            self.ranks.first(lambda: self._open(done, held))
            metrics = self._run(done, metrics, report)
        return metrics

    def _run(self, done: int, metrics: Metrics, report: Callable[[Metrics], None] | None) -> Metrics:
        for step in range(done + 1, self.config.steps + 1):
            if self._reached(metrics):
                break
            metrics, samples = self._step(step)
            if self._logs is not None:
                rows = [self._told(step, sample) for sample in samples[: self.config.completions]]
                self._logs.write(metrics, {"step": step, **self._seconds}, rows)
            if step % self.config.checkpoint_every == 0 or step == self.config.steps or self._reached(metrics):
                self._checkpoint(step, metrics)
            if report is not None and self.ranks.main:
                report(metrics)
        self.ranks.first(lambda: save_model(self.folder / "model", self.learner.trained.merged()))
        return metrics

    def _step(self, step: int) -> tuple[Metrics, list[Sample]]:
        started = time.perf_counter()
        with self.learner.autocast():
            samples, metrics = self._gather(step)
        rolled_out = time.perf_counter()
        metrics |= self.learner.learn(step, samples)
        learned = time.perf_counter()
        self._notices.learnt(metrics, self.recipe.group_size)
        if self._evaluates and step % self.config.eval_every == 0:
            metrics |= self.ranks.first(lambda: self._measured(step))
        self._seconds |= {"rollout_s": rolled_out - started, "learn_s": learned - rolled_out}
        return metrics, samples

    def _measured(self, step: int) -> Metrics:
        seed = seed_from("eval", self.config.seed)
        metrics = {"eval_pass_rate": pass_rate(self.eval_envs, self.policy, self.config.eval_episodes, seed)}
        return metrics | (dict(self._evaluate(step, self.policy)) if self._evaluate is not None else {})

    def _told(self, step: int, sample: Sample) -> dict[str, Any]:
        """A sample for people to read: the whole of its last conversation, as it was tokenised."""
        episode = sample.episode
        decode, last = self.lm.tokenizer.decode, episode.completion
        return {
            "step": step,
            "task": episode.task_id,
            "context": decode(last.prompt_ids),
            "response": last.text,
            "reward": episode.reward if episode.gradable else None,
            "passed": episode.passed,
            "stop_reason": episode.stop_reason,
            "error": "" if episode.gradable else why_ungradable(episode),
            "turns": len(episode.turns),
            "tokens": response_tokens(episode),
            "entropy": sum(last.entropies) / max(len(last.entropies), 1),
        }

    def _gather(self, step: int) -> tuple[list[Sample], Metrics]:
        """The samples of a step, with their rewards shaped, and metrics of all that was played for them."""
        choice, config = self.recipe.filter, self.config
        stage = Stage(self.envs, self.policy, self.greedy, step)
        kept: list[Sample] = []
        played: list[Sample] = []
        chosen = 0
        for tried in range(max(choice.refill, 1)):
            prompts = [self._prompt(step, tried * config.prompts + place) for place in range(config.prompts)]
            found = sound(self._collected(stage, prompts))
            longest = self._longest(found)
            found = self.rewards.paid(found, longest)
            found = [replace(sample, group=sample.group + tried * config.prompts) for sample in found]
            played += found
            found = shaped(found, self.recipe.shaping, longest, self.rewards.point)
            groups = sorted(kept_groups(found, choice))[: config.prompts - chosen]
            kept += [sample for sample in found if sample.group in groups]
            chosen += len(groups)
            if chosen == config.prompts:
                break
        self._notices.played(step, [sample.episode for sample in played if sample.role != BASELINE])
        if self._hints:
            self._notices.hinted(step, groups_played(played))
        metrics = {"step": step, **rollout_metrics(played, hints=self._hints), **self.rewards.told(step, played)}
        if choice.groups != "all":
            metrics |= {"kept_groups": chosen, "rounds": tried + 1}
        self._seconds = rollout_cost(played)
        return kept, metrics

    def _collected(self, stage: Stage, prompts: Sequence[Prompt]) -> list[Sample]:
        """The samples of these prompts: each process plays its share, unless one must see all of them."""
        collect, size, ranks = self.recipe.rollout.collect, self.recipe.group_size, self.ranks
        if not self.recipe.rollout.apart:
            return ranks.first(lambda: collect(stage, prompts, size, self.memory))
        mine = ranks.share(len(prompts)).tolist()
        own = collect(stage, [prompts[place] for place in mine], size, self.memory) if mine else []
        placed = [replace(sample, group=mine[sample.group]) for sample in own]
        return sorted([each for part in ranks.gathered(placed) for each in part], key=lambda each: each.group)

    def _longest(self, samples: Sequence[Sample]) -> int:
        """Tokens of the longest episode: of as many turns as the environment allows, or else as the longest one had."""
        turns = self._turns or max((len(sample.episode.turns) for sample in samples), default=1)
        return self.config.max_new_tokens * turns

    def _prompt(self, step: int, place: int) -> Prompt:
        seed = self.config.seed
        return Prompt(seed_from("task", seed, step, place) % 2**32, ("sample", seed, step, place))

    def _reached(self, metrics: Metrics) -> bool:
        goal = self.config.stop_at
        return goal is not None and metrics.get("eval_pass_rate", 0.0) >= goal

    def _begin(self, start: LanguageModel | Callable[[], LanguageModel], identity: dict[str, Any]) -> None:
        """Set the model before training: built and kept where the run begins, else loaded. Writes the settings."""
        folder = self.folder / "base"
        with only_writer(self.folder):
            settings = self._checked_settings(identity)
            begun = folder.is_dir()
            self.lm = load_model(folder) if begun else start() if callable(start) else start
            _check_tokenizer(self.lm)
            partial = self.folder / "trainer.json.partial"
            partial.write_text(json.dumps(settings, indent=2), encoding="utf-8")
            partial.replace(self.folder / "trainer.json")
            if not begun:
                save_model(folder, self.lm)

    def _checked_settings(self, identity: dict[str, Any]) -> dict[str, Any]:
        """The settings of this run, compared with those of the run that is already there; steps may grow."""
        plain = {"run": identity, "recipe": self.recipe.to_dict(), "train": asdict(self.config)}
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
            free = {("train", name) for name in ("steps", "track", "completions", "checkpoint_every")}
            changed = [key for key in sorted({*flat, *now} - free) if flat.get(key) != now.get(key)]
            if changed and not self._has_steps():
                _discard(self.folder / "base")
            elif changed:
                lines = "; ".join(f"{a}.{b}: {flat.get((a, b))!r} there, {now.get((a, b))!r} now" for a, b in changed)
                raise ConfigError(f"{self.folder} holds a run with other settings ({lines}); choose another folder")
        return settings

    def _has_steps(self) -> bool:
        """Whether the run that is there has made a step; one that has not may begin anew with other settings."""
        metrics = self.folder / "metrics.jsonl"
        return bool(checkpoints(self.folder / "checkpoints")) or (metrics.is_file() and metrics.stat().st_size > 0)

    def _resume(self) -> tuple[int, Metrics]:
        found = self.ranks.first(lambda: checkpoints(self.folder / "checkpoints")[-1:])
        if not found:
            return 0, {"step": 0}
        state = load_checkpoint(found[0], self.learner.restore)
        self.learner.coefficients.update(state["coefficients"])
        self.memory = state["memory"]
        self.rewards.load_state_dict(state.get("schedule"))
        return int(state["step"]), state["metrics"]

    def _open(self, done: int, held: ExitStack) -> None:
        self._logs = _Logs(self.folder, done, self.config.track)
        held.callback(self._logs.close)

    def _checkpoint(self, step: int, metrics: Metrics) -> None:
        tensors = self.learner.tensors()
        if not self.ranks.main:
            return
        folder = self.folder / "checkpoints"
        folder.mkdir(exist_ok=True)
        state = {"step": step, "metrics": metrics, "coefficients": self.learner.coefficients, "memory": self.memory}
        state["schedule"] = self.rewards.state_dict()
        save_checkpoint(folder / f"step-{step:06d}", self.learner.trained.saved, tensors, state)
        for old in checkpoints(folder)[:-2]:
            shutil.rmtree(old)


def _discard(folder: Path) -> None:
    """Remove a folder, which is there whole or not at all whatever interrupts this."""
    if folder.is_dir():
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        folder.rename(partial)
        shutil.rmtree(partial)


def _check_tokenizer(lm: LanguageModel) -> None:
    """Refuse, before anything is written, a tokenizer without an end or padding; say that there is no template."""
    TransformersPolicy(lm, max_new_tokens=1)  # raises where no response could end
    tokenizer = lm.tokenizer
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise ConfigError("the tokenizer has no token for padding: set tokenizer.pad_token to any that it has")
        tokenizer.pad_token = tokenizer.eos_token  # as `load_model` has it
    if not getattr(tokenizer, "chat_template", None):
        _LOG.info("the tokenizer has no chat template: the contents of messages are joined as they are")


class _Logs:
    """What is written after each step."""

    def __init__(self, folder: Path, done: int, track: Sequence[str]) -> None:
        settings = json.loads((folder / "trainer.json").read_text(encoding="utf-8"))
        metrics, timings, completions = (
            JsonLines(folder / f"{name}.jsonl", done) for name in ("metrics", "timings", "completions")
        )
        self._sinks: list[Sink] = [metrics, *(TRACKERS[name](folder, done, settings) for name in track)]
        self._timings, self._completions = timings, completions

    def write(self, metrics: Metrics, seconds: Mapping[str, float], completions: Sequence[Mapping[str, Any]]) -> None:
        for sink in self._sinks:
            sink.write(metrics)
        self._timings.write(seconds)
        for row in completions:
            self._completions.write(row)

    def close(self) -> None:
        for sink in (*self._sinks, self._timings, self._completions):
            sink.close()
