"""The paired comparison: known crossings, honest indecision, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rlvr_gym.agents import ScriptedPolicy, Spread
from rlvr_gym.benchmarks import BenchConfig, bench, compare
from rlvr_gym.benchmarks.compare import compare_counts, crossover
from rlvr_gym.benchmarks.curve import TaskCounts
from rlvr_gym.verifiers import ConfigError

KS = (1, 2, 4, 8, 16, 32)


def counts(passed: list[int], n: int = 32, prefix: str = "t") -> dict[str, TaskCounts]:
    return {f"{prefix}{i}": TaskCounts(f"{prefix}{i}", n, c, 0) for i, c in enumerate(passed)}


def test_a_broad_base_overtakes_a_sharp_policy() -> None:
    """Base: 8 of 32 everywhere. Other: all right on half of the tasks, never on the rest. They cross between 2 and 4.

    Base: 1 - C(24, k)/C(32, k): 0.25 at 1, 0.444 at 2, 0.705 at 4. Other: 0.5 at every k.
    """
    result = compare_counts(counts([8] * 200), counts([32] * 100 + [0] * 100), KS, ("base", "rl"))
    assert result.verdict == "base overtakes"
    by_k = {point.k: point for point in result.curve}
    assert (by_k[1].base, by_k[1].other) == pytest.approx((0.25, 0.5))
    assert by_k[2].base == pytest.approx(1 - (24 * 23) / (32 * 31))
    assert result.crossover_k is not None
    assert 2 < result.crossover_k < 4
    assert result.crossover_low is not None
    assert result.crossover_high is not None
    assert result.crossover_low <= result.crossover_k <= result.crossover_high
    assert (result.support.both, result.support.only_base, result.support.only_other) == (100, 100, 0)
    assert "base overtakes it: k* =" in result.sentence


def test_one_above_everywhere_and_the_mirror_image() -> None:
    low, high = counts([4] * 60), counts([20] * 60)
    assert compare_counts(low, high, KS[:3], ("a", "b")).verdict == "other above at every k"
    mirrored = compare_counts(high, low, KS[:3], ("a", "b"))
    assert mirrored.verdict == "base above at every k"
    assert mirrored.crossover_k is None


def test_equal_runs_are_unresolved() -> None:
    rng = np.random.default_rng(0)
    base, other = (counts([int(c) for c in rng.binomial(32, 0.4, size=40)]) for _ in range(2))
    result = compare_counts(base, other, KS, ("a", "b"))
    assert result.verdict == "unresolved"
    assert result.sentence.startswith("unresolved")


def test_false_alarms_are_rare() -> None:
    """Two samples of one policy, 200 times: a simultaneous 95 % band claims a difference at any k in about 5 %.

    More than 24 of 200 would happen about once in 20,000 times at 5 %.
    """
    rng = np.random.default_rng(3)
    p = rng.random(40)
    alarms = 0
    for _ in range(200):
        base, other = (counts([int(c) for c in rng.binomial(16, p)], n=16) for _ in range(2))
        alarms += any(
            point.low > 0 or point.high < 0 for point in compare_counts(base, other, (1, 2, 4, 8), ("a", "b")).curve
        )
    assert alarms <= 24


def test_pairing_uses_tasks_that_are_complete_in_both() -> None:
    base = counts([8] * 10)
    other = {**counts([16] * 8), "t8": TaskCounts("t8", 3, 3, 29), "extra": TaskCounts("extra", 32, 1, 0)}
    result = compare_counts(base, other, KS, ("a", "b"))
    assert (result.tasks, result.left_out) == (8, 3)
    with pytest.raises(ConfigError, match="no task has 32 gradable samples in both"):
        compare_counts(base, counts([1] * 10, n=4), KS, ("a", "b"))


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.1, -0.1], 2.0),  # halfway in log k between 1 and 4
        ([0.3, -0.1], 4**0.75),
        ([0.1, 0.2], None),
        ([0.0, 0.0], None),
        ([-0.1, 0.1], 2.0),
    ],
)
def test_crossover_by_hand(differences: list[float], expected: float | None) -> None:
    found = crossover((1, 4), np.array(differences))
    assert found == (None if expected is None else pytest.approx(expected))


def run(folder: Path, low: float, high: float, **changes: object) -> Path:
    settings = {
        "env": "rlvr/Arithmetic-v0",
        "env_kwargs": {"style": "compact"},
        "policy": {"name": f"{low}"},
        "n": 8,
        "tasks": 80,
    }
    config = BenchConfig(**{**settings, **changes})  # type: ignore[arg-type]
    bench(config, lambda tasks: ScriptedPolicy(tasks, Spread(low, high)), folder)
    return folder


def test_files_are_written(tmp_path: Path) -> None:
    result, summaries = compare(run(tmp_path / "base", 0.1, 0.2), run(tmp_path / "rl", 0.6, 0.9), tmp_path / "out")
    assert result.verdict == "other above at every k"
    assert [s.run for s in summaries] == ["base", "rl"]
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["verdict"] == result.verdict
    header, *rows = (tmp_path / "out" / "compare.csv").read_text().splitlines()
    assert header == "k,base,other,difference,low,high,tasks"
    assert len(rows) == len(result.curve) == 4


def test_runs_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    base = run(tmp_path / "base", 0.1, 0.2)
    with pytest.raises(ConfigError, match="cannot be compared, they differ in env"):
        compare(base, run(tmp_path / "other", 0.1, 0.2, env_kwargs={"style": "question"}), tmp_path / "out")
    with pytest.raises(ConfigError, match="share no k"):
        compare(base, run(tmp_path / "k", 0.1, 0.2, ks=(3,)), tmp_path / "out")
