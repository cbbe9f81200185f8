"""Which layers a program has that runs on this machine: seen from inside by a program, judged outside.

A layer counts if its effect was seen, whatever was asked of the kernel.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.languages import find_language
from rlvr_gym.verifiers.sandbox.local.plan import environment
from rlvr_gym.verifiers.sandbox.spec import Isolation, Limits, RunResult, SandboxError

LIMITS = Limits(wall_s=30)
_ASKED = {"CPU": int(LIMITS.cpu_s) + 1, "FSIZE": LIMITS.file_bytes, "NOFILE": LIMITS.open_files, "CORE": 0}
_VARIABLES = {*environment("", ""), "PWD", "__CF_USER_TEXT_ENCODING"}  # bwrap sets the one, macOS the other

# The program. Its argument is a file outside that everybody may read.
_LOOK = """
import json, os, resource, socket, sys
def attempt(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        return error.errno
    return 0
def link(name):
    try:
        return os.readlink(name)
    except OSError:
        return ""
seen = {
    "leads": os.getsid(0) == os.getpid(),
    "variables": list(os.environ),
    "open": [fd for fd in range(256) if not attempt(os.fstat, fd)],
    "limits": {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in sys.argv[2:]},
    "users": [os.getuid(), os.geteuid(), os.getgid(), os.getegid()],
    "groups": os.getgroups(),
    "namespaces": {name: link("/proc/self/ns/" + name) for name in ("user", "mnt", "pid", "net", "ipc", "uts")},
    "canary": attempt(os.stat, sys.argv[1]),
    "write": attempt(os.mkdir, "/rlvr-probe"),
    "socket": attempt(socket.socket),
    "host_name": os.uname().nodename,
    "disk": os.statvfs(".").f_blocks * os.statvfs(".").f_frsize,
    "outside": os.stat(".").st_dev == os.stat("/").st_dev,
    "status": {},
    "devices": [],
}
if sys.platform == "linux":
    seen["status"] = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
    seen["devices"] = [line.partition(":")[0].strip() for line in open("/proc/net/dev")][2:]
print(json.dumps(seen))
"""

Seen = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """How runs are best isolated on this machine.

    Args:
        own_user: Each gets a user id of its own.
        isolation: The layers that were seen.
    """

    own_user: bool
    isolation: Isolation


class Once:
    """Finds it out when it is first asked for, in one thread, while the others wait.

    Args:
        find: Finds it out; where it fails, the next one to ask tries again.

    Example:
        >>> once = Once(lambda: Found(False, Isolation(("rlimits",))))
        >>> once.get() is once.get()
        True
    """

    def __init__(self, find: Callable[[], Found]) -> None:
        self._find = find
        self._found: Found | None = None
        self._process, self._lock = os.getpid(), threading.Lock()

    def get(self) -> Found:
        """The answer.

        Raises:
            SandboxError: Nothing works.
        """
        if self._process != os.getpid():  # a fork, in which nobody will give the lock back
            self._process, self._lock = os.getpid(), threading.Lock()
        with self._lock:
            if self._found is None:
                self._found = self._find()
            return self._found


def job(canary: str) -> Job:
    """The program as a job."""
    python = find_language("python")
    return Job(python, (*python.run, canary, *_ASKED), {python.source: _LOOK.encode()}, b"", (), LIMITS)


def isolation(execute: Callable[[Job], RunResult], reasons: Mapping[str, str], missing: Mapping[str, str]) -> Isolation:
    """Run the program and judge by what it saw.

    Args:
        execute: Runs a job as any other.
        reasons: Layers that the back end asks for, with what it means if one is not seen.
        missing: Layers that it does not ask for, with the reason.

    Raises:
        SandboxError: The program did not run.
    """
    with tempfile.NamedTemporaryFile(prefix="rlvr-canary-") as file:
        os.chmod(file.name, 0o644)
        result = execute(job(file.name))
    try:
        seen = json.loads(result.stdout)
    except ValueError as error:
        text = result.stderr.decode("utf-8", "replace").strip()[-500:]
        ended = f"exit status {result.exit_code}" if result.signal is None else f"signal {result.signal}"
        raise SandboxError(f"a program that only looks around did not run: {ended}, {result.limit}, {text}") from error
    layers = tuple(layer for layer in reasons if _CHECKS[layer](seen))
    return Isolation(layers, {**missing, **{layer: why for layer, why in reasons.items() if layer not in layers}})


def _apart(kind: str, seen: Seen) -> bool:
    return seen["namespaces"][kind] not in ("", os.readlink(f"/proc/self/ns/{kind}"))


def _limited(seen: Seen) -> bool:
    return all(0 <= seen["limits"][name][0] <= value for name, value in _ASKED.items())


def _powerless(seen: Seen) -> bool:
    """No capability is held, and none that is left in the other two sets can come back by starting a program."""
    sets = {name: int(seen["status"].get(f"Cap{name}", "1"), 16) for name in ("Prm", "Eff", "Amb", "Inh", "Bnd")}
    held = sets["Prm"] or sets["Eff"] or sets["Amb"]
    return not held and (_says(seen, "NoNewPrivs", "1") or not (sets["Inh"] or sets["Bnd"]))


def _says(seen: Seen, name: str, value: str) -> bool:
    return str(seen["status"].get(name, "")).strip() == value


_CHECKS: Mapping[str, Callable[[Seen], bool]] = {
    "session": lambda seen: seen["leads"],
    "clean_env": lambda seen: set(seen["variables"]) <= _VARIABLES,
    "closed_fds": lambda seen: seen["open"] == [0, 1, 2],
    "rlimits": _limited,
    "user_namespace": lambda seen: _apart("user", seen),
    "mount_namespace": lambda seen: _apart("mnt", seen) and seen["canary"] != 0,
    "private_tmp": lambda seen: not seen["outside"] and seen["disk"] <= LIMITS.disk_bytes and _apart("mnt", seen),
    "pid_namespace": lambda seen: _apart("pid", seen),
    "network_namespace": lambda seen: _apart("net", seen) and set(seen["devices"]) <= {"lo"},
    "ipc_namespace": lambda seen: _apart("ipc", seen),
    "uts_namespace": lambda seen: _apart("uts", seen) and seen["host_name"] != os.uname().nodename,
    "uid": lambda seen: (
        len(set(seen["users"])) == 1 and seen["users"][0] not in (0, os.getuid()) and not seen["groups"]
    ),
    "no_capabilities": _powerless,
    "no_new_privs": lambda seen: _says(seen, "NoNewPrivs", "1"),
    "seccomp": lambda seen: _says(seen, "Seccomp", "2") and seen["socket"] != 0,
    "read_only_root": lambda seen: seen["write"] != 0,
}
