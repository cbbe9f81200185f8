"""Reward schedules: stages that only the trainer advances, and the versioned points that rewards read."""

from rlvr_gym.reward_shaping.schedules.binding import Scored, StaleVersionError, scored
from rlvr_gym.reward_shaping.schedules.controller import AcknowledgementError, Controller
from rlvr_gym.reward_shaping.schedules.evidence import (
    Coverage,
    InformativeGroups,
    Plateau,
    Rescue,
    SuccessRate,
)
from rlvr_gym.reward_shaping.schedules.feedback import Count, Feedback, Outcome, merged, outcome_of
from rlvr_gym.reward_shaping.schedules.point import START, SchedulePoint
from rlvr_gym.reward_shaping.schedules.presets import (
    PRESETS,
    cosine_mix,
    delta_two_stage,
    fixed_two_stage,
    linear_mix,
    make_schedule,
)
from rlvr_gym.reward_shaping.schedules.schedule import RewardSchedule, ScheduleState, Stage
from rlvr_gym.reward_shaping.schedules.shapes import (
    SHAPES,
    Constant,
    Cosine,
    Exponential,
    Linear,
    Piecewise,
    Shape,
    Step,
    make_shape,
)
from rlvr_gym.reward_shaping.schedules.trigger import Stay, Trigger
from rlvr_gym.reward_shaping.schedules.triggers import (
    TRIGGERS,
    AllOf,
    AnyOf,
    AtStep,
    Manual,
    Not,
    make_trigger,
)

__all__ = [
    "PRESETS",
    "SHAPES",
    "START",
    "TRIGGERS",
    "AcknowledgementError",
    "AllOf",
    "AnyOf",
    "AtStep",
    "Constant",
    "Controller",
    "Cosine",
    "Count",
    "Coverage",
    "Exponential",
    "Feedback",
    "InformativeGroups",
    "Linear",
    "Manual",
    "Not",
    "Outcome",
    "Piecewise",
    "Plateau",
    "Rescue",
    "RewardSchedule",
    "SchedulePoint",
    "ScheduleState",
    "Scored",
    "Shape",
    "Stage",
    "StaleVersionError",
    "Stay",
    "Step",
    "SuccessRate",
    "Trigger",
    "cosine_mix",
    "delta_two_stage",
    "fixed_two_stage",
    "linear_mix",
    "make_schedule",
    "make_shape",
    "make_trigger",
    "merged",
    "outcome_of",
    "scored",
]
