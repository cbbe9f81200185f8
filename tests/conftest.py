"""Shared fixtures."""

from __future__ import annotations

import gc
import os
from pathlib import Path

# Before anything imports torch: two workers with a thread for each core would fight for the cores, and subprocesses
# that train must compute with as many threads as this process, or their last bits may differ.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What takes long or waits for an engine goes first: at the end one worker would wait for the other.
LONG = ("test_demo.py", "test_distributed.py", "test_packaging.py", "test_docker.py", "[docker]", "test_hacks.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first; all else stays in order."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONG))


def pytest_collection_finish() -> None:
    """What is here now stays: the collector need not look through all modules and tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real problems and model outputs; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("RLVR_GYM_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set RLVR_GYM_DATA")
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT
