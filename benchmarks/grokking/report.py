"""The figure and its numbers, made of the folders of an experiment alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlvr_gym.agents.tracking import read_json_lines
from rlvr_gym.benchmarks.grokking.plan import ARMS
from rlvr_gym.benchmarks.plots import SERIES
from rlvr_gym.verifiers import ConfigError, MissingExtraError

KEPT = ("step", "pass_rate", "reward_mean", "entropy", "tied_groups", "schedule_stage", "train_exact", "test_exact")


def summary(out: Path) -> dict[str, Any]:
    """All that the page says: the plan, what bases and trained models can do, curves, and when each arm turned.

    Args:
        out: A folder of `grok`, of which some parts may be missing.

    Raises:
        ConfigError: There is no experiment.
    """
    file = out / "plan.json"
    if not file.exists():
        raise ConfigError(f"there is no experiment in {out}: run `rlvr grok --out {out}` first")
    plan = json.loads(file.read_text(encoding="utf-8"))
    bases, runs = {}, []
    for seed in plan["seeds"]:
        folder = out / f"seed-{seed}"
        if (folder / "base" / "support.json").exists():
            bases[str(seed)] = json.loads((folder / "base" / "support.json").read_text(encoding="utf-8"))
        for arm in plan["arms"]:
            if (folder / arm / "metrics.jsonl").exists():
                runs.append(_run(folder / arm, arm, seed))
    return {"plan": plan, "bases": bases, "runs": runs}


def _run(folder: Path, arm: str, seed: int) -> dict[str, Any]:
    rows = read_json_lines(folder / "metrics.jsonl")
    file = folder / "support.json"
    after = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    curves = {key: [row.get(key) for row in rows] for key in KEPT}
    return {"arm": arm, "seed": seed, "after": after, "turn": turn(rows), "curves": curves}


def turn(rows: Sequence[dict[str, Any]]) -> dict[str, int | None]:
    """When a run turned, as steps.

    Returns:
        `switch`: the first step of the binary stage; `first`: with a response that passed; `tenth` and `nine_tenths`:
        with such a share of them; None for what never came. Between the first two lies the plateau, between the last
        two the transition.

    Example:
        >>> rows = [{"step": n, "pass_rate": rate} for n, rate in enumerate((0.0, 0.01, 0.2, 0.95), start=1)]
        >>> turn(rows)
        {'switch': None, 'first': 2, 'tenth': 3, 'nine_tenths': 4}
    """

    def first(found: Any) -> int | None:
        return next((int(row["step"]) for row in rows if found(row)), None)

    return {
        "switch": first(lambda row: row.get("schedule_stage", 0.0) >= 1.0),
        "first": first(lambda row: row["pass_rate"] > 0.0),
        "tenth": first(lambda row: row["pass_rate"] >= 0.1),
        "nine_tenths": first(lambda row: row["pass_rate"] >= 0.9),
    }


def rows(found: dict[str, Any]) -> list[str]:
    """The numbers of an experiment as rows of Markdown: bases, then runs.

    Args:
        found: See `summary`.
    """
    lines = ["| seed | base, samples | that pass | at most, 95 % | taught rightly |", "|---|---|---|---|---|"]
    for seed, base in found["bases"].items():
        pooled, each, control = base["pooled"], base["each"], base["taught_rightly"]
        samples, passed = pooled["samples"] + each["samples"], pooled["passed"] + each["passed"]
        bound = 1.0 - 0.05 ** (1.0 / samples) if not passed else 1.0
        lines.append(f"| {seed} | {samples:,} | {passed} | {bound:.1e} | {control['exact_rate']:.1%} |")
    head = (
        "arm",
        "seed",
        "switch",
        "first pass",
        "10 %",
        "90 %",
        "passes in training",
        "train, every tape",
        "held out",
    )
    lines += ["", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for run in found["runs"]:
        turned = [str(run["turn"][key] or "-") for key in ("switch", "first", "tenth", "nine_tenths")]
        plan = found["plan"]
        passed = sum(run["curves"]["pass_rate"]) * plan["prompts"] * plan["group"]
        after = run["after"] or {}
        sides = [f"{after[side]['exact_rate']:.1%}" if side in after else "-" for side in ("train", "test")]
        lines.append(f"| {' | '.join([run['arm'], str(run['seed']), *turned, f'{passed:,.0f}', *sides])} |")
    return lines


def draw(found: dict[str, Any], file: Path) -> None:
    """Pass rate and dense reward over the steps: a thin line a run, a thick one their mean, a rule at each switch.

    Args:
        found: See `summary`.
        file: A PNG or SVG; the same numbers give the same bytes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plots", file.name) from error
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, key, title in zip(
        axes, ("pass_rate", "reward_mean"), ("responses that are right", "mean reward of the arm"), strict=True
    ):
        for style, arm in zip(SERIES, ARMS, strict=False):
            runs = [run for run in found["runs"] if run["arm"] == arm]
            for run in runs:
                axis.plot(run["curves"]["step"], run["curves"][key], color=style.light, alpha=0.6, linewidth=1.0)
                if run["turn"]["switch"] is not None:
                    axis.axvline(run["turn"]["switch"], color=style.light, linestyle=":", linewidth=0.9)
            if runs:
                steps = min(len(run["curves"]["step"]) for run in runs)
                mean = [sum(run["curves"][key][place] for run in runs) / len(runs) for place in range(steps)]
                axis.plot(
                    runs[0]["curves"]["step"][:steps], mean, color=style.light, linewidth=2.4, label=ARMS[arm].says
                )
        axis.set(xlabel="step", title=title)
        axis.grid(alpha=0.25)
    axes[0].set_ylim(-0.02, 1.02)
    if found["runs"]:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    metadata = {"Software": None} if file.suffix == ".png" else {"Date": None}
    figure.savefig(file, dpi=120, metadata=metadata)
