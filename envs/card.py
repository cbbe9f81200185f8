"""The card of an environment: what a person wants to know before using it and a program cannot read off the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

FAMILIES = ("any", "code", "game", "instruction", "logic", "math", "structured", "tool")
GENERATED = "Apache-2.0, as this project: tasks are made by its generator."
ONE_TURN = "The task's text, and nothing after its answer."
NO_DATA = "None: tasks are made by a generator."


@dataclass(frozen=True, slots=True)
class Card:
    """What an environment says of itself. `rlvr list --cards` shows it beside what is read off the code and measured.

    Args:
        family: One of `FAMILIES`; chooses the attacks of the audit.
        answer_format: How a response declares its answer, in one sentence.
        licence: Under which terms tasks may be used; for data that the user brings, where they stand.
        chance: The largest mean reward, with the default knobs, that a policy earns which does not solve the task, in
            [0, 1]: the level that `rlvr audit` holds every attack to.
        chance_reason: Where that number comes from, in one sentence.
        told: What a policy is told, in one or two sentences; to be written where an episode has several turns.
        data: What data is needed, and its columns; to be written where a file is read.
        distinct: At least so many different tasks there are with the default knobs; None where they are read from data.
        levels: Keywords for each level of difficulty, the easiest first: with each level fewer tasks are solved by one
            policy that does not change. `rlvr calibrate` measures it.
        effort: Numbers in a task's difficulty whose product is about how many decisions its solution takes; where there
            are none its turns count, or the words and digits of its solution.

    Raises:
        ConfigError: There is no such family, the chance is no share, or a level is no dict of keywords.

    Example:
        >>> card = Card("math", "A last line `#### <number>`.", GENERATED, chance=0.1, chance_reason="one digit")
        >>> card.told
        "The task's text, and nothing after its answer."
    """

    family: str
    answer_format: str
    licence: str
    chance: float = 0.0
    chance_reason: str = "nothing but a right answer is paid"
    told: str = ONE_TURN
    data: str = NO_DATA
    distinct: int | None = None
    levels: tuple[Mapping[str, Any], ...] = ()
    effort: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ConfigError(f"the family of a card is one of {', '.join(FAMILIES)}; got {shown(self.family)}")
        if not 0 <= self.chance <= 1:
            raise ConfigError(f"the chance of a card is a mean reward from 0 to 1, got {shown(self.chance)}")
        if not all(isinstance(level, Mapping) and level for level in self.levels):
            raise ConfigError(f"the levels of a card are dicts of keywords, got {shown(self.levels)}")
