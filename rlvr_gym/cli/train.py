"""`rlvr train`: warm start if wanted, then reinforcement learning with a recipe."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym

from rlvr_gym.agents import recipes
from rlvr_gym.benchmarks.runner import BenchConfig, bench
from rlvr_gym.cli import specs
from rlvr_gym.cli.console import percent, progress_bar, say, table, warn
from rlvr_gym.envs.wrappers import Hint, UnaryFeedback
from rlvr_gym.verifiers import ConfigError, UnknownNameError

WRAPPERS: Mapping[str, Callable[[gym.Env[str, str]], gym.Env[str, str]]] = {
    "hint": partial(Hint, fraction=0.0),  # shows what a rollout asks for
    "unary": partial(UnaryFeedback, decay=0.5, repetition_penalty=0.5),  # as in the paper of UFO
}

OF_GRADED = ("pass_rate", "reward_mean", "cut_off", "entropy")  # means over episodes that could be graded


def run_train(args: argparse.Namespace) -> int:
    """Train; the same command again continues an interrupted run."""
    from transformers.utils.logging import disable_progress_bar

    from rlvr_gym.agents import Trainer
    from rlvr_gym.agents.ranks import Ranks

    disable_progress_bar()
    kwargs = specs.parse_settings(args.settings)
    env_id = specs.checked_env(args.env, kwargs)
    eval_kwargs = kwargs | specs.parse_settings(args.eval)
    recipe = recipes.get(args.recipe, **specs.parse_settings(args.set))
    config, warm = _configs(args)
    folder = Path(args.out)
    identity = {
        "env": env_id,
        "env_kwargs": kwargs,
        "eval_kwargs": eval_kwargs,
        "model": args.model,
        "alphabet": args.alphabet,
        "warm_start": args.warm_start,
        "wrap": args.wrap,
    }
    make_train = _wrapped(args.wrap, specs.env_factory(env_id, kwargs))
    make_eval = specs.env_factory(env_id, eval_kwargs)
    ranks = Ranks.launched()
    trainer = Trainer(
        make_train,
        lambda: _starting_model(args, make_train, config, warm),
        recipe,
        config,
        folder,
        make_eval_env=make_eval,
        evaluate=_eval_runs(args, env_id, eval_kwargs, folder) if args.eval_n else None,
        reward=specs.parse_spec(args.reward),
        schedule=specs.parse_spec(args.schedule),
        identity=identity,
        ranks=ranks,
    )
    if not ranks.main:
        trainer.run()
        return 0
    with progress_bar(f"{recipe.name} in {env_id}") as update:
        metrics = trainer.run(lambda m: update(int(m["step"]), config.steps, f"pass rate {_pass_rate(m)}"))
    _say_result(metrics, folder)
    return 0


def _wrapped(name: str | None, make: Callable[[], gym.Env[str, str]]) -> Callable[[], gym.Env[str, str]]:
    """The training environment in the wrapper that some recipes need; evaluation is without it."""
    if name is None:
        return make
    if name not in WRAPPERS:
        raise UnknownNameError("wrapper", name, WRAPPERS)
    return lambda: WRAPPERS[name](make())


def _configs(args: argparse.Namespace) -> tuple[Any, Any]:
    """The settings of training, and those of the warm start; None where there is to be none."""
    from rlvr_gym.agents import TrainConfig, WarmStartConfig

    config = TrainConfig(
        steps=args.steps,
        prompts=args.prompts,
        max_new_tokens=args.max_new_tokens,
        temperature=args.temperature,
        learning_rate=args.lr,
        decay=args.lr_decay,
        micro_batch=args.micro_batch,
        precision=args.precision,
        lora=args.lora,
        lora_alpha=args.lora_alpha,
        gradient_checkpointing=args.gradient_checkpointing,
        eval_every=args.eval_every,
        stop_at=args.stop_at,
        checkpoint_every=args.checkpoint_every,
        track=tuple(args.track),
        completions=args.completions,
        seed=args.seed,
    )
    if args.warm_start is None:
        return config, None
    return config, WarmStartConfig(
        until=args.warm_start,
        learning_rate=args.warm_start_lr,
        check_every=args.warm_start_every,
        seed=args.seed,
    )


def _eval_runs(args: argparse.Namespace, env_id: str, kwargs: dict[str, Any], folder: Path) -> Any:
    """Writes a pass@k run into `evals/` at each evaluation; its largest k is a metric."""

    def evaluate(step: int, policy: Any) -> dict[str, float]:
        identity = {"name": "training", "run": folder.name, "step": step, "temperature": args.temperature}
        config = BenchConfig(env_id, kwargs, identity, n=args.eval_n, tasks=args.eval_tasks, seed=args.seed)
        summary = bench(config, policy, folder / "evals" / f"step-{step:06d}")
        return {f"eval_pass_at_{point.k}": point.estimate for point in summary.curve}

    return evaluate


def _starting_model(args: argparse.Namespace, make_train: Any, config: Any, warm: Any) -> Any:
    """The model that reinforcement learning starts from: loaded or built, and warm-started where that was asked for."""
    from rlvr_gym.agents import TransformersPolicy, build_preset, load_model, warm_start
    from rlvr_gym.agents.models import parameter_count

    kind, _, name = args.model.partition(":")
    if kind == "preset":
        lm = build_preset(name, seed=args.seed, alphabet=args.alphabet)
    elif args.alphabet is not None:
        raise ConfigError("--alphabet belongs to --model preset:NAME; a loaded model has its own tokenizer")
    else:
        lm = load_model(args.model)
    if missing := specs.unreadable(lm, make_train(), config.max_new_tokens):
        if kind == "preset":
            raise ConfigError(f"{missing}; choose --alphabet or --max-new-tokens, or preset:mini, which speaks bytes")
        warn(f"note: {missing}")
    say(f"model: {args.model}, {parameter_count(lm.model):,} parameters, vocabulary {len(lm.tokenizer)}")
    if warm is None:
        return lm
    policy = TransformersPolicy(lm, max_new_tokens=config.max_new_tokens, temperature=config.temperature)
    with progress_bar("warm start") as update:
        envs = [make_train() for _ in range(256)]
        result = warm_start(
            envs,
            policy,
            warm,
            lambda step, loss, rate: update(step, warm.max_steps, f"loss {loss:.3f}, pass rate {percent(rate)}"),
        )
    say(f"warm start: {result.steps} steps of imitation, pass rate {percent(result.pass_rate)}")
    if not result.reached:
        warn(f"note: the warm start ended below {percent(args.warm_start)}; reinforcement learning may find no reward")
    return lm


def _graded(metrics: Mapping[str, float]) -> bool:
    """Whether an episode of the step could be graded."""
    return metrics.get("episodes", 0) > metrics.get("ungradable", 0)


def _pass_rate(metrics: Mapping[str, float]) -> str:
    return percent(metrics["pass_rate"]) if _graded(metrics) else "-"


def _say_result(metrics: dict[str, float], folder: Path) -> None:
    shown = (
        "pass_rate",
        "hinted_pass_rate",
        "eval_pass_rate",
        "reward_mean",
        "tied_groups",
        "cut_off",
        "ungradable",
        "entropy",
    )
    unknown = () if _graded(metrics) else OF_GRADED
    rows = [[key, "-" if key in unknown else f"{metrics[key]:.3f}"] for key in shown if key in {*metrics, *unknown}]
    say(table([f"step {metrics['step']:.0f}", "value"], rows))
    say(f"wrote {folder / 'base'} (before), {folder / 'model'} (after), {folder / 'metrics.jsonl'}")
