"""All triggers by name: those of `evidence`, by the number of steps, by hand, and made of others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rlvr_gym.reward_shaping.schedules.evidence import Coverage, InformativeGroups, Plateau, Rescue, SuccessRate
from rlvr_gym.reward_shaping.schedules.spec import check_count, made
from rlvr_gym.reward_shaping.schedules.trigger import Stay, Trigger
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


@dataclass(frozen=True)
class AtStep(Trigger):
    """After so many steps of the stage.

    Example:
        >>> [AtStep(2).fires(Stay(steps)) for steps in (1, 2, 3)]
        [False, True, True]
    """

    name = "at_step"
    steps: int

    def __post_init__(self) -> None:
        check_count("steps", self.steps, 1)

    def fires(self, stay: Stay) -> bool | None:
        """See `Trigger.fires`."""
        return stay.steps >= self.steps


@dataclass(frozen=True)
class Manual(Trigger):
    """Once somebody asked for it: `Controller.signal(signal)`.

    Args:
        signal: Its name.
    """

    name = "manual"
    signal: str = "next"

    def __post_init__(self) -> None:
        if not isinstance(self.signal, str) or not self.signal:
            raise ConfigError(f"signal must be a name, got {shown(self.signal)}")

    def fires(self, stay: Stay) -> bool | None:
        """See `Trigger.fires`."""
        return self.signal in stay.signals


@dataclass(frozen=True)
class Compound(Trigger):
    """Made of other triggers."""

    triggers: tuple[Trigger, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.triggers, list | tuple) or not self.triggers:
            raise ConfigError(f"{self.name} needs a list of triggers, got {shown(self.triggers)}")
        object.__setattr__(self, "triggers", tuple(make_trigger(each) for each in self.triggers))

    @property
    def memory(self) -> int:
        """See `Trigger.memory`."""
        return max(trigger.memory for trigger in self.triggers)

    def answers(self, stay: Stay) -> set[bool | None]:
        """What the others say."""
        return {trigger.fires(stay) for trigger in self.triggers}


class AnyOf(Compound):
    """One of them fires. No only where all say no."""

    name = "any"

    def fires(self, stay: Stay) -> bool | None:
        """See `Trigger.fires`."""
        return first_of((True, None), self.answers(stay), otherwise=False)


class AllOf(Compound):
    """All of them fire. No where one says no."""

    name = "all"

    def fires(self, stay: Stay) -> bool | None:
        """See `Trigger.fires`."""
        return first_of((False, None), self.answers(stay), otherwise=True)


@dataclass(frozen=True)
class Not(Trigger):
    """Another one says no, with evidence.

    Example:
        >>> from rlvr_gym.reward_shaping.schedules import Feedback
        >>> rate = SuccessRate(0.5, min_samples=4)
        >>> [Not(rate).fires(Stay(1, (Feedback(1, {"a": (n, 0)}),))) for n in (3, 4)]
        [None, True]
    """

    name = "not"
    trigger: Trigger

    def __post_init__(self) -> None:
        object.__setattr__(self, "trigger", make_trigger(self.trigger))

    @property
    def memory(self) -> int:
        """See `Trigger.memory`."""
        return self.trigger.memory

    def fires(self, stay: Stay) -> bool | None:
        """See `Trigger.fires`."""
        answer = self.trigger.fires(stay)
        return None if answer is None else not answer


TRIGGERS: dict[str, type[Trigger]] = {
    kind.name: kind
    for kind in (AtStep, SuccessRate, Coverage, InformativeGroups, Plateau, Rescue, Manual, AnyOf, AllOf, Not)
}


def make_trigger(spec: Any) -> Trigger:
    """The trigger of a spec: a name, or `{name: settings}`.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no spec, or a setting is refused.

    Example:
        >>> make_trigger({"any": {"triggers": [{"at_step": {"steps": 100}}, "coverage"]}})
        AnyOf(triggers=(AtStep(steps=100), Coverage(min_fraction=0.1, window=1, min_prompts=1)))
    """
    return made("trigger", TRIGGERS, spec)


def first_of(wanted: Iterable[bool | None], answers: set[bool | None], otherwise: bool) -> bool | None:
    """The first wanted answer that somebody gave."""
    return next((answer for answer in wanted if answer in answers), otherwise)
