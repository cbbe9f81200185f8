"""The first process of a container: it waits for one job on stdin, runs it, and tells on stdout how it ended.

It reaches the container as text (`python3 -I -S -c`) and needs nothing but Python 3.9 with ctypes. Being process 1 it
cannot be killed or stopped by what it starts, it reaps what is orphaned, and its end ends everything. It gives up being
dumpable, so that programs of the same user can neither trace it nor open its descriptors. Limits on files, descriptors
and the processor time of one process are set here and kept by the kernel; that on the processor time of all is kept
here; those on memory, processes, disk and processors are kept by the engine, those on time and output by the caller.

Both ways go frames: one byte of kind, four of length, the content.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import resource
import select
import signal
import stat
import struct
import sys
import time
from typing import Any, NoReturn

HEAD = struct.Struct(">cI")
CHUNK = 1 << 16
JOB, INPUT, INPUT_END, GRANT, HANG_UP, KILL = (b"J", b"I", b"Z", b"G", b"H", b"K")  # to the agent
READY, STARTED, REFUSED, REPORT, DONE = (b"R", b"S", b"N", b"X", b"D")  # from the agent
OUT, OUT_END, ERR, TAKEN, INPUT_GONE, FILE = (b"O", b"o", b"E", b"A", b"P", b"F")

_PR_SET_DUMPABLE = 4
_OOM_FIRST = b"1000"  # the kernel, out of memory, is to take what the program started and not this process
_CGROUP = "/sys/fs/cgroup"
_SHORTEST_CHECK_S, _LONGEST_CHECK_S = 0.01, 600.0


def send(kind: bytes, content: bytes = b"") -> None:
    """Write one frame to the caller."""
    data = memoryview(HEAD.pack(kind, len(content)) + content)
    while data:
        data = data[os.write(1, data) :]


class Inbox:
    """What the caller sends. When the caller is gone, so is this process, and with it the container."""

    def __init__(self) -> None:
        self._held = bytearray()

    def fill(self) -> None:
        """Read what is there, waiting for at least one byte."""
        data = os.read(0, CHUNK)
        if not data:
            os._exit(0)
        self._held += data

    def frame(self) -> tuple[bytes, bytes] | None:
        """The next frame, if it is here as a whole."""
        if len(self._held) < HEAD.size:
            return None
        kind, length = HEAD.unpack_from(self._held)
        if len(self._held) < HEAD.size + length:
            return None
        content = bytes(self._held[HEAD.size : HEAD.size + length])
        del self._held[: HEAD.size + length]
        return kind, content

    def first(self) -> bytes:
        """The content of the first frame."""
        while (frame := self.frame()) is None:
            self.fill()
        return frame[1]

    def copy(self, length: int, target: int) -> None:
        """Write the next bytes, which are in no frame, to a file."""
        while length:
            if not self._held:
                self.fill()
            with memoryview(self._held) as held:
                count = os.write(target, held[:length])
            del self._held[:count]
            length -= count


def cpu_used_s() -> float | None:
    """Processor seconds of the whole container, less those of this process; None where no control group tells."""
    microseconds = _count("cpu.stat", "usage_usec ")
    nanoseconds = _count("cpuacct/cpuacct.usage") if microseconds is None else microseconds * 1000
    own = resource.getrusage(resource.RUSAGE_SELF)
    return None if nanoseconds is None else nanoseconds / 1e9 - own.ru_utime - own.ru_stime


def out_of_memory() -> int:
    """How many processes were killed because memory was used up."""
    return _count("memory.events", "oom_kill ") or _count("memory/memory.oom_control", "oom_kill ") or 0


def refused_forks() -> int:
    """How many processes and threads were refused."""
    return _count("pids.events", "max ") or _count("pids/pids.events", "max ") or 0


def _count(path: str, name: str = "") -> int | None:
    """A figure of the container's control group, in the second version of control groups or the first."""
    try:
        with open(f"{_CGROUP}/{path}", encoding="ascii") as file:
            values = [line[len(name) :].strip() for line in file if line.startswith(name)]
    except OSError:
        return None
    return int(values[0]) if values and values[0].isdigit() else None


class Program:
    """The program: its streams, its end, and all that it started.

    Args:
        job: What the caller asked for.
        inbox: Where more from the caller comes in.
        oom: Descriptor of this process's oom_score_adj.
    """

    def __init__(self, job: dict[str, Any], inbox: Inbox, oom: int) -> None:
        self.job, self.inbox, self.oom = job, inbox, oom
        self.pending = bytearray()
        self.input_ends = False
        self.streams: dict[int, bytes] = {}
        self.credit = {OUT: job["credit"], ERR: job["output_bytes"] + 1}
        self.main = 0
        self.status: int | None = None
        self.limit: str | None = None
        self.wake = _wake_on_children()
        self.begun = cpu_used_s()
        self.started = self.next_check = 0.0

    def prepare(self) -> None:
        """Write the files of the working directory."""
        for path, length in self.job["files"]:
            if "/" in path:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
            self.inbox.copy(length, target)
            os.close(target)

    def start(self) -> str:
        """Start it; returns why it could not be started, or nothing."""
        (theirs_in, self.stdin), (stdout, theirs_out), (stderr, theirs_err) = os.pipe(), os.pipe(), os.pipe()
        failure, theirs_failure = os.pipe()
        os.write(self.oom, _OOM_FIRST)
        self.started = time.monotonic()
        self.main = os.fork()
        if self.main == 0:
            self._become([theirs_in, theirs_out, theirs_err], theirs_failure)
        os.write(self.oom, b"0")
        for fd in (theirs_in, theirs_out, theirs_err, theirs_failure):
            os.close(fd)
        for fd in (self.stdin, stdout, stderr):
            os.set_blocking(fd, False)
        self.streams = {stdout: OUT, stderr: ERR}
        reason = os.read(failure, CHUNK).decode()
        os.close(failure)
        self.next_check = self.started + min(_LONGEST_CHECK_S, self.job["cpu_s"] / self.job["cpus"])
        return reason

    def serve(self) -> None:
        """Until it has ended and all it wrote is on its way."""
        self._obey_all()
        while self.status is None or self.streams:
            for fd, events in self._wait():
                self._handle(fd, events)
            self._reap()
            self._check_cpu()
            if self.status is not None:
                self._empty_pipes()

    def _empty_pipes(self) -> None:
        """Nobody is left who could write: what is not in the pipes by now will never be."""
        for fd, kind in list(self.streams.items()):
            while fd in self.streams and self.credit[kind] > 0:
                self._drain(fd)
            if fd in self.streams and (kind == ERR or not self.job["piped"]):
                self._close_stream(fd)  # the caller has had enough of it

    def _report(self) -> None:
        """Tell how it ended; what it wrote last may still be on its way."""
        used, usage = cpu_used_s(), resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s, wall_s = usage.ru_utime + usage.ru_stime, time.monotonic() - self.started
        if used is not None and self.begun is not None:
            cpu_s = max(0.0, used - self.begun)
        told: dict[str, Any] = {"status": self.status, "limit": self.limit, "cpu_s": cpu_s, "wall_s": wall_s}
        told.update(oom=out_of_memory(), forks=refused_forks(), peak=usage.ru_maxrss * 1024)
        send(REPORT, json.dumps(told).encode())

    def collect(self) -> None:
        """Send the files asked for, now that nothing runs that could change them."""
        for index, path in enumerate(self.job["collect"]):
            source, number = _open_beneath(path, self.job["file_bytes"]), struct.pack(">I", index)
            if source >= 0:
                send(FILE, number)
                while chunk := os.read(source, CHUNK):
                    send(FILE, number + chunk)
                os.close(source)

    def _become(self, stdio: list[int], failure: int) -> NoReturn:
        """In the child: take the streams and limits, and turn into the program."""
        try:
            os.setsid()
            for number, fd in enumerate(stdio):
                os.dup2(fd, number)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            self._limit()
            command = self.job["command"]
            os.execvp(command[0], command)
        except (OSError, ValueError) as error:
            told = {"number": getattr(error, "errno", None), "reason": str(error)}
            os.write(failure, json.dumps(told).encode())
        os._exit(127)

    def _limit(self) -> None:
        whole = math.ceil(self.job["cpu_s"]) + 1  # a back-stop: the finer limit is this process's to see
        wanted = {"CPU": whole, "FSIZE": self.job["file_bytes"], "NOFILE": self.job["open_files"], "CORE": 0}
        if self.job["data_bytes"]:
            wanted["DATA"] = self.job["data_bytes"]
        for name, value in wanted.items():
            number = getattr(resource, f"RLIMIT_{name}")
            most = resource.getrlimit(number)[1]
            hard = value + (name == "CPU")
            if most != resource.RLIM_INFINITY:
                value, hard = min(value, most), min(hard, most)
            resource.setrlimit(number, (value, hard))

    def _wait(self) -> list[tuple[int, int]]:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        if self.stdin >= 0:
            poll.register(self.stdin, select.POLLOUT if self.pending else 0)  # 0: only whether the reader is gone
        for fd, kind in self.streams.items():
            if self.credit[kind] > 0:
                poll.register(fd, select.POLLIN)
        return poll.poll(math.ceil(max(0.0, self.next_check - time.monotonic()) * 1000))

    def _handle(self, fd: int, events: int) -> None:
        if fd == 0:
            self.inbox.fill()
            self._obey_all()
        elif fd == self.wake:
            os.read(fd, CHUNK)
        elif fd == self.stdin:
            self._feed(gone=bool(events & select.POLLERR))
        elif fd in self.streams:
            self._drain(fd)

    def _obey_all(self) -> None:
        while (frame := self.inbox.frame()) is not None:
            self._obey(*frame)

    def _obey(self, kind: bytes, content: bytes) -> None:
        if kind == INPUT and self.stdin >= 0:
            self.pending += content
        elif kind == INPUT_END:
            self.input_ends = True
            if not self.pending:
                self._close_stdin()
        elif kind == GRANT:
            self.credit[OUT] += int(content)
        elif kind == HANG_UP:
            for fd in [fd for fd, name in self.streams.items() if name == OUT]:
                self._close_stream(fd)
        elif kind == KILL:
            self._end_all()

    def _feed(self, gone: bool) -> None:
        try:
            count = 0 if gone else os.write(self.stdin, self.pending[:CHUNK])
        except BlockingIOError:
            return
        except BrokenPipeError:
            gone = True
        if gone:
            self.pending.clear()
            self._close_stdin()
            send(INPUT_GONE)
            return
        del self.pending[:count]
        send(TAKEN, b"%d" % count)
        if self.input_ends and not self.pending:
            self._close_stdin()

    def _close_stdin(self) -> None:
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def _drain(self, fd: int) -> None:
        kind = self.streams[fd]
        try:
            data = os.read(fd, min(CHUNK, self.credit[kind]))
        except BlockingIOError:
            if self.status is None:
                return
            data = b""
        self.credit[kind] -= len(data)
        send(kind, data) if data else self._close_stream(fd)

    def _close_stream(self, fd: int) -> None:
        os.close(fd)
        if self.streams.pop(fd) == OUT:
            send(OUT_END)

    def _reap(self) -> None:
        while self.status is None and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == self.main:
                self._end_all(ended[1])

    def _check_cpu(self) -> None:
        if time.monotonic() < self.next_check:
            return
        left: float = self.job["cpu_s"] - (0.0 if self.begun is None else (cpu_used_s() or 0.0) - self.begun)
        if left < 0 and self.status is None:
            self.limit = "cpu"
            self._end_all()
        self.next_check = time.monotonic() + min(_LONGEST_CHECK_S, max(_SHORTEST_CHECK_S, left / self.job["cpus"]))

    def _end_all(self, status: int | None = None) -> None:
        """Kill and reap everything but this process, and report; does nothing a second time."""
        while self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            try:
                pid, ended = os.waitpid(-1, 0)
            except ChildProcessError:
                self.status = status
                return self._report()
            if pid == self.main:
                status = ended


def _wake_on_children() -> int:
    """A descriptor that can be read when a child has ended."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return read


def _open_beneath(path: str, limit: int) -> int:
    """Open a regular file below the working directory that is reached through no link; -1 where there is none."""
    opened = [os.open(".", os.O_RDONLY | os.O_DIRECTORY)]
    *folders, name = path.split("/")
    try:
        for folder in folders:
            opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1])
    except OSError:
        return -1
    finally:
        for fd in opened:
            os.close(fd)
    seen = os.fstat(found)
    if stat.S_ISREG(seen.st_mode) and seen.st_size <= limit:
        return found
    os.close(found)
    return -1


def main() -> None:
    """Wait for the job, run it, and wait to be removed."""
    if os.getpid() != 1:
        sys.exit("not the first process of a container: to end all others would end those of the machine")
    oom = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    if ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        sys.exit("this process cannot protect itself")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    send(READY)
    inbox = Inbox()
    program = Program(json.loads(inbox.first()), inbox, oom)
    try:
        program.prepare()
        reason = program.start()
    except OSError as error:
        reason = json.dumps({"number": None, "reason": f"{error.strerror}: {error.filename}"})
    if reason:
        send(REFUSED, reason.encode())
    else:
        send(STARTED)
        program.serve()
        program.collect()
        send(DONE)
    while True:
        inbox.fill()


if __name__ == "__main__":
    main()
