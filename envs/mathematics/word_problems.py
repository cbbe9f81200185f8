"""`rlvr/WordProblems-v0`: stories with numbers, in which some sentences do not matter; solved step by step.

A story is a chain of things that happen to an amount. Its length grows with the scale, and so do the sentences that say
something of another amount, which nobody asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.mathematics.worked import EFFORT, FORMAT, LEVELS, Worked, WorkedEnv, WorkedTaskSet
from rlvr_gym.envs.procedural import TaskRandom

NAMES = (
    "Ana",
    "Ben",
    "Chi",
    "Dara",
    "Eli",
    "Fay",
    "Gus",
    "Hana",
    "Ivo",
    "Jun",
    "Kim",
    "Lea",
    "Moe",
    "Nia",
    "Oda",
    "Pia",
)
THINGS = ("apples", "stamps", "marbles", "books", "coins", "shells", "cards", "pens", "eggs", "beads", "nuts", "kites")


class Event(NamedTuple):
    """Something that happens to an amount: the sentence, the amount after it, the calculation, and as characters."""

    sentence: str
    amount: int
    step: str
    short: str


def _gains(rng: TaskRandom, who: str, what: str, amount: int, scale: int) -> Event:
    boxes, each = rng.between(2, 4 + 3 * scale), rng.between(2, 6 + 4 * scale)
    after = amount + boxes * each
    return Event(
        f"{who} buys {boxes} boxes with {each} {what} each.",
        after,
        f"{amount} + {boxes} * {each} = {amount} + {boxes * each} = {after}.",
        f"+{boxes}*{each}",
    )


def _finds(rng: TaskRandom, who: str, what: str, amount: int, scale: int) -> Event:
    more = rng.between(2, 20 * scale)
    return Event(f"{who} finds {more} more {what}.", amount + more, f"{amount} + {more} = {amount + more}.", f"+{more}")


def _gives(rng: TaskRandom, who: str, what: str, amount: int, scale: int) -> Event:
    gone = rng.between(1, max(1, amount - 1))
    return Event(
        f"{who} gives {gone} of the {what} away.", amount - gone, f"{amount} - {gone} = {amount - gone}.", f"-{gone}"
    )


def _shares(rng: TaskRandom, who: str, what: str, amount: int, scale: int) -> Event:
    parts = [n for n in range(2, 8 + scale) if amount % n == 0]
    if not parts:
        return _finds(rng, who, what, amount, scale)
    friends = rng.choice(parts)
    kept = amount // friends
    sentence = f"{who} shares all {what} equally among {friends} people, one of whom is {who}, and keeps that share."
    return Event(sentence, kept, f"{amount} / {friends} = {kept}.", f"/{friends}")


def _loses(rng: TaskRandom, who: str, what: str, amount: int, scale: int) -> Event:
    choices = [Fraction(a, b) for b in range(2, 6 + scale) if amount % b == 0 for a in range(1, b)]
    if not choices:
        return _gains(rng, who, what, amount, scale)
    part = rng.choice(choices)
    gone = int(amount * part)
    return Event(
        f"Then {part} of the {what} are lost.",
        amount - gone,
        f"{amount} * {part} = {gone} are lost, and {amount} - {gone} = {amount - gone} are left.",
        f"*(1-{part})",
    )


def _doubles(rng: TaskRandom, who: str, what: str, amount: int, scale: int) -> Event:
    times = rng.between(2, 3 + scale)
    after = amount * times
    sentence = f"A year later {who} has {times} times as many {what}."
    return Event(sentence, after, f"{amount} * {times} = {after}.", f"*{times}")


_EVENTS: tuple[Callable[[TaskRandom, str, str, int, int], Event], ...] = (
    _gains, _finds, _gives, _shares, _loses, _doubles,
)  # fmt: skip


def story(rng: TaskRandom, scale: int) -> Worked:
    """One amount through some events, with another person's in between from scale 2 on."""
    who, what, amount = rng.choice(NAMES), rng.choice(THINGS), rng.between(10, 40 * scale)
    sentences, steps, short = [f"{who} has {amount} {what}."], [], str(amount)
    for _ in range(1 + scale):
        event = rng.choice(_EVENTS)(rng, who, what, amount, scale)
        sentences.append(event.sentence)
        steps.append(event.step)
        amount, short = event.amount, f"({short}){event.short}" if event.short[0] in "*/" else short + event.short
    for _ in range((scale + 1) // 2 if scale > 1 else 0):
        other = rng.choice([name for name in NAMES if name != who])
        said = f"{other} has {rng.between(2, 40 * scale)} {rng.choice(THINGS)}."
        sentences.insert(rng.between(1, len(sentences) - 1), said)
    question = f"{' '.join(sentences)} How many {what} has {who} in the end?"
    return Worked(question, short, tuple(steps), str(amount))


def travel(rng: TaskRandom, scale: int) -> Worked:
    """Two who go towards or after each other."""
    one, other = rng.choice(NAMES), rng.choice(NAMES)
    other = other if other != one else NAMES[(NAMES.index(one) + 1) % len(NAMES)]
    fast, slow, hours = rng.between(6, 15 * scale), rng.between(2, 14 * scale), rng.between(2, 6 + 3 * scale)
    meet = bool(rng.below(2)) or fast <= slow
    together = fast + slow if meet else fast - slow
    apart = together * hours
    way = "towards each other" if meet else f"in one direction, {one} behind {other}"
    steps = (
        f"The distance shrinks by {fast} {'+' if meet else '-'} {slow} = {together} km an hour.",
        f"{apart} / {together} = {hours} hours.",
        f"{one} goes {fast} * {hours} = {fast * hours} km.",
    )
    question = (
        f"{one} and {other} are {apart} km apart and begin to drive at the same time, {way}: {one} at {fast} km/h, "
        f"{other} at {slow} km/h. How many km has {one} gone when they meet?"
    )
    return Worked(question, f"{apart}:{fast}{'+' if meet else '-'}{slow}", steps, str(fast * hours))


def work(rng: TaskRandom, scale: int) -> Worked:
    """How long several take together, as a fraction."""
    hours = [rng.between(2, 8 + 8 * scale) for _ in range(2 if scale < 3 else 3)]
    names = [NAMES[(rng.below(len(NAMES)) + 5 * place) % len(NAMES)] for place in range(len(hours))]
    names = [name if names.index(name) == place else f"{name}'s son" for place, name in enumerate(names)]
    rates = [Fraction(1, one) for one in hours]
    answer = 1 / sum(rates, Fraction(0))
    parts = " + ".join(map(str, rates))
    steps = (f"In an hour they do {parts} = {sum(rates, Fraction(0))} of it.", f"So it takes {answer} hours.")
    told = ", ".join(f"{name} in {one} hours" for name, one in zip(names, hours, strict=True))
    question = (
        f"A wall is painted by {told}, each alone. How many hours do they take together? Give a fraction where it is "
        "not whole."
    )
    return Worked(question, f"1/({'+'.join(map(str, rates))})", steps, str(answer), key=str(sorted(hours)))


def ages(rng: TaskRandom, scale: int) -> Worked:
    """An age from a sum and how many times as old somebody was or will be."""
    one, other = rng.choice(NAMES), rng.choice(NAMES)
    other = other if other != one else NAMES[(NAMES.index(one) + 1) % len(NAMES)]
    times, young, years = rng.between(2, 3 + scale), rng.between(3, 10 + 5 * scale), rng.between(2, 5 + 5 * scale)
    old = times * young
    total = old + young + 2 * years
    steps = (
        f"{years} years ago the sum was {total} - {2 * years} = {old + young}.",
        f"That was {times + 1} times the age of {other}: {old + young} / {times + 1} = {young}.",
        f"{one} is {times} * {young} + {years} = {old + years} now.",
    )
    question = (
        f"{one} and {other} are {total} years old together. {years} years ago {one} was {times} times as old as "
        f"{other}. How old is {one} now?"
    )
    return Worked(question, f"a+b={total},a-{years}={times}(b-{years})", steps, str(old + years))


class WordProblemsTaskSet(WorkedTaskSet):
    """Word problems: `story`, `travel`, `work`, `ages`; see `WorkedTaskSet`."""

    topic = "WordProblems"
    table = {"story": story, "travel": travel, "work": work, "ages": ages}  # noqa: RUF012 - a table of the class


class WordProblemsEnv(WorkedEnv):
    """Stories with numbers, some of which do not matter; the answer is a number, judged exactly by `number@1`.

    Knobs: those of `WordProblemsTaskSet`.

    Example:
        >>> env = WordProblemsEnv(kinds=["story"], scale=1, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        '31+20+4:'
        >>> env.step("55")[4]["passed"]
        True
    """

    card = Card(
        family="math",
        answer_format=FORMAT,
        licence=GENERATED,
        chance=0.02,
        chance_reason="the most frequent answer, 42, is that of 1.1 % of 8,000 default tasks",
        distinct=1_000_000,
        levels=LEVELS,
        effort=EFFORT,
    )

    taskset_class = WordProblemsTaskSet
