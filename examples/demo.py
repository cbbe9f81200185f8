"""The demo behind `make demo`: does GRPO move pass@1, pass@k, or both?

Warm-starts a small transformer on two-digit sums, trains it with GRPO, and benchmarks the model before and after on
held-out sums. It only types commands that anyone can type: each is printed before it runs. A second call continues
where the first stopped, or does nothing.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time

# A model of this size gains next to nothing from a second thread, and on busy cores two threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from rlvr_gym.cli import main

TASK = "rlvr/Arithmetic-v0 digits=2 style=compact"

BENCH = f"bench {TASK} split=test --tasks 200 --n {{n}} --max-new-tokens 4"

COMMANDS = (
    f"train {TASK} split=train --eval split=test --eval-every 50 --model preset:nano --alphabet 0123456789+= "
    "--warm-start 0.3 --warm-start-lr 2e-3 --recipe grpo --set kl_coef=0 group_size=4 updates=2 aggregation=token_mean "
    "--prompts 128 --steps {steps} --lr 6e-4 --lr-decay 0.1 --max-new-tokens 4 --out {out}/train",
    BENCH + " --policy model:{out}/train/base --out {out}/base",
    BENCH + " --policy model:{out}/train/model --out {out}/trained",
    "compare {out}/base {out}/trained --out {out}/compare",
)


def demo(out: str, steps: int, n: int) -> int:
    """Run the commands in order; stops at the first that fails."""
    started = time.perf_counter()
    for template in COMMANDS:
        command = template.format(out=out, steps=steps, n=n)
        print(f"\n$ rlvr {command}", flush=True)
        status = main(shlex.split(command))
        if status != 0:
            return status
    print(f"\n{time.perf_counter() - started:.0f} s in all. Open {out}/compare/report.html")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="runs/demo", help="where the runs go (runs/demo)")
    parser.add_argument("--steps", type=int, default=400, help="GRPO steps (400)")
    parser.add_argument("--n", type=int, default=64, help="samples a task (64)")
    args = parser.parse_args()
    sys.exit(demo(args.out, args.steps, args.n))
