"""Environment ids and their entry points: one line each.

An id carries a version, which is bumped whenever a score may change.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

ENTRY_POINTS: dict[str, str] = {
    "rlvr/Adventure-v0": "rlvr_gym.envs.games.adventure:AdventureEnv",
    "rlvr/Algebra-v0": "rlvr_gym.envs.mathematics.algebra:AlgebraEnv",
    "rlvr/Arithmetic-v0": "rlvr_gym.envs.arithmetic:ArithmeticEnv",
    "rlvr/BooleanEquivalence-v0": "rlvr_gym.envs.logic.boolean_equivalence:BooleanEquivalenceEnv",
    "rlvr/BouncingSim-v0": "rlvr_gym.envs.bouncing:BouncingSimEnv",
    "rlvr/Calculus-v0": "rlvr_gym.envs.mathematics.calculus:CalculusEnv",
    "rlvr/CodeContests-v0": "rlvr_gym.envs.code_contests:CodeContestsEnv",
    "rlvr/CodeRepair-v0": "rlvr_gym.envs.code_repair:CodeRepairEnv",
    "rlvr/Combinatorics-v0": "rlvr_gym.envs.mathematics.combinatorics:CombinatoricsEnv",
    "rlvr/Corridor-v0": "rlvr_gym.envs.corridor:CorridorEnv",
    "rlvr/Countdown-v0": "rlvr_gym.envs.countdown:CountdownEnv",
    "rlvr/Cryptarithm-v0": "rlvr_gym.envs.logic.cryptarithm:CryptarithmEnv",
    "rlvr/CSVTable-v0": "rlvr_gym.envs.structured.csv_table:CSVTableEnv",
    "rlvr/Dataset-v0": "rlvr_gym.envs.dataset:DatasetEnv",
    "rlvr/DateArithmetic-v0": "rlvr_gym.envs.structured.dates:DateArithmeticEnv",
    "rlvr/EquationChain-v0": "rlvr_gym.envs.logic.equation_chain:EquationChainEnv",
    "rlvr/FrozenLake-v0": "rlvr_gym.envs.games.frozen_lake:FrozenLakeEnv",
    "rlvr/Game2048-v0": "rlvr_gym.envs.games.game2048:Game2048Env",
    "rlvr/Game24-v0": "rlvr_gym.envs.logic.game24:Game24Env",
    "rlvr/Geometry-v0": "rlvr_gym.envs.mathematics.geometry:GeometryEnv",
    "rlvr/GraphColouring-v0": "rlvr_gym.envs.logic.graph_colouring:GraphColouringEnv",
    "rlvr/GSM8K-v0": "rlvr_gym.envs.dataset:GSM8KEnv",
    "rlvr/Hanoi-v0": "rlvr_gym.envs.games.hanoi:HanoiEnv",
    "rlvr/HumanEval-v0": "rlvr_gym.envs.code_functions:HumanEvalEnv",
    "rlvr/IFBench-v0": "rlvr_gym.envs.instructions.ifeval:IFBenchEnv",
    "rlvr/IFEval-v0": "rlvr_gym.envs.instructions.ifeval:IFEvalEnv",
    "rlvr/Instructions-v0": "rlvr_gym.envs.instructions.composed:InstructionsEnv",
    "rlvr/JSONExtraction-v0": "rlvr_gym.envs.structured.json_extraction:JSONExtractionEnv",
    "rlvr/KnightsKnaves-v0": "rlvr_gym.envs.logic.knights_knaves:KnightsKnavesEnv",
    "rlvr/LinearAlgebra-v0": "rlvr_gym.envs.mathematics.linear_algebra:LinearAlgebraEnv",
    "rlvr/ListFunctions-v0": "rlvr_gym.envs.list_functions:ListFunctionsEnv",
    "rlvr/Manufactoria-v0": "rlvr_gym.envs.manufactoria:ManufactoriaEnv",
    "rlvr/Mastermind-v0": "rlvr_gym.envs.mastermind:MastermindEnv",
    "rlvr/MATH-v0": "rlvr_gym.envs.dataset:MATHEnv",
    "rlvr/Maze-v0": "rlvr_gym.envs.maze:MazeEnv",
    "rlvr/MBPP-v0": "rlvr_gym.envs.code_functions:MBPPEnv",
    "rlvr/Minesweeper-v0": "rlvr_gym.envs.games.minesweeper:MinesweeperEnv",
    "rlvr/MultipleChoice-v0": "rlvr_gym.envs.structured.choice:MultipleChoiceEnv",
    "rlvr/NaturalDeduction-v0": "rlvr_gym.envs.logic.natural_deduction:NaturalDeductionEnv",
    "rlvr/NQueens-v0": "rlvr_gym.envs.logic.n_queens:NQueensEnv",
    "rlvr/NumberTheory-v0": "rlvr_gym.envs.mathematics.number_theory:NumberTheoryEnv",
    "rlvr/OutputPrediction-v0": "rlvr_gym.envs.output_prediction:OutputPredictionEnv",
    "rlvr/PlannerExecutor-v0": "rlvr_gym.envs.planner_executor:PlannerExecutorEnv",
    "rlvr/Probability-v0": "rlvr_gym.envs.mathematics.probability:ProbabilityEnv",
    "rlvr/Regex-v0": "rlvr_gym.envs.structured.regex:RegexEnv",
    "rlvr/SAT-v0": "rlvr_gym.envs.logic.sat:SATEnv",
    "rlvr/ShortestPath-v0": "rlvr_gym.envs.logic.shortest_path:ShortestPathEnv",
    "rlvr/Sokoban-v0": "rlvr_gym.envs.games.sokoban:SokobanEnv",
    "rlvr/SQLQuery-v0": "rlvr_gym.envs.structured.sql_query:SQLQueryEnv",
    "rlvr/StringTransform-v0": "rlvr_gym.envs.structured.strings:StringTransformEnv",
    "rlvr/Sudoku-v0": "rlvr_gym.envs.logic.sudoku:SudokuEnv",
    "rlvr/TableQA-v0": "rlvr_gym.envs.structured.table_qa:TableQAEnv",
    "rlvr/ToolDataset-v0": "rlvr_gym.envs.tool_dataset:ToolDatasetEnv",
    "rlvr/ToolFiles-v0": "rlvr_gym.envs.tool_files:ToolFilesEnv",
    "rlvr/ToolMath-v0": "rlvr_gym.envs.tool_math:ToolMathEnv",
    "rlvr/ToolSearch-v0": "rlvr_gym.envs.tool_search:ToolSearchEnv",
    "rlvr/ToolSQL-v0": "rlvr_gym.envs.tool_sql:ToolSQLEnv",
    "rlvr/ToolWorld-v0": "rlvr_gym.envs.tool_world:ToolWorldEnv",
    "rlvr/TwentyQuestions-v0": "rlvr_gym.envs.games.twenty_questions:TwentyQuestionsEnv",
    "rlvr/UnitConversion-v0": "rlvr_gym.envs.structured.units:UnitConversionEnv",
    "rlvr/Wordle-v0": "rlvr_gym.envs.games.wordle:WordleEnv",
    "rlvr/WordProblems-v0": "rlvr_gym.envs.mathematics.word_problems:WordProblemsEnv",
    "rlvr/YAMLExtraction-v0": "rlvr_gym.envs.structured.yaml_extraction:YAMLExtractionEnv",
    "rlvr/Zebra-v0": "rlvr_gym.envs.logic.zebra:ZebraEnv",
}

# Environments made of environments: nothing without settings that name others.
COMPOSITES: dict[str, str] = {
    "rlvr/Curriculum-v0": "rlvr_gym.envs.wrappers.curriculum:CurriculumEnv",
    "rlvr/Mixture-v0": "rlvr_gym.envs.wrappers.mixture:MixtureEnv",
}

# Of these the actions are no texts but tokens.
OF_TOKENS: dict[str, str] = {"rlvr/Token-v0": "rlvr_gym.envs.token_env:make_token_env"}


def env_ids() -> list[str]:
    """All ids that make an environment by themselves, sorted.

    Example:
        >>> "rlvr/Countdown-v0" in env_ids()
        True
    """
    return sorted(ENTRY_POINTS)


def register_all() -> None:
    """Register every id with Gymnasium; ids that are registered already are left alone.

    Without Gymnasium's passive checker: a first reset that is refused leaves it in a state in which every later step
    fails. `rlvr check` looks at more.
    """
    import gymnasium as gym

    for env_id, entry_point in {**ENTRY_POINTS, **COMPOSITES}.items():
        if env_id not in gym.registry:
            many = f"rlvr_gym.envs.vector.entry:{env_id.partition('/')[2]}"
            gym.register(id=env_id, entry_point=entry_point, vector_entry_point=many, disable_env_checker=True)
    for env_id, entry_point in OF_TOKENS.items():
        if env_id not in gym.registry:
            gym.register(id=env_id, entry_point=entry_point, disable_env_checker=True)


def register_with_gymnasium() -> None:
    """Register now where Gymnasium is loaded, else in the moment it is: who wants a verifier need not wait for it."""
    if "gymnasium" in sys.modules:
        register_all()
    else:
        sys.meta_path.insert(0, _Registrar())


class _Registrar:
    """Finds Gymnasium as it would be found without this class, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of Gymnasium with a loader that registers; None for every other module."""
        if fullname != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _Registering(spec.loader))
        return spec


class _Registering:
    """Loads a module with its own loader, gives that back to it, and registers."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """See `importlib.abc.Loader`."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        register_all()
