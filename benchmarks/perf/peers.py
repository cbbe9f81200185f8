"""Environment speed side by side with two peers, on the same problems, in one run.

    python benchmarks/perf/peers.py --peers PYTHON [--out benchmarks/perf/results/peers.json]

PYTHON is the interpreter of a virtual environment with `gem-llm==0.1.0 skyrl-gym==0.4.0 datasets pylatexenc`. Each
figure is the median of five processes, pinned to one core and interleaved (ours, gem, skyrl, ours, ...). An episode is
one reset and one step with the grader in it, over 200 word problems with integer answers; skyrl-gym builds one
environment object an episode, which is how it is used. gem's grader runs with its timeout by signal, the faster of its
two modes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROBLEMS = [
    (f"Tom has {a} apples and buys {b} bags of {c}. How many?", a + b * c)
    for a in range(10)
    for b in range(4)
    for c in range(5)
]
REPEATS = 5
DEFAULT_OUT = Path(__file__).parent / "results" / "peers.json"


def ours(verifier: str, marker: str, offset: int) -> Callable[[int], None]:
    """`rlvr/Dataset-v0` with a verifier; `offset` 0 answers right, 1 wrong."""
    import gymnasium as gym

    folder = tempfile.mkdtemp()
    path = Path(folder, "rows.jsonl")
    path.write_text("".join(json.dumps({"question": q, "answer": str(a)}) + "\n" for q, a in PROBLEMS))
    env = gym.make("rlvr_gym:rlvr/Dataset-v0", path=str(path), verifier=verifier, disable_env_checker=True)
    env.reset(seed=0)

    def episode(i: int) -> None:
        index = i % len(PROBLEMS)
        env.reset(options={"task_index": index})
        env.step(marker.format(PROBLEMS[index][1] + offset))

    return episode


def gem(marker: str, offset: int) -> Callable[[int], None]:
    """gem-llm's `MathEnv`, which walks its data set in order."""
    from datasets import Dataset
    from gem.envs.math_env import MathEnv

    rows = [{"problem": q, "answer": str(a)} for q, a in PROBLEMS]
    env = MathEnv(dataset=Dataset.from_list(rows), use_mp=False, eval=True)

    def episode(i: int) -> None:
        env.reset()
        env.step(marker.format(int(env.answer) + offset))

    return episode


def skyrl(marker: str, offset: int) -> Callable[[int], None]:
    """skyrl-gym's GSM8K environment."""
    import skyrl_gym

    def episode(i: int) -> None:
        question, answer = PROBLEMS[i % len(PROBLEMS)]
        extras = {"reward_spec": {"ground_truth": str(answer)}}
        env = skyrl_gym.make("gsm8k", env_config={}, extras=extras)
        env.init([{"role": "user", "content": question}])
        env.step(marker.format(answer + offset))

    return episode


HASH, BOX = "The sum gives this.\n#### {}", "The sum gives \\boxed{{{}}}"
WORKERS: dict[str, tuple[Callable[[], Callable[[int], None]], int]] = {
    "rlvr-gym, number@1, right": (lambda: ours("number@1", HASH, 0), 20_000),
    "rlvr-gym, number@1, wrong": (lambda: ours("number@1", HASH, 1), 20_000),
    "rlvr-gym, math@1, right": (lambda: ours("math@1", BOX, 0), 20_000),
    "rlvr-gym, math@1, wrong": (lambda: ours("math@1", BOX, 1), 20_000),
    "gem MathEnv, right": (lambda: gem(BOX, 0), 400),
    "gem MathEnv, wrong": (lambda: gem(BOX, 1), 400),
    "skyrl-gym gsm8k, right": (lambda: skyrl(HASH, 0), 5_000),
    "skyrl-gym gsm8k, wrong": (lambda: skyrl(HASH, 1), 5_000),
}


def work(name: str) -> None:
    """Measure one worker in this process and print its rate."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    build, count = WORKERS[name]
    episode = build()
    for i in range(count // 10):
        episode(i)
    started = time.perf_counter()
    for i in range(count):
        episode(i)
    print(count / (time.perf_counter() - started))


def main() -> None:
    """Run all workers interleaved, print a table, store JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="interpreter with gem-llm and skyrl-gym")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker)
        return
    if not args.peers:
        parser.error("--peers PYTHON is needed: the interpreter of an environment with gem-llm and skyrl-gym")
    rates: dict[str, list[float]] = {name: [] for name in WORKERS}
    for _ in range(REPEATS):
        for name in WORKERS:
            python = sys.executable if name.startswith("rlvr-gym") else args.peers
            done = subprocess.run([python, __file__, "--worker", name], capture_output=True, text=True, check=True)
            rates[name].append(float(done.stdout.split()[-1]))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = {}
    for name, median in medians.items():
        if not name.startswith("rlvr-gym"):
            outcome = name.rpartition(" ")[2]
            same = f"rlvr-gym, {'math@1' if name.startswith('gem') else 'number@1'}, {outcome}"
            ratios[f"{same} / {name}"] = medians[same] / median
    for name, values in rates.items():
        print(f"{name:<28} {medians[name]:>10,.0f} episodes/s  ({min(values):,.0f} to {max(values):,.0f})")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:,.1f}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "python": platform.python_version(),
        "peers": {"gem-llm": "0.1.0", "skyrl-gym": "0.4.0"},
        "episodes_per_s": {name: {"median": medians[name], "all": values} for name, values in rates.items()},
        "ratios": ratios,
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
