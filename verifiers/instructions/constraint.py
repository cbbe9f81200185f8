"""What a kind of instruction is: parameters, the sentence that asks for it, and a check in two profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Parameters = Mapping[str, Any]


class Outcome(NamedTuple):
    """What a check found.

    Args:
        kept: Whether the response keeps to the instruction.
        detail: What was found and what was needed, for people: `found 3, needed at least 4`.
    """

    kept: bool
    detail: str


Check = Callable[[str, Parameters], Outcome]


@dataclass(frozen=True)
class Instruction:
    """One kind of instruction.

    Args:
        id: As the data sets name it, for example `"keywords:existence"` or `"count:numbers"`.
        read: Takes the parameters as a data set has them; gives those that the checks take.

            It raises `ValueError` where one is missing, of a wrong type or out of its range: none is ever invented.
        describe: The sentence that asks for it, in own words.
        fixed: The check that is meant, without the defects of the official one.
        reference: The check that gives the labels of the official one, defects and all.
        differences: What the official check does otherwise than `fixed`, one sentence each.
        exact: False where the official label depends on a random or downloaded part, so that `reference` cannot equal
            it everywhere.
    """

    id: str
    read: Callable[[Parameters], dict[str, Any]]
    describe: Callable[[Parameters], str]
    fixed: Check
    reference: Check
    differences: tuple[str, ...] = ()
    exact: bool = True
