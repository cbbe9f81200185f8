"""The examples in docs/environments give what the pages say."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from rlvr_gym import env_ids

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "environments").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page: Path) -> None:
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_ids_exist(page: Path) -> None:
    named = set(re.findall(r"rlvr/\w+-v\d+", page.read_text(encoding="utf-8")))
    assert named
    assert named <= set(env_ids())
