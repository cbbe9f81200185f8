"""Infos of many environments as one dict of arrays, as in Gymnasium: beside each key a mask `_key` of who has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_DTYPES: dict[type, type] = {bool: np.bool_, int: np.int64, float: np.float64}
_LIMIT = 2**63  # of the integers that an array can hold


def merged(infos: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """The infos of all sub-environments; nothing is lost or changed on the way.

    Where every present value of a key is a `bool`, or an `int` of 64 bits, or a `float`, the array has that type;
    otherwise it is an array of objects. Lists and dicts are objects too. Gymnasium's own vector environments merge
    dicts key by key instead, which suits the rewards of a robot and not verdicts, whose keys differ from task to task;
    and they type an array by its first value, so that a later None in an array of booleans becomes False.

    Args:
        infos: One for each sub-environment; None for one that has nothing to say.

    Returns:
        For each key an array over the sub-environments, and the mask under `_` + key. Absent are None, 0 or False.

    Example:
        >>> found = merged([{"turn": 1, "passed": True}, None, {"turn": 3}])
        >>> found["turn"], found["_turn"]
        (array([1, 0, 3]), array([ True, False,  True]))
        >>> found["passed"], found["_passed"]
        (array([ True, False, False]), array([ True, False, False]))
    """
    present = [info for info in infos if info is not None]
    if not present:
        return {}
    if len(present) == len(infos) and len(set(map(len, present))) == 1:
        try:
            return _columns(present)
        except KeyError:
            pass  # as many keys, but others
    return _sparse(infos)


def _columns(infos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every one has every key, which is the common case and the fast one."""
    found: dict[str, Any] = {}
    count = len(infos)
    for key in infos[0]:
        values = [info[key] for info in infos]
        found[key] = np.fromiter(values, _dtype(values), count)
        found[f"_{key}"] = np.ones(count, np.bool_)
    return found


def _sparse(infos: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    count = len(infos)
    places: dict[str, list[int]] = {}
    for i, info in enumerate(infos):
        for key in info or ():
            places.setdefault(key, []).append(i)
    found: dict[str, Any] = {}
    for key, indices in places.items():
        values = [info[key] for info in infos if info is not None and key in info]
        dtype = _dtype(values)
        array = np.full(count, None) if dtype is object else np.zeros(count, dtype)
        array[indices] = np.fromiter(values, dtype, len(values))
        mask = np.zeros(count, np.bool_)
        mask[indices] = True
        found[key], found[f"_{key}"] = array, mask
    return found


def _dtype(values: Sequence[Any]) -> type:
    kind = type(values[0])
    dtype = _DTYPES.get(kind) or (kind if issubclass(kind, np.number | np.bool_) else object)
    if dtype is object or len(set(map(type, values))) > 1:
        return object
    if kind is int and not (min(values) >= -_LIMIT and max(values) < _LIMIT):
        return object
    return dtype
