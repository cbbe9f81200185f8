"""`Trigger`: a question about the outcomes since a stage was entered.

A trigger says yes, no, or that there is too little evidence (None). The third is why `Not` is safe: without evidence
neither a trigger nor its opposite fires.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from rlvr_gym.reward_shaping.schedules.feedback import Feedback
from rlvr_gym.reward_shaping.schedules.spec import to_spec


@dataclass(frozen=True, slots=True)
class Stay:
    """What is known since the present stage was entered.

    Args:
        steps: How many steps ago that was.
        recent: Feedback of the latest steps that had outcomes, oldest first.
        signals: What was asked for by hand.
    """

    steps: int
    recent: tuple[Feedback, ...] = ()
    signals: tuple[str, ...] = ()

    def last(self, window: int) -> tuple[Feedback, ...]:
        """The feedback of the last `window` steps; empty where there were fewer in this stay."""
        return self.recent[len(self.recent) - window :] if len(self.recent) >= window else ()


@dataclass(frozen=True)
class Trigger(ABC):
    """A question about a stay; see the module."""

    name: ClassVar[str]

    @abstractmethod
    def fires(self, stay: Stay) -> bool | None:
        """Whether it is time; None where there is too little evidence."""

    @property
    def memory(self) -> int:
        """How many steps back it looks."""
        return 0

    def to_dict(self) -> Any:
        """The spec; see `make_trigger`."""
        return to_spec(self)
