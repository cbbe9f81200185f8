"""What a child does to itself before untrusted code runs: each step works, or ends the run as a failure of ours."""

from __future__ import annotations

import functools
import os
import resource
import signal
from typing import Any

from . import kernel, seccomp
from .slots import Slot
from .stage import DEVICES, HOME, Stage, write_user_map

_READ = kernel.FS_READ
_READ_AND_EXECUTE = kernel.FS_READ | kernel.FS_EXECUTE


class Lockdown:
    """The layers that a child puts on itself, prepared once in the zygote.

    Args:
        stage: What was prepared; this adds its own layers to it.
        libraries: Directories that Python programs read.
    """

    def __init__(self, stage: Stage, libraries: list[str]) -> None:
        self.stage = stage
        self.libraries = libraries
        self.rules = -1
        self.address_space, self.resident = _own_memory(stage)
        for layer in ("session", "clean_env", "closed_fds", "rlimits"):
            stage.layers.append(layer)
        if stage.own_root:
            stage.layers.append("private_tmp")
        else:
            stage.missing["private_tmp"] = "there is no mount namespace: files go to a directory of limited file size"
        self.new_privs = stage.attempt("no_new_privs", _probe_no_new_privs)
        self.filters: dict[bool, kernel.Filter] = {}
        self.last_filter: kernel.Filter | None = None
        if self.new_privs:
            stage.attempt("seccomp", self._make_filters)
        self.landlocked = self.new_privs and stage.attempt("landlock", self._make_rules)
        self._plan_identity()
        self._check_library()
        self.descriptors = [stage.proc, self.rules]

    def _plan_identity(self) -> None:
        stage = self.stage
        if stage.root:
            stage.attempt("uid", _in_a_child, lambda: _become(1000))
        else:
            stage.missing["uid"] = "without root, runs have the user id of their caller outside"
        if stage.root and "uid" not in stage.layers:
            stage.missing["no_capabilities"] = "runs keep root: their user id cannot be changed"
        else:
            stage.layers.append("no_capabilities")

    def _check_library(self) -> None:
        """Where the file system is the machine's own, a run with a user id of its own may not be let in everywhere."""
        folder = os.path.dirname(os.__file__)
        if not self.stage.own_root and "uid" in self.stage.layers:
            try:
                _in_a_child(functools.partial(_look_as_another, folder))
            except OSError as error:
                raise OSError(
                    f"runs have a user id that may not read this interpreter's library in {folder}: use an interpreter "
                    "that every user may read, or let the sandbox have a mount namespace"
                ) from error

    def _make_filters(self) -> None:
        self.filters = {exec_: kernel.Filter(seccomp.program(allow_exec=exec_)) for exec_ in (False, True)}
        self.last_filter = kernel.Filter(seccomp.late_program())
        _in_a_child(self.filters[False].install)

    def _make_rules(self) -> None:
        self.rules = self._ruleset(os.path.dirname(HOME), execute=False) if self.stage.own_root else -1
        kernel.landlock_version()

    def _ruleset(self, home: str, *, execute: bool) -> int:
        rules = [(home, kernel.FS_EVERY & ~(0 if execute else kernel.FS_EXECUTE))]
        rules += [(f"/dev/{name}", kernel.FS_READ_FILE | kernel.FS_WRITE_FILE) for name in DEVICES]
        if execute and self.stage.own_root:
            rules.append(("/", _READ_AND_EXECUTE))  # this root holds nothing but tools
        elif execute:
            tools = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache", "/proc/self")
            rules += [(path, _READ_AND_EXECUTE) for path in (*tools, *self.stage.paths) if os.path.exists(path)]
        else:
            rules += [(path, _READ) for path in self.libraries if os.path.exists(path)]
        return kernel.landlock_ruleset(rules)

    def apply(self, slot: Slot, *, execute: bool) -> None:
        """All layers but the limits, which the job brings.

        Args:
            slot: Where the run takes place.
            execute: Whether it may start programs.
        """
        os.setsid()
        if slot.group is not None:
            slot.group.join()
        if slot.mounts >= 0:
            kernel.setns(slot.mounts, kernel.CLONE_NEWNS)
        if execute and self.stage.own_root and "pid_namespace" in self.stage.layers:
            kernel.unshare(kernel.CLONE_NEWNS)
            kernel.umount("/proc")  # the cover of the slot
            kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        if self.stage.single_uid:
            uid, gid = os.geteuid(), os.getegid()
            kernel.unshare(kernel.CLONE_NEWUSER)
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # or the files of /proc/self would belong to root
            write_user_map(self.stage.proc, slot.uid, uid, gid)
        if self.new_privs:
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if self.landlocked:
            shared = self.stage.own_root and not execute
            kernel.landlock_restrict(self.rules if shared else self._ruleset(_ruled(slot), execute=execute))
        if "uid" in self.stage.layers:
            _become(slot.uid)
        else:
            kernel.clear_capabilities()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # so that the zygote may measure its memory
        if "seccomp" in self.stage.layers:
            self.filters[execute].install()

    def limit(self, limits: dict[str, Any], *, execute: bool, reserves: bool) -> None:
        """The limits that the kernel keeps for each process, for good.

        Args:
            limits: As in `Limits`.
            execute: Whether another program takes the place of this one's memory.
            reserves: Whether its runtime reserves more address space than it uses.
        """
        seconds = int(limits["cpu_s"]) + 1
        memory = limits["memory_bytes"] + (0 if execute else self.address_space)
        kinds = [
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_DATA if reserves else resource.RLIMIT_AS, memory),
            (resource.RLIMIT_FSIZE, limits["file_bytes"]),
            (resource.RLIMIT_NOFILE, limits["open_files"]),
            (resource.RLIMIT_NPROC, limits["processes"] + execute),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_MEMLOCK, 0),
            (resource.RLIMIT_MSGQUEUE, 0),
        ]
        for kind, value in kinds:
            hard = resource.getrlimit(kind)[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (bound, bound))
        if execute:
            stack, hard = 64 * 2**20, resource.getrlimit(resource.RLIMIT_STACK)[1]
            resource.setrlimit(resource.RLIMIT_STACK, (stack if hard < 0 else min(stack, hard), hard))
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if self.last_filter is not None and "seccomp" in self.stage.layers:
            self.last_filter.install()
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # so that the limit shows; Python ignores it otherwise


def _ruled(slot: Slot) -> str:
    return os.path.dirname(slot.home) if slot.mounts >= 0 else slot.home


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)  # from root to another id: the kernel clears every capability


def _look_as_another(folder: str) -> None:
    _become(1000)
    os.listdir(folder)


def _probe_no_new_privs() -> None:
    _in_a_child(lambda: kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1))


def _in_a_child(action: Any) -> None:
    """Try what cannot be undone in a process of its own.

    Raises:
        OSError: It does not work.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
            action()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise OSError("refused by the kernel")


def _own_memory(stage: Stage) -> tuple[int, int]:
    """Bytes of address space and of resident memory that every child starts with."""
    fd = stage.open_proc("self/statm")
    try:
        size, resident = os.read(fd, 100).split()[:2]
    finally:
        os.close(fd)
    return int(size) * resource.getpagesize(), int(resident) * resource.getpagesize()
