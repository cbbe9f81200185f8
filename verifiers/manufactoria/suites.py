"""Test suites that no program nearly right passes: every mutant that differs at all fails one of the tests.

A mutant differs from a reference program in one edge, or in one painter that paints another colour or nothing. For
programs without painters a mutant that is right on all tapes at hand adds a shortest one on which it is not, found on
the product of two automata (where there is none it is no mutant), and a greedy cover keeps few of them. Shortest ones
pay for every step: a program with one fault fails few of them, one with two faults more. For programs with painters
tapes are looked for in a given pool, mutant by mutant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any

from rlvr_gym.verifiers.manufactoria.automata import Automaton, automaton_of, difference
from rlvr_gym.verifiers.manufactoria.engine import Outcome, run, strict_budget, trace
from rlvr_gym.verifiers.manufactoria.program import END, NONE, PAINTERS, PULLERS, START, Node, Program

Test = dict[str, Any]
_SMALL = 12  # nodes of a program whose edges are led to every node; in a larger one to the neighbours


def mutants(program: Program, edges: Collection[tuple[int, int]] | None = None) -> Iterator[Program]:
    """All programs that differ in one edge or one painter.

    In a program of more than 12 nodes an edge is led to `end`, NONE, its own node and the two next to it.

    Args:
        program: The program.
        edges: The edges to lead elsewhere, as a node and the place among its targets; all where there are none given.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria.program import parse_compact, to_compact
        >>> [to_compact(mutant) for mutant in mutants(parse_compact("R!;"))]
        ['!', '-', 'R-;', 'R0;', 'B!;', 'Y!;', 'G!;', '!']
    """
    size = len(program.nodes)
    everywhere = [END, NONE, *range(1, size)]
    for number, node in enumerate(program.nodes):
        near = [END, NONE, *(to for to in (number - 1, number, number + 1) if START < to < size)]
        for slot, target in enumerate(node.targets):
            for other in everywhere if size <= _SMALL else near:
                if other != target and (edges is None or (number, slot) in edges):
                    changed = (*node.targets[:slot], other, *node.targets[slot + 1 :])
                    yield _with(program, number, node._replace(targets=changed))
        if node.kind in PAINTERS:
            yield from (_with(program, number, node._replace(kind=kind)) for kind in PAINTERS if kind != node.kind)
            yield _without(program, number)


def _with(program: Program, number: int, node: Node) -> Program:
    return Program((*program.nodes[:number], node, *program.nodes[number + 1 :]))


def _without(program: Program, number: int) -> Program:
    """The program whose edges to a painter lead on to where the painter does."""
    beyond = program.nodes[number].targets[0]
    return Program(
        tuple(
            node._replace(targets=tuple(beyond if target == number else target for target in node.targets))
            if number in node.targets
            else node
            for node in program.nodes
        )
    )


def acceptance_suite(program: Program, wanted: Automaton, others: Iterable[str], size: int) -> list[Test]:
    """Tests of a program without painters that decides a regular language.

    Args:
        program: The reference program.
        wanted: The automaton of the language.
        others: Tapes to fill up with.
        size: How many tests there are to be, one half accepted and one half rejected as far as tapes suffice; the tests
            that mutants need are kept in any case.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria.program import parse_compact
        >>> program = parse_compact("P!0-;")  # has an R
        >>> suite = acceptance_suite(program, automaton_of(program, "RB"), ["RR", "BB", "BBB"], 4)
        >>> [(test["input"], test["expected_accepted"]) for test in suite]
        [('', False), ('R', True), ('B', False), ('BR', True)]
    """
    right = {"": wanted.outcome("")}
    killed = dict.fromkeys(right, 0)  # for each tape the mutants that fail on it, as bits
    for number, mutant in enumerate(mutants(program)):
        failed = [tape for tape, outcome in right.items() if _outcome(mutant, tape) is not outcome]
        if not failed:
            tape = difference(automaton_of(mutant, wanted.alphabet), wanted)
            if tape is None:
                continue
            right[tape], killed[tape] = wanted.outcome(tape), 0
            failed = [tape]
        for tape in failed:
            killed[tape] |= 1 << number
    return _balanced(_cover(killed), wanted.accepts, others, size)


def _cover(killed: dict[str, int]) -> list[str]:
    """Few tapes on which every mutant fails: again and again the one with the most that are left (greedy cover)."""
    left = 0
    for bits in killed.values():
        left |= bits
    tapes = []
    while left:
        best = max(killed, key=lambda tape: (killed[tape] & left).bit_count())
        left &= ~killed[best]
        tapes.append(best)
    return tapes


def checked_suite(
    program: Program, accepts: Callable[[str], bool], pool: Sequence[str], size: int, most: int
) -> list[Test]:
    """Tests of acceptance for a language that is not regular; mutants are told apart on the tapes of a pool.

    Args:
        program: The reference program; it halts on the tapes of the pool.
        accepts: The language.
        pool: Tapes to choose from.
        size: See `acceptance_suite`.
        most: Mutants that are looked at, evenly spread over all of them.
    """
    tapes = _killers(program, pool, most, lambda run_of, tape: (run_of[0] is Outcome.ACCEPT) == accepts(tape))
    return _balanced(tapes, accepts, pool, size)


def output_suite(
    program: Program, output: Callable[[str], str], pool: Sequence[str], size: int, most: int
) -> list[Test]:
    """Tests of what a program leaves on the tape; mutants are told apart on the tapes of a pool.

    Args:
        program: The reference program; it halts on the tapes of the pool.
        output: What is wanted.
        pool: Tapes to choose from.
        size: How many tests there are to be; those that mutants need are kept in any case. Of the others no more are
            filled up with tapes that stay as they are than make half of all.
        most: See `checked_suite`.
    """
    tapes = _killers(program, pool, most, lambda run_of, tape: run_of == (Outcome.ACCEPT, output(tape)))
    changed = [tape for tape in pool if output(tape) != tape]
    kept = list(dict.fromkeys([*tapes, *changed]))[: max(size, len(tapes))]
    # A machine that does nothing is right on the others, so that there are not more of them than mutants need.
    room = min(size - len(kept), 2 * sum(output(tape) != tape for tape in kept) - len(kept))
    kept += islice((tape for tape in pool if tape not in kept), max(0, room))
    return [
        {"input": tape, "expected_output": output(tape), "expected_accepted": True, "check_output": True}
        for tape in kept
    ]


def _outcome(program: Program, tape: str) -> Outcome:
    return run(program, tape, strict_budget(program, tape)).outcome


def _killers(
    program: Program, pool: Sequence[str], most: int, right: Callable[[tuple[Outcome, str], str], bool]
) -> list[str]:
    """Tapes of the pool of which every mutant that fails on one of the pool fails on one of these."""
    every = list(mutants(program, {edge for tape in pool for edge in _taken(program, tape)}))
    tapes = list(pool[:1])
    for mutant in every[:: max(1, -(-len(every) // most))]:
        for tape in (*tapes, *(tape for tape in pool if tape not in tapes)):
            ended = run(mutant, tape, strict_budget(mutant, tape))
            if not right((ended.outcome, ended.tape), tape):
                if tape not in tapes:
                    tapes.append(tape)
                break
    return tapes


def _taken(program: Program, tape: str) -> Iterator[tuple[int, int]]:
    """The edges that a run that halts takes: to lead another one elsewhere makes no difference to it."""
    for before, after in pairwise(trace(program, tape)):
        node = program.nodes[before.node]
        pulled = len(after.tape) < len(before.tape)
        yield before.node, PULLERS[node.kind].index(before.tape[0]) if pulled else len(node.targets) - 1


def _balanced(tapes: Sequence[str], accepts: Callable[[str], bool], others: Iterable[str], size: int) -> list[Test]:
    """Half of the tests accepted and half rejected, as far as there are enough tapes."""
    every = list(dict.fromkeys([*tapes, *others]))
    needed = {True: 0, False: 0}
    for tape in tapes:
        needed[accepts(tape)] += 1
    kept: list[str] = []
    for side in (True, False):
        count = max(size // 2, needed[side])
        kept += islice((tape for tape in every if accepts(tape) is side), count)
    rank = {tape: number for number, tape in enumerate(every)}
    return [
        {"input": tape, "expected_output": "", "expected_accepted": accepts(tape), "check_output": False}
        for tape in sorted(kept, key=rank.__getitem__)
    ]
