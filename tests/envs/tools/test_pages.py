"""The page about tools: its examples run, and its environment passes the kit and the audit."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

from rlvr_gym.envs import check_text_env
from rlvr_gym.envs.audit import audit

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "tools.md"


def test_the_environment_of_the_page_is_a_good_one() -> None:
    test = doctest.DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8"), {}, "tools.md", str(PAGE), 0)
    names: dict[str, Any] = {}
    runner = doctest.DocTestRunner()
    test.globs = names
    runner.run(test, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0
    assert check_text_env(names["ScalesEnv"], skip=["pickling"]).ok  # a class of no module cannot be pickled
    assert audit(names["ScalesEnv"](), tasks=3, only=["tool", "guess", "fake", "nothing"]).ok


def test_the_speeds_of_the_page_are_those_that_are_stored() -> None:
    stored = json.loads((ROOT / "benchmarks" / "perf" / "results" / "tools.json").read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    for name, row in stored["figures"].items():
        if name != "sandbox":
            assert f"| {name} | {row['turns_per_s']:,.0f} | {row['tool_alone_per_s']:,.0f} |" in page
