"""Random orders that are quick to draw: a random number decides several places at once."""

from __future__ import annotations

from typing import Any

from rlvr_gym.envs.procedural import TaskRandom


def shuffle(items: list[Any], rng: TaskRandom) -> None:
    """Bring a list into a uniformly random order, in place, with one draw for every few places.

    Example:
        >>> letters = list("abcdef")
        >>> shuffle(letters, TaskRandom(b"1"))
        >>> "".join(letters)
        'dbeafc'
    """
    at = len(items)
    while at > 1:
        places, product = at, 1
        while places > 1 and product * places < 1 << 64:
            product *= places
            places -= 1
        drawn = rng.below(product)
        while at > places:
            drawn, other = divmod(drawn, at)
            at -= 1
            items[at], items[other] = items[other], items[at]
