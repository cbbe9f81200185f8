"""Two runs on the same tasks: did training move pass@1, pass@k, or both?

The comparison is paired by task: the tasks that are complete in both runs, the difference of each task's pass@k, and
one bootstrap over tasks for all k. A statement about the whole curve uses a simultaneous band; where the band does not
settle the question the answer is "unresolved".
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rlvr_gym.benchmarks.curve import BOOTSTRAP_SEED, LEVEL, RESAMPLES, Summary, TaskCounts, count_tasks
from rlvr_gym.benchmarks.estimators import Floats, bootstrap_means, pass_at_k_table, simultaneous_band
from rlvr_gym.benchmarks.folder import RunFolder, identity_of, refuse_foreign, write_json
from rlvr_gym.benchmarks.runner import summarise_run
from rlvr_gym.verifiers import ConfigError


@dataclass(frozen=True)
class Difference:
    """other - base at one k, with its simultaneous 95 % band."""

    k: int
    base: float
    other: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Support:
    """Which tasks were solved at least once, in n samples each."""

    both: int
    only_base: int
    only_other: int
    neither: int


@dataclass(frozen=True)
class Comparison:
    """The paired comparison of two runs.

    Args:
        base: Name of the first run.
        other: Name of the second.
        tasks: Tasks that are complete in both.
        left_out: Tasks that are not.
        n: Samples a task that each estimate is made of: the smaller of the two runs' minima.
        curve: One difference a k.
        verdict: `"other above at every k"`, `"base above at every k"`, `"base overtakes"`, `"other overtakes"`, or
            `"unresolved"`.
        crossover_k: Where the difference of the point estimates changes sign, interpolated in log k; None where it
            does not.
        crossover_low: 2.5 % quantile of the crossover among the resamples that cross.
        crossover_high: 97.5 % quantile.
        support: Tasks solved by both, one or neither.
        sentence: All that in one sentence.
    """

    base: str
    other: str
    tasks: int
    left_out: int
    n: int
    curve: tuple[Difference, ...]
    verdict: str
    crossover_k: float | None
    crossover_low: float | None
    crossover_high: float | None
    support: Support
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)


def compare(base: str | Path, other: str | Path, out: str | Path) -> tuple[Comparison, tuple[Summary, Summary]]:
    """Compare two run folders, paired by task.

    Args:
        base: Run folder of the first policy, usually the base model.
        other: Run folder of the second, usually the trained one.
        out: Folder for `compare.json` and `compare.csv`.

    Returns:
        The comparison and both runs' summaries.

    Raises:
        RunFolderError: A folder is not a run or is damaged.
        ConfigError: The runs differ in environment or verifier, or share no complete task or no k.
    """
    runs = RunFolder(base), RunFolder(other)
    configs = runs[0].config(), runs[1].config()
    ours, theirs = identity_of(configs[0]), identity_of(configs[1])
    if differing := [key for key in ours if ours[key] != theirs[key]]:
        lines = "; ".join(f"{key}: {ours[key]} and {theirs[key]}" for key in differing)
        raise ConfigError(f"the runs cannot be compared, they differ in {lines}")
    ks = tuple(sorted(set(configs[0]["ks"]) & set(configs[1]["ks"])))
    if not ks:
        raise ConfigError(f"the runs share no k: {configs[0]['ks']} and {configs[1]['ks']}")
    folder = Path(out)
    refuse_foreign(folder, "a comparison", own="compare.json")
    summaries = summarise_run(runs[0]), summarise_run(runs[1])
    counts = [
        {c.task: c for c in count_tasks(config["tasks"], _within(run, config))}
        for run, config in zip(runs, configs, strict=True)
    ]
    names = _distinct_names(runs)
    comparison = compare_counts(counts[0], counts[1], ks, names)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "compare.json", comparison.to_dict())
    _write_csv(folder / "compare.csv", comparison)
    return comparison, summaries


def compare_counts(
    base: Mapping[str, TaskCounts], other: Mapping[str, TaskCounts], ks: tuple[int, ...], names: tuple[str, str]
) -> Comparison:
    """Compare counts by task.

    Args:
        base: Counts of the first run, by task.
        other: Counts of the second.
        ks: Values of k, rising.
        names: What to call the two.

    Raises:
        ConfigError: No task has max(ks) gradable samples in both.

    Example:
        >>> base = {str(i): TaskCounts(str(i), 8, 2, 0) for i in range(50)}
        >>> other = {str(i): TaskCounts(str(i), 8, 6, 0) for i in range(50)}
        >>> compare_counts(base, other, (1, 2), ("base", "rl")).verdict
        'other above at every k'
    """
    every = list(dict.fromkeys([*base, *other]))
    paired = [t for t in every if t in base and t in other and min(base[t].n, other[t].n) >= max(ks)]
    if not paired:
        raise ConfigError(f"no task has {max(ks)} gradable samples in both runs: nothing can be compared")
    tables = [
        pass_at_k_table(np.array([run[t].n for t in paired]), np.array([run[t].passed for t in paired]), ks)
        for run in (base, other)
    ]
    difference_TK = tables[1] - tables[0]
    estimate_K = difference_TK.mean(axis=0)
    means_RK = bootstrap_means(difference_TK, RESAMPLES, BOOTSTRAP_SEED)
    band = simultaneous_band(means_RK, estimate_K, LEVEL)
    curve = tuple(
        Difference(
            k,
            float(tables[0][:, i].mean()),
            float(tables[1][:, i].mean()),
            float(estimate_K[i]),
            float(band.low_K[i]),
            float(band.high_K[i]),
        )
        for i, k in enumerate(ks)
    )
    crossings = [found for row in means_RK if (found := crossover(ks, row)) is not None]
    where = crossover(ks, estimate_K)
    low, high = np.quantile(crossings, [0.025, 0.975]).tolist() if where is not None and crossings else (None, None)
    verdict = _verdict(curve)
    return Comparison(
        base=names[0],
        other=names[1],
        tasks=len(paired),
        left_out=len(every) - len(paired),
        n=min(min(base[t].n, other[t].n) for t in paired),
        curve=curve,
        verdict=verdict,
        crossover_k=where,
        crossover_low=low,
        crossover_high=high,
        support=_support([base[t] for t in paired], [other[t] for t in paired]),
        sentence=_sentence(verdict, curve, where, (low, high), names),
    )


def crossover(ks: Sequence[int], difference_K: Floats) -> float | None:
    """The first k at which the difference changes sign, interpolated linearly in log k; None where it keeps its sign.

    Example:
        >>> round(crossover((1, 4), np.array([0.1, -0.1])), 6)
        2.0
    """
    signs = np.sign(difference_K)
    for i in range(len(ks) - 1):
        if signs[i] * signs[i + 1] < 0:
            share = difference_K[i] / (difference_K[i] - difference_K[i + 1])
            return float(np.exp(np.log(ks[i]) + share * (np.log(ks[i + 1]) - np.log(ks[i]))))
    return None


def _verdict(curve: Sequence[Difference]) -> str:
    if all(point.low > 0 for point in curve):
        return "other above at every k"
    if all(point.high < 0 for point in curve):
        return "base above at every k"
    first = next((p for p in curve if p.low > 0 or p.high < 0), None)
    last = next((p for p in reversed(curve) if p.low > 0 or p.high < 0), None)
    if first is not None and last is not None and first.low > 0 and last.high < 0:
        return "base overtakes"
    if first is not None and last is not None and first.high < 0 and last.low > 0:
        return "other overtakes"
    return "unresolved"


def _sentence(
    verdict: str,
    curve: Sequence[Difference],
    where: float | None,
    interval: tuple[float | None, float | None],
    names: tuple[str, str],
) -> str:
    base, other = names
    first, last = curve[0], curve[-1]
    at = f"k* = {where:.3g} (95 % of resamples that cross: {interval[0]:.3g} to {interval[1]:.3g})" if where else ""
    texts = {
        "other above at every k": f"{other} is above {base} at every k from {first.k} to {last.k}",
        "base above at every k": f"{base} is above {other} at every k from {first.k} to {last.k}",
        "base overtakes": f"{other} is above at small k, {base} overtakes it: {at}",
        "other overtakes": f"{base} is above at small k, {other} overtakes it: {at}",
        "unresolved": "unresolved as a whole: "
        + "; ".join(settled(curve, names))
        + (f"; the point estimates cross at {at}" if at else ""),
    }
    return texts[verdict]


def settled(curve: Sequence[Difference], names: tuple[str, str]) -> list[str]:
    """Which k the band settles, and how, as parts of a sentence.

    Example:
        >>> settled([Difference(1, 0.2, 0.5, 0.3, 0.1, 0.5), Difference(2, 0.5, 0.6, 0.1, -0.1, 0.3)], ("base", "rl"))
        ['rl is above at k = 1', 'not settled at k = 2']
    """
    parts = (
        (f"{names[1]} is above at k = ", [p.k for p in curve if p.low > 0]),
        (f"{names[0]} is above at k = ", [p.k for p in curve if p.high < 0]),
        ("not settled at k = ", [p.k for p in curve if p.low <= 0 <= p.high]),
    )
    return [text + ", ".join(map(str, ks)) for text, ks in parts if ks]


def _support(base: Sequence[TaskCounts], other: Sequence[TaskCounts]) -> Support:
    solved = [(b.passed > 0, o.passed > 0) for b, o in zip(base, other, strict=True)]
    return Support(
        both=solved.count((True, True)),
        only_base=solved.count((True, False)),
        only_other=solved.count((False, True)),
        neither=solved.count((False, False)),
    )


def _within(run: RunFolder, config: Mapping[str, Any]) -> list[Any]:
    return [sample for sample in run.samples().values() if sample.sample < config["n"]]


def _distinct_names(runs: tuple[RunFolder, RunFolder]) -> tuple[str, str]:
    first, second = runs[0].name, runs[1].name
    return (first, second) if first != second else (f"{first} (base)", f"{second} (other)")


def _write_csv(file: Path, comparison: Comparison) -> None:
    with file.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["k", "base", "other", "difference", "low", "high", "tasks"])
        for p in comparison.curve:
            figures = [f"{value:.6f}" for value in (p.base, p.other, p.difference, p.low, p.high)]
            writer.writerow([p.k, *figures, comparison.tasks])
