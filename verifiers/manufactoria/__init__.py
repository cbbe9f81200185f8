"""Programs of a queue machine: parser, engine, exact equivalence, test suites and the verifier `manufactoria@1`.

The language is that of the program-synthesis family Manufactoria of DELTA (arXiv 2509.21016); engine, parser, suites
and everything else are of this project.
"""

from rlvr_gym.verifiers.manufactoria.automata import Automaton, automaton_of, difference, explore
from rlvr_gym.verifiers.manufactoria.engine import COMPAT_VISITS, Moment, Outcome, Run, run, strict_budget, trace
from rlvr_gym.verifiers.manufactoria.judge import MODES, Manufactoria, find_program
from rlvr_gym.verifiers.manufactoria.patterns import Pattern, PatternError
from rlvr_gym.verifiers.manufactoria.program import (
    END,
    NONE,
    Blueprint,
    Node,
    Program,
    ProgramError,
    assemble,
    parse,
    parse_compact,
    to_compact,
    to_text,
)
from rlvr_gym.verifiers.manufactoria.suites import acceptance_suite, checked_suite, mutants, output_suite

__all__ = [
    "COMPAT_VISITS",
    "END",
    "MODES",
    "NONE",
    "Automaton",
    "Blueprint",
    "Manufactoria",
    "Moment",
    "Node",
    "Outcome",
    "Pattern",
    "PatternError",
    "Program",
    "ProgramError",
    "Run",
    "acceptance_suite",
    "assemble",
    "automaton_of",
    "checked_suite",
    "difference",
    "explore",
    "find_program",
    "mutants",
    "output_suite",
    "parse",
    "parse_compact",
    "run",
    "strict_budget",
    "to_compact",
    "to_text",
    "trace",
]
