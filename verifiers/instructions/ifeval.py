"""The 25 kinds of IFEval (Zhou et al. 2023, arXiv 2311.07911)."""

from __future__ import annotations

from rlvr_gym.verifiers.instructions.constraint import Instruction
from rlvr_gym.verifiers.instructions.ifeval_format import FORMATS
from rlvr_gym.verifiers.instructions.ifeval_length import LENGTHS
from rlvr_gym.verifiers.instructions.ifeval_whole import WHOLES
from rlvr_gym.verifiers.instructions.ifeval_words import WORDS

IFEVAL: tuple[Instruction, ...] = (*WORDS, *LENGTHS, *FORMATS, *WHOLES)
