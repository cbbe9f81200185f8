"""Verifiers: judge a response once; the verdict carries a dense score and a strict pass.

Imports nothing of the other packages, so it can be lifted into any project.
"""

if not __name__.startswith("rlvr_gym."):
    raise ImportError(
        "this folder is rlvr_gym.verifiers: install the project (pip install -e .) and `import rlvr_gym.verifiers`; "
        "the bare name `verifiers` belongs to another distribution"
    )

from rlvr_gym.verifiers.base import Item, ReferenceReport, Step, Verifier
from rlvr_gym.verifiers.combinators import all_of, any_of, first, gate, weighted
from rlvr_gym.verifiers.errors import ConfigError, MissingExtraError, RlvrError, UnknownNameError
from rlvr_gym.verifiers.registry import make_verifier, register_verifier, verifier_names
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Timing, Verdict, VerifierId

__all__ = [
    "ConfigError",
    "Item",
    "MissingExtraError",
    "Part",
    "Reason",
    "ReferenceReport",
    "RlvrError",
    "Status",
    "Step",
    "Timing",
    "UnknownNameError",
    "Verdict",
    "Verifier",
    "VerifierId",
    "all_of",
    "any_of",
    "first",
    "gate",
    "make_verifier",
    "register_verifier",
    "verifier_names",
    "weighted",
]
