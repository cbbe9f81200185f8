"""The 58 kinds of instructions of IFBench (Pyatkin et al., arXiv 2507.02833), as meant and as officially checked."""

from __future__ import annotations

from rlvr_gym.verifiers.instructions.constraint import Instruction
from rlvr_gym.verifiers.instructions.ifbench_count import COUNT
from rlvr_gym.verifiers.instructions.ifbench_csv import CSV
from rlvr_gym.verifiers.instructions.ifbench_custom import CUSTOM
from rlvr_gym.verifiers.instructions.ifbench_format import FORMAT
from rlvr_gym.verifiers.instructions.ifbench_layout import LAYOUT
from rlvr_gym.verifiers.instructions.ifbench_ratio import RATIO
from rlvr_gym.verifiers.instructions.ifbench_repeat import REPEAT
from rlvr_gym.verifiers.instructions.ifbench_sentence import SENTENCE
from rlvr_gym.verifiers.instructions.ifbench_words import WORDS

IFBENCH: tuple[Instruction, ...] = (*COUNT, *RATIO, *WORDS, *SENTENCE, *FORMAT, *LAYOUT, *CUSTOM, *CSV, *REPEAT)
