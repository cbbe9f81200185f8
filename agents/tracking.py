"""Training records: append-only JSONL, and optionally what other programs show: TensorBoard, wandb, MLflow, Trackio.

`metrics.jsonl` holds no clock, so equal runs write equal bytes; seconds go to `timings.jsonl`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from rlvr_gym.verifiers import MissingExtraError, RlvrError


class RecordError(RlvrError, ValueError):
    """A file of training records is damaged; the message names the file and the line."""


class JsonLines:
    """One JSON object a line, flushed as it is written.

    Args:
        path: The file; created with its folder, else continued after the last row with `step <= keep_until`.
        keep_until: Rows of later steps are dropped: a resumed run writes them again. A torn last line is dropped too.

    Raises:
        RecordError: A line before the last is not a record; nothing was written.
    """

    def __init__(self, path: Path, keep_until: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [row for row in read_json_lines(path) if row["step"] <= keep_until]
        partial = path.with_name(path.name + ".partial")
        partial.write_text("".join(json.dumps(row) + "\n" for row in kept))
        partial.replace(path)
        self._file = path.open("a")

    def write(self, row: Mapping[str, Any]) -> None:
        """Append one row."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file; a last line that was torn by a kill is left out, and a missing file has none.

    Raises:
        RecordError: A line before the last is not an object with a number `step`.
    """
    rows = []
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("step"), int | float):
            if number == len(lines):
                break
            raise RecordError(f"{path}, line {number} is not a training record: {line[:60]!r}; delete it to resume")
        rows.append(row)
    return rows


class Sink(Protocol):
    """Where the metrics of each step go."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Take the row of a step."""

    def close(self) -> None:
        """Write what is held back, and end."""


class TensorBoard:
    """Scalars of each step as TensorBoard events.

    Args:
        folder: The run's; event files go into its `tensorboard/`.
        keep_until: Events of later steps are purged: a resumed run writes them again.
        settings: Settings of the run; not used.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, keep_until: int, settings: Mapping[str, Any]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("tensorboard", "track", "TensorBoard output") from error
        self._writer: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=keep_until + 1)

    def write(self, row: Mapping[str, Any]) -> None:
        """Add the row's numbers at its step."""
        for key, value in _numbers(row).items():
            self._writer.add_scalar(key, value, row["step"])

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()


class Wandb:
    """Metrics to Weights & Biases, in the project that `WANDB_PROJECT` names; a resumed run continues its record.

    Args:
        folder: The run's; its name is that of the record.
        keep_until: Not used: the service drops what it has seen.
        settings: Settings of the run, shown beside it.

    Raises:
        MissingExtraError: wandb is not installed.
    """

    def __init__(self, folder: Path, keep_until: int, settings: Mapping[str, Any]) -> None:
        wandb = _imported("wandb")
        name = folder.resolve().name
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "rlvr"),
            name=name,
            id=_record_id(folder),
            resume="allow",
            config=dict(settings),
            dir=str(folder),
        )

    def write(self, row: Mapping[str, Any]) -> None:
        """Log the row's numbers at its step."""
        self._run.log(_numbers(row), step=int(row["step"]))

    def close(self) -> None:
        """End the record."""
        self._run.finish()


class MLflow:
    """Metrics to MLflow, where `MLFLOW_TRACKING_URI` says and in the experiment that `MLFLOW_EXPERIMENT_NAME` names.

    Args:
        folder: The run's; its name is that of the record.
        keep_until: Not used: a resumed run is a new record of the same name.
        settings: Settings of the run, kept as an artifact.

    Raises:
        MissingExtraError: mlflow is not installed.
    """

    def __init__(self, folder: Path, keep_until: int, settings: Mapping[str, Any]) -> None:
        self._mlflow = _imported("mlflow")
        self._mlflow.start_run(run_name=folder.resolve().name)
        self._mlflow.log_dict(dict(settings), "settings.json")

    def write(self, row: Mapping[str, Any]) -> None:
        """Log the row's numbers at its step."""
        # Its names have no signs but these.
        named = {re.sub(r"[^\w\-. /]", "_", key): value for key, value in _numbers(row).items()}
        self._mlflow.log_metrics(named, step=int(row["step"]))

    def close(self) -> None:
        """End the record."""
        self._mlflow.end_run()


class Trackio:
    """Metrics to Trackio, in the project that `TRACKIO_PROJECT` names.

    Args:
        folder: The run's; its name is that of the record.
        keep_until: Not used.
        settings: Settings of the run, shown beside it.

    Raises:
        MissingExtraError: trackio is not installed.
    """

    def __init__(self, folder: Path, keep_until: int, settings: Mapping[str, Any]) -> None:
        self._trackio = _imported("trackio")
        project, name = os.environ.get("TRACKIO_PROJECT", "rlvr"), folder.resolve().name
        self._trackio.init(project=project, name=name, config=dict(settings), resume="allow")

    def write(self, row: Mapping[str, Any]) -> None:
        """Log the row's numbers at its step."""
        self._trackio.log(_numbers(row), step=int(row["step"]))

    def close(self) -> None:
        """End the record."""
        self._trackio.finish()


TRACKERS: Mapping[str, Callable[[Path, int, Mapping[str, Any]], Sink]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": MLflow,
    "trackio": Trackio,
}


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, value in row.items() if key != "step" and isinstance(value, int | float)}


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(name, "trackers", f"records in {name}") from error


def _record_id(folder: Path) -> str:
    """Equal for a run and its continuation: made from where the run lives."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
