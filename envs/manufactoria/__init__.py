"""Program synthesis for a machine with a tape: families of problems, their environment, exact checks and drawings."""

from rlvr_gym.envs.manufactoria.drawing import machine_svg, run_svg
from rlvr_gym.envs.manufactoria.env import ManufactoriaEnv, ManufactoriaTaskSet
from rlvr_gym.envs.manufactoria.family import Family, Problem
from rlvr_gym.envs.manufactoria.problems import (
    FAMILIES,
    exactly_solves,
    hidden_tests,
    problem_of,
    reference_program,
    wanted_automaton,
)

__all__ = [
    "FAMILIES",
    "Family",
    "ManufactoriaEnv",
    "ManufactoriaTaskSet",
    "Problem",
    "exactly_solves",
    "hidden_tests",
    "machine_svg",
    "problem_of",
    "reference_program",
    "run_svg",
    "wanted_automaton",
]
