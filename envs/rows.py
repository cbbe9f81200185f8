"""Reading rows: JSONL, JSON, CSV and Parquet files, or a Hugging Face data set.

Rows come out as plain dicts with their number in the source, so that every later message can say which row is meant.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from rlvr_gym.verifiers import ConfigError, MissingExtraError, RlvrError
from rlvr_gym.verifiers.errors import suggestion


class DataError(RlvrError, ValueError):
    """A data file or one of its rows cannot be used; the message names the file and the row."""


class DataFileNotFoundError(RlvrError, FileNotFoundError):
    """There is no such file."""


class Row(NamedTuple):
    """One row and where it stands: 1-based, as an editor counts lines for JSONL."""

    number: int
    values: dict[str, Any]


def read_rows(path: str | Path, limit: int | None = None) -> list[Row]:
    """Read a file by its ending.

    Args:
        path: `.jsonl`, `.json` (a list of objects), `.csv` or `.parquet`.
        limit: At most so many rows.

    Raises:
        DataFileNotFoundError: There is no such file; near names in its folder are offered.
        ConfigError: The ending is none of these.
        DataError: The content is not what the ending says, with the row's number.
        MissingExtraError: Parquet without pyarrow.
    """
    file = Path(path)
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise ConfigError(f"cannot read {str(path)!r}: the ending must be one of {', '.join(sorted(_READERS))}")
    if "\0" in str(path):
        raise ConfigError(f"a file name holds no NUL character, got {str(path)!r}")
    if file.is_dir():
        raise DataError(f"{path} is a folder: name the file in it")
    if not file.is_file():
        near = [f.name for f in file.parent.iterdir()] if file.parent.is_dir() else []
        hint = suggestion(file.name, near) if near else f"; the folder {str(file.parent)!r} does not exist"
        raise DataFileNotFoundError(f"no such file: {str(path)!r}{hint if len(hint) < 400 else ''}")
    try:
        rows = list(islice(reader(file), limit))
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not rows:
        raise DataError(f"{path}: the file holds no rows")
    return rows


def load_hub_rows(hub: str, *, name: str | None, split: str, revision: str | None, limit: int | None) -> list[Row]:
    """Read a data set through the `datasets` library.

    Args:
        hub: A data-set id (`openai/gsm8k`) or a local folder of data files.
        name: Configuration of the data set.
        split: Its split.
        revision: Commit or tag to pin.
        limit: At most so many rows.

    Raises:
        MissingExtraError: `datasets` is not installed.
        DataError: It cannot be loaded, or is empty.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "data", f"hub={hub!r}") from error
    try:
        loaded = datasets.load_dataset(hub, name, split=split, revision=revision)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DataError(f"hub data set {hub!r} (name={name!r}, split={split!r}): {error}") from error
    rows = [Row(number, dict(values)) for number, values in enumerate(islice(loaded, limit), start=1)]
    if not rows:
        raise DataError(f"hub data set {hub!r}, split {split!r}, holds no rows")
    return rows


def _jsonl(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield Row(number, _object(_parse(line, f"{file}, line {number}"), f"{file}, line {number}"))


def _json(file: Path) -> Iterator[Row]:
    data = _parse(file.read_text(encoding="utf-8-sig"), str(file))
    if not isinstance(data, list):
        raise DataError(f"{file}: expected a JSON list of objects, got {type(data).__name__}")
    for number, item in enumerate(data, start=1):
        yield Row(number, _object(item, f"{file}, item {number}"))


def _csv(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for number, values in enumerate(csv.DictReader(lines), start=1):
            if None in values:
                raise DataError(f"{file}, row {number}: more cells than the header has columns")
            yield Row(number, dict(values))


def _parquet(file: Path) -> Iterator[Row]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "data", f"reading {file.name}") from error
    try:
        table = pq.read_table(file)
    except pa.ArrowException as error:
        raise DataError(f"{file}: not a Parquet file: {str(error).splitlines()[0]}") from error
    for number, values in enumerate(table.to_pylist(), start=1):
        yield Row(number, values)


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
}


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON: {error}") from error


def _object(item: Any, where: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise DataError(f"{where}: expected a JSON object, got {type(item).__name__}")
    return item
