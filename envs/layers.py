"""The state of one wrapper as JSON.

A wrapper that has `get_state` and `set_state` is asked. Of any other, Gymnasium's own among them, the state is its
attributes: numbers, texts, lists, dicts, deques, arrays and running means are written down; functions, spaces and specs
are settings and stay where they are; anything else is refused, so that nothing is forgotten in silence.
"""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.wrappers.utils import RunningMeanStd
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import copied
from rlvr_gym.verifiers.errors import shown

Wrapper = gym.Wrapper[Any, Any, Any, Any]

_OF_EVERY_WRAPPER = frozenset(
    ("env", "_action_space", "_observation_space", "_metadata", "_cached_spec", "_saved_kwargs")
)
# Attributes that are no state of the episode, and what they are in a restored one: clocks, and what the passive checker
# keeps to compare the first two steps with each other.
_ANEW: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "RecordEpisodeStatistics": {
        "episode_start_time": lambda old: time.perf_counter(),
        "time_queue": lambda old: deque(maxlen=old.maxlen),
    },
    "PassiveEnvChecker": {
        "checked_reset": lambda old: True,
        "checked_step": lambda old: True,
        "checked_data_reuse": lambda old: True,
        "_previous_data": lambda old: None,
    },
}
_SETTINGS = (gym.Space, gym.envs.registration.EnvSpec)


def save_layer(layer: Wrapper) -> Any:
    """What of a wrapper changes during an episode, as JSON.

    Raises:
        SnapshotError: It has an attribute that cannot be written down.
    """
    if hasattr(type(layer), "get_state"):
        return copied(layer.get_state())  # type: ignore[attr-defined]
    anew = _ANEW.get(type(layer).__name__, {})
    state = {}
    for name, value in vars(layer).items():
        if name in _OF_EVERY_WRAPPER or name in anew or callable(value) or isinstance(value, _SETTINGS):
            continue
        try:
            state[name] = _encoded(value)
        except SnapshotError as error:
            raise SnapshotError(
                f"the wrapper {type(layer).__name__} keeps {name} = {shown(value)}, which is not JSON: give it "
                "get_state() and set_state(state)"
            ) from error
    return state


def load_layer(layer: Wrapper, state: Any) -> None:
    """The inverse of `save_layer`; the state stays the caller's.

    Raises:
        SnapshotError: The state is not one of this wrapper's.
    """
    if hasattr(type(layer), "set_state"):
        layer.set_state(copied(state))  # type: ignore[attr-defined]
        return
    known = vars(layer)
    if not isinstance(state, Mapping) or not state.keys() <= known.keys():
        raise SnapshotError(f"not a state of the wrapper {type(layer).__name__}: {shown(state)}")
    for name, value in state.items():
        setattr(layer, name, _decoded(value, known[name]))
    for name, made in _ANEW.get(type(layer).__name__, {}).items():
        if name in known:
            setattr(layer, name, made(known[name]))


def _encoded(value: Any) -> Any:
    """A value as JSON: plain ones as they are, others as an object of one key that names their kind."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple | deque):
        kind = "list" if isinstance(value, list) else "tuple" if isinstance(value, tuple) else "deque"
        items = {kind: [_encoded(item) for item in value]}
        return {**items, "maxlen": value.maxlen} if isinstance(value, deque) else items
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {"dict": {key: _encoded(item) for key, item in value.items()}}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        return {"array": value.tolist(), "dtype": value.dtype.str, "scalar": isinstance(value, np.generic)}
    if isinstance(value, RunningMeanStd):
        return {"moments": {key: _encoded(item) for key, item in vars(value).items()}}
    if isinstance(value, str):
        return str.__str__(value)
    raise SnapshotError(f"{type(value).__name__} is not JSON")


def _decoded(value: Any, live: Any) -> Any:
    """The inverse; `live` is what stands there now."""
    if not isinstance(value, dict):
        return value
    kind = next(iter(value))
    content = value[kind]
    if kind == "dict":
        return {key: _decoded(item, None) for key, item in content.items()}
    if kind == "array":
        array = np.array(content, dtype=value["dtype"])
        return array[()] if value["scalar"] else array
    if kind == "moments":
        moments = copy.copy(live)
        vars(moments).update({key: _decoded(item, None) for key, item in content.items()})
        return moments
    items = [_decoded(item, None) for item in content]
    return items if kind == "list" else tuple(items) if kind == "tuple" else deque(items, value["maxlen"])
