"""Schedules with names, and `make_schedule`, which builds any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rlvr_gym.reward_shaping.schedules.evidence import Coverage, Rescue
from rlvr_gym.reward_shaping.schedules.schedule import RewardSchedule, Stage
from rlvr_gym.reward_shaping.schedules.shapes import Constant, Cosine, Linear, Shape
from rlvr_gym.reward_shaping.schedules.triggers import AtStep
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import shown

MIX = "mix"
"""The value of every preset: 0 is the first reward of `Anneal`, 1 the second."""


def delta_two_stage(
    min_steps: int = 20,
    coverage: float = 0.10,
    max_steps: int | None = None,
    on_max: str = "hold",
    window: int = 1,
    rescue_steps: int = 20,
    rescues: int = 3,
) -> RewardSchedule:
    """Dense, then binary (DELTA, arXiv 2509.21016), once enough prompts have a success.

    The paper switches at step 100 and names no criterion. After a switch with a success rate p, the time until a binary
    reward is learnt grows like 1/p, and with too few prompts covered it may be for ever: hence a share of prompts.

    Args:
        min_steps: Of the dense stage.
        coverage: Share of the prompts with a response that passed.
        max_steps: The longest that the dense stage is meant to last.
        on_max: See `Stage`.
        window: Steps over which the share is taken; several where a step has few prompts.
        rescue_steps: So many steps of the binary stage on end without a group of passes and fails are a return.
        rescues: How many returns there may be.

    Example:
        >>> [stage.name for stage in delta_two_stage().stages]
        ['dense', 'binary']
    """
    dense = Stage(
        "dense",
        {MIX: Constant(0.0)},
        until=Coverage(coverage, window),
        min_steps=min_steps,
        max_steps=max_steps,
        on_max=on_max,
    )
    return RewardSchedule(
        (dense, Stage("binary", {MIX: Constant(1.0)}, back=Rescue(1.0, rescue_steps), returns=rescues))
    )


def fixed_two_stage(steps: int = 100) -> RewardSchedule:
    """Dense for so many steps, then binary, as in the paper of `delta_two_stage`.

    Example:
        >>> fixed_two_stage(50).stages[0].until
        AtStep(steps=50)
    """
    return RewardSchedule(
        (Stage("dense", {MIX: Constant(0.0)}, until=AtStep(steps)), Stage("binary", {MIX: Constant(1.0)}))
    )


def linear_mix(steps: int) -> RewardSchedule:
    """From dense to binary in equal steps; a mixture cannot strand before its end."""
    return _mix(Linear(0.0, 1.0, steps))


def cosine_mix(steps: int) -> RewardSchedule:
    """From dense to binary along half a cosine.

    Example:
        >>> schedule = cosine_mix(200)
        >>> schedule.at(schedule.initial()).values
        {'mix': 0.0}
    """
    return _mix(Cosine(0.0, 1.0, steps))


def _mix(shape: Shape) -> RewardSchedule:
    return RewardSchedule((Stage("mix", {MIX: shape}),))


PRESETS: dict[str, Callable[..., RewardSchedule]] = {
    preset.__name__: preset for preset in (delta_two_stage, fixed_two_stage, linear_mix, cosine_mix)
}


def make_schedule(spec: str | Mapping[str, Any] | RewardSchedule) -> RewardSchedule:
    """The schedule of a spec: a preset's name, `{preset: settings}`, or `{"stages": [...]}` as `to_dict` gives it.

    Raises:
        UnknownNameError: There is no such preset; with near matches.
        ConfigError: It is no spec, or a setting is refused.

    Example:
        >>> schedule = make_schedule({"delta_two_stage": {"coverage": 0.2}})
        >>> make_schedule(schedule.to_dict()) == schedule
        True
    """
    if isinstance(spec, RewardSchedule):
        return spec
    name: Any = spec
    settings: Any = {}
    if isinstance(spec, Mapping) and len(spec) == 1:
        [(name, settings)] = spec.items()
    if name == "stages":
        return RewardSchedule(settings)
    if not isinstance(name, str) or not isinstance(settings, Mapping):
        raise ConfigError(f"a schedule is a name, {{name: settings}} or {{'stages': [...]}}, got {shown(spec)}")
    if name not in PRESETS:
        raise UnknownNameError("schedule", name, PRESETS)
    try:
        return PRESETS[name](**settings)
    except TypeError as error:
        raise ConfigError(f"schedule {name!r}: {error}") from error
