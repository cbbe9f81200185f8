"""What is prepared once: a root file system that holds only interpreters and libraries, and namespaces around it.

As root, the file system is built with full rights and then handed to a user namespace in which this process, like all
it starts, has no right over anything outside. Without root, a user namespace comes first. Each layer that the machine
refuses is left out and named, with the reason.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Callable
from typing import Any, NoReturn

from . import kernel
from .cgroup import Groups

OUTER_UIDS = 0x70000000  # 65,536 user ids from here on stand for those inside; no account uses them
UIDS = 65536
HOME = "/sandbox/tmp"  # the working directory; its parent carries the Landlock rule, so one rule serves all mounts
DEVICES = ("null", "zero", "full", "random", "urandom")
_SYSTEM = ("/usr", "/etc/ld.so.cache", "/etc/alternatives")
_LINKED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_SCRATCH = "rlvr-sandbox"
_UNUSED = ("/sys", "/mnt", "/media", "/srv", "/boot")  # one of these is covered while the root file system is built


class Stage:
    """Layers as they are put up.

    Args:
        without: Names of layers to leave out.
        paths: Directories that programs need besides the system's.
    """

    def __init__(self, without: list[str], paths: list[str]) -> None:
        self.without = without
        self.paths = [path for path in paths if not path.startswith("/usr/")]
        self.layers: list[str] = []
        self.missing: dict[str, str] = {}
        self.root = os.geteuid() == 0
        self.single_uid = False  # the user namespace holds one user id, so runs cannot have one each
        self.own_root = False  # the file system is ours
        self.sees_processes = True
        self.proc = self.mounts = -1
        self.scratch = ""
        self.groups: Groups | None = None

    def attempt(self, layer: str, action: Callable[..., object], *args: Any) -> bool:
        """Put one layer up; what the kernel refuses is noted and left out."""
        if layer in self.without:
            self.missing[layer] = "left out by configuration"
            return False
        try:
            action(*args)
        except (OSError, KeyError) as error:
            self.missing[layer] = f"{type(error).__name__}: {error}"
            return False
        if layer not in self.layers:
            self.layers.append(layer)
        self.missing.pop(layer, None)
        return True

    def enter(self) -> None:
        """Put up all layers that runs share. Returns in a child, which is the zygote; its parent waits for its end."""
        self.proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if not self.root:
            self.attempt("user_namespace", self._own_user)
        if self.root:
            self.attempt("cgroup", self._make_groups)
        else:
            self.missing["cgroup"] = "without root, control groups cannot be made"
        self.own_root = self.attempt("mount_namespace", self._build_root)
        if not self.own_root:
            self._make_scratch()
        separate = self.attempt("pid_namespace", kernel.unshare, kernel.CLONE_NEWPID)
        asking, answering = os.pipe()
        granted, granting = os.pipe()
        child = os.fork()
        if child:
            os.close(answering)
            os.close(granted)
            self._attend(child, asking, granting)
        os.close(asking)
        os.close(granting)
        if separate:
            self._mount_proc()
        self._inner(answering, granted)
        os.close(answering)
        os.close(granted)
        self.mounts = self.open_proc("self/ns/mnt")
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # even where this process stands still

    def _attend(self, child: int, asking: int, granting: int) -> NoReturn:
        """The parent's part: what only it may do for the zygote, and what is left to do after it."""
        if os.read(asking, 1):
            os.write(granting, b"y" if self._map_users(child) else b"n")
        os.close(granting)
        keep = {self.proc, *(self.groups.folders if self.groups else ())}
        kernel.close_all_but([fd for fd in keep if fd >= 0])
        _, status = os.waitpid(child, 0)
        if self.scratch:
            empty(self.scratch)
            os.rmdir(self.scratch)
        if self.groups is not None:
            self.groups.remove()
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)

    def _make_groups(self) -> None:
        self.groups = Groups(OUTER_UIDS if "user_namespace" not in self.without else 0)

    def _make_scratch(self) -> None:
        """A directory for working directories, where they cannot be in memory; what a killed helper left goes now."""
        for name in os.listdir("/tmp"):
            prefix, _, pid = name.rpartition("-")
            if prefix == _SCRATCH and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                with contextlib.suppress(OSError):  # another user's
                    empty(f"/tmp/{name}")
                    os.rmdir(f"/tmp/{name}")
        self.scratch = f"/tmp/{_SCRATCH}-{os.getpid()}"
        os.mkdir(self.scratch)
        os.chmod(self.scratch, 0o711)
        if self.root:
            os.chown(self.scratch, OUTER_UIDS, OUTER_UIDS)

    def open_proc(self, path: str) -> int:
        """A file of /proc, to read."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.proc)

    def _mount_proc(self) -> None:
        """A view of the own process namespace; what is left of the one outside knows processes by other numbers."""
        try:
            if not self.own_root:
                kernel.unshare(kernel.CLONE_NEWNS)
                kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
            kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        except OSError:
            self.sees_processes = False
            return
        os.close(self.proc)
        self.proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _inner(self, answering: int, granted: int) -> None:
        flags = {
            "network_namespace": kernel.CLONE_NEWNET,
            "ipc_namespace": kernel.CLONE_NEWIPC,
            "uts_namespace": kernel.CLONE_NEWUTS,
        }
        if self.root:
            self.attempt("user_namespace", self._shared_user, answering, granted)
        for layer, flag in flags.items():
            self.attempt(layer, kernel.unshare, flag)
        if "uts_namespace" in self.layers:
            kernel.sethostname(b"sandbox")

    def _own_user(self) -> None:
        uid, gid = os.geteuid(), os.getegid()
        kernel.unshare(kernel.CLONE_NEWUSER)
        write_user_map(self.proc, 0, uid, gid)
        self.single_uid = True

    def _shared_user(self, answering: int, granted: int) -> None:
        """A user namespace whose root is an ordinary user outside; the parent writes its map, as only it may."""
        kernel.unshare(kernel.CLONE_NEWUSER | (kernel.CLONE_NEWNS if self.own_root else 0))
        os.write(answering, b"?")
        if os.read(granted, 1) != b"y":
            raise OSError("the map of user ids was refused")
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)

    def _map_users(self, child: int) -> bool:
        try:
            for name in ("uid_map", "gid_map"):
                _write(self.proc, f"{child}/{name}", f"0 {OUTER_UIDS} {UIDS}")
        except OSError:
            return False
        return True

    def _build_root(self) -> None:
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        base = next(path for path in _UNUSED if os.path.isdir(path))
        kernel.mount("rlvr", base, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m,nr_inodes=500")
        for path in ("proc", "dev", "sandbox", HOME[1:], "etc"):
            os.mkdir(f"{base}/{path}", 0o755)
        os.symlink(HOME[1:], f"{base}/tmp")
        os.symlink(f"../{HOME[1:]}", f"{base}/dev/shm")
        for name in DEVICES:
            self._bind(f"/dev/{name}", f"{base}/dev/{name}", 0)
        for path in (*_SYSTEM, *_LINKED, *self.paths):
            if os.path.islink(path):
                os.symlink(os.readlink(path), base + path)
            elif os.path.exists(path):
                self._bind(path, base + path, kernel.MS_RDONLY | kernel.MS_NODEV)
        if not self.root:  # without privilege, a new proc needs one in sight
            kernel.mount("/proc", f"{base}/proc", None, kernel.MS_BIND | kernel.MS_REC)
        os.chdir(base)
        kernel.pivot_root()
        os.chdir("/")
        kernel.mount("rlvr", "/", None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID)

    def _bind(self, source: str, target: str, flags: int) -> None:
        if stat.S_ISDIR(os.stat(source).st_mode):
            os.makedirs(target, 0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC, 0o644))
        # Without privilege over the parent's mounts, they can only be taken all together.
        kernel.mount(source, target, None, kernel.MS_BIND | (0 if self.root else kernel.MS_REC))
        kept = os.statvfs(target).f_flag & (kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC | kernel.MS_NOATIME)
        kept |= os.statvfs(target).f_flag & kernel.MS_RDONLY
        if os.statvfs(target).f_flag & 4096:  # ST_RELATIME has a bit of its own
            kept |= 1 << 21
        kernel.mount("none", target, None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_NOSUID | flags | kept)


def write_user_map(proc: int, inside: int, uid: int, gid: int) -> None:
    """Give this process, alone in its new user namespace, one user id there.

    Args:
        proc: Descriptor of /proc.
        inside: The id inside.
        uid: The user id outside.
        gid: The group id outside.
    """
    _write(proc, "self/setgroups", "deny")
    _write(proc, "self/uid_map", f"{inside} {uid} 1")
    _write(proc, "self/gid_map", f"{inside} {gid} 1")


def _write(proc: int, path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def empty(folder: str) -> None:
    """Remove everything below a directory, whatever modes it was given and however deep it is."""
    for path, names, _ in os.walk(folder):
        for name in names:
            if not os.path.islink(os.path.join(path, name)):
                os.chmod(os.path.join(path, name), 0o700)
    for path, names, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(path, name))
        for name in names:
            inner = os.path.join(path, name)
            os.unlink(inner) if os.path.islink(inner) else os.rmdir(inner)
