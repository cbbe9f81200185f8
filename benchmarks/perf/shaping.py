"""What a reward costs: microseconds of its terms, and their share of the step of a single-turn environment.

    python benchmarks/perf/shaping.py [--out benchmarks/perf/results/shaping.json] [--quick]

Two steps are measured: that of `rlvr/Arithmetic-v0`, the cheapest there is, and that of `rlvr/GSM8K-v0`, on texts of
the length of its own; each with its verifier and the outcome reward in it. The terms are those of one verdict of the
first, with the context that the environment gives; to build that is part of the cost, and so is the call: `call` and
`call with a context` are those alone, with a function that gives one term. A reward is compared with the step, and what
it takes more than `outcome` is too; steps of the first environment with a reward in it, answered right, say the same
end to end.
Everything takes turns, so that what else the machine does meets all of them, and the shares are of the least times.
Prints a table and stores JSON.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import sys

# This folder holds a math.py: the standard library must be found before it.
_FOLDER = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [*(entry for entry in sys.path if os.path.realpath(entry) != _FOLDER), _FOLDER]

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
from core import machine
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.reward_shaping import NO_CONTEXT, START, Judged, RewardContext, SchedulePoint, make_reward
from rlvr_gym.verifiers import make_verifier

REPEATS = 41
DEFAULT_OUT = Path(__file__).parent / "results" / "shaping.json"
GATED = {"gate": {"then": {"length": {"unit": "characters"}}}}
OVERLONG = {"overlong": {"limit": 64, "cache": 16}}
REWARDS: dict[str, Any] = {
    "outcome": "outcome",
    "dense": "dense",
    "balanced": "balanced",
    "anneal(dense, outcome)": {"anneal": {"a": "dense", "b": "outcome"}},
    "outcome + format": {"sum": {"of": ["outcome", "format"], "weights": [1, 0.1]}},
    "outcome + gated length": {"sum": {"of": ["outcome", GATED]}},
    "outcome, format, overlong": {"sum": {"of": ["outcome", "format", OVERLONG], "weights": [1, 0.1, 0.5]}},
    "layered": "layered",
    "lexicographic of three": {"lexicographic": {"of": ["outcome", "format", "dense"]}},
    "cap of a sum of four": {"cap": {"of": {"sum": {"of": ["outcome", "dense", "format", GATED]}}}},
}


STEPS, RIGHT = ("Arithmetic", "GSM8K"), "Arithmetic, right"
IN_STEPS = ("layered", "outcome + gated length", "cap of a sum of four")


class Nothing:
    """A reward that computes nothing."""

    def __init__(self, reads_context: bool) -> None:
        self.reads_context = reads_context

    def terms(self, judged: Judged, point: SchedulePoint = START) -> dict[str, float]:
        """One term."""
        return {"nothing": 0.0}


def stepped(name: str, action: str | None, count: int, reward: Any = "outcome") -> Callable[[], float]:
    """Microseconds of a step that ends an episode, by this action or the right one; resets are not counted."""
    settings = {**sample_settings(f"rlvr/{name}-v0"), "reward": reward}
    env = gym.make(f"rlvr_gym:rlvr/{name}-v0", disable_env_checker=True, **settings)
    clock = time.perf_counter

    def work() -> float:
        seconds = 0.0
        for _ in range(count):
            env.reset()
            said = env.unwrapped.task.solution if action is None else action
            started = clock()
            env.step(said)
            seconds += clock() - started
        return seconds / count * 1e6

    return work


def shaped(reward: Any, count: int) -> Callable[[], float]:
    """Microseconds of the terms of one verdict."""
    verdict = make_verifier("number@1").verify("#### 46", "46")

    def work() -> float:
        started = time.perf_counter()
        for _ in range(count):
            context = RewardContext("task", "", 1, 60, "#### 46") if reward.reads_context else NO_CONTEXT
            reward.terms(Judged(verdict, context))
        return (time.perf_counter() - started) / count * 1e6

    return work


def compared(figures: dict[str, dict[str, float]]) -> None:
    """Add to each reward its share of each step, and of the first one that of what it takes more than `outcome`."""
    step = figures["Arithmetic"]["min"]
    for name, found in figures.items():
        if name.startswith(RIGHT):
            found["above_outcome"] = found["min"] / figures[RIGHT]["min"] - 1
        elif name not in STEPS:
            found |= {f"share_of_{each}": found["min"] / figures[each]["min"] for each in STEPS}
            found["above_outcome"] = (found["min"] - figures["outcome"]["min"]) / step


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to see that it runs")
    args = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    count, repeats = (100, 5) if args.quick else (1000, REPEATS)
    words = "She has three times as many, and gives two of them away, so that we add them up again. " * 8
    work = {
        "Arithmetic": stepped("Arithmetic", "#### 46", count),
        "GSM8K": stepped("GSM8K", f"{words}\n#### 46", count),
        RIGHT: stepped("Arithmetic", None, count),
        **{f"{RIGHT}, {name}": stepped("Arithmetic", None, count, REWARDS[name]) for name in IN_STEPS},
        "call": shaped(Nothing(False), count),
        "call with a context": shaped(Nothing(True), count),
        **{name: shaped(make_reward(spec), count) for name, spec in REWARDS.items()},
    }
    load = [os.getloadavg()[0]]
    times: dict[str, list[float]] = {name: [] for name in work}
    for each in work.values():
        each()
    for _ in range(repeats):
        for name, each in work.items():
            times[name].append(each())
    load.append(os.getloadavg()[0])
    figures = {
        name: {"median": statistics.median(found), "min": min(found), "max": max(found)}
        for name, found in times.items()
    }
    compared(figures)
    print(f"{'µs, and shares of the step of Arithmetic':<42} {'median':>8}  {'least':>8}    share  above outcome")
    for name, found in figures.items():
        shares = "".join(
            f"  {found[k]:7.1%}" if k in found else " " * 9 for k in ("share_of_Arithmetic", "above_outcome")
        )
        print(f"{name:<42} {found['median']:8.2f}  {found['min']:8.2f}{shares}")
    result = {"machine": machine(), "repeats": repeats, "load_before_and_after": load, "us": figures}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
