"""Novelty: memories of what was seen, as values that are passed in and out.

A memory says how surprising a text is, in [0, 1], and gives another memory that has seen more; it never changes in
place, so that a reward under one memory is a pure function. Only the trainer lets a memory learn, in one place and in
one order, and workers are given the result. All hashes are keyed BLAKE2, the same on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from rlvr_gym.reward_shaping.core import check_range
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

VERSION = 1


class Memory(Protocol):
    """What was seen, as a value."""

    def surprise(self, text: str) -> float:
        """How new a text is: 1 where nothing like it was seen, towards 0 the more often it was."""

    def learn(self, texts: Iterable[str]) -> Self:
        """The memory that has also seen these."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON; see `memory_from`."""


def stable_bytes(text: str, seed: int, size: int) -> bytes:
    """A keyed hash of a text, the same in every process.

    Example:
        >>> len(stable_bytes("a", 0, 4)), stable_bytes("a", 0, 4) == stable_bytes("a", 1, 4)
        (4, False)
    """
    key = seed.to_bytes(8, "big")
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size, key=key).digest()


@dataclass(frozen=True)
class CountMemory:
    """Counts of texts in a count-min sketch: bounded, never too low (Cormode and Muthukrishnan, 2005).

    `surprise = 1 / sqrt(1 + N)`, the count bonus of arXiv 1606.01868. Texts that collide share a count, so that a text
    can seem less new than it is and never newer. The hack is that random texts are always new: count what a response
    does and not its words, and cap what is paid.

    Args:
        seed: Of the hash.
        width: Counters in a row.
        rows: The counters; empty for a memory that has seen nothing.

    Example:
        >>> memory = CountMemory().learn(["a", "a", "a", "b"])
        >>> [memory.surprise(text) for text in ("a", "c")], memory.count("b")
        ([0.5, 1.0], 1)
        >>> memory_from(memory.to_dict()) == memory
        True
    """

    seed: int = 0
    width: int = 1024
    rows: Sequence[Sequence[int]] = ()

    def __post_init__(self) -> None:
        _check_seed(self.seed)
        check_range("counts", "width", self.width, 1)
        rows = tuple(map(tuple, self.rows)) or ((0,) * self.width,) * _DEPTH
        if len(rows) != _DEPTH or any(len(row) != self.width for row in rows):
            raise ConfigError(f"counts are {_DEPTH} rows of {self.width} numbers")
        object.__setattr__(self, "rows", rows)

    def count(self, text: str) -> int:
        """How often a text was seen, or more."""
        return min(row[place] for row, place in zip(self.rows, self._places(text), strict=True))

    def surprise(self, text: str) -> float:
        """See `Memory`."""
        return 1 / math.sqrt(1 + self.count(text))

    def learn(self, texts: Iterable[str]) -> Self:
        """See `Memory`; the order of the texts changes nothing."""
        rows = [list(row) for row in self.rows]
        for text in texts:
            for row, place in zip(rows, self._places(text), strict=True):
                row[place] += 1
        return replace(self, rows=tuple(map(tuple, rows)))

    def to_dict(self) -> dict[str, Any]:
        """See `Memory`."""
        rows = [list(row) for row in self.rows]
        return {"kind": "counts", "version": VERSION, "seed": self.seed, "width": self.width, "rows": rows}

    def _places(self, text: str) -> list[int]:
        digest = stable_bytes(text, self.seed, 8 * _DEPTH)
        return [int.from_bytes(digest[8 * n : 8 * n + 8], "big") % self.width for n in range(_DEPTH)]


_DEPTH = 4


@dataclass(frozen=True, eq=False)
class RndMemory:
    """RND-lite: the error of a linear predictor of a fixed random projection of hashed words (arXiv 1810.12894).

    Features are signed hashes of words, scaled to length 1; the target is a fixed matrix of signs; the predictor begins
    at 0 and takes one step of least mean squares for every text seen. `surprise` is the squared error over that of a
    predictor that has seen nothing, at most 1: after n visits to one text `(1 - rate) ** (2 * n)`. Deviations: linear,
    no network; the error is relative, so that no running moments have to be synchronised. Similar texts are known
    together, which counts do not do; random texts stay new.

    Args:
        seed: Of the hashes and the target.
        size: Features.
        rate: Of the predictor, in (0, 1].
        weights: Of the predictor, `size` rows; None for 0.

    Example:
        >>> memory = RndMemory(rate=0.5).learn(["so it is"])
        >>> round(memory.surprise("so it is"), 9), memory.surprise("words")
        (0.25, 1.0)
    """

    seed: int = 0
    size: int = 256
    rate: float = 0.1
    weights: NDArray[np.float64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_seed(self.seed)
        check_range("rnd", "size", self.size, 1)
        if check_range("rnd", "rate", self.rate, 0.0, 1.0) == 0:
            raise ConfigError("rnd: rate must be above 0")
        own = np.zeros((self.size, _OUTPUTS)) if self.weights is None else np.array(self.weights, dtype=np.float64)
        if own.shape != (self.size, _OUTPUTS) or not np.isfinite(own).all():
            raise ConfigError(f"rnd: weights are {self.size} rows of {_OUTPUTS} finite numbers")
        own.flags.writeable = False
        object.__setattr__(self, "weights", own)

    def surprise(self, text: str) -> float:
        """See `Memory`."""
        features, wanted = self._features(text), self._target()
        first = features @ wanted
        error = first - features @ self._weights
        scale = float(first @ first)
        return min(1.0, float(error @ error) / scale) if scale > 0 else 0.0

    def learn(self, texts: Iterable[str]) -> Self:
        """See `Memory`; the texts are seen in this order."""
        weights, wanted = self._weights.copy(), self._target()
        for text in texts:
            features = self._features(text)
            weights += self.rate * np.outer(features, features @ wanted - features @ weights)
        return replace(self, weights=weights)

    def to_dict(self) -> dict[str, Any]:
        """See `Memory`."""
        own = {"seed": self.seed, "size": self.size, "rate": self.rate, "weights": self._weights.tolist()}
        return {"kind": "rnd", "version": VERSION, **own}

    @property
    def _weights(self) -> NDArray[np.float64]:
        return np.asarray(self.weights, dtype=np.float64)

    def _features(self, text: str) -> NDArray[np.float64]:
        features = np.zeros(self.size)
        for word in text.split() or [""]:
            digest = int.from_bytes(stable_bytes(word, self.seed, 8), "big")
            features[(digest >> 1) % self.size] += 1.0 if digest & 1 else -1.0
        length = math.sqrt(float(features @ features))
        return features / length if length else features

    def _target(self) -> NDArray[np.float64]:
        bits = b"".join(stable_bytes(f"target {row}", self.seed, _OUTPUTS // 8) for row in range(self.size))
        signs = np.unpackbits(np.frombuffer(bits, dtype=np.uint8)).reshape(self.size, _OUTPUTS)
        return 2.0 * signs.astype(np.float64) - 1.0


_OUTPUTS = 16


def memory_from(data: Mapping[str, Any]) -> CountMemory | RndMemory:
    """The inverse of `to_dict`; `{"kind": "counts"}` and `{"kind": "rnd"}` are memories that have seen nothing.

    Raises:
        ConfigError: It is no memory, or of another version.
    """
    kinds = {"counts": CountMemory, "rnd": RndMemory}
    if not isinstance(data, Mapping) or data.get("kind") not in kinds:
        raise ConfigError(f"a memory has a kind, one of {', '.join(kinds)}; got {shown(data)}")
    if data.get("version", VERSION) != VERSION:
        raise ConfigError(f"the memory is of version {shown(data['version'])}, this is version {VERSION}")
    settings = {name: value for name, value in data.items() if name not in ("kind", "version")}
    try:
        made: CountMemory | RndMemory = kinds[data["kind"]](**settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"not a memory: {error}") from error
    return made


def _check_seed(seed: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise ConfigError(f"seed must be an integer from 0 to 2**64 - 1, got {shown(seed)}")
