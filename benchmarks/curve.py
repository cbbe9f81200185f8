"""From samples to a pass@k curve: one fixed task set, one row a k, with a band over tasks.

A task is included when it has at least max(k) gradable samples; otherwise it is listed as incomplete and left out of
every k, because a curve whose task set changes along k may fall where nothing got worse. Ungradable samples are
counted apart and enter no estimate.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rlvr_gym.agents.episode import tool_totals
from rlvr_gym.benchmarks.estimators import bootstrap_means, pass_at_k_table, percentile_band
from rlvr_gym.benchmarks.folder import Sample

RESAMPLES = 2000
BOOTSTRAP_SEED = 0
LEVEL = 0.95


@dataclass(frozen=True)
class CurvePoint:
    """pass@k at one k: the mean over tasks and its 95 % bootstrap interval."""

    k: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class TaskCounts:
    """What happened on one task: gradable samples, passes among them, ungradable samples."""

    task: str
    n: int
    passed: int
    ungradable: int


@dataclass(frozen=True)
class Agreement:
    """Our verdicts beside recorded labels; the four counts after the first add up to it."""

    labelled: int
    agreed: int
    passed_but_labelled_wrong: int
    failed_but_labelled_right: int
    not_judged: int


@dataclass(frozen=True)
class Summary:
    """All figures of one run; `summary.json`.

    Args:
        run: Name of the run.
        env: Environment id.
        policy: What was sampled, as text.
        verifier: Who judged.
        n: Samples asked for of each task.
        ks: The values of k.
        curve: One point a k; empty where no task is complete.
        tasks: Tasks asked for.
        included: Tasks that the curve is made of.
        incomplete: The others, with their counts.
        samples: Rows.
        passed: Passed rows.
        ungradable: Rows that could not be judged.
        cut_off: Rows whose generation hit the length limit.
        statuses: Rows by status.
        unanimous: Share of included tasks all of whose samples have one text: near 1 with n > 1 means that sampling is
            broken
            or greedy.
        agreement: Comparison with recorded labels, where there are any.
        tools: Tool to its calls, errors and cost in all rows; None where the environment has no tools.
        note: Why the curve is empty or partial; empty where it is whole.
    """

    run: str
    env: str
    policy: str
    verifier: str
    n: int
    ks: tuple[int, ...]
    curve: tuple[CurvePoint, ...]
    tasks: int
    included: int
    incomplete: tuple[TaskCounts, ...]
    samples: int
    passed: int
    ungradable: int
    cut_off: int
    statuses: dict[str, int]
    unanimous: float
    agreement: Agreement | None
    tools: dict[str, dict[str, float]] | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)


def count_tasks(task_ids: Sequence[str], samples: Iterable[Sample]) -> list[TaskCounts]:
    """Counts of each task, in the order given; tasks without a row count zero."""
    n: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    ungradable: Counter[str] = Counter()
    for sample in samples:
        if sample.gradable:
            n[sample.task] += 1
            passed[sample.task] += bool(sample.passed)
        else:
            ungradable[sample.task] += 1
    return [TaskCounts(task, n[task], passed[task], ungradable[task]) for task in task_ids]


def curve_of(counts: Sequence[TaskCounts], ks: tuple[int, ...]) -> tuple[CurvePoint, ...]:
    """The curve over tasks that all have at least max(ks) gradable samples; empty for no task.

    Example:
        >>> curve_of([TaskCounts("a", 4, 1, 0), TaskCounts("b", 4, 4, 0)], (1, 4))[0].estimate
        0.625
    """
    if not counts:
        return ()
    table_TK = pass_at_k_table(np.array([c.n for c in counts]), np.array([c.passed for c in counts]), ks)
    band = percentile_band(bootstrap_means(table_TK, RESAMPLES, BOOTSTRAP_SEED), LEVEL)
    estimates = table_TK.mean(axis=0)
    return tuple(
        CurvePoint(k, float(e), float(low), float(high))
        for k, e, low, high in zip(ks, estimates, band.low_K, band.high_K, strict=True)
    )


def summarise(
    *,
    run: str,
    env: str,
    policy: str,
    verifier: str,
    n: int,
    ks: tuple[int, ...],
    task_ids: Sequence[str],
    samples: Sequence[Sample],
) -> Summary:
    """All figures of a run, from its samples alone."""
    counts = count_tasks(task_ids, samples)
    included = [c for c in counts if c.n >= max(ks)]
    incomplete = tuple(c for c in counts if c.n < max(ks))
    return Summary(
        run=run,
        env=env,
        policy=policy,
        verifier=verifier,
        n=n,
        ks=ks,
        curve=curve_of(included, ks),
        tasks=len(counts),
        included=len(included),
        incomplete=incomplete,
        samples=len(samples),
        passed=sum(bool(s.passed) for s in samples),
        ungradable=sum(not s.gradable for s in samples),
        cut_off=sum(s.finish_reason == "length" for s in samples),
        statuses=dict(sorted(Counter(s.status for s in samples).items())),
        unanimous=_unanimous({c.task for c in included}, samples),
        agreement=_agreement(samples),
        tools=tool_totals(s.tools for s in samples) if any(s.tools is not None for s in samples) else None,
        note=_note(len(included), incomplete, max(ks)),
    )


def write_curve_csv(file: Path, summaries: Sequence[Summary]) -> None:
    """Tidy CSV, one row a run and k: run, env, metric, k, estimate, low, high, n, tasks."""
    with file.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["run", "env", "metric", "k", "estimate", "low", "high", "n", "tasks"])
        for s in summaries:
            for p in s.curve:
                figures = [f"{value:.6f}" for value in (p.estimate, p.low, p.high)]
                writer.writerow([s.run, s.env, "pass@k", p.k, *figures, s.n, s.included])


def _unanimous(included: set[str], samples: Sequence[Sample]) -> float:
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.task in included:
            texts[sample.task].add(sample.response)
    return sum(len(found) == 1 for found in texts.values()) / len(texts) if texts else 0.0


def _agreement(samples: Sequence[Sample]) -> Agreement | None:
    labelled = [s for s in samples if s.label is not None]
    if not labelled:
        return None
    return Agreement(
        labelled=len(labelled),
        agreed=sum(s.passed == s.label for s in labelled),
        passed_but_labelled_wrong=sum(s.passed is True and s.label is False for s in labelled),
        failed_but_labelled_right=sum(s.passed is False and s.label is True for s in labelled),
        not_judged=sum(s.passed is None for s in labelled),
    )


def _note(included: int, incomplete: Sequence[TaskCounts], largest: int) -> str:
    if not incomplete:
        return ""
    most = max(c.n for c in incomplete)
    text = (
        f"{len(incomplete)} of {included + len(incomplete)} tasks have fewer than {largest} gradable samples and are "
        "left out of every k"
    )
    if included:
        return text
    return f"{text}; no task is left, so there is no curve. The largest k that any task supports is {most}"
