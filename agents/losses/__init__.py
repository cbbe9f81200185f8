"""Losses: masked pure functions on tensors.

Axes: B rows, T tokens. `mask_BT` is True at tokens that the policy sampled; a masked position (prompt, padding, text
of the environment) contributes to no value, no sum and no denominator. Denominators are global: a micro-batch divides
by the counts of the whole batch, so that splitting a batch changes nothing.
"""

from rlvr_gym.agents.losses.aggregation import Denominators, aggregate
from rlvr_gym.agents.losses.correction import Correction, sampler_correction
from rlvr_gym.agents.losses.costs import mixed_advantages, moved_multiplier
from rlvr_gym.agents.losses.kl import adapted_coefficient, kl
from rlvr_gym.agents.losses.preference import (
    PREFERENCES,
    Answers,
    Preference,
    kto_loss,
    preference_loss,
    sequential_kl,
    turn_weights,
)
from rlvr_gym.agents.losses.ratios import log_ratios
from rlvr_gym.agents.losses.regression import gvpo_loss, gvpo_weights, qrpo_loss, qrpo_targets, qrpo_weights
from rlvr_gym.agents.losses.surrogate import (
    ClippedLoss,
    clipped_policy_loss,
    geometric_policy_loss,
    policy_gradient_loss,
    policy_loss,
    weighted_policy_loss,
)
from rlvr_gym.agents.losses.value import entropy, value_loss

__all__ = [
    "PREFERENCES",
    "Answers",
    "ClippedLoss",
    "Correction",
    "Denominators",
    "Preference",
    "adapted_coefficient",
    "aggregate",
    "clipped_policy_loss",
    "entropy",
    "geometric_policy_loss",
    "gvpo_loss",
    "gvpo_weights",
    "kl",
    "kto_loss",
    "log_ratios",
    "mixed_advantages",
    "moved_multiplier",
    "policy_gradient_loss",
    "policy_loss",
    "preference_loss",
    "qrpo_loss",
    "qrpo_targets",
    "qrpo_weights",
    "sampler_correction",
    "sequential_kl",
    "turn_weights",
    "value_loss",
    "weighted_policy_loss",
]
