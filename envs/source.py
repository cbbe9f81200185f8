"""Where rows come from (a file or a data set of the hub), and one row read column by column.

Every message of a record names the file and the row.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvr_gym.envs.rows import DataError, Row, load_hub_rows, read_rows
from rlvr_gym.envs.task import check_int, check_text
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion


@dataclass(frozen=True)
class RowSource:
    """A file or a data set of the hub. Equal sources hold equal rows: `stamp` changes when the file does.

    Args:
        path: A `.jsonl`, `.json`, `.csv` or `.parquet` file.
        hub: Instead of `path`: a data-set id, loaded through `datasets`.
        hub_name: Configuration of the hub data set.
        hub_split: Its split.
        hub_revision: A commit or tag to pin.
        limit: At most so many rows.
        stamp: When the file was written and its size; see `of`.

    Raises:
        ConfigError: Neither or both of `path` and `hub`; what must be a text is none.
    """

    path: str | None = None
    hub: str | None = None
    hub_name: str | None = None
    hub_split: str = "test"
    hub_revision: str | None = None
    limit: int | None = None
    stamp: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if (self.path is None) == (self.hub is None):
            raise ConfigError(
                "give either path= (a .jsonl, .json, .csv or .parquet file) or hub= (an id such as 'openai/gsm8k')"
                + ("; got both" if self.path is not None else "; got neither")
            )
        for name in ("path", "hub", "hub_name", "hub_split", "hub_revision"):
            if getattr(self, name) is not None:
                check_text(name, getattr(self, name))
        if self.limit is not None:
            check_int("limit", self.limit, 1, sys.maxsize)

    @classmethod
    def of(cls, *, path: Any, **settings: Any) -> RowSource:
        """A source as it is now: a file has its stamp.

        Example:
            >>> RowSource.of(path=None, hub="openai/openai_humaneval").label
            'openai/openai_humaneval (test)'
        """
        path = str(path) if isinstance(path, os.PathLike) else path
        try:
            status = Path(path).stat() if isinstance(path, str) else None
        except (OSError, ValueError):  # ValueError: a NUL in the name; reading says what is wrong with it
            status = None
        return cls(path=path, **settings, stamp=(status.st_mtime_ns, status.st_size) if status else None)

    @property
    def label(self) -> str:
        """How messages name it."""
        return self.path or f"{self.hub} ({self.hub_split})"

    def rows(self) -> list[Row]:
        """Read it.

        Raises:
            DataError: See `read_rows` and `load_hub_rows`.
        """
        if self.path is not None:
            return read_rows(self.path, self.limit)
        return load_hub_rows(
            self.hub or "", name=self.hub_name, split=self.hub_split, revision=self.hub_revision, limit=self.limit
        )


@dataclass(frozen=True)
class Record:
    """One row. Its methods refuse what cannot be used, and say where it stands.

    Args:
        where: File and row number, as messages begin.
        values: Columns.

    Example:
        >>> row = Record("file.jsonl, row 3", {"prompt": "Add.", "tests": "[1, 2]"})
        >>> row.text("text", "prompt"), row.parsed("tests"), row.optional_text("code")
        ('Add.', [1, 2], '')
        >>> row.text("promt")
        Traceback (most recent call last):
        rlvr_gym.envs.rows.DataError: file.jsonl, row 3: no column 'promt'; did you mean 'prompt'?
    """

    where: str
    values: Mapping[str, Any]

    def error(self, message: str) -> DataError:
        """An error that names the row; to be raised."""
        return DataError(f"{self.where}: {message}")

    def has(self, name: str) -> bool:
        """Whether this column is there and not null."""
        return self.values.get(name) is not None

    def optional_text(self, *names: str) -> str:
        """The first of these columns that is there, as a text; empty where none is.

        Raises:
            DataError: It is no text.
        """
        for name in filter(self.has, names):
            value = self.values[name]
            if not isinstance(value, str):
                raise self.error(f"the column {name!r} must be a text, got {shown(value)}")
            return value
        return ""

    def text(self, *names: str) -> str:
        """The first of these columns that is there, a text that is not blank.

        Raises:
            DataError: None is there, or it is no such text.
        """
        wanted = " or ".join(map(repr, names))
        if not any(map(self.has, names)):
            raise self.error(f"no column {wanted}{suggestion(names[0], self.values)}")
        if not (text := self.optional_text(*names)).strip():
            raise self.error(f"the column {wanted} is empty")
        return text

    def parsed(self, name: str) -> Any:
        """A column that holds JSON as a text, or the value itself; None where there is none.

        Raises:
            DataError: It is a text and no JSON.
        """
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.strip() else None
        except (ValueError, RecursionError) as error:
            raise self.error(f"the column {name!r} is no JSON: {error}") from error


def check_mapping(name: str, value: Any) -> Mapping[str, Any]:
    """Refuse what is not a JSON object; None is an empty one.

    Raises:
        ConfigError: With the name and the value.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f'{name} must be a JSON object such as {{"key": ...}}, got {shown(value)}')
    return value
