"""A GRPO step in bf16 beside one in fp32, both of our `Trainer`: model, prompts, reward and batch of `train.py`.

    python benchmarks/perf/precision.py [--size 34M ...] [--lengths fixed ...] [--out FILE]

Weights are fp32 on both sides; in bf16 the products of forward and backward passes are (`torch.autocast`), in sampling
the weights are turned once a rollout. Each side runs in its own process, twice, in turns; medians over the steps after
the first two of each. `bf16_peak` is the rate of a product of 2048 x 2048 matrices in bf16, the best of eight.
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
import resource
import subprocess
import time
from pathlib import Path
from typing import Any

import torch
import train
from core import machine

PRECISIONS = ("fp32", "bf16")
DEFAULT_OUT = Path(__file__).parent / "results" / "precision.json"


def work(precision: str, size: str, lengths: str) -> None:
    """Measure one side in this process; the last line printed is the result."""
    rows = train.ours(size, lengths, train.WARM + train.STEPS, precision)[train.WARM :]
    parameters = sum(parameter.numel() for parameter in train.make_model(size, lengths).parameters())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("\n" + json.dumps({"steps": rows, "parameters": parameters, "peak_memory_mib": memory}))


def run(precision: str, size: str, lengths: str) -> dict[str, Any]:
    """One side in a process of its own."""
    command = [sys.executable, __file__, "--worker", precision, "--size", size, "--lengths", lengths]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def bf16_peak() -> float:
    """Floating-point operations a second of the best of a few products of 2048 x 2048 matrices, bf16."""
    a = torch.ones(2048, 2048, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(8):
        started = time.perf_counter()
        torch.mm(a, a)
        best = min(best, time.perf_counter() - started)
    return 2 * 2048**3 / best


def cell(size: str, lengths: str) -> dict[str, Any]:
    """Both precisions of one size and one kind of lengths, in turns."""
    runs: dict[str, list[dict[str, Any]]] = {precision: [] for precision in PRECISIONS}
    peaks = {"fp32": train.matmul_peak(), "bf16": bf16_peak()}
    for number in range(train.ROUNDS):
        for precision in PRECISIONS if number % 2 == 0 else reversed(PRECISIONS):
            runs[precision].append(run(precision, size, lengths))
    found = {precision: train.summary(runs[precision], peaks[precision]) for precision in PRECISIONS}
    times = {
        f"times_{part}": round(found["fp32"][f"{part}_s"] / found["bf16"][f"{part}_s"], 3)
        for part in ("step", "generation", "training")
    }
    return {
        "parameters": runs["fp32"][0]["parameters"],
        "peak_gflops": {precision: round(peak / 1e9, 1) for precision, peak in peaks.items()},
        "load_average": os.getloadavg(),
        **found,
        **times,
    }


def main() -> None:
    """Measure the cells that were asked for, print them, store them beside those that were stored before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="*", choices=train.SIZES, default=["34M"])
    parser.add_argument("--lengths", nargs="*", choices=train.LENGTHS, default=["fixed"])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--worker", choices=PRECISIONS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.size[0], args.lengths[0])
        return
    cells = json.loads(args.out.read_text(encoding="utf-8"))["cells"] if args.out.exists() else {}
    for size in args.size:
        for lengths in args.lengths:
            found = cells[f"{size}, {lengths}"] = cell(size, lengths)
            print(
                f"{size}, {lengths}: fp32 {found['fp32']['step_s']:.2f} s a step, bf16 {found['bf16']['step_s']:.2f}: "
                f"{found['times_step']:.2f} times (generation {found['times_generation']:.2f}, training "
                f"{found['times_training']:.2f})",
                flush=True,
            )
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text(json.dumps({"machine": machine(), "cells": cells}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
