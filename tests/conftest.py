"""Shared fixtures."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

# Before anything imports torch: two workers with a thread for each core would fight for the cores, and subprocesses
# that train must compute with as many threads as this process, or their last bits may differ.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from xdist.scheduler import LoadGroupScheduling

ROOT = Path(__file__).resolve().parent.parent

# What takes ten seconds or more goes first: at the end one worker would wait for the other.
LONG = (
    "test_demo.py",
    "test_distributed.py",
    "test_packaging.py",
    "test_docker.py",
    "test_hacks.py",
    "test_hostile.py",
    "test_mcp_client.py",
    "test_shipped.py",
    "test_datasets.py",
    "test_conformance.py",
    "test_cards.py",
    "test_fork.py",
    "test_trainer.py",
    "test_bubblewrap.py",
    "test_examples.py",
    "test_bouncing.py",
    "test_families.py",
)


def module_of(nodeid: str) -> str:
    """The file of a test."""
    return nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first; all else stays in order."""
    items.sort(key=lambda item: not module_of(item.nodeid).endswith(LONG))


class ByModule(LoadGroupScheduling):
    """A module, or a group that a test names, goes to one worker as a whole.

    So no fixture of a module is made twice, and the process that hands out work handles two hundred pieces instead of
    twelve thousand: for each piece it looks through all that it handed out before.
    """

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return module_of(nodeid) if group == nodeid else group


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadGroupScheduling:
    """For every `--dist`: modules are shared out, in the order above rather than by their number of tests."""
    config.option.loadscopereorder = False
    return ByModule(config, log)


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
