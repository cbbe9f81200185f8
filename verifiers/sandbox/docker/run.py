"""One run: the caller's side of the talk with the agents of one container or two, and what became of each program.

All limits that need a clock or a count are kept here. The agent is asked to end its program; where it does not say in
time that it has, the engine kills the container.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import struct
import time
from collections.abc import Sequence
from typing import Any

from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.docker import agent
from rlvr_gym.verifiers.sandbox.docker.api import Engine
from rlvr_gym.verifiers.sandbox.docker.container import Container
from rlvr_gym.verifiers.sandbox.docker.wire import HungUpError
from rlvr_gym.verifiers.sandbox.spec import Isolation, RunResult, SandboxError

_START_S = 60.0  # for the files to arrive and the program to start
_GRACE_S = 2.0  # for the agent to end a program and say so
_SETTLE_S = 2.0  # for the engine to notice that a container has stopped
_KILL_S = 10.0
_LONGEST_WAIT_S = 600.0
_WINDOW = 1 << 18  # bytes of stdin on their way to the program


class Talk:
    """One program in one container.

    Args:
        engine: To ask and to kill where the agent is silent.
        container: Where it runs.
        job: What to run.
        cpus: Processors that the container may use.
        guarded: Whether the engine limits memory; where it does not, the kernel limits the data of each process.
    """

    def __init__(self, engine: Engine, container: Container, job: Job, *, cpus: float, guarded: bool) -> None:
        self.engine, self.container, self.job, self.wire = engine, container, job, container.wire
        self.peer: Talk | None = None
        self.out = {agent.OUT: bytearray(), agent.ERR: bytearray()}
        self.files: dict[str, bytearray] = {}
        self.limit: str | None = None
        self.report: dict[str, Any] = {}
        self.done = self._killing = False
        self._input, self._sent, self._taken = memoryview(job.stdin), 0, 0
        self._began = time.monotonic()
        self._deadline = self._began + _START_S
        self._running, self._wall_s = False, 0.0
        self._cpus, self._guarded = cpus, guarded

    def begin(self) -> None:
        """Send the job."""
        limits, job = self.job.limits, self.job
        head = {
            "command": job.command,
            "files": [[path, len(content)] for path, content in job.files.items()],
            "collect": job.collect,
            "piped": self.peer is not None,
            "credit": _WINDOW if self.peer is not None else limits.output_bytes + 1,
            "cpus": self._cpus or os.cpu_count() or 1,
            "data_bytes": 0 if self._guarded else limits.memory_bytes,
        }
        for name in ("cpu_s", "output_bytes", "file_bytes", "open_files"):
            head[name] = getattr(limits, name)
        self.wire.put(agent.JOB, json.dumps(head).encode())
        for content in job.files.values():
            self.wire.put_bytes(content)
        if self.peer is None:
            self._send_input()

    def rest_s(self) -> float:
        """Seconds until `tick` has something to do."""
        return min(_LONGEST_WAIT_S, max(0.0, self._deadline - time.monotonic()))

    def tick(self) -> None:
        """Keep the wall clock's limit.

        Raises:
            SandboxError: The program could not be started, or not be killed.
        """
        if self.done or time.monotonic() < self._deadline:
            return
        if self.report or not self._running:
            raise SandboxError(
                f"the agent of a container did not {'send the files' if self.report else 'start the program'} within "
                f"{_START_S:g} s: is the machine overloaded, or the engine stopped?"
            )
        if self._killing:
            self._kill_container()
        else:
            self.end("wall")

    def end(self, limit: str) -> None:
        """Have the program ended because of a limit."""
        self.limit = self.limit or limit
        if not self._killing and not self.report:
            self._killing = True
            self._deadline = time.monotonic() + _GRACE_S
            self.wire.put(agent.KILL)

    def exchange(self, events: int) -> None:
        """Receive and send what can be.

        Raises:
            SandboxError: The container or the engine is gone.
        """
        try:
            if events & selectors.EVENT_READ:
                for kind, content in self.wire.receive():
                    self._handle(kind, content)
            if events & selectors.EVENT_WRITE:
                self.wire.flush()
        except HungUpError as error:
            if not self.done:
                self._find_out(str(error))

    def result(self, isolation: Isolation) -> RunResult:
        """What became of the program."""
        status = self.report.get("status", int(signal.SIGKILL))
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        stderr = bytes(self.out[agent.ERR])
        code = None if number is not None else os.WEXITSTATUS(status)
        return RunResult(
            exit_code=code,
            signal=number,
            stdout=bytes(self.out[agent.OUT]),
            stderr=stderr,
            limit=self.limit or self._limit_by_report(code, number, stderr),
            cpu_s=self.report.get("cpu_s", 0.0),
            wall_s=self.report.get("wall_s", self._wall_s),
            peak_memory_bytes=self.report.get("peak", 0),
            isolation=isolation,
            files={path: bytes(content) for path, content in self.files.items()},
        )

    def _limit_by_report(self, code: int | None, number: int | None, stderr: bytes) -> str | None:
        report = self.report
        if report.get("limit") == "cpu" or number == signal.SIGXCPU or report.get("cpu_s", 0) > self.job.limits.cpu_s:
            return "cpu"
        if number == signal.SIGXFSZ:
            return "file"
        last_line = stderr.rstrip().rpartition(b"\n")[2]
        if (code != 0 and report.get("oom")) or (code == 1 and last_line.startswith(b"MemoryError")):
            return "memory"
        return "processes" if code != 0 and report.get("forks") else None

    def _handle(self, kind: bytes, content: bytes) -> None:
        if kind == agent.OUT or kind == agent.ERR:
            self._keep(kind, content)
        elif kind == agent.TAKEN:
            self._taken += int(content)
            if self.peer is not None:
                self.peer.wire.put(agent.GRANT, content)
            else:
                self._send_input()
        elif kind == agent.OUT_END and self.peer is not None:
            self.peer.wire.put(agent.INPUT_END)
        elif kind == agent.INPUT_GONE:
            self._input = memoryview(b"")
            if self.peer is not None:
                self.peer.wire.put(agent.HANG_UP)
        elif kind == agent.STARTED:
            self._running, self._began = True, time.monotonic()
            self._deadline = self._began + self.job.limits.wall_s
        elif kind == agent.FILE:
            self._keep_file(content)
        elif kind == agent.REFUSED:
            self._refused(json.loads(content))
        elif kind == agent.REPORT:
            self.report = json.loads(content)
            self._deadline = time.monotonic() + _START_S
        elif kind == agent.DONE:
            self._finish()

    def _keep(self, kind: bytes, content: bytes) -> None:
        if kind == agent.OUT and self.peer is not None:
            self.peer.wire.put(agent.INPUT, content)
            return
        kept, most = self.out[kind], self.job.limits.output_bytes
        kept += content[: most - len(kept) + 1]
        if len(kept) > most:
            del kept[most:]
            self.end("output")

    def _keep_file(self, content: bytes) -> None:
        index = struct.unpack_from(">I", content)[0]
        kept = self.files.setdefault(self.job.collect[index], bytearray())
        kept += content[4:]
        if len(kept) > self.job.limits.file_bytes:
            raise SandboxError("the agent of a container sends more of a file than was asked for")

    def _send_input(self) -> None:
        while len(self._input) and self._sent - self._taken < _WINDOW:
            part, self._input = self._input[: agent.CHUNK], self._input[agent.CHUNK :]
            self.wire.put(agent.INPUT, bytes(part))
            self._sent += len(part)
            if not len(self._input):
                self.wire.put(agent.INPUT_END)
        if not self._sent and not len(self._input):
            self.wire.put(agent.INPUT_END)

    def _finish(self) -> None:
        self.done, self._wall_s = True, time.monotonic() - self._began
        if self.peer is not None and not self.peer.done:
            self.peer.wire.put(agent.INPUT_END)
            self.peer.wire.put(agent.HANG_UP)

    def _refused(self, told: dict[str, Any]) -> None:
        """The program was not started: for want of a tool or of space, or because it is no program."""
        command = self.job.command[0]
        if told["number"] is not None and "/" in command:
            self.out[agent.ERR] += f"{command}: {told['reason']}\n".encode()
            self.report = {"status": (127 if told["number"] == 2 else 126) << 8}
            self._finish()
            return
        raise SandboxError(
            f"a container could not start {command!r} ({told['reason']}): the image must have the tools of language "
            f"{self.job.language.name!r}, and disk_bytes must hold the files of the job"
        )

    def _kill_container(self) -> None:
        """The agent did not end the program in time, so the engine does."""
        answer = self.engine.call("POST", f"/containers/{self.container.name}/kill", timeout_s=_KILL_S)
        if not answer.ok:
            raise SandboxError(f"a container that ran over its limit could not be killed: {answer.message}")
        self.report = {"cpu_s": min(self.job.limits.cpu_s, time.monotonic() - self._began)}
        self._finish()

    def _find_out(self, why: str) -> None:
        """The agent is gone without a report: only the kernel, the engine or a stranger can do that."""
        until = time.monotonic() + _SETTLE_S
        while True:
            found = self.engine.inspect(self.container.name)
            state = (found or {}).get("State", {"Status": "removing"})
            if state.get("Status") in ("removing", "dead"):
                raise SandboxError("a container was removed while its program ran: who else uses this engine?")
            if state.get("OOMKilled"):
                self.limit = self.limit or "memory"
                self.report = {"peak": self.job.limits.memory_bytes}
                self._finish()
                return
            if not state.get("Running") or time.monotonic() > until:
                break
            time.sleep(0.05)
        complaint = self.wire.complaint.decode("utf-8", "replace").strip() or why
        raise SandboxError(
            f"a container was stopped from outside while its program ran (status {state.get('Status')!r}, exit code "
            f"{state.get('ExitCode')}): {complaint}"
        )


def converse(talks: Sequence[Talk]) -> None:
    """Run the programs to their ends.

    Raises:
        SandboxError: A container or the engine failed.
    """
    with selectors.DefaultSelector() as selector:
        for talk in talks:
            talk.begin()
            selector.register(talk.wire.connection, selectors.EVENT_READ | selectors.EVENT_WRITE, talk)
        while any(not talk.done for talk in talks):
            for key, events in selector.select(min(talk.rest_s() for talk in talks if not talk.done)):
                key.data.exchange(events)
            for talk in talks:
                talk.tick()
                write = selectors.EVENT_WRITE if talk.wire.sending else 0
                if talk.done and talk.wire.connection in selector.get_map():
                    selector.unregister(talk.wire.connection)
                elif not talk.done:
                    selector.modify(talk.wire.connection, selectors.EVENT_READ | write, talk)
