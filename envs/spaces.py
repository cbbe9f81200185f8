"""`UnicodeText`: the space of all strings up to a length.

Gymnasium's `Text` keeps a character set; with all of Unicode it takes seconds to build and tens of megabytes to
pickle, and with its default set not even a space is inside. This subclass keeps `Text`'s place in the type hierarchy
(so that vector and stacking utilities recognise it), accepts any string by type and length, and samples printable
ASCII.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from gymnasium import spaces
from gymnasium.vector.utils import create_shared_memory

T = TypeVar("T")

_ALPHABET = "".join(chr(code) for code in range(32, 127)) + "\n"


class UnicodeText(spaces.Text):
    """All strings of at most `max_length` characters.

    Args:
        max_length: Longest string, in characters; positive.
        seed: Seed of the space's own generator, used by `sample` alone.

    Example:
        >>> space = UnicodeText(10)
        >>> "π ≈ 3.14" in space, "x" * 11 in space, 7 in space
        (True, False, False)
    """

    def __init__(self, max_length: int = 1_000_000, *, seed: int | None = None) -> None:
        super().__init__(max_length, min_length=0, charset=_ALPHABET, seed=seed)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a string within the length."""
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Up to 64 random printable ASCII characters; only meant to exercise interfaces."""
        length = int(self.np_random.integers(0, min(self.max_length, 64) + 1))
        return "".join(_ALPHABET[i] for i in self.np_random.integers(0, len(_ALPHABET), size=length))

    def __repr__(self) -> str:
        return f"UnicodeText({self.max_length})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnicodeText) and self.max_length == other.max_length

    def __hash__(self) -> int:
        return hash(("UnicodeText", self.max_length))


def own(space: spaces.Space[T]) -> spaces.Space[T]:
    """A copy of a space whose sampling is its own, and goes on from where this one's is.

    Example:
        >>> space = UnicodeText(seed=0)
        >>> own(space).sample() == space.sample()
        True
    """
    return copy.deepcopy(space) if space._np_random is not None else copy.copy(space)


@create_shared_memory.register(UnicodeText)
def _no_shared_memory(space: UnicodeText, n: int = 1, ctx: Any = None) -> Any:
    raise TypeError(
        f"{space!r} has no shared memory, since its strings have any length: AsyncVectorEnv(..., shared_memory=False)"
    )
