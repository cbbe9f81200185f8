"""Wrappers around environments of texts, and environments made of several."""

from rlvr_gym.envs.wrappers.base import TextWrapper
from rlvr_gym.envs.wrappers.curriculum import CurriculumEnv
from rlvr_gym.envs.wrappers.feedback import Feedback
from rlvr_gym.envs.wrappers.few_shot import FewShot
from rlvr_gym.envs.wrappers.format_gate import FormatGate
from rlvr_gym.envs.wrappers.hint import Hint
from rlvr_gym.envs.wrappers.history import ChatHistory, HistoryText
from rlvr_gym.envs.wrappers.limits import COUNTERS, TokenLimit, TurnLimit
from rlvr_gym.envs.wrappers.mixture import MixtureEnv
from rlvr_gym.envs.wrappers.novelty import NOVELTY_KEYS, NoveltyBonus
from rlvr_gym.envs.wrappers.overlong import OverlongPenalty
from rlvr_gym.envs.wrappers.pacing import CurriculumTracker, Outcome, SelfPaced, outcome_of
from rlvr_gym.envs.wrappers.potential import POTENTIALS, PotentialShaping
from rlvr_gym.envs.wrappers.record import EpisodeRecord, Record, RecordError, read_records
from rlvr_gym.envs.wrappers.replay import Divergence, ReplayReport, replay
from rlvr_gym.envs.wrappers.scheduled import ScheduledReward
from rlvr_gym.envs.wrappers.system_prompt import SystemPrompt
from rlvr_gym.envs.wrappers.templates import TEMPLATES, Template
from rlvr_gym.envs.wrappers.unary import UnaryFeedback

__all__ = [
    "COUNTERS",
    "NOVELTY_KEYS",
    "POTENTIALS",
    "TEMPLATES",
    "ChatHistory",
    "CurriculumEnv",
    "CurriculumTracker",
    "Divergence",
    "EpisodeRecord",
    "Feedback",
    "FewShot",
    "FormatGate",
    "Hint",
    "HistoryText",
    "MixtureEnv",
    "NoveltyBonus",
    "Outcome",
    "OverlongPenalty",
    "PotentialShaping",
    "Record",
    "RecordError",
    "ReplayReport",
    "ScheduledReward",
    "SelfPaced",
    "SystemPrompt",
    "Template",
    "TextWrapper",
    "TokenLimit",
    "TurnLimit",
    "UnaryFeedback",
    "outcome_of",
    "read_records",
    "replay",
]
