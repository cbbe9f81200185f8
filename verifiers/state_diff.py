"""Two states compared part by part: paths, masks, tables as multisets of rows. For `state@1`.

A state is JSON. A table is an object with just `columns` and `rows`; a path that goes on from a table names a column.
Equality is that of JSON texts: 1 is neither 1.0 nor true.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 32
Path = tuple[str, ...]
Mask = dict[str, Any]  # key to mask; `_ALL` under a key leaves out all of it

_ALL: Mask = {"\x00": True}
_MISSING = object()
_PLAIN = frozenset((str, float, bool, type(None)))
_SMALL = 2**64
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True)
class Check:
    """What is to stand at a path.

    For a table it is several things: how often each row is there that was to come or go, and the rest as expected.

    Args:
        path: Where to look.
        expected: The text of what stands there, of a table the text of the rest; None where nothing may stand.
        mask: What is not compared below the path.
        rows: Of a table, the texts of the rows that come or go, and how often each is there in the end.
        table: Whether a table is expected.
    """

    path: Path
    expected: str | None = None
    mask: Mask = field(default_factory=dict)
    rows: tuple[tuple[str, int], ...] = ()
    table: bool = False

    def outcomes(self, state: Any) -> list[bool]:
        """Which of the things hold in a state, always as many; any value is a state."""
        found = _at(state, self.path)
        if self.table:
            if not _is_table(found):
                return [False] * (len(self.rows) + 1)
            counts = _rows(found, self.mask)
            rest = _rest(found, self.mask, counts, dict(self.rows))
            return [*(counts[row] == count for row, count in self.rows), rest == self.expected]
        if found is _MISSING:
            return [self.expected is None]
        return [self.expected is not None and _text(_without(found, self.mask)) == self.expected]


def checks_of(state: Any, absent: tuple[Path, ...], initial: Any, mask: Mask) -> list[Check]:
    """What must hold for a state to be as expected: all of the outcomes together.

    Args:
        state: The expected state, or parts of it.
        absent: Paths that must not exist.
        initial: The state before; says which rows of a table must come and go.
        mask: What is not compared.

    Example:
        >>> table = {"columns": ["n"], "rows": [[1], [2]]}
        >>> [check] = checks_of({"t": {**table, "rows": [[1], [3]]}}, (), {"t": table}, {})
        >>> check.outcomes({"t": table})
        [False, False, True]
    """
    found = list(_checks(state, (), initial, mask))
    return found + [Check(path) for path in absent]


def covering(state: Any) -> Iterator[Path]:
    """The paths of the parts that a state speaks of: tables, and values that are no objects.

    Example:
        >>> list(covering({"a": {"b": 1, "c": {"columns": [], "rows": []}}}))
        [('a', 'b'), ('a', 'c')]
    """
    return (path for path, _ in _leaves(state, ()))


def kept(path: Path, initial: Any, state: Any, spoken: Mask) -> bool:
    """Whether a part of the state is as it was, but for what others speak of.

    Example:
        >>> kept((), {"a": 1, "b": 2}, {"a": 1, "b": 3}, mask_of([("b",)]))
        True
    """
    before, after = _at(initial, path), _at(state, path)
    if before is _MISSING or after is _MISSING:
        return before is after
    mask = _below(spoken, path)
    return mask is _ALL or _text(_without(before, mask)) == _text(_without(after, mask))


def mask_of(paths: Any) -> Mask:
    """Paths as a tree.

    Example:
        >>> sorted(mask_of([("a", "b"), ("a", "c")])["a"])
        ['b', 'c']
    """
    mask: Mask = {}
    for path in paths:
        if not path:
            return _ALL
        here = mask
        for key in path[:-1]:
            here = here.setdefault(key, {})
            if here is _ALL:
                break
        else:
            here[path[-1]] = _ALL
    return mask


def json_fault(value: Any, depth: int = 0) -> str:
    """Why a value is no JSON of bearable depth; empty where it is.

    Example:
        >>> json_fault({"a": [1, None]}), json_fault({"a": {1, 2}})
        ('', 'not JSON: set')
    """
    if type(value) is str or value is None:
        return ""
    if depth > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH}"
    if isinstance(value, list | tuple):
        return _fault_within(value, depth)
    if not isinstance(value, int | float) and isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return "not JSON: a key that is no text"
        return _fault_within(value.values(), depth)
    if isinstance(value, float) and not math.isfinite(value):
        return "not JSON: a number that is not finite"
    if isinstance(value, int) and abs(value) >= 10**100:
        return "a number of more than 100 digits"
    return "" if value is None or isinstance(value, str | int | float) else f"not JSON: {type(value).__name__}"


def _fault_within(values: Iterable[Any], depth: int) -> str:
    for value in values:
        if type(value) is not str and value is not None and (fault := json_fault(value, depth + 1)):
            return fault
    return ""


def _checks(state: Any, path: Path, initial: Any, mask: Mask) -> Iterator[Check]:
    for leaf, value in _leaves(state, path):
        ignored = _below(mask, leaf)
        if ignored is _ALL:
            continue
        if not _is_table(value):
            yield Check(leaf, _text(_without(value, ignored)), ignored)
            continue
        before, expected = _at(initial, leaf), _rows(value, ignored)
        had = _rows(before, ignored) if _is_table(before) else Counter[str]()
        changed = {row: expected[row] for row in sorted(had.keys() | expected.keys()) if had[row] != expected[row]}
        rest = _rest(value, ignored, expected, changed)
        yield Check(leaf, rest, ignored, tuple(changed.items()), table=True)


def _leaves(state: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(state, Mapping) and state and not _is_table(state):
        for key, value in state.items():
            yield from _leaves(value, (*path, key))
    elif path or not isinstance(state, Mapping) or state:
        yield path, state


def _at(state: Any, path: Path) -> Any:
    for key in path:
        if _is_table(state):
            state = {name: sorted(values, key=_text) for name, values in _by_column(state)}
        if not isinstance(state, Mapping) or key not in state:
            return _MISSING
        state = state[key]
    return state


def _by_column(table: Mapping[str, Any]) -> Iterator[tuple[Any, list[Any]]]:
    return ((str(name), [row[place] for row in table["rows"]]) for place, name in enumerate(table["columns"]))


def _below(mask: Mask, path: Path) -> Mask:
    for key in path:
        if mask is _ALL:
            return _ALL
        mask = mask.get(key, {})
    return mask


def _is_table(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and value.keys() == {"columns", "rows"}
        and isinstance(value["columns"], list | tuple)
        and isinstance(value["rows"], list | tuple)
        and all(isinstance(row, list | tuple) and len(row) == len(value["columns"]) for row in value["rows"])
    )


def _without(value: Any, mask: Mask) -> Any:
    if mask is _ALL or not isinstance(value, Mapping):
        return None if mask is _ALL else value
    if _is_table(value):
        return {"columns": _columns(value, mask), "rows": sorted(_row_texts(value, mask))}
    # A key under which all is left out may be there or not.
    return {key: _without(item, mask.get(key, {})) for key, item in value.items() if mask.get(key) is not _ALL}


def _compared(table: Mapping[str, Any], mask: Mask) -> list[int]:
    return [i for i, column in enumerate(table["columns"]) if not isinstance(column, str) or column not in mask]


def _columns(table: Mapping[str, Any], mask: Mask) -> list[Any]:
    return [table["columns"][i] for i in _compared(table, mask)]


def _row_texts(table: Mapping[str, Any], mask: Mask) -> Iterator[str]:
    places = _compared(table, mask)
    return (_row_text([row[i] for i in places]) for row in table["rows"])


def _rows(table: Mapping[str, Any], mask: Mask) -> Counter[str]:
    return Counter(_row_texts(table, mask))


def _rest(table: Mapping[str, Any], mask: Mask, counts: Counter[str], others: Mapping[str, int]) -> str:
    """The table without the rows that are looked at one by one, as a text."""
    return _text([_columns(table, mask), sorted([row, count] for row, count in counts.items() if row not in others)])


def _row_text(row: list[Any]) -> str:
    """A row as a text. Python's own is quicker than JSON's, and as good where all values are plain."""
    if all(type(value) in _PLAIN or (type(value) is int and -_SMALL < value < _SMALL) for value in row):
        return repr(row)
    return _text(row)


def _text(value: Any) -> str:
    """The JSON text of a value; of what has none, a text that nothing else has."""
    try:
        return _encoder(value)
    except (TypeError, ValueError, RecursionError):
        return f"no JSON: {type(value).__name__}"
