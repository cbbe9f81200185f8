"""How a program is started on this machine: what back ends decide before `local` takes over."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.spec import MIB, SandboxError

ALLOWANCE_BYTES = 64 * MIB  # of address space: code, libraries and stacks before a program has stored anything

_OWN_IDS = (0x60000000, 2**24)  # first and number of the user ids that runs get; no account uses them
_RUNS = itertools.count(secrets.randbelow(2**24))


@dataclass(frozen=True)
class Plan:
    """How one program is started.

    Args:
        wrapper: What comes before the launcher on the command line.
        environment: All that the program finds in its environment.
        processes: Limit for the kernel on processes of the user; 0 where it has no meaning.
        count: Add to it the processes that the user has already.
        uid: User id that the program gets; -1 for that of the launcher.
        first: The launcher is the first process of a namespace that dies with it.
        apart: The launcher is to make a namespace of processes for the program.
        folder: A directory that is removed afterwards, with the working directory `work` in it; None where the launcher
            has a working directory that vanishes by itself.
        descriptors: To pass on; they are closed here once the process is started.
    """

    wrapper: tuple[str, ...]
    environment: Mapping[str, str]
    processes: int
    count: bool = False
    uid: int = -1
    first: bool = False
    apart: bool = False
    folder: str | None = None
    descriptors: tuple[int, ...] = ()


def interpreter() -> str:
    """The running Python itself, behind virtual environments and version managers.

    Raises:
        SandboxError: It is not known.
    """
    found = getattr(sys, "_base_executable", None) or sys.executable
    if not found:
        raise SandboxError("sys.executable is empty, so there is no Python to start programs with")
    return os.path.realpath(found)


def is_root_outside() -> bool:
    """Whether this is root for the kernel, and not only in a user namespace; the kernel counts no processes of it."""
    return os.geteuid() == 0 and (0, 0) in [(inside, outside) for inside, outside, _ in _user_map()]


def _user_map() -> list[tuple[int, ...]]:
    return [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]


def environment(home: str, path: str) -> dict[str, str]:
    """What every program finds: nothing of the caller's."""
    return {
        "HOME": home,
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",  # each further arena reserves address space, which is limited
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": f"{os.path.dirname(interpreter())}:{path}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": home,  # the files of a run can be imported, as those beside a script can
        "TMPDIR": home,
    }


def above_stdio(fd: int) -> int:
    """The same file under a number above 2; a caller that has closed its own streams gets low numbers."""
    if fd > 2:
        return fd
    import fcntl  # not on Windows

    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return high


def own_uid() -> int:
    """A user id for one run, as far as possible one that nothing else has; for root only."""
    first, count = _OWN_IDS
    with contextlib.suppress(OSError):  # a container may know few ids: then the upper half of its largest range
        ranges = _user_map()
        if not any(start <= first and first + count <= start + length for start, _, length in ranges):
            start, _, length = max(ranges, key=lambda item: item[2])
            first, count = start + length // 2, max(1, length // 2)
    return first + next(_RUNS) % count


def command_line(job: Job, plan: Plan, descriptors: Mapping[str, int]) -> list[str | bytes]:
    """The words that start a launcher.

    Args:
        job: What it is to run.
        plan: How.
        descriptors: `stdin`, `stdout` and `stderr` of the program, and `control` of the launcher.
    """
    limits = job.limits
    values = {
        **descriptors,
        "apart": int(plan.apart),
        "cpu_ms": int(limits.cpu_s * 1000),
        "cpu_s": int(limits.cpu_s) + 1,
        "count": int(plan.count),
        "disk_bytes": limits.disk_bytes,
        "file_bytes": limits.file_bytes,
        "first": int(plan.first),
        "memory_bytes": limits.memory_bytes,
        "open_files": limits.open_files,
        "processes": plan.processes,
        "reserves": int(job.language.reserves),
        "space": limits.memory_bytes + ALLOWANCE_BYTES,
        "tasks": limits.processes,
        "uid": plan.uid,
        "wall_ms": int(limits.wall_s * 1000),
    }
    settings = " ".join(f"{name}={value}" for name, value in values.items())
    words = [word.encode("utf-8", "surrogatepass") for word in job.command]  # lone surrogates keep a form of their own
    if job.command[0] == "python3":
        words[0] = os.fsencode(interpreter())
    return [*plan.wrapper, interpreter(), "-I", "-S", "-c", _launcher(), settings, *words]


@functools.cache
def _launcher() -> str:
    return Path(__file__).with_name("launcher.py").read_text(encoding="utf-8")


def open_stdin(stdin: bytes) -> int:
    """A descriptor to read these bytes from: a file in memory, which nobody has to feed, be it read or not."""
    if not stdin:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryFile() as file:
            file.write(stdin)
            file.seek(0)
            return os.dup(file.fileno())
    import fcntl  # not on Windows

    fd = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(fd, "wb", closefd=False) as file:
        file.write(stdin)
        file.seek(0)
    os.fchmod(fd, 0o444)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return fd
