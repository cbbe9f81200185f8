"""Streets of houses: the tables that clues leave, by propagation and search.

A value is a number: `category * houses + place in its category`. A category is a set of permutations, which is an
integer with a bit for each of those that are left; of a value the places that are left are bits too.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import permutations, product
from typing import NamedTuple

# What a clue says of the places of the values that it names.
KINDS = ("at", "not_at", "same", "apart", "left", "just_left", "next", "between")


class Clue(NamedTuple):
    """What is said of which values; of `at` and `not_at` the last number is a place, from 0."""

    kind: str
    words: tuple[int, ...]


def holds(kind: str, one: int, two: int, three: int = 0) -> bool:
    """Whether a clue is true of such places.

    Example:
        >>> holds("between", 2, 3, 0), holds("just_left", 2, 1)
        (True, False)
    """
    if kind in ("at", "same"):
        return one == two
    if kind in ("not_at", "apart"):
        return one != two
    if kind == "left":
        return one < two
    if kind == "just_left":
        return one + 1 == two
    if kind == "next":
        return one - two in (1, -1)
    return two < one < three or three < one < two


@cache
def _permutations(houses: int) -> list[tuple[int, ...]]:
    """The places of the values of a category, for each permutation."""
    return list(permutations(range(houses)))


@cache
def _placed(houses: int) -> list[list[int]]:
    """For each value of a category and each set of places, the permutations that put it there."""
    orders = _permutations(houses)
    return [
        [sum(1 << at for at, order in enumerate(orders) if places >> order[value] & 1) for places in range(1 << houses)]
        for value in range(houses)
    ]


@cache
def _revised(kind: str, places: tuple[int, ...]) -> tuple[int, ...]:
    """Of the places that are left to the values of a clue, those with which it can be true."""
    kept = [0] * len(places)
    each = [[place for place in range(mask.bit_length()) if mask >> place & 1] for mask in places]
    for chosen in product(*each):
        if holds(kind, *chosen):
            for at, place in enumerate(chosen):
                kept[at] |= 1 << place
    return tuple(kept)


def tables(houses: int, categories: int, clues: list[Clue], limit: int) -> list[list[int]]:
    """The tables of which all clues are true, at most `limit`: the place of every value.

    Example:
        >>> tables(3, 1, [Clue("just_left", (0, 1)), Clue("not_at", (2, 0))], 5)
        [[0, 1, 2]]
    """
    left = [(1 << len(_permutations(houses))) - 1] * categories
    places = [(1 << houses) - 1] * (houses * categories)
    for kind, words in clues:
        if kind in ("at", "not_at"):
            bit = 1 << words[1]
            if not _restrict(houses, left, places, words[0], bit if kind == "at" else ~bit):
                return []
    found: list[list[int]] = []
    _search(houses, left, places, [clue for clue in clues if clue.kind not in ("at", "not_at")], found, limit)
    return found


@lru_cache(maxsize=1 << 16)
def _left_to(houses: int, orders: int) -> tuple[int, ...]:
    """The places that these permutations leave to each value of a category."""
    return tuple([sum(1 << place for place in range(houses) if orders & row[1 << place]) for row in _placed(houses)])


def _restrict(houses: int, left: list[int], places: list[int], value: int, to: int) -> bool:
    """Leave a value no other places than these; whether there is still a permutation of its category."""
    category, number = divmod(value, houses)
    orders = left[category] & _placed(houses)[number][places[value] & to]
    left[category] = orders
    places[category * houses : (category + 1) * houses] = _left_to(houses, orders)
    return orders != 0


def _propagate(houses: int, left: list[int], places: list[int], clues: list[Clue]) -> bool:
    """Apply the clues until they say nothing new; whether none is contradicted."""
    at, quiet, count = 0, 0, len(clues)
    while quiet < count:
        kind, words = clues[at]
        before = tuple([places[value] for value in words])
        after = _revised(kind, before)
        if after == before:
            quiet += 1
        else:
            quiet = 0  # this clue too is looked at again: a place that one value loses, others of its category may lose
            for value, mask in zip(words, after, strict=True):
                if places[value] & ~mask and not _restrict(houses, left, places, value, mask):
                    return False
        at = at + 1 if at + 1 < count else 0
    return True


def _search(
    houses: int, left: list[int], places: list[int], clues: list[Clue], found: list[list[int]], limit: int
) -> None:
    if not _propagate(houses, left, places, clues):
        return
    open_ = [(orders.bit_count(), category) for category, orders in enumerate(left) if orders & (orders - 1)]
    if not open_:
        found.append([mask.bit_length() - 1 for mask in places])
        return
    category = min(open_)[1]
    orders = left[category]
    while orders and len(found) < limit:
        bit = orders & -orders
        orders ^= bit
        there, at = list(left), list(places)
        there[category] = bit
        order = _permutations(houses)[bit.bit_length() - 1]
        at[category * houses : (category + 1) * houses] = [1 << place for place in order]
        _search(houses, there, at, clues, found, limit)
