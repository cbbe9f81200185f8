"""The shape of the library: short files and functions, a docstring on every public symbol, examples that run."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import gymnasium as gym
import pytest
from rlvr_gym.verifiers.registry import _ENTRY_POINTS as VERIFIER_ENTRY_POINTS

from rlvr_gym import env_ids

ROOT = Path(__file__).resolve().parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60  # without the docstring

# Packages of extras that `make test` does not install: a module that needs one is skipped, any other failure to
# import is a failure of the test.
NOT_IN_DEV = {"openai", "ray", "vllm"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def folder_of(package: str) -> Path:
    if package in SETUPTOOLS["package-dir"]:
        return ROOT / SETUPTOOLS["package-dir"][package]
    parent, _, name = package.rpartition(".")
    return folder_of(parent) / name


def library() -> dict[str, Path]:
    """Module name to file, for every module that the wheel carries."""
    modules = {}
    for package in SETUPTOOLS["packages"]:
        for path in sorted(folder_of(package).glob("*.py")):
            modules[package if path.stem == "__init__" else f"{package}.{path.stem}"] = path
    return modules


LIBRARY = library()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.stmt) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


# --- Size and shape ------------------------------------------------------------------------------------------------


def body_lines(function: Function) -> int:
    """Lines from `def` to the end, less those of the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def functions(node: ast.AST, depth: int = 0) -> Iterator[tuple[Function, int]]:
    """Every function below `node` with the number of functions that it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child, depth
            yield from functions(child, depth + 1)
        elif not isinstance(child, ast.expr):  # in which no statement can stand
            yield from functions(child, depth)


class Shape(NamedTuple):
    """Place and name, lines and depth of every function of the library, and what has no docstring."""

    functions: list[tuple[str, int, int]]
    undocumented: list[str]


@cache
def shape_of_the_library() -> Shape:
    """Each file is parsed once."""
    shape = Shape([], [])
    for path in LIBRARY.values():
        tree = parse(path)
        shape.functions.extend(
            (f"{place(path, function)} {function.name}", body_lines(function), depth)
            for function, depth in functions(tree)
        )
        shape.undocumented.extend(f"{path.relative_to(ROOT)}:{line} {name}" for line, name in undocumented(tree))
    return shape


def test_the_checks_cover_the_library() -> None:
    assert {"rlvr_gym", "rlvr_gym.registration", "rlvr_gym.verifiers.number", "rlvr_gym.envs.text_env"} <= set(LIBRARY)


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in LIBRARY.values()}
    found = [f"{path.relative_to(ROOT)}: {lines}" for path, lines in lengths.items() if lines > MAX_FILE_LINES]
    assert not found, found


def test_no_function_is_longer_than_60_lines() -> None:
    found = [f"{where}: {lines}" for where, lines, _ in shape_of_the_library().functions if lines > MAX_FUNCTION_LINES]
    assert not found, found


def test_no_function_is_nested_deeper_than_one_level() -> None:
    found = [where for where, _, depth in shape_of_the_library().functions if depth > 1]
    assert not found, found


def test_no_function_writes_to_the_variables_of_another() -> None:
    found = [
        place(path, node)
        for path in LIBRARY.values()
        if "nonlocal" in path.read_text(encoding="utf-8")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Nonlocal)
    ]
    assert not found, f"nonlocal: {found}"


def test_length_and_depth_are_counted_as_stated() -> None:
    source = """@cache
def f(
    x,
):
    '''One.

    Two.
    '''
    class A:
        def g(self):
            def h(): ...
"""
    # f: def on line 2, end on line 11, so 10 lines, of which 4 are the docstring.
    assert [(f.name, depth, body_lines(f)) for f, depth in functions(ast.parse(source))] == [
        ("f", 0, 6),
        ("g", 1, 2),
        ("h", 2, 1),
    ]


# --- Docstrings ----------------------------------------------------------------------------------------------------


def undocumented(tree: ast.Module) -> list[tuple[int, str]]:
    """Line and name of the module itself and of each public function, class and method that has no docstring."""
    found = [] if ast.get_docstring(tree) else [(1, "the module")]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_") and not ast.get_docstring(node):
            found.append((node.lineno, node.name))
    return found


def test_every_public_symbol_has_a_docstring() -> None:
    found = shape_of_the_library().undocumented
    assert not found, found


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = 1", ["the module"]),
        ('"""M."""\ndef f(): ...\nclass A: ...\nasync def g(): ...', ["f", "A", "g"]),
        ('"""M."""\ndef _f(): ...\ndef f():\n    """F."""', []),
    ],
)
def test_the_docstring_check_sees_what_it_should(source: str, names: list[str]) -> None:
    assert [name for _, name in undocumented(ast.parse(source))] == names


# --- Examples ------------------------------------------------------------------------------------------------------


def import_or_skip(module: str) -> object:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        package = (cause.name or "").partition(".")[0]
        if package in NOT_IN_DEV:
            pytest.skip(f"{module} needs {package}, which is not installed")
        raise


@pytest.mark.parametrize("module", LIBRARY)
def test_the_examples_in_docstrings_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_or_skip(module), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples of {module} failed; see the output"


def shows_an_example(entry_point: str) -> bool:
    """Whether a class, one of its methods, its module or a function of its module shows an example."""
    module_name, _, name = entry_point.partition(":")
    module = importlib.import_module(module_name)
    functions_beside = (member for member in vars(module).values() if getattr(member, "__module__", "") == module_name)
    symbols = [module, *filter(inspect.isfunction, functions_beside), *vars(getattr(module, name)).values()]
    texts = [getattr(module, name).__doc__, *(getattr(symbol, "__doc__", None) for symbol in symbols)]
    return any(">>>" in (text or "") for text in texts)


def test_every_environment_carries_an_example() -> None:
    without = [env_id for env_id in env_ids() if not shows_an_example(str(gym.spec(env_id).entry_point))]
    assert not without, without


def test_every_verifier_carries_an_example() -> None:
    without = [name for name, entry_point in VERIFIER_ENTRY_POINTS.items() if not shows_an_example(entry_point)]
    assert not without, without
