"""The way to a verdict, in words: what was found, how it was read, which rung decided."""

from __future__ import annotations

from fractions import Fraction

from rlvr_gym.verifiers.math.answer import Reading
from rlvr_gym.verifiers.math.compare import type_of
from rlvr_gym.verifiers.math.tree import Node

RUNGS = ("identical", "exact", "normal form", "residues", "floats", "intervals", "complex intervals", "sympy")
_MEANS = {
    "string": "written the same",
    "identical": "the trees are the same",
    "exact": "integers and fractions, compared exactly",
    "normal form": "expanded to exact polynomials over variables, constants, roots and functions",
    "residues": "evaluated modulo primes that depend on both sides",
    "floats": "surely different at a point, in doubles with an error bound",
    "intervals": "enclosed in intervals at a precision that fits the numbers in it",
    "complex intervals": "enclosed in complex intervals",
    "domain": "one side is defined where the other is not",
    "sympy": "worked out by sympy in a worker process",
    "rounded": "an exact value that rounds to the decimal of the reference",
    "undecided": "no rung could tell; this counts as wrong",
    "type": "the answer is not of a type that the reference can be compared with",
    "guard": "a value that is not worked out, or taken from the question",
}
_MAX_SHOWN = 300
_INFIX = {"add": (" + ", 1), "mul": ("*", 2), "div": ("/", 2), "pow": ("^", 4)}


def steps(gold: Reading, answer: Reading | None, method: str) -> list[tuple[str, str]]:
    """Name and text of every step.

    Args:
        gold: The reference, read.
        answer: The answer, read; None where there is none.
        method: Of the verdict: where the answer was found and the rung.

    Example:
        >>> from rlvr_gym.verifiers.math.answer import read
        >>> steps(read("3"), read("2+1"), "boxed/normal form")[:2]
        [('reference', 'integer: 3'), ('answer', 'real: 2 + 1')]
    """
    out = [("reference", f"{type_of(gold)}: {render(gold.node):.{_MAX_SHOWN}}")]
    if answer is not None:
        out.append(("answer", f"{type_of(answer)}: {render(answer.node):.{_MAX_SHOWN}}"))
    rung = method.partition("/")[2]
    if rung in RUNGS:
        out += [(name, "could not tell") for name in RUNGS[: RUNGS.index(rung)] if name not in ("residues", "exact")]
    if rung:
        out.append((rung, f"decided: {_MEANS.get(rung, 'compared part by part')}"))
    return out


def render(node: Node, strength: int = 0) -> str:
    """A tree as plain text, so that a person sees how an answer was read.

    Example:
        >>> from rlvr_gym.verifiers.math.answer import read
        >>> render(read("2\\\\frac{1}{3} x^{-2}").node), render(read("\\\\sin 2x").node), render(read("(1,2]").node)
        ('7/3*x^(-2)', 'sin(2*x)', '(1, 2]')
    """
    head, args = node.head, node.args
    if head == "num":
        text = str(node.value)
        return f"({text})" if strength > 2 and (type(node.value) is Fraction or node.value < 0) else text
    if head in _INFIX:
        sign, own = _INFIX[head]
        inner = sign.join(render(arg, own + (i > 0 and head in ("div", "pow"))) for i, arg in enumerate(args))
        return f"({inner})" if own < strength else inner.replace(" + -", " - ")
    if head == "neg":
        inner = "-" + render(args[0], 2)
        return f"({inner})" if strength > 1 else inner
    if head in ("sym", "const", "text", "choice"):
        return str(node.value)
    if head == "rel":
        signs = [*(f" {operator} " for operator in node.value), ""]
        return "".join(render(arg) + sign for arg, sign in zip(args, signs, strict=True))
    listed = ", ".join(map(render, args))
    if head in ("pair", "tuple"):
        return f"{node.value[0]}{listed}{node.value[1]}"
    if head == "set":
        return "{" + listed + "}"
    if head == "qty":
        factor, dimension = node.value
        worth = " ".join(name if n == 1 else f"{name}^{n}" for name, n in dimension)
        return f"{render(args[0], 2)} [{'' if factor == 1 else f'{factor} '}{worth}]"
    if head == "based":
        return f"{node.value[0]} in base {node.value[1]}"
    if head == "opaque":
        return "not read as mathematics; compared as it is written"
    return f"{node.value if head in ('call', 'op') else head}({listed})"
