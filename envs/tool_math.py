"""`rlvr/ToolMath-v0`: chains of arithmetic with numbers that nobody computes in the head, and tools that can.

A problem is a start value and some steps, each of which adds, subtracts, multiplies or divides; it is told as a small
story, or as an expression for small models that speak characters. All values are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import add, mul, sub, truediv
from typing import Any, NamedTuple

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import ProceduralTaskSet, TaskRandom, check_operators
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.tools.calculator import Calculator
from rlvr_gym.envs.tools.exact import exactly
from rlvr_gym.envs.tools.python_session import PythonSession
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Limits, Toolkit
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.errors import shown

OPERATORS = "+-*/"
TOOLS: Mapping[str, tuple[str, ...]] = {
    "calculator": ("calculator",),
    "python": ("python",),
    "both": ("calculator", "python"),
}
MAX_STEPS, MAX_DIGITS = 12, 30
_COMPUTE: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": truediv,
}


@dataclass(frozen=True)
class Story:
    """How a chain of operations is told.

    Args:
        start: The first sentence, with the start value.
        steps: Operator to sentence.
        question: The last sentence.
        signed: Whether a value may fall below zero on the way.
    """

    start: str
    steps: Mapping[str, str]
    question: str
    signed: bool


STORIES = (
    Story(
        "A reservoir holds {n} litres of water.",
        {
            "+": "Rain adds {n} litres.",
            "-": "A village draws {n} litres.",
            "*": "It is replaced by a reservoir that holds {n} times as much as is in it now, and that one is full.",
            "/": "The water is shared equally among {n} basins, and from now on we follow one of them.",
        },
        "How many litres are there in the end?",
        signed=False,
    ),
    Story(
        "A mill has {n} kilograms of flour.",
        {
            "+": "A farmer brings {n} kilograms more.",
            "-": "A baker takes {n} kilograms away.",
            "*": "Over the year the store grows to {n} times what it was.",
            "/": "The flour is packed in {n} equal sacks, and only one sack is kept.",
        },
        "How many kilograms are left?",
        signed=False,
    ),
    Story(
        "An account shows {n} crowns.",
        {
            "+": "A transfer adds {n} crowns.",
            "-": "A bill of {n} crowns is paid.",
            "*": "A lucky trade multiplies the balance by {n}.",
            "/": "The balance is divided equally among {n} heirs, and we follow the account of one of them.",
        },
        "What does the account show now?",
        signed=True,
    ),
    Story(
        "A team begins with {n} points.",
        {
            "+": "It wins {n} points.",
            "-": "It loses {n} points.",
            "*": "A bonus multiplies its points by {n}.",
            "/": "A new rule divides its points by {n}.",
        },
        "How many points does it have at the end?",
        signed=True,
    ),
)
_EXACTLY = "Give the exact value: a whole number, a decimal, or a fraction such as 7/3."


class Chain(NamedTuple):
    """A problem: `numbers[0]`, then one operator and number after the other; told by a story, or as an expression."""

    numbers: tuple[int, ...]
    operators: str
    story: Story | None

    def values(self) -> list[Fraction]:
        """The value at the start and after each step."""
        values = [Fraction(self.numbers[0])]
        for operator, number in zip(self.operators, self.numbers[1:], strict=True):
            values.append(_COMPUTE[operator](values[-1], Fraction(number)))
        return values

    def expression(self, space: str = "") -> str:
        """The chain as one expression, bracketed where steps from left to right are not what it would mean."""
        text, before = str(self.numbers[0]), ""
        for operator, number in zip(self.operators, self.numbers[1:], strict=True):
            if operator in "*/" and before in ("+", "-"):
                text = f"({text})"
            text, before = f"{text}{space}{operator}{space}{number}", operator
        return text


class ToolMathTaskSet(ProceduralTaskSet[Chain]):
    """Chains of arithmetic. Those that differ only in the order of what commutes are on one side of the split.

    Args:
        steps: Operations, 1 to 12.
        digits: Digits of each number: a number, or a pair `[low, high]`. 1 to 30.
        operators: Any of `+`, `-`, `*`, `/`.
        style: `"question"` tells a story or asks for an expression; `"compact"` writes the expression and a colon:
            `(12+34)*56:`.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        seed: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> task = ToolMathTaskSet(steps=2, digits=2, style="compact")[0]
        >>> task.prompt, task.solution
        ('19*45+76:', '931')
    """

    def __init__(
        self,
        *,
        steps: int = 3,
        digits: int | Sequence[int] = 4,
        operators: str = "+-*",
        style: str = "question",
        split: str = "all",
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        self._steps = check_int("steps", steps, 1, MAX_STEPS)
        low, high = (digits, digits) if isinstance(digits, int) else _pair(digits)
        self._low = check_int("digits", low, 1, MAX_DIGITS)
        self._high = check_int("digits", high, low, MAX_DIGITS)
        self._operators = check_operators(operators, OPERATORS)
        super().__init__("ToolMath", style=style, split=split, size=size, seed=seed)
        self._difficulty = {"steps": steps, "digits": high, "operators": operators}

    def draw(self, rng: TaskRandom) -> Chain:
        """See `ProceduralTaskSet.draw`."""
        operators = "".join(rng.choice(self._operators) for _ in range(self._steps))
        numbers = tuple(self._number(rng, operator) for operator in f"+{operators}")
        chain = Chain(numbers, operators, None)
        if self.style == "compact":
            return chain
        signed = min(chain.values()) < 0
        return chain._replace(story=rng.choice([None, *(s for s in STORIES if s.signed or not signed)]))

    def split_key(self, problem: Chain) -> str:
        """See `ProceduralTaskSet.split_key`."""
        numbers, operators = list(problem.numbers), problem.operators
        run = len(operators) - len(operators.lstrip(operators[0])) + 1  # numbers that may change places
        ordered = sorted(numbers[:run]) + numbers[run:] if operators[0] in "+*" else numbers
        return f"{operators}{ordered}"

    def make(self, problem: Chain) -> Task:
        """See `ProceduralTaskSet.make`."""
        values = [exactly(value) for value in problem.values()]
        compact = self.style == "compact"
        private = {
            "reference": values[-1],
            "solution": values[-1] if compact else f"<answer>{values[-1]}</answer>",
            "expert": {"calculator": _calculations(problem, values), "python": _programs(problem)},
        }
        prompt = f"{problem.expression()}:" if compact else f"{_told(problem)} {_EXACTLY}"
        return Task.create(prompt, private, difficulty=self._difficulty)

    def _number(self, rng: TaskRandom, operator: str) -> int:
        digits = rng.between(self._low, self._high)
        least = 2 if digits == 1 and operator in "*/" else 10 ** (digits - 1)
        return rng.between(least, 10**digits - 1)


class ToolMathEnv(ToolEnv):
    """Compute a chain of arithmetic with a calculator or Python, then answer; judged exactly by `number@1`.

    A calculator that takes whole expressions needs one call; with `operations=1` every step needs its own.

    Args:
        steps: See `ToolMathTaskSet`.
        digits: See `ToolMathTaskSet`.
        operators: See `ToolMathTaskSet`.
        tools: `"calculator"`, `"python"` or `"both"`.
        operations: How many operations one call of the calculator may have; None for any number. With `/` among the
            operators at least 2, since a fraction is one.
        tool_cost: What a call costs, in units of reward.
        call_format: How calls are written; by default `"xml"`, and `"compact"` with `style="compact"`.
        rendering: See `ToolEnv`.
        max_turns: Responses, calls and answer together; a call for each step and the answer are `steps + 1`.
        style: See `ToolMathTaskSet`.
        split: See `ProceduralTaskSet`.
        size: See `ProceduralTaskSet`.
        taskset_seed: Seed of the task set: another one, another order of problems.
        reward: See `TextEnv`.
        render_mode: See `TextEnv`.

    Raises:
        ConfigError: A knob is refused.

    Example:
        >>> env = ToolMathEnv(steps=2, digits=2, style="compact", operations=1)
        >>> env.reset(options={"task_index": 0})[0], env.expert(env.task)
        ('19*45+76:', ['19*45?', '855+76?', '931'])
        >>> env.step("19*45?")[0]
        '855:'
        >>> env.step("931")[4]["passed"]
        True
    """

    card = Card(
        family="tool",
        answer_format="The number in `<answer>` tags or alone, or as the call format has it.",
        licence=GENERATED,
        chance=0.001,
        chance_reason="the most frequent answer is that of 3 in 10,000 default tasks, and three times that is allowed; "
        "with steps=1 and digits=1 a constant is right in 5 %",
        told="The problem, the tools and how to call them; after each call its result or what was wrong with it.",
    )

    def __init__(
        self,
        *,
        steps: int = 3,
        digits: int | Sequence[int] = 4,
        operators: str = "+-*",
        tools: str = "calculator",
        operations: int | None = None,
        tool_cost: float = 0.0,
        call_format: str | None = None,
        rendering: str | None = None,
        max_turns: int = 10,
        style: str = "question",
        split: str = "all",
        size: int = 10_000,
        taskset_seed: int = 0,
        reward: str = "outcome",
        render_mode: str | None = None,
    ) -> None:
        tasks = ToolMathTaskSet(
            steps=steps, digits=digits, operators=operators, style=style, split=split, size=size, seed=taskset_seed
        )
        call_format = call_format if call_format is not None else "compact" if style == "compact" else "xml"
        super().__init__(
            tasks,
            make_verifier("number@1", markers=["answer_tag", "whole"]),
            call_format=call_format,
            rendering=rendering,
            max_turns=max_turns,
            reward=reward,
            render_mode=render_mode,
        )
        if tools not in TOOLS:
            raise ConfigError(f"tools must be one of {', '.join(TOOLS)}; got {shown(tools)}")
        if call_format == "compact" and tools != "calculator":
            raise ConfigError(f"the call format 'compact' is for the calculator alone, got tools={tools!r}")
        if operations is not None:
            check_int("operations", operations, 2 if "/" in operators else 1, None)
        self._tools, self._operations, self._limits = TOOLS[tools], operations, Limits(cost=tool_cost)

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """See `ToolEnv.equip`."""
        kits: dict[str, Toolkit] = {}
        if "calculator" in self._tools:
            kits["calculator"] = Calculator(max_operations=self._operations, limits=self._limits)
        if "python" in self._tools:
            kits["python"] = PythonSession(limits=self._limits)
        return kits

    def expert(self, task: Task) -> list[str]:
        """The responses that solve a task, one step at a time, in the format of this environment."""
        tools = list(Toolbox(self.equip(task)).tools.values())
        calls = [ToolCall(**call) for call in task.private["expert"][self._tools[0]]]
        answer = self.call_format.write_answer(task.reference)
        return [*(self.call_format.write([call], tools) for call in calls), answer]


def _told(problem: Chain) -> str:
    if problem.story is None:
        return f"What is {problem.expression(' ')}?"
    steps = zip(problem.operators, problem.numbers[1:], strict=True)
    sentences = [problem.story.steps[operator].format(n=number) for operator, number in steps]
    return " ".join([problem.story.start.format(n=problem.numbers[0]), *sentences, problem.story.question])


def _calculations(problem: Chain, values: Sequence[str]) -> list[dict[str, Any]]:
    """The calls of a calculator, each with the result of the one before."""
    steps = zip(values, problem.operators, problem.numbers[1:], strict=False)
    return [_call("calculator", expression=f"{value}{operator}{number}") for value, operator, number in steps]


def _programs(problem: Chain) -> list[dict[str, Any]]:
    """The cells of a Python session, which keeps the value."""
    first = f"from fractions import Fraction\nx = Fraction({problem.numbers[0]})\n"
    steps = zip(problem.operators, problem.numbers[1:], strict=True)
    cells = [f"x = x {operator} {number}\nprint(x)" for operator, number in steps]
    return [_call("python", code=first * (not place) + cell) for place, cell in enumerate(cells)]


def _call(name: str, **arguments: str) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def _pair(digits: Any) -> tuple[int, int]:
    if not isinstance(digits, list | tuple) or len(digits) != 2:
        raise ConfigError(f"digits must be an integer or a pair [low, high], got {shown(digits)}")
    return digits[0], digits[1]
