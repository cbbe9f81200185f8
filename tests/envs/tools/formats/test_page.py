"""The page about call formats: its examples run, and it names every format."""

from __future__ import annotations

import doctest
from pathlib import Path

from rlvr_gym.envs.tools.formats import format_names


def test_the_examples_run(root: Path) -> None:
    result = doctest.testfile(str(root / "docs" / "tools-formats.md"), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 5


def test_every_format_has_a_row(root: Path) -> None:
    page = (root / "docs" / "tools-formats.md").read_text(encoding="utf-8")
    assert [name for name in format_names() if f"\n| `{name}` | " not in page] == []
