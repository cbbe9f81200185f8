"""Rows of published data sets as references of `code@1`."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from typing import Any

from rlvr_gym.verifiers.code.sources import parsed


def humaneval_reference(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of HumanEval (Chen et al. 2021): `prompt`, `entry_point`, `test`.

    Example:
        >>> row = {"prompt": "def f(x):\\n", "entry_point": "f", "test": "def check(c):\\n    assert c(1) == 2\\n"}
        >>> humaneval_reference(row)["kind"]
        'check'
    """
    return {
        "kind": "check",
        "test": row["test"],
        "entry_point": row["entry_point"],
        "prompt": row["prompt"],
    }


def mbpp_reference(row: Mapping[str, Any], *, public: int = 0) -> dict[str, Any]:
    """A row of sanitised MBPP (Austin et al. 2021): `code`, `test_list`, `test_imports`.

    What the candidate must provide are the top-level names of `code` that the tests call; without `code`, all names
    that the tests call and that Python does not have.

    Args:
        row: The row.
        public: How many of the first tests the prompt shows.

    Raises:
        ValueError: The code or a test is no Python.

    Example:
        >>> row = {"code": "def sum(a, b): ...", "test_list": ["assert sum(1, 2) == 3"], "test_imports": []}
        >>> mbpp_reference(row)["names"]
        ['sum']
    """
    trees = [parsed(test, "a test") for test in row["test_list"]]
    called = {
        node.func.id: None
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    defined = parsed(row.get("code", ""), "the code").body
    provided = {node.name for node in defined if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names = [name for name in called if (name in provided if provided else not hasattr(builtins, name))]
    return {
        "kind": "asserts",
        "asserts": [{"assert": test, "public": i < public} for i, test in enumerate(row["test_list"])],
        "imports": list(row.get("test_imports", [])),
        "names": names,
    }
