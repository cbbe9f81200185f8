"""Machines from specifications: acceptors, copying transducers, bit-by-bit arithmetic and comparisons of two lengths.

Data are R and B; where a machine writes, Y and G are its marks. Y stands behind the last symbol of the data, so that a
machine that takes every symbol from the front and paints one for it at the back knows when it has gone round.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from rlvr_gym.verifiers.manufactoria import END, NONE, Automaton, Blueprint, Program, assemble
from rlvr_gym.verifiers.manufactoria.program import COLOURS

Nodes = dict[Hashable, Blueprint]
_PAINTER = {symbol: f"PAINTER_{colour}" for colour, symbol in COLOURS.items()}


def paint(nodes: Nodes, label: Hashable, text: str, then: Hashable) -> Hashable:
    """Add painters of a text that lead to `then`; gives the label of the first.

    Example:
        >>> nodes = {}
        >>> paint(nodes, "p", "RB", END), len(nodes), paint(nodes, "q", "", END)
        (('p', 0), 2, -1)
    """
    for number, symbol in enumerate(text):
        following = (label, number + 1) if number + 1 < len(text) else then
        nodes[(label, number)] = Blueprint(_PAINTER[symbol], (following,))
    return (label, 0) if text else then


def acceptor(automaton: Automaton) -> Program:
    """The machine of a minimal automaton over RB or RBYG: one puller a state, or two.

    The tape is empty for certain only where neither puller can take anything.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria import explore, to_compact
        >>> to_compact(acceptor(explore("RB", False, lambda state, symbol: symbol == "B", bool)))
        'P01-;P01!;'
    """
    labels = [_label(automaton, state) for state in range(len(automaton.moves))]
    nodes: Nodes = {}
    for state, ways in enumerate(automaton.moves):
        targets = [labels[to] for to in ways]
        empty: Hashable = END if automaton.marks[state].value == "accept" else NONE
        if len(targets) == 4:
            front, back = targets[:2], targets[2:]
            if {*back, empty} != {NONE}:
                nodes[("YG", state)] = Blueprint("PULLER_YG", (*back, empty))
                empty = ("YG", state)
            targets = front
        nodes[("RB", state)] = Blueprint("PULLER_RB", (*targets, empty))
    return assemble(nodes, labels[0])


def _label(automaton: Automaton, state: int) -> Hashable:
    if automaton.settled(state):
        return END if automaton.marks[state].value == "accept" else NONE
    return ("RB", state)


class Transducer(NamedTuple):
    """A machine that reads its data once and writes the answer behind them.

    Args:
        prefix: Written before anything is read.
        start: The first state.
        step: The next state and what is written, for a state and a symbol; states are hashable, and finitely many.
        final: What is written at the end in a state.
    """

    prefix: str
    start: Hashable
    step: Callable[[Hashable, str], tuple[Hashable, str]]
    final: Callable[[Hashable], str]


def transducer(spec: Transducer) -> Program:
    """The machine of a transducer: mark the end with Y, write the prefix, go round once.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria import run
        >>> swap = Transducer("", 0, lambda state, symbol: (state, "B" if symbol == "R" else "R"), lambda state: "")
        >>> run(transducer(swap), "RRB", 100).tape
        'BBR'
    """
    nodes: Nodes = {}
    queue, seen = [spec.start], {spec.start}
    for state in queue:
        ways = []
        for symbol in "RB":
            there, written = spec.step(state, symbol)
            ways.append(paint(nodes, ("write", state, symbol), written, ("read", there)))
            if there not in seen:
                seen.add(there)
                queue.append(there)
        nodes[("read", state)] = Blueprint("PULLER_RB", (*ways, ("stop", state)))
        last = paint(nodes, ("last", state), spec.final(state), END)
        nodes[("stop", state)] = Blueprint("PULLER_YG", (last, NONE, NONE))
    return assemble(nodes, paint(nodes, "begin", "Y" + spec.prefix, ("read", spec.start)))


def appender(word: str) -> Program:
    """Painters of a word."""
    nodes: Nodes = {}
    return assemble(nodes, paint(nodes, "word", word, END))


def chooser(automaton: Automaton, other: str) -> Program:
    """Leaves a tape that the automaton accepts as it is, and replaces any other by a word.

    Goes round once, copying, in the states of the automaton; where the tape is to be replaced it is emptied then.
    """
    nodes: Nodes = {}
    for state, ways in enumerate(automaton.moves):
        copied = [paint(nodes, ("copy", state, s), s, ("read", to)) for s, to in zip("RB", ways, strict=True)]
        nodes[("read", state)] = Blueprint("PULLER_RB", (*copied, ("stop", state)))
        keeps = automaton.marks[state].value == "accept"
        nodes[("stop", state)] = Blueprint("PULLER_YG", (END if keeps else "clear", NONE, NONE))
    nodes["clear"] = Blueprint("PULLER_RB", ("clear", "clear", paint(nodes, "other", other, END)))
    return assemble(nodes, paint(nodes, "begin", "Y", ("read", 0)))


class BitStep(NamedTuple):
    """What is done at a bit: the bit that is written there, and the carry to the next higher one."""

    bit: int
    carry: int


class BitByBit(NamedTuple):
    """A function of binary numbers that goes from the lowest bit up.

    Args:
        width: Bits below this have a step of their own; where the number is shorter, they are added in front.
        step: `BitStep` of the number of the bit (at most `width`), the bit and the carry.
        to_the_top: Whether higher bits change without a carry too.
    """

    width: int
    step: Callable[[int, int, int], BitStep]
    to_the_top: bool = False


def bit_by_bit(spec: BitByBit) -> Program:
    """The machine of such a function: each round changes one bit, the one before the mark G, and moves the mark.

    A round holds one symbol back, so that it knows what stands before G when it meets it. Machines of this kind take
    time in the square of the length.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria import run
        >>> plus = lambda at, bit, carry: BitStep((bit + carry + (at == 0)) % 2, (bit + carry + (at == 0)) // 2)
        >>> run(bit_by_bit(BitByBit(1, plus)), "BRBB", 1000).tape
        'BBRR'
    """
    nodes: Nodes = {}
    queue, seen = [(0, 0)], {(0, 0)}
    for at in queue:
        for following in _round(nodes, spec, *at):
            if following not in seen:
                seen.add(following)
                queue.append(following)
    nodes[("copy", None)] = _copy(nodes, None, END)
    return assemble(nodes, paint(nodes, "begin", "GY", ("read", 0, 0)))


def _round(nodes: Nodes, spec: BitByBit, number: int, carry: int) -> list[tuple[int, int]]:
    """The nodes of a round; gives the rounds that may come next."""
    here = (number, carry)
    nodes[("read", *here)] = Blueprint("PULLER_RB", (("hold", *here, 0), ("hold", *here, 1), ("mark", *here)))
    following = []
    for bit in (0, 1):
        written = [paint(nodes, ("shift", *here, bit, s), "RB"[bit], ("hold", *here, s)) for s in (0, 1)]
        nodes[("hold", *here, bit)] = Blueprint("PULLER_RB", (*written, ("meet", *here, bit)))
        change, there = _change(nodes, spec, here, bit)
        nodes[("meet", *here, bit)] = Blueprint("PULLER_YG", (NONE, change, NONE))
        following += there
    change, there = ("copy", None), []  # nothing stands before the mark
    if number < spec.width or carry:
        change, there = _change(nodes, spec, here, 0)
    nodes[("mark", *here)] = Blueprint("PULLER_YG", (NONE, change, NONE))
    return [*following, *there]


def _change(nodes: Nodes, spec: BitByBit, here: tuple[int, int], bit: int) -> tuple[Hashable, list[tuple[int, int]]]:
    """Write the new bit, before it the mark unless all is done, and copy the rest; gives the first node's label."""
    written, carry = spec.step(here[0], bit, here[1])
    there = (min(here[0] + 1, spec.width), carry)
    if there == (spec.width, 0) and not spec.to_the_top:
        return paint(nodes, ("done", *here, bit), "RB"[written], ("copy", None)), []
    nodes[("copy", there)] = _copy(nodes, there, paint(nodes, ("again", there), "Y", ("read", *there)))
    return paint(nodes, ("change", *here, bit), "G" + "RB"[written], ("copy", there)), [there]


def _copy(nodes: Nodes, name: Hashable, then: Hashable) -> Blueprint:
    """Copy what is left up to the mark Y, and take that."""
    ways = [paint(nodes, ("rest", name, symbol), symbol, ("copy", name)) for symbol in "RB"]
    nodes[("end", name)] = Blueprint("PULLER_YG", (then, NONE, NONE))
    return Blueprint("PULLER_RB", (*ways, ("end", name)))


def same_number(first: str, more: int) -> Program:
    """Accepts a block of n of one colour, n at least 1, and then n + `more` of the other.

    Every round takes one of each; when none of the first colour is left, `more` of the other must be.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria import run
        >>> [run(same_number("R", 1), tape, 1000).outcome.value for tape in ("RRBBB", "RRBB", "B")]
        ['accept', 'reject', 'reject']
    """
    nodes: Nodes = {}
    other = "B" if first == "R" else "R"
    nodes["stop"] = Blueprint("PULLER_YG", (END, NONE, NONE))
    nodes["begin"] = _puller(first, "block", NONE, NONE)
    nodes["round"] = _puller(first, "block", ("tail", 1) if more else NONE, NONE if more else "stop")
    for number in range(1, more + 1):
        last = number == more
        nodes[("tail", number)] = _puller(first, NONE, NONE if last else ("tail", number + 1), "stop" if last else NONE)
    nodes["block"] = _puller(first, paint(nodes, "first", first, "block"), "others", NONE)
    nodes["others"] = _puller(first, NONE, paint(nodes, "other", other, "others"), "turn")
    nodes["turn"] = Blueprint("PULLER_YG", (paint(nodes, "mark", "Y", "round"), NONE, NONE))
    return assemble(nodes, paint(nodes, "start", "Y", "begin"))


def _puller(first: str, on_first: Hashable, on_other: Hashable, empty: Hashable) -> Blueprint:
    ways = (on_first, on_other) if first == "R" else (on_other, on_first)
    return Blueprint("PULLER_RB", (*ways, empty))
