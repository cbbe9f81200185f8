"""Reading the test sources of a data set, as syntax only: what counts as a test, what has to be imported for it.

Nothing here executes anything.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault

_SCOPE_ENDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_NOT_AT_TOP = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Nonlocal, ast.Global)
_ATTEMPTS = 50
_ALWAYS_THERE = {*vars(builtins), "__name__", "__file__", "__builtins__"}


class Statement(NamedTuple):
    """One thing that the judge does.

    Args:
        source: What is executed.
        counts: It is a test; else it stands between tests.
        group: What is expected, where that is a constant: the class of the test for `balanced_accuracy`.
    """

    source: str
    counts: bool
    group: str | None = None


def parsed(source: str, where: str) -> ast.Module:
    """The syntax tree of a source.

    Raises:
        ReferenceFault: It is no Python.
    """
    for _ in range(_ATTEMPTS):
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ReferenceFault("bad_source", f"{where} is no Python: {error}") from error
        except SystemError:  # before Python 3.13, when two threads parse at one time (gh-106905)
            continue
    raise ReferenceFault("bad_source", f"{where} cannot be parsed")


def bound_names(trees: Iterable[ast.AST]) -> set[str] | None:
    """All names that are bound anywhere; None where a star import makes that unknowable."""
    names: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names.add(node.id)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                names.add(node.name)
    return None if "*" in names else names


def missing_imports(trees: Sequence[ast.AST], known: Iterable[str]) -> list[str]:
    """Modules of the standard library that are used by name and never imported, sorted.

    Args:
        trees: The sources.
        known: Names that will be there.

    Raises:
        ReferenceFault: A name is used that nobody defines.

    Example:
        >>> missing_imports([ast.parse("assert f() == sys.getsizeof(1)")], ["f"])
        ['sys']
    """
    bound = bound_names(trees)
    used = {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    if bound is None:
        return []
    unknown = sorted(used - bound - _ALWAYS_THERE - set(known))
    if undefined := [name for name in unknown if name not in sys.stdlib_module_names]:
        raise ReferenceFault("undefined_name", f"the tests use {undefined[0]!r}, which nothing defines")
    return unknown


def has_assert(node: ast.AST) -> bool:
    """Whether there is an `assert` anywhere inside."""
    return any(isinstance(child, ast.Assert) for child in ast.walk(node))


def is_vacuous(node: ast.stmt) -> bool:
    """Whether a statement is an assertion about constants only, which says nothing about any candidate."""
    return isinstance(node, ast.Assert) and not any(isinstance(child, ast.Name) for child in ast.walk(node.test))


def group_of(node: ast.stmt) -> str | None:
    """What an assertion about a call expects, where that is a constant.

    Example:
        >>> [group_of(ast.parse(s).body[0]) for s in ("assert f(1)", "assert not f(1)", "assert f(1) == 'a'", "f(1)")]
        ['True', 'False', "'a'", None]
    """
    if not isinstance(node, ast.Assert):
        return None
    test = node.test
    if isinstance(test, ast.Call):
        return "True"
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and isinstance(test.operand, ast.Call):
        return "False"
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Call) and isinstance(test.ops[0], ast.Eq | ast.Is):
        try:
            return repr(ast.literal_eval(test.comparators[0])) if len(test.ops) == 1 else None
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None
    return None


class CheckSource(NamedTuple):
    """A test source that defines `check(candidate)`, taken apart.

    Args:
        before: What is executed first.
        argument: The name under which the candidate is passed.
        statements: The body of `check`, one statement after the other.
    """

    before: str
    argument: str
    statements: list[Statement]


def read_check(source: str) -> CheckSource:
    """Take `check(candidate)` apart, so that each of its assertions is a test of its own.

    A body that cannot stand outside of a function (it returns, yields, or declares names global) is one test as a
    whole, and so is one in which no test is found.

    Raises:
        ReferenceFault: There is no such function.

    Example:
        >>> taken = read_check("def check(f):\\n    assert True\\n    x = 2\\n    assert f(x) == 4\\n")
        >>> [(s.source, s.counts) for s in taken.statements]
        [('assert True', False), ('x = 2', False), ('assert f(x) == 4', True)]
    """
    tree = parsed(source, "the test")
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    if len(checks) != 1 or len(checks[0].args.args) != 1:
        raise ReferenceFault("no_check", "the test must define check(candidate), once and with one argument")
    check = checks[0]
    rest = [node for node in tree.body if node is not check and not _calls_check(node)]
    before = ast.unparse(ast.Module(rest, type_ignores=[]))
    argument = check.args.args[0].arg
    helpers = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n is not check and has_assert(n)}
    statements = [Statement(ast.unparse(node), _counts(node, helpers), group_of(node)) for node in check.body]
    if any(_leaves_function(node) for node in check.body) or not any(s.counts for s in statements):
        whole = f"{before}\n{ast.unparse(check)}"
        return CheckSource(whole, argument, [Statement(f"check({argument})", True)])
    return CheckSource(before, argument, statements)


def _calls_check(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check"


def _counts(node: ast.stmt, helpers: set[str]) -> bool:
    if isinstance(node, _SCOPE_ENDS) or is_vacuous(node):
        return False
    calls = {c.func.id for c in ast.walk(node) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}
    return has_assert(node) or bool(calls & helpers)


def _leaves_function(node: ast.AST) -> bool:
    if isinstance(node, _NOT_AT_TOP):
        return True
    if isinstance(node, _SCOPE_ENDS):
        return any(isinstance(child, ast.Nonlocal) for child in ast.walk(node))
    return any(_leaves_function(child) for child in ast.iter_child_nodes(node))


class PromptSource(NamedTuple):
    """A prompt that begins a program, taken apart.

    Args:
        given: All but the definition that the candidate is to complete: imports and helpers.
        helpers: Names that it defines other than by importing.
    """

    given: str
    helpers: set[str]


def read_prompt(prompt: str, entry_point: str) -> PromptSource:
    """Take a prompt apart.

    Raises:
        ReferenceFault: It is not the beginning of a Python program.

    Example:
        >>> read_prompt("import math\\ndef g(): ...\\ndef f(x):\\n", "f")
        PromptSource(given='import math\\n\\ndef g():\\n    ...', helpers={'g'})
    """
    try:
        tree = parsed(prompt, "the prompt")
    except ReferenceFault:
        tree = parsed(prompt.rstrip() + "\n    pass\n", "the prompt")
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    kept = [node for node in tree.body if not (isinstance(node, functions) and node.name == entry_point)]
    helpers: set[str] = set()
    for node in kept:
        if isinstance(node, functions):
            helpers.add(node.name)
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            helpers |= bound_names([node]) or set()
    return PromptSource(ast.unparse(ast.Module(kept, type_ignores=[])), helpers)
