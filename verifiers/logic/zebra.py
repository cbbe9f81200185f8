"""`zebra@1`: a table of who lives where with what, of which every clue holds.

Checked by constraint: each value stands once, each house has one of every category, and each clue is true of it. So of
a puzzle with several solutions each one passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_HOUSES = 12
MAX_CATEGORIES = 12
MAX_CLUES = 500

# What must hold of the places of the values that a clue names, in their order.
_RELATIONS: dict[str, Callable[..., bool]] = {
    "at": lambda value, place: value == place,
    "not_at": lambda value, place: value != place,
    "same": lambda value, other: value == other,
    "apart": lambda value, other: value != other,
    "left": lambda value, other: value < other,
    "just_left": lambda value, other: value + 1 == other,
    "next": lambda value, other: abs(value - other) == 1,
    "between": lambda value, one, other: min(one, other) < value < max(one, other),
}


class Street(NamedTuple):
    """The values of each category, the category of each value, and the clues."""

    houses: int
    categories: Mapping[str, int]
    per_house: int
    clues: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Zebra(RuleVerifier):
    """Judges a table with a row for each house.

    The reference is `{"categories": [["Ann", "Bob"], ["tea", "milk"]], "clues": [["left", "Ann", "milk"]]}`: as many
    values in each category as there are houses, all different. Clues are `["at", value, house]` and `["not_at", value,
    house]`, houses counted from 1, `["same", V, W]`, `["apart", V, W]` (not the same house), `["left", V, W]` (V
    somewhere to the left of W), `["just_left", V, W]`, `["next", V, W]` and `["between", V, U, W]` (V somewhere
    between the other two, in either order). A response has a row for each house from the left, on lines of their own
    or with `;` or `/` between them, each with one value of every category in any order, separated by commas or blanks;
    `1:` may stand before a row.

    The dense score of a full table in which `k` clues do not hold is `2**-k`; it is 0 where a value is missing.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Zebra()
        >>> street = {"categories": [["Ann", "Bob"], ["tea", "milk"]], "clues": [["left", "Ann", "milk"]]}
        >>> verifier.verify("<answer>1: Ann, tea; 2: Bob, milk</answer>", street).passed
        True
        >>> verifier.verify("<answer>1: Bob, tea; 2: Ann, milk</answer>", street).reason.text
        '0 of 1 clue holds'
    """

    name = "zebra"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "How the table was found is not judged: trying tables in the response is as good as reasoning.",
        "A table with a header or with lines is refused, also where it is right.",
        "The dense score halves with each clue that fails, also where one wrong house makes many fail.",
    )

    def parse_reference(self, reference: Any) -> Street:
        """See the class."""
        try:
            categories, clues = reference["categories"], reference["clues"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_street", "the reference must hold 'categories' and 'clues'") from error
        if not isinstance(categories, list | tuple) or not 1 <= len(categories) <= MAX_CATEGORIES:
            raise ReferenceFault("not_a_street", f"'categories' must be a list of 1 to {MAX_CATEGORIES} lists")
        if not all(isinstance(values, list | tuple) and 2 <= len(values) <= MAX_HOUSES for values in categories):
            raise ReferenceFault("not_a_street", f"a category has 2 to {MAX_HOUSES} values")
        houses = len(categories[0])
        if any(len(values) != houses for values in categories):
            raise ReferenceFault("not_a_street", "all categories must have as many values as there are houses")
        found: dict[str, int] = {}
        for number, values in enumerate(categories):
            for value in values:
                if not isinstance(value, str) or not value.isalnum() or len(value) > 40 or value in found:
                    raise ReferenceFault("bad_value", f"values are different words, got {shown(value)}")
                found[value] = number
        if not isinstance(clues, list | tuple) or not 1 <= len(clues) <= MAX_CLUES:
            raise ReferenceFault("no_clues", f"'clues' must be a list of 1 to {MAX_CLUES} clues")
        return Street(houses, found, len(categories), [_clue(clue, found, houses) for clue in clues])

    def read(self, text: str, gold: Street) -> list[list[str]]:
        """The values of each house, from the left."""
        rows = [row for row in text.replace(";", "\n").replace("/", "\n").split("\n") if row.strip()]
        if len(rows) != gold.houses:
            raise UnreadableError("wrong_shape", f"a table has {gold.houses} rows, not {len(rows)}")
        table = [_row(row, number, gold.per_house) for number, row in enumerate(rows, start=1)]
        for value in (value for row in table for value in row):
            if value not in gold.categories:
                raise UnreadableError("unknown_value", f"there is no value {shown(value)}")
        return table

    def check(self, answer: list[list[str]], gold: Street) -> Finding:
        """See the class."""
        extracted = "/".join(map(",".join, answer))
        places = {value: house for house, row in enumerate(answer, start=1) for value in row}
        full = len(places) == len(gold.categories) and all(
            len({gold.categories[value] for value in row}) == gold.per_house for row in answer
        )
        if not full:
            text = "a table holds each value once and in every house one of each category"
            parts = (Part("table", False, 0.0), Part("clues", False, 0.0))
            return Finding(False, Reason("not_a_table", text), 0.0, parts, extracted)
        total = len(gold.clues)
        held = sum(
            _RELATIONS[kind](*(places[word] if isinstance(word, str) else word for word in words))
            for kind, *words in gold.clues
        )
        parts = (Part("table", True, 1.0), Part("clues", held == total, held / total, f"{held} of {total}"))
        if held == total:
            return Finding(True, Reason("solved", "every clue holds"), 1.0, parts, extracted)
        text = f"{held} of {total} {'clue holds' if total == 1 else 'clues hold'}"
        return Finding(False, Reason("clue_fails", text), 2.0 ** (held - total), parts, extracted)


def _clue(clue: Any, values: Mapping[str, int], houses: int) -> tuple[Any, ...]:
    known = isinstance(clue, list | tuple) and len(clue) >= 3 and isinstance(clue[0], str) and clue[0] in _RELATIONS
    if not known or len(clue) != 3 + (clue[0] == "between"):
        raise ReferenceFault("not_a_clue", f"this is no clue: {shown(clue)}")
    words = clue[1:]
    if clue[0] in ("at", "not_at"):
        if type(words[1]) is not int or not 1 <= words[1] <= houses:
            raise ReferenceFault("not_a_clue", f"there is no such house: {shown(clue)}")
        words = words[:1]
    if not all(isinstance(word, str) and word in values for word in words):
        raise ReferenceFault("not_a_clue", f"there is no such value: {shown(clue)}")
    return tuple(clue)


def _row(text: str, number: int, count: int) -> list[str]:
    """The values of a row; those of one character each may stand without anything between them."""
    label, colon, rest = text.partition(":")
    if colon and label.strip() != str(number):
        raise UnreadableError("wrong_label", f"row {number} is labelled {shown(label.strip())}")
    words = (rest if colon else text).replace(",", " ").split()
    values = list(words[0]) if len(words) == 1 < count else words
    if len(values) != count:
        raise UnreadableError("wrong_shape", f"a row has {count} values, not {len(values)}")
    return values
