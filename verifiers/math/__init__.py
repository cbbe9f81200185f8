"""`math@1`: is this answer the same mathematics as the reference?

No part of this package evaluates model text as code. An answer is tokenised and parsed by hand into a small tree, the
type of the reference decides which comparison applies, and a ladder of exact rungs decides whether two values are
equal. The rules for each type are in `docs/verifiers/math.md`.
"""

from rlvr_gym.verifiers.math.verifier import TYPES, Gold, Math

__all__ = ["TYPES", "Gold", "Math"]
