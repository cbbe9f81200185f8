"""`rlvr/Calculus-v0`: derivatives, antiderivatives, integrals and limits; checked by differentiation."""

from __future__ import annotations

from fractions import Fraction

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.mathematics.worked import EFFORT, LEVELS, Worked, WorkedEnv, WorkedTaskSet, packed, signed, term
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers import Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers

Polynomial = list[int]  # from the constant up


def slope(rng: TaskRandom, scale: int) -> Worked:
    """The derivative of a polynomial times or inside a function."""
    inner, factor = _polynomial(rng, 1 + (scale > 2), 3 + 2 * scale), _polynomial(rng, (scale + 1) // 2, 5 + 2 * scale)
    name = ("sin", "cos", "exp")[rng.below(3)]
    u, v, du, dv = _text(inner), _text(factor), _text(_slope(inner)), _text(_slope(factor))
    outer = {"sin": f"\\cos({u})", "cos": f"-\\sin({u})", "exp": f"e^{{{u}}}"}[name]
    whole = f"e^{{{u}}}" if name == "exp" else f"\\{name}({u})"
    asked = f"({v}){whole}"
    answer = f"({dv}){whole} + ({v})({du})({outer})"
    steps = (
        f"The derivative of {v} is {dv}.",
        f"The derivative of {whole} is ({du}) times {outer}.",
        "By the rule of products the sum of both is the answer.",
    )
    question = f"What is the derivative of {asked} with respect to x?"
    reference = {"derivative_of": asked, "variable": "x"}
    return Worked(question, packed(f"d/dx {_plain(asked)}"), steps, answer, reference=reference)


def antiderivative(rng: TaskRandom, scale: int) -> Worked:
    """An antiderivative of a polynomial with a term of a function of `ax`."""
    kind = ("power", "sin", "cos", "exp", "log")[rng.below(5)]
    numbers = _polynomial(rng, 1 + scale, 6 + 4 * scale)
    a, b = rng.between(2, 3 + 2 * scale), signed(rng, 5 + 5 * scale)
    parts = [f"{term_fraction(c, n + 1)}x^{{{n + 1}}}" for n, c in enumerate(numbers) if c]
    extra = {"power": "", "sin": f"\\sin({a}x)", "cos": f"\\cos({a}x)", "exp": f"e^{{{a}x}}", "log": "\\frac{1}{x}"}[
        kind
    ]
    primitive = {
        "power": "",
        "sin": f"({Fraction(-b, a)})\\cos({a}x)",
        "cos": f"({Fraction(b, a)})\\sin({a}x)",
        "exp": f"({Fraction(b, a)})e^{{{a}x}}",
        "log": f"({b})\\ln|x|",
    }[kind]
    asked = _text(numbers) + (f" {'-' if b < 0 else '+'} {abs(b)}{extra}" if extra else "")
    answer = " + ".join([*parts, *([primitive] if primitive else [])])
    steps = (
        *(f"An antiderivative of {term(c, _power(n), first=True)} is {part}." for (n, c), part in zip(
            [(n, c) for n, c in enumerate(numbers) if c], parts, strict=True)),
        *([f"An antiderivative of {b}{extra} is {primitive}."] if extra else []),
    )  # fmt: skip
    question = f"Find an antiderivative of {asked} with respect to x."
    reference = {"antiderivative_of": asked, "variable": "x"}
    return Worked(question, packed(f"int {_plain(asked)}"), steps, answer, reference=reference)


def substitution(rng: TaskRandom, scale: int) -> Worked:
    """An antiderivative by substitution: `k u' f(u)`."""
    inner = _polynomial(rng, 1 + (scale + 1) // 2, 2 + 2 * scale)
    k, n = rng.between(2, 3 + 2 * scale), rng.between(2, 2 + scale)
    name = ("power", "sin", "cos", "exp")[rng.below(4)]
    u, du = _text(inner), _text([k * one for one in _slope(inner)])
    outer = {"power": f"({u})^{{{n}}}", "sin": f"\\sin({u})", "cos": f"\\cos({u})", "exp": f"e^{{{u}}}"}[name]
    primitive = {
        "power": f"\\frac{{{k}}}{{{n + 1}}}({u})^{{{n + 1}}}",
        "sin": f"-{k}\\cos({u})",
        "cos": f"{k}\\sin({u})",
        "exp": f"{k}e^{{{u}}}",
    }[name]
    asked = f"({du}){outer}"
    steps = (
        f"With u = {u} the derivative of u is {_text(_slope(inner))}, and {du} is {k} times it.",
        f"So the answer is {primitive}.",
    )
    question = f"Find an antiderivative of {asked} with respect to x."
    reference = {"antiderivative_of": asked, "variable": "x"}
    return Worked(question, packed(f"int {_plain(asked)}"), steps, primitive, reference=reference)


def integral(rng: TaskRandom, scale: int) -> Worked:
    """The integral of a polynomial between two whole numbers."""
    numbers = _polynomial(rng, 1 + scale, 6 + 3 * scale)
    low = rng.between(-2 - scale, 2)
    high = low + rng.between(1, 2 + scale)
    primitive = [Fraction(0), *(Fraction(c, n + 1) for n, c in enumerate(numbers))]
    above, below = (sum((c * x**n for n, c in enumerate(primitive)), Fraction(0)) for x in (high, low))
    written = " + ".join(f"({c})x^{n}" for n, c in enumerate(primitive) if c)
    steps = (
        f"An antiderivative is {written}.",
        f"At {high} it is {above}, at {low} it is {below}.",
        f"{above} - {below} = {above - below}.".replace("- -", "+ "),
    )
    question = (
        f"What is the integral of {_text(numbers)} from x = {low} to x = {high}? Give a fraction or a whole number."
    )
    short = packed(f"int[{low},{high}] {_text(numbers)}")
    return Worked(question, short, steps, str(above - below), reference={"value": str(above - below)})


def limit(rng: TaskRandom, scale: int) -> Worked:
    """The limit of a quotient of polynomials at a common zero."""
    at = signed(rng, 2 + scale)
    above, below = (_polynomial(rng, (scale + 1) // 2, 5 + 4 * scale) for _ in range(2))
    up, down = (sum(c * at**n for n, c in enumerate(one)) for one in (above, below))
    if not down:
        below[0] += 1
        down = 1
    answer = Fraction(up, down)
    p, q = _times(above, at), _times(below, at)
    steps = (
        f"Both are 0 at {at}: {_text(p)} is (x - {at}) times {_text(above)}.".replace("- -", "+ "),
        f"And {_text(q)} is (x - {at}) times {_text(below)}.".replace("- -", "+ "),
        f"At {at} the quotients are {up} and {down}: {answer}.",
    )
    question = f"What is the limit of ({_text(p)})/({_text(q)}) as x goes to {at}? Give a fraction or a number."
    short = packed(f"lim[{at}]({_text(p)})/({_text(q)})")
    return Worked(question, short, steps, str(answer), reference={"value": str(answer)})


def term_fraction(above: int, below: int) -> str:
    """A coefficient in brackets.

    Example:
        >>> term_fraction(4, 6), term_fraction(-4, 2)
        ('(2/3)', '(-2)')
    """
    return f"({Fraction(above, below)})"


def _polynomial(rng: TaskRandom, degree: int, high: int) -> Polynomial:
    return [rng.between(-high, high) for _ in range(degree)] + [signed(rng, high)]


def _slope(numbers: Polynomial) -> Polynomial:
    return [n * c for n, c in enumerate(numbers)][1:] or [0]


def _times(numbers: Polynomial, at: int) -> Polynomial:
    """Times `x - at`."""
    shifted = [0, *numbers]
    return [one - at * other for one, other in zip(shifted, [*numbers, 0], strict=True)]


def _power(n: int) -> str:
    return "" if n == 0 else "x" if n == 1 else f"x^{n}"


def _text(numbers: Polynomial) -> str:
    text = ""
    for n in range(len(numbers) - 1, -1, -1):
        if numbers[n]:
            text += term(numbers[n], _power(n), first=not text)
    return text or "0"


def _plain(latex: str) -> str:
    return latex.replace("\\frac{1}{x}", "/x").replace("\\", "").replace("{", "(").replace("}", ")")


class CalculusTaskSet(WorkedTaskSet):
    """Calculus: `slope`, `antiderivative`, `substitution`, `integral`, `limit`; see `WorkedTaskSet`."""

    topic = "Calculus"
    table = {  # noqa: RUF012 - a table of the class
        "slope": slope,
        "antiderivative": antiderivative,
        "substitution": substitution,
        "integral": integral,
        "limit": limit,
    }


class CalculusEnv(WorkedEnv):
    """Derivatives, antiderivatives, integrals and limits; judged by `calculus@1`, which differentiates the answer.

    Knobs: those of `CalculusTaskSet`.

    Example:
        >>> env = CalculusEnv(kinds=["substitution"], scale=1, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        'int(32x)(4x^2)^(2):'
        >>> env.step("256/3 x^6 + 1")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format="The expression or number in a box, `<answer>` tags or after `####`; alone in style=compact.",
        licence=GENERATED,
        chance=0.02,
        chance_reason="the most frequent answer, 0, is that of 0.5 % of 8,000 default tasks",
        distinct=1_000_000,
        levels=LEVELS,
        effort=EFFORT,
    )

    taskset_class = CalculusTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("calculus@1", **compact_markers(style))
