"""`Snapshot`: a moment of an episode as JSON, from which the same future can be lived again in any process.

What is in it, and what is not: the task (by its index where the environment's task set holds it, else whole), the turn,
the transcript, the state of the random generator, the hidden state of the family or, where that cannot be written
down, the actions that led to it, and the state of each wrapper. Clocks and the environment's settings are not in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from rlvr_gym.envs.task import copied
from rlvr_gym.verifiers import RlvrError
from rlvr_gym.verifiers.errors import shown

VERSION = 1


class SnapshotError(RlvrError, ValueError):
    """An environment cannot be saved, or a snapshot does not fit where it is to be restored."""


class Layer(NamedTuple):
    """One wrapper: the name of its class, and its state."""

    name: str
    state: Any


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of an episode. It can hold the task's gold: keep it from policies.

    Args:
        env: Class of the base environment, `module:Class`.
        task: `{"id", "index"}`, or `{"id", "task"}` where the task was given to `reset`.
        turn: Steps taken.
        over: Whether the episode has ended.
        rng: State of the random generator: its kind, two hexadecimal numbers, and its buffered half.
        transcript: The messages so far, in chat format.
        state: What `get_state` gave.
        replay: For environments that are restored by replay: `{"rng", "actions"}` from the episode's beginning.
        layers: The wrappers, from the innermost to the outermost.
        digest: Hash of everything that the policy could see and of the anchor; checked after a restore.

    Example:
        >>> import gymnasium as gym
        >>> from rlvr_gym.envs import restore, snapshot
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0")
        >>> _ = env.reset(seed=0)
        >>> saved = snapshot(env)
        >>> Snapshot.from_dict(saved.to_dict()) == saved
        True
    """

    env: str
    task: Mapping[str, Any]
    turn: int
    over: bool
    rng: Sequence[Any]
    transcript: Sequence[Mapping[str, str]]
    state: Any
    replay: Mapping[str, Any] | None
    digest: str
    layers: tuple[Layer, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; its own copy throughout."""
        data = copied({field.name: getattr(self, field.name) for field in fields(self) if field.name != "layers"})
        return {"snapshot": VERSION, **data, "layers": [list(copied(layer)) for layer in self.layers]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Snapshot:
        """The inverse of `to_dict`.

        Raises:
            SnapshotError: It is no snapshot, or one of a later version.
        """
        if not isinstance(data, Mapping) or type(data.get("snapshot")) is not int:
            raise SnapshotError(f"not a snapshot: expected what Snapshot.to_dict() gives, got {shown(data)}")
        if data["snapshot"] > VERSION:
            raise SnapshotError(f"a snapshot of version {data['snapshot']}: this library reads up to version {VERSION}")
        values = {key: value for key, value in copied(data).items() if key != "snapshot"}
        names = {field.name for field in fields(cls)}
        if values.keys() != names:
            raise SnapshotError(f"not a snapshot: missing or unknown keys {sorted(values.keys() ^ names)}")
        for name, kinds in _KINDS.items():
            if not isinstance(values[name], kinds) or (name == "turn" and isinstance(values[name], bool)):
                raise SnapshotError(f"not a snapshot: {name} is {shown(values[name])}")
        try:
            values["layers"] = tuple(Layer(*layer) for layer in values["layers"])
        except TypeError as error:
            raise SnapshotError(f"not a snapshot: layers are pairs of a name and a state ({error})") from error
        return cls(**values)


_KINDS: dict[str, Any] = {
    "env": str, "task": dict, "turn": int, "over": bool, "rng": list, "transcript": list, "replay": dict | None,
    "digest": str, "layers": list,
}  # fmt: skip


def save_rng(rng: np.random.Generator) -> list[Any]:
    """The state of a generator as JSON. Its numbers have 128 bits: as text, since not every reader of JSON keeps them.

    Raises:
        SnapshotError: It is not Gymnasium's kind of generator, PCG64.
    """
    state = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise SnapshotError(f"expected a PCG64 generator, as Gymnasium makes them, got {state['bit_generator']}")
    return [
        "PCG64",
        f"{state['state']['state']:x}",
        f"{state['state']['inc']:x}",
        state["has_uint32"],
        state["uinteger"],
    ]


def load_rng(saved: Sequence[Any]) -> np.random.Generator:
    """The inverse of `save_rng`.

    Raises:
        SnapshotError: It is no such state.
    """
    try:
        kind, state, increment, has_half, half = saved
        bits = np.random.PCG64(0)
        bits.state = {
            "bit_generator": kind,
            "state": {"state": int(state, 16), "inc": int(increment, 16)},
            "has_uint32": has_half,
            "uinteger": half,
        }
    except (TypeError, ValueError, OverflowError) as error:
        raise SnapshotError(f"not the state of a PCG64 generator: {shown(saved)} ({error})") from error
    return np.random.Generator(bits)


def other_rng(saved: Sequence[Any], number: int) -> list[Any]:
    """A state that is a function of another and a number, and has nothing else in common with it.

    Example:
        >>> rng = np.random.Generator(np.random.PCG64(0))
        >>> first, second = (load_rng(other_rng(save_rng(rng), number)).random() for number in (1, 2))
        >>> first == second, first == load_rng(other_rng(save_rng(rng), 1)).random()
        (False, True)
    """
    seed = hashlib.blake2b(f"{list(saved)}|{number}".encode(), digest_size=32).digest()
    state, increment = int.from_bytes(seed[:16], "big"), int.from_bytes(seed[16:], "big") | 1  # which must be odd
    return ["PCG64", f"{state:x}", f"{increment:x}", 0, 0]
