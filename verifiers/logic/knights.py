"""`knights@1`: who is a knight, whose statement is true, and who is a knave, whose statement is false.

Checked by constraint: the roles are right when every statement is as true as its speaker. So of a puzzle with several
solutions each one passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.logic.assignment import read_assignment
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_PEOPLE = 26
MAX_DEPTH = 8
MAX_NODES = 1000  # of all statements together
ROLES = {"knave": 0, "knight": 1}
_ROLE_WORDS = tuple(ROLES)  # a value of any kind can be looked for in a tuple
_SAID = {"knight": 1, "knave": 0, "a knight": 1, "a knave": 0, "1": 1, "0": 0}
_JOINED = {"and": 2, "or": 2, "iff": 2, "if": 2, "not": 1}
_COUNTS = ("exactly", "at least", "at most")

Statement = tuple[Any, ...]


class Island(NamedTuple):
    """The people and what each says, with people as numbers."""

    people: list[str]
    statements: list[Statement]


@dataclass(frozen=True)
class Knights(RuleVerifier):
    """Judges the roles of all people.

    The reference is `{"people": ["Ann", "Bob"], "statements": [["is", "Bob", "knave"], …]}`, a statement for each
    person: `["is", person, "knight" or "knave"]`, `["not", S]`, `["and", S, T]`, `["or", S, T]` (or both),
    `["iff", S, T]`, `["if", S, T]`, `["count", "exactly" or "at least" or "at most", number, role]`. A response gives
    everybody a role, as `Ann: knight, Bob: knave`, or a digit for each in order, 1 for a knight and 0 for a knave.
    There is no partial credit: half of the roles are right by chance.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Knights()
        >>> says = [["is", "Bob", "knave"], ["count", "exactly", 2, "knight"]]
        >>> island = {"people": ["Ann", "Bob"], "statements": says}
        >>> verifier.verify("<answer>Ann: knight, Bob: knave</answer>", island).passed
        True
        >>> verifier.verify("<answer>Ann: knave, Bob: knave</answer>", island).reason.text
        '1 of 2 statements does not fit its speaker'
    """

    name = "knights"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A guess at the roles of n people is right with 1 in 2**n: ask for many people, or read pass@k with that in "
        "mind.",
        "A role in a sentence, as in `Ann is a knight`, is refused, also where it is right.",
    )
    max_answer_chars: ClassVar[int] = 2000

    def parse_reference(self, reference: Any) -> Island:
        """See the class."""
        try:
            people, said = reference["people"], reference["statements"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_an_island", "the reference must hold 'people' and 'statements'") from error
        if not isinstance(people, list | tuple) or not 1 <= len(people) <= MAX_PEOPLE:
            raise ReferenceFault("not_an_island", f"'people' must be a list of 1 to {MAX_PEOPLE} names")
        if not all(isinstance(name, str) and name.isalnum() and len(name) <= 40 for name in people):
            raise ReferenceFault("bad_name", f"a name is letters and digits, got {shown(people)}")
        if len(set(people)) != len(people):
            raise ReferenceFault("bad_name", "two people have one name")
        if not isinstance(said, list | tuple) or len(said) != len(people):
            raise ReferenceFault("not_an_island", "'statements' must hold a statement for each of the people")
        parser = _Parser(people)
        return Island(list(people), [parser.parse(statement, 0) for statement in said])

    def read(self, text: str, gold: Island) -> list[int]:
        """The role of each person, 1 for a knight."""
        return read_assignment(text, gold.people, _SAID)

    def check(self, answer: list[int], gold: Island) -> Finding:
        """See the class."""
        unfit = sum(holds(said, answer) != role for said, role in zip(gold.statements, answer, strict=True))
        text = ", ".join(
            f"{name}: {'knight' if role else 'knave'}" for name, role in zip(gold.people, answer, strict=True)
        )
        total = len(gold.statements)
        part = Part("statements", not unfit, (total - unfit) / total, f"{total - unfit} of {total}")
        if not unfit:
            return Finding(True, Reason("consistent", "every statement fits its speaker"), 1.0, (part,), text)
        verb = "does not fit its speaker" if unfit == 1 else "do not fit their speakers"
        return Finding(False, Reason("contradiction", f"{unfit} of {total} statements {verb}"), 0.0, (part,), text)


def holds(statement: Statement, roles: Sequence[int]) -> bool:
    """Whether a statement of numbered people is true.

    Example:
        >>> holds(("and", ("is", 0, 1), ("count", "at most", 1, 0)), [1, 0, 1])
        True
    """
    kind = statement[0]
    if kind == "is":
        return bool(roles[statement[1]] == statement[2])
    if kind == "count":
        number = sum(role == statement[3] for role in roles)
        wanted = statement[2]
        return bool(
            {"exactly": number == wanted, "at least": number >= wanted, "at most": number <= wanted}[statement[1]]
        )
    first = holds(statement[1], roles)
    if kind == "not":
        return not first
    second = holds(statement[2], roles)
    return {"and": first and second, "or": first or second, "iff": first == second, "if": second or not first}[kind]


class _Parser:
    """Reads statements, so many parts in all."""

    def __init__(self, people: Sequence[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(people)}
        self._left = MAX_NODES

    def parse(self, statement: Any, depth: int) -> Statement:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise ReferenceFault("too_large", f"statements have {MAX_DEPTH} levels and {MAX_NODES} parts at most")
        if not isinstance(statement, list | tuple) or not statement or not isinstance(statement[0], str):
            raise ReferenceFault(
                "not_a_statement", f"a statement is a list that begins with a word, got {shown(statement)}"
            )
        kind, *rest = statement
        if kind in _JOINED and len(rest) == _JOINED[kind]:
            return (kind, *(self.parse(part, depth + 1) for part in rest))
        if kind == "is" and len(rest) == 2 and self._known(rest[0]) and rest[1] in _ROLE_WORDS:
            return (kind, self._numbers[rest[0]], ROLES[rest[1]])
        counted = kind == "count" and len(rest) == 3 and rest[0] in _COUNTS and rest[2] in _ROLE_WORDS
        if counted and type(rest[1]) is int and 0 <= rest[1] <= len(self._numbers):
            return (kind, rest[0], rest[1], ROLES[rest[2]])
        raise ReferenceFault("not_a_statement", f"this is no statement of these people: {shown(statement)}")

    def _known(self, name: Any) -> bool:
        return isinstance(name, str) and name in self._numbers
