"""The card of an environment: what a person wants to know before using it and a program cannot read off the code."""

from __future__ import annotations

from dataclasses import dataclass

from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

FAMILIES = ("any", "code", "game", "math", "tool")
GENERATED = "Apache-2.0, as this project: tasks are made by its generator."
ONE_TURN = "The task's text, and nothing after its answer."
NO_DATA = "None: tasks are made by a generator."


@dataclass(frozen=True, slots=True)
class Card:
    """What an environment says of itself. `rlvr list --cards` shows it beside what is read off the code and measured.

    Args:
        family: `"math"`, `"code"`, `"game"`, `"tool"` or `"any"`; chooses the attacks of the audit.
        answer_format: How a response declares its answer, in one sentence.
        licence: Under which terms tasks may be used; for data that the user brings, where they stand.
        chance: The largest mean reward, with the default knobs, that a policy earns which does not solve the task, in
            [0, 1]: the level that `rlvr audit` holds every attack to.
        chance_reason: Where that number comes from, in one sentence.
        told: What a policy is told, in one or two sentences; to be written where an episode has several turns.
        data: What data is needed, and its columns; to be written where a file is read.

    Raises:
        ConfigError: There is no such family, or the chance is no share.

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

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ConfigError(f"the family of a card is one of {', '.join(FAMILIES)}; got {shown(self.family)}")
        if not 0 <= self.chance <= 1:
            raise ConfigError(f"the chance of a card is a mean reward from 0 to 1, got {shown(self.chance)}")
