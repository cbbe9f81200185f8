"""Dense, then binary, from top to bottom: a base, a reward that shows the way, a switch, and what the model then can.

    python examples/grokking.py
    python examples/grokking.py --arm binary    the same budget without the dense stage

`rlvr grok` runs all arms with several seeds, and measures more.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a model of this size gains nothing from a second thread

from rlvr_gym.agents import TrainConfig, Trainer, TransformersPolicy, recipes
from rlvr_gym.benchmarks.grokking import ARMS, Plan, make_base, problems, support


def main(arm: str, steps: int, imitation: int, seed: int) -> None:
    """Make a base, see that it solves nothing, train it, and see what it solves."""
    plan = Plan(steps=steps, imitation=imitation)

    # 1. A transformer of 0.13 million parameters that imitates machines without loops.
    lm = make_base(plan, seed)
    policy = TransformersPolicy(lm, max_new_tokens=plan.longest)

    # 2. Machines that accept a tape when it contains a pattern, in order: one loop for every symbol of it.
    train, test = problems(plan, "train"), problems(plan, "test")
    before = support(plan, policy, train, 16, seed)
    print(f"base: {before.passed} of {before.samples} samples are right, dense score {before.dense:.2f}")

    # 3. GRPO; the reward is the share of tapes until one prompt in ten has a right answer, and then right or wrong.
    trainer = Trainer(
        lambda: plan.target("train"),
        lm,
        recipes.get("grpo", **plan.recipe),
        TrainConfig(**plan.training, seed=seed),
        Path(tempfile.mkdtemp(prefix="grokking-")),
        reward=ARMS[arm].reward,
        schedule=ARMS[arm].schedule,
    )

    def report(metrics: dict[str, float]) -> None:
        if metrics["step"] % 10 == 0:
            stage = ("dense", "binary")[int(metrics.get("schedule_stage", 0))] if arm == "two_stage" else arm
            print(
                f"step {metrics['step']:4.0f}  {stage:6}  reward {metrics['reward_mean']:.3f}  "
                f"right {metrics['pass_rate']:.1%}"
            )

    trainer.run(report)

    # 4. Right on the hidden tests, right on every tape there is, and right for patterns that training never had.
    for name, tasks in (("patterns of training", train), ("held-out patterns", test)):
        after = support(plan, trainer.policy, tasks, 16, seed)
        print(f"{name}: {after.pass_rate:.1%} right, {after.exact_rate:.1%} on every tape")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=list(ARMS), default="two_stage", help="how it is paid (two_stage)")
    parser.add_argument("--steps", type=int, default=Plan().steps, help="training steps")
    parser.add_argument("--imitation", type=int, default=Plan().imitation, help="steps that make the base")
    parser.add_argument("--seed", type=int, default=0, help="seed (0)")
    args = parser.parse_args()
    main(args.arm, args.steps, args.imitation, args.seed)
