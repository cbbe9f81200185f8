"""Killed at any point: what stands on the disk before each change of a run's folder is continued to the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

import gymnasium as gym  # noqa: E402
from rlvr_gym.agents import TrainConfig, Trainer, build_preset, checkpoint, recipes  # noqa: E402
from rlvr_gym.agents.models import LanguageModel  # noqa: E402
from rlvr_gym.agents.tracking import JsonLines  # noqa: E402


def run(folder: Path) -> None:
    """Two steps of PPO with a critic of its own, and a checkpoint after each."""
    config = TrainConfig(steps=2, prompts=2, max_new_tokens=2, checkpoint_every=1, learning_rate=1e-3)
    recipe = recipes.get("ppo", updates=1, kl_coef=0.0)
    Trainer(make_env, lambda: build_preset("nano", alphabet="0123456789+="), recipe, config, folder).run()


def make_env() -> gym.Env[str, str]:
    return gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact", disable_env_checker=True)


def contents(folder: Path) -> dict[str, bytes]:
    """What a finished run is compared by: everything but the clock."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "timings.jsonl"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def whole(folder: Path) -> dict[str, bytes]:
    """What a run that begins in the folder would find: what was begun under another name does not count."""
    return {name: data for name, data in contents(folder).items() if ".partial" not in name}


class Film:
    """Copies of a folder as it was before each change: what a process that is killed there leaves behind.

    Of copies that differ in unfinished files alone the last is kept, which has the most of them.
    """

    def __init__(self, folder: Path, copies: Path) -> None:
        self.folder, self.copies, self.changes = folder, copies, 0
        self.found: dict[tuple[tuple[str, bytes], ...], tuple[str, Path]] = {}

    def before(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def changing(*args: Any, **kwargs: Any) -> Any:
            self.changes += 1
            copy = self.copies / f"{self.changes:03}"
            shutil.copytree(self.folder, copy)
            self.found[tuple(sorted(whole(copy).items()))] = (name, copy)
            return call(*args, **kwargs)

        return changing


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Film, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("whole")
    film = Film(folder, tmp_path_factory.mktemp("copies"))
    places = [(Path, "rename"), (Path, "replace"), (Path, "write_text"), (JsonLines, "write")]
    places += [(LanguageModel, "save"), (checkpoint, "save_file")]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in places:
            patch.setattr(owner, name, film.before(name, getattr(owner, name)))
        run(folder)
    return film, contents(folder)


def test_every_kind_of_change_was_interrupted(filmed: tuple[Film, dict[str, bytes]]) -> None:
    """Settings, base, two rows of each step, two checkpoints, the model; before the first checkpoint and after."""
    film, _ = filmed
    states = [{name.split("/")[0] for name, _ in state} for state in film.found]
    assert {"trainer.json"} in states
    assert any("base" in state and "metrics.jsonl" not in state for state in states)
    assert any("metrics.jsonl" in state and "checkpoints" not in state for state in states)
    assert any("checkpoints" in state and "model" not in state for state in states)
    assert film.changes > len(film.found) >= 8


def test_killed_before_any_change_of_the_folder_a_run_ends_with_the_same_bytes(
    filmed: tuple[Film, dict[str, bytes]],
) -> None:
    film, expected = filmed
    for name, copy in film.found.values():
        run(copy)
        found = contents(copy)
        assert found.keys() == expected.keys(), f"killed before {name}, {copy.name}"
        assert [path for path in found if found[path] != expected[path]] == [], f"killed before {name}, {copy.name}"
