"""The steps that functions over lists of integers are made of: tables of Python source, English and our own evaluator.

Each entry says the same thing three times: as an expression of `x` (the program that is printed), as a sentence, and as
a function that runs here. A test runs all of them in a sandbox and compares. The value of a step is again a list, but
for the entries of `TOTALS`, which end a program with one integer. No entry fails on any list, the empty one included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

Ints = list[int]


class Part(NamedTuple):
    """A predicate or a mapping of one value `v`, with at most one number `n`."""

    source: str
    words: str
    run: Callable[[int, int], Any]
    number: str = ""


class Shape(NamedTuple):
    """A step: an expression of `x` with places for a predicate `{p}`, a mapping `{m}` and a number `{n}`.

    `run` is given the list, the predicate, the mapping and the number, whether it has a use for them or not.
    """

    source: str
    words: str
    run: Callable[[Ints, Callable[[int], bool], Callable[[int], int], int], Any]
    number: str = ""


# What numbers are drawn from, both ends included; `threshold` spans half the range of the values instead.
NUMBERS: Mapping[str, tuple[int, int]] = {
    "small": (2, 9),
    "modulus": (3, 5),
    "factor": (2, 4),
    "index": (1, 4),
    "width": (3, 4),
    "stride": (2, 3),
}

PREDICATES: Mapping[str, Part] = {
    "greater": Part("v > {n}", "greater than {n}", lambda v, n: v > n, "threshold"),
    "less": Part("v < {n}", "less than {n}", lambda v, n: v < n, "threshold"),
    "far": Part("abs(v) > {n}", "of an absolute value greater than {n}", lambda v, n: abs(v) > n, "small"),
    "even": Part("v % 2 == 0", "even", lambda v, n: v % 2 == 0),
    "odd": Part("v % 2 == 1", "odd", lambda v, n: v % 2 == 1),
    "multiple": Part("v % {n} == 0", "divisible by {n}", lambda v, n: v % n == 0, "modulus"),
    "successor": Part("v % {n} == 1", "one more than a multiple of {n}", lambda v, n: v % n == 1, "modulus"),
}

MAPPINGS: Mapping[str, Part] = {
    "add": Part("v + {n}", "v + {n}", lambda v, n: v + n, "small"),
    "subtract": Part("v - {n}", "v - {n}", lambda v, n: v - n, "small"),
    "times": Part("v * {n}", "v * {n}", lambda v, n: v * n, "factor"),
    "from": Part("{n} - v", "{n} - v", lambda v, n: n - v, "small"),
    "negate": Part("-v", "-v", lambda v, n: -v),
    "absolute": Part("abs(v)", "its absolute value", lambda v, n: abs(v)),
    "square": Part("v * v", "its square", lambda v, n: v * v),
    "remainder": Part("v % {n}", "v % {n}, its remainder as Python has it", lambda v, n: v % n, "small"),
    "quotient": Part("v // {n}", "v // {n}, rounded down", lambda v, n: v // n, "factor"),
    "at_most": Part("min(v, {n})", "the smaller of v and {n}", lambda v, n: min(v, n), "threshold"),
    "at_least": Part("max(v, {n})", "the greater of v and {n}", lambda v, n: max(v, n), "threshold"),
}


def _while(x: Ints, p: Callable[[int], bool]) -> int:
    """How many values at the beginning are all `p`."""
    return next((i for i, v in enumerate(x) if not p(v)), len(x))


def _groups(x: Ints, n: int) -> list[Ints]:
    return [x[i : i + n] for i in range(0, len(x), n)]


STEPS: Mapping[str, Shape] = {
    "keep": Shape("[v for v in x if {p}]", "keep only the values that are {p}", lambda x, p, m, n: [*filter(p, x)]),
    "remove": Shape(
        "[v for v in x if not {p}]", "remove the values that are {p}", lambda x, p, m, n: [v for v in x if not p(v)]
    ),
    "map": Shape("[{m} for v in x]", "replace each value v by {m}", lambda x, p, m, n: [*map(m, x)]),
    "choose": Shape(
        "[{m} if {p} else v for v in x]",
        "replace each value v that is {p} by {m}, and leave the others as they are",
        lambda x, p, m, n: [m(v) if p(v) else v for v in x],
    ),
    "front": Shape(
        "[v for v in x if {p}] + [v for v in x if not {p}]",
        "move the values that are {p} to the front, without any other change of order",
        lambda x, p, m, n: [v for v in x if p(v)] + [v for v in x if not p(v)],
    ),
    "positions": Shape(
        "[i for i, v in enumerate(x) if {p}]",
        "take the positions, counted from 0, of the values that are {p}",
        lambda x, p, m, n: [i for i, v in enumerate(x) if p(v)],
    ),
    "take_while": Shape(
        "x[:next((i for i, v in enumerate(x) if not {p}), len(x))]",
        "keep the values before the first one that is not {p}",
        lambda x, p, m, n: x[: _while(x, p)],
    ),
    "drop_while": Shape(
        "x[next((i for i, v in enumerate(x) if not {p}), len(x)):]",
        "keep the values from the first one on that is not {p}",
        lambda x, p, m, n: x[_while(x, p) :],
    ),
    "sort": Shape("sorted(x)", "sort in ascending order", lambda x, p, m, n: sorted(x)),
    "sort_down": Shape(
        "sorted(x, reverse=True)", "sort in descending order", lambda x, p, m, n: sorted(x, reverse=True)
    ),
    "sort_near": Shape(
        "sorted(x, key=lambda v: abs(v - {n}))",
        "sort by the distance from {n}, the nearest first; what is equally near stays in its order",
        lambda x, p, m, n: sorted(x, key=lambda v: abs(v - n)),
        "threshold",
    ),
    "sort_remainder": Shape(
        "sorted(x, key=lambda v: v % {n})",
        "sort by v % {n}, ascending; what has the same remainder stays in its order",
        lambda x, p, m, n: sorted(x, key=lambda v: v % n),
        "modulus",
    ),
    "reverse": Shape("x[::-1]", "reverse the order", lambda x, p, m, n: x[::-1]),
    "unique": Shape(
        "list(dict.fromkeys(x))", "of equal values keep only the first", lambda x, p, m, n: list(dict.fromkeys(x))
    ),
    "unique_last": Shape(
        "list(dict.fromkeys(x[::-1]))[::-1]",
        "of equal values keep only the last",
        lambda x, p, m, n: list(dict.fromkeys(x[::-1]))[::-1],
    ),
    "unique_runs": Shape(
        "x[:1] + [b for a, b in zip(x, x[1:]) if a != b]",
        "of equal values that stand next to each other keep only one",
        lambda x, p, m, n: x[:1] + [b for a, b in pairwise(x) if a != b],
    ),
    "once": Shape(
        "[v for v in x if x.count(v) == 1]",
        "keep only the values that occur exactly once",
        lambda x, p, m, n: [v for v in x if x.count(v) == 1],
    ),
    "repeated": Shape(
        "[v for v in x if x.count(v) > 1]",
        "keep only the values that occur more than once",
        lambda x, p, m, n: [v for v in x if x.count(v) > 1],
    ),
    "counts": Shape(
        "[x.count(v) for v in x]",
        "replace each value by the number of times that it occurs",
        lambda x, p, m, n: [x.count(v) for v in x],
    ),
    "ranks": Shape(
        "[sum(w < v for w in x) for v in x]",
        "replace each value by the number of values in the list that are smaller",
        lambda x, p, m, n: [sum(w < v for w in x) for v in x],
    ),
    "running_sum": Shape(
        "[sum(x[:i + 1]) for i in range(len(x))]",
        "replace each value by the sum of all values up to it, itself included",
        lambda x, p, m, n: [sum(x[: i + 1]) for i in range(len(x))],
    ),
    "running_max": Shape(
        "[max(x[:i + 1]) for i in range(len(x))]",
        "replace each value by the greatest of all values up to it, itself included",
        lambda x, p, m, n: [max(x[: i + 1]) for i in range(len(x))],
    ),
    "running_min": Shape(
        "[min(x[:i + 1]) for i in range(len(x))]",
        "replace each value by the smallest of all values up to it, itself included",
        lambda x, p, m, n: [min(x[: i + 1]) for i in range(len(x))],
    ),
    "differences": Shape(
        "[b - a for a, b in zip(x, x[1:])]",
        "take the differences of neighbours, each value less the one before it",
        lambda x, p, m, n: [b - a for a, b in pairwise(x)],
    ),
    "pair_sums": Shape(
        "[a + b for a, b in zip(x, x[1:])]",
        "take the sums of neighbours, each value plus the one before it",
        lambda x, p, m, n: [a + b for a, b in pairwise(x)],
    ),
    "pair_products": Shape(
        "[a * b for a, b in zip(x, x[1:])]",
        "take the products of neighbours, each value times the one before it",
        lambda x, p, m, n: [a * b for a, b in pairwise(x)],
    ),
    "pair_max": Shape(
        "[max(a, b) for a, b in zip(x, x[1:])]",
        "take the greater of each two neighbours",
        lambda x, p, m, n: [max(a, b) for a, b in pairwise(x)],
    ),
    "rising": Shape(
        "[b for a, b in zip(x, x[1:]) if a < b]",
        "keep only the values that are greater than the one before them",
        lambda x, p, m, n: [b for a, b in pairwise(x) if a < b],
    ),
    "records": Shape(
        "[v for i, v in enumerate(x) if all(w < v for w in x[:i])]",
        "keep only the values that are greater than all before them",
        lambda x, p, m, n: [v for i, v in enumerate(x) if all(w < v for w in x[:i])],
    ),
    "window_sums": Shape(
        "[sum(x[i:i + {n}]) for i in range(len(x) - {n} + 1)]",
        "take the sums of each {n} values in a row",
        lambda x, p, m, n: [sum(x[i : i + n]) for i in range(len(x) - n + 1)],
        "width",
    ),
    "window_min": Shape(
        "[min(x[i:i + {n}]) for i in range(len(x) - {n} + 1)]",
        "take the smallest of each {n} values in a row",
        lambda x, p, m, n: [min(x[i : i + n]) for i in range(len(x) - n + 1)],
        "width",
    ),
    "group_sums": Shape(
        "[sum(x[i:i + {n}]) for i in range(0, len(x), {n})]",
        "cut into groups of {n} from the front, of which the last may be shorter, and take the sum of each",
        lambda x, p, m, n: [sum(group) for group in _groups(x, n)],
        "stride",
    ),
    "group_reverse": Shape(
        "[v for i in range(0, len(x), {n}) for v in x[i:i + {n}][::-1]]",
        "cut into groups of {n} from the front, of which the last may be shorter, and reverse each in its place",
        lambda x, p, m, n: [v for group in _groups(x, n) for v in group[::-1]],
        "stride",
    ),
    "take": Shape("x[:{n}]", "keep only the first {n} values", lambda x, p, m, n: x[:n], "index"),
    "drop": Shape("x[{n}:]", "remove the first {n} values", lambda x, p, m, n: x[n:], "index"),
    "take_last": Shape("x[-{n}:]", "keep only the last {n} values", lambda x, p, m, n: x[-n:], "index"),
    "drop_last": Shape("x[:-{n}]", "remove the last {n} values", lambda x, p, m, n: x[:-n], "index"),
    "every": Shape(
        "x[::{n}]", "keep only the values at the positions 0, {n}, 2 * {n}, ...", lambda x, p, m, n: x[::n], "stride"
    ),
    "rotate": Shape(
        "x[{n}:] + x[:{n}]", "move the first {n} values to the end", lambda x, p, m, n: x[n:] + x[:n], "index"
    ),
    "swap_halves": Shape(
        "x[len(x) // 2:] + x[:len(x) // 2]",
        "move the first half, the shorter one where the length is odd, to the end",
        lambda x, p, m, n: x[len(x) // 2 :] + x[: len(x) // 2],
    ),
    "deal": Shape(
        "x[::2] + x[1::2]",
        "put the values at even positions, counted from 0, before those at odd positions",
        lambda x, p, m, n: x[::2] + x[1::2],
    ),
    "add_position": Shape(
        "[v + i for i, v in enumerate(x)]",
        "add to each value its position, counted from 0",
        lambda x, p, m, n: [v + i for i, v in enumerate(x)],
    ),
    "times_position": Shape(
        "[v * i for i, v in enumerate(x)]",
        "multiply each value by its position, counted from 0",
        lambda x, p, m, n: [v * i for i, v in enumerate(x)],
    ),
    "append": Shape("x + [{n}]", "append the number {n}", lambda x, p, m, n: [*x, n], "small"),
    "prepend_sum": Shape("[sum(x)] + x", "put the sum of all values in front", lambda x, p, m, n: [sum(x), *x]),
    "append_length": Shape("x + [len(x)]", "append the length of the list", lambda x, p, m, n: [*x, len(x)]),
    "mirror": Shape("x + x[::-1]", "append all values in reverse order", lambda x, p, m, n: x + x[::-1]),
    "not_max": Shape(
        "[v for v in x if v < max(x)]",
        "remove the greatest value wherever it occurs",
        lambda x, p, m, n: [v for v in x if v < max(x)],
    ),
    "not_min": Shape(
        "[v for v in x if v > min(x)]",
        "remove the smallest value wherever it occurs",
        lambda x, p, m, n: [v for v in x if v > min(x)],
    ),
    "less_min": Shape(
        "[v - min(x) for v in x]",
        "subtract the smallest value from every value",
        lambda x, p, m, n: [v - min(x) for v in x],
    ),
    "less_first": Shape(
        "[v - x[0] for v in x]",
        "subtract the first value from every value",
        lambda x, p, m, n: [v - x[0] for v in x],
    ),
}

TOTALS: Mapping[str, Shape] = {
    "sum": Shape("sum(x)", "return the sum", lambda x, p, m, n: sum(x)),
    "length": Shape("len(x)", "return the number of values", lambda x, p, m, n: len(x)),
    "greatest": Shape(
        "max(x, default=0)", "return the greatest value, 0 if there is none", lambda x, p, m, n: max(x, default=0)
    ),
    "smallest": Shape(
        "min(x, default=0)", "return the smallest value, 0 if there is none", lambda x, p, m, n: min(x, default=0)
    ),
    "spread": Shape(
        "max(x, default=0) - min(x, default=0)",
        "return the greatest value less the smallest, 0 if there is none",
        lambda x, p, m, n: max(x, default=0) - min(x, default=0),
    ),
    "last": Shape(
        "x[-1] if x else 0", "return the last value, 0 if there is none", lambda x, p, m, n: x[-1] if x else 0
    ),
    "median": Shape(
        "sorted(x)[len(x) // 2] if x else 0",
        "return the value at position len // 2, counted from 0, of the sorted list, 0 if there is none",
        lambda x, p, m, n: sorted(x)[len(x) // 2] if x else 0,
    ),
    "distinct": Shape("len(set(x))", "return the number of different values", lambda x, p, m, n: len(set(x))),
    "count": Shape(
        "len([v for v in x if {p}])",
        "return how many values are {p}",
        lambda x, p, m, n: sum(map(p, x)),
    ),
    "alternating": Shape(
        "sum(x[::2]) - sum(x[1::2])",
        "return the sum of the values at even positions, counted from 0, less the sum of the others",
        lambda x, p, m, n: sum(x[::2]) - sum(x[1::2]),
    ),
    "variation": Shape(
        "sum(abs(b - a) for a, b in zip(x, x[1:]))",
        "return the sum of the absolute differences of neighbours",
        lambda x, p, m, n: sum(abs(b - a) for a, b in pairwise(x)),
    ),
}
