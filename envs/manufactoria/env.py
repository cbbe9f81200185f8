"""`rlvr/Manufactoria-v0`: write a program for a machine that reads and paints tapes; judged on hidden tapes.

The language and the 14 families are those of the program-synthesis part of DELTA (arXiv 2509.21016); prompts,
generators and tests are made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.code import fenced
from rlvr_gym.envs.manufactoria.family import Problem
from rlvr_gym.envs.manufactoria.problems import (
    FAMILIES,
    alphabet_of,
    canonical,
    chosen_families,
    hidden_tests,
    is_worth_asking,
    reference_program,
    shown_tests,
)
from rlvr_gym.envs.manufactoria.prompts import feedback, prompt_of
from rlvr_gym.envs.procedural import ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.errors import shown as quoted
from rlvr_gym.verifiers.manufactoria import MODES, ProgramError, to_compact, to_text

HINTS = ("none", "idea")
KINDS = ("any", "substring", "ordered", "count")
WORDS = ("START", "EXACT", "ENDS", "HAS", "APPEND", "PREPEND")  # families whose last parameter is a word
_TRIES = 200  # draws in which one problem is to be found: machines of some families are too large for a surface


class ManufactoriaTaskSet(ProceduralTaskSet[Problem]):
    """Machines to build, of families that are drawn uniformly.

    Problems of one regular language fall on the same side of the split, whatever their family and wording; others by
    their parameters.

    Args:
        families: `"all"`, a tier (`"basic"`, `"easy"`, `"medium"`, `"hard"`), a tag, or a list of tags of START, EXACT,
            APPEND, ENDS, HAS, REGEX, COMPR, PREPEND, MUTATE, BIT_OP, FDIV, SYMM, MINMAX, ADD.
        length: Symbols of the longest word of a criterion, and bits of the largest number, 2 to 8.
        shortest: Symbols of the shortest word of a criterion, 1 to `length`; families without words take no notice.
        kind: Of HAS: `"substring"`, `"ordered"` or `"count"`; `"any"` draws from the three.
        colours: 2 or 4: of tapes in START, EXACT, APPEND, ENDS, HAS and REGEX; others need Y and G for marks.
        tests: Hidden tests, 4 to 100; those that mutants of the reference machine need are kept in any case.
        shown: Tests in the prompt, 0 to 20, of which none is hidden.
        hint: `"idea"` says in the prompt how machines of the family work; `"none"` does not.
        mode: `"strict"` or `"compat"`: what the prompt says of machines that do not halt; see `manufactoria@1`.
        style: See `ProceduralTaskSet`; compact prompts look like `oRBRB:`, and programs are those of `parse_compact`.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        seed: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        families: str | Sequence[str] = "all",
        length: int = 4,
        shortest: int = 1,
        kind: str = "any",
        colours: int = 2,
        tests: int = 24,
        shown: int = 0,
        hint: str = "none",
        mode: str = "strict",
        style: str = "question",
        split: str = "all",
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        self._tags = [family.tag for family in chosen_families(families)]
        self._length = check_int("length", length, 2, 8)
        self._shortest = check_int("shortest", shortest, 1, length)
        if kind not in KINDS:
            raise ConfigError(f"kind must be one of {', '.join(KINDS)}; got {quoted(kind)}")
        self._kind = kind
        self._colours = check_int("colours", colours, 2, 4)
        if colours == 3:
            raise ConfigError("colours must be 2 or 4, got 3")
        self._tests = check_int("tests", tests, 4, 100)
        self._shown = check_int("shown", shown, 0, 20)
        if hint not in HINTS:
            raise ConfigError(f"hint must be one of {', '.join(HINTS)}; got {quoted(hint)}")
        if hint != "none" and style == "compact":
            raise ConfigError("hint='idea' is a sentence: style='compact' has no place for it")
        super().__init__("Manufactoria", style=style, split=split, size=size, seed=seed)
        self._hint = hint
        if mode not in MODES:
            raise ConfigError(f"mode must be one of {', '.join(MODES)}; got {quoted(mode)}")
        self._mode = mode

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(_TRIES):
            family = FAMILIES[rng.choice(self._tags)]
            alphabet = alphabet_of(family, self._colours)
            problem = Problem(family.tag, alphabet, family.draw(rng, self._length, alphabet))
            wanted = self._is_wanted(problem) and is_worth_asking(problem)
            if wanted and (self.style != "compact" or self._solution(problem)):
                return problem
        raise ConfigError(
            f"Manufactoria: no machine of {', '.join(self._tags)} with length={self._length} and shortest="
            f"{self._shortest} was found, or none that fits style='compact' (62 nodes): change length or take "
            "style='question'"
        )

    def _is_wanted(self, problem: Problem) -> bool:
        """Whether it is of the kind, and its words are long enough."""
        if self._kind != "any" and problem.tag == "HAS" and problem.values[0] != self._kind:
            return False
        return problem.tag not in WORDS or len(problem.values[-1]) >= self._shortest

    def split_key(self, problem: Problem) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return canonical(problem)

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        hidden = hidden_tests(problem, self._tests)
        examples = shown_tests(problem, self._shown, hidden) if self._shown else []
        private = {
            "reference": {"tests": [dict(test) for test in hidden]},
            "solution": self._solution(problem),
            "problem": [problem.tag, problem.alphabet, list(problem.values)],
            "shown": examples,
        }
        difficulty = {"family": problem.tag, "length": self._length, "colours": len(problem.alphabet)}
        prompt = prompt_of(problem, self.style, examples, self._hint, self._mode)
        return Task.create(prompt, private, difficulty=difficulty)

    def _solution(self, problem: Problem) -> str:
        """The reference machine as a response; empty where it has more nodes than names on the compact surface."""
        program = reference_program(problem)
        if self.style != "compact":
            return fenced(to_text(program), "manufactoria")
        try:
            return to_compact(program)
        except ProgramError:
            return ""


class ManufactoriaEnv(TextEnv):
    """Write a program for a machine that takes symbols from the front of a tape and paints them at its back.

    Judged on hidden tapes by `manufactoria@1`. With `max_turns` above 1, a failed attempt is answered with what cannot
    be read, or with the shown examples that come out wrong; of hidden tests only that one fails.

    Args:
        families: See `ManufactoriaTaskSet`.
        length: See `ManufactoriaTaskSet`.
        shortest: See `ManufactoriaTaskSet`.
        kind: See `ManufactoriaTaskSet`.
        colours: See `ManufactoriaTaskSet`.
        tests: See `ManufactoriaTaskSet`.
        shown: See `ManufactoriaTaskSet`.
        hint: See `ManufactoriaTaskSet`.
        mode: `"strict"` or `"compat"`: how runs that do not halt are graded; see `manufactoria@1`.
        dense: `"auto"`, `"balanced"` or `"fraction"`: the score of a program that is not right; see `manufactoria@1`.
        max_turns: Attempts.
        style: See `ManufactoriaTaskSet`.
        split: See `ManufactoriaTaskSet`.
        size: See `ManufactoriaTaskSet`.
        taskset_seed: Seed of the task set: another one, another order of problems.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> env = ManufactoriaEnv(families="START", style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        'sRRR:'
        >>> env.step("P1--;P2--;P!--;")[4]["passed"]
        True
    """

    card = Card(
        family="game",
        answer_format="A program in a fenced `manufactoria` block; in style=compact the whole response is the program.",
        licence=GENERATED,
        chance=0.01,
        chance_reason="FDIV, SYMM and ADD have 14 problems each, so that one program solves 1 task of 196; twice "
        "that is allowed",
        told="The language, the task and `shown` examples; after a failed attempt, where `max_turns` allows another, "
        "what cannot be read or which examples come out wrong, and the attempts that are left.",
    )

    def __init__(
        self,
        *,
        families: str | Sequence[str] = "all",
        length: int = 4,
        shortest: int = 1,
        kind: str = "any",
        colours: int = 2,
        tests: int = 24,
        shown: int = 0,
        hint: str = "none",
        mode: str = "strict",
        dense: str = "auto",
        max_turns: int = 1,
        style: str = "question",
        split: str = "all",
        size: int = 10_000,
        taskset_seed: int = 0,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        tasks = ManufactoriaTaskSet(
            families=families,
            length=length,
            shortest=shortest,
            kind=kind,
            colours=colours,
            tests=tests,
            shown=shown,
            hint=hint,
            mode=mode,
            style=style,
            split=split,
            size=size,
            seed=taskset_seed,
        )
        self._surface, self._mode = "compact" if style == "compact" else "language", mode
        judge = make_verifier("manufactoria@1", mode=mode, surface=self._surface, dense=dense)
        super().__init__(tasks, judge, reward=reward, max_turns=max_turns, render_mode=render_mode)
        self._told: list[str] = []

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._told = []
        return task.prompt

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        verdict = self.verifier.verify(str(action), self.task.reference)
        left = self.max_turns - self._turn
        if verdict.passed or not verdict.gradable or left == 0:
            return Transition(verdict=verdict)
        told = feedback(str(action), verdict, self.task.private.get("shown", ()), self._surface, self._mode)
        self._told.append(told)
        if self._surface == "compact":
            return Transition(told)
        attempts = "1 attempt" if left == 1 else f"{left} attempts"
        return Transition(f"{told}\n{attempts} left. Give the whole program again.")

    def get_state(self) -> Any:
        """What was told so far, in its order."""
        return self._told

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        if not isinstance(state, list):
            raise SnapshotError(f"expected a list of texts, got {quoted(state)}")
        self._told = state

    def anchor_state(self) -> Any:
        """The different things that were told so far; None before the first."""
        return sorted(set(self._told)) or None
