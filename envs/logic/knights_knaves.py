"""`rlvr/KnightsKnaves-v0`: who tells the truth and who lies, from what everybody says of everybody.

The solution is unique, which is found by brute force over all 2**n roles at once: the truth table of a statement is an
integer of 2**n bits.
"""

from __future__ import annotations

from functools import cache, reduce
from operator import and_
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers

NAMES = (
    *("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gina", "Hugo", "Iris", "Jack", "Kate", "Liam", "Mona"),
    *("Noah", "Olga", "Paul", "Quinn", "Rosa", "Sam", "Tina", "Uma", "Vito", "Wanda", "Xena", "Yuri", "Zoe"),
)
_ROLES = ("knave", "knight")
_JOINED = ("and", "or", "iff", "if")
_COUNTS = ("exactly", "at least", "at most")
_SIGNS = {"and": "&", "or": "|", "iff": "=", "if": ">", "exactly": "", "at least": "+", "at most": "-"}

Statement = tuple[Any, ...]  # `("is", 2, 1)`, `("count", "exactly", 2, 1)`, `("not", S)`, `("and", S, T)`, …


class Island(NamedTuple):
    """Names, what each of them says, and who is a knight: bit i for person i."""

    names: list[str]
    statements: list[Statement]
    knights: int


class KnightsKnavesTaskSet(ProceduralTaskSet[Island]):
    """Islands of knights and knaves. Those that differ in names and order fall on the same side of the split.

    Args:
        people: How many, 2 to 10. A guess is right with 1 in `2**people`.
        depth: How deep statements are nested, 0 to 3: 0 for `Ann is a knave` and `exactly 2 of us are knights`, 1 for
            two of them joined or one denied.
        style: See `ProceduralTaskSet`; compact problems look like `A:-B;B:(A&C);C:[2+]=`: people are letters, `-B` says
            that B is a knave, `&|=>` join, `!` denies, `[2]`, `[2+]`, `[2-]` say that exactly, at least, at most 2 are
            knights.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, people: int = 4, depth: int = 1, **common: Unpack[Common]) -> None:
        self._people = check_int("people", people, 2, 10)
        self._depth = check_int("depth", depth, 0, 3)
        super().__init__("KnightsKnaves", **common)
        self._difficulty = {"people": people, "depth": depth}

    def draw(self, rng: TaskRandom) -> Island:
        """See `ProceduralTaskSet.draw`."""
        n = self._people
        everywhere = (1 << (1 << n)) - 1
        variables = _variables(n)
        while True:
            knights = rng.below(1 << n)
            statements, fitting = [], []
            for speaker in range(n):
                while True:
                    said = self._statement(rng, self._depth)
                    table = truth_table(said, n)
                    fits = everywhere ^ table ^ variables[speaker]
                    if fits >> knights & 1 and fits != everywhere and table not in (0, everywhere):
                        break
                statements.append(said)
                fitting.append(fits)
            if reduce(and_, fitting) == 1 << knights:
                return Island(self._names(rng), statements, knights)

    def split_key(self, problem: Island) -> str:
        """See `ProceduralTaskSet.split_key`."""
        shapes = sorted(_shape(said, speaker) for speaker, said in enumerate(problem.statements))
        return f"{shapes}{problem.knights.bit_count()}"

    def make(self, problem: Island) -> Task:
        """See `ProceduralTaskSet.make`."""
        roles = [problem.knights >> person & 1 for person in range(self._people)]
        if self.style == "compact":
            names = [chr(65 + person) for person in range(self._people)]
            said = (f"{name}:{_short(s, self._people)}" for name, s in zip(names, problem.statements, strict=True))
            prompt, solution = f"{';'.join(said)}=", "".join(map(str, roles))
        else:
            names = problem.names
            prompt = self._question(names, problem.statements)
            given = (f"{name}: {_ROLES[role]}" for name, role in zip(names, roles, strict=True))
            solution = f"<answer>{', '.join(given)}</answer>"
        reference = {"people": names, "statements": [_named(said, names) for said in problem.statements]}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)

    def _question(self, names: list[str], statements: list[Statement]) -> str:
        said = (
            f'{name} says: "{_sentence(s, names, speaker)}"'
            for speaker, (name, s) in enumerate(zip(names, statements, strict=True))
        )
        return (
            "On an island everybody is either a knight, who always tells the truth, or a knave, who always lies. "
            f"You meet {', '.join(names[:-1])} and {names[-1]}. ('Or' means one or both.)\n\n"
            + "\n".join(said)
            + "\n\n"
            "What is each of them? Give everybody's role as <answer>"
            f"{names[0]}: knight or knave, {names[1]}: …</answer>."
        )

    def _names(self, rng: TaskRandom) -> list[str]:
        names: list[str] = []
        while len(names) < self._people:
            name = rng.choice(NAMES)
            if name not in names:
                names.append(name)
        return names

    def _statement(self, rng: TaskRandom, depth: int) -> Statement:
        """Of 12 that may be nested, 4 are plain, 1 is a denial and 7 are joined; of 4 plain ones 1 is a count."""
        kind = rng.below(12) if depth else 0
        if kind < 4:
            if rng.below(4):
                return ("is", rng.below(self._people), rng.below(2))
            how = rng.choice(_COUNTS)
            return ("count", how, rng.below(self._people) + (how == "at least"), rng.below(2))
        first = self._statement(rng, depth - 1)
        if kind == 4:
            return ("not", first)
        while (second := self._statement(rng, depth - 1)) == first:
            pass
        return (rng.choice(_JOINED), first, second)


class KnightsKnavesEnv(ProceduralEnv):
    """Say who is a knight and who a knave; verified by constraint with `knights@1`.

    Knobs: those of `KnightsKnavesTaskSet`. There is no partial credit, since half of the roles are right by chance.

    Example:
        >>> env = KnightsKnavesEnv(people=3, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        'A:(A&C);B:(-A=-B);C:(-C=B)='
        >>> env.step("101")[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="Everybody's role as `Ann: knight, Bob: knave` in `<answer>` tags, a box or after `####`; in "
        "style=compact a digit for each person in order, 1 for a knight.",
        licence=GENERATED,
        chance=0.1,
        chance_reason="of 10,000 default tasks the best constant solves 6.8 %, and 8.2 % who calls everybody a knight "
        "of whom the statements say knave no more often than knight; a guess is right with 1 in 2**people",
        distinct=10**9,
        levels=(
            {"people": 3, "depth": 0},
            {"people": 3, "depth": 1},
            {"people": 4, "depth": 1},
            {"people": 5, "depth": 2},
            {"people": 7, "depth": 2},
            {"people": 10, "depth": 3},
        ),
    )

    taskset_class = KnightsKnavesTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("knights@1", **compact_markers(style))


@cache
def _variables(people: int) -> list[int]:
    """For each person the truth table of `is a knight`: bit r is set where bit `person` of r is.

    Example:
        >>> [f"{table:04b}" for table in _variables(2)]
        ['1010', '1100']
    """
    return [sum(1 << roles for roles in range(1 << people) if roles >> person & 1) for person in range(people)]


@cache
def _counting(how: str, number: int, role: int, people: int) -> int:
    """The truth table of a count."""
    table = 0
    for roles in range(1 << people):
        counted = roles.bit_count() if role else people - roles.bit_count()
        fits = counted == number if how == "exactly" else counted >= number if how == "at least" else counted <= number
        table |= fits << roles
    return table


def truth_table(statement: Statement, people: int) -> int:
    """For which roles a statement is true: bit r of the table for the roles r.

    Example:
        >>> f"{truth_table(('and', ('is', 0, 1), ('is', 1, 0)), 2):04b}"
        '0010'
    """
    everywhere = (1 << (1 << people)) - 1
    kind = statement[0]
    if kind == "is":
        table = _variables(people)[statement[1]]
        return table if statement[2] else everywhere ^ table
    if kind == "count":
        return _counting(statement[1], statement[2], statement[3], people)
    first = truth_table(statement[1], people)
    if kind == "not":
        return everywhere ^ first
    second = truth_table(statement[2], people)
    if kind == "and":
        return first & second
    if kind == "or":
        return first | second
    return everywhere ^ first ^ second if kind == "iff" else everywhere ^ first | second


def _named(statement: Statement, names: list[str]) -> list[Any]:
    """A statement as the reference writes it."""
    kind, *rest = statement
    if kind == "is":
        return [kind, names[rest[0]], _ROLES[rest[1]]]
    if kind == "count":
        return [kind, rest[0], rest[1], _ROLES[rest[2]]]
    return [kind, *(_named(part, names) for part in rest)]


def _sentence(statement: Statement, names: list[str], speaker: int, inside: bool = False) -> str:
    """A statement in English; in brackets where it is joined and stands inside another."""
    kind, *rest = statement
    if kind == "is":
        return f"{'I am' if rest[0] == speaker else names[rest[0]] + ' is'} a {_ROLES[rest[1]]}"
    if kind == "count":
        number, role = rest[1], _ROLES[rest[2]]
        counted = f"is a {role}" if number == 1 else f"are {role}s"
        return f"{rest[0]} {number} of us {counted}"
    parts = [_sentence(part, names, speaker, True) for part in rest]
    if kind == "not":
        text = f"it is not true that {parts[0]}"
    elif kind == "if":
        text = f"if {parts[0]}, then {parts[1]}"
    else:
        text = f" {'if and only if' if kind == 'iff' else kind} ".join(parts)
    return f"({text})" if inside else text


def _short(statement: Statement, people: int) -> str:
    """A statement in the compact style."""
    kind, *rest = statement
    if kind == "is":
        return f"{'' if rest[1] else '-'}{chr(65 + rest[0])}"
    if kind == "count":
        how, number = rest[0], rest[1]
        if not rest[2]:  # so many knaves are so many fewer knights
            how, number = {"at least": "at most", "at most": "at least"}.get(how, how), people - number
        return f"[{number}{_SIGNS[how]}]"
    if kind == "not":
        return f"!{_short(rest[0], people)}"
    return f"({_short(rest[0], people)}{_SIGNS[kind]}{_short(rest[1], people)})"


def _shape(statement: Statement, speaker: int) -> str:
    """A statement in which only who speaks is told apart from the others."""
    kind, *rest = statement
    if kind == "is":
        return f"{'I' if rest[0] == speaker else 'X'}{rest[1]}"
    if kind == "count":
        return f"{rest[0]}{rest[1]}{rest[2]}"
    return f"{kind}({','.join(_shape(part, speaker) for part in rest)})"
