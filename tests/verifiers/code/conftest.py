"""Shared by the tests of `code@1`: back ends that work on this machine, and short ways to judge."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rlvr_gym.verifiers import Verdict, make_verifier
from rlvr_gym.verifiers.sandbox import RunSpec, SandboxError, make_sandbox

# The level that each is asked for, and the highest that the others are known to reach on an ordinary machine.
LEVELS = {"forkserver": "confined", "bubblewrap": "confined", "docker": "confined", "subprocess": "none"}


def _beside(name: str) -> ModuleType:
    """A module of the tests of sandboxes; test folders are no packages."""
    path = Path(__file__).parents[1] / "sandbox" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


docker_engine = _beside("docker_engine")
engine = docker_engine.engine
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


@pytest.fixture(params=[*LEVELS, "remote"])
def everywhere(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of `code@1` for each back end that works here: a real engine, a real server."""
    if request.param == "docker":
        engine = request.getfixturevalue("engine")
        return {"sandbox": "docker", "sandbox_config": {"image": docker_engine.IMAGE, "host": engine.host, "pool": 8}}
    if request.param == "remote":
        return {"sandbox": "remote", "sandbox_config": {"url": request.getfixturevalue("served"), "concurrency": 8}}
    if not works(request.param):
        pytest.skip(f"{request.param} runs nothing on this machine")
    return {"sandbox": request.param}


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Address of a server in front of the fork-server."""
    command = [sys.executable, "-m", "rlvr_gym", "sandbox", "serve", "--port", "0", "--workers", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            server.kill()


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
