"""Which layers a container really has: seen from inside by a program that runs as any other, and judged outside.

The first half of this file is sent to the container as a program; it needs nothing but Python 3.9.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from typing import Any

_PR_GET_NO_NEW_PRIVS = 39


def look(tools: list[str]) -> dict[str, Any]:
    """What a program sees of its surroundings.

    Args:
        tools: Programs to look for on the `PATH`.
    """
    status = dict(line.split(":\t", 1) for line in _text("/proc/self/status").splitlines() if ":\t" in line)
    places = os.environ.get("PATH", "").split(":")
    disk = os.statvfs(".")
    return {
        "tools": [tool for tool in tools if any(os.access(os.path.join(place, tool), os.X_OK) for place in places)],
        "capabilities": [status.get(f"Cap{name}", "?").strip() for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
        "no_new_privs": ctypes.CDLL(None).prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
        "seccomp": status.get("Seccomp", "?").strip(),
        "users": [*os.getresuid(), *os.getresgid()],
        "groups": os.getgroups(),
        "user_map": _text("/proc/self/uid_map").split(),
        "namespaces": {name: _link(f"/proc/self/ns/{name}") for name in _MACHINES},
        "parent": os.getppid(),
        "processes": [name for name in os.listdir("/proc") if name.isdigit()],
        "me": os.getpid(),
        "session": os.getsid(0),
        "devices": [line.partition(":")[0].strip() for line in _text("/proc/net/dev").splitlines()[2:]],
        "host_name": os.uname().nodename,
        "kernel": os.uname().release,
        "root_flags": os.statvfs("/").f_flag,
        "mounts": [line.split()[4] for line in _text("/proc/self/mountinfo").splitlines()],
        "disk": disk.f_blocks * disk.f_frsize,
        "descriptors": _open_descriptors(),
        "variables": sorted(os.environ),
        "rlimits": [
            resource.getrlimit(getattr(resource, f"RLIMIT_{n}"))[0] for n in ("CPU", "FSIZE", "NOFILE", "CORE")
        ],
        "memory": _first("memory.max", "memory/memory.limit_in_bytes"),
        "pids": _first("pids.max", "pids/pids.max"),
    }


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _first(*paths: str) -> str:
    return next((text for path in paths if (text := _text(f"/sys/fs/cgroup/{path}").strip())), "")


def _open_descriptors() -> list[int]:
    found = []
    for fd in range(min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[0])):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found.append(fd)
    return found


_MACHINES = {"ipc": "ipc:[4026531839]", "uts": "uts:[4026531838]"}  # the namespaces that a machine starts with
Seen = Mapping[str, Any]

# Layer to what must be seen, given what was asked for, and what it means if it is not.
_CHECKS: dict[str, tuple[Callable[[Seen, Seen], bool], str]] = {
    "session": (lambda seen, asked: seen["session"] == seen["me"], "it shares its session"),
    "clean_env": (
        lambda seen, asked: set(seen["variables"]) <= asked["variables"],
        "it sees variables that come neither from the image nor from the sandbox",
    ),
    "closed_fds": (lambda seen, asked: seen["descriptors"] == [0, 1, 2], "it has descriptors besides its streams"),
    "rlimits": (lambda seen, asked: seen["rlimits"] == asked["rlimits"], "the kernel has other limits than asked for"),
    "user_namespace": (
        lambda seen, asked: bool(seen["user_map"]) and seen["user_map"][:2] != ["0", "0"],
        "the engine does not remap users (userns-remap, or a rootless engine)",
    ),
    "mount_namespace": (
        lambda seen, asked: asked["work"] in seen["mounts"] and bool(seen["root_flags"] & os.ST_RDONLY),
        "its root is not the image",
    ),
    "read_only_root": (lambda seen, asked: bool(seen["root_flags"] & os.ST_RDONLY), "its root can be written"),
    "private_tmp": (
        lambda seen, asked: asked["work"] in seen["mounts"] and asked["disk"] <= seen["disk"] < asked["disk"] + 65536,
        "its working directory is not in memory, or not of the size asked for",
    ),
    "pid_namespace": (
        lambda seen, asked: seen["parent"] == 1 and set(seen["processes"]) == {"1", str(seen["me"])},
        "it sees processes besides its own",
    ),
    "network_namespace": (lambda seen, asked: set(seen["devices"]) <= {"lo"}, "it sees network devices"),
    "ipc_namespace": (lambda seen, asked: _apart("ipc", seen), "it shares the machine's shared memory"),
    "uts_namespace": (
        lambda seen, asked: _apart("uts", seen) and seen["host_name"] == asked["host_name"],
        "it sees the machine's name",
    ),
    "uid": (
        lambda seen, asked: {0} != set(seen["users"]) == {asked["user"]} and set(seen["groups"]) <= {asked["user"]},
        "it runs as root, or as another user than asked for",
    ),
    "no_capabilities": (
        lambda seen, asked: all(value.strip("0") == "" for value in seen["capabilities"]),
        "it has capabilities",
    ),
    "no_new_privs": (lambda seen, asked: seen["no_new_privs"] == 1, "set-uid programs are not held back"),
    "seccomp": (lambda seen, asked: seen["seccomp"] == "2", "the engine or the runtime applies no seccomp profile"),
    "cgroup": (
        lambda seen, asked: seen["memory"] == str(asked["memory"]) and seen["pids"] == str(asked["pids"]),
        "the engine cannot limit memory and processes here, or hides that it does",
    ),
    "own_kernel": (
        lambda seen, asked: bool(asked["runtime"]) and seen["kernel"] != asked["kernel"],
        "its system calls are served by the machine's kernel; runtime='runsc' would change that",
    ),
}


def judge(seen: Seen, asked: Seen) -> tuple[tuple[str, ...], dict[str, str]]:
    """The layers in force, and those that are missing with the reason.

    Args:
        seen: From `look`.
        asked: What the container was made with.
    """
    verdicts = {layer: check(seen, asked) for layer, (check, _) in _CHECKS.items()}
    missing = {layer: _CHECKS[layer][1] for layer, there in verdicts.items() if not there}
    return tuple(layer for layer, there in verdicts.items() if there), missing


def _apart(name: str, seen: Seen) -> bool:
    return seen["namespaces"][name] not in ("", _MACHINES[name])


if __name__ == "__main__":
    json.dump(look(sys.argv[1:]), sys.stdout)
