"""`questions@1`: questions about a table of things, and a guess at which of them was meant.

The questions are of a small language of their own, so that each has one answer: whether a value is one of some, and how
a number compares. What the verdict tells never quotes the thing that was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Reason

MAX_THINGS, MAX_ATTRIBUTES, MAX_QUESTIONS, MAX_NUMBER = 256, 16, 200, 10**9
_WORD = re.compile(r"[a-z]{1,20}")
_COMPARISON = re.compile(r"([a-z]{1,20}) ?(>=|<=|>|<|=) ?([0-9]{1,10}|[a-z]{1,20})")
Value = str | int


class World(NamedTuple):
    """The things by their names, each with a value of every attribute, and which of them is meant."""

    answer: str
    attributes: tuple[str, ...]
    things: Mapping[str, Sequence[Value]]


class Question(NamedTuple):
    """What was asked, in its plain form, and for which things the answer is yes."""

    text: str
    yes: frozenset[str]


@dataclass(frozen=True)
class Questions(RuleVerifier):
    """Judges a record of questions that ends with a guess.

    The reference is `{"answer": name, "attributes": [name, ...], "objects": {name: [value, ...]}}`: 2 to 256 objects
    with 1 to 16 attributes; values are words or numbers, and an attribute has one kind of them. No word names two
    things. A record is questions and then the name that is guessed, separated by semicolons. A question is
    `is it red?`, `is it red or blue?` (values of one attribute) or `legs > 4?` (also `<`, `>=`, `<=`, `=`); a name, or
    `is it NAME?`, is the guess.

    The dense score of a wrong guess that agrees with all answers is 1 / r - 1 / n, where r of the n objects do: how
    likely it was to be right, less how likely it is without a question. Any other wrong guess scores 0.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Questions()
        >>> objects = {"pim": ["red", 2], "tol": ["red", 4], "vun": ["blue", 4], "zad": ["blue", 6]}
        >>> reference = {"answer": "tol", "attributes": ["colour", "legs"], "objects": objects}
        >>> verifier.verify("<answer>is it red?; legs > 2?; tol</answer>", reference).passed
        True
        >>> verdict = verifier.verify("<answer>is it red?; pim</answer>", reference)
        >>> verdict.reason.code, verdict.score
        ('wrong_guess', 0.25)
    """

    name = "questions"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A guess is right whether it was reasoned out or was luck: without a question one of n objects is found with "
        "1 in n.",
        "Any number of questions up to 200 passes: ask for few by a limit on turns or a cost.",
    )

    def parse_reference(self, reference: Any) -> World:
        """See the class."""
        try:
            answer, attributes, things = reference["answer"], reference["attributes"], reference["objects"]
        except (TypeError, KeyError, IndexError) as error:
            text = "the reference must hold 'answer', 'attributes' and 'objects'"
            raise ReferenceFault("not_a_world", text) from error
        if not isinstance(attributes, list | tuple) or not 1 <= len(attributes) <= MAX_ATTRIBUTES:
            raise ReferenceFault("attributes", f"there are 1 to {MAX_ATTRIBUTES} attributes, got {shown(attributes)}")
        if not isinstance(things, Mapping) or not 2 <= len(things) <= MAX_THINGS:
            raise ReferenceFault("objects", f"there are 2 to {MAX_THINGS} objects, got {shown(things)}")
        if not isinstance(answer, str) or answer not in things:
            raise ReferenceFault("answer", "'answer' must be the name of an object")
        for values in things.values():
            if not isinstance(values, list | tuple) or len(values) != len(attributes):
                raise ReferenceFault("values", f"each object has a value of every attribute, got {shown(values)}")
        _check_words(attributes, things)
        return World(answer, tuple(attributes), things)

    def read(self, text: str, gold: World) -> list[Question | str]:
        """The questions of a record, and the name that is guessed where it ends with one."""
        steps = [step for step in text.split(";") if step.strip()]
        if not 1 <= len(steps) <= MAX_QUESTIONS:
            text = f"a record has 1 to {MAX_QUESTIONS} questions, this one has {len(steps):,}"
            raise UnreadableError("no_questions", text)
        return [read_step(step, gold) for step in steps]

    def check(self, answer: list[Question | str], gold: World) -> Finding:
        """See the class."""
        *questions, guess = answer
        if any(isinstance(step, str) for step in questions):
            return Finding(False, Reason("after_the_guess", "nothing may follow the guess: it ends the game"))
        if not isinstance(guess, str):
            return Finding(False, Reason("no_guess", "the record ends without a guess"))
        if guess == gold.answer:
            return Finding(True, Reason("found", "the guess is right"), extracted=guess)
        left = agreeing([step for step in questions if isinstance(step, Question)], gold)
        score = 1 / len(left) - 1 / len(gold.things) if guess in left else 0.0
        return Finding(False, Reason("wrong_guess", "the guess is wrong"), score, extracted=guess)


def agreeing(questions: Sequence[Question], world: World) -> list[str]:
    """The names of the things that agree with the answers to these questions.

    Example:
        >>> world = World("pim", ("legs",), {"pim": [2], "tol": [4], "vun": [6]})
        >>> agreeing([Question("legs > 3", frozenset({"tol", "vun"}))], world)
        ['pim']
    """
    told = [(question.yes, world.answer in question.yes) for question in questions]
    return [name for name in world.things if all((name in yes) is said for yes, said in told)]


def read_step(text: str, world: World) -> Question | str:
    """A question, or the name that is guessed.

    Raises:
        UnreadableError: It is neither.

    Example:
        >>> world = World("pim", ("colour", "legs"), {"pim": ["red", 2], "tol": ["blue", 4]})
        >>> read_step("Is it red or blue?", world).text, sorted(read_step("legs>2", world).yes), read_step("Tol", world)
        ('is it red or blue', ['tol'], 'tol')
    """
    asked = " ".join(text[:1_000].lower().split()).rstrip(" ?.!")
    if match := _COMPARISON.fullmatch(asked):
        return _comparison(match[1], match[2], match[3], world)
    values = asked.removeprefix("is it ").split(" or ")
    if len(values) == 1 and values[0] in world.things:
        return values[0]
    if not asked.startswith("is it "):
        raise UnreadableError("not_a_question", "that is neither a question nor a name")
    return _membership(values, world)


def _membership(values: list[str], world: World) -> Question:
    if len(values) > 1 and any(value in world.things for value in values):
        raise UnreadableError("several_names", "ask for values: a name is a guess, and there is one")
    for number, _ in enumerate(world.attributes):
        column = {row[number] for row in world.things.values()}
        if values[0] in column:
            if unknown := next((value for value in values if value not in column), None):
                text = f"{shown(unknown)} is no {world.attributes[number]}: ask for values of one attribute"
                raise UnreadableError("unknown_value", text)
            yes = frozenset(name for name, row in world.things.items() if row[number] in values)
            return Question(f"is it {' or '.join(values)}", yes)
    raise UnreadableError("unknown_value", f"{shown(values[0])} is no value of the table")


def _comparison(attribute: str, sign: str, text: str, world: World) -> Question:
    if attribute not in world.attributes:
        known = ", ".join(world.attributes)
        raise UnreadableError("unknown_attribute", f"there is no attribute {shown(attribute)}, but {known}")
    number = world.attributes.index(attribute)
    value: Value = int(text) if text.isdigit() else text
    rows = world.things.items()
    if any(type(row[number]) is not type(value) for _, row in rows) or (isinstance(value, str) and sign != "="):
        kind = "a number" if isinstance(value, str) else "a word, as in 'is it red?'"
        raise UnreadableError("wrong_kind", f"{attribute} is compared with {kind}")
    yes = frozenset(name for name, row in rows if _holds(row[number], sign, value))
    return Question(f"{attribute} {sign} {value}", yes)


def _holds(here: Any, sign: str, value: Any) -> bool:
    if sign == "=":
        return bool(here == value)
    if sign in (">", ">="):
        return bool(here > value or (sign == ">=" and here == value))
    return bool(here < value or (sign == "<=" and here == value))


def _check_words(attributes: Sequence[Any], things: Mapping[Any, Sequence[Any]]) -> None:
    """Refuse words that could be read in two ways, and attributes of two kinds.

    Raises:
        ReferenceFault: What is refused.
    """
    words = [*attributes, *things]
    for number, attribute in enumerate(attributes):
        column: set[Any] = {row[number] if isinstance(row[number], str | int) else None for row in things.values()}
        kinds = set(map(type, column))
        if kinds == {str}:
            words += column
        elif kinds != {int} or not all(0 <= value <= MAX_NUMBER for value in column):
            raise ReferenceFault("values", f"{shown(attribute)} must have words, or integers from 0 to {MAX_NUMBER:,}")
    for word in words:
        if not isinstance(word, str) or _WORD.fullmatch(word) is None or word in ("is", "it", "or"):
            raise ReferenceFault("not_a_word", f"names and values are words of 1 to 20 letters, got {shown(word)}")
    if len(set(words)) != len(words):
        raise ReferenceFault("two_meanings", "no word may name two of the attributes, objects and values")
