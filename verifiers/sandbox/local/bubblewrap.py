"""The bubblewrap back end: every run in namespaces of its own, with a file system that holds only tools."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from pathlib import PurePath
from typing import ClassVar

from rlvr_gym.verifiers.sandbox.base import Job, Sandbox
from rlvr_gym.verifiers.sandbox.languages import toolchains
from rlvr_gym.verifiers.sandbox.local import probe, supervisor
from rlvr_gym.verifiers.sandbox.local.plan import Plan, above_stdio, environment, interpreter, is_root_outside, own_uid
from rlvr_gym.verifiers.sandbox.spec import Isolation, RunResult, SandboxError
from rlvr_gym.verifiers.sandbox.zygote import seccomp

_HOME = "/tmp"
_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM = ("/usr", "/etc/ld.so.cache", "/etc/alternatives", "/nix/store", "/gnu/store")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_NOBODY = "65534"

# What the launcher may do of all that root may: become the user of the run, end it, and count its memory.
_POWERS = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_SYS_PTRACE")

# Layers, and what it means where one is not seen.
_LAYERS = {
    "session": "it shares its session",
    "clean_env": "it sees variables of the caller",
    "closed_fds": "it has descriptors besides its streams",
    "rlimits": "the kernel has other limits than asked for",
    "mount_namespace": "it sees files of the caller",
    "private_tmp": "bubblewrap before 0.8 cannot limit the size of a directory in memory; it is watched instead",
    "pid_namespace": "it shares the processes of the caller",
    "network_namespace": "it sees network devices",
    "ipc_namespace": "it shares memory of the caller",
    "uts_namespace": "it sees the name of the machine",
    "no_capabilities": "it has privileges in its namespaces",
    "no_new_privs": "it may raise its privileges",
    "seccomp": "the kernel did not take the filter",
    "read_only_root": "its root can be written",
}


class Bubblewrap(Sandbox):
    """Runs programs under `bwrap`, which needs no helper and no daemon. Linux only.

    Started by root, each run has a user id of its own, which owns nothing; started by anybody else, it is in a user
    namespace. Where root cannot do so, as in most containers, nothing is run. Inside there are the interpreter, the
    system's programs and libraries, and a directory in memory. All processes of a run end with it, and with this one.

    Args:
        min_isolation: See `Sandbox`.
        concurrency: See `Sandbox`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> from rlvr_gym.verifiers.sandbox import RunSpec
        >>> result = Bubblewrap().run(RunSpec("print(6 * 7)"))  # doctest: +SKIP
        >>> result.stdout, result.isolation.level  # doctest: +SKIP
        (b'42\\n', 'isolated')
    """

    name: ClassVar[str] = "bubblewrap"

    def __init__(self, *, min_isolation: str = "none", concurrency: int | None = None) -> None:
        super().__init__(min_isolation=min_isolation, concurrency=concurrency)
        self._found = probe.Once(_first_that_works)

    def isolation(self) -> Isolation:
        """See `Sandbox.isolation`. Found out by a program that looks around; asked again, the answer is kept."""
        return self._found.get().isolation

    def execute(self, job: Job) -> RunResult:
        """See `Sandbox.execute`."""
        found = self._found.get()
        return supervisor.run(job, functools.partial(_plan, own_user=found.own_user), found.isolation)

    def close(self) -> None:
        """See `Sandbox.close`; there is nothing to end."""


def _first_that_works() -> probe.Found:
    if sys.platform != "linux":
        raise SandboxError("bubblewrap needs Linux; use the back end 'docker'")
    layers, missing = dict(_LAYERS), {}
    filtered = _filter()
    if isinstance(filtered, str):
        del layers["seccomp"]
        missing["seccomp"] = filtered
    refused = "without root, runs have the user id of their caller outside"
    if os.geteuid() == 0:
        instead = {**missing, "user_namespace": "started by root, each run has a user id of its own instead"}
        wanted = {**layers, "uid": "its user id could not be changed"}
        try:
            return probe.Found(True, probe.isolation(functools.partial(_look, own_user=True), wanted, instead))
        except SandboxError as error:
            if is_root_outside():  # runs would be those of root, whose number of processes the kernel does not limit
                raise SandboxError(
                    f"bubblewrap cannot give runs a user id of their own here ({error}): start it by a user who is not "
                    "root, or use the back end 'forkserver' or 'docker'"
                ) from error
            refused = str(error)
    missing["uid"] = refused
    wanted = {**layers, "user_namespace": "bubblewrap did not make one"}
    try:
        return probe.Found(False, probe.isolation(functools.partial(_look, own_user=False), wanted, missing))
    except SandboxError as error:
        raise SandboxError(
            f"bubblewrap does not work here ({error}): use the back end 'forkserver' or 'docker'"
        ) from error


def _look(job: Job, *, own_user: bool) -> RunResult:
    return supervisor.run(job, functools.partial(_plan, own_user=own_user), Isolation())


def _plan(job: Job, *, own_user: bool) -> Plan:
    """Command line of bwrap; as few steps as possible, since each costs a system call or two for every run."""
    size = ["--size", str(job.limits.disk_bytes)] if _knows("--size") else []
    # Where the caller ignores the end of its children, so would bwrap, and wait for ever.
    deaf = ["env", "--default-signal=CHLD"] if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN else []
    wrapper = [*deaf, _bwrap(), *_unshared(), *size, "--tmpfs", _HOME, *_mounts(), "--chdir", _HOME]
    wrapper += ["--cap-drop", "ALL"]
    if own_user:
        wrapper += [word for power in _POWERS for word in ("--cap-add", power)]
    else:
        wrapper += ["--unshare-user", "--uid", _NOBODY, "--gid", _NOBODY]
    descriptors: tuple[int, ...] = ()
    filtered = _filter()
    if isinstance(filtered, bytes):
        descriptors = (_readable(filtered),)
        wrapper += ["--seccomp", str(descriptors[0])]
    return Plan(
        wrapper=(*wrapper, "--"),
        environment=environment(_HOME, toolchains().path),
        processes=job.limits.processes + (1 if own_user else 2) if own_user or _counts_apart() else 0,
        uid=own_uid() if own_user else -1,
        first=True,
        descriptors=descriptors,
    )


def _unshared() -> list[str]:
    kinds = ("ipc", "pid", "net", "uts", "cgroup-try")
    own = ["--as-pid-1", "--die-with-parent", "--new-session", "--hostname", "sandbox"]
    return [*(f"--unshare-{kind}" for kind in kinds), *own]


@functools.cache
def _mounts() -> tuple[str, ...]:
    """What there is to see: the system's programs and libraries, toolchains, the interpreter, five devices."""
    words: list[str] = []
    for path in _LINKS:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    python = interpreter()
    prefixes = [os.path.realpath(prefix) for prefix in (sys.base_prefix, sys.base_exec_prefix)]
    shown: list[str] = []
    for path in (*_SYSTEM, *prefixes, python, *toolchains().folders):
        if os.path.exists(path) and not any(f"{path}/".startswith(f"{above}/") for above in shown):
            shown.append(path)
            parents = list(PurePath(path).parents)[-2::-1]  # bwrap itself would make them for its own user only
            words += [word for parent in parents for word in ("--dir", str(parent))] + ["--ro-bind", path, path]
    # The launcher is process 1: whoever could write to its memory could say in its name how the run ended.
    words += ["--proc", "/proc", "--tmpfs", "/proc/1", "--remount-ro", "/proc/1", "--dir", "/dev"]
    for name in _DEVICES:
        words += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        words += ["--symlink", f"/proc/self/fd{target}", f"/dev/{name}"]
    return (*words, "--symlink", _HOME, "/dev/shm", "--remount-ro", "/")


def _counts_apart() -> bool:
    """Whether the kernel counts the processes of a user namespace by themselves, so that it can limit them."""
    return tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (5, 14)


def _readable(content: bytes) -> int:
    """A pipe with this in it, for bwrap to read."""
    read, write = os.pipe()
    with open(write, "wb") as file:
        file.write(content)
    return above_stdio(read)


@functools.cache
def _filter() -> bytes | str:
    """The seccomp program, or why there is none."""
    try:
        return seccomp.program(allow_exec=True, final=True)
    except OSError as error:
        return str(error)


def _bwrap() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxError("bwrap is not on the PATH: install the package 'bubblewrap', or use another back end")
    return found


@functools.cache
def _knows(option: str) -> bool:
    """Whether this version of bwrap has an option."""
    told = subprocess.run([_bwrap(), "--help"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return option.encode() in told.stdout + told.stderr
