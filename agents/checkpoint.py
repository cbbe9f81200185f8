"""Checkpoints without pickle: the policy or its adapter, other tensors as safetensors, the rest as JSON.

A checkpoint is written under a temporary name and renamed when it is complete, so that a process killed at any moment
leaves the last complete one to resume from.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from rlvr_gym.verifiers import RlvrError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

_STATE = "trainer_state.json"
_PARTIAL = ".partial"


class CheckpointError(RlvrError, ValueError):
    """A checkpoint cannot be read."""


class Saves(Protocol):
    """What can write itself into a folder: a model, or an adapter."""

    def save(self, folder: Path) -> None:
        """Write."""


def save_checkpoint(folder: Path, policy: Saves, tensors: Mapping[str, Mapping[str, Tensor]], state: Any) -> None:
    """Write one checkpoint atomically.

    Args:
        folder: Where; replaced if it exists.
        policy: What is trained.
        tensors: What else: each becomes a file of its name.
        state: Anything else that resuming needs; JSON.
    """
    partial = folder.with_name(folder.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    policy.save(partial)
    for name, values in tensors.items():
        save_file({key: value.detach().contiguous() for key, value in values.items()}, partial / f"{name}.safetensors")
    (partial / _STATE).write_text(json.dumps(state, indent=2))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def load_checkpoint(folder: Path, restore: Callable[[Path], None]) -> dict[str, Any]:
    """Restore what is trained from a checkpoint; returns the saved state.

    Args:
        folder: Of the checkpoint.
        restore: Reads the tensors from this folder.

    Raises:
        CheckpointError: A file is missing or damaged.
    """
    try:
        state: dict[str, Any] = json.loads((folder / _STATE).read_text())
        if not isinstance(state, dict) or not isinstance(state.get("step"), int) or state["step"] < 1:
            raise ValueError(f"{_STATE} holds no step")
        for key in ("metrics", "coefficients", "memory"):
            if not isinstance(state.get(key), dict):
                raise ValueError(f"{_STATE} holds no {key}")
        restore(folder)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:  # RuntimeError: tensors of another shape
        raise CheckpointError(
            f"{folder} is not a usable checkpoint ({_first_line(error)}); delete it to resume from the one before"
        ) from error
    return state


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """One file of a checkpoint's tensors."""
    return load_file(folder / f"{name}.safetensors")  # type: ignore[no-any-return]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints in a folder, oldest first."""
    found = [path for path in folder.glob("step-*") if path.is_dir() and not path.name.endswith(_PARTIAL)]
    return sorted(path for path in found if (path / _STATE).is_file())


def save_model(folder: Path, lm: Saves) -> None:
    """Write a transformers folder atomically."""
    partial = folder.with_name(folder.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    lm.save(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
