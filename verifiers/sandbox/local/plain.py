"""The plain back end: programs as ordinary processes of this machine, with limits. The last resort, and not a jail."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from typing import ClassVar

from rlvr_gym.verifiers.sandbox.base import Job, Sandbox
from rlvr_gym.verifiers.sandbox.languages import toolchains
from rlvr_gym.verifiers.sandbox.local import folder, portable, probe, supervisor
from rlvr_gym.verifiers.sandbox.local.plan import Plan, environment, own_uid
from rlvr_gym.verifiers.sandbox.spec import Isolation, RunResult, SandboxError

# Processes of the same user that may come while a run is under way. The kernel counts all of a user's together, so
# that its limit only stops what is quicker than the watch over the tree.
_SPARE = 256

_LAYERS = {
    "session": "it shares its session",
    "clean_env": "it sees variables of the caller",
    "closed_fds": "it has descriptors besides its streams",
    "rlimits": "the kernel has other limits than asked for",
    "no_capabilities": "it has privileges",
    "no_new_privs": "only Linux can refuse that a set-uid program raises privileges",
}
_LACKING = {
    "mount_namespace": "a plain process sees all files of this machine",
    "network_namespace": "a plain process can use the network",
}


class Plain(Sandbox):
    """Runs programs as plain processes: the fallback where nothing better exists, such as macOS and Windows.

    A program has limits on what it uses, a clean environment, and a directory of its own; what it starts ends with it.
    Yet it reads what this user can read, uses the network, and signals what this user may signal. As root, a run gets a
    user id of its own where others can read the interpreter, else a namespace of processes. So run only programs here
    that mean no harm. For anything that a model wrote use the back end `docker`, which there is for every system,
    or on Linux `forkserver` or `bubblewrap`.

    On macOS memory is not limited. On Windows nothing is but time and output, and the level is `none`.

    Args:
        min_isolation: See `Sandbox`.
        concurrency: See `Sandbox`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> from rlvr_gym.verifiers.sandbox import RunSpec
        >>> result = Plain().run(RunSpec("print(input())", stdin="6 * 7"))
        >>> result.stdout, result.isolation.level
        (b'6 * 7\\n', 'limits')
    """

    name: ClassVar[str] = "subprocess"

    def __init__(self, *, min_isolation: str = "none", concurrency: int | None = None) -> None:
        super().__init__(min_isolation=min_isolation, concurrency=concurrency)
        self._found = probe.Once(_first_that_works)

    def isolation(self) -> Isolation:
        """See `Sandbox.isolation`. Found out by a program that looks around; asked again, the answer is kept."""
        return self._found.get().isolation

    def execute(self, job: Job) -> RunResult:
        """See `Sandbox.execute`."""
        found = self._found.get()
        if os.name != "posix":
            return portable.run(job, found.isolation)
        return supervisor.run(job, functools.partial(_plan, own_user=found.own_user), found.isolation)

    def close(self) -> None:
        """See `Sandbox.close`; there is nothing to end."""


def _first_that_works() -> probe.Found:
    if os.name != "posix":
        return probe.Found(False, Isolation((), dict.fromkeys(_LAYERS, "not on this system") | _LACKING))
    refused = "without root, runs have the user id of their caller"
    if os.geteuid() == 0:
        wanted = {**_LAYERS, "uid": "its user id could not be changed"}
        try:
            return probe.Found(True, probe.isolation(functools.partial(_look, own_user=True), wanted, _LACKING))
        except SandboxError as error:
            refused = f"runs keep root, since another user cannot run Python here: {error}"
    missing = {**_LACKING, "uid": refused}
    return probe.Found(False, probe.isolation(functools.partial(_look, own_user=False), _LAYERS, missing))


def _look(job: Job, *, own_user: bool) -> RunResult:
    return supervisor.run(job, functools.partial(_plan, own_user=own_user), Isolation())


def _plan(job: Job, *, own_user: bool) -> Plan:
    """A directory of its own, and a user of its own where there can be one, who may then enter but not replace it."""
    base = tempfile.mkdtemp(prefix="rlvr-run-")
    try:
        os.chmod(base, 0o711)
        work = f"{base}/work"
        os.mkdir(work)
        os.chmod(work, 0o700)
    except OSError:
        folder.remove_folder(base)
        raise
    return Plan(
        wrapper=(),
        environment=environment(work, _path()),
        processes=job.limits.processes + (1 if own_user else _SPARE),
        count=not own_user,
        apart=sys.platform == "linux" and os.geteuid() == 0 and not own_user,
        uid=own_uid() if own_user else -1,
        folder=base,
    )


def _path() -> str:
    return toolchains().path if os.name == "posix" else os.environ.get("PATH", "")
