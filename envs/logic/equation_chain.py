"""`rlvr/EquationChain-v0`: solve an equation, or simplify an expression, line by line.

Every line is checked by `equations@1` with exact polynomials, so any right chain passes, whichever way it goes.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.logic.polynomial import Coefficient, Polynomial, plus, ratio, scaled, times, write_polynomial

KINDS = ("linear", "simplify", "quadratic")
_STEPS = (
    "In each line do one thing to both sides: add or subtract one term (a number, or a number times a power of x), "
    "or multiply or divide by one number other than 0. Sides may be rewritten and swapped in the same line."
)
_PROMPTS = {
    "linear": "Solve {given} for x, one step per line. {steps} The last line is x = number, an integer or a fraction "
    "in lowest terms.",
    "simplify": "Simplify {given}, one step per line. Each line is an expression that equals the one before. The last "
    "line has no brackets, one term for each power of x, and a fraction as in 3x/4.",
    "quadratic": "Solve {given} for x, one step per line. {steps} Once, a line may split in two, as x - 2 = 0 or "
    "x + 3 = 0; each of the two then goes on like that. The last line is x = number or x = number, with integers or "
    "fractions in lowest terms.",
}
_ZERO: Polynomial = ()


class Term(NamedTuple):
    """A term as it is written, without its sign where that is a minus, and what it is with it."""

    text: str
    negative: bool
    value: Polynomial


class Problem(NamedTuple):
    """What is given, side by side (one side where it is to be simplified), and the factors of what has two roots."""

    kind: str
    sides: tuple[tuple[Term, ...], ...]
    factors: tuple[Polynomial, ...] = ()


class EquationChainTaskSet(ProceduralTaskSet[Problem]):
    """Equations of degree 1 and 2 with rational solutions, and expressions.

    Args:
        kind: `"linear"`, `"simplify"` or `"quadratic"`.
        brackets: Products with a bracket, 0 to 4; at least 1 to simplify; of no meaning in degree 2.
        high: Largest number before x and in brackets, 2 to 99.
        fractions: Whether solutions may be fractions (linear, with denominators up to 12), x² may have a factor
            (quadratic), and brackets may stand in quotients (linear and simplify).
        style: See `ProceduralTaskSet`; compact problems look like `2(x-3)=4`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        kind: str = "linear",
        brackets: int = 2,
        high: int = 9,
        fractions: bool = False,
        **common: Unpack[Common],
    ) -> None:
        if kind not in KINDS:
            raise ConfigError(f"kind must be one of {', '.join(KINDS)}; got {shown(kind)}")
        if not isinstance(fractions, bool):
            raise ConfigError(f"fractions must be true or false, got {shown(fractions)}")
        self._kind, self._fractions = kind, fractions
        self._brackets = check_int("brackets", brackets, 1 if kind == "simplify" else 0, 4)
        self._high = check_int("high", high, 2, 99)
        super().__init__("EquationChain", **common)
        self._difficulty = {"kind": kind, "brackets": brackets, "high": high, "fractions": fractions}

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        attempt = {"linear": self._linear, "simplify": self._simplify, "quadratic": self._quadratic}[self._kind]
        for _ in range(self._MAX_DRAWS):
            problem = attempt(rng)
            if problem is not None:
                return problem
        raise ConfigError(f"EquationChain: no problem in {self._MAX_DRAWS:,} draws; raise high")

    def split_key(self, problem: Problem) -> str:
        """The terms of each side without order, and the sides without order."""
        return f"{problem.kind}{sorted(sorted(map(str, (t.value for t in side))) for side in problem.sides)}"

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        compact = self.style == "compact"
        space = "" if compact else " "
        given = f"{space}={space}".join(_joined(side, space) for side in problem.sides)
        lines = _solution(problem, space)
        reference = {"simplify" if problem.kind == "simplify" else "solve": given}
        if compact:
            prompt, solution = f"{given}\n", "\n".join(lines)
        else:
            prompt = _PROMPTS[problem.kind].format(given=given, steps=_STEPS)
            prompt += "\nGive the lines as <answer>lines</answer>."
            solution = "\n".join(["<answer>", *lines, "</answer>"])
        difficulty = {**self._difficulty, "lines": len(lines)}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)

    def _signed(self, rng: TaskRandom, low: int = 1) -> int:
        size = rng.between(low, self._high)
        return size if rng.below(2) else -size

    def _bracket(self, rng: TaskRandom) -> Term:
        inner = (self._signed(rng), rng.between(1, self._high))
        factor = self._signed(rng, 2)
        if self._fractions and rng.below(2):
            below = rng.between(2, min(9, self._high))
            return _term("({})" + f"/{below}", inner, Fraction(1 if factor > 0 else -1, below))
        return _term(f"{abs(factor)}" + "({})", inner, factor)

    def _linear(self, rng: TaskRandom) -> Problem | None:
        left = [self._bracket(rng) for _ in range((self._brackets + 1) // 2)]
        right = [self._bracket(rng) for _ in range(self._brackets // 2)]
        left.append(_plain((0, self._signed(rng))))
        left.append(_plain((self._signed(rng),)))
        right.append(_plain((0, self._signed(rng))))
        difference = plus(_total(left), _total(right), -1)
        if len(difference) < 2 or len(_total(left)) < 2 or len(_total(right)) < 2:
            return None
        if self._fractions:
            constant: Coefficient = self._signed(rng)
            solution: Coefficient = ratio(constant - difference[0], difference[1])
        else:
            solution = rng.between(-self._high, self._high)
            constant = difference[0] + difference[1] * solution
        if not constant or solution.denominator > 12 or (self._fractions and solution.denominator == 1):
            return None
        right.append(_plain((constant,)))
        _shuffle(rng, left)
        _shuffle(rng, right)
        return Problem("linear", (tuple(left), tuple(right)))

    def _simplify(self, rng: TaskRandom) -> Problem | None:
        terms = [self._bracket(rng) for _ in range(self._brackets)]
        terms.append(_plain((0, self._signed(rng))))
        terms.append(_plain((self._signed(rng),)))
        _shuffle(rng, terms)
        return Problem("simplify", (tuple(terms),)) if len(_total(terms)) == 2 else None

    def _quadratic(self, rng: TaskRandom) -> Problem | None:
        lead = rng.between(2, 4) if self._fractions else 1
        factors = ((self._signed(rng), lead), (self._signed(rng), 1))
        product = times(*factors)
        if not product[1] or factors[0][0] == lead * factors[1][0]:
            return None
        left = [_plain(_at(degree, product[degree])) for degree in (2, 1, 0)]
        right = []
        for degree in (1, 0):
            moved = self._signed(rng)
            kept = product[degree] + moved
            if rng.below(2) and kept:
                left[2 - degree] = _plain(_at(degree, kept))
                right.append(_plain(_at(degree, moved)))
        return Problem("quadratic", (tuple(left), tuple(right)), factors) if right else None


class EquationChainEnv(ProceduralEnv):
    """Solve an equation or simplify an expression by a chain of lines, each of which is checked by `equations@1`.

    Knobs: those of `EquationChainTaskSet`. The reward `"dense"` pays for the share of the work that is done by the last
    line before the first one that does not follow; lines that change nothing are worth nothing.

    Example:
        >>> env = EquationChainEnv(brackets=1, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="Equations or expressions, one a line, in `<answer>` tags, a box or after `####`; the lines "
        "alone in style=compact.",
        licence=GENERATED,
        chance=0.0,
        chance_reason="no constant, echo or chain of another task solves any of 1,000 default tasks; with partial "
        "credit they earn nothing either, since a first line must follow from the given one",
        distinct=1_000_000,
        levels=(
            {"brackets": 0},
            {"brackets": 1},
            {"brackets": 2},
            {"brackets": 4, "high": 20},
            {"brackets": 3, "fractions": True},
            {"kind": "quadratic", "fractions": True, "high": 15},
        ),
    )

    taskset_class = EquationChainTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("equations@1", **compact_markers(style))


def _term(pattern: str, inner: Polynomial, factor: Coefficient) -> Term:
    """A bracket with a factor; `{}` in the pattern stands for what is in it."""
    return Term(pattern.format(write_polynomial(inner)), factor < 0, scaled(inner, factor))


def _plain(value: Polynomial) -> Term:
    negative = value[-1] < 0
    return Term(write_polynomial(scaled(value, -1) if negative else value), negative, value)


def _at(degree: int, coefficient: Coefficient) -> Polynomial:
    return (0,) * degree + (coefficient,)


def _total(terms: list[Term] | tuple[Term, ...]) -> Polynomial:
    total = _ZERO
    for term in terms:
        total = plus(total, term.value)
    return total


def _shuffle(rng: TaskRandom, terms: list[Term]) -> None:
    for at in range(len(terms) - 1, 0, -1):
        other = rng.below(at + 1)
        terms[at], terms[other] = terms[other], terms[at]


def _joined(terms: tuple[Term, ...], space: str) -> str:
    text = ""
    for term in terms:
        sign = "-" if term.negative else "+" if text else ""
        gap = space if text else ""
        text += f"{gap}{sign}{gap}{term.text if space else term.text.replace(' ', '')}"
    return text


def _expanded(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    return tuple(
        _plain(_at(degree, term.value[degree]))
        for term in terms
        for degree in range(len(term.value) - 1, -1, -1)
        if term.value[degree]
    )


def _solution(problem: Problem, space: str) -> list[str]:
    """A chain with one thing done in each line."""
    equals = f"{space}={space}"
    lines = [equals.join(_joined(_expanded(side), space) for side in problem.sides)]
    values = [_total(side) for side in problem.sides]
    lines.append(equals.join(write_polynomial(value, space) for value in values))
    if problem.kind == "simplify":
        return list(dict.fromkeys(lines))
    left, right = values
    for degree in (1, 0):
        if problem.kind == "linear" and degree == 0:
            term = _at(0, left[0]) if left[0] else _ZERO
        else:
            term = _at(degree, right[degree]) if len(right) > degree and right[degree] else _ZERO
        left, right = plus(left, term, -1), plus(right, term, -1)
        lines.append(f"{write_polynomial(left, space)}{equals}{write_polynomial(right, space)}")
    if problem.kind == "linear":
        lines.append(f"x{equals}{write_polynomial(scaled(right, ratio(1, left[1])))}")
        return list(dict.fromkeys(lines))
    factors = [write_polynomial(factor, space) for factor in problem.factors]
    lines.append(f"({factors[0]})({factors[1]}){equals}0")
    lines.append(" or ".join(f"{factor}{equals}0" for factor in factors))
    lines.append(
        " or ".join(f"{write_polynomial(_at(1, f[1]))}{equals}{write_polynomial((-f[0],))}" for f in problem.factors)
    )
    lines.append(" or ".join(f"x{equals}{write_polynomial((ratio(-f[0], f[1]),))}" for f in problem.factors))
    return list(dict.fromkeys(lines))
