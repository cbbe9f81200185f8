"""The steps of `StringTransform`: each is applied by code, and said in words and in short."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

from rlvr_gym.envs.procedural import TaskRandom

VOWELS = "aeiouAEIOU"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
Values = tuple[str | int, ...]


class Kind(NamedTuple):
    """A kind of step.

    Args:
        draw: Its values, drawn for the text that it will be applied to.
        apply: The text after it, of the text before it and the values.
        words: What is to be done.
        short: The same in short, without its values.
        last: Whether it can only be the last step, since it writes digits.
    """

    draw: Callable[[TaskRandom, str], Values]
    apply: Callable[..., str]
    words: str
    short: str
    last: bool = False


class Step(NamedTuple):
    """A kind by its name, and its values."""

    kind: str
    values: Values


def _nothing(rng: TaskRandom, text: str) -> Values:
    return ()


def _shift_values(rng: TaskRandom, text: str) -> Values:
    return (rng.between(1, 12),)


def _rotate_values(rng: TaskRandom, text: str) -> Values:
    return (rng.between(1, max(1, min(5, len(text) - 1))),)


def _rotate_words_values(rng: TaskRandom, text: str) -> Values:
    return (rng.between(1, max(1, min(3, text.count(" ")))),)


def _every_values(rng: TaskRandom, text: str) -> Values:
    return (rng.between(2, 4),)


def _replace_values(rng: TaskRandom, text: str) -> Values:
    """A letter that occurs, and another one of the same case."""
    old = rng.choice([letter for letter in text if letter.isalpha()] or ["a"])
    new = rng.choice(_LOWER.replace(old.lower(), ""))
    return old, new.upper() if old.isupper() else new


def _letter_values(rng: TaskRandom, text: str) -> Values:
    return (rng.choice([letter for letter in text if letter.isalpha()] or ["a"]),)


def shifted(text: str, places: int) -> str:
    """Each letter that many places on in the alphabet, z before a.

    Example:
        >>> shifted("xYz", 2)
        'zAb'
    """
    moved = _LOWER[places:] + _LOWER[:places]
    return text.translate(str.maketrans(_LOWER + _LOWER.upper(), moved + moved.upper()))


def _of_words(text: str, change: Callable[[str], str]) -> str:
    return " ".join([change(word) for word in text.split()])


def _neighbours(text: str) -> str:
    return "".join([text[place : place + 2][::-1] for place in range(0, len(text), 2)])


def _rotated_words(text: str, count: int) -> str:
    words = text.split()
    return " ".join(words[count:] + words[:count])


def _without_every(text: str, count: int) -> str:
    return " ".join([word for place, word in enumerate(text.split(), start=1) if place % count])


LETTERS: dict[str, Kind] = {
    "reverse": Kind(_nothing, lambda text: text[::-1], "Reverse the string.", "rev"),
    "rotate": Kind(
        _rotate_values,
        lambda text, count: text[count:] + text[:count],
        "Move the first {0} letters to the end, in the same order.",
        "rot",
    ),
    "shift": Kind(
        _shift_values,
        shifted,
        "Replace each letter by the one {0} places later in the alphabet; after z comes a. Case is kept.",
        "add",
    ),
    "no_vowels": Kind(
        _nothing,
        lambda text: "".join([letter for letter in text if letter not in VOWELS]),
        "Remove all vowels (a, e, i, o, u, in either case).",
        "novow",
    ),
    "sort": Kind(
        _nothing,
        lambda text: "".join(sorted(text, key=str.lower)),
        "Sort the letters alphabetically, whatever their case; equal letters keep their order.",
        "sort",
    ),
    "every": Kind(
        _every_values,
        lambda text, count: "".join([letter for place, letter in enumerate(text, 1) if place % count]),
        "Remove every letter whose place, counted from 1, is a multiple of {0}.",
        "drop",
    ),
    "swap_case": Kind(_nothing, str.swapcase, "Swap upper and lower case.", "case"),
    "big_vowels": Kind(
        _nothing,
        lambda text: "".join([letter.upper() if letter in VOWELS else letter for letter in text]),
        "Write all vowels in upper case.",
        "bigvow",
    ),
    "replace": Kind(
        _replace_values, lambda text, old, new: text.replace(old, new), "Replace every '{0}' by '{1}'.", "repl"
    ),
    "double": Kind(_letter_values, lambda text, letter: text.replace(letter, letter * 2), "Double every '{0}'.", "dbl"),
    "once": Kind(
        _nothing,
        lambda text: "".join(dict.fromkeys(text)),
        "Of each letter keep only the first occurrence; upper and lower case are different letters.",
        "uniq",
    ),
    "neighbours": Kind(
        _nothing,
        _neighbours,
        "Swap the letters in pairs: the first with the second, the third with the fourth, and so on.",
        "pairs",
    ),
    "mirror": Kind(_nothing, lambda text: text + text[::-1], "Append the reverse of the string to it.", "mirror"),
    "run_lengths": Kind(
        _nothing,
        lambda text: "".join([f"{letter}{len(list(run))}" for letter, run in groupby(text)]),
        "Replace each run of the same letter by the letter and the length of the run, also where that is 1.",
        "rle",
        last=True,
    ),
}
WORDS: dict[str, Kind] = {
    "order": Kind(_nothing, lambda text: " ".join(text.split()[::-1]), "Reverse the order of the words.", "rev"),
    "spelling": Kind(
        _nothing, lambda text: _of_words(text, lambda word: word[::-1]), "Reverse the letters of each word.", "wrev"
    ),
    "sort": Kind(
        _nothing,
        lambda text: " ".join(sorted(text.split(), key=str.lower)),
        "Sort the words alphabetically, whatever their case; equal words keep their order.",
        "sort",
    ),
    "by_length": Kind(
        _nothing,
        lambda text: " ".join(sorted(text.split(), key=len)),
        "Sort the words by their length, the shortest first; words of equal length keep their order.",
        "bylen",
    ),
    "rotate": Kind(
        _rotate_words_values, _rotated_words, "Move the first {0} words to the end, in the same order.", "rot"
    ),
    "every": Kind(
        _every_values, _without_every, "Remove every word whose place, counted from 1, is a multiple of {0}.", "drop"
    ),
    "shift": LETTERS["shift"],
    "no_vowels": LETTERS["no_vowels"],
    "swap_case": LETTERS["swap_case"],
    "replace": LETTERS["replace"],
    "double": LETTERS["double"],
    "first_big": Kind(
        _nothing,
        lambda text: _of_words(text, lambda word: word[:1].upper() + word[1:]),
        "Write the first letter of each word in upper case.",
        "cap",
    ),
    "first_last": Kind(
        _nothing,
        lambda text: _of_words(text, lambda word: word[1:] + word[:1]),
        "In each word move the first letter to the end.",
        "wrot",
    ),
    "inside": Kind(
        _nothing,
        lambda text: _of_words(text, lambda word: "".join(sorted(word, key=str.lower))),
        "Sort the letters within each word alphabetically, whatever their case; equal letters keep their order.",
        "wsort",
    ),
}
KINDS = {"letters": LETTERS, "words": WORDS}


def applied(unit: str, text: str, step: Step) -> str:
    """The text after a step.

    Example:
        >>> applied("letters", "aabc", Step("rotate", (1,)))
        'abca'
    """
    return KINDS[unit][step.kind].apply(text, *step.values)


def words_of(unit: str, step: Step) -> str:
    """The step as a sentence.

    Example:
        >>> words_of("letters", Step("rotate", (1,)))
        'Move the first letter to the end.'
    """
    said = KINDS[unit][step.kind].words.format(*step.values)
    if step.kind == "rotate" and step.values == (1,):
        return f"Move the first {unit[:-1]} to the end."
    return said.replace("1 places later", "1 place later") if step.values == (1,) else said


def short_of(unit: str, step: Step) -> str:
    """The step in short.

    Example:
        >>> short_of("letters", Step("replace", ("a", "b")))
        'replab'
    """
    return KINDS[unit][step.kind].short + "".join(map(str, step.values))
