"""What TRL computes on fixed inputs, recorded for `tests/agents/test_crosscheck_trl.py`.

    python benchmarks/crosscheck/trl_losses.py [--out tests/agents/golden/trl_VERSION.json]

Runs where TRL is installed (`pip install -c constraints.txt trl`) and needs nothing of this project. TRL's trainers are
built with their own configs around a model of 160 parameters; the methods that are called are TRL's, and only what
feeds them is replaced: the log-probabilities (a leaf tensor, whose gradient is recorded), the completions and the
rewards. Inputs are float64 unless a case says otherwise. `docs/crosscheck.md` says what is compared with what.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer
from trl.experimental.gmpo import GMPOConfig, GMPOTrainer

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "agents" / "golden"
CLASSES = {
    "grpo": (GRPOTrainer, GRPOConfig),
    "rloo": (RLOOTrainer, RLOOConfig),
    "gmpo": (GMPOTrainer, GMPOConfig),
}
GROUP, LONGEST = 4, 16
DTYPES = {"float64": torch.float64, "float32": torch.float32}

Case = Mapping[str, Any]


@dataclass(frozen=True)
class Variant:
    """A loss as TRL is told to compute it.

    Args:
        kind: Which trainer.
        settings: Of its config.
        correction: Settings of the weights between sampler and trainer, by the names of the config after
            `vllm_importance_sampling_`; none for no such weights.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    correction: Mapping[str, Any] = field(default_factory=dict)


# What a variant leaves as it is; TRL's own default multiplies the KL by the ratio.
_DEFAULTS = {"beta": 0.0, "epsilon": 0.2, "use_bias_correction_kl": False}


def _grpo(loss_type: str, **settings: Any) -> Variant:
    return Variant("grpo", {"loss_type": loss_type, **_DEFAULTS, **settings})


def _corrected(mode: str, low: float | None, high: float | None) -> Variant:
    bounds = {"mode": mode, "clip_min": low, "clip_max": high}
    return Variant("grpo", {"loss_type": "dapo", **_DEFAULTS, "beta": 0.04}, bounds)


GSPO = {"importance_sampling_level": "sequence", "epsilon": 3e-4, "epsilon_high": 4e-4}
VARIANTS: dict[str, Variant] = {
    "grpo": _grpo("grpo", beta=0.04),
    "grpo, no KL": _grpo("grpo"),
    "grpo, KL times ratio": _grpo("grpo", beta=0.04, use_bias_correction_kl=True),
    "grpo, clip higher": _grpo("grpo", epsilon_high=0.28),
    "grpo, two-sided clip": _grpo("grpo", delta=3.0),
    "dr_grpo": _grpo("dr_grpo"),
    "bnpo": _grpo("bnpo"),
    "dapo": _grpo("dapo", epsilon_high=0.28),
    "dapo, KL": _grpo("dapo", beta=0.1),
    "gspo": _grpo("grpo", **GSPO),
    "gspo, KL": _grpo("grpo", **GSPO | {"beta": 0.04}),
    "gspo, dapo": _grpo("dapo", **GSPO),
    "luspo": _grpo("luspo", **GSPO),
    "cispo": _grpo("cispo", epsilon_high=5.0),
    "gmpo": Variant("gmpo", {"beta": 0.0, "epsilon": 0.4}),
    "rloo": Variant("rloo", {"beta": 0.0, "epsilon": 0.2}),
    "token_truncate": _corrected("token_truncate", None, 2.0),
    "token_mask": _corrected("token_mask", 0.5, 5.0),
    "sequence_truncate": _corrected("sequence_truncate", None, 3.0),
    "sequence_mask": _corrected("sequence_mask", 0.5, 3.0),
}
# Where a batch is cut into micro-batches, or has a row without a token.
CUT = ("grpo, no KL", "dr_grpo", "bnpo", "dapo", "gspo", "gmpo", "rloo")

REWARDS: dict[str, list[list[float | None]]] = {
    "binary": [[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]],
    "graded": [[0.2, 0.4, 0.9, -0.3], [12.0, -7.0, 3.5, 3.25]],
    "ties": [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [0.3, 0.3, 0.3, 0.7]],
    "ungraded": [[1.0, None, 0.0, 1.0], [None, None, 2.0, 0.5], [None, None, None, 3.0], [None] * 4],
    "small": [[1e-4, 2e-4, 0.0, 0.0], [1e-6, 0.0, 0.0, 0.0]],
}
ADVANTAGES: dict[str, Variant] = {
    "group": Variant("grpo", {"scale_rewards": "group"}),
    "batch": Variant("grpo", {"scale_rewards": "batch"}),
    "none": Variant("grpo", {"scale_rewards": "none"}),
    "rloo": Variant("rloo", {"beta": 0.0}),
    "rloo, normalised": Variant("rloo", {"beta": 0.0, "normalize_advantages": True}),
    "rloo, KL in the reward": Variant("rloo", {"beta": 0.05}),
}


class Given:
    """Stands where a trainer computes log-probabilities: returns those it was given, whatever the model."""

    def __init__(self, *answers: Tensor) -> None:
        self.answers = list(answers)

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, None]:
        """The next answer; the last one again and again."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer, torch.zeros_like(answer), None


class Bench:
    """TRL's trainers around one tiny model, each built once."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        rng = np.random.default_rng(7)
        model = tiny_model()
        with torch.no_grad():
            for _, parameter in sorted(model.named_parameters()):
                parameter.copy_(torch.from_numpy(np.round(rng.normal(0.0, 0.5, parameter.shape), 4)))
        self.state = {name: value.tolist() for name, value in model.double().state_dict().items()}
        model.float().save_pretrained(folder)
        self._built: dict[str, Any] = {}

    def trainer(self, variant: Variant) -> Any:
        """TRL's trainer of a variant, in training mode, one micro-batch a step."""
        key = json.dumps([variant.kind, dict(variant.settings)])
        if key not in self._built:
            made, config = CLASSES[variant.kind]
            args = config(
                output_dir=os.path.join(self.folder, "out"),
                report_to="none",
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                per_device_train_batch_size=GROUP,
                gradient_accumulation_steps=1,
                num_generations=GROUP,
                max_completion_length=LONGEST,
                **variant.settings,
            )
            data = Dataset.from_list([{"prompt": "a"}] * 16)
            self._built[key] = made(self.folder, no_reward, args=args, train_dataset=data, processing_class=letters())
        trainer = self._built[key]
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = 1
        trainer.args.steps_per_generation = 1
        if variant.kind == "grpo":
            trainer.use_vllm = bool(variant.correction)
            trainer.vllm_importance_sampling_correction = bool(variant.correction)
            for name, value in variant.correction.items():
                setattr(trainer, f"vllm_importance_sampling_{name}", value)
        return trainer


def no_reward(completions: Sequence[Any], **columns: Any) -> list[float]:
    """A reward that no one reads."""
    return [0.0] * len(completions)


def letters() -> Any:
    """A tokenizer of eight words, the first two of them special."""
    words = {word: i for i, word in enumerate(["<pad>", "<eos>", *"abcdef"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>")


def tiny_model() -> Any:
    """A Llama with tied embeddings; `MODEL` are its settings."""
    return LlamaForCausalLM(LlamaConfig(**MODEL))


MODEL: dict[str, Any] = {
    "vocab_size": 8,
    "hidden_size": 4,
    "intermediate_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}


def inputs(seed: int, rows: int, width: int, spread: float, *, holes: bool = False, dtype: str = "float64") -> Case:
    """Random inputs of a loss: log-probabilities of four policies, a ragged mask and advantages of both signs.

    Args:
        seed: Of the generator.
        rows: B, a multiple of `GROUP`.
        width: T, the length of the longest row.
        spread: Standard deviation of the log ratio.
        holes: Whether tokens within rows are masked too, as those of a tool are.
        dtype: In which the tensors are given to TRL.
    """
    rng = np.random.default_rng(seed)
    logprobs = np.round(-rng.exponential(1.0 + spread, (rows, width)), 4)
    old, reference, sampler = (
        np.round(np.minimum(logprobs + rng.normal(0.0, s, (rows, width)), -1e-4), 4) for s in (spread, 0.5, 0.5)
    )
    lengths = np.concatenate([[width], rng.integers(1, width + 1, rows - 1)])
    mask = np.arange(width)[None, :] < lengths[:, None]
    if holes:
        mask &= (rng.random((rows, width)) < 0.7) | (np.arange(width)[None, :] == 0)
    advantages = np.round(rng.normal(0.0, 1.5, rows), 4)
    advantages[:2] = np.abs(advantages[:2]) * [1, -1]
    arrays = {"logprobs": logprobs, "old": old, "reference": reference, "sampler": sampler, "advantages": advantages}
    return {
        "dtype": dtype,
        **{name: array.tolist() for name, array in arrays.items()},
        "mask": mask.astype(int).tolist(),
    }


CASES: dict[str, Case] = {
    "near": inputs(1, 4, 5, 0.1),
    "far": inputs(2, 8, 6, 1.0),
    "holes": inputs(3, 4, 6, 0.5, holes=True),
    "one token": inputs(4, 4, 1, 0.5),
    "extreme": inputs(5, 4, 3, 4.0),
    "float32": inputs(6, 4, 5, 0.5, dtype="float32"),
}


def tensors(case: Case, part: slice = slice(None)) -> dict[str, Tensor]:
    """The arrays of a case; the mask is of integers, as TRL's."""
    dtype = DTYPES[case["dtype"]]
    names = ("logprobs", "old", "reference", "sampler", "advantages")
    found = {name: torch.tensor(case[name], dtype=dtype)[part] for name in names}
    return {**found, "mask": torch.tensor(case["mask"])[part]}


def measured_loss(trainer: Any, case: Case, part: slice = slice(None)) -> dict[str, Any]:
    """Loss, its gradient with respect to the log-probabilities, and shares of clipped tokens, of TRL's method."""
    given = tensors(case, part)
    leaf = given["logprobs"].clone().requires_grad_()
    trainer._get_per_token_logps_and_entropies = Given(leaf)
    mask, prompts = given["mask"], torch.ones(len(leaf), 1, dtype=torch.long)
    batch = {
        "prompt_ids": prompts,
        "prompt_mask": prompts,
        "completion_ids": torch.ones_like(mask),
        "completion_mask": mask,
        "advantages": given["advantages"],
        "old_per_token_logps": given["old"],
        "old_logps": (given["old"] * mask).sum(1),
        "ref_per_token_logps": given["reference"],
        "num_items_in_batch": torch.tensor(case["mask"]).sum(),
    }
    if getattr(trainer, "use_vllm", False):
        batch["importance_sampling_ratio"] = measured_weights(trainer, case)
        trainer._get_per_token_logps_and_entropies = Given(leaf)
    trainer._metrics["train"].clear()
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    found = {"loss": exact(loss), "gradient": exact(leaf.grad)}
    metrics = trainer._metrics["train"]
    for side in ("low", "high"):
        if f"clip_ratio/{side}_mean" in metrics:
            found[f"clip_{side}"] = metrics[f"clip_ratio/{side}_mean"][-1]
    return found


def measured_scores(trainer: Any, rewards: Tensor, case: Case | None = None) -> dict[str, Any]:
    """What TRL makes of rewards, shape [N], and of the log-probabilities of a case."""
    rows = len(rewards)
    if case is None:
        lengths, logps = [1] * rows, torch.zeros(rows, 1, dtype=torch.float64)
        old = reference = sampler = logps
        holes = None
    else:
        given = tensors(case)
        old, reference, sampler = given["old"], given["reference"], given["sampler"]
        lengths = [old.shape[1]] * rows
        holes = given["mask"].tolist()
    ids = [[2] * length for length in lengths]
    plain = ([[2]] * rows, ids, ["a"] * rows)
    agentic = ([[2]] * rows, ids, holes, ["a"] * rows, sampler.tolist(), {}, None, None)
    trainer._generate = lambda prompts: plain if isinstance(trainer, RLOOTrainer) else agentic
    trainer._calculate_rewards = lambda *args: rewards[:, None]
    trainer._get_per_token_logps_and_entropies = Given(old, reference)
    with float_default(old.dtype):
        found: dict[str, Any] = trainer._generate_and_score_completions([{"prompt": "a"}] * rows)
    return found


@contextlib.contextmanager
def float_default(dtype: torch.dtype) -> Any:
    """TRL turns lists of log-probabilities into tensors of the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def measured_weights(trainer: Any, case: Case) -> Tensor:
    """TRL's weights between sampler and trainer; shape [B, T], or [B, 1] for whole rows."""
    rewards = torch.zeros(len(case["advantages"]), dtype=torch.float64)
    weights: Tensor = measured_scores(trainer, rewards, case)["importance_sampling_ratio"]
    return weights


def measured_cut(bench: Bench, variant: Variant, case: Case) -> dict[str, Any]:
    """Loss and gradient of two micro-batches of unequal numbers of tokens, added up as a training step does."""
    trainer = bench.trainer(variant)
    trainer.current_gradient_accumulation_steps = trainer.args.steps_per_generation = 2
    half = len(case["advantages"]) // 2
    parts = [measured_loss(trainer, case, part) for part in (slice(0, half), slice(half, None))]
    # TRL's RLOO leaves the division by the number of micro-batches to the transformers Trainer.
    share = 0.5 if variant.kind == "rloo" else 1.0
    rows = [[share * value for value in row] for part in parts for row in part["gradient"]]
    return {"loss": share * sum(part["loss"] for part in parts), "gradient": rows}


def measured_model(bench: Bench) -> dict[str, Any]:
    """One GRPO loss through a real model: log-probabilities, entropies, loss and the gradient of every parameter."""
    temperature = 0.7
    trainer = bench.trainer(_grpo("grpo", beta=0.04, temperature=temperature))
    model = trainer.model.double()
    prompts, responses = [[2, 3], [4], [5, 6, 7]], [[3, 4, 5, 1], [6, 6], [7, 2, 1]]
    width, length = max(map(len, prompts)), max(map(len, responses))
    batch = {
        "prompt_ids": torch.tensor([[0] * (width - len(row)) + row for row in prompts]),
        "prompt_mask": torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts]),
        "completion_ids": torch.tensor([row + [0] * (length - len(row)) for row in responses]),
        "completion_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in responses]),
    }
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    attention = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    logps, entropies, _ = trainer._get_per_token_logps_and_entropies(
        model, ids, attention, length, compute_entropy=True
    )
    mask = batch["completion_mask"]
    old = torch.where(mask.bool(), logps.detach() + 0.3 * torch.cos(torch.arange(length)), 0.0).round(decimals=4)
    reference = torch.where(mask.bool(), logps.detach() - 0.2, 0.0).round(decimals=4)
    advantages = torch.tensor([1.0, -0.5, 0.75], dtype=torch.float64)
    fed = {"advantages": advantages, "old_per_token_logps": old, "ref_per_token_logps": reference}
    loss = trainer._compute_loss(model, {**batch, **fed})
    loss.backward()
    return {
        "config": MODEL,
        "state": bench.state,
        "temperature": temperature,
        "prompts": prompts,
        "responses": responses,
        "old": exact(old),
        "reference": exact(reference),
        "advantages": exact(advantages),
        "logprobs": exact(torch.where(mask.bool(), logps, 0.0)),
        "entropies": exact(torch.where(mask.bool(), entropies, 0.0)),
        "loss": exact(loss),
        "gradient": {name: exact(parameter.grad) for name, parameter in model.named_parameters()},
    }


def exact(value: Tensor) -> Any:
    """A tensor as numbers of twelve digits."""
    plain = value.detach().to(torch.float64).tolist()
    return _shortened(plain)


def _shortened(value: Any) -> Any:
    return [_shortened(item) for item in value] if isinstance(value, list) else float(f"{value:.12g}")


def measure() -> dict[str, Any]:
    """Everything that is recorded, as JSON values."""
    quiet = contextlib.redirect_stdout(io.StringIO())
    with tempfile.TemporaryDirectory() as folder, quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bench = Bench(folder)
        losses = {
            case: {name: measured_loss(bench.trainer(variant), CASES[case]) for name, variant in VARIANTS.items()}
            for case in CASES
        }
        weights = {
            case: {
                name: exact(measured_weights(bench.trainer(variant), CASES[case]))
                for name, variant in VARIANTS.items()
                if variant.correction
            }
            for case in CASES
        }
        empty = dict(CASES["far"], mask=[*CASES["far"]["mask"][:-1], [0] * len(CASES["far"]["mask"][0])])
        return {
            "versions": {name: version(name) for name in ("trl", "torch", "transformers")},
            "group": GROUP,
            "longest": LONGEST,
            "variants": {name: vars(variant) for name, variant in VARIANTS.items()},
            "cases": CASES,
            "losses": losses,
            "weights": weights,
            "empty_row": {name: measured_loss(bench.trainer(VARIANTS[name]), empty) for name in CUT},
            "micro_batches": {name: measured_cut(bench, VARIANTS[name], CASES["holes"]) for name in CUT},
            "rewards": REWARDS,
            "advantages": measured_advantages(bench),
            "model": measured_model(bench),
        }


def measured_advantages(bench: Bench) -> dict[str, dict[str, list[float]]]:
    """Advantages of every table of rewards; where the reward carries a KL, that of the rows of `near`, unmasked."""
    found: dict[str, dict[str, list[float]]] = {}
    for name, variant in ADVANTAGES.items():
        found[name] = {}
        for table, rows in REWARDS.items():
            flat = [math.nan if value is None else value for row in rows for value in row]
            case = repeated(CASES["near"], len(flat)) if "KL" in name else None
            scores = measured_scores(bench.trainer(variant), torch.tensor(flat, dtype=torch.float64), case)
            found[name][table] = exact(scores["advantages"])
    return found


def repeated(case: Case, rows: int) -> Case:
    """A case with this many rows, those it has again and again, and no token masked."""
    arrays = {name: [case[name][i % len(case[name])] for i in range(rows)] for name in case if name != "dtype"}
    return {**arrays, "dtype": case["dtype"], "mask": [[1] * len(case["mask"][0])] * rows}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN / f"trl_{version('trl')}.json")
    args = parser.parse_args()
    found = measure()
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items())
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    sys.stdout.write(f"wrote {args.out}\n")


if __name__ == "__main__":
    main()
