"""`Record`: every finished episode becomes one line of a file, from which `replay` plays it again.

A line begins with a newline of its own and is written at once by one append. So several environments and processes may
write to one file, whoever is killed loses the episode under way and no other, and a line that was cut off stands alone.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import gymnasium as gym
from rlvr_gym.envs.action import to_record
from rlvr_gym.envs.snapshot import Snapshot, SnapshotError
from rlvr_gym.envs.state import snapshot
from rlvr_gym.envs.task import Task, content_hash, copied
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Options, Step, TextWrapper
from rlvr_gym.verifiers import ConfigError, RlvrError
from rlvr_gym.verifiers.errors import shown

VERSION = 1

# What of an info is the environment's word. Others may add clocks, as RecordEpisodeStatistics does.
_OF_INFO = (
    "anchor", "attempt", "conversation", "difficulty", "hint", "level", "messages", "passed", "passed_with_hint",
    "response_tokens", "reward_terms", "source", "stop_reason", "task_id", "tools", "turn", "verdict",
    "verdict_with_hint",
)  # fmt: skip


class RecordError(RlvrError, ValueError):
    """A file of episodes cannot be read, or an episode cannot be played again."""


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """What one action did.

    Args:
        action: As JSON; see `envs.action.to_record`.
        observation: Hash of the observation.
        reward: The reward.
        terminated: A verdict ended the episode.
        truncated: Something else did.
        info: Hash of the info, without what is no contract of ours.
    """

    action: Mapping[str, Any]
    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: str


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One episode. It can hold a task's gold (in `start` and `options`): keep it from policies.

    Args:
        spec: `env.spec` of the environment that was recorded, as JSON; None where it has none.
        seed: Of the reset; None where there was none.
        options: Of the reset, as JSON.
        start: The moment before the first step, a `Snapshot` as JSON: after the reset or, in a fork or after a restore,
            where it went on. None for an environment that cannot be saved.
        observation: Hash of what was seen at the start; empty where `start` is no reset.
        steps: What was done.
        stop_reason: Why it ended.
    """

    spec: Mapping[str, Any] | None
    seed: int | None
    options: Mapping[str, Any] | None
    start: Mapping[str, Any] | None
    observation: str
    steps: tuple[RecordedStep, ...]
    stop_reason: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return {"record": VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The inverse of `to_dict`.

        Raises:
            RecordError: It is no record, or one of a later version.
        """
        if not isinstance(data, Mapping) or type(data.get("record")) is not int:
            raise RecordError(f"not a recorded episode: {shown(data)}")
        if data["record"] > VERSION:
            raise RecordError(f"an episode of version {data['record']}: this library reads up to version {VERSION}")
        values = {key: value for key, value in data.items() if key != "record"}
        if values.keys() != {field.name for field in fields(cls)}:
            raise RecordError(f"not a recorded episode: it has the keys {sorted(values)}")
        try:
            values["steps"] = tuple(RecordedStep(**step) for step in values["steps"])
        except TypeError as error:
            raise RecordError(f"not a recorded episode: {error}") from error
        return cls(**values)


class Record(TextWrapper):
    """Append every episode to a file when it ends; what is inside is recorded, what is outside is not.

    A fork and a restored episode are recorded from where they went on. An episode that another reset ends is not
    written. The file can hold golds: keep it from policies.

    Args:
        env: The environment.
        path: The file; it is made where it is not there.

    Raises:
        ConfigError: `path` is no text.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/episodes.jsonl"
        >>> env = Record(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), path)
        >>> _ = env.reset(seed=0)
        >>> _ = env.step("#### 54")
        >>> [(record.seed, record.stop_reason, len(record.steps)) for record in read_records(path)]
        [(0, 'answered', 1)]
    """

    def __init__(self, env: gym.Env[str, str], path: str) -> None:
        path = os.fspath(path) if isinstance(path, os.PathLike) else path
        if not isinstance(path, str) or not path:
            raise ConfigError(f"path must be a text, got {shown(path)}")
        super().__init__(env, path=path)
        self._path = path
        self._began: dict[str, Any] | None = None
        self._steps: tuple[RecordedStep, ...] = ()

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._began, self._steps = None, ()
        observation, info = self.env.reset(seed=seed, options=options)
        seen = seen_as(observation, info)
        self._began = {
            "seed": None if seed is None else int(seed),
            "options": _json_of(options),
            "start": _start(self.env),
            "observation": seen,
        }
        return observation, info

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        began = self._began
        if began is None:  # a fork or a restored episode goes on, or there is none: then what is inside refuses
            began = {"seed": None, "options": None, "start": _start(self.env), "observation": ""}
        observation, reward, terminated, truncated, info = self.env.step(action)
        result = observation, float(reward), bool(terminated), bool(truncated), info
        self._began, self._steps = began, (*self._steps, recorded(action, result))
        if terminated or truncated:
            self._write(EpisodeRecord(_spec(self.env), **began, steps=self._steps, stop_reason=_reason(info)))
            self._began, self._steps = None, ()
        return result

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        super().set_state(state)
        self._began, self._steps = None, ()

    def _write(self, record: EpisodeRecord) -> None:
        line = f"\n{json.dumps(record.to_dict(), allow_nan=False)}\n".encode()
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            written = os.write(file, line)
        finally:
            os.close(file)
        if written < len(line):
            raise RecordError(
                f"only {written} of {len(line)} bytes could be appended to {self._path}: is the disk full?"
            )


def recorded(action: str, result: Step) -> RecordedStep:
    """A step as a record keeps it.

    Args:
        action: What was done.
        result: What `step` gave.
    """
    observation, reward, terminated, truncated, info = result
    return RecordedStep(to_record(action), content_hash(observation), reward, terminated, truncated, info_hash(info))


def seen_as(observation: Any, info: Info) -> str:
    """The hash of what a reset or a restore shows."""
    return content_hash([observation, info_hash(info)])


def info_hash(info: Info) -> str:
    """The hash of an info, without what is no contract of ours."""
    return content_hash({key: info[key] for key in _OF_INFO if key in info})


def read_records(path: str | Path) -> Iterator[EpisodeRecord]:
    """The episodes of a file, in order. A line that was cut off is passed over, with a warning.

    Raises:
        RecordError: There is no such file, or a line is something else.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError:
            warnings.warn(f"{path}, line {number}: cut off, passed over", stacklevel=2)
            continue
        yield EpisodeRecord.from_dict(data)


def _start(env: gym.Env[Any, Any]) -> dict[str, Any] | None:
    try:
        return snapshot(env).to_dict()
    except SnapshotError:
        return None  # played again by its seed


def _spec(env: gym.Env[Any, Any]) -> dict[str, Any] | None:
    if env.spec is None:
        return None
    spec: dict[str, Any] = json.loads(env.spec.to_json())
    return spec


def _reason(info: Info) -> str:
    return str(info.get("stop_reason", ""))


def _json_of(options: Options | None) -> Any:
    """Options as JSON: tasks and snapshots as their dicts."""
    if options is None:
        return None
    return {
        key: value.to_dict() if isinstance(value, Task | Snapshot) else copied(value) for key, value in options.items()
    }
