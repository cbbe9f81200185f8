"""Learning studies on the CPU: several seeds an arm, curves with bands, figures as JSON.

    python benchmarks/learning/run.py corridor [--seeds 5] [--jobs 2] [--arms grpo gigpo]

An arm is a recipe. For each seed one base is made by imitation of an expert that knows the form of an answer, and every
arm of that seed starts from it. Writes `results/STUDY.json` and `results/STUDY.png`. What was run before is kept: arms
and seeds that are there already are not run again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

RESULTS = Path(__file__).parent / "results"
MANY = 8


def one(name: str, arm: str, seed: int, bases: Path) -> dict[str, Any]:
    """Train one arm with one seed; the curves of its metrics. Bases of the arms before are kept in a folder."""
    import torch
    import transformers
    from rlvr_gym.agents import (
        TrainConfig,
        Trainer,
        TransformersPolicy,
        WarmStartConfig,
        build_preset,
        load_model,
        warm_start,
    )
    from rlvr_gym.agents.checkpoint import save_model
    from studies import STUDIES

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    study = STUDIES[name]
    settings = {**study.config, **study.configs.get(arm, {})}
    if (bases / f"{seed}").exists():
        lm = load_model(bases / f"{seed}")
    else:
        lm = build_preset("nano", seed=seed, alphabet="".join(dict.fromkeys(study.alphabet)))
        policy = TransformersPolicy(lm, max_new_tokens=settings["max_new_tokens"])
        warm_start([study.practice() for _ in range(64)], policy, WarmStartConfig(**study.warm, seed=seed))
        partial = bases / f"{seed}.{os.getpid()}"
        save_model(partial, lm)
        with contextlib.suppress(OSError):  # another process was faster
            partial.rename(bases / f"{seed}")
    make = study.wrap.get(arm, study.make)
    config = TrainConfig(**settings, seed=seed, checkpoint_every=settings["steps"], completions=0)
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(make, lm, study.arms[arm], config, Path(folder) / "run", make_eval_env=make)
        from rlvr_gym.agents.evaluate import pass_rate

        first = pass_rate(trainer.eval_envs, trainer.policy, 4 * config.eval_episodes, seed)
        began = time.process_time()
        trainer.run(rows.append)
        seconds = time.process_time() - began
        costs = [json.loads(line) for line in (Path(folder) / "run" / "timings.jsonl").open()]
        last = pass_rate(trainer.eval_envs, trainer.policy, 4 * config.eval_episodes, seed)
    shown = ("eval_pass_rate", "pass_rate", "reward_mean", "entropy", "response_tokens", "episodes", "tool_calls")
    curves = {key: [[row["step"], row[key]] for row in rows if key in row] for key in shown}
    return {
        "arm": arm,
        "seed": seed,
        "warm": first,
        "trained": last,
        "train_cpu_s": round(seconds, 2),
        **{key: sum(row[key] for row in costs) for key in ("sampled_tokens", "sampled_turns", "sampled_first_turns")},
        "curves": {key: curve for key, curve in curves.items() if curve},
    }


def main(argv: list[str] | None = None) -> int:
    """Run what is missing of a study, and draw it."""
    from studies import STUDIES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=list(STUDIES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--arms", nargs="*")
    args = parser.parse_args(argv)
    study, file = STUDIES[args.study], RESULTS / f"{args.study}.json"
    runs = json.loads(file.read_text())["runs"] if file.exists() else []
    there = {(run["arm"], run["seed"]) for run in runs}
    arms = args.arms or list(study.arms)
    wanted = [(arm, seed) for seed in range(args.seeds) for arm in arms if (arm, seed) not in there]
    with tempfile.TemporaryDirectory() as bases, ProcessPoolExecutor(args.jobs, max_tasks_per_child=1) as pool:
        jobs = {pool.submit(one, args.study, arm, seed, Path(bases)): (arm, seed) for arm, seed in wanted}
        for job in as_completed(jobs):
            found = job.result()
            runs.append(found)
            change = f"{found['warm']:.3f} -> {found['trained']:.3f}"
            sys.stdout.write(f"{found['arm']}, seed {found['seed']}: {change}, {found['train_cpu_s']:.0f} s\n")
            sys.stdout.flush()
            order = list(study.arms)
            runs.sort(key=lambda run: (order.index(run["arm"]), run["seed"]))
            write(file, study, runs)
    draw(file.with_suffix(".png"), study, runs)
    return 0


def write(file: Path, study: Any, runs: list[dict[str, Any]]) -> None:
    """The figures, with what they were made by."""
    import torch
    import transformers

    recipes = {name: recipe.to_dict() for name, recipe in study.arms.items()}
    machine = {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()}
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    file.parent.mkdir(exist_ok=True)
    body = {"study": study.name, "claim": study.claim, "measured": study.measured, "config": study.config}
    body |= {"warm": study.warm, "recipes": recipes, "machine": machine, "versions": versions, "runs": runs}
    file.write_text(json.dumps(body, separators=(",", ":")).replace('{"arm"', '\n{"arm"') + "\n")


def draw(file: Path, study: Any, runs: list[dict[str, Any]]) -> None:
    """A curve an arm, or for many arms a line from before to after.

    A curve is the mean over seeds, with the range between the second lowest and second highest.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    if len(study.arms) > MANY:
        draw_changes(file, study, runs)
        return

    figure, axes = plt.subplots(figsize=(7, 4.2))
    for arm in study.arms:
        curves = [
            run["curves"][study.measured] for run in runs if run["arm"] == arm and study.measured in run["curves"]
        ]
        if not curves:
            continue
        steps = [step for step, _ in curves[0]]
        values = np.sort(np.array([[value for _, value in curve] for curve in curves]), axis=0)
        cut = 1 if len(values) > 4 else 0
        [line] = axes.plot(steps, values.mean(axis=0), label=f"{arm} ({len(values)})")
        axes.fill_between(steps, values[cut], values[len(values) - 1 - cut], alpha=0.15, color=line.get_color())
    axes.set_xlabel("step")
    axes.set_ylabel(study.measured.replace("_", " "))
    axes.set_title(study.claim, fontsize=8, wrap=True)
    axes.legend(fontsize=8, frameon=False)
    axes.grid(alpha=0.25)
    figure.tight_layout()
    figure.savefig(file, dpi=120, metadata={"Software": None})


def draw_changes(file: Path, study: Any, runs: list[dict[str, Any]]) -> None:
    """For each arm a grey dot at the pass rate before, and one at that after, means over seeds; best arms on top."""
    import matplotlib.pyplot as plt

    means = {}
    for arm in study.arms:
        own = [run for run in runs if run["arm"] == arm]
        if own:
            means[arm] = [sum(run[key] for run in own) / len(own) for key in ("warm", "trained")]
    order = sorted(means, key=lambda arm: means[arm][1])
    figure, axes = plt.subplots(figsize=(7, 0.24 * len(order) + 1.2))
    for place, arm in enumerate(order):
        before, after = means[arm]
        axes.plot([before, after], [place, place], color="C0", linewidth=1.5, alpha=0.5)
        axes.plot([before], [place], "o", color="0.6", markersize=4)
        axes.plot([after], [place], "o", color="C0", markersize=5)
    axes.set_yticks(range(len(order)), order, fontsize=8)
    axes.set_xlabel("pass rate: warm start (grey) and trained")
    axes.set_title(study.claim, fontsize=8, wrap=True)
    axes.grid(alpha=0.25, axis="x")
    figure.tight_layout()
    figure.savefig(file, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    raise SystemExit(main())
