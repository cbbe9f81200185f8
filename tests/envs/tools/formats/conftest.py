"""Tools of every kind that formats tell apart: one text, one text and more, several arguments, none."""

from __future__ import annotations

import pytest
from rlvr_gym.envs.tools.toolkit import Tool


def calculator(expression: str) -> str:
    """Work out an expression.

    Args:
        expression: What to work out.
    """
    return expression


def search(query: str, most: int = 3) -> str:
    """Search the library.

    Args:
        query: What to look for.
        most: How many results at most.
    """
    return query


def python(code: str) -> str:
    """Run a program.

    Args:
        code: The program.
    """
    return code


def put(key: str, value: int) -> str:
    """Remember a number.

    Args:
        key: Its name.
        value: The number.
    """
    return key


def now() -> str:
    """The time."""
    return ""


@pytest.fixture(scope="session")
def tools() -> list[Tool]:
    return [Tool.of(function) for function in (calculator, search, python, put, now)]
