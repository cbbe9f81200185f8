"""Episodes as records that can be compared: plain JSON values, taken down in the moment they are returned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from rlvr_gym.envs.text_env import Info
from rlvr_gym.verifiers.errors import shown

Env = gym.Env[Any, Any]
Record = list[dict[str, Any]]  # the first moment, one for each step, the first moment of the episode after it


def play(env: Env, seed: int, actions: Sequence[str], *, options: dict[str, Any] | None = None) -> Record:
    """Reset, give the actions until the episode ends or they do, and begin the next episode without a seed."""
    return [begun(env.reset(seed=seed, options=options)), *future(env, actions)]


def future(env: Env, actions: Sequence[str]) -> Record:
    """From this moment on: what each action does, the transcript, and the first moment of the next episode."""
    return [*steps(env, actions), after(env)]


def after(env: Env) -> dict[str, Any]:
    """How the episode is rendered at its end, where it is, and the first moment of the next one."""
    rendered = {} if env.render_mode is None else {"render": plain(env.render())}
    return rendered | begun(env.reset())


def steps(env: Env, actions: Sequence[str]) -> Record:
    """From this moment on: what each action does, until the episode ends."""
    record = []
    for action in actions:
        record.append(stepped(env.step(action)))
        if record[-1]["terminated"] or record[-1]["truncated"]:
            break
    return record


def begun(result: tuple[Any, Any]) -> dict[str, Any]:
    """What `reset` returned."""
    observation, info = result
    return {"observation": plain(observation), "info": plain(info)}


def stepped(result: tuple[Any, ...]) -> dict[str, Any]:
    """What `step` returned."""
    observation, reward, terminated, truncated, info = result
    flags = {"reward": plain(reward), "terminated": plain(terminated), "truncated": plain(truncated)}
    return {"observation": plain(observation), **flags, "info": plain(info)}


def outcome_of(info: Info) -> Info:
    """An info in which a success with a hint stands where a success stands.

    `rlvr_gym.envs.wrappers.Hint` tells it under other names, so that nobody counts it by mistake.
    """
    if "verdict_with_hint" not in info:
        return info
    return {**info, "verdict": info["verdict_with_hint"], "passed": info.get("passed_with_hint")}


def plain(value: Any) -> Any:
    """A copy that is JSON, whatever it was; equal values give equal copies.

    Seconds that Gymnasium's `RecordEpisodeStatistics` puts into an info are left out.

    Example:
        >>> import numpy as np
        >>> plain({"a": (1, np.float64(2)), 3: {1j}, "nan": float("nan")})
        {'a': [1, 2.0], '3': '{1j}', 'nan': 'nan'}
    """
    if isinstance(value, Mapping):
        clocked = {"r", "l", "t"} == value.keys()
        return {str(key): plain(item) for key, item in value.items() if not (clocked and key == "t")}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return value if value is None or isinstance(value, bool | int | float) else repr(value)


def difference(seen: Any, expected: Any, where: str = "") -> str | None:
    """The first place at which two records differ, as words; None where they are equal.

    Example:
        >>> difference([{"info": {"turn": 1}}], [{"info": {"turn": 2}}], "moment")
        'moment 0, info, turn: 1 instead of 2'
        >>> difference([{}], [{}], "moment")
    """
    if isinstance(seen, dict) and isinstance(expected, dict):
        for key in [*expected, *seen.keys() - expected.keys()]:
            if key not in seen or key not in expected:
                return f"{where}: {key!r} is " + ("missing" if key not in seen else "there, and should not be")
            if found := difference(seen[key], expected[key], f"{where}, {key}"):
                return found
        return None
    if isinstance(seen, list) and isinstance(expected, list) and len(seen) == len(expected):
        pairs = enumerate(zip(seen, expected, strict=True))
        return next(filter(None, (difference(one, other, f"{where} {i}") for i, (one, other) in pairs)), None)
    same = type(seen) is type(expected) and seen == expected
    if isinstance(seen, float):  # 0.0 and -0.0 are equal, and other bytes
        same = same and repr(seen) == repr(expected)
    return None if same else f"{where}: {shown(seen)} instead of {shown(expected)}"


def answered(env: Env, answers: Sequence[str]) -> tuple[bool, Info]:
    """Give answers turn by turn until the episode ends or they do; whether a verdict ended it, and its outcome."""
    terminated, info = False, dict[str, Any]()
    for answer in answers:
        _, _, terminated, truncated, info = env.step(answer)
        if terminated or truncated:
            break
    return terminated, outcome_of(info)
