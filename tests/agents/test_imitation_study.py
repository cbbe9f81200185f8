"""The stored study of ToolMath: what must hold of it whatever the processor, and that its page quotes it rightly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "studies" / "tool_math"


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "results.json").read_text())
    return found


def test_grpo_raises_the_held_out_pass_rate_from_at_most_30_to_at_least_80_percent(results: dict[str, Any]) -> None:
    assert [run["seed"] for run in results["runs"]] == [0, 1, 2]
    for run in results["runs"]:
        assert run["warm"]["tasks"] == run["trained"]["tasks"] >= 500
        assert run["warm"]["pass_rate"] <= 0.30
        assert run["trained"]["pass_rate"] >= 0.80
        assert run["seconds"] <= 15 * 60


def test_it_is_the_tool_that_solves(results: dict[str, Any]) -> None:
    for run in results["runs"]:
        assert run["trained"]["passed_with_a_call"] == 1.0
        assert run["trained_without_results"]["pass_rate"] <= 0.02
    assert results["direct"]["pass_rate"] <= 0.10


def test_the_page_quotes_the_results(results: dict[str, Any]) -> None:
    page = (FOLDER / "README.md").read_text()
    assert results["command"] in page
    for run in results["runs"]:
        low, high = run["trained"]["interval"]
        assert (
            f"| {run['seed']} | {100 * run['warm']['pass_rate']:.1f} % | {100 * run['trained']['pass_rate']:.1f} % | "
            f"{100 * low:.1f} to {100 * high:.1f} % | {run['trained']['calls_an_episode']:.2f} | "
            f"{100 * run['trained_without_results']['pass_rate']:.1f} % | {run['seconds']:.0f} |"
        ) in page
