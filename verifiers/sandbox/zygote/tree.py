"""What a tree of processes uses, as /proc tells it."""

from __future__ import annotations

import os
import resource
import signal

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = resource.getpagesize()


class Tree:
    """A process and all its descendants, added up.

    Args:
        proc: Descriptor of /proc.
        root: Process id of the root.
    """

    def __init__(self, proc: int, root: int) -> None:
        self._proc = proc
        self.cpu_s = 0.0
        self.memory_bytes = 0
        self.pids: list[int] = []
        todo = [root]
        while todo:
            pid = todo.pop()
            self.pids.append(pid)
            self._add(pid)
            todo += self._children(pid)

    def exclusive_memory_bytes(self) -> int:
        """Resident memory with each shared page counted once among those that share it; dearer to find."""
        total = 0
        for pid in self.pids:
            for line in self._read(f"{pid}/smaps_rollup").splitlines():
                if line.startswith(b"Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def kill_strangers(self, known: set[int]) -> None:
        """Kill and reap the children of the root that are not expected: orphans that a run left behind."""
        root = self.pids[0]
        while strangers := [pid for pid in self._children(root) if pid not in known]:
            for pid in strangers:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def _add(self, pid: int) -> None:
        line = self._read(f"{pid}/stat")
        if not line:
            return
        fields = line[line.rindex(b")") + 2 :].split()  # from the third on: the name may hold anything
        self.cpu_s += sum(map(int, fields[11:15])) / _TICKS
        self.memory_bytes += int(fields[21]) * _PAGE

    def _children(self, pid: int) -> list[int]:
        try:
            folder = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return []
        try:
            threads = os.listdir(folder)
        except OSError:
            threads = []
        finally:
            os.close(folder)
        lines = (self._read(f"{pid}/task/{thread}/children") for thread in threads)
        return [int(word) for line in lines for word in line.split()]

    def _read(self, path: str) -> bytes:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return b""
        try:
            return os.read(fd, 1 << 14)
        except OSError:
            return b""
        finally:
            os.close(fd)
