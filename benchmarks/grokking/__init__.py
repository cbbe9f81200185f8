"""Dense, then binary: a phase transition in what a small transformer can do, from scratch (`rlvr grok`).

A base learns to write machines without loops. Then it is asked for machines that need one in every state, which none of
a hundred thousand samples is. Trained on whether a machine is right it learns nothing; trained on how many tapes it
treats rightly, and then on whether it is right, it does. DELTA (arXiv 2509.21016) shows this with language models of
billions of parameters; this is the same experiment with a tenth of a million, in an hour on two cores.
"""

from rlvr_gym.benchmarks.grokking.base import make_base, slot_choices
from rlvr_gym.benchmarks.grokking.experiment import grok
from rlvr_gym.benchmarks.grokking.measure import Support, problems, support
from rlvr_gym.benchmarks.grokking.plan import ARMS, Plan
from rlvr_gym.benchmarks.grokking.report import draw, summary

__all__ = ["ARMS", "Plan", "Support", "draw", "grok", "make_base", "problems", "slot_choices", "summary", "support"]
