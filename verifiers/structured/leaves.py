"""How much of a wanted document another one says: compared leaf by leaf, along their paths.

A leaf is a value without values in it. Leaves that can be guessed without reading (true and false, null, empty lists
and objects, values that the schema lists) must be right for a document to pass, and count nothing towards its partial
credit. What stands where nothing was wanted is taken off.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

Path = tuple[str, ...]
ANY = "*"  # in a path: whatever the place in a list


class Tally(NamedTuple):
    """What was found of a document.

    Args:
        wanted: Leaves of the one that is wanted.
        right: How many of them stand in the other one.
        read: How many of those cannot be guessed.
        extra: Leaves that stand where none was wanted.
    """

    wanted: int
    right: int
    read: int
    extra: int

    @property
    def equal(self) -> bool:
        """Whether the documents say the same."""
        return self.right == self.wanted and not self.extra

    @property
    def score(self) -> float:
        """Share of the wanted leaves that were read, less those that nobody wanted; from 0 to 1."""
        return max(0, self.read - self.extra) / self.wanted


def compared(given: Any, wanted: Any, schema: Any, unordered: frozenset[Path] = frozenset()) -> Tally:
    """Compare two JSON values of bounded depth.

    Args:
        given: What a response says.
        wanted: What it should say.
        schema: The JSON Schema of both; says what can be guessed.
        unordered: Paths of lists whose order says nothing; `*` stands for any place in a list.

    Example:
        >>> compared({"n": 2.0, "m": "x"}, {"n": 2, "m": "y"}, {})
        Tally(wanted=2, right=1, read=1, extra=0)
        >>> compared([1, 2], [2, 1], {}), compared([1, 2], [2, 1], {}, frozenset([()])).equal
        (Tally(wanted=2, right=0, read=0, extra=0), True)
    """
    return Tally(leaf_count(wanted), *_compared(given, wanted, schema, (), unordered))


def leaf_count(value: Any) -> int:
    """How many leaves a value has; an empty list or object is one.

    Example:
        >>> leaf_count({"a": [1, 2], "b": {}}), leaf_count(7)
        (3, 1)
    """
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(leaf_count, items)) if items else 1


def canonical(value: Any) -> str:
    """A text that two values share where they say the same.

    Example:
        >>> canonical({"b": 1.0, "a": " x "}) == canonical({"a": "x", "b": 1})
        True
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.strip() if isinstance(value, str) else value


def _compared(given: Any, wanted: Any, schema: Any, path: Path, unordered: frozenset[Path]) -> tuple[int, int, int]:
    """Right, read and extra leaves."""
    if isinstance(wanted, dict) and isinstance(given, dict) and wanted:
        pairs = [(given[key], wanted[key], _below(schema, key), (*path, key)) for key in wanted if key in given]
        extra = sum(leaf_count(given[key]) for key in given if key not in wanted)
    elif isinstance(wanted, list) and isinstance(given, list) and wanted:
        matched = _matched(given, wanted) if path in unordered else given
        items = schema.get("items", {}) if isinstance(schema, dict) else {}
        pairs = [(one, other, items, (*path, ANY)) for one, other in zip(matched, wanted, strict=False)]
        extra = sum(map(leaf_count, matched[len(wanted) :]))
    else:
        right = _same(given, wanted)
        return int(right), int(right and not _guessable(wanted, schema)), leaf_count(given) - 1
    found = [_compared(*pair, unordered) for pair in pairs]
    return sum(r for r, _, _ in found), sum(r for _, r, _ in found), extra + sum(e for _, _, e in found)


def _below(schema: Any, key: str) -> Any:
    properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
    return properties.get(key, {})


def _guessable(wanted: Any, schema: Any) -> bool:
    listed = isinstance(schema, dict) and ("enum" in schema or "const" in schema)
    return listed or wanted is None or isinstance(wanted, bool | dict | list)


def _same(given: Any, wanted: Any) -> bool:
    """Whether two leaves are equal: numbers by value, texts without the blanks around them, nothing else mixed."""
    if isinstance(wanted, bool) or isinstance(given, bool):
        return given is wanted
    if isinstance(wanted, str):
        return isinstance(given, str) and given.strip() == wanted.strip()
    if isinstance(wanted, int | float):
        return isinstance(given, int | float) and given == wanted
    return type(given) is type(wanted) and given == wanted


def _matched(given: Sequence[Any], wanted: Sequence[Any]) -> list[Any]:
    """The items in the order of the wanted ones: equal ones at their places, then the others in their own order."""
    texts = [canonical(item) for item in given]
    places: dict[str, list[int]] = defaultdict(list)
    for place in reversed(range(len(texts))):
        places[texts[place]].append(place)
    found = [places[text].pop() if places[text] else -1 for text in map(canonical, wanted)]
    taken = Counter(found)
    rest = iter([place for place in range(len(texts)) if not taken[place]])
    order = [place if place >= 0 else next(rest, -1) for place in found]
    missing: list[Any] = [given[place] if place >= 0 else _NOTHING for place in order]
    return missing + [given[place] for place in rest]


class _Nothing:
    """Stands for an item that is not there; equal to nothing and without leaves."""


_NOTHING = _Nothing()
