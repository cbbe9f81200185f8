"""Slots: what one run has for itself and leaves clean for the next: a user id and a working directory in memory.

A slot's mount namespace is made once. It is used again as it is only where nothing was ever created in its working
directory; otherwise a new file system takes its place.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from . import kernel
from .cgroup import Group
from .stage import HOME, OUTER_UIDS, Stage, empty

_FIRST_UID = 1000
_KERNEL_BYTES = 8 * 2**20  # page tables and the like, which are not the program's doing


class Slot:
    """Room for one run at a time.

    Args:
        stage: What was prepared.
        number: Which slot; its user id follows from it.
    """

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage = stage
        self.uid = _FIRST_UID + number
        if stage.root and "user_namespace" not in stage.layers:
            self.uid += OUTER_UIDS
        self.disk_bytes = 0
        self.mounts = -1
        self.home = HOME
        if stage.own_root:
            self._make_mounts()
        else:
            self.home = f"{stage.scratch}/{number}"
            os.mkdir(self.home, 0o700)
            if stage.root:
                os.chown(self.home, self.uid, self.uid)
        self.folder = -1
        self.group = None if stage.groups is None else Group(stage.groups, number)
        self.renew(64 * 2**20)

    def renew(self, disk_bytes: int) -> None:
        """An empty working directory of this size."""
        self.disk_bytes = disk_bytes
        if self.mounts < 0:
            empty(self.home)
            return
        if self.folder >= 0:
            os.close(self.folder)
        kernel.setns(self.mounts, kernel.CLONE_NEWNS)
        try:
            if self.folder >= 0:
                kernel.umount(HOME)
            options = f"mode=1777,size={disk_bytes},nr_inodes=20000"
            kernel.mount("sandbox", HOME, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
            self.folder = os.open(HOME, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        finally:
            kernel.setns(self.stage.mounts, kernel.CLONE_NEWNS)
        self._fresh = self._looks()

    def make_ready(self, disk_bytes: int) -> None:
        """Make sure of the size, and that nothing of an earlier run is there."""
        if self.mounts < 0 or disk_bytes != self.disk_bytes or self._looks() != self._fresh:
            self.renew(disk_bytes)

    def allow(self, limits: dict[str, Any], resident: int) -> None:
        """Limits on the whole tree, where there are control groups; files in memory count as memory there.

        Args:
            limits: As in `Limits`.
            resident: Bytes that every child starts with.
        """
        if self.group is not None:
            memory = limits["memory_bytes"] + limits["disk_bytes"] + resident + _KERNEL_BYTES
            self.group.limit(memory, limits["processes"] + 1)

    def collect(self, paths: list[str], limit: int) -> list[tuple[int, int]]:
        """Regular files that the run left, none of them through a link; what cannot be had is left out.

        Returns:
            Number of the path and descriptor of a copy.
        """
        if not paths:
            return []
        root = self.folder if self.folder >= 0 else os.open(self.home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = [(number, _copy_beneath(root, path, limit)) for number, path in enumerate(paths)]
        finally:
            if root != self.folder:
                os.close(root)
        return [(number, fd) for number, fd in found if fd >= 0]

    def _make_mounts(self) -> None:
        kernel.unshare(kernel.CLONE_NEWNS)
        try:
            kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
            self.mounts = self.stage.open_proc("self/ns/mnt")
            # Another proc can be mounted only where one is in sight, so the zygote's stays beneath this cover.
            flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC | kernel.MS_RDONLY
            kernel.mount("cover", "/proc", "tmpfs", flags, "mode=555,size=4k")
        finally:
            kernel.setns(self.stage.mounts, kernel.CLONE_NEWNS)

    def _looks(self) -> tuple[Any, ...]:
        seen = os.fstat(self.folder)
        return seen.st_mtime_ns, seen.st_nlink, stat.S_IMODE(seen.st_mode), os.listdir(self.folder)


def _copy_beneath(root: int, path: str, limit: int) -> int:
    *folders, name = path.split("/")
    fds = [root]
    try:
        for folder in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            fds.append(os.open(folder, flags, dir_fd=fds[-1]))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fds.append(os.open(name, flags, dir_fd=fds[-1]))
        seen = os.fstat(fds[-1])
        if not stat.S_ISREG(seen.st_mode) or seen.st_size > limit:
            return -1
        copy = os.memfd_create("", os.MFD_CLOEXEC)
        while os.sendfile(copy, fds[-1], None, 1 << 30):
            pass
        return copy
    except OSError:
        return -1
    finally:
        for fd in fds[1:]:
            os.close(fd)
