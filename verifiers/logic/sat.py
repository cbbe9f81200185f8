"""`sat@1`: values for variables under which every clause of a formula holds.

Any such values pass. The score of others starts from what chance gives: where no fewer clauses are broken than a third
of those that random values break on average, it is 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_VARIABLES = 500
MAX_CLAUSES = 5000
_VALUES = re.compile(r"[01](?:[ ,\n]*+[01])*+")


class Formula(NamedTuple):
    """Clauses over variables that are counted from 1; a negative number is a negated variable.

    Args:
        variables: How many there are.
        clauses: The clauses.
        expected: How many of them random values break on average.
    """

    variables: int
    clauses: Sequence[Sequence[int]]
    expected: float


@dataclass(frozen=True)
class Sat(RuleVerifier):
    """Judges values by the clauses.

    The reference is `{"variables": 3, "clauses": [[1, -2], [2, 3]]}`: at most 500 variables and 5,000 clauses, no
    variable twice in a clause. The answer is one digit, 0 or 1, for each variable, in order; blanks and commas may
    stand between them. The score of values under which u clauses do not hold is 1 - 3 u / e, at least 0, where e is how
    many do not hold under random values on average: a clause of k literals counts 2**-k.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Sat()
        >>> reference = {"variables": 3, "clauses": [[1, -2], [2, 3], [-1, -3]]}
        >>> verifier.verify("<answer>1 1 0</answer>", reference).passed
        True
        >>> verifier.verify("<answer>111</answer>", reference).reason.text
        '1 of 3 clauses does not hold, the first of them clause 3'
    """

    name = "sat"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Whether any values make every clause hold is not looked at: whoever writes the reference must know.",
        "How values were found is not judged: a lucky guess passes.",
        "Values of variables that stand in no clause are asked for and free.",
    )

    def parse_reference(self, reference: Any) -> Formula:
        """See the class."""
        try:
            variables, clauses = reference["variables"], reference["clauses"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_formula", "the reference must hold 'variables' and 'clauses'") from error
        if type(variables) is not int or not 1 <= variables <= MAX_VARIABLES:
            raise ReferenceFault("variables_out_of_range", f"'variables' must be 1 to 500, got {shown(variables)}")
        if not isinstance(clauses, list | tuple) or not 1 <= len(clauses) <= MAX_CLAUSES:
            raise ReferenceFault("no_clauses", f"'clauses' must be a list of 1 to 5,000, got {shown(clauses)}")
        expected = 0.0
        for clause in clauses:
            if not isinstance(clause, list | tuple) or not clause or any(type(each) is not int for each in clause):
                raise ReferenceFault("not_a_clause", f"a clause is a list of integers, got {shown(clause)}")
            named = {abs(each) for each in clause}
            if len(named) < len(clause) or min(named) < 1 or max(named) > variables:
                raise ReferenceFault("not_a_clause", f"a clause names variables from 1 on, once: {shown(clause)}")
            expected += 0.5 ** len(clause)
        return Formula(variables, clauses, expected)

    def read(self, text: str, gold: Formula) -> str:
        """The values as digits."""
        if _VALUES.fullmatch(text) is None:
            raise UnreadableError("not_values", "the values are digits 0 and 1 and nothing else")
        values = text.translate(_SEPARATORS)
        if len(values) != gold.variables:
            raise UnreadableError("wrong_length", f"{len(values)} values for {gold.variables} variables")
        return values

    def check(self, answer: str, gold: Formula) -> Finding:
        """See the class."""
        holding = {at if value == "1" else -at for at, value in enumerate(answer, start=1)}
        broken = [number for number, clause in enumerate(gold.clauses, start=1) if holding.isdisjoint(clause)]
        total = len(gold.clauses)
        parts = (Part("clauses", not broken, 1 - len(broken) / total, f"{total - len(broken)} of {total} hold"),)
        if not broken:
            return Finding(True, Reason("satisfied", "every clause holds"), parts=parts, extracted=answer)
        verb = "does" if len(broken) == 1 else "do"
        text = f"{len(broken)} of {total} clauses {verb} not hold, the first of them clause {broken[0]}"
        score = max(0.0, 1 - 3 * len(broken) / gold.expected)
        return Finding(False, Reason("broken_clauses", text), score, parts, answer)


_SEPARATORS = str.maketrans("", "", " ,\n")
