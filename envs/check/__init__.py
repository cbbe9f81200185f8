"""The conformance kit: whether an environment of texts does what Gymnasium and `TextEnv` promise."""

from rlvr_gym.envs.check.kit import check_text_env, checks
from rlvr_gym.envs.check.report import CheckFailed, CheckReport, NotApplicable, Outcome

__all__ = ["CheckFailed", "CheckReport", "NotApplicable", "Outcome", "check_text_env", "checks"]
