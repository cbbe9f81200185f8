"""`rlvr/SAT-v0`: find values under which every clause of a formula holds.

Formulas are made around hidden values, so that they can be satisfied, and so that the signs do not tell these: in the
mean half of the literals of a clause hold under them, as under random values (the q-hidden formulas of Jia, Moore and
Strain, "Generating hard satisfiable formulas by hiding solutions deceptively", JAIR 28, 2007). Without this, the sign
that a variable has more often would lean towards its value.
"""

from __future__ import annotations

from math import perm
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.errors import shown

# Of a thousand clauses, how many have 1, 2, ... literals that hold under the hidden values. The mean is half of the
# literals; the rest is as near to C(k, t) q**t as whole numbers come.
_HOLDING = {2: (1000,), 3: (574, 352, 74), 4: (322, 404, 226, 48), 5: (181, 336, 311, 146, 26)}


class Problem(NamedTuple):
    """Clauses, and the values that they were made around."""

    clauses: list[list[int]]
    values: list[int]


class SATTaskSet(ProceduralTaskSet[Problem]):
    """Formulas in conjunctive normal form that can be satisfied.

    Args:
        variables: How many variables, 3 to 100.
        ratio: Clauses for each variable, in percent; 100 to 1,000. Random formulas of three literals are hardest, and
            seldom have more than a few solutions, at about 430.
        literals: Literals of a clause, 2 to 5, no more than variables.
        style: See `ProceduralTaskSet`; compact problems look like `3;1,-2;2,3:`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, variables: int = 12, ratio: int = 430, literals: int = 3, **common: Unpack[Common]) -> None:
        self._variables = check_int("variables", variables, 3, 100)
        self._literals = check_int("literals", literals, 2, 5)
        self._clauses = variables * check_int("ratio", ratio, 100, 1000) // 100
        if literals > variables:
            raise ConfigError(f"literals must be at most {variables}, the number of variables; got {shown(literals)}")
        super().__init__("SAT", **common)
        self._ways = 1000 * perm(variables, literals)  # of a clause: which variables in which order, and how many hold
        self._difficulty = {"variables": variables, "clauses": self._clauses, "literals": literals}

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        values = [rng.below(2) for _ in range(self._variables)]
        return Problem([self._clause(rng, values) for _ in range(self._clauses)], values)

    def split_key(self, problem: Problem) -> str:
        """How often each variable stands with either sign, without names, signs or order."""
        with_sign = [[0, 0] for _ in problem.values]
        for clause in problem.clauses:
            for literal in clause:
                with_sign[abs(literal) - 1][literal > 0] += 1
        return str(sorted(sorted(pair) for pair in with_sign))

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        values = "".join(map(str, problem.values))
        if self.style == "compact":
            written = ";".join(",".join(map(str, clause)) for clause in problem.clauses)
            prompt, solution = f"{self._variables};{written}:", values
        else:
            lines = "\n".join(" or ".join(map(_NAMES.__getitem__, clause)) for clause in problem.clauses)
            prompt = (
                f"Find values for x1 to x{self._variables}, each 0 (false) or 1 (true), under which every one of these "
                f"{len(problem.clauses)} clauses holds.\n\n{lines}\n\n"
                f"Give the {self._variables} values in order, as in <answer>{_example(self._variables)}</answer>."
            )
            solution = f"<answer>{' '.join(values)}</answer>"
        reference = {"variables": self._variables, "clauses": problem.clauses}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)

    def _clause(self, rng: TaskRandom, values: list[int]) -> list[int]:
        rest, place = divmod(rng.below(self._ways), 1000)
        pool, chosen = list(range(self._variables)), []
        for _ in range(self._literals):
            rest, at = divmod(rest, len(pool))
            chosen.append(pool.pop(at))
        holding = 1
        for weight in _HOLDING[self._literals]:
            if place < weight:
                break
            place -= weight
            holding += 1
        # Variables come in random order, so the first ones are as good as any to hold.
        clause = [at + 1 if bool(values[at]) == (number < holding) else -at - 1 for number, at in enumerate(chosen)]
        return sorted(clause, key=abs)


class SATEnv(ProceduralEnv):
    """Satisfy a formula; any values that do are right, judged by `sat@1`.

    Knobs: those of `SATTaskSet`. The reward `"dense"` begins to pay where fewer than a third as many clauses are broken
    as random values break.

    Example:
        >>> env = SATEnv(variables=4, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="One digit, 0 or 1, for each variable, in `<answer>` tags, a box or after `####`; alone in "
        "style=compact.",
        licence=GENERATED,
        chance=0.06,
        chance_reason="of 1,000 default tasks all 0, all 1 and random values satisfy at most 0.3 %, the sign that a "
        "variable has more often 2.4 %, and one pass that makes each broken clause hold by a free variable 5.2 %",
        distinct=1_000_000,
        levels=(
            {"variables": 5},
            {"variables": 8},
            {"variables": 12},
            {"variables": 16},
            {"variables": 25},
            {"variables": 50},
        ),
    )

    taskset_class = SATTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("sat@1", **compact_markers(style))


_NAMES = {sign * at: f"x{at}" if sign > 0 else f"not x{at}" for at in range(1, 101) for sign in (1, -1)}


def _example(count: int) -> str:
    return " ".join(str(at % 2) for at in range(count))
