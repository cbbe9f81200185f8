"""The examples from scratch run, with a few steps, and learn nothing that is not a number."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlvr_gym import agents

pytest.importorskip("torch", reason="the examples train models")

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*_from_scratch.py"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_runs(file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps, after two of the warm start's."""
    warm_start = agents.warm_start

    def short(envs: Any, policy: Any, config: Any) -> Any:
        return warm_start(envs, policy, replace(config, max_steps=2, batch_size=16, check_episodes=16))

    monkeypatch.setattr(agents, "warm_start", short)
    rates = runpy.run_path(str(file))["train"](steps=2)
    assert len(rates) == 2
    assert all(0 <= rate <= 1 for rate in rates)
    assert "pass rate" in capsys.readouterr().out


def test_there_is_one_for_each_of_the_five() -> None:
    assert [file.stem.partition("_")[0] for file in EXAMPLES] == ["arpo", "dapo", "gigpo", "grpo", "ppo"]
