"""Speed of the core: environment steps, verifier calls, rollouts and GRPO steps of the presets, imports, memory.

    python benchmarks/perf/core.py [--out benchmarks/perf/results/core.json] [--quick]

Each figure is the median of five repeats in this process, on one core (the learner: on all). Prints a table and stores
JSON with the machine and the versions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from rlvr_gym.verifiers import make_verifier

REPEATS = 5
DEFAULT_OUT = Path(__file__).parent / "results" / "core.json"


def rate(work: Callable[[], int], repeats: int = REPEATS) -> dict[str, float]:
    """Units of work a second: median, minimum and maximum over the repeats, after one that is not counted."""
    work()
    rates = []
    for _ in range(repeats):
        started = time.perf_counter()
        done = work()
        rates.append(done / (time.perf_counter() - started))
    return {"median": statistics.median(rates), "min": min(rates), "max": max(rates)}


def episodes(count: int, *, fresh: bool, seeded: bool, **kwargs: Any) -> Callable[[], int]:
    """Reset, one step with the verifier in it, again and again.

    Args:
        count: Episodes a repeat.
        fresh: Every episode has a task that was never made before; else tasks repeat, as in the groups of a learner.
        seeded: Every reset carries a seed, which makes Gymnasium build a new generator.
        **kwargs: Of `gym.make`.
    """
    env = gym.make(disable_env_checker=True, **kwargs)
    env.reset(seed=0)
    taskset = env.unwrapped.taskset  # type: ignore[attr-defined]
    position = [0]

    def work() -> int:
        for i in range(count):
            if fresh:
                position[0] += 1
                env.reset(options={"task_index": position[0] % len(taskset)})
            else:
                env.reset(seed=i if seeded else None)
            env.step("#### 46")
        return count

    return work


def verifications(name: str, response: str, reference: Any, count: int) -> Callable[[], int]:
    """Calls of `verify` with one response."""
    verifier = make_verifier(name)

    def work() -> int:
        for _ in range(count):
            verifier.verify(response, reference)
        return count

    return work


def core_figures(scale: float) -> dict[str, dict[str, float]]:
    """Environments and verifiers, on one core."""
    n = int(20_000 * scale)
    sums = {"id": "rlvr_gym:rlvr/Arithmetic-v0"}
    countdown = {"id": "rlvr_gym:rlvr/Countdown-v0"}
    few = {**sums, "size": 1000}
    many = {**sums, "size": 10_000_000}
    return {
        "Arithmetic episodes/s, tasks repeat": rate(episodes(n, fresh=False, seeded=False, **few)),
        "Arithmetic episodes/s, tasks repeat, every reset seeded": rate(episodes(n, fresh=False, seeded=True, **few)),
        "Arithmetic episodes/s, every task new": rate(episodes(n, fresh=True, seeded=False, **many)),
        "Countdown episodes/s, every task new": rate(episodes(n // 4, fresh=True, seeded=False, **countdown)),
        "number@1 verifications/s": rate(verifications("number@1", "6 * 7 = 42\n#### 42", "42", n)),
        "number@1 verifications/s, decorated": rate(verifications("number@1", "\\boxed{\\$1{,}200.50}", "1200.5", n)),
        "math@1 verifications/s": rate(verifications("math@1", "so \\boxed{\\dfrac{3}{6}}", "\\frac{1}{2}", n)),
        "countdown@1 verifications/s": rate(
            verifications("countdown@1", "<answer>(3+5)*7</answer>", {"numbers": [3, 5, 7], "target": 56}, n)
        ),
    }


def learner_figures(preset: str, scale: float) -> dict[str, dict[str, float]]:
    """Rollout tokens/s and GRPO steps of a preset: 64 prompts x 8 responses of at most 16 tokens."""
    from rlvr_gym.agents import TrainConfig, Trainer, build_preset, collect, recipes

    def make_env() -> gym.Env[str, str]:
        return gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact", disable_env_checker=True)

    config = TrainConfig(steps=100, prompts=max(int(64 * scale), 2), max_new_tokens=16)
    with tempfile.TemporaryDirectory() as folder:
        recipe = recipes.get("grpo", kl_coef=0.0)
        trainer = Trainer(make_env, build_preset(preset), recipe, config, Path(folder))
        step = iter(range(1, 100))

        def rollout() -> int:
            number = next(step)
            prompts = [trainer._prompt(number, place) for place in range(config.prompts)]
            plays = [prompt.play(member) for prompt in prompts for member in range(recipe.group_size)]
            found = collect(trainer.envs, trainer.policy, plays)
            return sum(len(turn.completion.token_ids) for episode in found for turn in episode.turns)

        def grpo() -> int:
            trainer._step(next(step))
            return 1

        tokens = rate(rollout)
        steps = rate(grpo)
    seconds = {"median": 1 / steps["median"], "min": 1 / steps["max"], "max": 1 / steps["min"]}
    return {f"{preset}: rollout tokens/s": tokens, f"{preset}: seconds a GRPO step": seconds}


def import_seconds() -> dict[str, float]:
    """Wall time of `import rlvr_gym` and of Gymnasium alone, each in a fresh interpreter."""
    figures = {}
    for module in ("gymnasium", "rlvr_gym"):
        times = []
        for _ in range(REPEATS):
            code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            times.append(float(done.stdout))
        figures[module] = statistics.median(times)
    return figures


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = "unknown"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    packages = ("rlvr-gym", "gymnasium", "numpy", "torch", "transformers")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to see that it runs")
    args = parser.parse_args()
    scale = 0.1 if args.quick else 1.0
    affinity = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(affinity)})
    figures = core_figures(scale)
    os.sched_setaffinity(0, affinity)
    imports = import_seconds()
    for preset in ("nano", "micro", "mini"):
        figures |= learner_figures(preset, scale)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    width = max(len(name) for name in figures)
    for name, values in figures.items():
        print(f"{name:<{width}}  {values['median']:>12,.3g}  ({values['min']:,.3g} to {values['max']:,.3g})")
    print(f"import rlvr_gym {imports['rlvr_gym']:.3f} s, of which gymnasium {imports['gymnasium']:.3f} s")
    print(f"peak memory {peak_mib:,.0f} MiB")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "machine": machine(),
        "repeats": REPEATS,
        "figures": figures,
        "import_s": imports,
        "peak_memory_mib": peak_mib,
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    np.seterr(all="raise")
    main()
