"""Collections: lists, sets, tuples, vectors, matrices, intervals, unions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product

from rlvr_gym.verifiers.math.ladder import sign_of
from rlvr_gym.verifiers.math.policy import Judgement, all_of, different
from rlvr_gym.verifiers.math.tree import INFINITY, Node, add, neg, sym, symbols, walk

Compare = Callable[[Node, Node], Judgement]
MAX_ELEMENTS = 200
MAX_PAIRS = 2000
MAX_SIGNS = 4
_UPPER = {"+-": "+", "-+": "-"}
LINE = Node("pair", (neg(INFINITY), INFINITY), "()")  # all real numbers
_CONTAINERS = frozenset({"list", "set"})


def expand(node: Node) -> tuple[Node, ...]:
    """`a ± b` as its two values, several `±` as all their combinations (with a `∓` all go together); else alone.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> [v.head for v in expand(parse("3\\\\pm2\\\\sqrt2"))], len(expand(parse("x")))
        (['add', 'add'], 1)
    """
    signs = [inner.value for inner in walk(node) if inner.head == "pm"]
    if not signs:
        return (node,)
    if len(signs) == 1 or "-+" in signs:
        return _choose(node, [True] * len(signs)), _choose(node, [False] * len(signs))
    if len(signs) > MAX_SIGNS:
        return (node,)
    return tuple(_choose(node, list(choice)) for choice in product((True, False), repeat=len(signs)))


def _choose(node: Node, upper: list[bool]) -> Node:
    """The tree with its signs taken one by one from the list, which is used up."""
    if node.head != "pm":
        return node._replace(args=tuple(_choose(arg, upper) for arg in node.args)) if node.args else node
    mine = upper.pop()
    args = tuple(_choose(arg, upper) for arg in node.args)
    last = args[-1] if (_UPPER[node.value] == "+") == mine else neg(args[-1])
    return add(args[0], last) if len(args) == 2 else last


def elements(node: Node) -> list[Node]:
    """The elements of a list or set, with `±` spread out and a prefix `x =` taken off where it is the same for all."""
    items = node.args if node.head in _CONTAINERS else (node,)
    return [value for item in _without_prefix(items) for value in expand(item)]


def _without_prefix(items: tuple[Node, ...]) -> tuple[Node, ...]:
    names = [item.args[0] for item in items if _assigns(item)]
    if not names or any(_stem(name) != _stem(names[0]) for name in names):
        return items
    same = all(name == names[0] for name in names)
    if not same and (len(names) != len(items) or len(set(names)) != len(names)):
        return items
    if not same and any("_" not in name.value for name in names):
        return items
    if not _assigns(items[0]):
        return items
    return tuple(item.args[1] if _assigns(item) else item for item in items)


def _assigns(node: Node) -> bool:
    return node.head == "rel" and node.value == ("=",) and node.args[0].head == "sym"


def _named(node: Node) -> set[Node]:
    """The names that the elements of a list give to their values."""
    return {item.args[0] for item in node.args if _assigns(item)} if node.head == "list" else set()


def _names(node: Node) -> bool:
    return node.head == "rel" and node.value == ("=",)


def _stem(name: Node) -> str:
    return str(name.value).split("_")[0]


def compare_unordered(gold: list[Node], answer: list[Node], compare: Compare) -> Judgement:
    """The same elements, each as often, in any order."""
    if len(gold) != len(answer):
        return different("elements", "other_length", f"{len(answer)} elements where {len(gold)} are expected")
    if len(gold) > MAX_ELEMENTS:
        return Judgement(None, "undecided", "", "too many elements")
    left = list(answer)
    undecided: Judgement | None = None
    tried = 0
    rung = "identical"
    for wanted in gold:
        if wanted in left:
            left.remove(wanted)
            continue
        for i, offered in enumerate(left):
            tried += 1
            if tried > MAX_PAIRS:
                return Judgement(None, "undecided", "", "too many elements")
            judgement = compare(wanted, offered)
            if judgement.equal:
                del left[i]
                rung = judgement.rung
                break
            undecided = judgement if judgement.equal is None else undecided
        else:
            return undecided or different("elements", "", "an element of the reference is missing")
    return Judgement(True, rung)


def compare_ordered(gold: tuple[Node, ...], answer: tuple[Node, ...], compare: Compare) -> Judgement:
    """The same elements in the same order."""
    if len(gold) != len(answer):
        return different("elements", "other_length", f"{len(answer)} elements where {len(gold)} are expected")
    out: list[Judgement] = []
    for wanted, offered in zip(gold, answer, strict=True):
        out.append(compare(wanted, offered))
        if out[-1].equal is False:
            break
    return all_of(out, "identical")


def compare_collections(gold: Node, answer: Node, compare: Compare) -> Judgement:
    """A list or set; a list may be written as a set and the reverse, never as a tuple."""
    gold, answer = _same_dummy(gold, answer)
    if gold.head == answer.head == "list" and all(map(_names, gold.args)) and not any(map(_names, answer.args)):
        values = tuple(item.args[-1] for item in gold.args)
        if len({item.args[0] for item in gold.args}) == len(values) > 1:  # AB = 4, CD = 5: the names fix the order
            return compare_ordered(values, answer.args, compare)
    names = [_named(gold), _named(answer)]
    if names[0] and names[1] and (len(names[0]) > 1 or names[0] != names[1]):
        return compare_unordered(list(gold.args), list(answer.args), compare)
    wanted, offered = elements(gold), elements(answer)
    if answer.head not in _CONTAINERS and len(offered) == 1 and len(wanted) > 1:
        return different("elements", "other_length", f"one value where {len(wanted)} are expected")
    if gold.head == "pm" and wanted == [gold]:
        return Judgement(gold == answer or None, "undecided", "", "too many signs to spread out")
    if any(item == Node("const", (), "dots") for item in wanted):
        return compare_ordered(tuple(wanted), tuple(offered), compare)
    return compare_unordered(wanted, offered, compare)


def _same_dummy(gold: Node, answer: Node) -> tuple[Node, Node]:
    """`k pi, k in Z` and `n pi, n in Z`: the declared variable takes the name it has in the reference."""
    mine, theirs = _declared(gold), _declared(answer)
    if len(mine) == len(theirs) == 1 and mine != theirs and not mine & symbols(answer):
        return gold, rename(answer, theirs.pop(), mine.pop())
    return gold, answer


def _declared(node: Node) -> set[str]:
    return {
        item.args[0].value
        for item in node.args
        if item.head == "rel" and item.value == ("in",) and item.args[0].head == "sym" and item.args[1].head == "const"
    }


def rename(node: Node, old: str, new: str) -> Node:
    """The tree with one variable under another name.

    Example:
        >>> rename(sym("x"), "x", "t")
        Node(head='sym', args=(), value='t')
    """
    if node.head == "sym":
        return sym(new) if node.value == old else node
    return node._replace(args=tuple(rename(arg, old, new) for arg in node.args)) if node.args else node


def as_row(node: Node) -> tuple[Node, ...] | None:
    """The entries of what may stand for a tuple in round brackets: a pair, a vector, a row or column; else None."""
    if node.head == "vector" or (node.head in ("tuple", "pair") and node.value == "()"):
        return node.args
    if node.head == "matrix" and 1 in node.value:
        return node.args
    return None


def compare_tuples(gold: Node, answer: Node, compare: Compare) -> Judgement:
    """Tuples, vectors, pairs and matrices, entry by entry; brackets matter."""
    if gold.head == answer.head == "matrix":
        if gold.value != answer.value:
            return different("type", "other_shape", f"a matrix of shape {answer.value}")
        return compare_ordered(gold.args, answer.args, compare)
    if gold.head in ("pair", "tuple") and answer.head == gold.head:
        if gold.value != answer.value:
            return different("brackets", "other_brackets", f"brackets {answer.value} where {gold.value} are expected")
        return compare_ordered(gold.args, answer.args, compare)
    if answer.head == "list" and all(map(_assigns, answer.args)) and as_row(gold) is not None:
        names = [item.args[0].value for item in answer.args]
        if names == sorted(set(names)):  # x = 3, y = 4
            return compare_ordered(gold.args, tuple(item.args[1] for item in answer.args), compare)
    wanted, offered = as_row(gold), as_row(answer)
    if wanted is None or offered is None:
        return different("type", "other_type", f"a {answer.head} where a {gold.head} is expected")
    return compare_ordered(wanted, offered, compare)


def pieces(node: Node) -> list[Node] | None:
    """The parts of a union (`∪`, or a list joined by "or") where each is a pair or a set; else None."""
    if node.head == "minus" or (node.head == "rel" and node.value == ("!=",)):
        return _without_points(node)
    parts = node.args if node.head == "union" or (node.head == "list" and node.value == "or") else (node,)
    out: list[Node] = []
    for part in parts:
        piece = interval_of(part)
        if piece is None:
            return None
        out.append(piece)
    return out


def _without_points(node: Node) -> list[Node] | None:
    """The real line without some points, as open intervals; None where the points cannot be put in order."""
    if node.head == "rel":
        points = [side for side in node.args if side.head != "sym"]
        if len(points) != 1 or symbols(points[0]):
            return None
    else:
        line, removed = node.args
        if interval_of(line) != LINE or removed.head != "set":
            return None
        points = [value for item in removed.args for value in expand(item)]
    ordered: list[Node] = []
    for point in points[:MAX_ELEMENTS]:
        signs = [sign_of(add(point, neg(other))) for other in ordered]
        if any(sign is None or sign == 0 for sign in signs):
            return None
        ordered.insert(sum(1 for sign in signs if sign == 1), point)
    ends = [neg(INFINITY), *ordered, INFINITY]
    return [Node("pair", (low, high), "()") for low, high in pairwise(ends)]


def interval_of(node: Node) -> Node | None:
    """A pair, a set, or a solved inequality `a < x <= b` as the interval it means; else None.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> interval_of(parse("2 \\\\le x < 5")) == parse("[2, 5)")
        True
    """
    if node.head in ("pair", "set"):
        return node
    if node.head == "const" and node.value == "R":
        return LINE
    if node.head == "builder" and len(node.args) == 2:
        return interval_of(node.args[1])
    if node.head != "rel":
        return None
    if node.value == ("in",):
        return interval_of(node.args[1])
    sides, operators = ascending(node)
    if not operators or any(op not in ("<", "<=") for op in operators) or len(sides) not in (2, 3):
        return None
    at = [i for i, side in enumerate(sides) if side.head in ("sym", "call")]
    if len(sides) == 3 and at == [1]:
        return Node(
            "pair",
            (sides[0], sides[2]),
            ("[" if operators[0] == "<=" else "(") + ("]" if operators[1] == "<=" else ")"),
        )
    if len(sides) == 2 and len(at) == 1:
        closed = operators[0] == "<="
        if at == [0]:
            return Node("pair", (neg(INFINITY), sides[1]), "(]" if closed else "()")
        return Node("pair", (sides[0], INFINITY), "[)" if closed else "()")
    return None


_FLIPPED = {">": "<", ">=": "<="}


def ascending(node: Node) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """The sides and operators of a chain, turned round where it descends."""
    if node.value and all(op in _FLIPPED for op in node.value):
        return node.args[::-1], tuple(_FLIPPED[op] for op in node.value[::-1])
    return node.args, node.value
