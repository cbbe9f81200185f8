"""The programs that run inside the sandbox, put together from the files beside this one.

A program is one source without imports from this project: the parts follow one another, without their docstrings and
annotations.
"""

from __future__ import annotations

import ast
import importlib.resources
import py_compile
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rlvr_gym.verifiers.code.sources import parsed
from rlvr_gym.verifiers.sandbox import Limits, RunSpec

RUNNER = ("wire", "runner")
JUDGE = ("wire", "proxy", "judge")
PYTEST_JUDGE = ("wire", "proxy", "judge", "collector")
CHECKER = ("wire", "checker")

# Compiling takes longer than all the rest of a short run, so the compiled form travels along, for the same Python.
_START = """\
import marshal
from _frozen_importlib_external import MAGIC_NUMBER
with open("harness.bin", "rb") as file:
    harness = file.read()
if harness[:4] == MAGIC_NUMBER:
    harness = marshal.loads(harness[16:])
else:
    with open("harness.py", encoding="utf-8") as file:
        harness = compile(file.read(), "harness.py", "exec", dont_inherit=True)
exec(harness)
"""
# What the candidate does to the builtins must not change how its honest answers are written.
_OWN_BUILTINS = "import builtins\n__builtins__ = dict(vars(builtins))\n"
_TYPING_ONLY = ("__future__", "collections.abc", "typing")


def harness(
    parts: tuple[str, ...], files: Mapping[str, bytes | str], limits: Limits, peer: RunSpec | None = None
) -> RunSpec:
    """A run of one of the programs.

    Args:
        parts: Which one: `RUNNER`, `JUDGE`, `PYTEST_JUDGE` or `CHECKER`.
        files: What it works on.
        limits: What it may use.
        peer: The program at the other end.

    Example:
        >>> sorted(harness(RUNNER, {"task.bin": b""}, Limits()).files)
        ['harness.bin', 'harness.py', 'task.bin']
    """
    source = program(parts)
    own: dict[str, bytes | str] = {"harness.py": source, "harness.bin": _compiled(source)}
    return RunSpec(_START, files={**files, **own}, limits=limits, peer=peer)


@cache
def program(parts: tuple[str, ...]) -> str:
    """The source of a program.

    Args:
        parts: Names of files of this package, without their ending; one of them has a `main`.

    Example:
        >>> "rlvr_gym" in program(RUNNER)
        False
    """
    package = importlib.resources.files(__package__)
    trees = [parsed((package / f"{name}.py").read_text(encoding="utf-8"), f"{name}.py") for name in parts]
    body = [statement for tree in trees for statement in _Bare().visit(tree).body]
    source = ast.unparse(ast.Module(body, type_ignores=[]))
    return f"{_OWN_BUILTINS}{source}\nmain()\n"


@cache
def _compiled(source: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "harness.py"
        path.write_text(source, encoding="utf-8")
        made = py_compile.compile(str(path), str(path.with_suffix(".bin")), dfile=path.name, doraise=True)
        return Path(str(made)).read_bytes()


class _Bare(ast.NodeTransformer):
    """Drops what a program does not need when it runs."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        module = node.module or ""
        return None if module in _TYPING_ONLY or module.startswith("rlvr_gym.") else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "__name__ == '__main__'" else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], self.visit(node.value)), node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if ast.unparse(node.targets[0]) == "Piece" else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._bare(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._bare(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._bare(node)

    def _bare(self, node: ast.FunctionDef | ast.ClassDef | ast.Module) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)
