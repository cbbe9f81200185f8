"""The soak sees growth, leaks and slowdown, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from rlvr_gym.benchmarks.soak import Bounds, Reading, judge, soak
from rlvr_gym.envs.vector import TextVectorEnv

STILL = Reading(
    seconds=0.0,
    memory_mib=200.0,
    family_mib=250.0,
    blocks=10**6,
    threads=1,
    descriptors=9,
    processes=4,
    steps_per_s=40_000.0,
)


def with_field(name: str, values: list[float]) -> list[Reading]:
    return [replace(STILL, **{name: value}) for value in values]


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("memory_mib", [200] * 4 + [200] * 8 + [225] * 4, "memory_mib grew from 200 to 225"),
        ("memory_mib", [200] * 12 + [224] * 4, None),
        ("memory_mib", [100] * 4 + [200] * 12, None),  # caches fill in the first quarter
        ("memory_mib", [1000] * 12 + [1040] * 4, None),  # five per cent are 50
        ("memory_mib", [1000] * 12 + [1060] * 4, "memory_mib grew from 1,000 to 1,060"),
        ("family_mib", [250] * 12 + [300] * 4, "family_mib grew from 250 to 300"),
        ("steps_per_s", [13_800] * 8 + [1_300] * 8, "steps_per_s fell from 13,800 to 1,300"),
        ("steps_per_s", [10_000] * 8 + [7_000] * 8, None),
        ("threads", [1] * 8 + [30] * 8, None),  # while playing; what counts is the end
    ],
)
def test_growth_and_slowdown_between_the_second_quarter_and_the_last(
    name: str, values: list[float], problem: str | None
) -> None:
    found = judge(with_field(name, values), STILL, STILL, Bounds())
    assert found == ([] if problem is None else [problem])


@pytest.mark.parametrize("name", ["threads", "descriptors", "processes"])
def test_what_is_left_in_the_end(name: str) -> None:
    more = replace(STILL, **{name: getattr(STILL, name) + 1})
    before, after = getattr(STILL, name), getattr(more, name)
    assert judge([STILL] * 8, STILL, more, Bounds()) == [f"{name}: {before} before, {after} after"]
    assert judge([STILL] * 8, more, STILL, Bounds()) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")
def test_descriptors_that_are_left_open_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some seconds of play, in which closing a vector environment opens a pipe; more where the machine is busy."""
    lines: list[str] = []
    pipes: list[int] = []
    close = TextVectorEnv.close

    def leaking(vector: TextVectorEnv) -> None:
        close(vector)
        pipes.extend(os.pipe())

    monkeypatch.setattr(TextVectorEnv, "close", leaking)
    monkeypatch.setattr("rlvr_gym.benchmarks.soak.PROBE_S", 0.02)
    for seconds in (1, 4, 15, 60):
        result = soak(seconds / 60, seed=0, every_s=1.0, show=lines.append)
        if not result["passed"]:
            break
    for descriptor in pipes:
        os.close(descriptor)
    assert not result["passed"]
    assert any(problem.startswith("descriptors: ") for problem in result["problems"])
    assert len(result["readings"]) >= 1
    assert all(result["done"][deed] > 0 for deed in ("forks", "restores", "vectors", "driven episodes", "episodes"))
    assert lines[-1] == "; ".join(result["problems"])
