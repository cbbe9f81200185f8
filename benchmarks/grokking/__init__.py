"""Dense, then binary: can a small transformer be brought to what its base cannot do? From scratch (`rlvr grok`).

A base learns to write machines without loops. Then it is asked for machines that need one in every state. Arms train it
on whether a machine is right, on how many tapes it treats rightly, and on the one and then the other. DELTA (arXiv
2509.21016) reports a phase transition of the last with language models of billions of parameters. This is the same
protocol with a tenth of a million; what comes out of it is measured here, and not promised.
"""

from rlvr_gym.benchmarks.grokking.base import make_base, slot_choices
from rlvr_gym.benchmarks.grokking.experiment import grok
from rlvr_gym.benchmarks.grokking.measure import Support, problems, support
from rlvr_gym.benchmarks.grokking.plan import ARMS, Plan
from rlvr_gym.benchmarks.grokking.report import draw, rows, summary

__all__ = [
    "ARMS",
    "Plan",
    "Support",
    "draw",
    "grok",
    "make_base",
    "problems",
    "rows",
    "slot_choices",
    "summary",
    "support",
]
