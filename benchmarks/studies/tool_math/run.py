"""A small transformer learns to use a calculator: imitation of an expert up to a fifth of the tasks, then GRPO.

    python -m venv venv
    venv/bin/pip install -c constraints.txt -e '.[agents,plots]'
    venv/bin/python benchmarks/studies/tool_math/run.py

Trains one model a seed with the command that is printed, which anyone can type. An episode is a call of the calculator,
its result, and the answer. Before and after GRPO the model plays `TASKS` held-out problems, of which training has seen
none; once more with every result replaced by a question mark, which tells what it knows without the tool. `direct` is
the control for the choice of the task: a model of the same size that imitates bare answers to as many problems as a
whole run has.

Writes `results.json` and `curve.png`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# A model of this size gains next to nothing from a second thread, and on busy cores two threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gymnasium
import matplotlib as mpl
import numpy as np
import torch
import transformers
from rlvr_gym.agents import (
    Episode,
    Play,
    TransformersPolicy,
    WarmStartConfig,
    build_preset,
    collect,
    load_model,
    warm_start,
)
from rlvr_gym.agents.models import LanguageModel, parameter_count
from rlvr_gym.agents.tracking import read_json_lines
from rlvr_gym.envs import Task
from rlvr_gym.envs.tool_math import ToolMathEnv
from rlvr_gym.envs.tools.formats.compact import CompactFormat
from rlvr_gym.envs.tools.toolbox import ToolResult

from rlvr_gym.cli import main as rlvr
from rlvr_gym.cli.specs import parse_settings

KNOBS = "style=compact steps=1 digits=4 operators=+-* max_turns=2"
MODEL, ALPHABET, LENGTH = "nano", "0123456789+-*:?", 12
COMMAND = (
    f"train rlvr/ToolMath-v0 {KNOBS} split=train --eval split=test --eval-every 20 --model preset:{MODEL} "
    f"--alphabet {ALPHABET} --warm-start 0.2 --warm-start-lr 1e-3 --warm-start-every 10 "
    "--recipe grpo --set kl_coef=0 group_size=8 updates=2 aggregation=token_mean --prompts 64 --micro-batch 32 "
    f"--steps {{steps}} --lr 8e-4 --lr-decay 0.2 --max-new-tokens {LENGTH} --seed {{seed}} --out {{out}}"
)
TASKS, WIDTH = 1000, 250


# --- What is measured -------------------------------------------------------------------------------------------------


class Silent(CompactFormat):
    """The calls are made, and what comes of them is not told."""

    def results(self, results: Sequence[ToolResult]) -> str:
        """A question mark where the output stood."""
        return "\n".join("?:" for _ in results)


class Direct(ToolMathEnv):
    """The expert says the answer at once."""

    def expert(self, task: Task) -> list[str]:
        """See `ToolMathEnv.expert`."""
        return super().expert(task)[-1:]


def held_out(lm: LanguageModel, *, told: bool = True) -> dict[str, Any]:
    """How the model does on the first `TASKS` different held-out problems, one sampled episode each."""
    envs = [ToolMathEnv(**parse_settings(KNOBS.split()), split="test") for _ in range(WIDTH)]
    for env in envs:
        env.call_format = env.call_format if told else Silent()
    tasks = envs[0].taskset.distinct(TASKS)
    plays = [Play(sample_seed=place, options={"task": task}) for place, task in enumerate(tasks)]
    episodes = collect(envs, TransformersPolicy(lm, max_new_tokens=LENGTH), plays)
    passed = [episode for episode in episodes if episode.passed]
    calls = [sum(row["calls"] for row in (episode.tool_stats or {}).values()) for episode in episodes]
    return {
        "tasks": len(tasks),
        "pass_rate": len(passed) / len(episodes),
        "interval": wilson(len(passed), len(episodes)),
        "calls_an_episode": sum(calls) / len(episodes),
        "passed_with_a_call": sum(bool(episode.tool_stats) for episode in passed) / max(len(passed), 1),
        "by_operator": by_operator(episodes, tasks),
    }


def by_operator(episodes: Sequence[Episode], tasks: Sequence[Task]) -> dict[str, float]:
    """Pass rates of sums, differences and products."""
    passed: dict[str, list[bool]] = {}
    for episode, task in zip(episodes, tasks, strict=True):
        passed.setdefault(task.prompt.strip("0123456789:"), []).append(bool(episode.passed))
    return {sign: sum(rows) / len(rows) for sign, rows in sorted(passed.items())}


def wilson(passed: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion."""
    share, spread = passed / count, z * z / count
    middle, half = share + spread / 2, z * (share * (1 - share) / count + spread / (4 * count)) ** 0.5
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)


# --- Training ---------------------------------------------------------------------------------------------------------


def trained(seed: int, steps: int, out: Path) -> dict[str, Any]:
    """Type the command, and measure the models that it leaves behind."""
    command = COMMAND.format(seed=seed, steps=steps, out=out)
    say(typed(command))
    began, cpu = time.time(), time.process_time()
    if (status := rlvr(shlex.split(command))) != 0:
        sys.exit(status)
    seconds, cpu_seconds = time.time() - began, time.process_time() - cpu
    warm, after = load_model(out / "base"), load_model(out / "model")
    rows = read_json_lines(out / "metrics.jsonl")
    found = {
        "seed": seed,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "seconds_of_warm_start": (out / "base" / "config.json").stat().st_mtime - began,
        "warm": held_out(warm),
        "warm_without_results": held_out(warm, told=False),
        "trained": held_out(after),
        "trained_without_results": held_out(after, told=False),
        "curve": {
            name: [[row["step"], row[name]] for row in rows if name in row] for name in ("pass_rate", "eval_pass_rate")
        },
    }
    say(json.dumps({name: value for name, value in found.items() if name != "curve"}, indent=1))
    return found


def typed(command: str) -> str:
    """A command as a shell takes it."""
    return shlex.join(["rlvr", *shlex.split(command)])


def direct(seed: int, steps: int) -> dict[str, Any]:
    """Imitation of bare answers, without a tool: what this model makes of mental arithmetic."""
    lm = build_preset(MODEL, seed=seed, alphabet=ALPHABET)
    envs = [Direct(**parse_settings(KNOBS.split()), split="train") for _ in range(WIDTH)]
    policy = TransformersPolicy(lm, max_new_tokens=LENGTH)
    began = time.time()
    warm_start(
        envs, policy, WarmStartConfig(until=1.0, max_steps=steps, check_every=steps, learning_rate=2e-3, seed=seed)
    )
    return {"seed": seed, "steps": steps, "seconds": time.time() - began, **held_out(lm)}


# --- Writing down -----------------------------------------------------------------------------------------------------


def draw(runs: Sequence[dict[str, Any]], file: Path) -> None:
    """The share of passed episodes over the steps of GRPO: in training, and on held-out problems."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    for place, run in enumerate(runs):
        label = {"label": "training, each step"} if place == 0 else {}
        axes.plot(*zip(*run["curve"]["pass_rate"], strict=True), color="C0", lw=0.6, alpha=0.5, **label)
    for place, run in enumerate(runs):
        last = run["curve"]["pass_rate"][-1][0]
        points = [
            [0, run["warm"]["pass_rate"]],
            *run["curve"]["eval_pass_rate"][:-1],
            [last, run["trained"]["pass_rate"]],
        ]
        label = {"label": "held out"} if place == 0 else {}
        axes.plot(*zip(*points, strict=True), "o-", color="C3", ms=3, lw=1.2, **label)
    silent = max(run["trained_without_results"]["pass_rate"] for run in runs)
    axes.axhline(silent, color="grey", ls=":", label="trained, results not told (best seed)")
    axes.axhline(0.8, color="k", ls="--", lw=0.6)
    axes.set(xlabel="steps of GRPO after the warm start", ylabel="passed episodes", ylim=(-0.02, 1))
    axes.set_title("ToolMath, numbers of four digits; a line a seed")
    axes.legend(loc="lower right")
    figure.savefig(file, dpi=120)


def say(line: str) -> None:
    """A line of progress."""
    sys.stderr.write(line + "\n")


def main() -> None:
    """Train, measure, write `results.json` and `curve.png`; what an earlier call has written there is not run again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=140, help="steps of GRPO (140)")
    parser.add_argument("--direct-steps", type=int, default=600, help="steps of the control without a tool (600)")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    command = typed(COMMAND.format(seed="SEED", steps=arguments.steps, out="OUT"))
    results = begun(arguments.out / "results.json", command)
    for seed in arguments.seeds:
        if seed not in [run["seed"] for run in results["runs"]]:
            with tempfile.TemporaryDirectory() as folder:
                results["runs"].append(trained(seed, arguments.steps, Path(folder) / "run"))
            write(results, arguments.out)
    if results["direct"] is None:
        results["direct"] = direct(0, arguments.direct_steps)
        write(results, arguments.out)


def begun(file: Path, command: str) -> dict[str, Any]:
    """The results of an earlier call of the same command, or none."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if found.get("command") == command:
        return found
    versions = {module.__name__: module.__version__ for module in (torch, transformers, gymnasium, np)}
    return {
        "versions": {"python": platform.python_version(), **versions},
        "machine": f"{os.cpu_count()} shared {platform.machine()} cores, no accelerator; one thread",
        "command": command,
        "parameters": parameter_count(build_preset(MODEL, alphabet=ALPHABET).model),
        "runs": [],
        "direct": None,
    }


def write(results: dict[str, Any], out: Path) -> None:
    """Both files."""
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    draw(results["runs"], out / "curve.png")


if __name__ == "__main__":
    main()
