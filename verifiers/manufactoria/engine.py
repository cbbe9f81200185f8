"""Runs of a program: a loop over integers for judging, and the same step by step for people."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from rlvr_gym.verifiers.manufactoria.program import END, NONE, PAINTERS, PULLERS, START, SYMBOLS, Program

COMPAT_VISITS = 1000
MOST_VISITS = 100_000
_NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS)}
_FIRST_MARK = 64
_NOWHERE = -3  # no target and no node


class Outcome(StrEnum):
    """How a run ends: at `end`, at NONE, never (which is proved), or not within the visits that it is given."""

    ACCEPT = "accept"
    REJECT = "reject"
    LOOP = "loop"
    BUDGET = "budget"


class Run(NamedTuple):
    """A run.

    Args:
        outcome: How it ended.
        tape: What was on the tape then, from the front.
        visits: Nodes that were visited, the start and the end among them.
    """

    outcome: Outcome
    tape: str
    visits: int


def strict_budget(program: Program, tape: str) -> int:
    """The visits of the strict mode: at most 100,000, growing with the square of the tape, as for many passes.

    Example:
        >>> strict_budget(Program((None,) * 5), "RBRB")
        1293
    """
    return min(MOST_VISITS, 1000 + 8 * (len(tape) + 2) ** 2 + len(program.nodes))


def run(program: Program, tape: str, budget: int) -> Run:
    """Run a program on a tape.

    A loop is proved where more pullers in a row take nothing than there are nodes, and where the machine comes back to
    a node with the same tape (Brent's algorithm: what is compared with is renewed at every power of two).

    Args:
        program: The machine.
        tape: Symbols of `RBYG`, the front first.
        budget: Visits, at most.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria.program import parse_compact
        >>> run(parse_compact("P!--;"), "RB", 100)
        Run(outcome=<Outcome.ACCEPT: 'accept'>, tape='B', visits=3)
        >>> run(parse_compact("P12-;R0;B0;"), "RB", 1000).outcome.value
        'loop'
        >>> run(parse_compact("R0;"), "", 1000).outcome.value
        'budget'
    """
    ops, first, second, last = program.columns
    queue = [_NUMBERS[symbol] for symbol in tape]
    head, end, size = 0, len(queue), len(ops)
    node, visits, idle = START, 0, 0
    mark, watched, saved = _FIRST_MARK, _NOWHERE, list[int]()
    while node >= 0:
        if visits >= budget:
            return Run(Outcome.BUDGET, _text(queue, head), visits)
        visits += 1
        op = ops[node]
        if op >= 2:
            queue.append(op - 2)
            end += 1
            idle = 0
            node = last[node]
        elif head < end and queue[head] >> 1 == op:
            node = second[node] if queue[head] & 1 else first[node]
            head += 1
            idle = 0
        else:
            node = last[node]
            idle += 1
            if idle > size:
                return Run(Outcome.LOOP, _text(queue, head), visits)
        if node == watched and end - head == len(saved) and queue[head:] == saved:
            return Run(Outcome.LOOP, _text(queue, head), visits)
        if visits == mark and node >= 0:
            mark *= 2
            watched, saved = node, queue[head:]
    if node == NONE:
        return Run(Outcome.REJECT, _text(queue, head), visits)
    outcome = Outcome.ACCEPT if visits < budget else Outcome.BUDGET  # the end is visited too
    return Run(outcome, _text(queue, head), min(visits + 1, budget))


def _text(queue: list[int], head: int) -> str:
    return "".join([SYMBOLS[number] for number in queue[head:]])


class Moment(NamedTuple):
    """The machine before a node acts: the index of the node (`END` and `NONE` at the end) and the tape."""

    node: int
    tape: str


def trace(program: Program, tape: str) -> Iterator[Moment]:
    """The moments of a run, one after another, written from the definition and not from `run`; may go on for ever.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria.program import parse_compact
        >>> [tuple(moment) for moment in trace(parse_compact("B1;P!1-;"), "RB")]
        [(0, 'RB'), (1, 'RB'), (2, 'RBB'), (-1, 'BB')]
    """
    number = START
    while True:
        yield Moment(number, tape)
        if number in (END, NONE):
            return
        node = program.nodes[number]
        pulled = PULLERS.get(node.kind, "")
        if node.kind in PAINTERS:
            tape += PAINTERS[node.kind]
        if pulled and tape and tape[0] in pulled:
            number, tape = node.targets[pulled.index(tape[0])], tape[1:]
        else:
            number = node.targets[-1]
