"""The rollout boundary: where a failing environment becomes a record instead of the end of a run.

It holds the one broad `except` of the project. Whoever plays many environments at once (`collect`, `rollout`,
`TextVectorEnv`, the conformance kit) calls them through `guarded`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as a value.

    Args:
        error: The exception, as one line: its type and its message.
        traceback: Where it came from, as text.
    """

    error: str
    traceback: str


def guarded(call: Callable[[], T]) -> T | Failure:
    """The result of a call, or its exception as a `Failure`; an attempt to end the process is one too.

    Example:
        >>> guarded(lambda: 7), guarded(lambda: [][0]).error
        (7, 'IndexError: list index out of range')
    """
    try:
        return call()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an exit would end a thread without a word
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
