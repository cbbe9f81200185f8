"""`rlvr/Countdown-v0`: reach a target from given numbers, each used exactly once.

Every problem is made from a solution, so it has one; most have many, and `countdown@1` accepts each of them, because it
checks the constraints with exact fractions and compares with no oracle string.
"""

from __future__ import annotations

from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom, check_operators
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier

OPERATORS = "+-*/"


class _Term(NamedTuple):
    value: int
    text: str
    atomic: bool


class Puzzle(NamedTuple):
    """The given numbers, the target and one way to reach it."""

    numbers: list[int]
    target: int
    solution: str


class CountdownTaskSet(ProceduralTaskSet[Puzzle]):
    """Numbers and a reachable target.

    Args:
        numbers: How many numbers are given, 2 to 8.
        high: Largest given number.
        max_target: Largest target.
        operators: Any of `+ - * /`, of which solutions are made; a response may use all four.
        style: See `ProceduralTaskSet`; compact problems look like `3,5,7:22=`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        numbers: int = 4,
        high: int = 25,
        max_target: int = 100,
        operators: str = OPERATORS,
        **common: Unpack[Common],
    ) -> None:
        self._count = check_int("numbers", numbers, 2, 8)
        self._high = check_int("high", high, 1, 10_000)
        self._max_target = check_int("max_target", max_target, 1, 1_000_000)
        check_operators(operators, OPERATORS)
        super().__init__("Countdown", **common)
        self._operators = operators
        self._difficulty = {"numbers": numbers, "high": high, "max_target": max_target, "operators": operators}

    def draw(self, rng: TaskRandom) -> Puzzle:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            numbers = [rng.between(1, self._high) for _ in range(self._count)]
            result = self._combine(rng, numbers)
            if result is not None and 1 <= result.value <= self._max_target:
                return Puzzle(numbers, result.value, result.text)
        raise ConfigError(
            f"Countdown: no target up to {self._max_target} from {self._count} numbers up to {self._high} with the "
            f"operators {self._operators!r} in {self._MAX_DRAWS:,} draws: raise max_target or lower high"
        )

    def split_key(self, problem: Puzzle) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{sorted(problem.numbers)}:{problem.target}"

    def make(self, problem: Puzzle) -> Task:
        """See `ProceduralTaskSet.make`."""
        listed = ", ".join(map(str, problem.numbers))
        if self.style == "compact":
            prompt, solution = f"{listed.replace(' ', '')}:{problem.target}=", problem.solution
        else:
            prompt = (
                f"Use each of the numbers {listed} exactly once, with {' '.join(self._operators)} and brackets, "
                f"to make {problem.target}. Give the expression as <answer>expression</answer>."
            )
            solution = f"<answer>{problem.solution}</answer>"
        reference = {"numbers": problem.numbers, "target": problem.target}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)

    def _combine(self, rng: TaskRandom, numbers: list[int]) -> _Term | None:
        terms = [_Term(number, str(number), True) for number in numbers]
        while len(terms) > 1:
            left = terms.pop(rng.below(len(terms)))
            right = terms.pop(rng.below(len(terms)))
            joined = _join(left, right, rng.choice(self._operators))
            if joined is None:
                return None
            terms.append(joined)
        return terms[0]


class CountdownEnv(ProceduralEnv):
    """Write an expression that reaches the target; verified by constraint with `countdown@1`.

    Knobs: those of `CountdownTaskSet`. The reward `"dense"` pays a third for an expression and a third for the right
    numbers.

    Example:
        >>> env = CountdownEnv(numbers=3, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        '12,1,24:36='
        >>> env.step("12*1+24")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format="An expression in `<answer>` tags, a box or after `####`; the expression alone in style=compact.",
        licence=GENERATED,
        chance=0.1,
        chance_reason="one pattern for all tasks, the numbers in falling order as a - b + c - d, reaches 9.9 % of "
        "1,500 targets, the best of 320 patterns; with numbers=3 the best reaches 19 %, with numbers=2 39 %",
        distinct=1_000_000,
        levels=(
            {"numbers": 2},
            {"numbers": 3},
            {"numbers": 4},
            {"numbers": 5, "max_target": 1000},
            {"numbers": 6, "high": 100, "max_target": 1000},
        ),
    )

    taskset_class = CountdownTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        markers = ["whole"] if style == "compact" else ["answer_tag", "boxed", "####"]
        return make_verifier("countdown@1", markers=markers)


def _join(left: _Term, right: _Term, operator: str) -> _Term | None:
    """Combine two terms with integers and without negative numbers throughout; None where that is impossible."""
    if operator == "-" and left.value < right.value:
        left, right = right, left
    if operator == "/" and (right.value == 0 or left.value % right.value):
        return None
    value = {
        "+": left.value + right.value,
        "-": left.value - right.value,
        "*": left.value * right.value,
        "/": left.value // (right.value or 1),
    }[operator]
    texts = [term.text if term.atomic else f"({term.text})" for term in (left, right)]
    return _Term(value, operator.join(texts), False)
