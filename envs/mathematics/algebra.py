"""`rlvr/Algebra-v0`: equations, systems, polynomials and sequences, with answers that are numbers."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.mathematics.worked import (
    EFFORT,
    FORMAT,
    LEVELS,
    Worked,
    WorkedEnv,
    WorkedTaskSet,
    packed,
    signed,
    term,
    top,
)
from rlvr_gym.envs.procedural import TaskRandom


def linear(rng: TaskRandom, scale: int) -> Worked:
    """`ax + b = cx + d` with a solution that may be a fraction from scale 3 on."""
    high = top(scale)
    a, c = signed(rng, high), signed(rng, high)
    c = c if c != a else a + 1
    if scale < 3:
        x = Fraction(signed(rng, high))
        b = signed(rng, high)
        d = int((a - c) * x) + b
    else:
        b, d = signed(rng, high), signed(rng, high)
        x = Fraction(d - b, a - c)
    right = term(c, "x", first=True) + term(d, "") if c else str(d)
    equation = f"{term(a, 'x', first=True)}{term(b, '')} = {right}"
    steps = (
        f"Take {term(c, 'x', first=True)} from both sides: {term(a - c, 'x', first=True)}{term(b, '')} = {d}."
        if c
        else "",
        f"Take {b} from both sides: {term(a - c, 'x', first=True)} = {d - b}.",
        f"Divide by {a - c}: x = {d - b}/{a - c} = {x}.",
    )
    return Worked(f"Solve {equation} for x.", packed(equation), tuple(filter(None, steps)), str(x))


def system(rng: TaskRandom, scale: int) -> Worked:
    """Two equations with two unknowns and a whole solution; asked for a combination of them."""
    high = top(scale)
    x, y = signed(rng, high), signed(rng, high)
    a, b, c, d = (signed(rng, 4 + 4 * scale) for _ in range(4))
    if a * d == b * c:
        d += 1 if d != -1 else 2
    if a * d == b * c:
        c += 1 if c != -1 else 2
    e, f = a * x + b * y, c * x + d * y
    p, q = rng.between(1, 2 + scale), rng.between(1, 2 + scale)
    first = f"{term(a, 'x', first=True)}{term(b, 'y')} = {e}"
    second = f"{term(c, 'x', first=True)}{term(d, 'y')} = {f}"
    asked = f"{term(p, 'x', first=True)}{term(q, 'y')}"
    steps = (
        f"Times {d} and {b}: {a * d}x{term(b * d, 'y')} = {e * d} and {b * c}x{term(b * d, 'y')} = {f * b}.",
        f"Their difference: {a * d - b * c}x = {e * d - f * b}, so x = {x}.",
        f"Then {term(b, 'y', first=True)} = {e} - {a * x} = {e - a * x}, so y = {y}.",
        f"{p}*{x} + {q}*{y} = {p * x + q * y}.",
    )
    question = f"If {first} and {second}, what is {asked}?"
    short = packed(f"{first},{second},{asked}")
    return Worked(question, short, steps, str(p * x + q * y), key=str(sorted([(a, b, e), (c, d, f)])))


def quadratic(rng: TaskRandom, scale: int) -> Worked:
    """A quadratic equation with whole roots; asked for the larger one."""
    high = top(scale)
    r, s = signed(rng, high), signed(rng, high)
    s = s if s != r else r + 1
    a = 1 if scale < 3 else rng.between(1, scale)
    b, c = -a * (r + s), a * r * s
    left = term(a, "x^2", first=True) + (term(b, "x") if b else "") + (term(c, "") if c else "")
    steps = (
        f"The roots have the sum {-b}/{a} = {r + s} and the product {c}/{a} = {r * s}.",
        f"These are {r} and {s}, since {r} + {s} = {r + s} and {r} * {s} = {r * s}.",
        f"The larger one is {max(r, s)}.",
    )
    question = f"What is the larger solution of {left} = 0?"
    return Worked(question, packed(f"max {left}=0"), steps, str(max(r, s)))


def coefficient(rng: TaskRandom, scale: int) -> Worked:
    """One coefficient of a product of polynomials."""
    degrees = (1, 1) if scale == 1 else (2, 1) if scale == 2 else (2, 2) if scale < 5 else (3, 3)
    high = 4 + 5 * scale
    left, right = ([signed(rng, high) for _ in range(degree + 1)] for degree in degrees)
    power = rng.between(1, sum(degrees) - 1)
    pairs = [(i, power - i) for i in range(len(left)) if 0 <= power - i < len(right)]
    products = [left[i] * right[j] for i, j in pairs]
    written = [_polynomial(one) for one in (left, right)]
    name = "x" if power == 1 else f"x^{power}"
    steps = (
        *(f"x^{i} times x^{j}: {left[i]} * {right[j]} = {left[i] * right[j]}." for i, j in pairs),
        f"The sum of {', '.join(map(str, products))} is {sum(products)}.",
    )
    question = f"What is the coefficient of {name} in the product of {written[0]} and {written[1]}?"
    short = packed(f"{name} in ({written[0]})({written[1]})")
    return Worked(question, short, steps, str(sum(products)), key=f"{sorted(written)}{power}")


def value(rng: TaskRandom, scale: int) -> Worked:
    """A polynomial at a point, by Horner's scheme."""
    degree, high = 1 + scale, 4 + 4 * scale
    numbers = [signed(rng, high) for _ in range(degree + 1)]
    x = signed(rng, 3 + scale)
    steps, total = [], numbers[-1]
    for number in reversed(numbers[:-1]):
        steps.append(f"{total} * {x} + {number} = {total * x + number}".replace("+ -", "- "))
        total = total * x + number
    written = _polynomial(numbers)
    return Worked(f"What is the value of {written} at x = {x}?", packed(f"{written},x={x}"), (*steps,), str(total))


def sequence(rng: TaskRandom, scale: int) -> Worked:
    """A term of a sequence whose differences of some order are constant."""
    order = 1 if scale < 3 else 2
    start, step, change = signed(rng, top(scale)), signed(rng, 5 * scale), signed(rng, 2 + scale) if order == 2 else 0
    shown = [start + n * step + change * n * (n - 1) // 2 for n in range(5)]
    n = rng.between(8, 10 * scale + 8)
    answer = start + (n - 1) * step + change * (n - 1) * (n - 2) // 2
    differences = [b - a for a, b in pairwise(shown)]
    listed = ", ".join(map(str, shown))
    last = f" + {change} * {(n - 1) * (n - 2) // 2}" if change else ""
    steps = (
        f"The differences are {', '.join(map(str, differences))}" + (f", which differ by {change}." if change else "."),
        f"The term is {start} + {n - 1} * {step}{last} = {answer}.".replace("+ -", "- "),
    )
    kind = "quadratic" if change else "arithmetic"
    question = f"What is term number {n} of the {kind} sequence {listed}, ...?"
    return Worked(question, packed(f"a{n} of {listed}"), steps, str(answer), key=listed)


def _polynomial(numbers: list[int]) -> str:
    """From the highest power down; the numbers begin with the constant."""
    text = ""
    for power in range(len(numbers) - 1, -1, -1):
        name = "" if power == 0 else "x" if power == 1 else f"x^{power}"
        text += term(numbers[power], name, first=not text)
    return text


class AlgebraTaskSet(WorkedTaskSet):
    """Algebra: `linear`, `system`, `quadratic`, `coefficient`, `value`, `sequence`; see `WorkedTaskSet`."""

    topic = "Algebra"
    table = {  # noqa: RUF012 - a table of the class
        "linear": linear,
        "system": system,
        "quadratic": quadratic,
        "coefficient": coefficient,
        "value": value,
        "sequence": sequence,
    }


class AlgebraEnv(WorkedEnv):
    """Equations, systems, polynomials and sequences; the answer is a number, judged exactly by `number@1`.

    Knobs: those of `AlgebraTaskSet`.

    Example:
        >>> env = AlgebraEnv(kinds=["linear"], style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        '40x-19=28x-247:'
        >>> env.step("-19")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format=FORMAT,
        licence=GENERATED,
        chance=0.02,
        chance_reason="the most frequent answer, -8, is that of 0.8 % of 8,000 default tasks",
        distinct=1_000_000,
        levels=LEVELS,
        effort=EFFORT,
    )

    taskset_class = AlgebraTaskSet
