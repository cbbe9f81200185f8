"""Supervision of programs on this machine: pipes, clocks and caps, until the last process of a run is dead.

A back end says by a `Plan` how a program is started; `run` does the rest, with one launcher process (`launcher.py`) for
each program. Safe in threads: nothing is shared between runs, no code of ours runs between fork and exec, every
descriptor is closed on exec, and no signal handler is touched.
"""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace

from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.local import folder
from rlvr_gym.verifiers.sandbox.local.plan import Plan, above_stdio, command_line, open_stdin
from rlvr_gym.verifiers.sandbox.local.report import Report, limit_seen
from rlvr_gym.verifiers.sandbox.spec import Isolation, RunResult, SandboxError

_START_S = 60.0  # until a launcher is up, on a machine that is busy with others
_STOP_S = 1.0  # for a launcher to end its program and to report, before it is killed with it
_KILL_S = 10.0  # for the kernel to take killed processes away
_PAUSE_S = 0.002  # between looks, where the system has no descriptors for processes
_CHUNK = 2**16


def run(job: Job, plan: Callable[[Job], Plan], isolation: Isolation) -> RunResult:
    """Run a job, and its peer at the same time.

    Raises:
        SandboxError: A program could not be started or supervised.
    """
    jobs = [job] if job.peer is None else [job, job.peer]
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(contextlib.closing(Program(each))) for each in jobs]
        try:
            if len(programs) == 2:
                programs[0].connect(programs[1])
                programs[1].connect(programs[0])
            for program in programs:
                program.start(plan(program.job))
            _pump(programs)
        except OSError as error:
            raise SandboxError(f"a program cannot be run on this machine: {error}") from error
        results = [program.result(isolation) for program in programs]
    return results[0] if len(results) == 1 else replace(results[0], peer=results[1])


def _pump(programs: list[Program]) -> None:
    """Handle what comes from the programs, and their deadlines, until all have ended."""
    with selectors.DefaultSelector() as selector:
        for program in programs:
            program.register(selector)
        waiting = True
        while left := [program for program in programs if not program.ended]:
            if waiting and all(program.ready for program in programs):
                waiting = False
                for program in programs:
                    program.go()
            pause = min(program.deadline for program in left) - time.monotonic()
            for key, _ in selector.select(max(0.0, pause)):
                key.data()
            for program in left:  # after what has come meanwhile: this thread may have waited long for its turn
                if not program.ended and time.monotonic() >= program.deadline:
                    program.expire()


class Program:
    """One program under supervision, with all that has to be closed, killed or removed for it.

    Args:
        job: What to run.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.limit: str | None = None
        self.ready = self.ended = False
        self.deadline = time.monotonic() + _START_S
        self._open: set[int] = set()
        self._kept: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._reading: dict[str, int] = {}
        self._stdio: dict[str, int] = {}
        self._folder = self._pidfd = self._errors = -1
        self._plan = Plan((), {}, 0)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._selector: selectors.BaseSelector | None = None
        self._said = b""
        self._report: Report | None = None
        self._started = self._stopped = self._idle_cpu_s = self._wall_s = 0.0
        self._usage_s: float | None = None
        self._files: dict[str, bytes] = {}

    def connect(self, other: Program) -> None:
        """What this program writes, the other one reads."""
        read, write = os.pipe()
        self._stdio["stdout"], other._stdio["stdin"] = self._keep(write), other._keep(read)

    def start(self, plan: Plan) -> None:
        """Start the launcher; it waits for `go`."""
        self._plan = plan
        self._open.update(plan.descriptors)
        if "stdin" not in self._stdio:
            self._stdio["stdin"] = self._keep(open_stdin(self.job.stdin))
        for name in ("stdout", "stderr"):
            if name not in self._stdio:
                self._reading[name], self._stdio[name] = self._pipe()
        self._errors, errors = self._pipe()
        self._control, there = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):
            self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        control = self._keep(there.detach())
        self._process = subprocess.Popen(
            command_line(self.job, plan, {**self._stdio, "control": control}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=f"{plan.folder}/work" if plan.folder else "/",
            env=plan.environment,
            pass_fds=[control, *self._stdio.values(), *plan.descriptors],
            start_new_session=True,
        )
        for fd in (control, errors, *self._stdio.values(), *plan.descriptors):
            self._drop(fd)

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have output and reports handled as they come."""
        self._selector = selector
        for name, fd in self._reading.items():
            os.set_blocking(fd, False)
            selector.register(fd, selectors.EVENT_READ, functools.partial(self._drain, name))
        if self._control is not None:
            self._control.setblocking(False)
            selector.register(self._control, selectors.EVENT_READ, functools.partial(self._listen, self._control))

    def go(self) -> None:
        """Let the program begin; from now on its time runs."""
        self._started = time.monotonic()
        self.deadline = self._started + self.job.limits.wall_s
        if self._control is not None:
            with contextlib.suppress(OSError):  # the end of the socket will be heard
                self._control.send(b"g", getattr(socket, "MSG_NOSIGNAL", 0))

    def expire(self) -> None:
        """The deadline has come."""
        if not self._started:
            raise SandboxError(f"a run did not start within {_START_S:g} s{self._complaint()}")
        if not self._stopped:
            self.stop("" if self._report else "wall")
        elif self.deadline < self._stopped + _KILL_S:
            self._kill()
            self.deadline = self._stopped + _KILL_S
        else:
            raise SandboxError("a program cannot be killed: the kernel does not take its processes away")

    def stop(self, limit: str) -> None:
        """End it because of a limit: the launcher kills all and reports."""
        self.limit = self.limit or limit
        if not self._stopped and self._control is not None:
            self._stopped = time.monotonic()
            self.deadline = self._stopped + _STOP_S
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)
                self._signal_launcher(signal.SIGCONT)  # the program may have stopped it

    def result(self, isolation: Isolation) -> RunResult:
        """How it ended."""
        report = self._report or Report()
        if self.limit == "wall" and report.code != -signal.SIGKILL:
            self.limit = None  # it was quicker than the order to end it
        result = RunResult(
            exit_code=report.code if report.code >= 0 else None,
            signal=-report.code if report.code < 0 else None,
            stdout=bytes(self._kept["stdout"]),
            stderr=bytes(self._kept["stderr"]),
            limit=self.limit or report.limit,
            cpu_s=max(
                report.cpu_s, (self._usage_s or 0.0) - self._idle_cpu_s
            ),  # the kernel's word, where it knows more
            wall_s=self._wall_s if self.limit == "wall" else report.wall_s or self._wall_s,
            peak_memory_bytes=report.peak_memory_bytes,
            isolation=isolation,
            files=self._files,
        )
        return result if result.limit else replace(result, limit=limit_seen(self.job, result))

    def close(self) -> None:
        """Kill what runs, close what is open, remove what was made."""
        try:
            if self._process is not None and self._process.returncode is None:
                self.stop("")
                if not self._plan.first:
                    _await_end(self._process.pid, _STOP_S)  # the launcher alone knows the whole tree
                self._kill()
                self._reap()
        finally:
            if self._control is not None:
                self._control.close()
            for fd in list(self._open):
                self._drop(fd)
            if self._plan.folder is not None:
                try:
                    folder.remove_folder(self._plan.folder)
                except FileNotFoundError:
                    pass
                except OSError as error:
                    raise SandboxError(f"the directory of a run could not be removed: {error}") from error

    # --- What comes from the launcher and the program ---------------------------------------------------------------

    def _drain(self, name: str) -> None:
        """Keep what there is to read."""
        fd, kept, most = self._reading[name], self._kept[name], self.job.limits.output_bytes
        while len(kept) <= most:
            try:
                chunk = os.read(fd, _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                self._forget(fd)
                return
            kept += chunk
        del kept[most:]
        self._forget(fd)
        self.stop("output")

    def _listen(self, control: socket.socket) -> None:
        try:
            data, extra, _, _ = control.recvmsg(_CHUNK, 256, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
        except BlockingIOError:
            return
        except ConnectionResetError:
            data, extra = b"", []
        for level, kind, content in extra if data else []:
            self._receive(level, kind, content)
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            try:
                self._hear(line.decode("utf-8", "replace"))
            except ValueError as error:
                raise SandboxError(f"a launcher speaks nonsense: {error}") from error
        if not data:
            self._finish()

    def _receive(self, level: int, kind: int, content: bytes) -> None:
        """A descriptor of the working directory, or the launcher's process id as it is here."""
        if level != socket.SOL_SOCKET:
            return
        if kind == socket.SCM_RIGHTS:
            self._folder = self._keep(struct.unpack("i", content[:4])[0])
        elif self._pidfd < 0 and kind == getattr(socket, "SCM_CREDENTIALS", -1) and self._plan.first:
            self._pidfd = self._keep(os.pidfd_open(struct.unpack("iII", content[:12])[0]))

    def _hear(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "ready":
            self._idle_cpu_s = float(rest)
            try:
                folder.write_files(self._folder, self.job.files, self._plan.uid)
            except OSError as error:
                raise SandboxError(f"the files of a run could not be written: {error}") from error
            self.ready = True
        elif word == "fault":
            raise SandboxError(f"a run could not be confined: {rest}")
        elif word == "end":
            self._report = Report.read(rest)

    def _finish(self) -> None:
        """The launcher is gone: take its exit, the rest of the output, and files."""
        self._reap()
        if not self._started or (not self._report and self._plan.first and not self._stopped):
            when = "before" if not self._started else "while"
            raise SandboxError(f"the sandbox ended {when} the program ran{self._complaint()}")
        self._wall_s = time.monotonic() - self._started
        for name in self._reading:
            self._drain(name)
            self._forget(self._reading[name])
        if self._control is not None:
            self._forget(self._control)
        limits = self.job.limits
        self._files = folder.read_files(self._folder, self.job.collect, limits.file_bytes, self._plan.uid)
        self.ended = True

    def _reap(self) -> None:
        """Wait for the launcher, and for its whole namespace where it has one."""
        process, deadline = self._process, time.monotonic() + _KILL_S
        while process is not None and process.returncode is None:
            _await_end(process.pid, _KILL_S)
            try:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            except ChildProcessError:  # somebody in this process reaps all children; so the launcher's word has to do
                process.returncode = 0
                break
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                self._usage_s = usage.ru_utime + usage.ru_stime
            elif time.monotonic() > deadline:
                os.kill(process.pid, signal.SIGKILL)
                raise SandboxError("a launcher cannot be killed: the kernel does not take its processes away")
        if self._pidfd >= 0:
            if not _readable(self._pidfd, _KILL_S):
                raise SandboxError("a namespace cannot be killed: the kernel does not take its processes away")
            with contextlib.suppress(ChildProcessError):  # an orphan, if bwrap was killed; as process 1 it falls to us
                os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)

    def _kill(self) -> None:
        """Without asking the launcher."""
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            else:
                self._signal_launcher(signal.SIGKILL)

    def _signal_launcher(self, number: int) -> None:
        """Not by `Popen`, which would reap it, and forget what it used. Never to bwrap: its child would stay behind."""
        if self._process is not None and self._process.returncode is None and not self._plan.first:
            os.kill(self._process.pid, number)

    def _complaint(self) -> str:
        """What the launcher, or what is around it, wrote before it failed."""
        os.set_blocking(self._errors, False)
        with contextlib.suppress(OSError):
            text = os.read(self._errors, _CHUNK).decode("utf-8", "replace").strip()
            return f": {text[-2000:]}" if text else ""
        return ""

    # --- Descriptors ------------------------------------------------------------------------------------------------

    def _keep(self, fd: int) -> int:
        """Remember to close it."""
        fd = above_stdio(fd)
        self._open.add(fd)
        return fd

    def _pipe(self) -> tuple[int, int]:
        read, write = os.pipe()
        return self._keep(read), self._keep(write)

    def _drop(self, fd: int) -> None:
        self._open.discard(fd)
        os.close(fd)

    def _forget(self, source: int | socket.socket) -> None:
        if self._selector is not None and source in self._selector.get_map():
            self._selector.unregister(source)


def _await_end(pid: int, seconds: float) -> None:
    """Wait for the end of a child, for this long at most, without reaping it."""
    try:
        fd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    except OSError:
        fd = -1
    if fd < 0:
        time.sleep(_PAUSE_S)
        return
    try:
        _readable(fd, seconds)
    finally:
        os.close(fd)


def _readable(fd: int, seconds: float) -> bool:
    """Whether a descriptor can be read in time; that of a process can when it is dead."""
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        return bool(selector.select(seconds))
