"""The page of the audit: its examples run, and its tables name what there is."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from rlvr_gym.envs.audit import FINDINGS, KINDS

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "audit.md"


def test_the_examples_run() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted >= 4
    assert result.failed == 0


def test_the_tables_name_every_kind_and_finding() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE))
    assert {kind: rows[kind] for kind in KINDS} == KINDS
    assert set(rows) == {*KINDS, *FINDINGS}


def test_reports_do_not_depend_on_the_hashes_of_a_process(tmp_path: Path) -> None:
    found = []
    for seed in ("1", "2"):
        file = tmp_path / f"{seed}.json"
        words = ["audit", "rlvr/Countdown-v0", "--tasks", "2", "--skip", "huge", "stuffing", "--json", str(file)]
        done = subprocess.run(
            [sys.executable, "-m", "rlvr_gym", *words],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=False,
            stdout=subprocess.DEVNULL,
        )
        assert done.returncode == 0
        found.append(file.read_bytes())
    assert found[0] == found[1]
    assert len(json.loads(found[0])["results"]) > 500
