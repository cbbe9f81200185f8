"""`replay`: play recorded episodes again, bit for bit, or say where they went another way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from rlvr_gym.envs.action import from_record
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.state import restore
from rlvr_gym.envs.wrappers.record import EpisodeRecord, RecordError, read_records, recorded, seen_as
from rlvr_gym.verifiers.errors import shown

MakeEnv = Callable[[], gym.Env[Any, Any]]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where an episode went another way.

    Args:
        episode: Number of the episode, from 0.
        turn: Number of the step, from 1; 0 for the start.
        what: `"start"`, or what of the step differed: `"observation"`, `"reward"`, `"terminated"`, ...
        expected: What was recorded; of texts their hash.
        got: What it was now; of texts their hash and the text.
    """

    episode: int
    turn: int
    what: str
    expected: Any
    got: Any


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What came of playing episodes again.

    Args:
        episodes: How many were played again, up to the divergence.
        turns: Their steps.
        divergence: The first difference, or None.
    """

    episodes: int
    turns: int
    divergence: Divergence | None = None

    @property
    def same(self) -> bool:
        """Whether everything was as recorded."""
        return self.divergence is None


def replay(
    source: str | Path | EpisodeRecord | Iterable[EpisodeRecord], make_env: MakeEnv | None = None
) -> ReplayReport:
    """Play episodes again in fresh environments, up to the first difference.

    Args:
        source: A file written by `Record`, or episodes.
        make_env: Makes the environment, without `Record` around it; by default `gym.make` from the recorded spec.

    Raises:
        RecordError: A file cannot be read; an episode has neither a spec nor `make_env`, or neither a start nor a seed.

    Example:
        >>> import tempfile
        >>> from rlvr_gym.envs.wrappers import Record
        >>> path = tempfile.mkdtemp() + "/episodes.jsonl"
        >>> env = Record(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), path)
        >>> _ = env.reset(seed=0)
        >>> _ = env.step("#### 54")
        >>> replay(path)
        ReplayReport(episodes=1, turns=1, divergence=None)
    """
    if isinstance(source, str | Path):
        source = read_records(source)
    turns = number = 0
    for number, record in enumerate([source] if isinstance(source, EpisodeRecord) else source, start=1):
        divergence = _played(number - 1, record, make_env)
        turns += len(record.steps) if divergence is None else divergence.turn
        if divergence is not None:
            return ReplayReport(number, turns, divergence)
    return ReplayReport(number, turns)


def _played(number: int, record: EpisodeRecord, make_env: MakeEnv | None) -> Divergence | None:
    env = _made(record, make_env)
    try:
        return _begun(number, record, env) or _gone_on(number, record, env)
    finally:
        env.close()


def _made(record: EpisodeRecord, make_env: MakeEnv | None) -> gym.Env[Any, Any]:
    if make_env is not None:
        return make_env()
    if record.spec is None:
        raise RecordError("the recorded environment was not made by gym.make and has no spec: give make_env=")
    return gym.make(EnvSpec.from_json(json.dumps(record.spec)))


def _begun(number: int, record: EpisodeRecord, env: gym.Env[Any, Any]) -> Divergence | None:
    if record.start is None:
        if record.seed is None:
            raise RecordError("the episode has neither a start nor a seed: it cannot be played again")
        options = None if record.options is None else dict(record.options)
        observation, info = env.reset(seed=record.seed, options=options)
    else:
        try:
            observation, info = restore(env, record.start)
        except SnapshotError as error:
            return Divergence(number, 0, "start", record.start["digest"], str(error))
    if record.observation and (got := seen_as(observation, info)) != record.observation:
        return Divergence(number, 0, "start", record.observation, f"{got}: {shown(observation, 500)}")
    return None


def _gone_on(number: int, record: EpisodeRecord, env: gym.Env[Any, Any]) -> Divergence | None:
    for turn, step in enumerate(record.steps, start=1):
        action = from_record(step.action)
        observation, reward, terminated, truncated, info = env.step(action)
        again = recorded(action, (observation, float(reward), bool(terminated), bool(truncated), info))
        texts = {"observation": observation, "info": info}
        for what, expected in asdict(step).items():
            got = getattr(again, what)
            if got != expected and what != "action":
                got = f"{got}: {shown(texts[what], 500)}" if what in texts else got
                return Divergence(number, turn, what, expected, got)
        if (terminated or truncated) and turn < len(record.steps):
            return Divergence(number, turn, "terminated", False, True)
    return None
