"""`boolean@1`: a formula that is equivalent to a given one, in a language that the given one is not written in.

Equivalence is judged by the whole truth table, of at most 8 variables. A reference whose restriction the given formula
itself meets is refused, so a copy never passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.logic.formula import (
    OPERATORS,
    Formula,
    FormulaError,
    atoms_of,
    columns,
    connectives,
    parse_formula,
    table,
    walk,
)
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_VARIABLES = 8
FORMS = ("cnf", "dnf")


class Gold(NamedTuple):
    """What must hold.

    Args:
        atoms: The variables of the given formula.
        column: Its truth table, one bit a row.
        blind: How many rows the best constant, variable or negated variable gets right.
        operators: Those that may stand in the answer.
        form: `"cnf"`, `"dnf"` or None for any.
        most: How many operators the answer may have; None for any number.
    """

    atoms: str
    column: int
    blind: int
    operators: frozenset[str]
    form: str | None
    most: int | None


@dataclass(frozen=True)
class Boolean(RuleVerifier):
    """Judges a formula by its truth table and its language.

    The reference is `{"formula": "a -> b & c", "operators": ["nand"], "form": None, "max_connectives": None}`: the
    given formula, and what the answer is held to, of which any may be left out: the operators that it may have (all of
    `~ & v ^ nand -> <->`), whether it must be a conjunction of clauses (`"cnf"`) or a disjunction of conjunctions
    (`"dnf"`), and how many operators it may have. The given formula must not meet all of that itself.

    An answer that breaks the restriction scores 0. One that keeps it and is not equivalent scores (r - b) / (n - b), at
    least 0: of n rows it has r right, and the best of all constants, variables and negated variables has b.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Boolean()
        >>> reference = {"formula": "a & b", "operators": ["nand"]}
        >>> verifier.verify("<answer>(a nand b) nand (a nand b)</answer>", reference).passed
        True
        >>> verifier.verify("<answer>a & b</answer>", reference).reason.code
        'forbidden_operator'
        >>> verifier.verify("<answer>a nand b</answer>", reference).reason.text
        'the value differs in 4 of 4 rows'
    """

    name = "boolean"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Without a limit on operators the length of an answer is not judged.",
        "How the formula was found is not judged: to write out the whole truth table is as good as to reason.",
        "Clauses that hold anyway, or that repeat, are allowed in a normal form.",
    )

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        if not isinstance(reference, dict) or not isinstance(text := reference.get("formula"), str):
            raise ReferenceFault("not_a_formula", "the reference must hold 'formula', a text")
        try:
            formula = parse_formula(text) if len(text) <= self.max_answer_chars else None
        except FormulaError as error:
            raise ReferenceFault("not_a_formula", f"{shown(text)}: {error}") from error
        atoms = "".join(sorted(atoms_of(formula))) if formula is not None else ""
        if not 1 <= len(atoms) <= MAX_VARIABLES:
            raise ReferenceFault("wrong_number_of_variables", f"1 to {MAX_VARIABLES} variables, got {shown(text)}")
        operators, form, most = (reference.get(key) for key in ("operators", "form", "max_connectives"))
        allowed = OPERATORS if operators is None else operators
        if not isinstance(allowed, list | tuple) or not allowed or not all(each in OPERATORS for each in allowed):
            raise ReferenceFault("no_operators", f"'operators' must be some of {OPERATORS}, got {shown(operators)}")
        if form is not None and form not in FORMS:
            raise ReferenceFault("no_form", f"'form' must be one of {FORMS} or None, got {shown(form)}")
        if most is not None and (type(most) is not int or most < 0):
            raise ReferenceFault("no_limit", f"'max_connectives' must be a number or None, got {shown(most)}")
        column, blind = _judged_by(formula, atoms)
        gold = Gold(atoms, column, blind, frozenset(allowed), form, most)
        if restriction_fault(formula, gold) is None:
            raise ReferenceFault("nothing_to_do", "the given formula meets the restriction itself")
        return gold

    def read(self, text: str, gold: Gold) -> Formula:
        """The formula."""
        try:
            formula = parse_formula(text)
        except FormulaError as error:
            raise UnreadableError("not_a_formula", str(error)) from error
        if any(part == "F" or (isinstance(part, str) and part not in gold.atoms) for part in walk(formula)):
            raise UnreadableError("unknown_variable", "only the variables of the given formula may stand there")
        return formula

    def check(self, answer: Formula, gold: Gold) -> Finding:
        """See the class."""
        rows = 1 << len(gold.atoms)
        full = (1 << rows) - 1
        wrong = (table(answer, columns(gold.atoms), full) ^ gold.column).bit_count()
        fault = restriction_fault(answer, gold)
        parts = (
            Part("restriction", fault is None, float(fault is None), "" if fault is None else fault.text),
            Part("rows", wrong == 0, 1 - wrong / rows, f"{rows - wrong} of {rows} rows"),
        )
        if fault is not None:
            return Finding(False, fault, 0.0, parts)
        if wrong == 0:
            return Finding(True, Reason("equivalent", "it has the same value in every row"), parts=parts)
        score = max(0.0, (rows - wrong - gold.blind) / (rows - gold.blind))
        return Finding(False, Reason("different", f"the value differs in {wrong} of {rows} rows"), score, parts)


def _judged_by(formula: Formula, atoms: str) -> tuple[int, int]:
    """The truth table, and how many rows of it the best constant or literal has."""
    rows = 1 << len(atoms)
    column = columns(atoms)
    found = table(formula, column, (1 << rows) - 1)
    same = [(found ^ each).bit_count() for each in (0, *column.values())]
    return found, max(max(count, rows - count) for count in same)


def restriction_fault(formula: Formula, gold: Gold) -> Reason | None:
    """What of the restriction a formula breaks; None where it meets it."""
    used = {part[0] for part in walk(formula) if isinstance(part, tuple)}
    if not used <= gold.operators:
        named = ", ".join(each for each in OPERATORS if each in used - gold.operators)
        return Reason("forbidden_operator", f"not allowed here: {named}")
    if gold.form is not None and not in_form(formula, gold.form):
        wanted = "a conjunction of clauses" if gold.form == "cnf" else "a disjunction of conjunctions"
        return Reason("wrong_form", f"it must be {wanted} of variables and negated variables")
    if gold.most is not None and (count := connectives(formula)) > gold.most:
        return Reason("too_long", f"{count} operators; at most {gold.most} are allowed")
    return None


def in_form(formula: Formula, form: str) -> bool:
    """Whether a formula is in conjunctive (`"cnf"`) or disjunctive (`"dnf"`) normal form.

    Example:
        >>> in_form(parse_formula("(a v ~b) & c"), "cnf"), in_form(parse_formula("~(a v b) & c"), "cnf")
        (True, False)
    """
    outer, inner = ("&", "v") if form == "cnf" else ("v", "&")
    return all(_is_literal(part) for whole in _parts(formula, outer) for part in _parts(whole, inner))


def _parts(formula: Formula, operator: str) -> list[Formula]:
    found, todo = [], [formula]
    while todo:
        each = todo.pop()
        if isinstance(each, tuple) and each[0] == operator:
            todo.extend(each[1:])
        else:
            found.append(each)
    return found


def _is_literal(formula: Formula) -> bool:
    return isinstance(formula, str) or (formula[0] == "~" and isinstance(formula[1], str))
