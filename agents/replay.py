"""A policy that replays recorded responses: re-score what a model once said, without the model.

Each prompt has its recorded responses in file order; sample number i of a task is the i-th of them. There is nothing
random in it, so seeds are read over and requests are answered by their index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvr_gym.agents.policy import Completion, Policy, Request, last_user_text
from rlvr_gym.envs.dataset import PROMPT_FIELD
from rlvr_gym.envs.rows import DataError, Row, read_rows
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import suggestion


@dataclass(frozen=True)
class Recording:
    """One recorded response and the label that somebody gave it, where there is one."""

    text: str
    label: bool | None = None


class NoRecordingError(ConfigError):
    """More responses to a prompt were asked for than were recorded."""


class ReplayPolicy(Policy):
    """Recorded responses, by prompt.

    Args:
        recordings: For each prompt, its responses in order.

    Example:
        >>> policy = ReplayPolicy({"1+1=": [Recording("2"), Recording("3")]})
        >>> [completion.text for completion in policy.act([[{"role": "user", "content": "1+1="}]], n=2)]
        ['2', '3']
    """

    def __init__(self, recordings: dict[str, list[Recording]]) -> None:
        self.recordings = recordings

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        template: str = PROMPT_FIELD,
        prompt: str | None = None,
        response: str = "response",
        label: str | None = None,
        where: dict[str, Any] | None = None,
    ) -> ReplayPolicy:
        """Read recordings from a data file.

        Args:
            path: `.jsonl`, `.json`, `.csv` or `.parquet`.
            template: The environment's prompt template, so that prompts agree.
            prompt: Column of the problem; by default the first of `prompt`, `question`, `problem`.
            response: Column of the response.
            label: Column of a recorded correctness label (a boolean), to be compared with our verdicts.
            where: Keep only the rows with these values.

        Raises:
            DataError: A column is missing or has a wrong type, with the row's number; no row is left.
        """
        recordings: dict[str, list[Recording]] = {}
        for row in read_rows(path):
            if any(row.values.get(column) != value for column, value in (where or {}).items()):
                continue
            question = _text(path, row, (prompt,) if prompt else ("prompt", "question", "problem"))
            key = template.replace(PROMPT_FIELD, question)
            mark = _label(path, row, label) if label else None
            recordings.setdefault(key, []).append(Recording(_text(path, row, (response,)), mark))
        if not recordings:
            raise DataError(f"{path}: no row has {where}" if where else f"{path}: no rows")
        return cls(recordings)

    def available(self, prompt: str) -> int:
        """How many responses to this prompt were recorded."""
        return len(self.recordings.get(prompt, ()))

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`.

        Raises:
            NoRecordingError: A prompt has fewer recordings than the request's index.
        """
        return [self._replay(last_user_text(request.conversation), request.index) for request in requests]

    def _replay(self, prompt: str, index: int) -> Completion:
        available = self.available(prompt)
        if index >= available:
            raise NoRecordingError(f"sample {index} was asked for, {available} were recorded for {prompt[:80]!r}")
        recording = self.recordings[prompt][index]
        return Completion(recording.text, label=recording.label)


def _text(path: str | Path, row: Row, columns: Sequence[str]) -> str:
    for column in columns:
        value = row.values.get(column)
        if isinstance(value, str):
            return value
    wanted = " or ".join(repr(column) for column in columns)
    raise DataError(
        f"{path}, row {row.number}: no text in column {wanted}; the row has {', '.join(map(repr, row.values))}"
        f"{suggestion(columns[0], row.values)}"
    )


def _label(path: str | Path, row: Row, column: str) -> bool:
    value = row.values.get(column)
    if not isinstance(value, bool):
        raise DataError(
            f"{path}, row {row.number}: the label column {column!r} must be true or false, got {value!r:.40}"
        )
    return value
