"""Problems: the table of families, reference machines, hidden tests, and exact equivalence for evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from rlvr_gym.envs.manufactoria.family import FOUR, TIERS, Family, Problem, word
from rlvr_gym.envs.manufactoria.regular import REGULAR
from rlvr_gym.envs.manufactoria.writing import WRITING
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.task import Task
from rlvr_gym.verifiers import ConfigError, make_verifier
from rlvr_gym.verifiers.errors import shown, suggestion
from rlvr_gym.verifiers.extraction import NoSlot
from rlvr_gym.verifiers.manufactoria import (
    Automaton,
    Program,
    ProgramError,
    acceptance_suite,
    automaton_of,
    checked_suite,
    difference,
    find_program,
    output_suite,
    parse,
    parse_compact,
)

FAMILIES = {family.tag: family for family in (*REGULAR, *WRITING)}
MOST_MUTANTS = 80  # of a machine that writes: each is run, and not solved for
_LONGEST = 12


def chosen_families(families: Any) -> tuple[Family, ...]:
    """The families of a setting: `"all"`, a tier, a tag, or a list of tags.

    Raises:
        ConfigError: There is no such family.

    Example:
        >>> [family.tag for family in chosen_families("basic")], chosen_families(["HAS"])[0].tier
        (['START', 'EXACT', 'APPEND'], 'easy')
    """
    if families == "all":
        return tuple(FAMILIES.values())
    if isinstance(families, str) and families in TIERS:
        return tuple(family for family in FAMILIES.values() if family.tier == families)
    tags = [families] if isinstance(families, str) else families
    if not isinstance(tags, list | tuple) or not tags:
        raise ConfigError(f"families must be 'all', a tier, a tag or a list of tags, got {shown(families)}")
    for tag in tags:
        if not isinstance(tag, str) or tag not in FAMILIES:
            raise ConfigError(f"there is no family {shown(tag)}{suggestion(str(tag), [*FAMILIES, *TIERS, 'all'])}")
    return tuple(FAMILIES[tag] for tag in dict.fromkeys(tags))


def wanted_automaton(problem: Problem) -> Automaton | None:
    """The minimal automaton of a problem's language; None where it is not regular or an output is wanted."""
    family = FAMILIES[problem.tag]
    return None if family.automaton is None else family.automaton(problem.values, problem.alphabet)


def reference_program(problem: Problem) -> Program:
    """The reference machine.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria import to_compact
        >>> to_compact(reference_program(Problem("HAS", "RB", ("ordered", "RB"))))
        'P10-;P1!-;'
    """
    return FAMILIES[problem.tag].program(problem.values, problem.alphabet)


@lru_cache(maxsize=4096)
def hidden_tests(problem: Problem, count: int) -> tuple[dict[str, Any], ...]:
    """The hidden tests of a problem; they depend on the problem and their number alone.

    Args:
        problem: The problem.
        count: How many there are to be; those that mutants of the reference machine need are kept in any case.
    """
    family, program = FAMILIES[problem.tag], reference_program(problem)
    rng = TaskRandom(b"Manufactoria tests|" + problem.key.encode())
    automaton = wanted_automaton(problem)
    if automaton is not None:
        return tuple(acceptance_suite(program, automaton, _tapes(automaton, rng, count), count))
    pool = _pool(problem, rng)
    if family.output:
        return tuple(output_suite(program, lambda tape: _wanted(problem, tape), pool, count, MOST_MUTANTS))
    return tuple(checked_suite(program, lambda tape: _wanted(problem, tape), pool, count, MOST_MUTANTS))


def shown_tests(problem: Problem, count: int, hidden: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tests for the prompt, none of which is hidden, accepted and rejected in turn; fewer where there are no more."""
    rng = TaskRandom(b"Manufactoria shown|" + problem.key.encode())
    automaton = wanted_automaton(problem)
    tapes = list(_tapes(automaton, rng, 4 * count)) if automaton is not None else _pool(problem, rng)
    known = {test["input"] for test in hidden}
    output = FAMILIES[problem.tag].output
    found = [_test(tape, _wanted(problem, tape), output) for tape in dict.fromkeys(tapes) if tape not in known]
    sides = [[test for test in found if test["expected_accepted"] is side] for side in (True, False)]
    mixed = [test for pair in zip_longest(*sides) for test in pair if test is not None]
    return mixed[:count]


def _test(tape: str, wanted: Any, output: bool) -> dict[str, Any]:
    text = wanted if output else ""
    return {"input": tape, "expected_output": text, "expected_accepted": output or wanted, "check_output": output}


def _wanted(problem: Problem, tape: str) -> Any:
    return FAMILIES[problem.tag].wanted(problem.values, tape)


def _pool(problem: Problem, rng: TaskRandom) -> list[str]:
    make = FAMILIES[problem.tag].pool
    tapes = make(problem.values, rng) if make is not None else []
    return list(dict.fromkeys(tape for tape in tapes if not tape.strip(problem.alphabet)))


def _tapes(automaton: Automaton, rng: TaskRandom, count: int) -> Iterator[str]:
    """Tapes that are accepted and tapes that are rejected, of many lengths, in turn."""
    for _ in range(2 * count):
        for accepted in (True, False):
            tape = _sample(automaton, accepted, rng.between(0, _LONGEST), rng)
            if tape is not None:
                yield tape
        yield word(rng, rng.between(1, 5), automaton.alphabet)


def _sample(automaton: Automaton, accepted: bool, length: int, rng: TaskRandom) -> str | None:
    """A tape of this length that is accepted (or rejected), all alike likely; None where there is none."""
    counts = _counts(automaton, accepted, length)
    if not counts[length][0]:
        return None
    state, tape = 0, ""
    for left in range(length, 0, -1):
        at = rng.below(counts[left][state])
        for symbol, to in zip(automaton.alphabet, automaton.moves[state], strict=True):
            if at < counts[left - 1][to]:
                state, tape = to, tape + symbol
                break
            at -= counts[left - 1][to]
    return tape


@lru_cache(maxsize=256)
def _counts(automaton: Automaton, accepted: bool, length: int) -> list[list[int]]:
    """How many tapes of each length lead from each state to where they are accepted (or rejected)."""
    rows = [[int((mark.value == "accept") == accepted) for mark in automaton.marks]]
    for _ in range(length):
        rows.append([sum(rows[-1][to] for to in ways) for ways in automaton.moves])
    return rows


def problem_of(task: Task) -> Problem:
    """The problem that a task of this family was made of."""
    tag, alphabet, values = task.private["problem"]
    return Problem(tag, alphabet, tuple(values))


def exactly_solves(task: Task, response: str, *, surface: str) -> bool | None:
    """Whether a program is right on every tape; for evaluation, never for a reward.

    Args:
        task: A task of `rlvr/Manufactoria-v0`.
        response: What a policy said.
        surface: See `manufactoria@1`.

    Returns:
        False where a hidden test fails; for a regular language and a program without painters the exact answer, with
        non-halting as wrong; None where all tests pass and nothing more is known.

    Example:
        >>> from rlvr_gym.envs.manufactoria import ManufactoriaEnv
        >>> env = ManufactoriaEnv(families="HAS", style="compact")
        >>> _ = env.reset(options={"task_index": 0})
        >>> exactly_solves(env.task, env.task.solution, surface="compact")
        True
        >>> exactly_solves(env.task, "!", surface="compact")
        False
    """
    verifier = make_verifier("manufactoria@1", surface=surface)
    if not verifier.verify(response, task.reference).passed:
        return False
    text = find_program(response, surface)
    wanted = wanted_automaton(problem_of(task))
    if wanted is None or isinstance(text, NoSlot):
        return None
    try:
        program = parse_compact(text) if surface == "compact" else parse(text)
    except ProgramError:
        return False
    return None if program.paints else difference(automaton_of(program, wanted.alphabet), wanted) is None


def canonical(problem: Problem) -> str:
    """What decides the side of the split: the language where it is regular, so that no two names of it are parted.

    Example:
        >>> one, two = Problem("REGEX", "RB", ("(R)+",)), Problem("REGEX", "RB", ("(R)(R)*",))
        >>> canonical(one) == canonical(two)
        True
    """
    automaton = wanted_automaton(problem)
    if automaton is None:
        return problem.key
    marks = "".join("+" if mark.value == "accept" else "-" for mark in automaton.marks)
    return f"{problem.alphabet}|{marks}|{automaton.moves}"


def is_worth_asking(problem: Problem) -> bool:
    """Whether some tapes are accepted and some are not, and a machine has more than one puller to find."""
    automaton = wanted_automaton(problem)
    return automaton is None or (len(set(automaton.marks)) == 2 and len(automaton.moves) > 2)


def alphabet_of(family: Family, colours: int) -> str:
    """Four colours where they are asked for and the family has them, else two."""
    return FOUR if colours == 4 and family.four else FOUR[:2]
