"""A GRPO step of our `Trainer` beside one of TRL's `GRPOTrainer`: the same model, prompts, reward and batch.

    python benchmarks/perf/train.py --trl-python PYTHON [--size 1.2M ...] [--lengths fixed ...] [--out FILE] [--quick]

PYTHON is the interpreter of a virtual environment with `trl` and the same torch. A step is 16 prompts of 10 tokens, 8
responses each of at most 64 tokens, one optimiser step, fp32, no reference model; a token is a character of 1,024. The
models are Llamas of random weights, whose distribution over the next token is nearly uniform, and a learning rate of
1e-6 keeps it so. That sets the lengths without a word to either sampler:

* `fixed`: the one id that ends a response lies beyond the model's vocabulary, so that none ends before 64 tokens.
* `spread`: 64 of the 1,024 ids end a response, so that lengths are geometric with a mean of 16, cut at 64. Lengths
  are drawn, not given: the two sides have the same distribution of them, and each one's mean is reported.

Every side runs in its own process, `ROUNDS` times in turns; the figures are medians over the steps after the first two
of each process. `generation` is the rollout without the reward function, `training` the rest of the step; `floor_share`
is the time that the products of matrices alone would take (2 N a token seen in generation, each prompt once, and 6 N in
training, at the best rate of a product of 2048 x 2048 matrices that this run measured), over the time of the step.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import sys

# This folder holds a math.py: the standard library must be found before it.
_FOLDER = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [*(entry for entry in sys.path if os.path.realpath(entry) != _FOLDER), _FOLDER]

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

SIZES = {"1.2M": (4, 128), "6.6M": (6, 256), "34M": (8, 512)}  # layers and width
LENGTHS = ("fixed", "spread")
SIDES = ("ours", "trl")
PROMPTS, GROUP, PROMPT_TOKENS, NEW_TOKENS = 16, 8, 10, 64
VOCABULARY, ENDINGS = 1024, 64
WARM, STEPS, ROUNDS = 2, 3, 2
RATE = 1e-6
DEFAULT_OUT = Path(__file__).parent / "results" / "train.json"


class Reward:
    """The number of different characters of a text over `NEW_TOKENS`, and the time that it took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """One reward a text."""
        started = time.perf_counter()
        found = [len(set(text)) / NEW_TOKENS for text in texts]
        self.seconds += time.perf_counter() - started
        return found

    def taken(self) -> float:
        """The seconds since the last call of this."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


class Enough(Exception):
    """Enough steps were made."""


def characters() -> str:
    """The characters that have a token: all ids but the first, which pads."""
    return "".join(chr(0x4E00 + i) for i in range(VOCABULARY - 1))


def make_tokenizer() -> Any:
    """One token a character; the token that ends a response has the first id that the model does not have."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: i for i, word in enumerate(["<pad>", *characters(), "<eos>"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>")


def make_model(size: str, lengths: str) -> Any:
    """A Llama with tied embeddings and heads of width 32, the same weights on both sides."""
    from transformers import LlamaConfig, LlamaForCausalLM

    layers, hidden = SIZES[size]
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=VOCABULARY,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).float()
    endings = list(range(VOCABULARY - ENDINGS, VOCABULARY)) if lengths == "spread" else []
    model.generation_config.eos_token_id = [VOCABULARY, *endings]
    return model


def prompt(rng: np.random.Generator) -> str:
    """Ten characters, none of which ends a response; two prompts are hardly ever the same."""
    letters = characters()[: VOCABULARY - 1 - ENDINGS]
    return "".join(letters[i] for i in rng.integers(len(letters), size=PROMPT_TOKENS))


def ours(size: str, lengths: str, steps: int, precision: str = "fp32") -> list[dict[str, float]]:
    """Seconds and tokens of every step of our `Trainer`."""
    import gymnasium as gym
    from rlvr_gym.agents import LanguageModel, TrainConfig, Trainer, recipes

    reward = Reward()

    class Distinct(gym.Env[str, str]):
        """One prompt, one answer, the reward of `Reward`."""

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
            super().reset(seed=seed)
            return prompt(self.np_random), {}

        def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
            return "", reward([action])[0], True, False, {"passed": True}

    ends, rewards = [time.perf_counter()], []

    def report(metrics: Any) -> None:
        ends.append(time.perf_counter())
        rewards.append(reward.taken())
        if len(rewards) == steps:
            raise Enough  # the last step of a run also writes a checkpoint

    config = TrainConfig(
        steps=steps + 1,
        prompts=PROMPTS,
        max_new_tokens=NEW_TOKENS,
        learning_rate=RATE,
        checkpoint_every=steps + 1,
        precision=precision,
    )
    lm = LanguageModel(make_model(size, lengths), make_tokenizer())
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(Distinct, lm, recipes.get("grpo", group_size=GROUP, kl_coef=0.0), config, Path(folder))
        with contextlib.suppress(Enough):
            trainer.run(report)
        rows = [json.loads(line) for line in (Path(folder) / "timings.jsonl").read_text().splitlines()]
    return [
        {
            "step_s": ends[i + 1] - ends[i],
            "generation_s": row["rollout_s"] - rewards[i],
            "reward_s": rewards[i],
            "tokens": row["sampled_tokens"],
        }
        for i, row in enumerate(rows)
    ]


def trl(size: str, lengths: str, steps: int) -> list[dict[str, float]]:
    """Seconds and tokens of every step of TRL's `GRPOTrainer`."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    reward, rollouts, tokens = Reward(), [], []
    ends = [time.perf_counter()]
    rewards: list[float] = []

    class Timed(GRPOTrainer):
        """Notes the time of rollouts and the number of tokens."""

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            started = time.perf_counter()
            found = super()._generate_and_score_completions(inputs)
            rollouts.append(time.perf_counter() - started)
            tokens.append(float(found["completion_mask"].sum()))
            return found

    class Ends(TrainerCallback):
        """Notes the ends of steps."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            ends.append(time.perf_counter())
            rewards.append(reward.taken())

    def distinct(completions: Sequence[str], **columns: Any) -> list[float]:
        return reward(completions)

    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=PROMPTS * GROUP,
            num_generations=GROUP,
            gradient_accumulation_steps=1,
            max_completion_length=NEW_TOKENS,
            learning_rate=RATE,
            loss_type="grpo",
            beta=0.0,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            save_strategy="no",
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        rng = np.random.default_rng(0)
        data = Dataset.from_list([{"prompt": prompt(rng)} for _ in range(PROMPTS * steps)])
        made = Timed(
            make_model(size, lengths),
            distinct,
            args=config,
            train_dataset=data,
            processing_class=make_tokenizer(),
            callbacks=[Ends()],
        )
        made.train()
    return [
        {
            "step_s": ends[i + 1] - ends[i],
            "generation_s": rollouts[i] - rewards[i],
            "reward_s": rewards[i],
            "tokens": tokens[i],
        }
        for i in range(steps)
    ]


def work(side: str, size: str, lengths: str, steps: int) -> None:
    """Measure one side in this process; the last line printed is the result."""
    rows = (ours if side == "ours" else trl)(size, lengths, WARM + steps)[WARM:]
    names = ("rlvr-gym", "gymnasium") if side == "ours" else ("trl", "accelerate", "datasets")
    result = {
        "steps": rows,
        "parameters": sum(parameter.numel() for parameter in make_model(size, lengths).parameters()),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("torch", "transformers", *names)},
    }
    print("\n" + json.dumps(result))


def matmul_peak() -> float:
    """Floating-point operations a second of the best of a few products of 2048 x 2048 matrices, fp32."""
    a, b = torch.ones(2048, 2048), torch.ones(2048, 2048)
    best = float("inf")
    for _ in range(8):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * 2048**3 / best


def run(python: str, side: str, size: str, lengths: str, steps: int) -> dict[str, Any]:
    """One side in a process of its own."""
    command = [python, __file__, "--worker", side, "--size", size, "--lengths", lengths, "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summary(runs: Sequence[dict[str, Any]], peak: float) -> dict[str, Any]:
    """The figures of one side from its processes."""
    rows = [row for each in runs for row in each["steps"]]
    step_s = statistics.median(row["step_s"] for row in rows)
    generation_s, reward_s = (statistics.median(row[key] for row in rows) for key in ("generation_s", "reward_s"))
    tokens, n = statistics.mean(row["tokens"] for row in rows), runs[0]["parameters"]
    floor = 2 * n * (tokens + PROMPTS * PROMPT_TOKENS) + 6 * n * (tokens + PROMPTS * GROUP * PROMPT_TOKENS)
    return {
        "step_s": round(step_s, 4),
        "step_s_all": [round(row["step_s"], 4) for row in rows],
        "generation_s": round(generation_s, 4),
        "reward_s": round(reward_s, 6),
        "training_s": round(
            statistics.median(row["step_s"] - row["generation_s"] - row["reward_s"] for row in rows), 4
        ),
        "tokens_per_s": round(statistics.median(row["tokens"] / row["step_s"] for row in rows), 1),
        "tokens_a_step": round(tokens, 1),
        "mean_length": round(tokens / (PROMPTS * GROUP), 2),
        "floor_s": round(floor / peak, 4),
        "floor_share": round(floor / peak / step_s, 3),
        "peak_memory_mib": round(max(each["peak_memory_mib"] for each in runs)),
    }


def cell(size: str, lengths: str, pythons: dict[str, str], rounds: int, steps: int) -> dict[str, Any]:
    """Both sides of one size and one kind of lengths, in turns."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    peak = matmul_peak()
    for number in range(rounds):
        for side in SIDES if number % 2 == 0 else reversed(SIDES):
            runs[side].append(run(pythons[side], side, size, lengths, steps))
            peak = max(peak, matmul_peak())
    found = {side: summary(runs[side], peak) for side in SIDES}
    return {
        "parameters": runs["ours"][0]["parameters"],
        "threads": {side: runs[side][0]["threads"] for side in SIDES},
        "versions": {side: runs[side][0]["versions"] for side in SIDES},
        "matmul_peak_gflops": round(peak / 1e9, 1),
        "load_average": os.getloadavg(),
        **found,
        "times_as_many_tokens_per_s": round(found["ours"]["tokens_per_s"] / found["trl"]["tokens_per_s"], 3),
    }


def show(name: str, found: dict[str, Any]) -> None:
    """One line a side."""
    for side in SIDES:
        row = found[side]
        print(
            f"{name:>14} {side:>5}: {row['step_s']:.2f} s a step (generation {row['generation_s']:.2f}, training "
            f"{row['training_s']:.2f}), {row['tokens_per_s']:,.0f} tokens/s, mean length {row['mean_length']:.1f}, "
            f"{row['floor_share']:.0%} of the floor, {row['peak_memory_mib']:,} MiB"
        )
    print(f"{name:>14}: {found['times_as_many_tokens_per_s']:.2f} times as many tokens/s", flush=True)


def main() -> None:
    """Measure the cells that were asked for, print them, store them beside those that were stored before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trl-python", help="interpreter with trl")
    parser.add_argument("--size", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--lengths", nargs="*", choices=LENGTHS, default=list(LENGTHS))
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--quick", action="store_true", help="one round, to see that it runs")
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=STEPS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.size[0], args.lengths[0], args.steps)
        return
    if not args.trl_python:
        parser.error("--trl-python PYTHON is needed: the interpreter of an environment with trl")
    from core import machine

    pythons = {"ours": sys.executable, "trl": args.trl_python}
    cells = json.loads(args.out.read_text(encoding="utf-8"))["cells"] if args.out.exists() else {}
    for size in args.size:
        for lengths in args.lengths:
            name = f"{size}, {lengths}"
            cells[name] = cell(size, lengths, pythons, 1 if args.quick else ROUNDS, 2 if args.quick else args.steps)
            show(name, cells[name])
            args.out.parent.mkdir(parents=True, exist_ok=True)
            result = {"machine": machine(), "batch": [PROMPTS, GROUP, PROMPT_TOKENS, NEW_TOKENS], "cells": cells}
            args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
