"""The examples from scratch run, with a few steps, and learn nothing that is not a number."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the examples train models")

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*_from_scratch.py"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_runs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = runpy.run_path(str(file))["train"]
    rates = train(steps=2, until=0.01) if "until" in train.__code__.co_varnames else train(steps=2)
    assert len(rates) == 2
    assert all(0 <= rate <= 1 for rate in rates)
    assert "pass rate" in capsys.readouterr().out


def test_there_is_one_for_each_of_the_five() -> None:
    assert [file.stem.partition("_")[0] for file in EXAMPLES] == ["arpo", "dapo", "gigpo", "grpo", "ppo"]
