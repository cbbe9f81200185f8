"""Proofs by natural deduction in Fitch's style: how a line is read, and what each rule allows.

A line is a number, a bar for each assumption that is open, a formula, a colon, a rule and what it cites: lines (`3`)
and subproofs from their assumption to their last line (`4-7`). A subproof is opened by an assumption and by nothing
else, and closed by the first line with fewer bars or by the next assumption with as many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rlvr_gym.verifiers.logic.formula import Formula, FormulaError, parse_formula, plain

PREMISE, ASSUMPTION = "PREMISE", "ASSUMPTION"
_ALIASES = {"P": PREMISE, "PR": PREMISE, "A": ASSUMPTION, "AS": ASSUMPTION}
_HEAD = re.compile(r"\s*+([0-9]{1,3})\s*+[.)]?+\s*+((?:\|\s*+)*+)")
_CITED = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?+")
_DASHES = str.maketrans({"–": "-", "—": "-", "−": "-", ",": " "})


class LineError(ValueError):
    """A line that cannot be read, or does not follow."""


class Line(NamedTuple):
    """A line as it is written.

    Args:
        number: Its number.
        depth: How many assumptions are open.
        formula: What it says.
        rule: Name of the rule, in capitals.
        cited: What it cites: a line, or a pair for a subproof.
    """

    number: int
    depth: int
    formula: Formula
    rule: str
    cited: tuple[int | tuple[int, int], ...] = ()


class Sub(NamedTuple):
    """A subproof that is cited: what was assumed and where it led."""

    assumed: Formula
    reached: Formula


def read_line(text: str) -> Line:
    """Read one line.

    Raises:
        LineError: It is none.

    Example:
        >>> read_line("3. | q : ->E 1, 2")
        Line(number=3, depth=1, formula='q', rule='->E', cited=(1, 2))
    """
    head, colon, tail = text.partition(":")
    match = _HEAD.match(head)
    if match is None or not colon:
        raise LineError("a line is '<number>. <bars> <formula> : <rule> <lines>'")
    try:
        formula = parse_formula(head[match.end() :].strip())
    except FormulaError as error:
        raise LineError(str(error)) from error
    words = plain(tail).translate(_DASHES).split()
    if not words:
        raise LineError("no rule is named")
    rule = words[0].upper()
    rule = _ALIASES.get(rule, rule)
    if rule not in RULES:
        raise LineError("there is no such rule")
    cited: list[int | tuple[int, int]] = []
    for word in words[1:]:
        found = _CITED.fullmatch(word)
        if found is None:
            raise LineError("after the rule stand numbers of lines, as 3 or 4-7")
        cited.append(int(found[1]) if found[2] is None else (int(found[1]), int(found[2])))
    singles = sum(isinstance(what, int) for what in cited)
    if (singles, len(cited) - singles) != (RULES[rule].lines, RULES[rule].subs):
        raise LineError(f"{rule} cites another number of lines or subproofs")
    return Line(int(match[1]), match[2].count("|"), formula, rule, tuple(cited))


class Proof:
    """Lines that are checked one after another.

    Args:
        premises: What may be used.

    Example:
        >>> proof = Proof(["p", ("->", "p", "q")])
        >>> for text in ("1. p -> q : premise", "2. p : premise", "3. q : ->E 1 2"):
        ...     proof.add(read_line(text))
        >>> proof.lines[-1].formula, proof.assumptions(3)
        ('q', frozenset())
    """

    def __init__(self, premises: Sequence[Formula]) -> None:
        self.premises = premises
        self.lines: list[Line] = []
        self.scopes: list[tuple[int, ...]] = []  # of each line the assumptions that are open, by number
        self._open: tuple[int, ...] = ()
        self._ends: dict[int, int] = {}  # of each assumption the last line under it

    def add(self, line: Line) -> None:
        """Check a line against all before it, and take it in.

        Raises:
            LineError: It does not follow; nothing is taken in.
        """
        number = len(self.lines) + 1
        if line.number != number:
            raise LineError(f"this line must have the number {number}")
        depth, opened = line.depth, self._open
        if line.rule == ASSUMPTION:
            if not 1 <= depth <= len(opened) + 1:
                raise LineError("an assumption has one bar more than what it stands in")
            scope = (*opened[: depth - 1], number)
        else:
            if depth > len(opened):
                raise LineError("more bars than open assumptions")
            scope = opened[:depth]
        if line.rule == PREMISE and line.formula not in self.premises:
            raise LineError("no such premise is given")
        if not follows(line.rule, line.formula, [self._cited(what, scope) for what in line.cited]):
            raise LineError(f"{line.rule} does not give this from what is cited")
        self.lines.append(line)
        self.scopes.append(scope)
        self._open = scope
        for assumption in scope:
            self._ends[assumption] = number

    def assumptions(self, number: int) -> frozenset[Formula]:
        """The assumptions under which a line stands."""
        return frozenset(self.lines[at - 1].formula for at in self.scopes[number - 1])

    def needed(self) -> set[int]:
        """The numbers of the lines that the last one rests on, itself among them."""
        found: set[int] = set()
        todo = [len(self.lines)]
        while todo:
            number = todo.pop()
            if number not in found:
                found.add(number)
                for what in self.lines[number - 1].cited:
                    todo.extend(what if isinstance(what, tuple) else (what,))
        return found

    def _cited(self, what: int | tuple[int, int], scope: tuple[int, ...]) -> Formula | Sub:
        first, last = what if isinstance(what, tuple) else (what, what)
        if not 1 <= first <= last <= len(self.lines):
            raise LineError("only lines before this one can be cited")
        around = self.scopes[first - 1]
        if not isinstance(what, tuple):
            if around != scope[: len(around)]:
                raise LineError(f"line {first} stands under an assumption that is closed")
            return self.lines[first - 1].formula
        if self.lines[first - 1].rule != ASSUMPTION or first in scope or around[:-1] != scope[: len(around) - 1]:
            raise LineError(f"{first}-{last} is no subproof that is closed here")
        if self._ends[first] != last or self.scopes[last - 1] != around:
            raise LineError(f"the subproof of line {first} does not end with line {last}")
        return Sub(self.lines[first - 1].formula, self.lines[last - 1].formula)


def follows(rule: str, formula: Formula, cited: Sequence[Formula | Sub]) -> bool:
    """Whether a rule gives a formula from what it cites, in any order.

    Of a premise and an assumption `Proof` looks at more.

    Args:
        rule: One of `RULES`.
        formula: What is said to follow.
        cited: Formulas and subproofs.

    Example:
        >>> follows("->E", "q", ["p", ("->", "p", "q")]), follows("->E", "p", ["q", ("->", "p", "q")])
        (True, False)
    """
    lines = [each for each in cited if not isinstance(each, Sub)]
    subs = [each for each in cited if isinstance(each, Sub)]
    wanted = RULES[rule]
    return (len(lines), len(subs)) == (wanted.lines, wanted.subs) and wanted.holds(formula, lines, subs)


class Rule(NamedTuple):
    """How many lines and subproofs a rule cites, and when it holds of a formula and these."""

    lines: int
    subs: int
    holds: Callable[[Formula, Sequence[Any], Sequence[Sub]], bool]


def _or_elimination(formula: Formula, lines: Sequence[Any], subs: Sequence[Sub]) -> bool:
    if lines[0][0] != "v" or any(sub.reached != formula for sub in subs):
        return False
    return lines[0][1:] in ((subs[0].assumed, subs[1].assumed), (subs[1].assumed, subs[0].assumed))


def _iff_introduction(formula: Formula, lines: Sequence[Any], subs: Sequence[Sub]) -> bool:
    if formula[0] != "<->":
        return False
    ways = (("->", formula[1], formula[2]), ("->", formula[2], formula[1]))
    return (lines[0], lines[1]) in (ways, ways[::-1])


def _iff_elimination(formula: Formula, lines: Sequence[Any], subs: Sequence[Sub]) -> bool:
    pairs = ((lines[0], lines[1]), (lines[1], lines[0]))
    return any(iff in (("<->", side, formula), ("<->", formula, side)) for iff, side in pairs)


RULES: Mapping[str, Rule] = {
    PREMISE: Rule(0, 0, lambda f, a, s: True),
    ASSUMPTION: Rule(0, 0, lambda f, a, s: True),
    "R": Rule(1, 0, lambda f, a, s: a[0] == f),
    "&I": Rule(2, 0, lambda f, a, s: f in (("&", a[0], a[1]), ("&", a[1], a[0]))),
    "&E": Rule(1, 0, lambda f, a, s: a[0][0] == "&" and f in a[0][1:]),
    "VI": Rule(1, 0, lambda f, a, s: f[0] == "v" and a[0] in f[1:]),
    "VE": Rule(1, 2, _or_elimination),
    "->I": Rule(0, 1, lambda f, a, s: f == ("->", s[0].assumed, s[0].reached)),
    "->E": Rule(2, 0, lambda f, a, s: a[0] == ("->", a[1], f) or a[1] == ("->", a[0], f)),
    "<->I": Rule(2, 0, _iff_introduction),
    "<->E": Rule(2, 0, _iff_elimination),
    "~I": Rule(0, 1, lambda f, a, s: f == ("~", s[0].assumed) and s[0].reached == "F"),
    "~E": Rule(2, 0, lambda f, a, s: f == "F" and (a[0] == ("~", a[1]) or a[1] == ("~", a[0]))),
    "FE": Rule(1, 0, lambda f, a, s: a[0] == "F"),
    "RAA": Rule(0, 1, lambda f, a, s: s[0] == Sub(("~", f), "F")),
    "DNE": Rule(1, 0, lambda f, a, s: a[0] == ("~", ("~", f))),
}
