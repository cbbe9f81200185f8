"""`RewardSchedule`: stages, as a pure function of the outcomes so far.

Only the trainer advances it. Environments count nothing: each of N workers sees 1/N of the outcomes, and schedules that
advance themselves drift apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rlvr_gym.reward_shaping.schedules.feedback import Feedback
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.reward_shaping.schedules.shapes import Shape, make_shape
from rlvr_gym.reward_shaping.schedules.spec import built, check_count, settings_of
from rlvr_gym.reward_shaping.schedules.trigger import Stay, Trigger
from rlvr_gym.reward_shaping.schedules.triggers import make_trigger
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

ON_MAX = ("hold", "go")


@dataclass(frozen=True)
class Stage:
    """What rewards read for a while, and when that ends.

    Steps are counted from the one after which the stage was entered. `until` is asked before `back`. With a threshold
    in `back` below that in `until`, a schedule has hysteresis; without `back` a stage, once entered, is kept.

    Args:
        name: Unlike that of the other stages.
        values: A shape by name: a number, or `{"cosine": {"start": 0, "end": 1, "steps": 100}}`.
        until: When to go on to the next stage; None for the last.
        back: When to go back to the one before; None for never.
        min_steps: Neither is asked before so many steps.
        max_steps: The longest that the stage is meant to last; None for any time.
        on_max: Then `"hold"`: stay, say that the warm-up failed, and go on asking `until`; a switch to a reward that
            nobody earns would be for good. Or `"go"`: on to the next stage.
        returns: How often `back` may fire in a run.
        cool_down: After a return from the next stage, `until` is not asked before so many steps.

    Raises:
        ConfigError: A setting is refused.
    """

    name: str
    values: Mapping[str, Shape]
    until: Trigger | None = None
    back: Trigger | None = None
    min_steps: int = 0
    max_steps: int | None = None
    on_max: str = "hold"
    returns: int = 1
    cool_down: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError(f"a stage needs a name, got {shown(self.name)}")
        if not isinstance(self.values, Mapping) or not all(isinstance(key, str) for key in self.values):
            raise ConfigError(f"values must be shapes by name, got {shown(self.values)}")
        object.__setattr__(self, "values", {key: make_shape(self.values[key]) for key in sorted(self.values)})
        for name in ("until", "back"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, make_trigger(getattr(self, name)))
        for name, low in (("min_steps", 0), ("returns", 0), ("cool_down", 0)):
            check_count(name, getattr(self, name), low)
        if self.max_steps is not None:
            check_count("max_steps", self.max_steps, max(self.min_steps, 1))
        if self.on_max not in ON_MAX:
            raise ConfigError(f"on_max must be 'hold' or 'go', got {shown(self.on_max)}")

    @property
    def memory(self) -> int:
        """How many steps of feedback its triggers look at; at least the last, which is reported."""
        return max([1, *(trigger.memory for trigger in (self.until, self.back) if trigger is not None)])

    def to_dict(self) -> dict[str, Any]:
        """The settings that are not the default."""
        return settings_of(self)


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """Where a schedule stands: JSON, and all that it remembers.

    Args:
        step: The last step that it was told of.
        stage: Number of the stage.
        entered: The step after which the stage was entered.
        version: Of the point.
        returned: Whether the stage was entered from the next one.
        returns: How often `back` of each stage has fired.
        recent: Feedback of the latest steps of this stay.
        signals: What was asked for by hand in this stay.
    """

    step: int = 0
    stage: int = 0
    entered: int = 0
    version: int = 1
    returned: bool = False
    returns: tuple[int, ...] = ()
    recent: tuple[Feedback, ...] = ()
    signals: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        recent = [feedback.to_dict() for feedback in self.recent]
        return {**found, "returns": list(self.returns), "recent": recent, "signals": list(self.signals)}

    @classmethod
    def from_dict(cls, data: Any) -> ScheduleState:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: It is no such object.
        """
        if not isinstance(data, Mapping) or set(data) != {field.name for field in fields(cls)}:
            raise ConfigError(f"not the state of a schedule: {shown(data)}")
        for name in ("step", "stage", "entered", "version"):
            check_count(name, data[name], 0)
        lists = all(isinstance(data[name], list) for name in ("returns", "recent", "signals"))
        if not lists or not isinstance(data["returned"], bool):
            raise ConfigError(f"not the state of a schedule: {shown(data)}")
        returns = tuple(check_count("returns", number, 0) for number in data["returns"])
        recent = tuple(Feedback.from_dict(each) for each in data["recent"])
        return cls(**{**data, "returns": returns, "recent": recent, "signals": tuple(data["signals"])})


@dataclass(frozen=True)
class RewardSchedule:
    """Stages in order. Frozen, JSON both ways, and pure: `at` and `update` change nothing.

    The first point has version 1, and every other one that follows the next version: equal versions of one run are
    equal points.

    Args:
        stages: At least one.

    Raises:
        ConfigError: A stage is refused, or two have one name.

    Example:
        >>> from rlvr_gym.reward_shaping.schedules import make_schedule
        >>> schedule = make_schedule({"stages": [
        ...     {"name": "dense", "values": {"mix": 0}, "until": {"coverage": {"min_fraction": 0.5}}},
        ...     {"name": "binary", "values": {"mix": 1}},
        ... ]})
        >>> state = schedule.initial()
        >>> schedule.at(state)
        SchedulePoint(version=1, stage='dense', values={'mix': 0.0})
        >>> state = schedule.update(state, Feedback(1, {"a": (8, 0), "b": (8, 1)}))
        >>> schedule.at(state)
        SchedulePoint(version=2, stage='binary', values={'mix': 1.0})
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.stages, list | tuple) or not self.stages:
            raise ConfigError(f"a schedule is a list of stages, got {shown(self.stages)}")
        stages = tuple(stage if isinstance(stage, Stage) else _stage(stage) for stage in self.stages)
        if len({stage.name for stage in stages}) < len(stages):
            raise ConfigError(f"stages need different names, got {', '.join(stage.name for stage in stages)}")
        if stages[0].back is not None:
            raise ConfigError(f"the first stage, {stages[0].name!r}, has none before it to go back to")
        last = stages[-1]
        if last.until is not None or last.max_steps is not None:
            raise ConfigError(f"the last stage, {last.name!r}, has none after it: leave out until and max_steps")
        endless = [stage.name for stage in stages[:-1] if stage.until is None and stage.on_max != "go"]
        if endless:
            raise ConfigError(f"the stage {endless[0]!r} has another after it: say when it ends, with until")
        object.__setattr__(self, "stages", stages)

    def initial(self) -> ScheduleState:
        """Before the first step."""
        return ScheduleState(returns=(0,) * len(self.stages))

    def at(self, state: ScheduleState) -> SchedulePoint:
        """The point for the episodes that are played next.

        Raises:
            ConfigError: The state is of a schedule with other stages.
        """
        stage, t = self._stage_of(state), state.step - state.entered
        return SchedulePoint(state.version, stage.name, {key: shape.at(t) for key, shape in stage.values.items()})

    def update(self, state: ScheduleState, feedback: Feedback) -> ScheduleState:
        """The state after a step. A step that is not later than the last one told is ignored.

        A step without an outcome that could be graded counts as a step, and is no evidence.

        Args:
            state: Before.
            feedback: All that was seen of the step: what several processes saw, `merged`.

        Raises:
            ConfigError: The state is of a schedule with other stages.
        """
        stage = self._stage_of(state)
        if feedback.step <= state.step:
            return state
        recent = (*state.recent, *([feedback] if feedback.per_prompt else []))[-stage.memory :]
        signals = tuple(sorted({*state.signals, *feedback.signals}))
        after = replace(state, step=feedback.step, recent=recent, signals=signals)
        after = self._moved(after, self._next(after))
        same = after.stage == state.stage and self.at(after) == self.at(state)
        return after if same else replace(after, version=state.version + 1)

    def held(self, state: ScheduleState) -> str:
        """What to say of a stage that lasts longer than it was meant to; empty where none does."""
        stage, t = self._stage_of(state), state.step - state.entered
        if stage.max_steps is None or t < stage.max_steps:
            return ""
        covered = f"{state.recent[-1].coverage:.1%}" if state.recent else "none"
        return (
            f"warm-up failed: {t} steps of the stage {stage.name!r}, meant to last {stage.max_steps} at most, and "
            f"its trigger has not fired (coverage {covered}); the stage is held"
        )

    def to_dict(self) -> dict[str, Any]:
        """The spec; see `make_schedule`."""
        return {"stages": [stage.to_dict() for stage in self.stages]}

    @property
    def config_hash(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the spec."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def _stage_of(self, state: ScheduleState) -> Stage:
        if state.stage >= len(self.stages) or len(state.returns) != len(self.stages):
            raise ConfigError(
                f"the state is of a schedule with other stages: it is in stage {state.stage + 1} of "
                f"{len(state.returns)}, and this schedule has {len(self.stages)}"
            )
        return self.stages[state.stage]

    def _next(self, state: ScheduleState) -> int:
        """The number of the stage after this state's last step."""
        stage, t = self.stages[state.stage], state.step - state.entered
        stay = Stay(t, state.recent, state.signals)
        if t < stage.min_steps:
            return state.stage
        if not (state.returned and t < stage.cool_down):
            if stage.until is not None and stage.until.fires(stay):
                return state.stage + 1
            if stage.max_steps is not None and t >= stage.max_steps and stage.on_max == "go":
                return state.stage + 1
        if stage.back is not None and state.returns[state.stage] < stage.returns and stage.back.fires(stay):
            return state.stage - 1
        return state.stage

    def _moved(self, state: ScheduleState, to: int) -> ScheduleState:
        if to == state.stage:
            return state
        back = to < state.stage
        returns = tuple(count + (back and place == state.stage) for place, count in enumerate(state.returns))
        return replace(state, stage=to, entered=state.step, returned=back, returns=returns, recent=(), signals=())


def _stage(spec: Any) -> Stage:
    if not isinstance(spec, Mapping):
        raise ConfigError(f"a stage is a dict of settings, got {shown(spec)}")
    return built(f"stage {shown(spec.get('name'))}", Stage, spec)
