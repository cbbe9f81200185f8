"""`rlvr/NaturalDeduction-v0`: prove a conclusion from premises, line by line, by the rules of natural deduction.

Problems are made from a proof, so each has one; any other proof passes as well, because `deduction@1` checks every line
and compares with none.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.logic.proofs import DeadEndError, Maker, Node, sound_problem
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.logic.formula import Formula, write_formula

_ATOMS = "pqrstuw"
_RULES = """Prove the conclusion from the premises by natural deduction.

{given}
Conclusion: {goal}

~ is not, & is and, v is or, -> is if ... then, <-> is if and only if, F is the false; & binds tighter than v, and \
v tighter than ->. Each line is a number, one bar | for each assumption that is open, a formula, a colon, and a rule \
with the lines it uses. An assumption opens a subproof with one bar more; a line with fewer bars closes it, and from \
then on only the subproof as a whole can be used, as 4-7. The rules, where A, B, C stand for any formulas:
premise; assumption; R: A from A
&I: A & B from A and B; &E: A from A & B, B from A & B
vI: A v B from A or from B; vE: C from A v B, a subproof from A to C and one from B to C
->I: A -> B from a subproof from A to B; ->E: B from A -> B and A
<->I: A <-> B from A -> B and B -> A; <->E: B from A <-> B and A, A from A <-> B and B
~I: ~A from a subproof from A to F; ~E: F from A and ~A; FE: A from F
RAA: A from a subproof from ~A to F; DNE: A from ~~A
The last line is the conclusion, without a bar. For example, p -> r from p -> q and q -> r:
1. p -> q : premise
2. q -> r : premise
3. | p : assumption
4. | q : ->E 1 3
5. | r : ->E 2 4
6. p -> r : ->I 3-5

Give the proof as <answer>lines</answer>."""


class Problem(NamedTuple):
    """What is given, what is to be proved, and a proof."""

    premises: tuple[Formula, ...]
    goal: Formula
    proof: Node


class NaturalDeductionTaskSet(ProceduralTaskSet[Problem]):
    """Sequents of propositional logic with a proof of each.

    The premises agree with each other, each of them is needed, and no two lines without an assumption reach the goal.

    Args:
        steps: Lines of the proof from which a problem is made, premises, assumptions and repetitions not counted; 3 to
            12.
        atoms: How many different atoms formulas are drawn from, 3 to 7.
        style: See `ProceduralTaskSet`; compact problems look like `p->q,q->r|-p->r`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, steps: int = 5, atoms: int = 6, **common: Unpack[Common]) -> None:
        self._steps = check_int("steps", steps, 3, 12)
        self._atoms = _ATOMS[: check_int("atoms", atoms, 3, len(_ATOMS))]
        super().__init__("NaturalDeduction", **common)

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            problem = self._attempt(rng)
            if problem is not None:
                return problem
        raise ConfigError(f"NaturalDeduction: no problem of {self._steps} steps in {self._MAX_DRAWS:,} draws")

    def split_key(self, problem: Problem) -> str:
        """Shapes of premises and goal, with every atom the same: renamed and reordered problems share it."""
        return f"{sorted(map(_shape, problem.premises))}{_shape(problem.goal)}"

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        compact = self.style == "compact"
        space = "" if compact else " "
        written = [write_formula(premise, space) for premise in problem.premises]
        goal = write_formula(problem.goal, space)
        writer = Writer(problem, space)
        if compact:
            prompt, solution = f"{','.join(written)}|-{goal}\n", writer.text
        else:
            prompt = _RULES.format(given="\n".join(f"Premise: {each}" for each in written), goal=goal)
            solution = f"<answer>\n{writer.text}\n</answer>"
        reference = {"premises": written, "goal": goal, "milestones": writer.milestones}
        lines = len(writer.lines)
        difficulty = {"steps": self._steps, "atoms": len(self._atoms), "premises": len(written), "lines": lines}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)

    def _attempt(self, rng: TaskRandom) -> Problem | None:
        try:
            maker = Maker(rng, self._atoms, "F")
            maker.goal = goal = maker.formula()
            proof = maker.check(goal, self._steps, ())
        except DeadEndError:
            return None
        if not sound_problem(maker.premises, goal, self._atoms):
            return None
        premises = maker.premises
        for at in range(len(premises) - 1, 0, -1):
            other = rng.below(at + 1)
            premises[at], premises[other] = premises[other], premises[at]
        problem = Problem(tuple(premises), goal, proof)
        return problem if Writer(problem).steps == self._steps else None  # fewer where a line serves twice


class Writer:
    """Writes a proof out.

    Args:
        problem: Whose proof.
        space: What stands around operators.
    """

    def __init__(self, problem: Problem, space: str = " ") -> None:
        self.lines: list[str] = []
        self.steps = 0
        self.milestones: list[Any] = []
        self._space = space
        known = {premise: self._line(premise, (), "premise") for premise in problem.premises}
        self._write(problem.proof, (), known)
        self.milestones.pop()  # the conclusion itself

    @property
    def text(self) -> str:
        """The lines of the proof."""
        return "\n".join(self.lines)

    def _line(self, formula: Formula, assumed: tuple[Formula, ...], rule: str) -> int:
        space = self._space
        number, written = len(self.lines) + 1, write_formula(formula, space)
        bars = f"|{space}" * len(assumed)
        self.lines.append(f"{number}.{space}{bars}{written}{space}:{space}{rule if space else _SHORT.get(rule, rule)}")
        if rule[0] not in "paR" or rule.startswith("RAA"):
            self.steps += 1
            self.milestones.append([[write_formula(each, space) for each in assumed], written])
        return number

    def _write(self, node: Node, assumed: tuple[Formula, ...], known: dict[Formula, int]) -> int:
        """The number of the line that says what the node says, which is written where it is not yet known."""
        if node.formula in known:
            return known[node.formula]
        cited = [str(self._write(line, assumed, known)) for line in node.lines]
        for assumption, body in node.subs:
            under = (*assumed, assumption)
            first = self._line(assumption, under, "assumption")
            last = self._write(body, under, {**known, assumption: first})
            if last != len(self.lines):  # known from outside
                last = self._line(body.formula, under, f"R {last}")
            cited.append(f"{first}-{last}")
        rule = node.rule.replace("V", "v")
        known[node.formula] = number = self._line(node.formula, assumed, f"{rule} {' '.join(cited)}")
        return number


_SHORT = {"premise": "P", "assumption": "A"}


def _shape(formula: Formula) -> str:
    if isinstance(formula, str):
        return "F" if formula == "F" else "x"
    if formula[0] == "->":
        return f"({_shape(formula[1])}>{_shape(formula[2])})"
    return "".join([formula[0], *sorted(map(_shape, formula[1:]))])


class NaturalDeductionEnv(ProceduralEnv):
    """Prove a conclusion from premises; every line is checked by `deduction@1`.

    Knobs: those of `NaturalDeductionTaskSet`. The reward `"dense"` pays for steps of one proof that were reached before
    the first line that does not follow, and for nothing else: neither for the number of lines nor for true lines that
    lead nowhere.

    Example:
        >>> env = NaturalDeductionEnv(steps=3, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="Numbered lines `3. | q : ->E 1 2` in `<answer>` tags, a box or after `####`; the lines alone in "
        "style=compact.",
        licence=GENERATED,
        chance=0.0,
        chance_reason="no premises, assumptions, echoes or proofs of other tasks prove any of 1,000 default tasks; "
        "with partial credit they earn nothing either",
        distinct=1_000_000,
        levels=(
            {"steps": 3, "atoms": 4},
            {"steps": 4, "atoms": 4},
            {"steps": 5, "atoms": 6},
            {"steps": 6, "atoms": 6},
            {"steps": 8, "atoms": 6},
            {"steps": 10, "atoms": 6},
        ),
    )

    taskset_class = NaturalDeductionTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("deduction@1", **compact_markers(style))
