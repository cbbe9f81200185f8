"""`rlvr/Combinatorics-v0`: how many ways there are, with answers that are whole numbers."""

from __future__ import annotations

import math

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.mathematics.worked import EFFORT, FORMAT, LEVELS, Worked, WorkedEnv, WorkedTaskSet
from rlvr_gym.envs.procedural import TaskRandom

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def committee(rng: TaskRandom, scale: int) -> Worked:
    """A committee of two groups, or of three from scale 2 on."""
    names = ("teachers", "students", "parents")[: 2 if scale == 1 else 3]
    groups = [rng.between(4 + scale, 6 + 6 * scale) for _ in names]
    taken = [rng.between(1, min(group - 1, 2 + scale)) for group in groups]
    ways = [math.comb(n, k) for n, k in zip(groups, taken, strict=True)]
    answer = math.prod(ways)
    steps = (
        *(f"{k} of {n}: {n}!/({k}! * {n - k}!) = {way}." for n, k, way in zip(groups, taken, ways, strict=True)),
        f"{' * '.join(map(str, ways))} = {answer}.",
    )
    told = " and ".join(f"{k} of {n} {name}" for n, k, name in zip(groups, taken, names, strict=True))
    short = "".join(f"C({n},{k})" for n, k in zip(groups, taken, strict=True))
    key = str(sorted(zip(groups, taken, strict=True)))
    return Worked(f"In how many ways can {told} be chosen?", short, steps, str(answer), key=key)


def word(rng: TaskRandom, scale: int) -> Worked:
    """Arrangements of letters of which some are alike."""
    kinds = rng.between(3, 3 + scale)
    counts = [rng.between(1, 2 + (scale + 1) // 2) for _ in range(kinds)]
    letters = list(_LETTERS)
    chosen = [letters.pop(rng.below(len(letters))) for _ in counts]
    text = list("".join(letter * count for letter, count in zip(chosen, counts, strict=True)))
    for place in range(len(text) - 1, 0, -1):
        other = rng.below(place + 1)
        text[place], text[other] = text[other], text[place]
    written, n = "".join(text), sum(counts)
    below = math.prod(map(math.factorial, counts))
    answer = math.factorial(n) // below
    repeated = " * ".join(f"{count}!" for count in counts if count > 1) or "1"
    steps = (f"There are {n} letters: {n}! = {math.factorial(n)}.", f"{repeated} = {below}.",
             f"{math.factorial(n)}/{below} = {answer}.")  # fmt: skip
    question = f"How many different arrangements do the letters of {written} have?"
    return Worked(question, f"perm({written})", steps, str(answer), key=str(sorted(counts)) + "".join(sorted(text)))


def paths(rng: TaskRandom, scale: int) -> Worked:
    """Shortest ways on a grid that avoid a blocked crossing."""
    width, height = (rng.between(3, 4 + 4 * scale) for _ in range(2))
    x, y = rng.between(0, width), rng.between(0, height)
    if (x, y) in ((0, 0), (width, height)):
        x, y = 1, 1
    every = math.comb(width + height, width)
    through = math.comb(x + y, x) * math.comb(width - x + height - y, width - x)
    steps = (
        f"All ways: {width + height}!/({width}! * {height}!) = {every}.",
        f"Through the crossing: {math.comb(x + y, x)} * {through // math.comb(x + y, x)} = {through}.",
        f"{every} - {through} = {every - through}.",
    )
    question = (
        f"Going one step east or north at a time from (0, 0) to ({width}, {height}), how many ways do not pass "
        f"through ({x}, {y})?"
    )
    return Worked(question, f"grid({width},{height})-({x},{y})", steps, str(every - through))


def shares(rng: TaskRandom, scale: int) -> Worked:
    """Equal things to different people, each getting at least some."""
    people = rng.between(3, 3 + scale)
    least = [rng.below(2 + scale) for _ in range(people)]
    things = sum(least) + rng.between(3, 5 + 4 * scale)
    free = things - sum(least)
    answer = math.comb(free + people - 1, people - 1)
    told = ", ".join(map(str, least))
    steps = (
        f"After {' + '.join(map(str, least))} = {sum(least)} are given, {free} are free.",
        f"{free} to {people} people: {free + people - 1}!/({free}! * {people - 1}!) = {answer}.",
    )
    question = (
        f"In how many ways can {things} equal coins be given to {people} people who are to get at least {told} of "
        "them, in this order?"
    )
    return Worked(question, f"coins({things};{told.replace(' ', '')})", steps, str(answer), f"{things}{sorted(least)}")


def numbers(rng: TaskRandom, scale: int) -> Worked:
    """Numbers up to a bound that some of a few divisors divide."""
    bound = rng.between(100, 400 * 3**scale)
    divisors = sorted({rng.between(2, 6 + 4 * scale) for _ in range(2 if scale < 3 else 3)})
    steps, answer = [], 0
    for mask in range(1, 1 << len(divisors)):
        chosen = [one for place, one in enumerate(divisors) if mask >> place & 1]
        together = math.lcm(*chosen)
        sign = 1 if len(chosen) % 2 else -1
        answer += sign * (bound // together)
        steps.append(f"Divisible by {together}: {bound // together}, which is {'added' if sign > 0 else 'taken away'}.")
    listed = " or ".join(map(str, divisors))
    question = f"How many numbers from 1 to {bound} are divisible by {listed}?"
    short = f"n<={bound}:{'|'.join(map(str, divisors))}"
    return Worked(question, short, (*steps, f"In all {answer}."), str(answer))


def codes(rng: TaskRandom, scale: int) -> Worked:
    """Codes in which some signs must come."""
    signs, length = rng.between(8, 12 + 12 * scale), rng.between(2 + (scale + 1) // 2, 3 + scale)
    special = rng.between(1, signs - 2)
    every, without = signs**length, (signs - special) ** length
    steps = (
        f"All codes: {signs}^{length} = {every}.",
        f"Without one of the {special}: {signs - special}^{length} = {without}.",
        f"{every} - {without} = {every - without}.",
    )
    question = (
        f"How many codes of {length} signs, of which there are {signs}, hold at least one of {special} special signs?"
    )
    return Worked(question, f"codes({signs},{special},{length})", steps, str(every - without))


class CombinatoricsTaskSet(WorkedTaskSet):
    """Combinatorics: `committee`, `word`, `paths`, `shares`, `numbers`, `codes`; see `WorkedTaskSet`."""

    topic = "Combinatorics"
    table = {  # noqa: RUF012 - a table of the class
        "committee": committee,
        "word": word,
        "paths": paths,
        "shares": shares,
        "numbers": numbers,
        "codes": codes,
    }


class CombinatoricsEnv(WorkedEnv):
    """How many ways there are; the answer is a number, judged exactly by `number@1`.

    Knobs: those of `CombinatoricsTaskSet`.

    Example:
        >>> env = CombinatoricsEnv(kinds=["word"], scale=1, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        'perm(WEEUFWW):'
        >>> env.step("420")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format=FORMAT,
        licence=GENERATED,
        chance=0.025,
        chance_reason="the most frequent answer, 60, is that of 1.6 % of 8,000 default tasks",
        distinct=1_000_000,
        levels=LEVELS,
        effort=EFFORT,
    )

    taskset_class = CombinatoricsTaskSet
