"""Provable sequents, each made together with a proof of it, from the conclusion down to the premises.

`check` makes a step that ends in a formula, by an introduction where its shape allows one, `synthesise` one that takes
it out of a larger formula; what is left at the leaves becomes a premise. So every proof is normal (nothing is
introduced only to be taken apart), and its number of steps is chosen beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers.logic.formula import Formula, atoms_of, columns, connectives, table, walk

MAX_CONNECTIVES = 6  # of a premise
TRIES = 3


class DeadEndError(Exception):
    """This way of making a proof leads nowhere; another draw is needed."""


class Node(NamedTuple):
    """A step of a proof: its rule (empty at a leaf), what it says, and what it rests on."""

    rule: str
    formula: Formula
    lines: tuple[Node, ...] = ()
    subs: tuple[tuple[Formula, Node], ...] = ()


class Maker:
    """Draws one proof.

    Args:
        rng: Where everything random comes from.
        atoms: The atoms of formulas.
        goal: What is to be proved.
    """

    def __init__(self, rng: TaskRandom, atoms: str, goal: Formula) -> None:
        self.rng, self.atoms, self.goal = rng, atoms, goal
        self.premises: list[Formula] = []
        self._column, self._full = columns(atoms), (1 << (1 << len(atoms))) - 1
        self._rows = self._full  # of the truth table, those in which all premises hold
        self.unused: list[Formula] = []

    def literal(self) -> Formula:
        """A random atom, or one time in three its negation."""
        atom = self.rng.choice(self.atoms)
        return atom if self.rng.below(3) else ("~", atom)

    def formula(self) -> Formula:
        """A random formula of a literal or two."""
        kind = self.rng.below(8)
        if kind < 3:
            return self.literal()
        operator = ("->", "&", "v", "->", "<->")[kind - 3]
        left, right = self.literal(), self.literal()
        if atoms_of(left) == atoms_of(right):
            raise DeadEndError
        return (operator, left, right)

    def leaf(self, formula: Formula, assumed: tuple[Formula, ...]) -> Node:
        """An assumption that is open, or else a premise."""
        if formula in assumed:
            if formula in self.unused:
                self.unused.remove(formula)
        elif formula == "F" or formula == self.goal or connectives(formula) > MAX_CONNECTIVES:
            raise DeadEndError
        elif formula not in self.premises:
            self.premises.append(formula)
            self._rows &= table(formula, self._column, self._full)
            if not self._rows:
                raise DeadEndError
        return Node("", formula)

    def under(self, formula: Formula, assumption: Formula, steps: int, assumed: tuple[Formula, ...]) -> Node:
        """A subproof of a formula that uses its assumption."""
        if assumption in assumed or assumption == formula:
            raise DeadEndError
        self.unused.append(assumption)
        node = self.check(formula, steps, (*assumed, assumption))
        if assumption in self.unused:
            raise DeadEndError
        return node

    def check(self, goal: Formula, steps: int, assumed: tuple[Formula, ...]) -> Node:
        """A proof of a formula with so many steps; a few ways are tried."""
        if steps == 0:
            return self.leaf(goal, assumed)
        premises, unused, rows = list(self.premises), list(self.unused), self._rows
        for _ in range(TRIES):
            try:
                return self._check(goal, steps, assumed)
            except DeadEndError:
                self.premises, self.unused, self._rows = list(premises), list(unused), rows
        raise DeadEndError

    def _check(self, goal: Formula, steps: int, assumed: tuple[Formula, ...]) -> Node:
        rules = ["->E", "->E", "<->E", "VE"] if steps >= 3 else ["->E"]
        if goal == "F":
            rules = ["~E"]
        elif goal[0] in ("&", "v"):
            rules += [f"{goal[0].upper()}I"] * 3
        elif goal[0] == "->" and steps >= 2:
            rules = ["->I"] * 5 + rules
        elif goal[0] == "<->" and steps >= 5:
            rules += ["<->I"] * 4
        elif goal[0] == "~" and steps >= 2:
            rules += ["~I"] * 4
        if steps >= 3 and goal != "F" and goal[0] != "~":
            rules.append("RAA")
        rule = self.rng.choice(rules)
        if rule in _INTRODUCTIONS:
            return self.introduce(rule, goal, steps - 1, assumed)
        return self.synthesise(goal, steps, assumed, rule)

    def introduce(self, rule: str, goal: Formula, steps: int, assumed: tuple[Formula, ...]) -> Node:
        """A step that builds its formula, or reaches it by way of the false; `steps` are left for the rest."""
        if rule in ("&I", "<->I"):
            first = self.rng.between(0, steps) if rule == "&I" else self.rng.between(2, steps - 2)
            sides = goal[1:] if rule == "&I" else (("->", goal[1], goal[2]), ("->", goal[2], goal[1]))
            return Node(
                rule, goal, (self.check(sides[0], first, assumed), self.check(sides[1], steps - first, assumed))
            )
        if rule == "VI":
            return Node(rule, goal, (self.check(self.rng.choice(goal[1:]), steps, assumed),))
        assumption = goal[1] if rule in ("->I", "~I") else ("~", goal)
        reached = goal[2] if rule == "->I" else "F"
        return Node(rule, goal, (), ((assumption, self.under(reached, assumption, steps, assumed)),))

    def synthesise(self, goal: Formula, steps: int, assumed: tuple[Formula, ...], rule: str = "") -> Node:
        """A proof that takes a formula out of a larger one, by a rule or a random one."""
        if steps == 0:
            return self.leaf(goal, assumed)
        steps -= 1
        rule = rule or self.rng.choice(("->E", "->E", "->E", "&E", "<->E", "DNE"))
        if rule == "VE":
            return self.cases(goal, steps, assumed)
        if rule == "DNE":
            if goal[0] == "~":
                raise DeadEndError
            return Node(rule, goal, (self.synthesise(("~", ("~", goal)), steps, assumed),))
        if rule == "&E":
            other = self.literal()
            whole: Formula = ("&", goal, other) if self.rng.below(2) else ("&", other, goal)
            whole = next((each for each in assumed if each[0] == "&" and goal in each[1:]), whole)
            return Node(rule, goal, (self.synthesise(whole, steps, assumed),))
        minor = self.rng.between(0, steps)
        side = self.side(goal, minor, assumed)
        if rule == "~E":
            whole = ("~", side)
        elif rule == "->E":
            whole = ("->", side, goal)
        else:
            whole = ("<->", side, goal) if self.rng.below(2) else ("<->", goal, side)
        if whole in self.unused and minor < steps:
            raise DeadEndError
        return Node(rule, goal, (self.synthesise(whole, steps - minor, assumed), self.check(side, minor, assumed)))

    def side(self, goal: Formula, steps: int, assumed: tuple[Formula, ...]) -> Formula:
        """What a conditional is to be applied to: where nothing is to be proved of it, often an assumption."""
        if goal == "F" and self.unused and self.unused[-1][0] == "~" and self.rng.below(2):
            return self.unused[-1][1]
        if steps == 0 and self.unused:
            found = self.unused[-1]
        elif steps == 1 and self.unused and self.unused[-1][0] == "&":
            found = self.rng.choice(self.unused[-1][1:])
        else:
            found = self.formula()
        if found == goal or (goal[0] == "->" and found == goal[1]):
            raise DeadEndError
        return found

    def cases(self, goal: Formula, steps: int, assumed: tuple[Formula, ...]) -> Node:
        """Both sides of a disjunction lead there."""
        open_ones = [each for each in self.unused if each[0] == "v"]
        whole = open_ones[-1] if open_ones else ("v", self.literal(), self.literal())
        if whole[1] == whole[2] or steps < 2:
            raise DeadEndError
        first = self.rng.between(1, steps - 1)
        top = self.leaf(whole, assumed)
        subs = [
            (side, self.under(goal, side, count, assumed))
            for side, count in ((whole[1], first), (whole[2], steps - first))
        ]
        return Node("VE", goal, (top,), tuple(subs))


_INTRODUCTIONS = ("&I", "VI", "->I", "<->I", "~I", "RAA")


def sound_problem(premises: Sequence[Formula], goal: Formula, atoms: str) -> bool:
    """Whether all premises are needed, the goal does not hold anyway, and no two lines reach it."""
    column = columns(atoms)
    full = (1 << (1 << len(atoms))) - 1
    bits = [table(premise, column, full) for premise in premises]
    wanted = table(goal, column, full)
    if wanted == full:
        return False
    if any(_all(bits[:at] + bits[at + 1 :], full) & ~wanted == 0 for at in range(len(bits))):
        return False
    return not in_two_steps(premises, goal)


def _all(bits: Sequence[int], full: int) -> int:
    for each in bits:
        full &= each
    return full


def in_two_steps(premises: Sequence[Formula], goal: Formula) -> bool:
    """Whether two lines without an assumption reach the goal; only parts of what is given are tried for the first.

    Example:
        >>> in_two_steps(["p", ("->", "p", "q")], "q"), in_two_steps([("->", "p", "q"), ("->", "q", "r")], "r")
        (True, False)
    """
    known = set(premises)
    if one_step(known, goal):
        return True
    parts = {part for formula in (*premises, goal) for part in walk(formula)} - known
    return any(one_step({*known, part}, goal) for part in parts if one_step(known, part))


def one_step(known: set[Formula], goal: Formula) -> bool:
    """Whether one line without an assumption reaches the goal."""
    for each in known:
        kind = each[0]
        if kind == "&" and goal in each[1:]:
            return True
        if kind == "->" and each[2] == goal and each[1] in known:
            return True
        if kind == "<->" and ((each[1] == goal and each[2] in known) or (each[2] == goal and each[1] in known)):
            return True
        if kind == "~" and (each[1] == ("~", goal) or (goal == "F" and each[1] in known)):
            return True
    kind = goal[0]
    if kind == "&":
        return goal[1] in known and goal[2] in known
    if kind == "<->":
        return ("->", goal[1], goal[2]) in known and ("->", goal[2], goal[1]) in known
    return kind == "v" and (goal[1] in known or goal[2] in known)
