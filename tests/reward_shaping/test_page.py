"""The page about rewards runs, and names every one of them."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from rlvr_gym.reward_shaping import REWARDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rewards.md"


def test_the_page_runs_and_names_every_reward() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0
    assert REWARDS.keys() <= set(re.findall(r"`(\w+)", PAGE.read_text(encoding="utf-8")))
