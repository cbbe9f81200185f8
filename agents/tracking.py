"""Training records: append-only JSONL, optionally TensorBoard beside it.

`metrics.jsonl` holds no clock, so equal runs write equal bytes; seconds go to `timings.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


class TensorBoard:
    """Scalars of each step as TensorBoard events.

    Args:
        folder: Where event files go.
        keep_until: Events of later steps are purged: a resumed run writes them again.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, keep_until: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("tensorboard", "track", "TensorBoard output") from error
        self._writer: Any = SummaryWriter(str(folder), purge_step=keep_until + 1)

    def write(self, row: Mapping[str, Any]) -> None:
        """Add the row's numbers at its step."""
        for key, value in row.items():
            if key != "step" and isinstance(value, int | float):
                self._writer.add_scalar(key, value, row["step"])

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()
