"""A child of the zygote: wait for a job in a prepared place, lock the door behind, run the job.

A Python source runs in this very process, which is what makes it fast: the interpreter is there already. Anything else
is started by this process, which stays behind as the first process of its namespace and reports how the program ended.
"""

from __future__ import annotations

import os
import socket
from typing import Any, NoReturn

from . import interpreter, kernel, wire
from .lockdown import Lockdown
from .slots import Slot

STARTED, FAULT, ENDED = b"s", b"f", b"e"


def run(control: socket.socket, slot: Slot, lockdown: Lockdown, *, python: bool) -> NoReturn:
    """Everything a child does; it never comes back.

    A failure before the program starts is told through `control`, and is ours. After `STARTED` all that happens is
    the program's doing.

    Args:
        control: Where the job comes from.
        slot: The place.
        lockdown: The layers.
        python: Whether the job will be a Python source.
    """
    try:
        lockdown.apply(slot, execute=not python)
        kernel.close_all_but([control.fileno()])
        if python:
            interpreter.warm_up(slot.home)
        program, [*stdio, payload] = wire.receive(control)
        command, files = _unpack(wire.content(payload), program)
        os.chdir(slot.home)
        _write_files(files[1:] if python else files)
        lockdown.limit(program["limits"], execute=not python, reserves=program["reserves"])
        _connect(stdio)
        if python:
            control.send(STARTED)
            control.close()
            interpreter.run(files[0][1], command)
        _start(command, slot.home, control)
    except wire.Closed:
        os._exit(0)
    except (OSError, ValueError, KeyError, IndexError) as error:
        control.send(FAULT + f"{type(error).__name__}: {error}".encode())
        os._exit(1)


def _unpack(payload: bytes, program: dict[str, Any]) -> tuple[list[str], list[tuple[str, bytes]]]:
    """Command and files: they lie behind one another, and the program's head says how long each is."""
    parts, position = [], 0
    for size in program["sizes"]:
        parts.append(payload[position : position + size])
        position += size
    names = parts[0].decode().split("\0")
    command, paths = names[: program["words"]], names[program["words"] :]
    return command, list(zip(paths, parts[1:], strict=True))


def _write_files(files: list[tuple[str, bytes]]) -> None:
    for path, content in files:
        if "/" in path:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o755)


def _connect(stdio: list[int]) -> None:
    """Put the program's own stdin, stdout and stderr in their places."""
    for number, fd in enumerate(stdio):
        os.dup2(fd, number)
        os.close(fd)


def _start(command: list[str], home: str, control: socket.socket) -> NoReturn:
    """Start a program and wait for its end; what else it started dies with this process."""
    environment = interpreter.environment() | {"HOME": home, "TMPDIR": home}
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    program = os.fork()
    if program == 0:
        control.send(STARTED)
        control.close()
        try:
            os.execvpe(command[0], command, environment)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)
    for fd in range(3):
        os.close(fd)
    status = 0
    while True:
        ended, status = os.wait()
        if ended == program:
            break
    control.send(ENDED + str(status).encode())
    os._exit(0)
