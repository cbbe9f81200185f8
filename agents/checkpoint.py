"""Checkpoints without pickle: a transformers folder, the optimiser's tensors as safetensors, the rest as JSON.

A checkpoint is written under a temporary name and renamed when it is complete, so that a process killed at any moment
leaves the last complete one to resume from.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from rlvr_gym.agents.models import LanguageModel, load_model
from rlvr_gym.verifiers import RlvrError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

_STATE = "trainer_state.json"
_OPTIMIZER = "optimizer.safetensors"
_CRITIC = "critic.safetensors"
_PARTIAL = ".partial"


class CheckpointError(RlvrError, ValueError):
    """A checkpoint cannot be read."""


def save_checkpoint(
    folder: Path,
    lm: LanguageModel,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    critic: torch.nn.Module | None = None,
) -> None:
    """Write one checkpoint atomically.

    Args:
        folder: Where; replaced if it exists.
        lm: Model and tokenizer.
        optimizer: Its per-parameter state is saved.
        state: Anything else that resuming needs; JSON.
        critic: A second model, where there is one.
    """
    partial = folder.with_name(folder.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    lm.save(partial)
    tensors = {
        f"{index}.{key}": torch.as_tensor(value).contiguous()
        for index, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
    }
    save_file(tensors, partial / _OPTIMIZER)
    if critic is not None:
        save_file({name: tensor.contiguous() for name, tensor in critic.state_dict().items()}, partial / _CRITIC)
    (partial / _STATE).write_text(json.dumps(state, indent=2))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def load_checkpoint(
    folder: Path, optimizer: torch.optim.Optimizer, lm: LanguageModel, critic: torch.nn.Module | None = None
) -> dict[str, Any]:
    """Restore model, optimiser and critic in place; returns the saved state.

    Raises:
        CheckpointError: A file is missing or damaged.
    """
    try:
        state: dict[str, Any] = json.loads((folder / _STATE).read_text())
        saved = load_model(folder)
        tensors = load_file(folder / _OPTIMIZER)
        if not isinstance(state, dict) or not isinstance(state.get("step"), int) or state["step"] < 1:
            raise ValueError(f"{_STATE} holds no step")
        for key in ("metrics", "coefficients", "memory"):
            if not isinstance(state.get(key), dict):
                raise ValueError(f"{_STATE} holds no {key}")
        lm.model.load_state_dict(saved.model.state_dict())
        if critic is not None:
            critic.load_state_dict(load_file(folder / _CRITIC))
        optimizer.load_state_dict(
            {"state": _by_parameter(tensors), "param_groups": optimizer.state_dict()["param_groups"]}
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:  # RuntimeError: tensors of another shape
        raise CheckpointError(
            f"{folder} is not a usable checkpoint ({_first_line(error)}); delete it to resume from the one before"
        ) from error
    return state


def _by_parameter(tensors: dict[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    values: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        values.setdefault(int(index), {})[key] = tensor
    return values


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints in a folder, oldest first."""
    found = [path for path in folder.glob("step-*") if path.is_dir() and not path.name.endswith(_PARTIAL)]
    return sorted(path for path in found if (path / _STATE).is_file())


def save_model(folder: Path, lm: LanguageModel) -> None:
    """Write a transformers folder atomically."""
    partial = folder.with_name(folder.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    lm.save(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
