"""The examples in the pages of docs/envs that were written by hand give what the pages say."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from rlvr_gym.envs.card_pages import FOOTER

from rlvr_gym import env_ids

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "envs"
PAGES = [page for page in sorted(FOLDER.glob("*.md")) if FOOTER not in page.read_text(encoding="utf-8")]


def test_the_page_about_programs_has_examples() -> None:
    assert (FOLDER / "programs.md").read_text(encoding="utf-8").count(">>> ") > 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page: Path) -> None:
    assert doctest.testfile(str(page), module_relative=False).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_ids_exist(page: Path) -> None:
    named = set(re.findall(r"rlvr/\w+-v\d+", page.read_text(encoding="utf-8")))
    assert named
    assert named <= set(env_ids())
