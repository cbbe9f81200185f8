"""The fork-server back end: a warm helper process on this machine that forks a locked-down child for every run.

The helper (`zygote`) is a small Python of its own, started when it is first needed and never forked from this process.
The two talk over sockets, one for each run under way; when this process ends, however it ends, the helper ends too, and
with it all that it started.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.sandbox.base import Job, Sandbox
from rlvr_gym.verifiers.sandbox.languages import toolchains
from rlvr_gym.verifiers.sandbox.spec import LAYERS, Isolation, RunResult, SandboxError, limit_told
from rlvr_gym.verifiers.sandbox.zygote import wire

_START_S = 60.0  # until a new helper answers; importing what is preloaded takes most of it
_GRACE_S = 20.0  # beyond a run's wall limit, before the helper counts as lost
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime")
_LIVE: weakref.WeakSet[ForkServer] = weakref.WeakSet()


class ForkServer(Sandbox):
    """Runs Python in forks of a warm interpreter, other languages from the same locked-down forks. Linux only.

    Each layer is taken where the machine grants it, with or without root, and reported; none is assumed.

    Args:
        min_isolation: See `Sandbox`.
        concurrency: See `Sandbox`.
        spare: Children that are forked ahead.
        preload: Modules imported once, for all runs; a run that needs numpy saves its import.
        site_packages: Whether programs may import what is installed for this interpreter.
        without: Layers to leave out, where one is in the way.
        recycle_after: Runs after which the helper is replaced by a new one.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> from rlvr_gym.verifiers.sandbox import RunSpec
        >>> with ForkServer() as sandbox:
        ...     result = sandbox.run(RunSpec("import os; os._exit(3)"))
        >>> result.exit_code, result.signal, result.limit
        (3, None, None)
    """

    name: ClassVar[str] = "forkserver"

    def __init__(
        self,
        *,
        min_isolation: str = "none",
        concurrency: int | None = None,
        spare: int = 2,
        preload: tuple[str, ...] = (),
        site_packages: bool = False,
        without: tuple[str, ...] = (),
        recycle_after: int = 20_000,
    ) -> None:
        super().__init__(min_isolation=min_isolation, concurrency=concurrency)
        for name, value in (("spare", spare), ("recycle_after", recycle_after)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be a positive integer, got {shown(value)}")
        for layer in without:
            if layer not in LAYERS:
                raise ConfigError(f"without names layers, such as 'seccomp'; got {shown(layer)}")
        self.spare, self.preload, self.without = spare, tuple(preload), tuple(without)
        self.site_packages, self.recycle_after = bool(site_packages), recycle_after
        self._lock = threading.Lock()
        self._helper: _Helper | None = None
        _LIVE.add(self)

    def config(self) -> dict[str, Any]:
        """See `Sandbox.config`."""
        own = {"spare": self.spare, "preload": list(self.preload), "site_packages": self.site_packages}
        return {**super().config(), **own, "without": list(self.without), "recycle_after": self.recycle_after}

    def isolation(self) -> Isolation:
        """See `Sandbox.isolation`; starts the helper if it is not running."""
        helper = self._take()
        try:
            return helper.isolation
        finally:
            self._give_back(helper)

    def execute(self, job: Job) -> RunResult:
        """See `Sandbox.execute`.

        A helper lost before the job reached it is replaced, and a program that something outside killed is run again;
        both once.
        """
        try:
            return self._execute(job)
        except (_LostError, _KilledError):
            pass
        try:
            return self._execute(job)
        except _LostError as error:
            raise SandboxError(f"the fork-server cannot be reached: {error}") from error

    def _execute(self, job: Job) -> RunResult:
        helper = self._take()
        try:
            return helper.execute(job)
        except _KilledError:
            raise
        except (_LostError, SandboxError) as error:
            if isinstance(error, _LostError) or not helper.alive():
                self._retire(helper)
            raise
        finally:
            self._give_back(helper)

    def close(self) -> None:
        """See `Sandbox.close`."""
        with self._lock:
            helper, self._helper = self._helper, None
        if helper is not None:
            helper.close()

    def _start_over(self) -> None:
        """In a fork of the process that made this: the helper and the lock belong to the parent."""
        if self._helper is not None:
            self._helper.abandon()
        self._lock = threading.Lock()
        self._helper = None

    def _take(self) -> _Helper:
        with self._lock:
            helper = self._helper
            if helper is not None and helper.taken >= self.recycle_after:
                helper.retired = True
                helper = None
            if helper is None:
                self._helper = helper = _Helper(self)
            helper.users += 1
            helper.taken += 1
            return helper

    def _give_back(self, helper: _Helper) -> None:
        with self._lock:
            helper.users -= 1
            done = helper.retired and not helper.users
        if done:
            helper.close()

    def _retire(self, helper: _Helper) -> None:
        with self._lock:
            helper.retired = True
            if self._helper is helper:
                self._helper = None


class _LostError(Exception):
    """The helper was gone before a job could have reached it."""


class _KilledError(SandboxError):
    """Something outside of the sandbox has killed the program."""


class _Helper:
    """One helper process and the sockets to it."""

    def __init__(self, owner: ForkServer) -> None:
        self.users = self.taken = 0
        self.retired = False
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the helper
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                _command(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                cwd="/",
                env={"PATH": toolchains().path, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        self._finalizer = weakref.finalize(self, _end, self._process, self._control)
        try:
            self._control.settimeout(_START_S)
            wire.send(self._control, _settings(owner))
            ready = wire.receive_answer(self._control).head
        except (OSError, ValueError, wire.Closed) as error:
            complaint = self._complaint()
            self.close()
            raise SandboxError(f"the fork-server did not start: {complaint or error}") from error
        self.isolation = Isolation(tuple(ready["layers"]), ready["missing"])
        self._idle.append(self._control)

    def execute(self, job: Job) -> RunResult:
        channel = self._channel()
        programs = [job] if job.peer is None else [job, job.peer]
        payloads: list[int] = []
        try:
            for program in programs:
                payloads.append(wire.memory_file(_parts(program)))
            if job.stdin:
                payloads.append(wire.memory_file([job.stdin]))
            heads = [_described(program) for program in programs]
            wire.send(channel, {"programs": heads, "stdin": bool(job.stdin)}, payloads)
        except OSError as error:
            self._drop(channel)
            raise _LostError(str(error)) from error
        finally:
            for fd in payloads:
                os.close(fd)
        try:
            channel.settimeout(max(program.limits.wall_s for program in programs) + _GRACE_S)
            answer = wire.receive_answer(channel)
        except (OSError, ValueError, wire.Closed) as error:
            self._drop(channel)
            why = "did not answer in time" if isinstance(error, TimeoutError) else "ended in the middle of a run"
            raise SandboxError(f"the fork-server {why}; it is started anew. {self._complaint()}".rstrip()) from error
        with self._lock:
            self._idle.append(channel)
        if fault := answer.head.get("fault"):
            kind = _KilledError if fault == wire.KILLED else SandboxError
            raise kind(f"the fork-server could not run the program: {fault}")
        files = iter([wire.content(fd) for fd in answer.fds])
        results = [self._result(*both, files) for both in zip(programs, answer.head["results"], strict=True)]
        return results[0] if len(results) == 1 else replace(results[0], peer=results[1])

    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for channel in idle:
            channel.close()
        self._finalizer()
        self._log.close()

    def abandon(self) -> None:
        """In a fork of this process: let go of the parent's helper without ending it."""
        self._finalizer.detach()
        for channel in [*self._idle, self._control]:
            channel.close()

    def _channel(self) -> socket.socket:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                try:
                    wire.send(self._control, {"channel": True}, [theirs.fileno()])
                except OSError as error:
                    channel.close()
                    raise _LostError(str(error)) from error
            return channel

    def _drop(self, channel: socket.socket) -> None:
        if channel is self._control:
            self.close()
        else:
            channel.close()

    def _result(self, job: Job, answer: dict[str, Any], files: Iterator[bytes]) -> RunResult:
        stdout, stderr = (next(files) if there else b"" for there in answer["outputs"])
        return RunResult(
            exit_code=answer["exit"],
            signal=answer["signal"],
            stdout=stdout,
            stderr=stderr,
            limit=answer["limit"] or (limit_told(stderr) if answer["exit"] == 1 else None),
            cpu_s=answer["cpu_s"],
            wall_s=answer["wall_s"],
            peak_memory_bytes=answer["peak"],
            isolation=self.isolation,
            files={job.collect[number]: next(files) for number in answer["collected"]},
        )

    def _complaint(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self._log.seek(0)
            return self._log.read()[-2000:].decode("utf-8", "replace").strip()
        return ""


def _described(job: Job) -> dict[str, Any]:
    """What the zygote has to know of a program, and nothing of what the program is."""
    return {
        "python": job.language.name == "python",
        "reserves": job.language.reserves,
        "words": len(job.command),
        "sizes": [len(part) for part in _parts(job)],
        "collect": list(job.collect),
        "limits": job.limits.to_dict(),
    }


def _parts(job: Job) -> list[bytes]:
    """Command and names, and the files with the source first: what travels past the zygote unread."""
    files = sorted(job.files.items(), key=lambda item: item[0] != job.language.source)
    names = "\0".join([*job.command, *(path for path, _ in files)]).encode()
    return [names, *(content for _, content in files)]


def _settings(owner: ForkServer) -> dict[str, Any]:
    packages: list[str] = []
    if owner.site_packages:
        packages = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    standard = os.path.realpath(sysconfig.get_path("stdlib"))
    return {
        "without": list(owner.without),
        "paths": [os.path.dirname(standard), *packages, *toolchains().folders],
        "packages": packages,
        "libraries": [*_LIBRARIES, *packages],
        "preload": list(owner.preload),
        "spare": owner.spare,
    }


def _command(fd: int) -> list[str]:
    folder = str(Path(__file__).parent)
    start = f"import sys; sys.path.insert(0, {folder!r}); from zygote.server import main; main()"
    python = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    return [python, "-P", "-S", "-B", "-X", "utf8", "-c", start, str(fd)]


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    deadline = time.monotonic() + 2
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    if process.poll() is None:
        process.kill()
    process.wait()


def _after_fork() -> None:
    for sandbox in _LIVE:
        sandbox._start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
