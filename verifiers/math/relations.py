"""Equations, inequalities, assignments, congruences."""

from __future__ import annotations

import re

from rlvr_gym.verifiers.math import ladder
from rlvr_gym.verifiers.math.policy import Judgement, Policy, all_of, different, judged
from rlvr_gym.verifiers.math.sets import Compare, ascending, compare_ordered, rename
from rlvr_gym.verifiers.math.tree import Node, sub, sym, symbols, walk
from rlvr_gym.verifiers.numerals import NEGATIONS, ONLY_BEFORE_A_NOUN

MAX_NAME_WORDS = 4
_DENIALS = NEGATIONS | ONLY_BEFORE_A_NOUN | frozenset("except other than or maybe perhaps".split())
_ORDERS = frozenset({"<", "<=", ">", ">="})
_NO_DIFFERENCE = frozenset({"pair", "tuple", "matrix", "set", "text", "qty", "compound", "list", "rel"})
_DEPENDENT = frozenset("y")


def assignment(node: Node) -> tuple[Node, tuple[Node, ...]] | None:
    """The name and the values of `x = ...`, `f(x) = ...`, `P = a = b`; None for another relation.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> assignment(parse("x=5")), assignment(parse("x+1=5"))
        ((Node(head='sym', args=(), value='x'), (Node(head='num', args=(), value=5),)), None)
    """
    if node.head != "rel" or any(op not in ("=", "~") for op in node.value) or node.value[0] != "=":
        return None
    name = node.args[0]
    if name.head == "text" or name.head == "sym" or (name.head == "call" and len(name.value.rstrip("'")) <= 3):
        return name, _exact_sides(node)
    if _is_measure(name):
        return name, _exact_sides(node)
    if name.head in ("pair", "tuple") and all(arg.head == "sym" for arg in name.args):
        return name, _exact_sides(node)
    return None


def _is_measure(node: Node) -> bool:
    """`AB`, `|AB|`, `AB/CD`, `A:B`: a quantity of a figure, named by capital letters."""
    if node.head not in ("mul", "div", "ratio", "abs"):
        return False
    leaves = [inner for inner in walk(node) if not inner.args]
    return all(leaf.head in ("sym", "choice") and str(leaf.value)[0].isupper() for leaf in leaves)


def _exact_sides(node: Node) -> tuple[Node, ...]:
    """The sides after the first up to an approximation, which is only a comment."""
    sides = []
    for operator, side in zip(node.value, node.args[1:], strict=True):
        if operator == "~":
            break
        sides.append(side)
    return tuple(sides)


def may_name(name: Node, gold: Node, policy: Policy) -> bool:
    """Whether an answer `name = value` may stand for a reference that has no name.

    Any name that the reference does not contain will do, but for two readings that make it another statement: `y = 1`
    is a line and `f(x) = 1` a function, unless the reference varies, or the question speaks of them.
    """
    if name.head in ("pair", "tuple"):  # (x, y) = (1, 2): the names in their usual order
        names = [arg.value for arg in name.args]
        return gold.head == name.head and names == sorted(set(names))
    if name.head == "text":
        return 0 < len(name.value.split()) <= MAX_NAME_WORDS and not _DENIALS & set(name.value.lower().split())
    if _is_measure(name):
        return True
    if symbols(name) & symbols(gold) and name.head == "sym":
        return False
    if symbols(gold):
        return True
    if name.head == "call":
        return (
            not name.value[0].islower() or not any(arg.head == "sym" for arg in name.args) or _asked(name.value, policy)
        )
    return name.value not in _DEPENDENT or _asked(name.value, policy)


def _asked(name: str, policy: Policy) -> bool:
    return re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])", policy.prompt) is not None


def compare_relations(gold: Node, answer: Node, compare: Compare) -> Judgement:
    """A relation against a relation.

    Args:
        gold: The reference.
        answer: The answer; a relation too.
        compare: How two sides are compared.
    """
    if gold.value == ("==",) or answer.value == ("==",):
        return congruent(gold, answer)
    if all(op in _ORDERS for op in gold.value) and all(op in _ORDERS for op in answer.value):
        sides, operators = ascending(gold)
        offered, theirs = ascending(answer)
        if operators != theirs:
            return different("relation", "other_relation", "another inequality sign")
        return compare_ordered(sides, offered, compare)
    if gold.value != answer.value:
        return different("relation", "other_relation", "another relation")
    straight = compare_ordered(gold.args, answer.args, compare)
    if straight.equal or len(gold.args) != 2:
        return straight
    if gold.value in (("!=",), ("=",)):
        turned = compare_ordered(gold.args, answer.args[::-1], compare)
        if turned.equal:
            return turned
    if gold.value == ("=",):
        return _equations(gold, answer, straight)
    return straight


def _equations(gold: Node, answer: Node, straight: Judgement) -> Judgement:
    """Assignments name their value; other equations are equal where they differ by a constant factor."""
    mine, theirs = assignment(gold), assignment(answer)
    if mine is not None and not symbols(gold.args[1]):
        if theirs is None:
            return different("relation", "not_solved", "an equation where its solution is expected")
        return straight
    if mine is not None and theirs is not None:
        renamed = _same_argument(mine[0], theirs[0], theirs[1][-1])
        if renamed is not None:
            return judged(ladder.compare(mine[1][-1], renamed))
        if mine[0].head == "sym" and theirs[0].head == "sym" and mine[0] != theirs[0] and not _curve(gold, answer):
            return different("relation", "other_variable", "another variable")
    scalar = all(side.head not in _NO_DIFFERENCE for side in (*gold.args, *answer.args))
    return judged(ladder.proportional(sub(*gold.args), sub(*answer.args))) if scalar else straight


def _curve(gold: Node, answer: Node) -> bool:
    return symbols(gold) == symbols(answer)


def _same_argument(gold: Node, answer: Node, value: Node) -> Node | None:
    """The value of `f(t) = ...` in the variable of `f(x) = ...`, where the names agree; `y` may stand for `f(x)`."""
    if gold.head == answer.head == "call" and gold.value == answer.value and len(gold.args) == len(answer.args) == 1:
        old, new = answer.args[0], gold.args[0]
        if old.head == new.head == "sym" and (new.value not in symbols(value) or old == new):
            return rename(value, old.value, new.value)
        return None
    names = {gold.head: gold, answer.head: answer}
    if set(names) == {"call", "sym"} and names["sym"].value in _DEPENDENT and names["call"].value == "f":
        return value
    return None


def congruent(gold: Node, answer: Node) -> Judgement:
    """`x ≡ 3 (mod 7)`: the same modulus, and residues that differ by a multiple of it."""
    mine, theirs = _congruence(gold), _congruence(answer)
    if mine is None or theirs is None:
        return all_of([Judgement(gold == answer, "identical")], "identical")
    if mine[2] != theirs[2]:
        return different("relation", "other_modulus", "another modulus")
    if mine[0] is not None and theirs[0] is not None and mine[0] != theirs[0]:
        return different("relation", "other_variable", "another variable")
    return Judgement((mine[1] - theirs[1]) % mine[2] == 0, "exact")


def _congruence(node: Node) -> tuple[Node | None, int, int] | None:
    name = None
    if node.head == "rel" and len(node.args) == 2:
        name, node = node.args
    if name is not None and name.head != "sym":
        return None
    if node.head != "mod" or any(arg.head != "num" or type(arg.value) is not int for arg in node.args):
        return None
    residue, modulus = (arg.value for arg in node.args)
    return (name, residue, abs(modulus)) if modulus else None


def constants_renamed(gold: Node, answer: Node) -> Node:
    """Constants of integration may change their case: `+ C` and `+ c`, `c_1` and `C_1`.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> constants_renamed(parse("x+C"), parse("x+c")) == parse("x+C")
        True
    """
    mine, theirs = symbols(gold), symbols(answer)
    for name in sorted(theirs - mine):
        twin = name.swapcase() if "_" not in name else name[0].swapcase() + name[1:]
        if name[0] in "cCkK" and twin in mine - theirs and ("_" in name or _added(gold, twin)):
            answer = rename(answer, name, twin)
    return answer


def _added(node: Node, name: str) -> bool:
    top = node.args[-1] if node.head == "rel" else node
    return top.head == "add" and sym(name) in top.args
