"""`calculus@1`: an antiderivative, checked by differentiating it; a derivative; or the value of a limit or an integral.

No list of solutions is compared with. An antiderivative is right where its derivative equals the integrand, with any
constant or none. What stands unevaluated (an integral sign, d/dx) is no answer, and neither is a sum for a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers import numerals
from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.math.answer import read
from rlvr_gym.verifiers.math.ladder import compare
from rlvr_gym.verifiers.math.tree import MathError, Node, symbols, walk
from rlvr_gym.verifiers.mathematics.differentiate import NoDerivativeError, derivative
from rlvr_gym.verifiers.verdict import Reason

ASKED = ("antiderivative_of", "derivative_of", "value")
MAX_EXPRESSION_CHARS = 500


class Gold(NamedTuple):
    """What is asked, the variable, and what the answer or its derivative is to equal."""

    asked: str
    variable: str
    wanted: Node


@dataclass(frozen=True)
class Calculus(RuleVerifier):
    """Judges an answer to a question of calculus.

    The reference is `{"antiderivative_of": "2x", "variable": "x"}`, `{"derivative_of": "x^2", "variable": "x"}` or
    `{"value": "5/3"}`, a whole number or a fraction. There is no partial credit.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Calculus()
        >>> reference = {"antiderivative_of": "2x\\\\cos(x^2)", "variable": "x"}
        >>> verifier.verify("\\\\boxed{\\\\sin(x^2) + C}", reference).passed
        True
        >>> verifier.verify("\\\\boxed{\\\\int 2x\\\\cos(x^2)\\\\,dx}", reference).reason.code
        'not_evaluated'
        >>> verifier.verify("\\\\boxed{x^2\\\\cos(x^2)}", reference).reason.code
        'other_derivative'
    """

    name = "calculus"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "The constant of an antiderivative may be missing, or be any constant.",
        "A derivative counts by its value, not by its form: unsimplified terms pass.",
        "Expressions that agree at three points to hundreds of digits are held equal without a proof, and where an "
        "answer is not defined is not looked at: `ln x` passes for `ln|x|`.",
    )

    markers: tuple[str, ...] = ("boxed", "answer_tag", "####")

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        if not isinstance(reference, Mapping) or len(asked := [key for key in ASKED if key in reference]) != 1:
            raise ReferenceFault("not_a_question", f"the reference must hold one of {', '.join(ASKED)}")
        text, variable = reference[asked[0]], reference.get("variable", "x")
        if not isinstance(text, str) or not isinstance(variable, str) or not 0 < len(text) <= MAX_EXPRESSION_CHARS:
            raise ReferenceFault("not_a_text", f"expected texts, got {shown(text)} in {shown(variable)}")
        found = _gold(asked[0], text, variable)
        if isinstance(found, Reason):
            raise ReferenceFault(*found)
        return found

    def read(self, text: str, gold: Gold) -> Node:
        """See `RuleVerifier.read`."""
        if len(text) > MAX_EXPRESSION_CHARS:
            raise UnreadableError("answer_too_long", f"at most {MAX_EXPRESSION_CHARS} characters are read")
        if gold.asked == "value":
            found = numerals.read_number(text)
            if isinstance(found, numerals.Refusal):
                raise UnreadableError("not_a_number", "the answer is to be a number or a fraction")
        try:
            node = read(text).node
        except MathError as error:
            raise UnreadableError("not_an_expression", str(error)) from error
        except RecursionError as error:
            raise UnreadableError("too_deep", "the answer is nested too deep to be read") from error
        if node.head == "rel" and set(node.value) == {"="} and _is_name(node.args[0], gold.variable):
            node = node.args[-1]
        if any(inner.head == "op" for inner in walk(node)):
            raise UnreadableError("not_evaluated", "an integral, a limit or a derivative is left unevaluated")
        return node

    def check(self, answer: Node, gold: Gold) -> Finding:
        """See the class."""
        found = answer
        if gold.asked == "antiderivative_of":
            try:
                found = derivative(answer, gold.variable)
            except NoDerivativeError as error:
                return Finding(False, Reason("no_derivative", str(error)))
        if _equal(gold.wanted, found):
            return Finding(True, Reason("equal", "it is right"))
        if gold.asked == "antiderivative_of":
            return Finding(False, Reason("other_derivative", "its derivative is not the integrand"))
        return Finding(False, Reason("different", "it differs from what is asked for"))


@lru_cache(maxsize=4096)
def _gold(asked: str, text: str, variable: str) -> Gold | Reason:
    if not (len(variable) == 1 and variable.isalpha() and variable.isascii()):
        return Reason("not_a_variable", f"the variable must be one Latin letter, got {shown(variable)}")
    try:
        node = read(text).node
        if asked == "value":
            number = numerals.read_number(text)
            return (
                Reason("not_a_number", f"a value is a number, got {shown(text)}")
                if isinstance(number, numerals.Refusal)
                else Gold(asked, variable, node)
            )
        slope = derivative(node, variable)  # also tells whether the integrand is an expression
        if symbols(node) - {variable}:
            return Reason("other_names", f"there are other names than {variable} in {shown(text)}")
        return Gold(asked, variable, slope if asked == "derivative_of" else node)
    except MathError as error:
        return Reason("not_an_expression", f"{shown(text)}: {error}")
    except RecursionError:
        return Reason("too_deep", f"{shown(text)} is nested too deep")


def _equal(wanted: Node, found: Node) -> bool:
    try:
        return compare(wanted, found).equal is True
    except (MathError, RecursionError):
        return False


def _is_name(node: Node, variable: str) -> bool:
    """Whether this is what a function is called: `F(x)`, `y`, `F`; not the variable itself."""
    if node.head == "sym":
        return bool(node.value != variable)
    return node.head == "call" and len(node.args) == 1 and node.args[0].head == "sym"
