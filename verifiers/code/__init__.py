"""`code@1`: code is judged by running it, and the judge is never where the code runs."""

from rlvr_gym.verifiers.code.datasets import humaneval_reference, mbpp_reference
from rlvr_gym.verifiers.code.verifier import Code

__all__ = ["Code", "humaneval_reference", "mbpp_reference"]
