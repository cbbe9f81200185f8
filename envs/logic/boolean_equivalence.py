"""`rlvr/BooleanEquivalence-v0`: write a formula that is equivalent to a given one in a language of fewer means.

Any equivalent formula of the language passes: `boolean@1` compares truth tables, never texts.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.logic.boolean import in_form
from rlvr_gym.verifiers.logic.formula import Formula, columns, connectives, table, walk, write_formula

_LANGUAGES: dict[str, tuple[list[str] | None, str]] = {
    "nand": (["nand"], "Use no operator but nand."),
    "and_not": (["~", "&"], "Use no operators but ~ and &."),
    "or_not": (["~", "v"], "Use no operators but ~ and v."),
    "implies_not": (["~", "->"], "Use no operators but ~ and ->."),
    "cnf": (["~", "&", "v"], "Write it as a conjunction of clauses: disjunctions of variables and negated variables."),
    "dnf": (["~", "&", "v"], "Write it as a disjunction of conjunctions of variables and negated variables."),
    "short": (
        None,
        "Use at most {most} operators, each ~ and each of the others counted once for each time it stands.",
    ),
}
_MOST_CHARS = 1500  # of an answer that is made
_OPERATORS = ("&", "v", "->", "<->", "^")


class Problem(NamedTuple):
    """The given formula, its truth table, and an answer."""

    given: Formula
    column: int
    answer: Formula


class BooleanEquivalenceTaskSet(ProceduralTaskSet[Problem]):
    """Formulas that depend on each of their variables and break the restriction that is asked for.

    Args:
        ask: The restriction: `"nand"`, `"and_not"`, `"or_not"`, `"implies_not"` (which operators are left), `"cnf"`,
            `"dnf"` (normal forms), or `"short"` (a limit on the number of operators, which the given formula is over).
        variables: How many variables, 2 to 6.
        connectives: Operators of two sides in the formula that is drawn, from one less than variables to 12; of
            `"short"` the given one is a longer version of it.
        style: See `ProceduralTaskSet`; compact problems look like `nand:a&b->c=`, or `4:...=` for at most 4 operators.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self, *, ask: str = "nand", variables: int = 4, connectives: int = 4, **common: Unpack[Common]
    ) -> None:
        if ask not in _LANGUAGES:
            raise ConfigError(f"ask must be one of {', '.join(_LANGUAGES)}; got {shown(ask)}")
        self._ask = ask
        self._atoms = "abcdef"[: check_int("variables", variables, 2, 6)]
        self._connectives = check_int("connectives", connectives, variables - 1, 12)
        super().__init__("BooleanEquivalence", **common)
        self._column, self._full = columns(self._atoms), (1 << (1 << variables)) - 1
        self._difficulty = {"ask": ask, "variables": variables, "connectives": connectives}

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            formula = _random(rng, self._atoms, self._connectives)
            column = table(formula, self._column, self._full)
            if not self._depends(column):
                continue
            if self._ask == "short":
                given = _longer(rng, formula)
                if connectives(given) >= connectives(formula) + 3:
                    return Problem(given, column, formula)
            elif not self._is_answer(formula):
                answer = self._translated(formula, column)
                if len(write_formula(answer)) <= _MOST_CHARS:
                    return Problem(formula, column, answer)
        raise ConfigError(f"BooleanEquivalence: no problem in {self._MAX_DRAWS:,} draws: raise connectives")

    def split_key(self, problem: Problem) -> str:
        """How many rows hold, alone and with each variable and pair of variables: renamed formulas share it."""
        bits = list(self._column.values())
        single = sorted((problem.column & each).bit_count() for each in bits)
        pairs = sorted((problem.column & one & two).bit_count() for at, one in enumerate(bits) for two in bits[:at])
        return f"{self._ask}{len(bits)}:{problem.column.bit_count()}{single}{pairs}"

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        operators, asked = _LANGUAGES[self._ask]
        most = connectives(problem.answer) if self._ask == "short" else None
        if self.style == "compact":
            given, solution = write_formula(problem.given, ""), write_formula(problem.answer, "")
            prompt = f"{self._ask if most is None else most}:{given}="
        else:
            given = write_formula(problem.given)
            prompt = (
                f"Write a formula that is equivalent to\n\n{given}\n\n{asked.format(most=most)} ~ is not, & is and, "
                "v is or, ^ is exclusive or, -> is if ... then, <-> is if and only if, a nand b is ~(a & b). "
                "~ binds tightest, then & and nand, then ^, then v, then ->, then <->; a nand b nand c needs "
                "brackets. Give it as <answer>formula</answer>."
            )
            solution = f"<answer>{write_formula(problem.answer)}</answer>"
        reference: dict[str, Any] = {"formula": given}
        reference |= {} if operators is None else {"operators": operators}
        reference |= {"form": self._ask} if self._ask in ("cnf", "dnf") else {}
        reference |= {} if most is None else {"max_connectives": most}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)

    def _depends(self, column: int) -> bool:
        """Whether the value depends on every variable."""
        for at, bits in enumerate(self._column.values()):
            if (column & bits) >> (1 << at) == column & (self._full ^ bits):
                return False
        return True

    def _is_answer(self, formula: Formula) -> bool:
        if self._ask in ("cnf", "dnf"):
            return in_form(formula, self._ask)
        return {part[0] for part in walk(formula) if isinstance(part, tuple)} <= set(_LANGUAGES[self._ask][0] or ())

    def _translated(self, formula: Formula, column: int) -> Formula:
        if self._ask in ("cnf", "dnf"):
            return _normal_form(column, self._atoms, self._ask)
        return _Writer(self._ask).translated(formula)


class BooleanEquivalenceEnv(ProceduralEnv):
    """Write an equivalent formula in a restricted language; judged by its truth table with `boolean@1`.

    Knobs: those of `BooleanEquivalenceTaskSet`. The reward `"dense"` pays for the rows that are right beyond those that
    the best constant or single variable has right, where the restriction is kept.

    Example:
        >>> env = BooleanEquivalenceEnv(ask="and_not", variables=2, connectives=2, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="A formula in `<answer>` tags, a box or after `####`; the formula alone in style=compact.",
        licence=GENERATED,
        chance=0.01,
        chance_reason="no function is asked for in more than 0.5 % of 5,000 default tasks, so that no constant formula "
        "is right more often; the given formula never passes",
        distinct=1_000_000,
        levels=(
            {"ask": "and_not", "variables": 3, "connectives": 3},
            {"ask": "nand", "variables": 3, "connectives": 3},
            {"ask": "nand", "variables": 4, "connectives": 4},
            {"ask": "cnf", "variables": 4, "connectives": 6},
            {"ask": "nand", "variables": 5, "connectives": 6},
            {"ask": "short", "variables": 6, "connectives": 8},
        ),
        effort=("variables", "connectives"),
    )

    taskset_class = BooleanEquivalenceTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("boolean@1", **compact_markers(style))


def _random(rng: TaskRandom, atoms: str, count: int) -> Formula:
    """A formula with so many operators of two sides and with each atom; one part in four is negated."""
    leaves = [*atoms, *(rng.choice(atoms) for _ in range(count + 1 - len(atoms)))]
    for at in range(len(leaves) - 1, 0, -1):
        other = rng.below(at + 1)
        leaves[at], leaves[other] = leaves[other], leaves[at]
    parts: list[Formula] = [each if rng.below(4) else ("~", each) for each in leaves]
    while len(parts) > 1:
        at = rng.below(len(parts) - 1)
        joined: Formula = (rng.choice(_OPERATORS), parts[at], parts[at + 1])
        parts[at : at + 2] = [joined if rng.below(6) else ("~", joined)]
    return parts[0]


def _longer(rng: TaskRandom, formula: Formula) -> Formula:
    """An equivalent formula that says parts of it in a longer way."""
    if isinstance(formula, str):
        return formula
    operator = formula[0]
    parts = [_longer(rng, part) for part in formula[1:]]
    if operator == "~" or not rng.below(3):
        return (operator, *parts)
    left, right = parts
    if operator == "&":
        return ("~", ("v", _negated(left), _negated(right))) if rng.below(2) else ("~", ("->", left, _negated(right)))
    if operator == "v":
        return ("~", ("&", _negated(left), _negated(right))) if rng.below(2) else ("->", _negated(left), right)
    if operator == "->":
        return ("v", right, _negated(left)) if rng.below(2) else ("->", _negated(right), _negated(left))
    if operator == "<->":
        return ("~", ("^", left, right)) if rng.below(2) else ("^", _negated(left), right)
    return ("~", ("<->", left, right)) if rng.below(2) else ("<->", _negated(left), right)


def _negated(formula: Formula) -> Formula:
    return formula[1] if formula[0] == "~" else ("~", formula)


class _Writer:
    """Says formulas in a language of few operators."""

    def __init__(self, language: str) -> None:
        self._language = language

    def translated(self, formula: Formula) -> Formula:
        if isinstance(formula, str):
            return formula
        if formula[0] == "~":
            return self._no(self.translated(formula[1]))
        operator, left, right = formula[0], self.translated(formula[1]), self.translated(formula[2])
        if operator == "&":
            return self._both(left, right)
        if operator == "v":
            return self._either(left, right)
        if operator == "->":
            return self._either(self._no(left), right)
        if operator == "^":
            left = self._no(left)
        return self._either(self._both(left, right), self._both(self._no(left), self._no(right)))

    def _no(self, one: Formula) -> Formula:
        if self._language == "nand":
            return one[1] if one[0] == "nand" and one[1] == one[2] else ("nand", one, one)
        return _negated(one)

    def _either(self, one: Formula, two: Formula) -> Formula:
        if self._language == "and_not":
            return self._no(("&", self._no(one), self._no(two)))
        if self._language == "nand":
            return ("nand", self._no(one), self._no(two))
        return ("v", one, two) if self._language == "or_not" else ("->", self._no(one), two)

    def _both(self, one: Formula, two: Formula) -> Formula:
        if self._language == "and_not":
            return ("&", one, two)
        if self._language == "nand":
            return self._no(("nand", one, two))
        return self._no(self._either(self._no(one), self._no(two)))


def _normal_form(column: int, atoms: str, form: str) -> Formula:
    """One clause for each row that does not hold, or one conjunction for each row that does."""
    outer, inner = ("&", "v") if form == "cnf" else ("v", "&")
    parts: list[Formula] = []
    for row in range(1 << len(atoms)):
        if (column >> row & 1) == (form == "dnf"):
            literals = [atom if (row >> at & 1) == (form == "dnf") else ("~", atom) for at, atom in enumerate(atoms)]
            parts.append(_chain(inner, literals))
    return _chain(outer, parts)


def _chain(operator: str, parts: list[Formula]) -> Formula:
    whole = parts[0]
    for part in parts[1:]:
        whole = (operator, whole, part)
    return whole
