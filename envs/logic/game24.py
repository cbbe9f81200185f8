"""`rlvr/Game24-v0`: make 24 of four numbers, each used exactly once.

Whether and how four numbers reach the target is found by exact search over all ways to join them, so that every
problem is solvable, and so that problems can be asked for that have few ways, or none without a fraction. Any
expression passes: `countdown@1` checks the constraints.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import prod
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.errors import shown

FRACTIONS = ("any", "needed", "not_needed")
ALL_WAYS = 3888  # to join four numbers: 6 * 6 for two of them, 3 * 6 for two of the three that are left, 6 for the last


class Value(NamedTuple):
    """A number that is made of some of the given ones.

    Args:
        top: Its numerator.
        bottom: Its denominator: 1 where it is whole, else of either sign and not in lowest terms.
        made: A given number, or an operator with the two values that it joins.
        fraction: Whether a fraction came up on the way.
    """

    top: int
    bottom: int
    made: Any
    fraction: bool = False

    @property
    def text(self) -> str:
        """How it is made, in brackets where of more than one number."""
        return (
            str(self.top) if isinstance(self.made, int) else f"({self.made[1].text}{self.made[0]}{self.made[2].text})"
        )


class Solutions(NamedTuple):
    """What the search found.

    Args:
        ways: How many of the 3,888 ways to join the numbers reach the target.
        text: The first of them without a fraction; where there is none, the first with one; empty without any.
        fraction: Whether fractions come up in it.
    """

    ways: int
    text: str
    fraction: bool


@lru_cache(maxsize=65_536)
def solve(numbers: tuple[int, ...], target: int) -> Solutions:
    """Search all ways to join numbers by `+ - * /`, with exact quotients.

    Example:
        >>> solve((3, 3, 8, 8), 24)
        Solutions(ways=4, text='8/(3-(8/3))', fraction=True)
        >>> solve((1, 1, 1, 1), 24).ways
        0
    """
    ways, found = 0, None
    todo = [tuple(Value(number, 1, number) for number in numbers)]
    while todo:
        values = todo.pop()
        for left, right in combinations(range(len(values)), 2):
            rest = tuple([value for at, value in enumerate(values) if at not in (left, right)])
            if rest:
                todo.extend([(*rest, each) for each in join(values[left], values[right])])
                continue
            for each in join(values[0], values[1]) if _reach(values[0], values[1], target) else ():
                if each.top == target * each.bottom:
                    ways += 1
                    if found is None or (found.fraction and not each.fraction):
                        found = each
    if found is None:
        return Solutions(0, "", False)
    return Solutions(ways, found.text[1:-1], found.fraction)


def join(one: Value, two: Value) -> list[Value]:
    """All that two values can be joined to: a sum, a product, two differences, and quotients by what is not 0."""
    a, b, c, d = one.top, one.bottom, two.top, two.bottom
    fraction = one.fraction or two.fraction
    if b == d == 1:
        found = [
            Value(a + c, 1, ("+", one, two), fraction),
            Value(a - c, 1, ("-", one, two), fraction),
            Value(c - a, 1, ("-", two, one), fraction),
            Value(a * c, 1, ("*", one, two), fraction),
        ]
    else:
        ad, cb, bd = a * d, c * b, b * d
        found = [
            _quotient(ad + cb, bd, ("+", one, two), fraction),
            _quotient(ad - cb, bd, ("-", one, two), fraction),
            _quotient(cb - ad, bd, ("-", two, one), fraction),
            _quotient(a * c, bd, ("*", one, two), fraction),
        ]
    if c:
        found.append(_quotient(a * d, c * b, ("/", one, two), fraction))
    if a:
        found.append(_quotient(c * b, a * d, ("/", two, one), fraction))
    return found


def _reach(one: Value, two: Value, target: int) -> bool:
    """Whether one of the values that `join` gives is the target; most are not, and need not be made."""
    a, c = one.top, two.top
    ad, cb, wanted = a * two.bottom, c * one.bottom, target * one.bottom * two.bottom
    if wanted in (ad + cb, ad - cb, cb - ad, a * c):
        return True
    return (c != 0 and ad == target * cb) or (a != 0 and cb == target * ad)


def _quotient(top: int, bottom: int, made: Any, fraction: bool) -> Value:
    if top % bottom:
        return Value(top, bottom, made, True)
    return Value(top // bottom, 1, made, fraction)


def plain(numbers: list[int], target: int) -> bool:
    """Whether the target is the product, or is reached by sums and differences alone.

    Example:
        >>> plain([13, 10, 4, 3], 24), plain([3, 3, 8, 8], 24)
        (True, False)
    """
    a, b, c, d = numbers
    sums = {a + s * b + t * c + u * d for s in (1, -1) for t in (1, -1) for u in (1, -1)}
    return target in sums or -target in sums or prod(numbers) == target


class Puzzle(NamedTuple):
    """The numbers in the order in which they are given, and what the search found."""

    numbers: list[int]
    solutions: Solutions


class Game24TaskSet(ProceduralTaskSet[Puzzle]):
    """Four numbers that reach the target, and not by sums and differences alone or by the product of all.

    Args:
        target: What is to be made, 1 to 1,000.
        high: Largest given number, 6 to 50.
        fractions: `"needed"` where no way does without a fraction on the way, `"not_needed"` where one does, `"any"`.
        least_ways: At least so many of the 3,888 ways to join the numbers reach the target.
        most_ways: At most so many of them do.
        style: See `ProceduralTaskSet`; compact problems look like `3,3,8,8:24=`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused, or no problem is found with these knobs.
    """

    def __init__(
        self,
        *,
        target: int = 24,
        high: int = 13,
        fractions: str = "any",
        least_ways: int = 1,
        most_ways: int = ALL_WAYS,
        **common: Unpack[Common],
    ) -> None:
        self._target = check_int("target", target, 1, 1000)
        self._high = check_int("high", high, 6, 50)
        if fractions not in FRACTIONS:
            raise ConfigError(f"fractions must be one of {', '.join(FRACTIONS)}; got {shown(fractions)}")
        self._fractions = fractions
        self._least = check_int("least_ways", least_ways, 1, ALL_WAYS)
        self._most = check_int("most_ways", most_ways, least_ways, ALL_WAYS)
        super().__init__("Game24", **common)
        self._difficulty = {"target": target, "high": high, "fractions": fractions}

    def draw(self, rng: TaskRandom) -> Puzzle:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            numbers = [rng.between(1, self._high) for _ in range(4)]
            if self._fractions == "needed":
                numbers = self._by_a_fraction(rng, numbers)
            if not numbers or plain(numbers, self._target):
                continue
            solutions = solve(tuple(sorted(numbers)), self._target)
            if solutions.fraction == (self._fractions == "not_needed") and self._fractions != "any":
                continue
            if self._least <= solutions.ways <= self._most:
                return Puzzle(numbers, solutions)
        raise ConfigError(f"Game24: no problem among {self._MAX_DRAWS:,} draws; widen the knobs")

    def split_key(self, problem: Puzzle) -> str:
        """The numbers without order, and the target."""
        return f"{sorted(problem.numbers)}:{self._target}"

    def make(self, problem: Puzzle) -> Task:
        """See `ProceduralTaskSet.make`."""
        numbers, text = problem.numbers, problem.solutions.text
        if self.style == "compact":
            prompt, solution = f"{','.join(map(str, numbers))}:{self._target}=", text
        else:
            prompt = (
                f"Make {self._target} of the numbers {', '.join(map(str, numbers))}: use each exactly once, with + - * "
                "/ and brackets; fractions on the way are allowed. Give the expression as <answer>expression</answer>."
            )
            solution = f"<answer>{text}</answer>"
        difficulty = {**self._difficulty, "ways": problem.solutions.ways, "needs_fraction": problem.solutions.fraction}
        reference = {"numbers": numbers, "target": self._target}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)

    def _by_a_fraction(self, rng: TaskRandom, numbers: list[int]) -> list[int]:
        """Numbers of which one, multiplied or divided by c ± a / b of the others, is the target; none without such."""
        a, b, c, _ = numbers
        sign = 1 if rng.below(2) else -1
        top = c * b + sign * a
        over, under = (self._target * b, top) if rng.below(2) else (self._target * top, b)
        if a % b == 0 or under == 0 or over % under or not 1 <= abs(over // under) <= self._high:
            return []
        found = [a, b, c, abs(over // under)]
        for at in (3, 2, 1):
            other = rng.below(at + 1)
            found[at], found[other] = found[other], found[at]
        return found


class Game24Env(ProceduralEnv):
    """Make 24 of four numbers; verified by constraint with `countdown@1`.

    Knobs: those of `Game24TaskSet`. The reward `"dense"` pays a third for an expression and a third for the right
    numbers.

    Example:
        >>> env = Game24Env(fractions="needed", style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="An expression in `<answer>` tags, a box or after `####`; the expression alone in style=compact.",
        licence=GENERATED,
        chance=0.07,
        chance_reason="one pattern for all tasks, the numbers in falling order as (a - b + c) * d, reaches 24 in "
        "6.1 % of 1,500 default tasks, the best of 960 patterns",
        distinct=18_809,  # counted: orders of the 1,136 sets of numbers
        levels=(
            {"high": 10, "least_ways": 30},
            {"high": 10, "least_ways": 12},
            {"high": 13},
            {"high": 13, "most_ways": 10},
            {"high": 20, "most_ways": 5},
            {"high": 20, "most_ways": 4, "fractions": "needed"},
        ),
    )

    taskset_class = Game24TaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        markers = ["whole"] if style == "compact" else ["answer_tag", "boxed", "####"]
        return make_verifier("countdown@1", markers=markers)
