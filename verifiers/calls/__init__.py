"""Calls of functions: read without evaluating anything, and matched one to one with those that are wanted."""

from rlvr_gym.verifiers.calls.notation import Call, read_calls
from rlvr_gym.verifiers.calls.verifier import Calls

__all__ = ["Call", "Calls", "read_calls"]
