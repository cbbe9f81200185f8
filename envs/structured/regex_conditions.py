"""Conditions on words that a finite automaton can check, and the words in which they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers.manufactoria import Automaton, explore

Values = tuple[Any, ...]
DEAD = -1
_RELATIONS = ("exactly", "at least", "at most")


class Kind(NamedTuple):
    """A kind of condition.

    Args:
        draw: Draws its values over an alphabet.
        start: The state before the first symbol.
        step: The state after a symbol, of values, state and symbol.
        accepts: Whether a word may end in a state.
        words: The condition as a clause about a word.
    """

    draw: Callable[[TaskRandom, str], Values]
    start: Any
    step: Callable[[Values, Any, str], Any]
    accepts: Callable[[Values, Any], bool]
    words: Callable[[Values], str]


class Condition(NamedTuple):
    """A kind by its name, and its values."""

    kind: str
    values: Values


def words_of(condition: Condition) -> str:
    """The condition as a clause.

    Example:
        >>> words_of(Condition("starts", ("ab",)))
        'it begins with `ab`'
    """
    return KINDS[condition.kind].words(condition.values)


def draw_conditions(rng: TaskRandom, alphabet: str, count: int) -> list[Condition]:
    """Conditions of different kinds."""
    names = list(KINDS)
    chosen = [names.pop(rng.below(len(names))) for _ in range(count)]
    return [Condition(name, KINDS[name].draw(rng, alphabet)) for name in chosen]


def automaton_of(conditions: list[Condition], alphabet: str) -> Automaton:
    """The minimal automaton of the words that meet all conditions.

    Example:
        >>> automaton_of([Condition("starts", ("a",))], "ab").accepts("ab")
        True
    """
    joint = _Joint(conditions)
    return explore(alphabet, joint.start, joint.step, joint.accepts)


class _Joint:
    """Several conditions at once: a state is the tuple of theirs."""

    def __init__(self, conditions: list[Condition]) -> None:
        self._parts = [(KINDS[condition.kind], condition.values) for condition in conditions]
        self.start = tuple([kind.start for kind, _ in self._parts])

    def step(self, state: Values, symbol: str) -> Values:
        return tuple([kind.step(values, at, symbol) for (kind, values), at in zip(self._parts, state, strict=True)])

    def accepts(self, state: Values) -> bool:
        return all(kind.accepts(values, at) for (kind, values), at in zip(self._parts, state, strict=True))


def _word(rng: TaskRandom, alphabet: str) -> Values:
    return ("".join(rng.choice(alphabet) for _ in range(rng.between(1, 3))),)


def _pair_or_more(rng: TaskRandom, alphabet: str) -> Values:
    return ("".join(rng.choice(alphabet) for _ in range(rng.between(2, 3))),)


def _starts(values: Values, seen: Any, symbol: str) -> Any:
    if seen in (DEAD, len(values[0])):
        return seen
    return seen + 1 if values[0][seen] == symbol else DEAD


def _overlap(word: str, seen: str) -> str:
    """The longest beginning of a word that the other text ends with."""
    while not word.startswith(seen):
        seen = seen[1:]
    return seen


def _ends(values: Values, seen: Any, symbol: str) -> Any:
    return _overlap(values[0], seen + symbol)


def _contains(values: Values, seen: Any, symbol: str) -> Any:
    return seen if seen == values[0] else _overlap(values[0], seen + symbol)


def _draw_count(rng: TaskRandom, alphabet: str) -> Values:
    return rng.choice(alphabet), rng.choice(_RELATIONS), rng.between(1, 3)


def _count(values: Values, seen: Any, symbol: str) -> Any:
    return min(values[2] + 1, seen + (symbol == values[0]))


def _compares(relation: str, number: int, bound: int) -> bool:
    return number >= bound if relation == "at least" else number <= bound if relation == "at most" else number == bound


def _draw_multiple(rng: TaskRandom, alphabet: str) -> Values:
    divisor = rng.between(2, 3)
    return rng.choice(alphabet), divisor, rng.below(divisor)


def _multiple_words(values: Values) -> str:
    symbol, divisor, rest = values
    if divisor == 2:
        return f"the number of its `{symbol}` is {'odd' if rest else 'even'}"
    said = f"leaves the remainder {rest} when divided by {divisor}" if rest else f"is divisible by {divisor}"
    return f"the number of its `{symbol}` {said}"


def _draw_length(rng: TaskRandom, alphabet: str) -> Values:
    return rng.choice(_RELATIONS), rng.between(2, 5)


def _draw_followed(rng: TaskRandom, alphabet: str) -> Values:
    place = rng.below(len(alphabet))
    return alphabet[place], alphabet[(place + rng.between(1, len(alphabet) - 1)) % len(alphabet)]


def _followed(values: Values, waits: Any, symbol: str) -> Any:
    if waits == DEAD or (waits and symbol != values[1]):
        return DEAD
    return int(symbol == values[0])


def _draw_place(rng: TaskRandom, alphabet: str) -> Values:
    return rng.between(2, 3), rng.choice(alphabet)


def _place(values: Values, seen: Any, symbol: str) -> Any:
    if seen in (DEAD, values[0]):
        return seen
    return DEAD if seen + 1 == values[0] and symbol != values[1] else seen + 1


def _from_end(values: Values, seen: Any, symbol: str) -> Any:
    """Of the last symbols, whether each is the one; nothing before the word counts as it."""
    return (2 * seen + (symbol == values[1])) % (1 << values[0])


def _place_name(place: int) -> str:
    return {2: "second", 3: "third"}[place]


def _draw_alike(rng: TaskRandom, alphabet: str) -> Values:
    return (rng.choice(("the same", "different")),)


def _alike(values: Values, ends: Any, symbol: str) -> Any:
    return (ends or symbol)[0] + symbol


KINDS: dict[str, Kind] = {
    "starts": Kind(
        _word,
        0,
        _starts,
        lambda values, seen: bool(seen == len(values[0])),
        lambda values: f"it begins with `{values[0]}`",
    ),
    "ends": Kind(
        _word, "", _ends, lambda values, seen: bool(seen == values[0]), lambda values: f"it ends with `{values[0]}`"
    ),
    "contains": Kind(
        _pair_or_more,
        "",
        _contains,
        lambda values, seen: bool(seen == values[0]),
        lambda values: f"it contains `{values[0]}` somewhere",
    ),
    "lacks": Kind(
        _pair_or_more,
        "",
        _contains,
        lambda values, seen: bool(seen != values[0]),
        lambda values: f"it contains `{values[0]}` nowhere",
    ),
    "count": Kind(
        _draw_count,
        0,
        _count,
        lambda values, seen: _compares(values[1], seen, values[2]),
        lambda values: f"it has {values[1]} {values[2]} `{values[0]}`",
    ),
    "multiple": Kind(
        _draw_multiple,
        0,
        lambda values, seen, symbol: (seen + (symbol == values[0])) % values[1],
        lambda values, seen: bool(seen == values[2]),
        _multiple_words,
    ),
    "length": Kind(
        _draw_length,
        0,
        lambda values, seen, symbol: min(values[1] + 1, seen + 1),
        lambda values, seen: _compares(values[0], seen, values[1]),
        lambda values: f"it has {values[0]} {values[1]} symbols",
    ),
    "followed": Kind(
        _draw_followed,
        0,
        _followed,
        lambda values, waits: bool(waits == 0),
        lambda values: f"directly after each `{values[0]}` comes a `{values[1]}`",
    ),
    "place": Kind(
        _draw_place,
        0,
        _place,
        lambda values, seen: bool(seen == values[0]),
        lambda values: f"it has a {_place_name(values[0])} symbol, and that is `{values[1]}`",
    ),
    "from_end": Kind(
        _draw_place,
        0,
        _from_end,
        lambda values, seen: bool(seen >> (values[0] - 1)),
        lambda values: f"it has a {_place_name(values[0])} symbol from the end, and that is `{values[1]}`",
    ),
    "alike": Kind(
        _draw_alike,
        "",
        _alike,
        lambda values, ends: bool(ends) and (ends[0] == ends[1]) == (values[0] == "the same"),
        lambda values: f"it is not empty, and its first and last symbol are {values[0]}",
    ),
}
