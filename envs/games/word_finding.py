"""How a word is found by its marks: the guesses of a player who knows which words there are.

Of common words, every guess agrees with all marks of the guesses before it, so that it may be made in hard mode too. Of
invented ones there are too many for that: letters are asked for first, as many as a guess holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from rlvr_gym.envs.games.words import WORDS
from rlvr_gym.verifiers.games.wordle import marks

CONSONANTS = "bcdfghjklmnprstvwxyz"
VOWELS = "aeiou"
TRIED = 40  # guesses that are compared in each place of the tree
ENOUGH = 3  # letters that nobody has guessed and that are left to be found out with the word

Told = list[tuple[str, str]]


def way_to(word: str, invented: bool = False) -> tuple[str, ...]:
    """The guesses up to the word, which is the last of them.

    Args:
        word: The word: one of `WORDS`, or of the rule of invented ones.
        invented: Whether the words are those of the rule.

    Example:
        >>> len(way_to("piano")) <= 6, way_to("piano")[-1], way_to("zukola", invented=True)[-1]
        (True, 'piano', 'zukola')
    """
    if not invented:
        return _ways(len(word))[word]
    told: Told = []
    while (guess := _next(told, len(word))) != word:
        told.append((guess, marks(guess, word)))
    return (*(earlier for earlier, _ in told), word)


@cache
def _ways(length: int) -> Mapping[str, tuple[str, ...]]:
    """The way to each common word: a tree, of which each branch is the words that agree with all marks."""
    ways: dict[str, tuple[str, ...]] = {}
    branches: list[tuple[tuple[str, ...], Sequence[str]]] = [((), WORDS[length])]
    while branches:
        way, left = branches.pop()
        guess = _telling(left)
        for told, words in _parts(guess, left).items():
            if told == "G" * length:
                ways[guess] = (*way, guess)
            else:
                branches.append(((*way, guess), words))
    return ways


def _telling(left: Sequence[str]) -> str:
    """Of the words that are left, the one whose marks part them best; of many, some are tried."""
    tried = left[:: max(1, len(left) // TRIED)]
    return max(tried, key=lambda guess: len(_parts(guess, left)))


def _parts(guess: str, left: Sequence[str]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for word in left:
        parts.setdefault(marks(guess, word), []).append(word)
    return parts


def _next(told: Told, length: int) -> str:
    """Letters that nobody has guessed, as long as some of the word's are missing and many could be; then a word."""
    guessed = {letter for guess, _ in told for letter in guess}
    fresh = [[each for each in letters if each not in guessed] for letters in (CONSONANTS, VOWELS)]
    if sum(_needed(told).values()) >= length or sum(map(len, fresh)) <= ENOUGH:
        return agreeing(told, length)
    guess = ""
    for place in range(length):
        kind = fresh[place % 2] or fresh[1 - place % 2]
        guess += kind.pop(0) if kind else CONSONANTS[0]
    return guess


def agreeing(told: Told, length: int) -> str:
    """A word of the rule that agrees with all marks; of such words, one of letters that are new, where there are any.

    Raises:
        ValueError: There is none.
    """
    open_to, needed = _open_to(told, length), _needed(told)
    trail, word = [iter(open_to[0])], ""
    while trail:
        letter = next(trail[-1], None)
        if letter is None:
            trail.pop()
            word = word[:-1]
            continue
        longer = word + letter
        missing = sum(max(0, count - longer.count(each)) for each, count in needed.items())
        if missing > length - len(longer):
            continue
        if len(longer) < length:
            word = longer
            trail.append(iter(sorted(open_to[len(word)], key=word.count)))
        elif all(marks(guess, longer) == marked for guess, marked in told):
            return longer
    raise ValueError("no word of the rule agrees with these marks")


def _needed(told: Told) -> dict[str, int]:
    """How often each letter is in the word at least."""
    needed: dict[str, int] = {}
    for guess, marked in told:
        there = [letter for letter, mark in zip(guess, marked, strict=True) if mark != "."]
        for letter in there:
            needed[letter] = max(needed.get(letter, 0), there.count(letter))
    return needed


def _open_to(told: Told, length: int) -> list[list[str]]:
    """The letters that may stand in each place; those that were guessed nowhere first."""
    guessed = {letter for guess, _ in told for letter in guess}
    gone = guessed - set(_needed(told))
    found = []
    for place in range(length):
        letters = CONSONANTS if place % 2 == 0 else VOWELS
        fixed = [guess[place] for guess, marked in told if marked[place] == "G"]
        moved = {guess[place] for guess, marked in told if marked[place] != "G"}
        free = [each for each in letters if each not in gone and each not in moved]
        found.append(fixed[:1] or sorted(free, key=guessed.__contains__))
    return found
