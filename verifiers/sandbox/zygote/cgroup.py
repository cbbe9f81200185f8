"""Control groups: limits on the memory and the processes of a whole tree, kept by the kernel.

Both interfaces are known. A group of our own is made below the one that this process is in (version 1) or at the root
of the hierarchy (version 2, where a group with processes cannot have groups with controllers below it), and in it one
for each slot, which is used again. Moving a process costs the kernel a grace period; the child does it to itself before
it has a job, when nobody waits for it.
"""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

_PREFIX = "rlvr-gym"
_ROOT = "/sys/fs/cgroup"


class _Names(NamedTuple):
    """What the files are called."""

    memory: str
    swap: str
    events: str


_FIRST = _Names("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control")
_SECOND = _Names("memory.max", "memory.swap.max", "memory.events")


class Groups:
    """The groups of one helper.

    Args:
        owner: User id of those who will make groups below.

    Raises:
        OSError: There is no hierarchy that can be written.
    """

    def __init__(self, owner: int) -> None:
        self.second = os.path.exists(f"{_ROOT}/cgroup.controllers")
        self.names = _SECOND if self.second else _FIRST
        parents = [_ROOT] if self.second else _own_groups(("memory", "pids"))
        self.paths = [f"{parent}/{_PREFIX}-{os.getpid()}" for parent in parents]
        self.folders: list[int] = []
        for parent, path in zip(parents, self.paths, strict=True):
            _sweep(parent)
            os.mkdir(path)
            try:
                if self.second:
                    _write(f"{path}/cgroup.subtree_control", "+memory +pids")
                    os.mkdir(f"{path}/zygote")
                for name in ("", "/cgroup.procs", "/zygote", "/zygote/cgroup.procs"):
                    if os.path.exists(path + name):
                        os.chown(path + name, owner, owner)
                if self.second:  # processes may only be moved within a tree that they are in already
                    _write(f"{path}/zygote/cgroup.procs", "0")
            except OSError:
                self.remove()
                raise
            self.folders.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def remove(self) -> None:
        """Take all groups away; whatever else is still in them is gone by now."""
        if self.second:
            with contextlib.suppress(OSError):
                _write(f"{_ROOT}/cgroup.procs", "0")
        for path in self.paths:
            _remove(path)


class Group:
    """The group of one slot.

    Args:
        groups: Whose it is.
        number: Of the slot.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, groups: Groups, number: int) -> None:
        self.names = groups.names
        self.folders = []
        for folder in groups.folders:
            os.mkdir(str(number), dir_fd=folder)
            self.folders.append(os.open(str(number), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder))
        self.doors = [os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder) for folder in self.folders]
        self.limits = (0, 0)
        self._killed = self._kills()

    def limit(self, memory_bytes: int, processes: int) -> None:
        """Limits for the next run."""
        if self.limits == (memory_bytes, processes):
            return
        memory, pids = self.folders[0], self.folders[-1]
        with contextlib.suppress(OSError):  # no accounting of swap, or still above the lower of the two bounds
            _write(self.names.swap, "-1" if self.names is _FIRST else "0", memory)
        _write(self.names.memory, str(memory_bytes), memory)
        _write("pids.max", str(processes), pids)
        if self.names is _FIRST:
            with contextlib.suppress(OSError):
                _write(self.names.swap, str(memory_bytes), memory)
        self.limits = (memory_bytes, processes)

    def join(self) -> None:
        """Move this process in."""
        for door in self.doors:
            os.write(door, b"0")

    def was_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process here since this was last asked."""
        before, self._killed = self._killed, self._kills()
        return self._killed > before

    def _kills(self) -> int:
        fd = os.open(self.names.events, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.folders[0])
        try:
            rows = (line.split() for line in os.read(fd, 4096).splitlines())
            return sum(int(row[1]) for row in rows if row[0] == b"oom_kill")
        finally:
            os.close(fd)


def _own_groups(controllers: tuple[str, ...]) -> list[str]:
    """Where this process is in the hierarchies of version 1."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(":", 2) for line in file]
    own = {name: path for _, names, path in rows for name in names.split(",")}
    found = [f"{_ROOT}/{name}{own.get(name, '/')}".rstrip("/") for name in controllers]
    # In a container, the path may be that of the host while only the own group is in sight.
    return [path if os.path.isdir(path) else f"{_ROOT}/{name}" for name, path in zip(controllers, found, strict=True)]


def _sweep(parent: str) -> None:
    """Remove what helpers left that were killed."""
    for name in os.listdir(parent):
        prefix, _, pid = name.rpartition("-")
        if prefix == _PREFIX and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            _remove(f"{parent}/{name}")


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        for entry in os.scandir(path):
            if entry.is_dir():
                _remove(entry.path)
        os.rmdir(path)


def _write(path: str, text: str, folder: int | None = None) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
