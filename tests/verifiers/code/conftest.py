"""Shared by the tests of `code@1`: back ends that work on this machine, and short ways to judge."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from rlvr_gym.verifiers import Verdict, make_verifier
from rlvr_gym.verifiers.sandbox import RunSpec, SandboxError, make_sandbox

# The level that each is asked for, and the highest that the others are known to reach on an ordinary machine.
LEVELS = {"forkserver": "confined", "bubblewrap": "confined", "docker": "confined", "subprocess": "none"}
QUICK = {"cpu_s": 1, "wall_s": 10}

Judge = Callable[..., Verdict]


def sandboxes() -> list[str]:
    """Names of the back ends that run a program here."""
    return [name for name in LEVELS if works(name)]


@cache
def works(name: str) -> bool:
    try:
        with make_sandbox(name, min_isolation=LEVELS[name]) as sandbox:
            return sandbox.run(RunSpec("print(1)")).stdout == b"1\n"
    except (SandboxError, ImportError):
        return False


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


@pytest.fixture(params=LEVELS)
def everywhere(request: pytest.FixtureRequest) -> str:
    """The name of each back end that works here."""
    if not works(request.param):
        pytest.skip(f"{request.param} runs nothing on this machine")
    return str(request.param)


@pytest.fixture(scope="session")
def judge() -> Judge:
    """`judge(code, reference, **config)`: the verdict on a response that holds the code in a fence."""

    def run(code: str, reference: Any, **config: Any) -> Verdict:
        config.setdefault("limits", QUICK)
        name = config.get("sandbox", "forkserver")
        config.setdefault("min_isolation", LEVELS[name])
        return make_verifier("code@1", **config).verify(fenced(code), reference)

    return run


@pytest.fixture(scope="session")
def asserts() -> Callable[..., dict[str, Any]]:
    """`asserts("assert f(1) == 2", ...)`: a reference of that kind about the name `f`, its tests public."""

    def build(*tests: str, names: tuple[str, ...] = ("f",), **rest: Any) -> dict[str, Any]:
        rows = [{"assert": test, "public": True} for test in tests]
        return {"kind": "asserts", "asserts": rows, "names": list(names), **rest}

    return build
