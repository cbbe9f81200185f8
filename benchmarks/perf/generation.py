"""Tokens a second of our decoding against `transformers.generate`, on small Llama models.

    python benchmarks/perf/generation.py [--out benchmarks/perf/results/generation.json] [--only TEXT ...] [--quick]

Random weights in float32, 2 threads, different prompts of 16 tokens, at most 64 new tokens, sampling at temperature 1
from the whole distribution. `even` rows never end; `spread` rows end with probability 1/16 at every token (64 of 1,024
equally likely ids are end ids), so that a row has 16 tokens on average. Only tokens up to a row's end count. Ours
returns log-probabilities and entropies as well, `generate` ids alone. In every repeat the two play one after the other,
in turns; `ratio` is the median of the ratios of one and the same repeat, and of processor time for `cpu_ratio`.

`floor` is what the machine could do at most: a step of all rows costs its multiplications at the rate of a product of
large matrices, or one reading of the weights and of the cache at the rate of reading memory, whichever takes longer.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from core import machine
from rlvr_gym.agents.decoding import decode
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

VOCABULARY, PROMPT, NEW, THREADS, REPEATS = 1024, 16, 64, 2, 5
SIZES = {"4x128": (4, 128), "6x256": (6, 256), "8x512": (8, 512)}
END_IDS = list(range(0, VOCABULARY, 16))
DEFAULT_OUT = Path(__file__).parent / "results" / "generation.json"


class Time(NamedTuple):
    """What one call gave and took."""

    tokens: int
    wall_s: float
    cpu_s: float


def llama(layers: int, hidden: int) -> Any:
    """A random model with heads of 32 and tied embeddings."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    return LlamaForCausalLM(config).eval()


def ours(model: Any, ids_BL: Tensor, ends: Sequence[int], seed: int) -> int:
    """Tokens that our decoding gave."""
    uniforms = torch.rand(len(ids_BL), NEW, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return int(decode(model, ids_BL.tolist(), uniforms, eos_ids=ends).lengths_B.sum())


def theirs(model: Any, ids_BL: Tensor, ends: Sequence[int], seed: int) -> int:
    """Tokens that `generate` gave."""
    torch.manual_seed(seed)
    more: dict[str, Any] = {"eos_token_id": list(ends), "pad_token_id": 1} if ends else {}
    found = model.generate(
        input_ids=ids_BL,
        attention_mask=torch.ones_like(ids_BL),
        max_new_tokens=NEW,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        **more,
    )[:, ids_BL.shape[1] :]
    if not ends:
        return found.numel()
    ended = torch.isin(found, torch.tensor(ends))
    return int(torch.where(ended.any(1), ended.int().argmax(1) + 1, found.shape[1]).sum())


def clocked(call: Callable[[], int]) -> Time:
    """One call, on the wall clock and on that of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = call()
    return Time(tokens, time.perf_counter() - wall, time.process_time() - cpu)


def compare(model: Any, rows: int, ends: Sequence[int], repeats: int) -> dict[str, float]:
    """Medians of both, and of the ratios."""
    ids = torch.randint(VOCABULARY, (rows, PROMPT), generator=torch.Generator().manual_seed(rows))
    mine, other = [], []
    for seed in range(repeats + 1):
        sides = [(mine, ours), (other, theirs)]
        for times, play in sides if seed % 2 else reversed(sides):
            times.append(clocked(lambda play=play, seed=seed: play(model, ids, ends, seed)))
    pairs = list(zip(mine[1:], other[1:], strict=True))
    return {
        "tokens_per_s": statistics.median(a.tokens / a.wall_s for a, _ in pairs),
        "generate_tokens_per_s": statistics.median(b.tokens / b.wall_s for _, b in pairs),
        "ratio": statistics.median(a.tokens / a.wall_s * b.wall_s / b.tokens for a, b in pairs),
        "ratio_min": min(a.tokens / a.wall_s * b.wall_s / b.tokens for a, b in pairs),
        "ratio_max": max(a.tokens / a.wall_s * b.wall_s / b.tokens for a, b in pairs),
        "cpu_ratio": statistics.median(a.tokens / a.cpu_s * b.cpu_s / b.tokens for a, b in pairs),
    }


def rates(repeats: int) -> dict[str, float]:
    """Multiplications and additions a second of a large product, and bytes a second of reading memory."""
    a, large = torch.randn(2048, 2048), torch.ones(64 * 2**20)
    product = min(clocked(lambda: len(a @ a)).wall_s for _ in range(repeats))
    reading = min(clocked(lambda: int(large.sum() > 0)).wall_s for _ in range(repeats))
    return {"flop_per_s": 2 * 2048**3 / product, "bytes_per_s": large.numel() * 4 / reading}


def floor(model: Any, rows: int, found: dict[str, float]) -> float:
    """Tokens a second that the machine allows, at the mean length of the context."""
    weights = sum(parameter.numel() for parameter in model.parameters())
    context = PROMPT + NEW / 2
    cached = 2 * model.config.num_hidden_layers * model.config.hidden_size * context
    flop_s = rows * (2 * weights + 2 * cached) / found["flop_per_s"]
    bytes_s = 4 * (weights + rows * cached) / found["bytes_per_s"]
    return rows / max(flop_s, bytes_s)


def figures(repeats: int, only: Sequence[str], found: dict[str, float]) -> dict[str, dict[str, float]]:
    """Every size and width."""
    results = {}
    for size, (layers, hidden) in SIZES.items():
        model = llama(layers, hidden)
        millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
        for rows, ends in ((1, []), (8, []), (128, []), (128, END_IDS)):
            name = f"{size}, {millions:.1f} M, {rows} rows, {'spread' if ends else 'even'}"
            if only and not any(text in name for text in only):
                continue
            row = compare(model, rows, ends, repeats)
            if not ends:
                row["floor_tokens_per_s"] = floor(model, rows, found)
            results[name] = {key: round(value, 2 if "ratio" in key else 0) for key, value in row.items()}
            print(f"{name:32}" + "  ".join(f"{key} {value:,g}" for key, value in results[name].items()), flush=True)
    return results


def main() -> None:
    """Read the command line, measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of figures")
    parser.add_argument("--quick", action="store_true", help="one repeat, to see that it runs")
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    load = [os.getloadavg()]
    repeats = 1 if args.quick else REPEATS
    found = rates(repeats)
    results = figures(repeats, args.only, found)
    load.append(os.getloadavg())
    result = {
        "machine": machine(),
        "threads": THREADS,
        "repeats": repeats,
        "load_average_before_and_after": load,
        "rates": found,
        "figures": results,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {args.out}; load average {load[0][0]:.1f} before, {load[1][0]:.1f} after")


if __name__ == "__main__":
    main()
