"""The seccomp filter: system calls that no candidate needs are refused.

A deny-list, since an allow-list breaks with every new C library. What it refuses is what reaches other processes, the
network, the mount table, keys, tracing, kernel modules and programs, and the young parts of the kernel that most
escapes have gone through. The filter is a balanced tree over the sorted numbers: the kernel walks it for every call
number when it is installed, and that costs as much as the rest of the isolation if the program is a list.
"""

from __future__ import annotations

import errno
import os
import struct

# Names to numbers, for the two architectures that have a filter.
_X86_64 = {
    "shmget": 29, "shmat": 30, "shmctl": 31, "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50,
    "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "semget": 64, "semop": 65, "semctl": 66,
    "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "ptrace": 101, "syslog": 103, "uselib": 134,
    "personality": 135, "ustat": 136, "vhangup": 153, "modify_ldt": 154, "pivot_root": 155, "_sysctl": 156,
    "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167,
    "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173,
    "create_module": 174, "init_module": 175, "delete_module": 176, "get_kernel_syms": 177, "query_module": 178,
    "quotactl": 179, "nfsservctl": 180, "lookup_dcookie": 212, "semtimedop": 220, "clock_settime": 227, "mbind": 237,
    "set_mempolicy": 238, "mq_open": 240, "mq_unlink": 241, "kexec_load": 246, "add_key": 248, "request_key": 249,
    "keyctl": 250, "migrate_pages": 256, "unshare": 272, "vmsplice": 278, "move_pages": 279, "accept4": 288,
    "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "execveat": 322, "userfaultfd": 323,
}  # fmt: skip
_AARCH64 = {
    "lookup_dcookie": 18, "umount2": 39, "mount": 40, "pivot_root": 41, "nfsservctl": 42, "chroot": 51, "vhangup": 58,
    "quotactl": 60, "vmsplice": 75, "acct": 89, "personality": 92, "unshare": 97, "kexec_load": 104,
    "init_module": 105, "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142,
    "sethostname": 161, "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "mq_open": 180, "mq_unlink": 181,
    "msgget": 186, "msgctl": 187, "msgrcv": 188, "msgsnd": 189, "semget": 190, "semctl": 191, "semtimedop": 192,
    "semop": 193, "shmget": 194, "shmctl": 195, "shmat": 196, "socket": 198, "bind": 200, "listen": 201,
    "socketpair": 199, "accept": 202, "connect": 203, "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220,
    "execve": 221, "swapon": 224, "swapoff": 225, "mbind": 235, "set_mempolicy": 237, "migrate_pages": 238,
    "move_pages": 239, "perf_event_open": 241, "accept4": 242, "fanotify_init": 262, "name_to_handle_at": 264,
    "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271,
    "kcmp": 272, "finit_module": 273, "bpf": 280, "execveat": 281, "userfaultfd": 282, "kexec_file_load": 294,
}  # fmt: skip
# From 424 on, a call has the same number on every architecture.
_COMMON = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "clone3": 435, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446, "memfd_secret": 447,
    "process_mrelease": 448, "set_mempolicy_home_node": 450, "lsm_set_self_attr": 460, "open_tree_attr": 467,
}  # fmt: skip
# What a child still needs while it makes ready: limits, and files in memory.
_X86_64_LATE = {"setrlimit": 160, "prlimit64": 302, "memfd_create": 319}
_AARCH64_LATE = {"setrlimit": 164, "prlimit64": 261, "memfd_create": 279}
_ARCHITECTURES = {
    "x86_64": (0xC000003E, _X86_64, _X86_64_LATE),
    "aarch64": (0xC00000B7, _AARCH64, _AARCH64_LATE),
}

# Ordinary programs make these on their own; an answer of "no such call" makes the C library use what it used before.
_ABSENT = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"}
_LAST = 470  # numbers above are of kernels younger than this list
_EXEC = {"execve", "execveat"}
_HARMLESS = {"fork", "vfork"}  # in the table for the reader: they take no flags
_NAMESPACES = 0x7E020080  # every CLONE_NEW flag
_SOCKET_TYPE, _DATAGRAM = 0xF, 2

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN, _JUMP = 0x20, 0x15, 0x35, 0x54, 0x06, 0x05
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 24, 32
_CPU_LIMIT = 0  # RLIMIT_CPU

Item = tuple[int, int, int, int]


def program(*, allow_exec: bool, final: bool = False) -> bytes:
    """The filter as an array of `struct sock_filter`, in the byte order of this machine.

    Args:
        allow_exec: Whether the program may start other programs; Python sources need not.
        final: No `late_program` follows, so what that refuses is refused here, but for the own limits, which who made
            this filter has still to set.

    Raises:
        OSError: This machine's architecture has no table.

    Example:
        >>> len(program(allow_exec=False)) % 8
        0
    """
    token, own, late = _machine()
    answers: dict[int, list[Item]] = {}
    for name, number in {**own, **_COMMON}.items():
        if name not in _HARMLESS and not (allow_exec and name in _EXEC):
            answers[number] = [(_RETURN, 0, 0, _ERRNO | (errno.ENOSYS if name in _ABSENT else errno.EPERM))]
    answers[own["clone"]] = _unless(_FIRST_ARGUMENT, _NAMESPACES, (_EQUAL, 1, 0, 0))
    # A pair of datagram sockets could be turned to an address outside; connected streams stay with each other.
    answers[own["socketpair"]] = _unless(_SECOND_ARGUMENT, _SOCKET_TYPE, (_EQUAL, 0, 1, _DATAGRAM))
    if final:
        answers |= _late_answers(late, own_limits=True)
    return _assembled(token, _ranges(answers))


def late_program() -> bytes:
    """A second filter, for the moment before the program runs.

    - The limit on processor time is not changed, nor any limit of another process: by lowering the one, a program could
      let the kernel kill it as if from outside, or kill the process that reports how it ended.
    - There are no files in memory that belong to no directory: they are in no process and count for no limit.

    Raises:
        OSError: This machine's architecture has no table.
    """
    token, _, late = _machine()
    return _assembled(token, _ranges(_late_answers(late, own_limits=False), last=_ALLOW))


def _late_answers(late: dict[str, int], *, own_limits: bool) -> dict[int, list[Item]]:
    allow, refuse = (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    cpu = allow if own_limits else refuse
    return {
        late["memfd_create"]: [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)],
        late["setrlimit"]: [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_EQUAL, 0, 1, _CPU_LIMIT), cpu, allow],
        late["prlimit64"]: [
            *((_LOAD, 0, 0, _THIRD_ARGUMENT), (_EQUAL, 0, 2, 0)),  # asking is free: a null pointer, both halves
            *((_LOAD, 0, 0, _THIRD_ARGUMENT + 4), (_EQUAL, 4, 0, 0)),
            *((_LOAD, 0, 0, _FIRST_ARGUMENT), (_EQUAL, 0, 4, 0)),  # of itself
            *((_LOAD, 0, 0, _SECOND_ARGUMENT), (_EQUAL, 1, 0, _CPU_LIMIT)),
            *(allow, cpu, refuse),
        ],
    }


def _machine() -> tuple[int, dict[str, int], dict[str, int]]:
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"there is no table of system calls for {machine}")
    return _ARCHITECTURES[machine]


def _assembled(token: int, ranges: list[tuple[int, list[Item]]]) -> bytes:
    head: list[Item] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, token),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    return b"".join(struct.pack("HBBI", *item) for item in head + _tree(ranges))


def _unless(argument: int, mask: int, allowed: Item) -> list[Item]:
    """Refuse or allow by the masked argument; `allowed` jumps over the refusal or not."""
    refuse, allow = (_RETURN, 0, 0, _ERRNO | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    return [(_LOAD, 0, 0, argument), (_AND, 0, 0, mask), allowed, refuse, allow]


def _ranges(answers: dict[int, list[Item]], last: int = _ERRNO | errno.ENOSYS) -> list[tuple[int, list[Item]]]:
    """First number of each run of equal answers, and the answer as instructions.

    Args:
        answers: Number of the call to the answer; what is not there is allowed.
        last: The answer to calls younger than this list, and to the x32 variants of old ones.
    """
    allow: list[Item] = [(_RETURN, 0, 0, _ALLOW)]
    ranges: list[tuple[int, list[Item]]] = []
    for number in range(_LAST + 1):
        answer = answers.get(number, allow)
        if not ranges or ranges[-1][1] != answer:
            ranges.append((number, answer))
    return [*ranges, (_LAST + 1, [(_RETURN, 0, 0, last)])]


def _tree(ranges: list[tuple[int, list[Item]]]) -> list[Item]:
    """Instructions that find the range of the loaded number by bisection."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    low, high = _tree(ranges[:middle]), _tree(ranges[middle:])
    if len(low) <= 255:
        return [(_AT_LEAST, len(low), 0, ranges[middle][0]), *low, *high]
    return [(_AT_LEAST, 0, 1, ranges[middle][0]), (_JUMP, 0, 0, len(low)), *low, *high]
