"""`rlvr/Probability-v0`: urns, dice, conditions and expectations, with answers that are exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.mathematics.worked import EFFORT, LEVELS, Worked, WorkedEnv, WorkedTaskSet
from rlvr_gym.envs.procedural import TaskRandom

_FRACTION = " Give a fraction in lowest terms or a whole number."


def urn(rng: TaskRandom, scale: int) -> Worked:
    """Balls of two colours, drawn without putting back."""
    red, blue = (rng.between(3, 10 + 10 * scale) for _ in range(2))
    drawn = rng.between(2, min(2 + scale, red + blue - 1))
    wanted = rng.between(max(0, drawn - blue), min(drawn, red))
    ways = math.comb(red, wanted) * math.comb(blue, drawn - wanted)
    every = math.comb(red + blue, drawn)
    answer = Fraction(ways, every)
    steps = (
        f"{wanted} of {red} red: {math.comb(red, wanted)}; {drawn - wanted} of {blue} blue: "
        f"{math.comb(blue, drawn - wanted)}; together {ways}.",
        f"{drawn} of {red + blue}: {every}.",
        f"{ways}/{every} = {answer}.",
    )
    question = (
        f"An urn holds {red} red and {blue} blue balls; {drawn} are drawn without putting back. What is the "
        f"probability that exactly {wanted} of them are red?{_FRACTION}"
    )
    key = str((*min((red, blue, wanted), (blue, red, drawn - wanted)), drawn))
    return Worked(question, f"urn({red},{blue},{drawn},{wanted})", steps, str(answer), key=key)


def dice(rng: TaskRandom, scale: int) -> Worked:
    """The sum of two dice with different numbers of sides, or of three from scale 3 on."""
    sides = sorted(rng.between(4, 6 + 8 * scale) for _ in range(2 if scale < 3 else 3))
    total = rng.between(len(sides) + 1, sum(sides) - 1)
    table, steps = {0: 1}, []
    for number, one in enumerate(sides, start=1):
        new: dict[int, int] = {}
        for value, ways in table.items():
            for side in range(1, one + 1):
                new[value + side] = new.get(value + side, 0) + ways
        table = new
        if number == 2 and len(sides) == 3:
            low, high = max(2, total - sides[2]), min(total - 1, sides[0] + sides[1])
            steps.append(
                f"The first two are to give {low} to {high}: {sum(table[n] for n in range(low, high + 1))} ways."
            )
    every = math.prod(sides)
    answer = Fraction(table[total], every)
    steps.append(f"{total} comes in {table[total]} of {' * '.join(map(str, sides))} = {every} ways: {answer}.")
    listed = " and ".join(map(str, sides))
    question = (
        f"Dice with {listed} sides, each numbered from 1, are thrown. What is the probability that the sum is "
        f"{total}?{_FRACTION}"
    )
    mirrored = sum(sides) + len(sides) - total
    key = f"{sides},{min(total, mirrored)}"
    return Worked(question, f"dice({'+'.join(map(str, sides))}={total})", tuple(steps), str(answer), key=key)


def test_result(rng: TaskRandom, scale: int) -> Worked:
    """Bayes' rule with a test of a sickness."""
    parts = 20 + 20 * scale
    sick, found, false = rng.between(1, parts // 2), rng.between(parts // 2, parts - 1), rng.between(1, parts // 2)
    prior, right, wrong = (Fraction(value, parts) for value in (sick, found, false))
    both, other = prior * right, (1 - prior) * wrong
    answer = both / (both + other)
    steps = (
        f"Sick and found: {prior} * {right} = {both}.",
        f"Not sick and found: {1 - prior} * {wrong} = {other}.",
        f"{both} / ({both} + {other}) = {answer}.",
    )
    question = (
        f"A part of {prior} of the people is sick. A test finds {right} of the sick, and says the same of {wrong} of "
        f"the others. What is the probability that somebody whom the test calls sick is sick?{_FRACTION}"
    )
    return Worked(question, f"bayes({prior},{right},{wrong})", steps, str(answer))


def expected(rng: TaskRandom, scale: int) -> Worked:
    """The expectation of a prize."""
    count = 2 + scale
    weights = [rng.between(1, 4 + 2 * scale) for _ in range(count)]
    prizes = [rng.between(-10 * scale, 20 * scale) for _ in range(count)]
    whole = sum(weights)
    total = sum(w * p for w, p in zip(weights, prizes, strict=True))
    answer = Fraction(total, whole)
    listed = ", ".join(f"{w}/{whole} for {p}" for w, p in zip(weights, prizes, strict=True))
    steps = (
        *(f"{w} * {p} = {w * p}." for w, p in zip(weights, prizes, strict=True)),
        f"The sum {total} divided by {whole} is {answer}.",
    )
    question = f"A game pays with these probabilities: {listed}. What is the expected pay?{_FRACTION}"
    short = "E(" + ",".join(f"{w}/{whole}:{p}" for w, p in zip(weights, prizes, strict=True)) + ")"
    return Worked(question, short, steps, str(answer), key=str(sorted(zip(weights, prizes, strict=True))))


def trials(rng: TaskRandom, scale: int) -> Worked:
    """Successes in independent trials."""
    below = rng.between(3, 5 + 10 * scale)
    above = rng.between(1, below - 1)
    n = rng.between(3, 3 + scale)
    k = rng.between(0, n)
    p = Fraction(above, below)
    answer = math.comb(n, k) * p**k * (1 - p) ** (n - k)
    steps = (
        f"{math.comb(n, k)} orders, each with {p}^{k} * {1 - p}^{n - k} = {p**k * (1 - p) ** (n - k)}.",
        f"Together {answer}.",
    )
    question = (
        f"A shot hits with probability {p}, whatever the others did. What is the probability of exactly {k} hits in "
        f"{n} shots?{_FRACTION}"
    )
    key = str(min((p, k), (1 - p, n - k))) + str(n)
    return Worked(question, f"bin({n},{p},{k})", steps, str(answer), key=key)


class ProbabilityTaskSet(WorkedTaskSet):
    """Probability: `urn`, `dice`, `test`, `expected`, `trials`; see `WorkedTaskSet`."""

    topic = "Probability"
    table = {  # noqa: RUF012 - a table of the class
        "urn": urn,
        "dice": dice,
        "test": test_result,
        "expected": expected,
        "trials": trials,
    }


class ProbabilityEnv(WorkedEnv):
    """Urns, dice, conditions and expectations; the answer is an exact fraction, judged by `number@1`.

    Knobs: those of `ProbabilityTaskSet`.

    Example:
        >>> env = ProbabilityEnv(kinds=["urn"], scale=1, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        'urn(10,13,2,2):'
        >>> env.step("45/253")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format="The fraction in a box, `<answer>` tags or after `####`; the bare fraction in style=compact.",
        licence=GENERATED,
        chance=0.02,
        chance_reason="the most frequent answer, 1/22, is that of 0.9 % of 8,000 default tasks",
        distinct=1_000_000,
        levels=LEVELS,
        effort=EFFORT,
    )

    taskset_class = ProbabilityTaskSet
