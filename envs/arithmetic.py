"""`rlvr/Arithmetic-v0`: sums and products of integers, made without data.

The difficulty knobs are the number of digits, the number of operands and the operators. Two prompt styles: `question`
for language models (the answer is declared with `####`) and `compact` (`12+34=`) for small models that speak
characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom, check_operators
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.errors import shown

OPERATORS = "+-*"
_QUESTION_MARKERS = ["####", "boxed", "answer_tag", "whole"]


class Expression(NamedTuple):
    """Numbers and the operators between them."""

    numbers: list[int]
    operators: list[str]


class ArithmeticTaskSet(ProceduralTaskSet[Expression]):
    """Expressions and their values. Reordered sums (`3+5`, `5+3`) fall on the same side of the split.

    Args:
        digits: Digits of each operand: a number, or a pair `[low, high]`. 1 to 100.
        operands: How many numbers, 2 to 100.
        operators: Any of `+`, `-`, `*`; products bind tighter.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        digits: int | Sequence[int] = 2,
        operands: int = 2,
        operators: str = "+",
        **common: Unpack[Common],
    ) -> None:
        low, high = (digits, digits) if isinstance(digits, int) else _pair("digits", digits)
        check_int("digits", low, 1, 100)
        check_int("digits", high, low, 100)
        check_int("operands", operands, 2, 100)
        check_operators(operators, OPERATORS)
        super().__init__("Arithmetic", **common)
        self._low, self._high, self._operands, self._operators = low, high, operands, operators
        self._difficulty = {
            "digits": high, "operands": operands, "operators": operators
        }  # fmt: skip

    def draw(self, rng: TaskRandom) -> Expression:
        """See `ProceduralTaskSet.draw`."""
        numbers = [self._number(rng) for _ in range(self._operands)]
        return Expression(numbers, [rng.choice(self._operators) for _ in numbers[1:]])

    def split_key(self, problem: Expression) -> str:
        """See `ProceduralTaskSet.split_key`."""
        numbers, operators = problem
        commutes = len(set(operators)) == 1 and operators[0] in "+*"
        return f"{operators}{sorted(numbers) if commutes else numbers}"

    def make(self, problem: Expression) -> Task:
        """See `ProceduralTaskSet.make`."""
        numbers, operators = problem
        value = str(_evaluate(numbers, operators))
        space = "" if self.style == "compact" else " "
        expression = str(numbers[0])
        for operator, number in zip(operators, numbers[1:], strict=True):
            expression += f"{space}{operator}{space}{number}"
        if self.style == "compact":
            prompt, solution = f"{expression}=", value
        else:
            prompt = f"What is {expression}? End your answer with a line '#### <number>'."
            solution = f"#### {value}"
        return Task.create(prompt, {"reference": value, "solution": solution}, difficulty=self._difficulty)

    def _number(self, rng: TaskRandom) -> int:
        digits = self._low if self._low == self._high else rng.between(self._low, self._high)
        low = 10 ** (digits - 1) if digits > 1 else 0
        return low + rng.below(10**digits - low)


class ArithmeticEnv(ProceduralEnv):
    """Compute an expression; verified exactly by `number@1`. Knobs: those of `ArithmeticTaskSet`.

    Example:
        >>> env = ArithmeticEnv(digits=3, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        '816+814='
        >>> env.step("1630")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format="A line `#### <number>`, a box, `<answer>` tags or the bare number; the number alone in "
        "style=compact.",
        licence=GENERATED,
        chance=0.013,
        chance_reason="the best constant, 111, is the sum in 1.3 % of the 10,000 default tasks (of all sums of two "
        "numbers of two digits 109 is the most frequent, 1.1 %); with digits=1 a constant is right in 10 %, and "
        "with operators='*' besides 0 is in 19 %",
        distinct=8_100,
        levels=(
            {"digits": 1},
            {"digits": 2},
            {"digits": 3, "operands": 3},
            {"digits": 4, "operands": 4, "operators": "+-"},
            {"digits": 6, "operands": 6, "operators": "+-"},
        ),
        effort=("digits", "operands"),
    )

    taskset_class = ArithmeticTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("number@1", markers=["whole"] if style == "compact" else _QUESTION_MARKERS)


def _pair(name: str, value: Sequence[int]) -> tuple[int, int]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ConfigError(f"{name} must be an integer or a pair [low, high], got {shown(value)}")
    return value[0], value[1]


def _evaluate(numbers: Sequence[int], operators: Sequence[str]) -> int:
    total, sign, product = 0, 1, numbers[0]
    for operator, number in zip(operators, numbers[1:], strict=True):
        if operator == "*":
            product *= number
        else:
            total += sign * product
            sign, product = (1 if operator == "+" else -1), number
    return total + sign * product
