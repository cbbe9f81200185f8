"""The layout holds: imports go one way, bare folder names refuse, nothing dangerous is called, dependencies say why."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE_DIRS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]
FOLDERS = ("verifiers", "reward_shaping", "envs", "agents", "benchmarks")

# Our own names that a package may import, besides itself. The root (`rlvr_gym`, `rlvr_gym.registration`) is a table of
# strings that imports nothing of ours; `verifiers` and `reward_shaping` do without it, so that they can be lifted out.
ROOT_NAMES = ("rlvr_gym.registration", "rlvr_gym.env_ids", "rlvr_gym.__version__")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "verifiers": (),
    "reward_shaping": ("rlvr_gym.verifiers",),
    "envs": ("rlvr_gym.verifiers", "rlvr_gym.reward_shaping", *ROOT_NAMES),
    "agents": ("rlvr_gym.verifiers", "rlvr_gym.reward_shaping", "rlvr_gym.envs", *ROOT_NAMES),
    "benchmarks": ("rlvr_gym.verifiers", "rlvr_gym.reward_shaping", "rlvr_gym.envs", "rlvr_gym.agents", *ROOT_NAMES),
}

SKIPPED_FOLDERS = {"build", "dist", "runs", "node_modules", "__pycache__"}


def folder_of(package: str) -> Path:
    """Where the sources of a package lie: its own entry in `package-dir`, or its parent's plus its last name."""
    if package in PACKAGE_DIRS:
        return ROOT / PACKAGE_DIRS[package]
    parent, _, name = package.rpartition(".")
    return folder_of(parent) / name


def library() -> dict[str, Path]:
    """Module name to file, for every module that the wheel carries."""
    modules = {}
    for package in PROJECT["tool"]["setuptools"]["packages"]:
        for path in sorted(folder_of(package).glob("*.py")):
            modules[package if path.stem == "__init__" else f"{package}.{path.stem}"] = path
    return modules


@cache
def all_files() -> list[Path]:
    """All files of the repository; build products and virtual environments are passed over."""
    found: list[Path] = []
    for folder, names, files in os.walk(ROOT):
        here = Path(folder)
        names[:] = [
            name
            for name in names
            if name not in SKIPPED_FOLDERS
            and (not name.startswith(".") or name in {".ci", ".github"})
            and not (here / name / "pyvenv.cfg").exists()
        ]
        found += [here / file for file in files]
    return found


def repository_files(*suffixes: str) -> Iterator[Path]:
    """Those with these endings."""
    return (path for path in all_files() if path.name.endswith(suffixes))


@lru_cache(maxsize=1)
def nodes_of(tree: ast.AST) -> list[ast.AST]:
    """The tree and all below it: every check of a tree goes through all of them."""
    return list(ast.walk(tree))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


LIBRARY = library()


# --- Imports go one way -------------------------------------------------------------------------------------------


def imported_names(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that is imported anywhere below `tree`; relative ones are resolved."""
    parts = module.split(".")
    for node in nodes_of(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                keep = len(parts) - node.level + is_package
                base = ".".join([*parts[:keep], *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and last_name(node.func).endswith("import_module"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class Findings(NamedTuple):
    """What the checks look for in a module, by lines."""

    imports: list[tuple[int, str]]
    forbidden: list[tuple[int, str]]
    broad_excepts: list[int]


@cache
def findings(module: str) -> Findings:
    """Those of a module of the library: each is parsed once."""
    path = LIBRARY[module]
    tree = parse(path)
    imports = list(imported_names(tree, module, path.stem == "__init__"))
    return Findings(imports, list(forbidden(tree)), broad_excepts(tree))


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def wrong_way_imports(imports: Iterable[tuple[int, str]], module: str) -> list[tuple[int, str]]:
    own = ".".join(module.split(".")[:2])
    allowed = (own, *MAY_IMPORT[own.removeprefix("rlvr_gym.")])
    return [
        (line, name)
        for line, name in imports
        if is_within(name, "rlvr_gym") and not any(is_within(name, package) for package in allowed)
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    found = [
        f"{place(path, line)} imports {name}"
        for module, path in LIBRARY.items()
        if is_within(module, f"rlvr_gym.{folder}")
        for line, name in wrong_way_imports(findings(module).imports, module)
    ]
    assert not found, f"rlvr_gym.{folder} may import only itself and {MAY_IMPORT[folder]}: {found}"


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("rlvr_gym.verifiers.math", "from rlvr_gym.envs import Task", ["rlvr_gym.envs.Task"]),
        ("rlvr_gym.verifiers.math", "import rlvr_gym", ["rlvr_gym"]),
        ("rlvr_gym.verifiers.math", "from .. import envs", ["rlvr_gym.envs"]),
        ("rlvr_gym.verifiers.math", "from . import base\nfrom .base import Verifier", []),
        ("rlvr_gym.envs.task", "def f():\n    from ..agents.policy import Policy", ["rlvr_gym.agents.policy.Policy"]),
        ("rlvr_gym.envs.task", "importlib.import_module('rlvr_gym.agents')", ["rlvr_gym.agents"]),
        ("rlvr_gym.agents.policy", "from rlvr_gym import envs, benchmarks", ["rlvr_gym.benchmarks"]),
        ("rlvr_gym.benchmarks.runner", "from rlvr_gym.agents import collect\nimport rlvr_gymnastics", []),
    ],
)
def test_the_import_check_sees_what_it_should(module: str, source: str, wrong: list[str]) -> None:
    imports = imported_names(ast.parse(source), module, is_package=False)
    assert [name for _, name in wrong_way_imports(imports, module)] == wrong


@pytest.mark.parametrize("module", ["rlvr_gym", "rlvr_gym.registration"])
def test_the_root_imports_no_sub_package_at_module_level(module: str) -> None:
    tree = parse(LIBRARY[module])
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = []
    names = {name for _, name in imported_names(tree, module, is_package=module == "rlvr_gym")}
    assert not [name for name in names for folder in (*FOLDERS, "cli") if is_within(name, f"rlvr_gym.{folder}")]


def test_every_package_folder_is_listed_for_the_wheel() -> None:
    listed = {folder_of(package) for package in PROJECT["tool"]["setuptools"]["packages"]}
    on_disk = {path.parent for root in {*PACKAGE_DIRS.values()} for path in (ROOT / root).rglob("__init__.py")}
    assert on_disk <= listed, "add to [tool.setuptools] packages: " + str(sorted(map(str, on_disk - listed)))


# --- Bare names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_refuses_to_be_imported_by_its_bare_name(folder: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    last_line = run.stderr.strip().rpartition("\n")[2]
    assert run.returncode == 1, f"`import {folder}` from the repository root must fail"
    assert last_line.startswith("ImportError: "), last_line
    assert f"rlvr_gym.{folder}" in last_line, "the message must name the package that was meant"


# An import of one of these names on one line, continued or not: only where this stands is a file worth parsing.
BARE = re.compile(rf"\b(?:import|from)\b(?:[^\n]|\\\n)*(?<![.\w])(?:{'|'.join(FOLDERS)})\b")


def bare_imports(source: str) -> list[int]:
    """Lines that import one of our folders by its bare name."""
    lines = []
    for node in ast.walk(ast.parse(source)) if BARE.search(source) else ():
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        lines += [node.lineno for name in names if name.partition(".")[0] in FOLDERS]
    return lines


def test_no_source_imports_a_folder_by_its_bare_name() -> None:
    found = [
        place(path, line) for path in repository_files(".py") for line in bare_imports(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"write rlvr_gym.<name>: {found}"


def test_no_page_shows_an_import_of_a_bare_folder_name() -> None:
    bare = re.compile(rf"^\s*(?:>>> )?(?:import|from) (?:{'|'.join(FOLDERS)})\b")
    found = []
    for path in repository_files(".md"):
        inside = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.lstrip().startswith("```"):
                inside = not inside
            elif inside and bare.match(line):
                found.append(place(path, number))
    assert not found, f"write rlvr_gym.<name>: {found}"


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import verifiers", [1]),
        ("x = 1\nfrom agents.policy import Policy", [2]),
        ("if x: import math, \\\n    envs as e", [1]),
        ("from rlvr_gym import verifiers\nfrom . import agents\nimport rlvr_gym.envs as envs", []),
    ],
)
def test_the_bare_name_check_sees_what_it_should(source: str, lines: list[int]) -> None:
    assert bare_imports(source) == lines


# --- Untrusted text is data; no global random state ----------------------------------------------------------------

FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
FORBIDDEN_BUILTINS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_NAMES = {"sympify", "parse_expr"}
FORBIDDEN_CALLS = {
    "builtins.eval",
    "builtins.exec",
    "builtins.compile",
    "signal.alarm",
    "signal.setitimer",
    "random.seed",
    "numpy.random.seed",
    "torch.manual_seed",
    "torch.random.manual_seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "transformers.set_seed",
}


def aliases_of(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for: `np` is `numpy`, `alarm` is `signal.alarm`."""
    names = {}
    for node in nodes_of(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def dotted(node: ast.expr, aliases: dict[str, str]) -> str | None:
    """The full name that an expression refers to, or None where it is not a plain chain of names."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, aliases)
        return None if base is None else f"{base}.{node.attr}"
    return None


def forbidden(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every forbidden call or import."""
    aliases = aliases_of(tree)
    own_hash = {
        id(inner)
        for node in nodes_of(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__hash__"
        for inner in ast.walk(node)
    }
    for line, name in imported_names(tree, "rlvr_gym.x", is_package=False):
        if name.partition(".")[0] in FORBIDDEN_MODULES or name.rpartition(".")[2] in FORBIDDEN_NAMES:
            yield line, name
    for node in nodes_of(tree):
        if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_NAMES:
            yield node.lineno, node.attr
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func, aliases)
        if name in FORBIDDEN_BUILTINS | FORBIDDEN_CALLS:
            yield node.lineno, f"{name}()"
        elif name == "hash" and id(node) not in own_hash:
            yield node.lineno, "hash(), which differs from process to process for strings"
        elif name == "torch.load" and "weights_only=True" not in {ast.unparse(keyword) for keyword in node.keywords}:
            yield node.lineno, "torch.load() without weights_only=True, which unpickles"


# What runs inside the sandbox and nowhere else: to execute programs is its work, and whatever they raise is an answer.
INSIDE_THE_SANDBOX = {
    "rlvr_gym.verifiers.code.checker",
    "rlvr_gym.verifiers.code.judge",
    "rlvr_gym.verifiers.code.proxy",
    "rlvr_gym.verifiers.code.runner",
    "rlvr_gym.verifiers.sandbox.zygote.interpreter",
}

# Who reads what is marshalled or pickled there trusts who wrote it: see the modules.
MARSHALS = {("rlvr_gym.verifiers.sandbox.zygote.wire", "marshal"), ("rlvr_gym.envs.check.state", "pickle")}


def test_the_library_runs_no_untrusted_text_and_touches_no_global_random_state() -> None:
    found = [
        f"{place(path, line)}: {what}"
        for module, path in LIBRARY.items()
        for line, what in findings(module).forbidden
        if not (module in INSIDE_THE_SANDBOX and what in {"exec()", "compile()"}) and (module, what) not in MARSHALS
    ]
    assert not found, found


@pytest.mark.parametrize("inside", sorted(INSIDE_THE_SANDBOX))
def test_what_runs_inside_the_sandbox_is_used_by_nothing_outside(inside: str) -> None:
    users = {module for module in LIBRARY for _, name in findings(module).imports if is_within(name, inside)}
    forks = {"rlvr_gym.verifiers.sandbox.zygote.child", "rlvr_gym.verifiers.sandbox.zygote.server"}
    assert users <= INSIDE_THE_SANDBOX | {"rlvr_gym.verifiers.code.collector"} | forks, users


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "exec(text)",
        "compile(text, 'f', 'exec')",
        "import builtins\nbuiltins.eval(text)",
        "import pickle",
        "from pickle import loads",
        "from sympy import sympify",
        "from sympy.parsing.sympy_parser import parse_expr as read",
        "import sympy\nsympy.sympify(text)",
        "import signal\nsignal.alarm(1)",
        "from signal import alarm\nalarm(1)",
        "import random\nrandom.seed(0)",
        "import numpy as np\nnp.random.seed(0)",
        "import torch\ntorch.manual_seed(0)",
        "from torch import manual_seed as m\nm(0)",
        "import torch\ntorch.load(path)",
        "index = hash(name) % 10",
    ],
)
def test_the_danger_check_finds(source: str) -> None:
    assert list(forbidden(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import re\nre.compile('x')",
        "from re import compile\ncompile('x')",
        "import torch\ntorch.compile(model)",
        "import torch\ntorch.Generator().manual_seed(0)",
        "import torch\ntorch.load(path, weights_only=True)",
        "import numpy as np\nnp.random.default_rng(0)",
        "class A:\n    def __hash__(self):\n        return hash(self.x)",
    ],
)
def test_the_danger_check_lets_pass(source: str) -> None:
    assert not list(forbidden(ast.parse(source)))


def broad_excepts(tree: ast.AST) -> list[int]:
    """Lines with a bare `except`, or one that catches (or suppresses) Exception or BaseException."""
    broad = {"Exception", "BaseException"}
    lines = []
    for node in nodes_of(tree):
        caught: list[ast.expr] = []
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                lines.append(node.lineno)
                continue
            caught = [*node.type.elts] if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and last_name(node.func) == "suppress":
            caught = node.args
        if broad & {ast.unparse(kind).removeprefix("builtins.") for kind in caught}:
            lines.append(node.lineno)
    return lines


def test_the_library_has_at_most_one_broad_except() -> None:
    found = [
        place(path, line)
        for module, path in LIBRARY.items()
        if module not in INSIDE_THE_SANDBOX
        for line in findings(module).broad_excepts
    ]
    assert len(found) <= 1, f"only the rollout boundary may catch everything: {found}"


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("try:\n    f()\nexcept:\n    raise", 1),
        ("try:\n    f()\nexcept Exception as error:\n    raise", 1),
        ("try:\n    f()\nexcept (ValueError, BaseException):\n    raise", 1),
        ("with contextlib.suppress(Exception):\n    f()", 1),
        ("try:\n    f()\nexcept (ValueError, OSError):\n    raise", 0),
    ],
)
def test_the_broad_except_check_sees_what_it_should(source: str, count: int) -> None:
    assert len(broad_excepts(ast.parse(source))) == count


# --- Dependencies and paths ----------------------------------------------------------------------------------------


def test_every_dependency_says_why_it_is_there() -> None:
    project = PROJECT["project"]
    requirements = [*project["dependencies"], *(r for rs in project["optional-dependencies"].values() for r in rs)]
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    without = [
        requirement
        for requirement in requirements
        if not any(re.search(rf'"{re.escape(requirement)}".*#\s*\S', line) for line in lines)
    ]
    assert not without, f"add a comment that says why: {without}"


def test_nothing_names_a_folder_of_one_machine() -> None:
    # Spelled in pieces so that this file does not contain what it looks for.
    machine_path = re.compile(r"(?<![\w./-])/(?:" + "|".join(["ro" + "ot", "wo" + "rk", r"home/\w+"]) + r")/")
    names = (".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".json", ".jsonl", ".cfg", "Makefile", "run")
    found = [
        place(path, number)
        for path in repository_files(*names)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if machine_path.search(line)
    ]
    assert not found, f"write paths relative to the repository: {found}"
