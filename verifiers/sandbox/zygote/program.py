"""A running program as the zygote sees it: a child, two streams that are kept in anonymous files, limits and an end."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

from . import child, kernel, wire
from .lockdown import Lockdown
from .slots import Slot

TICK_S = 0.02
_LOOK_SHARE, _LOOK_S = 0.1, 0.2  # a tree is looked at more rarely the longer it runs; it costs 0.1 ms each time
_CHUNK = 1 << 20


class Child:
    """A forked child that waits in its slot.

    Args:
        slot: The place.
        lockdown: Its layers.
        separate: It gets a process namespace.
        python: Whether its job will be a Python source.
    """

    def __init__(self, slot: Slot, lockdown: Lockdown, *, separate: bool, python: bool) -> None:
        self.slot = slot
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid, self.pidfd = kernel.fork(kernel.CLONE_NEWPID if separate else 0)
        if self.pid == 0:
            child.run(theirs, slot, lockdown, python=python)
        theirs.close()

    def close(self) -> None:
        """Forget a child that has been reaped."""
        self.control.close()
        os.close(self.pidfd)


class Stream:
    """One of a program's outputs, moved into an anonymous file up to a cap without being read.

    Args:
        pipe: Where it comes from; owned.
        cap: Bytes that are kept.
    """

    def __init__(self, pipe: int, cap: int) -> None:
        os.set_blocking(pipe, False)
        self.pipe, self.cap = pipe, cap
        self.file, self.size = -1, 0

    def drain(self) -> bool:
        """Move what is there.

        Returns:
            Whether there may be more later.
        """
        while self.size <= self.cap:
            if self.file < 0:
                self.file = os.memfd_create("", os.MFD_CLOEXEC)
            try:
                moved = os.splice(self.pipe, self.file, min(_CHUNK, self.cap + 1 - self.size))
            except BlockingIOError:
                return True
            if not moved:
                return False
            self.size += moved
        return False

    @property
    def over(self) -> bool:
        """More than the cap was written."""
        return self.size > self.cap

    def taken(self) -> int:
        """The file with what was kept, -1 where that is nothing; the stream is closed."""
        os.close(self.pipe)
        if self.file >= 0 and self.over:
            os.truncate(self.file, self.cap)
        if self.file >= 0 and not self.size:
            os.close(self.file)
            self.file = -1
        return self.file


class Job:
    """One request: a program, or two that are connected."""

    def __init__(self, channel: socket.socket, message: wire.Message) -> None:
        self.channel = channel
        self.heads: list[dict[str, Any]] = message.head["programs"]
        self.stdin: list[int] = [message.fds.pop()] if message.head["stdin"] else []
        self.payloads = message.fds
        self.programs: list[Program] = []

    @property
    def ended(self) -> bool:
        """Every program has an answer."""
        return len(self.programs) == len(self.heads) and all(program.answer for program in self.programs)


class Program:
    """One running program.

    Args:
        job: What it belongs to.
        index: Which of the job's programs.
        worker: The child that runs it.
        stdout: Read end of its stdout; -1 where a peer reads it.
        stderr: Read end of its stderr.
    """

    def __init__(self, job: Job, index: int, worker: Child, stdout: int, stderr: int) -> None:
        self.job, self.child = job, worker
        self.head = job.heads[index]
        self.limits: dict[str, Any] = self.head["limits"]
        cap = self.limits["output_bytes"]
        self.stdout = Stream(stdout, cap) if stdout >= 0 else None
        self.stderr = Stream(stderr, cap)
        self.started = time.monotonic()
        self.deadline = self.started + self.limits["wall_s"]
        self.next_look = self.started + TICK_S
        self.limit: str | None = None
        self.peak, self.cpu_s = 0, 0.0
        self.answer: dict[str, Any] | None = None
        self.files: list[int] = []

    @property
    def streams(self) -> list[Stream]:
        """The streams that are kept here."""
        return [self.stderr] if self.stdout is None else [self.stdout, self.stderr]

    def kill(self, limit: str | None) -> None:
        """End it and all that it started."""
        if self.answer is None:
            self.limit = self.limit or limit
            signal.pidfd_send_signal(self.child.pidfd, signal.SIGKILL)

    def drain(self, stream: Stream) -> bool:
        """Move what a stream holds; False when there is no more to come."""
        more = stream.drain()
        if stream.over:
            self.kill("output")
        return more

    def looked_at(self, now: float) -> None:
        """Plan the next look."""
        self.next_look = now + min(max(TICK_S, (now - self.started) * _LOOK_SHARE), _LOOK_S)

    def end(self, status: int, cpu_s: float, peak: int, *, separate: bool) -> dict[str, Any]:
        """What the end of the child says about the program.

        Args:
            status: As `wait` gave it.
            cpu_s: Processor seconds.
            peak: Largest resident size, in bytes.
            separate: Nothing within the sandbox could have killed it.
        """
        told = Told(self.child.control)
        if told.fault or not told.started:
            return {"fault": told.fault or f"the child ended before the program began (status {status})"}
        own = self.head["python"] or told.status is None
        if not own:
            status = told.status or 0
        cpu_s = max(self.cpu_s, cpu_s)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        limit = self.limit
        if limit is None and number in (signal.SIGXCPU, signal.SIGKILL) and cpu_s >= self.limits["cpu_s"] * 0.9:
            limit = "cpu"
        if limit is None and number == signal.SIGXFSZ:
            limit = "file"
        group = self.child.slot.group
        if limit is None and number == signal.SIGKILL and group is not None and group.was_out_of_memory():
            limit = "memory"
        if limit is None and number == signal.SIGKILL and separate and own:
            return {"fault": wire.KILLED}
        return {
            "exit": None if number is not None else os.WEXITSTATUS(status),
            "signal": number,
            "limit": limit,
            "cpu_s": round(cpu_s, 6),
            "wall_s": round(time.monotonic() - self.started, 6),
            "peak": max(self.peak, peak),
        }


class Told:
    """What a child has said through its control socket."""

    def __init__(self, control: socket.socket) -> None:
        self.started = False
        self.fault = ""
        self.status: int | None = None
        control.setblocking(False)
        while True:
            try:
                message = control.recv(4096)
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # it died with a message unread; what it said before comes next
            if not message:
                return
            if message[:1] == child.STARTED:
                self.started = True
            elif message[:1] == child.ENDED:
                self.status = int(message[1:])
            else:
                self.fault = message[1:].decode("utf-8", "replace")
