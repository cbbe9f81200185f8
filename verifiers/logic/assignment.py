"""An answer that gives each of some names one of some values: `Ann: knight, Bob: knave`, or `10` in the order of names.

Each name must stand once, with one value. What else stands there makes the answer unreadable, so that no hedge is read
as a choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rlvr_gym.verifiers.by_rule import UnreadableError
from rlvr_gym.verifiers.errors import shown


def read_assignment(text: str, names: Sequence[str], values: Mapping[str, int]) -> list[int]:
    """The value of each name, in the order of the names.

    Args:
        text: Pairs of a name and a value with `:` or `=` between them, separated by commas, semicolons or new lines; or
            one value of one character for each name, in order, with nothing but blanks and commas between them.
        names: Each is to be given a value.
        values: What a value may be called, in lower case, and what it means.

    Raises:
        UnreadableError: Anything else.

    Example:
        >>> read_assignment("Bob: 1; Ann = 0", ["Ann", "Bob"], {"0": 0, "1": 1})
        [0, 1]
        >>> read_assignment("01", ["Ann", "Bob"], {"0": 0, "1": 1})
        [0, 1]
    """
    if ":" not in text and "=" not in text:
        return _in_order("".join(text.replace(",", " ").split()), names, values)
    known = set(names)  # not the names themselves: in a text each of its parts would be one
    found: dict[str, int] = {}
    for piece in text.replace("\n", ",").replace(";", ",").split(","):
        if not piece.strip():
            continue
        name, _, said = (part.strip() for part in piece.replace("=", ":").partition(":"))
        if name not in known:
            raise UnreadableError("unknown_name", f"there is no {shown(name)}")
        if name in found:
            raise UnreadableError("name_repeated", f"{shown(name)} is given a value twice")
        found[name] = _value(said, values)
    if len(found) < len(names):
        raise UnreadableError("incomplete", f"{len(names) - len(found)} of {len(names)} are given no value")
    return [found[name] for name in names]


def _in_order(symbols: str, names: Sequence[str], values: Mapping[str, int]) -> list[int]:
    if len(symbols) != len(names):
        raise UnreadableError("incomplete", f"an answer gives each of {len(names)} a value, as `name: value`")
    return [_value(symbol, values) for symbol in symbols]


def _value(said: str, values: Mapping[str, int]) -> int:
    value = values.get(said.lower())
    if value is None:
        raise UnreadableError("unknown_value", f"a value is one of {', '.join(values)}, not {shown(said)}")
    return value
