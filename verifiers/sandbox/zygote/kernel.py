"""Linux system calls that Python 3.11 has no name for, by `ctypes`; every failure is an `OSError`."""

from __future__ import annotations

import ctypes
import os
import signal
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_NOATIME = 1, 2, 4, 8, 32, 1024
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

_CLONE_PIDFD = 0x00001000

_libc = ctypes.CDLL(None, use_errno=True)
_python = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock, as a fork must
_python.syscall.restype = ctypes.c_long
for _name in ("PyOS_BeforeFork", "PyOS_AfterFork_Child", "PyOS_AfterFork_Parent"):
    getattr(_python, _name).restype = None
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

# Landlock's three calls have the same numbers on every architecture.
_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT = 444, 445, 446

FS_EXECUTE, FS_WRITE_FILE, FS_READ_FILE, FS_READ_DIR = 1, 2, 4, 8
FS_READ = FS_READ_FILE | FS_READ_DIR
FS_ALL = (1 << 13) - 1  # all rights of the first version
_FS_LATER = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # rights that later versions added
FS_EVERY = (1 << 16) - 1


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def unshare(flags: int) -> None:
    """New namespaces for this process."""
    _checked(_libc.unshare(flags), "unshare")


def fork(flags: int) -> tuple[int, int]:
    """Like `os.fork`, with namespaces for the child; for a process with a single thread.

    `unshare` before a plain fork would do for one child, and cannot be taken back where the own namespace belongs to
    another user namespace.

    Returns:
        Process id and process descriptor of the child; (0, -1) in the child.
    """
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    pidfd = ctypes.c_int(-1)
    arguments = [ctypes.c_ulong(flags | _CLONE_PIDFD | signal.SIGCHLD), None, ctypes.byref(pidfd), None, None]
    _python.PyOS_BeforeFork()
    pid = _python.syscall(ctypes.c_long(number), *arguments)
    if pid == 0:
        _python.PyOS_AfterFork_Child()
        return 0, -1
    code = ctypes.get_errno()
    _python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(code, f"clone: {os.strerror(code)}")
    os.set_inheritable(pidfd.value, False)
    return pid, pidfd.value


def setns(fd: int, kind: int) -> None:
    """Enter a namespace."""
    _checked(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Mount a file system, or change a mount."""
    arguments = [source.encode(), target.encode(), kind.encode() if kind else None]
    result = _libc.mount(*arguments, ctypes.c_ulong(flags), options.encode() if options else None)
    _checked(result, f"mount {source} on {target}")


def umount(target: str) -> None:
    """Take a mount out of sight; it goes when it is no longer used."""
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root() -> None:
    """Make the working directory the root, and the old root go."""
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    _checked(_syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    umount(".")


def sethostname(name: bytes) -> None:
    """Name of this UTS namespace."""
    _checked(_libc.sethostname(name, ctypes.c_size_t(len(name))), "sethostname")


def prctl(option: int, a: int = 0, b: int = 0) -> int:
    """Operations on this process that take integers."""
    zero = ctypes.c_ulong(0)
    return _checked(_libc.prctl(option, ctypes.c_ulong(a), ctypes.c_ulong(b), zero, zero), f"prctl {option}")


def drop_capabilities() -> None:
    """No capability is left in any set of this process."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last one, or not privileged and so without any
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    clear_capabilities()


def clear_capabilities() -> None:
    """Empty the permitted, effective and inheritable sets."""
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8)
    _checked(_libc.capset(header, ctypes.create_string_buffer(24)), "capset")


class Filter:
    """A seccomp program, laid out for the kernel.

    Args:
        program: `struct sock_filter` items.
    """

    def __init__(self, program: bytes) -> None:
        self._items = ctypes.create_string_buffer(program, len(program))
        self._header = ctypes.create_string_buffer(
            struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(self._items)), 16
        )
        self._address = ctypes.addressof(self._header)

    def install(self) -> None:
        """From now on, for this process and all that it starts."""
        prctl(PR_SET_SECCOMP, 2, self._address)


def landlock_version() -> int:
    """Version of Landlock's interface.

    Raises:
        OSError: The kernel has none.
    """
    return _checked(_syscall(ctypes.c_long(_LANDLOCK_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint(1)), "landlock")


def landlock_ruleset(rules: list[tuple[str, int]]) -> int:
    """A rule set that denies everything but the rights given beneath each path; also TCP and foreign signals.

    Args:
        rules: Path and rights.

    Returns:
        A descriptor, for `landlock_restrict`.
    """
    version = landlock_version()
    rights = FS_ALL
    for since, right in _FS_LATER.items():
        rights |= right if version >= since else 0
    network = 3 if version >= 4 else 0  # bind and connect
    scope = 3 if version >= 6 else 0  # abstract sockets and signals
    attributes = struct.pack("QQQ", rights, network, scope)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _checked(
        _syscall(ctypes.c_long(_LANDLOCK_CREATE), attributes, ctypes.c_size_t(size), ctypes.c_uint(0)), "landlock"
    )
    for path, allowed in rules:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not os.path.isdir(path):
            allowed &= FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE
        rule = struct.pack("=Qi", allowed & rights, fd)
        code = _syscall(ctypes.c_long(_LANDLOCK_ADD_RULE), ctypes.c_int(ruleset), 1, rule, ctypes.c_uint(0))
        os.close(fd)
        _checked(code, f"landlock rule for {path}")
    return ruleset


def landlock_restrict(ruleset: int) -> None:
    """Put a rule set into force; needs no-new-privileges or privilege."""
    _checked(_syscall(ctypes.c_long(_LANDLOCK_RESTRICT), ctypes.c_int(ruleset), ctypes.c_uint(0)), "landlock")


def close_all_but(keep: list[int]) -> None:
    """Close every descriptor above stderr but these."""
    first = 3
    for fd in sorted(keep):
        if fd >= 3:
            os.closerange(first, fd)
            first = fd + 1
    os.closerange(first, 1 << 20)
