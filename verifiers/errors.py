"""Errors: every class inherits `RlvrError` and the built-in that a caller would expect.

A message says what was given, what was expected and what to do. The root class lives here, at the bottom of the
import order, so that `except RlvrError` catches whatever any layer above raises on purpose. Errors survive pickling,
since they cross process boundaries.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class RlvrError(Exception):
    """Root of all errors that this project raises on purpose."""


class ConfigError(RlvrError, ValueError):
    """A setting has a wrong value or an unknown name."""


class UnknownNameError(RlvrError, LookupError):
    """A name is not registered; the message offers near matches."""

    def __init__(self, kind: str, given: str, known: Iterable[str]) -> None:
        names = sorted(known)
        super().__init__(f"unknown {kind} {given!r}{suggestion(given, names)}")
        self.kind, self.given, self.known = kind, given, tuple(names)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, self.given, self.known)


class MissingExtraError(RlvrError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: pip install 'rlvr-gym[{extra}]'"
        )
        self.package, self.extra, self.purpose = package, extra, purpose

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.package, self.extra, self.purpose)


def shown(value: object, limit: int = 80) -> str:
    """A value as an error message quotes it: its `repr`, cut; total also where Python refuses to print the value.

    Example:
        >>> shown("x" * 100, limit=5), shown([10**5000])
        ("'xxx…", 'a list that cannot be printed')
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int above the digit limit of the interpreter, or endless nesting
        return f"a {type(value).__name__} that cannot be printed"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def suggestion(given: str, known: Iterable[str]) -> str:
    """The tail of an error message about a mistyped name: near matches, else all names.

    Args:
        given: What the user wrote.
        known: The names that would have been accepted.

    Returns:
        `; did you mean 'x'?` or `; known: a, b, c`.

    Example:
        >>> suggestion("nubmer@1", ["number@1", "math@1"])
        "; did you mean 'number@1'?"
        >>> suggestion("zzz", ["number@1", "math@1"])
        '; known: math@1, number@1'
    """
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.6)
    if near:
        return "; did you mean " + " or ".join(repr(name) for name in near) + "?"
    return "; known: " + (", ".join(names) if names else "none")
