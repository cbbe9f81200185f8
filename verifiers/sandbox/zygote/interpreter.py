"""Run one Python source as `__main__`, as the interpreter itself would, and end with its exit status."""

from __future__ import annotations

import atexit
import builtins
import gc
import io
import os
import site
import sys
import types
from typing import Any, NoReturn

from .stage import HOME

SOURCE = "main.py"
_WARM_UP = b"def f(x):\n    return [str(i) for i in x if i]\nclass C:\n    pass\nf(range(9))\n"


def environment() -> dict[str, str]:
    """All that a program finds in its environment; the same for every run."""
    return {
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "0",
        "TMPDIR": HOME,
    }


def prepare() -> None:
    """Once, in the zygote: what every program starts with, and the interpreter would otherwise set up."""
    variables = environment()
    os.environ.clear()
    os.environ.update(variables)
    site.setquit()
    package = __package__ or ""
    for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
        del sys.modules[name]
    sys.path.insert(0, HOME)
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(
        open(2, "wb", closefd=False),  # noqa: SIM115
        "utf-8",
        errors="backslashreplace",
        write_through=True,
        line_buffering=True,
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


def warm_up(home: str) -> None:
    """In a child, before its source is known: touch the memory that compiling and running will write to.

    Args:
        home: The working directory.
    """
    if home != HOME:
        os.environ["HOME"] = os.environ["TMPDIR"] = sys.path[0] = home
    _status_of(_WARM_UP, {"__builtins__": builtins})
    gc.enable()


def run(source: bytes, command: list[str]) -> NoReturn:
    """Run a source; `command` is what `sys.argv` is made from."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=SOURCE, __builtins__=builtins)
    sys.modules["__main__"] = main
    sys.argv = command[command.index(SOURCE) :]
    status = _status_of(source, main.__dict__)
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - whatever the program left behind
        status = status or 120
    os._exit(status)


def _status_of(source: bytes, names: dict[str, Any]) -> int:
    try:
        exec(compile(source, SOURCE, "exec", dont_inherit=True), names)  # noqa: S102 - this is the place to do it
    except SystemExit as error:
        return _exit_code(error.code)
    except BaseException as error:  # noqa: BLE001 - as the interpreter does
        _show(error)
        return 1
    return 0


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _show(error: BaseException) -> None:
    try:
        trace = error.__traceback__ and error.__traceback__.tb_next  # without the frame of this module
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    except BaseException:  # noqa: BLE001 - an exception that cannot be printed
        os.write(2, b"an exception that cannot be printed\n")
