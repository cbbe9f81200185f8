"""`audit`: scripted attacks that want reward without solving the task, against an environment or a verifier."""

from rlvr_gym.envs.audit.attack import KINDS, Attack, Carrier, Opening
from rlvr_gym.envs.audit.catalogue import attacks
from rlvr_gym.envs.audit.report import FINDINGS, AttackResult, AuditReport, Example
from rlvr_gym.envs.audit.run import audit
from rlvr_gym.envs.audit.stage import AuditError

__all__ = [
    "FINDINGS",
    "KINDS",
    "Attack",
    "AttackResult",
    "AuditError",
    "AuditReport",
    "Carrier",
    "Example",
    "Opening",
    "attacks",
    "audit",
]
