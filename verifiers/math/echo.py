"""The echo guard: the question itself is no answer, in whatever dress.

A question often holds a formula F that has the value of the reference and is not yet worked out. An answer A that has
this value is refused where it is no simpler than F:

1. A has the shape of F, or holds it: `F`, `F+1-1`, `2(F)/2`, `x=F`, whatever the order of its terms.
2. A is F up to trivial work (see `collected`), and leaves as many operations to be done as F or more.
3. A is the reference up to trivial work as F is, and leaves as many operations as F and more than the reference: where
   the value is a rational number, every other sum that comes to it.
4. A is a decimal of the question, and the reference is none.

What is written as the reference, up to the order of its terms, passes.
"""

from __future__ import annotations

from fractions import Fraction

from rlvr_gym.verifiers.math.answer import Reading
from rlvr_gym.verifiers.math.collected import collected, holds, operations, shape
from rlvr_gym.verifiers.math.compare import compare
from rlvr_gym.verifiers.math.policy import Judgement, Policy, different
from rlvr_gym.verifiers.math.question import Part, decimals, parts
from rlvr_gym.verifiers.math.relations import assignment
from rlvr_gym.verifiers.math.tree import MAX_CHARS, Node

_FINISHED = frozenset({"num", "sym", "const", "text", "choice", "opaque"})
_ORDERED = frozenset({"pair", "tuple", "vector", "matrix"})
_LISTED = frozenset({"list", "set"})


def guarded(judgement: Judgement, gold: Reading, answer: Reading, policy: Policy) -> Judgement:
    """The judgement of an answer that is right, or a refusal where it is taken from the question.

    Example:
        >>> from rlvr_gym.verifiers.math.answer import Reading, read
        >>> same = Judgement(True, "normal form")
        >>> asked, answers = Policy(prompt="Compute $3+4$."), ("3+4", "4+3+0", "2(3+4)/2", "5+2", "7", "3+4=7")
        >>> [guarded(same, read("7"), read(text), asked).code for text in answers]
        ['echo', 'echo', 'echo', 'echo', '', '']
        >>> guarded(same, read("3/4"), read("3/4"), Policy(prompt="What is $3/4$ of a cake?")).equal
        True
    """
    prompt = policy.prompt[:MAX_CHARS]
    if not prompt or answer.node == gold.node:
        return judgement
    if _quoted(answer.text, prompt) and not _quoted(gold.text, prompt):
        return _ECHO
    return _ECHO if _Gold(gold.node, gold.text, policy).echoed(answer.node, answer.text) else judgement


_ECHO = different("guard", "echo", "the answer is a part of the question")


class _Gold:
    """The reference, or the part of it that a part of the answer stands for.

    Args:
        node: Its tree.
        text: As it is written; empty for a part.
        policy: With the question.
    """

    def __init__(self, node: Node, text: str, policy: Policy) -> None:
        self.node, self.text, self.policy = node, text, policy
        self.shape = shape(node)

    def echoed(self, answer: Node, text: str) -> bool:
        """Whether every side of an answer that stands for this is no simpler than what the question has for it."""
        sides = _values(answer)
        if answer.head != "rel" or sides:  # no equation: then of the reference only its value counts
            gold = _Gold((_values(self.node) or (self.node,))[-1], self.text, self.policy)
            return all(gold.has(side, text) for side in sides or (answer,))
        chain = self.node.head != "rel" and set(answer.value) <= {"=", "~"}
        return all(self.has(side, text) for side in (answer.args if chain else (answer,)))

    def has(self, answer: Node, text: str) -> bool:
        """Whether a right answer without a name is no simpler than what the question has for this."""
        if answer.head == "qty":
            answer = answer.args[0]
        plain = shape(answer)
        if plain.head == "num":
            numeral = "." in text and "." not in self.text
            return numeral and Fraction(plain.value) in decimals(self.policy.prompt)
        if plain.head in _FINISHED or plain == self.shape:
            return False
        return self._component(answer) or self._rewritten(answer, plain)

    def _rewritten(self, answer: Node, plain: Node) -> bool:
        """The first three rules of the module."""
        done, left = collected(answer), operations(answer)
        wanted, least = collected(self.node), operations(self.node)
        for part in parts(self.policy.prompt):
            if part.shape in (self.shape, plain):
                if part.shape == plain:
                    return True
            elif holds(plain, part.shape) and not holds(self.shape, part.shape) and self._equals(part):
                return True
            elif left < part.operations or not holds(done, part.collected):
                continue
            elif part.collected == wanted:
                if left > least:
                    return True
            elif not holds(wanted, part.collected) and self._equals(part):
                return True
        return False

    def _component(self, answer: Node) -> bool:
        """Whether a component of a tuple or list is an echo."""
        mine, heads = self.node.args, {answer.head, self.node.head}
        if len(answer.args) != len(mine) or not heads <= _ORDERED | _LISTED:
            return False
        if heads <= _ORDERED:
            pairs = list(zip(mine, answer.args, strict=True))
        else:
            pairs = [(a, b) for b in answer.args if b.args for a in mine if _same(a, b, self.policy)]
        return any(_Gold(a, "", self.policy).echoed(b, "") for a, b in pairs)

    def _equals(self, part: Part) -> bool:
        """Whether a formula of the question has the value of this."""
        return _same(self.node, part.node, self.policy)


def _values(node: Node) -> tuple[Node, ...]:
    """The values of `x = 2 + 3 = 5`; none where there is no name."""
    named = assignment(node) if node.head == "rel" else None
    return named[1] if named is not None else ()


def _same(gold: Node, answer: Node, policy: Policy) -> bool:
    return bool(compare(Reading(gold), Reading(answer), policy).equal)


def _quoted(text: str, prompt: str) -> bool:
    """Whether a text that is more than digits or letters stands in the question word for word."""
    text = "".join(text.split())
    if len(text) < 2 or text.isdigit() or text.isalpha():
        return False
    plain = "".join(prompt.split())
    at = plain.find(text)
    while at >= 0:
        around = plain[at - 1 : at] + plain[at + len(text) : at + len(text) + 1]
        if not any(char.isdigit() or char == "." for char in around):
            return True
        at = plain.find(text, at + 1)
    return False
