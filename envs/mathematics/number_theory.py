"""`rlvr/NumberTheory-v0`: divisors, primes, remainders and digits, with answers that are numbers."""

from __future__ import annotations

import math

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.mathematics.worked import EFFORT, FORMAT, LEVELS, Worked, WorkedEnv, WorkedTaskSet, packed, top
from rlvr_gym.envs.procedural import TaskRandom

_PRIMES = tuple(n for n in range(2, 100) if all(n % p for p in range(2, math.isqrt(n) + 1)))


def divisor(rng: TaskRandom, scale: int) -> Worked:
    """The greatest common divisor, by Euclid's algorithm."""
    common = rng.between(2, top(scale))
    a, b = (common * rng.between(2, top(scale)) for _ in range(2))
    a = a if a != b else a + common
    steps, x, y = [], max(a, b), min(a, b)
    while y:
        steps.append(f"{x} = {x // y} * {y} + {x % y}")
        x, y = y, x % y
    question = f"What is the greatest common divisor of {a} and {b}?"
    return Worked(question, f"gcd({a},{b})", (*steps, f"The last divisor is {x}."), str(x), key=_pair(a, b))


def multiple(rng: TaskRandom, scale: int) -> Worked:
    """The least common multiple of two numbers."""
    common = rng.between(2, 5 * scale)
    a, b = (common * rng.between(2, top(scale)) for _ in range(2))
    a = a if a != b else a + common
    g = math.gcd(a, b)
    steps = (
        f"The greatest common divisor of {a} and {b} is {g}.",
        f"{a} * {b} / {g} = {a // g} * {b} = {math.lcm(a, b)}.",
    )
    question = f"What is the least common multiple of {a} and {b}?"
    return Worked(question, f"lcm({a},{b})", steps, str(math.lcm(a, b)), key=_pair(a, b))


def power(rng: TaskRandom, scale: int) -> Worked:
    """A power modulo a number, by repeated squaring."""
    modulus = rng.between(50, 50 + top(scale) * 10)
    base, exponent = rng.between(2, modulus - 1), rng.between(5, 5 * 4**scale)
    steps, total = [], 1
    for bit in bin(exponent)[2:]:
        squared = total * total % modulus
        text = f"{total}^2 = {squared}"
        total = squared * base % modulus if bit == "1" else squared
        steps.append(f"{text}, times {base} is {total}" if bit == "1" else text)
    question = f"What is the remainder of {base}^{exponent} divided by {modulus}?"
    worked = (f"{exponent} is {bin(exponent)[2:]} in binary. Modulo {modulus}:", *steps)
    return Worked(question, f"{base}^{exponent}%{modulus}", worked, str(total))


def inverse(rng: TaskRandom, scale: int) -> Worked:
    """A number's inverse modulo another, by the extended algorithm."""
    modulus = rng.between(50, 50 + top(scale) * 10)
    number = rng.between(2, modulus - 2)
    while math.gcd(number, modulus) != 1:
        number += 1
    steps, a, b, u, v = [], modulus, number, 0, 1
    while b:
        steps.append(f"{b} = {v} * {number} (mod {modulus})")
        quotient = a // b
        a, b, u, v = b, a - quotient * b, v, u - quotient * v
    answer = u % modulus
    question = f"Which number from 1 to {modulus - 1} times {number} leaves the remainder 1 when divided by {modulus}?"
    return Worked(question, f"1/{number}%{modulus}", (*steps[:-1], steps[-1], f"So it is {answer}."), str(answer))


def factors_sum(rng: TaskRandom, scale: int) -> Worked:
    """The sum of the prime factors of a number, each as often as it divides it."""
    count = 2 + scale
    factors = sorted(_PRIMES[rng.below(min(len(_PRIMES), 8 + 4 * scale))] for _ in range(count))
    number = math.prod(factors)
    steps, rest = [], number
    for factor in factors:
        steps.append(f"{rest} = {factor} * {rest // factor}")
        rest //= factor
    question = f"What is the sum of the prime factors of {number}, each counted as often as it divides it?"
    last = f"{' + '.join(map(str, factors))} = {sum(factors)}."
    return Worked(question, f"sopfr({number})", (*steps, last), str(sum(factors)))


def divisors(rng: TaskRandom, scale: int) -> Worked:
    """The sum of all divisors of a number, from its prime factors."""
    primes = sorted({_PRIMES[rng.below(4 + 4 * scale)] for _ in range(2 + (scale + 1) // 2)})
    powers = [rng.between(1, 2 if scale < 4 else 3) for _ in primes]
    number = math.prod(p**k for p, k in zip(primes, powers, strict=True))
    sums = [(p ** (k + 1) - 1) // (p - 1) for p, k in zip(primes, powers, strict=True)]
    steps = [f"{number} = {' * '.join(f'{p}^{k}' for p, k in zip(primes, powers, strict=True))}."]
    steps += [
        f"The powers of {p} up to {p}^{k} have the sum {total}."
        for p, k, total in zip(primes, powers, sums, strict=True)
    ]
    answer = math.prod(sums)
    question = f"What is the sum of all positive divisors of {number}, with 1 and itself?"
    return Worked(question, f"sigma({number})", (*steps, f"{' * '.join(map(str, sums))} = {answer}."), str(answer))


def base(rng: TaskRandom, scale: int) -> Worked:
    """A number written in another base, as a decimal number."""
    radix = rng.between(3, 9)
    digits = [rng.between(1, radix - 1), *(rng.below(radix) for _ in range(2 + scale))]
    steps, total = [], 0
    for digit in digits:
        steps.append(f"{total} * {radix} + {digit} = {total * radix + digit}")
        total = total * radix + digit
    written = "".join(map(str, digits))
    question = f"The number {written} is written in base {radix}. What is it in base 10?"
    return Worked(question, packed(f"{written}b{radix}"), (*steps[1:],), str(total))


def remainders(rng: TaskRandom, scale: int) -> Worked:
    """The least number with given remainders (the Chinese remainder theorem)."""
    moduli: list[int] = []
    while len(moduli) < (2 if scale < 3 else 3):
        candidate = rng.between(5, 10 + 6 * scale)
        if all(math.gcd(candidate, other) == 1 for other in moduli):
            moduli.append(candidate)
    answer = rng.between(1, math.prod(moduli) - 1)
    parts = [(modulus, answer % modulus) for modulus in moduli]
    steps, step, found = [], 1, 0
    for modulus, left in parts:
        while found % modulus != left:
            found += step
        step *= modulus
        steps.append(f"{found} leaves {left} modulo {modulus}, and so does every {step} on.")
    listed = ", ".join(f"{left} modulo {modulus}" for modulus, left in parts)
    question = f"What is the least non-negative number that leaves the remainders {listed}?"
    short = ",".join(f"{left}%{modulus}" for modulus, left in sorted(parts))
    return Worked(question, f"crt({short})", tuple(steps), str(found))


def _pair(a: int, b: int) -> str:
    return f"{min(a, b)},{max(a, b)}"


class NumberTheoryTaskSet(WorkedTaskSet):
    """Number theory: `divisor`, `multiple`, `power`, `inverse`, `factors`, `divisors`, `base`, `remainders`.

    See `WorkedTaskSet`.
    """

    topic = "NumberTheory"
    table = {  # noqa: RUF012 - a table of the class
        "divisor": divisor,
        "multiple": multiple,
        "power": power,
        "inverse": inverse,
        "factors": factors_sum,
        "divisors": divisors,
        "base": base,
        "remainders": remainders,
    }


class NumberTheoryEnv(WorkedEnv):
    """Divisors, primes, remainders and bases; the answer is a number, judged exactly by `number@1`.

    Knobs: those of `NumberTheoryTaskSet`.

    Example:
        >>> env = NumberTheoryEnv(kinds=["base"], style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        '21014b5:'
        >>> env.step("1384")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format=FORMAT,
        licence=GENERATED,
        chance=0.02,
        chance_reason="the most frequent answer, 56, is that of 0.6 % of 8,000 default tasks",
        distinct=1_000_000,
        levels=LEVELS,
        effort=EFFORT,
    )

    taskset_class = NumberTheoryTaskSet
