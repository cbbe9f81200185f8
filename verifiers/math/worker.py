"""The sympy side of `symbolic.py`: reads trees as JSON lines, answers one word a line.

Runs as a script in a process of its own. Trees are built into sympy objects class by class; no text is ever parsed or
evaluated. Work is limited by counted function calls, and every request is answered by a fork of the same warm process,
so that the same trees give the same word on every machine and after any history; the limits on processor time and
memory are set by the kernel and end the fork.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

MEMORY = 2 * 2**30
SECONDS = 20  # of processor time a request; far above what the calls below take


class OutOfCalls(BaseException):
    """The budget of function calls is spent; a BaseException, so that nothing in sympy catches it."""


class Budget:
    """A profiling function that raises after so many events.

    Args:
        calls: Function calls and returns that are allowed.
    """

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """Count one event."""
        self.left -= 1
        if self.left < 0:
            sys.setprofile(None)
            raise OutOfCalls


def build(tree: list[Any], names: dict[str, Any]) -> Any:
    """A sympy object from `[head, args, value]`.

    Raises:
        KeyError: A head or function that has no counterpart.
    """
    import sympy as sp

    head, args, value = tree
    if head == "num":
        return sp.Rational(int(value[0]), int(value[1]))
    if head == "sym":
        return names.setdefault(value, sp.Symbol(f"v{len(names)}", real=True))
    if head == "const":
        return {"pi": sp.pi, "e": sp.E, "i": sp.I, "inf": sp.oo}[value]
    if head == "op":
        return _operator(value, args, names)
    parts = [build(arg, names) for arg in args]
    if head == "call":
        return _call(value, parts)
    table: dict[str, Callable[..., Any]] = {
        "add": sp.Add,
        "mul": sp.Mul,
        "neg": lambda a: -a,
        "div": lambda a, b: a / b,
        "pow": sp.Pow,
        "root": sp.real_root,
        "abs": sp.Abs,
        "floor": sp.floor,
        "ceil": sp.ceiling,
        "fact": sp.factorial,
        "deg": lambda a: a * sp.pi / 180,
        "pct": lambda a: a / 100,
    }
    return table[head](*parts)


def _call(name: str, parts: list[Any]) -> Any:
    import sympy as sp

    if name == "log" and len(parts) == 2:
        return sp.log(parts[0]) / sp.log(parts[1])
    table = {
        "ln": sp.log, "log": sp.log, "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "cot": sp.cot, "sec": sp.sec,
        "csc": sp.csc, "arcsin": sp.asin, "arccos": sp.acos, "arctan": sp.atan, "arccot": sp.acot, "sinh": sp.sinh,
        "cosh": sp.cosh, "tanh": sp.tanh, "arcsinh": sp.asinh, "arccosh": sp.acosh, "arctanh": sp.atanh, "erf": sp.erf,
        "binom": sp.binomial, "gcd": sp.gcd, "lcm": sp.lcm, "max": sp.Max, "min": sp.Min, "sgn": sp.sign,
    }  # fmt: skip
    return table[name](*parts)


def _operator(name: str, args: list[Any], names: dict[str, Any]) -> Any:
    import sympy as sp

    body, bounds = args[0], args[1:]
    if name.startswith("diff:d") and len(name) == 7:
        return sp.Derivative(build(body, names), build(["sym", [], name[6:]], names))
    if name.startswith("int"):
        body, variable = _integrand(body)
        inner, over = build(body, names), build(variable, names)
        limits = [build(bound, names) for bound in bounds]
        if name == "int":
            return sp.Integral(inner, over)
        return sp.Integral(inner, (over, *(limits if name == "int_^" else limits[::-1])))
    kind, start = name.rstrip("_^"), bounds[0]
    if start[0] != "rel":
        raise KeyError(name)
    variable, value = build(start[1][0], names), build(start[1][1], names)
    if kind == "lim":
        return sp.Limit(build(body, names), variable, value, "+-")
    return {"sum": sp.Sum, "prod": sp.Product}[kind](build(body, names), (variable, value, build(bounds[1], names)))


def _integrand(body: list[Any]) -> tuple[list[Any], list[Any]]:
    """`x^2 d x` as the integrand and its variable."""
    head, args, _ = body
    if head == "add":
        *terms, last = args
        inner, variable = _integrand(last)
        return ["add", [*terms, inner], None], variable
    if head == "neg":
        inner, variable = _integrand(args[0])
        return ["neg", [inner], None], variable
    if head == "div":
        inner, variable = _integrand(args[0])
        return ["div", [inner, args[1]], None], variable
    if head != "mul" or len(args) < 2 or args[-2][:1] != ["sym"] or args[-2][2] != "d" or args[-1][0] != "sym":
        raise KeyError("an integral without a differential")
    factors = args[:-2]
    return (["mul", factors, None] if len(factors) > 1 else factors[0] if factors else ["num", [], ["1", "1"]]), args[
        -1
    ]


def decide(a: list[Any], b: list[Any]) -> str:
    """`equal`, `different` or `unknown`."""
    import sympy as sp

    names: dict[str, Any] = {}
    try:
        left, right = build(a, names).doit(), build(b, names).doit()
        gap = left - right
        if gap.has(sp.Integral, sp.Sum, sp.Product, sp.Limit, sp.Derivative, sp.nan, sp.zoo):
            return "unknown"
        if sp.simplify(gap) == 0:
            return "equal"
        return "different" if gap.equals(0) is False else "unknown"
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return "unknown"  # what sympy raises where it cannot; anything else ends the worker, which means the same


def warm_up() -> None:
    """Load what sympy loads late, so that no request pays for it out of its budget."""
    x, one = ["sym", [], "x"], ["num", [], ["1", "1"]]
    square: list[Any] = ["pow", [x, ["num", [], ["2", "1"]]], None]
    differential = [["sym", [], "d"], x]
    wave: list[Any] = ["div", [["call", [x], "sin"], x], None]
    decide(["op", [["mul", [square, *differential], None], ["num", [], ["0", "1"]], one], "int_^"], one)
    decide(["op", [["mul", [wave, *differential], None]], "int"], one)
    decide(["op", [wave, ["rel", [x, ["num", [], ["0", "1"]]], ["->"]]], "lim_"], one)
    decide(["op", [["div", [one, square], None], ["rel", [x, one], ["="]], ["const", [], "inf"]], "sum_^"], one)


def answer(line: str) -> str:
    """One request, in a child of this process, which every request finds in the same state."""
    sys.stdout.flush()
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        request = json.loads(line)  # what is no request ends this fork, and its answer is "unknown"
        sys.setprofile(Budget(request["calls"]))
        try:
            word = decide(request["a"], request["b"])
        except OutOfCalls:
            word = "unknown"
        finally:
            sys.setprofile(None)
        os.write(writable, word.encode())
        os._exit(0)
    os.close(writable)
    waiting = select.poll()
    waiting.register(readable, select.POLLIN)
    waiting.register(sys.stdin, 0)  # reports only that the other side is gone
    if all(fd != readable for fd, _ in waiting.poll()):
        os.kill(child, signal.SIGKILL)
    word = os.read(readable, 100).decode()
    os.close(readable)
    os.waitpid(child, 0)
    return word or "unknown"


def main() -> None:
    """Answer requests until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.setrecursionlimit(3000)
    warm_up()
    for line in sys.stdin:
        number, _, request = line.partition(" ")
        sys.stdout.write(f"{number} {answer(request)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
