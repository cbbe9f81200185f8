"""The typed comparison: the type of the reference decides what an answer may look like, and nothing else is tried."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from rlvr_gym.verifiers.math.answer import Reading
from rlvr_gym.verifiers.math.policy import Judgement, Policy, different
from rlvr_gym.verifiers.math.relations import (
    assignment,
    compare_relations,
    congruent,
    constants_renamed,
    may_name,
)
from rlvr_gym.verifiers.math.scalars import compare_scalars, rounds_to
from rlvr_gym.verifiers.math.sets import (
    LINE,
    compare_collections,
    compare_ordered,
    compare_tuples,
    compare_unordered,
    interval_of,
    pieces,
    rename,
)
from rlvr_gym.verifiers.math.tree import Node, sym, symbols, walk
from rlvr_gym.verifiers.math.wording import letter_with_text, other_spelling, stray_words

_NOTHING = frozenset(
    """none|no solution|no solutions|no real solution|no real solutions|no such number|there is no solution|there are no
    solutions|the empty set|empty set|no real number""".replace("\n    ", " ").split("|")
)
_UNDEFINED = frozenset({"dne", "does not exist", "doesn't exist", "undefined", "not defined", "limit does not exist"})
_EVERYTHING = frozenset({"all real numbers", "all reals", "all real values", "any real number", "every real number"})


def type_of(reading: Reading) -> str:
    """The type of an answer, for people and for overriding.

    Example:
        >>> from rlvr_gym.verifiers.math.answer import read
        >>> [type_of(read(text)) for text in ("5", "1/2", "0.5", "x+1", "3+i", "(1,2]", "x=5", "50\\\\%")]
        ['integer', 'rational', 'decimal', 'expression', 'complex', 'interval', 'equation', 'percentage']
    """
    node = reading.node
    if node.head == "num":
        if reading.decimals is not None:
            return "decimal"
        return "integer" if type(node.value) is int else "rational"
    if node.head == "pair":
        return "interval" if interval_like(node) else "tuple"
    if node.head == "rel":
        if node.value == ("==",):
            return "congruence"
        return "equation" if {"=", "~"} & set(node.value) else "inequality"
    if node.head == "const" and node.value in ("emptyset", "R", "Z", "N", "Q", "C"):
        return "set"
    named = _TYPES.get(node.head)
    if named:
        return named
    if node.head == "div" and all(arg.head == "num" for arg in node.args):
        return "rational"
    if symbols(node):
        return "expression"
    return "complex" if any(n.head == "const" and n.value == "i" for n in walk(node)) else "real"


_TYPES = {
    "list": "list", "pm": "list", "set": "set", "tuple": "tuple", "vector": "vector", "union": "union",
    "inter": "union", "minus": "union", "matrix": "matrix", "builder": "set", "mod": "congruence", "based": "based",
    "ratio": "ratio", "time": "time", "qty": "quantity", "compound": "quantity", "pct": "percentage", "deg": "degrees",
    "text": "text", "choice": "choice", "opaque": "opaque",
}  # fmt: skip


def interval_like(node: Node) -> bool:
    """Whether a pair is more likely an interval than a point: square brackets or an infinite end."""
    return (
        "[" in node.value
        or "]" in node.value
        or any(inner.head == "const" and inner.value == "inf" for arg in node.args for inner in walk(arg))
    )


def compare(gold: Reading, answer: Reading, policy: Policy) -> Judgement:
    """Judge one answer against one reference.

    Example:
        >>> from rlvr_gym.verifiers.math.answer import read
        >>> pairs = [("(3,4]", "3 < x \\\\le 4"), ("5", "7=5")]
        >>> [compare(read(gold), read(answer), Policy()).equal for gold, answer in pairs]
        [True, False]
    """
    if other_spelling(gold.text, answer.text):
        return different("text", "", "other letters in a row")
    if gold.node == answer.node and gold.node.head != "opaque":
        return Judgement(True, "identical")
    if gold.node.head == "choice" and answer.node.head != "choice":
        letter = letter_with_text(answer.text)
        if letter:
            return Judgement(letter == gold.node.value, "choice")
    judgement = _Comparison(policy).whole(gold, answer.node)
    if judgement.equal and stray_words(gold.node, answer):
        return different("type", "unreadable", "words that are no mathematics and no unit")
    return judgement


class _Comparison:
    """The rules of one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def nodes(self, gold: Node, answer: Node) -> Judgement:
        """Two parts of answers."""
        if gold == answer:
            return Judgement(True, "identical")
        return self.whole(Reading(gold), answer)

    def whole(self, gold: Reading, answer: Node) -> Judgement:
        """Two answers: the rule that is made for what the two are."""
        node = gold.node
        if answer.head == "rel" and "~" in answer.value and not _consistent(answer):
            return different("relation", "ambiguous", "an approximation that is none of what it follows")
        if answer.head == "choice" and node.head not in _LETTERED:
            answer = sym(answer.value)
        answer = constants_renamed(node, answer)
        if answer.head in _LISTED and node.head not in _SPREAD and any(inner.head == "pm" for inner in walk(node)):
            gold = gold._replace(node=Node("list", (node,), ","))
        return _rule(_kind(gold.node), _kind(answer)).judge(self, gold, answer)

    def _condition(self, gold: Reading, answer: Node) -> Judgement:
        """An answer `{x | condition}` as the interval that the condition means."""
        meant = interval_of(answer)
        return self.whole(gold, meant) if meant is not None else different("type", "other_type")

    def _relation(self, gold: Reading, answer: Node) -> Judgement:
        """An equation, inequality or membership."""
        node = gold.node
        named = assignment(node)
        if "~" in node.value:
            return self._approximate(gold, answer)
        if answer.head == "mod":
            return congruent(node, answer)
        if answer.head != "rel":
            if named is not None:
                return self.whole(gold._replace(node=named[1][-1]), answer) if named[1] else different("relation")
            if node.value == ("in",):
                return self.whole(gold._replace(node=node.args[1]), answer)
            interval = interval_of(node)
            if interval is not None and answer.head in ("pair", "union", "builder"):
                return self.nodes(interval, answer)
            if node.value == ("!=",) and answer.head in ("union", "minus"):
                return self._collection(node, answer)
            if "=" in node.value and len(node.args) > 2:
                return self.whole(gold._replace(node=node.args[-1]), answer)
            if answer.head in ("list", "pm"):
                return different("type", "ambiguous", "several values where one relation is expected")
            return different("type", "other_type", f"a {answer.head} where a relation is expected")
        offered = assignment(answer)
        if named is not None and offered is not None and named[0] == offered[0] and named[1]:
            return self._all_equal(gold._replace(node=named[1][-1]), offered[1])
        if node.value == answer.value == ("in",):
            return compare_ordered(node.args, answer.args, self.nodes)
        if ("in",) in (node.value, answer.value):
            wanted, meant = interval_of(node), interval_of(answer)
            if wanted is not None and meant is not None and symbols(node) == symbols(answer):
                return self.nodes(wanted, meant)
        return compare_relations(node, answer, self.nodes)

    def _approximate(self, gold: Reading, answer: Node) -> Judgement:
        """A reference `E ≈ d`: its exact side, or its decimal as it stands; a bare name has only the decimal."""
        node = gold.node
        if answer.head == "rel" and "~" in answer.value:
            if answer.args[0] != node.args[0] and _is_name(node.args[0]):
                return different("relation", "other_variable", "another variable")
            if len(answer.args) == len(node.args) and answer.value == node.value:
                return compare_ordered(node.args, answer.args, self.nodes)
        exact = _before_comment(node)
        if not _is_name(exact):
            found = self.whole(gold._replace(node=exact), answer)
            if found.equal:
                return found
            named = assignment(exact) if exact.head == "rel" else None
            if named is not None:
                return self.whole(gold._replace(node=Node("rel", (named[0], node.args[-1]), ("=",))), answer)
            return self.whole(gold._replace(node=node.args[-1]), answer)
        return self.whole(gold._replace(node=Node("rel", (exact, node.args[-1]), ("=",))), answer)

    def _commented(self, gold: Reading, answer: Node) -> Judgement:
        """An answer `E ≈ d`: the exact side counts, of which the decimal is a rounding; a bare name has only that."""
        exact = _before_comment(answer)
        return self.whole(gold, Node("rel", (exact, answer.args[1]), ("=",)) if _is_name(exact) else exact)

    def _value_of_relation(self, gold: Reading, answer: Node) -> Judgement:
        """`x = 5` where 5 is expected, `2 < x` where an interval is."""
        if gold.node.head == "mod":
            return congruent(gold.node, answer)
        if gold.node.head == "union" and interval_of(answer) is not None:
            return self._collection(gold.node, answer)
        interval = interval_of(answer)
        if answer.value == ("!=",) and gold.node.head in ("union", "minus"):
            return self._collection(gold.node, answer)
        if interval is not None and gold.node.head in ("pair", "set", "const"):
            wanted = interval_of(gold.node)
            return self.nodes(wanted, interval) if wanted is not None else different("type", "other_type")
        if answer.value == ("in",) and answer.args[0].head == "sym" and gold.node.head not in ("tuple", "vector"):
            return self.whole(gold, answer.args[1])
        named = assignment(answer)
        if "~" in answer.value:
            return self._commented(gold, answer)
        if named is not None:
            name, values = named
            if not may_name(name, gold.node, self.policy):
                return different("relation", "other_statement", "a name that makes it another statement")
            return self._all_equal(gold, values)
        if all(op == "=" for op in answer.value):
            return self._all_equal(gold, answer.args)
        return different("type", "other_type", "a relation where a value is expected")

    def _all_equal(self, gold: Reading, sides: tuple[Node, ...]) -> Judgement:
        last = different("relation", "no_value", "nothing after the sign")
        for side in sides:
            if side.head == "rel":
                return different("relation", "other_relation")
            last = self.whole(gold, side)
            if not last.equal:
                if len(sides) > 1 and last.equal is False:
                    return different(last.rung, "ambiguous", "sides of the equation that are not all the reference")
                return last
        return last

    def _collection(self, gold: Node, answer: Node) -> Judgement:
        """Lists, sets, unions."""
        wanted, offered = pieces(gold), pieces(answer)
        intervals = {"union", "minus"} & {gold.head, answer.head}
        if intervals and offered is None and answer.head == "list":
            offered = pieces(answer._replace(value="or"))
        if intervals and wanted is not None and offered is not None:
            return compare_unordered(wanted, offered, self.nodes)
        if gold.head == answer.head == "minus":
            return compare_ordered(gold.args, answer.args, self.nodes)
        if gold.head == "union":
            if answer.head != "union":
                return different("type", "other_type", f"a {answer.head} where a union is expected")
            return compare_unordered(list(gold.args), list(answer.args), self.nodes)
        if answer.head in ("list", "set", "pm") or gold.head in ("list", "pm"):
            if gold.head == "list" and answer.head in ("pair", "tuple", "vector", "matrix") and len(gold.args) > 1:
                return different("type", "other_type", f"a {answer.head} where a list is expected")
            return compare_collections(gold, answer, self.nodes)
        if answer.head == "const" and answer.value == "emptyset":
            return different("elements", "other_length", "the empty set")
        return different("type", "other_type", f"a {answer.head} where a {gold.head} is expected")

    def _builder(self, gold: Node, answer: Node) -> Judgement:
        """`{x | condition}`: the same up to the name of the variable, or the interval that the condition means."""
        if answer.head == "builder":
            names = [node.args[0].args[0] if node.args[0].head == "rel" else node.args[0] for node in (gold, answer)]
            if all(name.head == "sym" for name in names) and names[0].value not in symbols(answer):
                answer = rename(answer, names[1].value, names[0].value)
            return compare_ordered(gold.args, answer.args, self.nodes)
        interval = interval_of(gold)
        if interval is None:
            return different("type", "other_type")
        return self.nodes(interval, answer)


_LETTERED = frozenset({"text", "choice"})  # beside another gold, a letter is a variable
_LISTED = frozenset({"list", "set"})
_SPREAD = frozenset({"rel", "list", "set", "pm", "union", "minus"})  # these see to a `±` in them themselves


def _kind(node: Node) -> str:
    """What the rules ask for: the head, but for the empty set, the real line, and words that mean it."""
    if node.head == "const" and node.value in ("emptyset", "R"):
        return str(node.value)
    return "all-reals" if node.head == "text" and _plain(node.value) in _EVERYTHING else node.head


def _before_comment(node: Node) -> Node:
    """The sides before the first approximation, which is a comment on them."""
    at = node.value.index("~")
    return node.args[0] if at == 0 else Node("rel", node.args[: at + 1], node.value[:at])


def _consistent(node: Node) -> bool:
    """Whether all that follows an approximation approximates the exact side; after a bare name, the first value."""
    at = node.value.index("~") + (node.value[0] == "~" and _is_name(node.args[0]))
    return all(rounds_to(side, node.args[at]) for side in node.args[at + 1 :])


def _is_name(node: Node) -> bool:
    """Whether a side only names something: `x`, `P(X = 5)`."""
    return node.head in ("sym", "text") or (node.head == "call" and len(node.value) <= 3)


def _words(gold: Node, answer: Node) -> Judgement:
    """Words without regard to case, spacing and full stops; letters of a choice as letters."""
    if gold.head == "choice" or answer.head == "choice":
        letter = _letter(gold), _letter(answer)
        return Judgement(letter[0] is not None and letter[0] == letter[1], "choice")
    if answer.head == "sym" or answer.head == "text":
        mine, theirs = _plain(str(gold.value)), _plain(str(answer.value))
        for group in (_NOTHING, _UNDEFINED):
            if mine in group and theirs in group:
                return Judgement(True, "text")
        return Judgement(mine == theirs, "text")
    if _plain(str(gold.value)) in _NOTHING:
        return _nothing(answer)
    if _plain(str(gold.value)) in _EVERYTHING:
        return Judgement(interval_of(answer) == LINE, "text")
    return different("type", "other_type", "mathematics where words are expected")


def _letter(node: Node) -> str | None:
    if node.head in ("choice", "sym", "text") and len(str(node.value)) == 1:
        return str(node.value)
    return None


def _nothing(answer: Node) -> Judgement:
    empty = (answer.head == "const" and answer.value == "emptyset") or (
        answer.head == "text" and _plain(str(answer.value)) in _NOTHING
    )
    return Judgement(empty, "text")


def _plain(text: str) -> str:
    return " ".join(text.lower().replace(".", " ").replace("-", " ").split())


class _Rule(NamedTuple):
    """How to judge a reference and an answer of some kinds (see `_kind`); `any` stands for all of them."""

    golds: str
    answers: str
    judge: Callable[[_Comparison, Reading, Node], Judgement]


_RULES = (  # the first one that is made for both kinds decides
    _Rule("opaque", "any", lambda _, gold, answer: Judgement(gold.node == answer, "string")),
    _Rule("text choice all-reals", "any", lambda _, gold, answer: _words(gold.node, answer)),
    _Rule("rel", "any", _Comparison._relation),
    _Rule("any", "rel", _Comparison._value_of_relation),
    _Rule("list set pm union minus", "any", lambda c, gold, answer: c._collection(gold.node, answer)),
    _Rule("any", "union minus", lambda c, gold, answer: c._collection(gold.node, answer)),
    _Rule("emptyset", "any", lambda _, gold, answer: _nothing(answer)),
    _Rule("builder", "any", lambda c, gold, answer: c._builder(gold.node, answer)),
    _Rule("any", "builder", _Comparison._condition),
    _Rule("tuple vector matrix", "any", lambda c, gold, answer: compare_tuples(gold.node, answer, c.nodes)),
    _Rule("inter", "inter", lambda c, gold, answer: compare_ordered(gold.node.args, answer.args, c.nodes)),
    _Rule("inter", "any", lambda _, gold, answer: different("type", "other_type")),
    _Rule("mod", "any", lambda _, gold, answer: congruent(gold.node, answer)),
    _Rule("any", "all-reals", lambda _, gold, answer: Judgement(interval_of(gold.node) == LINE, "text")),
    _Rule("pair", "R", lambda _, gold, answer: Judgement(gold.node == LINE, "type")),
    _Rule("R", "pair", lambda c, gold, answer: c.nodes(LINE, answer)),
    _Rule("pair", "any", lambda c, gold, answer: compare_tuples(gold.node, answer, c.nodes)),
    _Rule("any", "any", lambda c, gold, answer: compare_scalars(gold, answer, c.policy)),
)


@cache
def _rule(gold: str, answer: str) -> _Rule:
    """The rule for a reference and an answer of these kinds."""
    return next(
        rule
        for rule in _RULES
        if (rule.golds == "any" or gold in rule.golds.split())
        and (rule.answers == "any" or answer in rule.answers.split())
    )
