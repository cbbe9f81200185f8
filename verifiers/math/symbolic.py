"""The last rung: sympy, in a process that can be killed.

Reached only where a reference holds an operator that the other rungs do not work out (an integral, a limit, an infinite
sum). The worker counts function calls, so its word does not depend on the speed of the machine; a kernel limit on its
processor time and memory, and a wall clock far above them, end it if even counting fails, and then nothing is known.

One worker a process, started when first needed, never inherited over a fork, ended with its parent.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from rlvr_gym.verifiers.math.ladder import Outcome
from rlvr_gym.verifiers.math.modular import whole
from rlvr_gym.verifiers.math.policy import WorkerFailed
from rlvr_gym.verifiers.math.tree import Node, symbols, walk

CALLS = 600_000
WALL_S = 120.0
MAX_FACTORIAL, MAX_EXPONENT = 1000, 1000


@lru_cache(maxsize=1024)
def decide(gold: Node, answer: Node) -> Outcome:
    """Ask the worker.

    Raises:
        WorkerFailed: There is no worker.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> decide(parse("\\\\int_0^1 x^2 dx"), parse("1/3")).equal
        True
    """
    if heavy(gold) or heavy(answer):
        return Outcome(None, "undecided", "numbers too large for sympy")
    request = json.dumps({"a": _plain(gold), "b": _plain(answer), "calls": CALLS}, default=str) + "\n"
    word = _WORKER.ask(request) or _WORKER.ask(request)
    if not word:
        raise WorkerFailed("the sympy worker was ended from outside, twice")
    if word not in ("equal", "different"):
        return Outcome(None, "undecided", "sympy cannot tell either")
    return Outcome(word == "equal", "sympy")


def heavy(node: Node) -> bool:
    """Whether sympy would write out a number of more than some thousand digits, which no count of calls can stop."""
    for inner in walk(node):
        if inner.head == "fact" and inner.args[0].head == "num" and inner.args[0].value > MAX_FACTORIAL:
            return True
        if inner.head == "pow" and not symbols(inner.args[1]):
            exponent = whole(inner.args[1])
            if exponent is None or abs(exponent) > MAX_EXPONENT:
                rational = inner.args[1].head in ("div", "num")
                if not (exponent is None and rational):
                    return True
    return False


def _plain(node: Node) -> list[Any]:
    value = node.value
    if node.head == "num":
        value = [str(value.numerator), str(value.denominator)]
    return [node.head, [_plain(arg) for arg in node.args], value]


class _Worker:
    """The process of this process, and the lock before it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[str] | None = None
        self.owner = 0
        self.asked = 0

    def ask(self, request: str) -> str:
        """One request, one word; empty where the worker was ended."""
        with self.lock:
            process = self._running()
            word = ""
            self.asked += 1
            try:
                number, _, reply = _exchange(process, f"{self.asked} {request}").partition(" ")
                word = reply if number == str(self.asked) else ""
            finally:  # also where a signal handler raises: a late reply must never answer the next request
                if not word:
                    self.stop()
            return word

    def _running(self) -> subprocess.Popen[str]:
        if self.owner != os.getpid():
            self.process = None  # a fork: the worker belongs to the parent
        if self.process is None or self.process.poll() is not None:
            self.process = self._start()
            self.owner = os.getpid()
        return self.process

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONHASHSEED": "0"},
            )
        except OSError as error:
            raise WorkerFailed(f"the sympy worker does not start: {error}") from error

    def stop(self) -> None:
        """End the worker, if this process owns it."""
        if self.process is not None and self.owner == os.getpid():
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
        self.process = None

    def after_fork(self) -> None:
        """A child of a fork has neither the worker nor the lock of its parent."""
        self.lock = threading.Lock()
        self.process = None


def _exchange(process: subprocess.Popen[str], request: str) -> str:
    """Write a request and read its reply; empty where the worker is gone or far too late."""
    if process.stdin is None or process.stdout is None:
        return ""
    try:
        process.stdin.write(request)
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            return process.stdout.readline().strip() if selector.select(WALL_S) else ""
    except OSError:
        return ""


_WORKER = _Worker()
atexit.register(_WORKER.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_WORKER.after_fork)
