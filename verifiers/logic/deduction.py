"""`deduction@1`: a proof by natural deduction, every line of it checked.

Right is a proof whose every line follows and whose last line is the conclusion, outside of all assumptions. The score
of what is not right counts no lines: it counts which milestones of the task were reached before the first line that
does not follow. Lines that are true and lead nowhere reach none, so padding is worth nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.logic.formula import Formula, FormulaError, parse_formula
from rlvr_gym.verifiers.logic.proof import ASSUMPTION, PREMISE, Line, LineError, Proof, read_line
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_LINES = 200
Milestone = tuple[frozenset[Formula], Formula]  # what may be assumed, and what is to be reached


class Sequent(NamedTuple):
    """What is given, what is to be proved, and what lies on the way."""

    premises: tuple[Formula, ...]
    goal: Formula
    milestones: frozenset[Milestone]


@dataclass(frozen=True)
class Deduction(RuleVerifier):
    """Judges a proof line by line.

    The reference is `{"premises": ["p -> q", "p"], "goal": "q", "milestones": [[["p"], "r"], ...]}`: formulas (see
    `formula.parse_formula`), and optionally steps of a proof, each with what it assumes. The score of a proof that is
    not right is m / (n + 1): of the n milestones, m were reached before the first line that does not follow, under no
    other assumptions. Premises, assumptions, repetitions and whatever is no milestone count nothing. Without
    milestones it is 0.

    Every line is a part of the verdict: it passed when it follows, and it scores 1 when the proof needs it (where the
    proof is right) or when it is the first to reach a milestone (where it is not).

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Deduction()
        >>> reference = {"premises": ["p -> q", "q -> r"], "goal": "p -> r"}
        >>> lines = ["1. p -> q : premise", "2. q -> r : premise", "3. | p : assumption", "4. | q : ->E 1 3"]
        >>> proof = "\\n".join([*lines, "5. | r : ->E 2 4", "6. p -> r : ->I 3-5"])
        >>> verifier.verify(f"<answer>{proof}</answer>", reference).passed
        True
        >>> verdict = verifier.verify(f"<answer>{proof.replace('->I 3-5', '->I 3-4')}</answer>", reference)
        >>> verdict.reason.text
        'line 6: the subproof of line 3 does not end with line 4'
    """

    name = "deduction"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A proof may be as long and as roundabout as 200 lines allow: its length is not judged.",
        "The score of an unfinished proof knows the milestones of one way; on another way it is 0 until the end.",
        "Derived rules such as modus tollens are refused, also where they are sound.",
    )

    def parse_reference(self, reference: Any) -> Sequent:
        """See the class."""
        try:
            premises, goal, milestones = reference["premises"], reference["goal"], reference.get("milestones", ())
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise ReferenceFault("not_a_sequent", "the reference must hold 'premises' and 'goal'") from error
        known = tuple(map(_formula, _listed("premises", premises)))
        wanted = _formula(goal)
        if wanted in known:
            raise ReferenceFault("nothing_to_prove", "the goal is one of the premises")
        steps = []
        for pair in _listed("milestones", milestones):
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise ReferenceFault("not_a_milestone", f"a milestone is [assumptions, formula], got {shown(pair)}")
            steps.append((frozenset(map(_formula, _listed("assumptions", pair[0]))), _formula(pair[1])))
        return Sequent(known, wanted, frozenset(steps))

    def read(self, text: str, gold: Sequent) -> list[Line]:
        """The lines, numbered from 1."""
        lines = [line for line in text.split("\n") if line.strip()]
        if not lines:
            raise UnreadableError("no_lines", "a proof has at least one line")
        if len(lines) > MAX_LINES:
            raise UnreadableError("too_many_lines", f"{len(lines)} lines; at most {MAX_LINES} are read")
        return [_read(number, line) for number, line in enumerate(lines, start=1)]

    def check(self, answer: list[Line], gold: Sequent) -> Finding:
        """See the class."""
        proof = Proof(gold.premises)
        faults: list[str] = []
        for line in answer:
            if faults:
                faults.append("stands after a line that does not follow")
            elif (fault := _added(proof, line)) is not None:
                faults.append(fault)
        valid = len(proof.lines)
        if not faults and proof.lines[-1].formula == gold.goal and not proof.scopes[-1]:
            needed = proof.needed()
            counted = [number in needed for number in range(1, valid + 1)]
            return Finding(True, Reason("proved", "the conclusion is proved"), parts=_parts(counted, faults))
        reached = _reached(proof, gold.milestones)
        score = sum(map(len, reached)) / (len(gold.milestones) + 1)
        return Finding(False, _why(proof, gold, faults), score, _parts(list(map(bool, reached)), faults))


def _formula(text: Any) -> Formula:
    if not isinstance(text, str) or len(text) > 1000:
        raise ReferenceFault("not_a_formula", f"a formula is a text of at most 1,000 characters, got {shown(text)}")
    try:
        return parse_formula(text)
    except FormulaError as error:
        raise ReferenceFault("not_a_formula", f"{shown(text)}: {error}") from error


def _listed(name: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or len(value) > MAX_LINES:
        raise ReferenceFault("not_a_list", f"'{name}' must be a list of at most {MAX_LINES}, got {shown(value)}")
    return value


def _read(number: int, text: str) -> Line:
    try:
        line = read_line(text)
    except LineError as error:
        raise UnreadableError("not_a_line", f"line {number}: {error}") from error
    if line.number != number:
        raise UnreadableError("wrong_number", f"line {number} has another number")
    return line


def _added(proof: Proof, line: Line) -> str | None:
    """Take a line into the proof; what is wrong where that cannot be."""
    try:
        proof.add(line)
    except LineError as error:
        return str(error)
    return None


def _reached(proof: Proof, milestones: frozenset[Milestone]) -> list[set[Milestone]]:
    """Of each line the milestones that it reaches and no line before it did.

    A line reaches a milestone when it says the same under no assumption that the milestone does not have.
    """
    left = set(milestones)
    found: list[set[Milestone]] = []
    for number, line in enumerate(proof.lines, start=1):
        hits: set[Milestone] = set()
        if line.rule not in (PREMISE, ASSUMPTION):
            assumed = proof.assumptions(number)
            hits = {m for m in left if m[1] == line.formula and assumed <= m[0]}
        left -= hits
        found.append(hits)
    return found


def _parts(counted: Sequence[bool], faults: Sequence[str]) -> tuple[Part, ...]:
    good = [Part(f"line {at}", True, float(each), "follows") for at, each in enumerate(counted, start=1)]
    bad = [Part(f"line {at}", False, 0.0, fault) for at, fault in enumerate(faults, start=len(good) + 1)]
    return (*good, *bad)


def _why(proof: Proof, gold: Sequent, faults: Sequence[str]) -> Reason:
    if faults:
        return Reason("wrong_line", f"line {len(proof.lines) + 1}: {faults[0]}")
    if proof.lines[-1].formula != gold.goal:
        return Reason("not_the_goal", "every line follows, but the last one is not the conclusion")
    return Reason("open_assumption", "the conclusion stands under an assumption")
