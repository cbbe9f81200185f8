"""The program that runs the cells of a Python session inside the sandbox, and nowhere else.

It is a text here and is never executed by this process. It reads the cells from stdin, runs all but the last with their
output going to a file, and the last with its output going to stdout. To stderr goes a line for each cell: a checksum of
what an earlier one has shown, and at the end how the last one went. The cells run in the same process and can write
there whatever they like: whoever reads those lines must expect anything.
"""

from __future__ import annotations

import functools
import inspect

DONE, RAISED = "done", "raised"
"""What the last line says where the last cell came to its end."""


def without_addresses(data: bytes) -> bytes:
    """What was shown, with the addresses of objects left out, since they differ from run to run.

    Example:
        >>> without_addresses(b"<object object at 0x7f3a5c0d9e80> at 0x10")
        b'<object object at 0x...> at 0x10'
    """
    parts = data.split(b" at 0x")
    for index, part in enumerate(parts[1:], start=1):
        rest = part.lstrip(b"0123456789abcdef")
        parts[index] = b"..." + rest if len(part) - len(rest) >= 8 else part
    return b" at 0x".join(parts)


@functools.cache
def driver() -> str:
    """The source of the program."""
    return _DRIVER + inspect.getsource(without_addresses) + "\n\ntry:\n    main()\nfinally:\n    leave(1)\n"


_DRIVER = r'''
import _ast
import builtins
import fcntl
import io
import json
import linecache
import os
import random
import sys
import time
import traceback
import types
import zlib
from os import _exit as leave  # a cell may replace that of the module

ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without the import
ENDS = 5  # frames that a long traceback shows at its beginning and at its end
OUT_OF_THE_WAY = 60  # the lowest number of a descriptor of ours, so that those of the cells are the same in every run


def main():
    screen, told = own(1), own(2)
    session = json.loads(sys.stdin.buffer.read())
    cells, seed = session["cells"], session["seed"]
    me, names = os.getpid(), fresh_names()
    hidden = scratch() if len(cells) > 1 else -1
    own_streams()
    no_waiting()
    random.seed(seed)
    seeded = False
    for number, text in enumerate(cells, start=1):
        if "numpy" in text and not seeded:
            seeded = True
            seed_numpy(seed)
        last = number == len(cells)
        for stream in (1, 2):
            os.dup2(screen if last else hidden, stream)
        reopen()
        raised = run(number, text, names)
        if os.getpid() != me:
            leave(0)  # a fork that has come to the end of its cell
        line = ("raised" if raised else "done") if last else checksum(hidden)
        put(told, (line + "\n").encode())
    leave(0)


def own(stream):
    return fcntl.fcntl(stream, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)


def scratch():
    name = ".shown"
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    os.unlink(name)
    moved = own(fd)
    os.close(fd)
    return moved


def fresh_names():
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    sys.argv = [""]
    return module.__dict__


def own_streams():
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    sys.stdout = sys.stderr = None
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")


def no_waiting():
    """Have whoever sleeps wake at once, and tell apart what is no duration as ever."""
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, 0))


def reopen():
    """Give a cell streams to write to, where an earlier one has closed its own."""
    for fd, name in ((1, "stdout"), (2, "stderr")):
        try:
            closed = getattr(sys, name).closed
        except BaseException:
            closed = True
        if closed:
            stream = writer(fd)
            setattr(sys, name, stream)
            setattr(sys, "__%s__" % name, stream)


def writer(fd):
    raw = io.BufferedWriter(io.FileIO(fd, "w", closefd=False))
    return io.TextIOWrapper(raw, "utf-8", errors="backslashreplace", newline="\n", line_buffering=True)


def seed_numpy(seed):
    try:
        import numpy

        numpy.random.seed(seed % 2**32)
    except BaseException:
        pass


def run(number, text, names):
    """Run one cell; True where it raised."""
    name, error = "<cell %d>" % number, None
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    try:
        tree = compile(text, name, "exec", ONLY_AST, dont_inherit=True)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], _ast.Expr) else None
        exec(compile(tree, name, "exec", dont_inherit=True), names)
        if last is not None:  # shown as the interactive interpreter shows it
            exec(compile(_ast.Interactive([last]), name, "single", dont_inherit=True), names)
    except BaseException as caught:
        error = caught
    flush()
    if error is not None:
        put(1, explained(error).encode("utf-8", "backslashreplace"))
        error.__traceback__ = None
    return error is not None


def explained(error):
    """The traceback as far as it is about cells, and no longer than a few frames."""
    try:
        told = traceback.TracebackException(type(error), error, error.__traceback__)
        frames = [frame for frame in told.stack if frame.filename.startswith("<cell ")]
        lines = traceback.StackSummary.from_list(frames).format()  # a line that repeats is told once
        if len(lines) > 2 * ENDS:
            lines[ENDS:-ENDS] = ["  ...\n"]
        if lines:
            lines.insert(0, "Traceback (most recent call last):\n")
        return "".join([*lines, *told.format_exception_only()])
    except BaseException:
        return "an exception that cannot be shown\n"


def flush():
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except BaseException:
            pass


def put(fd, data):
    try:
        while data:
            data = data[os.write(fd, data):]
    except OSError:
        pass


def checksum(fd):
    """Of all that was shown since the last call."""
    size = os.lseek(fd, 0, os.SEEK_END)
    data = os.pread(fd, size, 0)
    os.ftruncate(fd, 0)
    return "%08x" % zlib.crc32(without_addresses(data))


'''
