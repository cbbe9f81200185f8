"""Programs as processes with what every system has, Windows among them: a deadline, caps on output, and little else."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import IO

from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.local.plan import environment, interpreter
from rlvr_gym.verifiers.sandbox.spec import Isolation, RunResult, SandboxError

_TICK_S = 0.01
_SYSTEM = ("COMSPEC", "PATH", "PATHEXT", "SYSTEMROOT")  # without these, little starts on Windows


def run(job: Job, isolation: Isolation) -> RunResult:
    """Run a job, and its peer at the same time.

    Raises:
        SandboxError: A program could not be started.
    """
    jobs = [job] if job.peer is None else [job, job.peer]
    with contextlib.ExitStack() as stack:
        try:
            programs = [Program(each, stack) for each in jobs]
            _start(programs)
            while [program for program in programs if not program.ended()]:  # asks every one, each time
                time.sleep(_TICK_S)
        except OSError as error:
            raise SandboxError(f"a program cannot be run on this machine: {error}") from error
        results = [program.result(isolation) for program in programs]
    return results[0] if len(results) == 1 else replace(results[0], peer=results[1])


def _start(programs: list[Program]) -> None:
    """Start one program with its own stdin, or two whose streams are crossed."""
    if len(programs) == 1:
        programs[0].start(programs[0].stdin.fileno(), programs[0].stdout.fileno())
        return
    pipes = [os.pipe(), os.pipe()]
    try:
        programs[0].start(pipes[1][0], pipes[0][1])
        programs[1].start(pipes[0][0], pipes[1][1])
    finally:
        for fd in (*pipes[0], *pipes[1]):
            os.close(fd)


class Program:
    """One program. Its streams are files, so that nothing has to be fed or drained.

    Args:
        job: What to run.
        stack: Closes and removes everything in the end.
    """

    def __init__(self, job: Job, stack: contextlib.ExitStack) -> None:
        self.job = job
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        files = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115 - closed by the stack
        self.stdin, self.stdout, self.stderr = (stack.enter_context(file) for file in files)
        self.limit: str | None = None
        self._wall_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        stack.callback(self.kill)
        self.stdin.write(job.stdin)
        self.stdin.seek(0)
        for path, content in job.files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            place.chmod(0o700)

    def start(self, stdin: int, stdout: int) -> None:
        """Start it, reading and writing these descriptors."""
        first, *rest = self.job.command
        first = interpreter() if first == "python3" else str(self.folder / first) if first.startswith("./") else first
        system = {name: os.environ[name] for name in _SYSTEM if name in os.environ}
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            [first, *rest],
            stdin=stdin,
            stdout=stdout,
            stderr=self.stderr,
            cwd=self.folder,
            env={**environment(str(self.folder), ""), **system},
        )

    def ended(self) -> bool:
        """Whether it has; one over a limit is killed."""
        over = [os.fstat(file.fileno()).st_size > self.job.limits.output_bytes for file in (self.stdout, self.stderr)]
        if self._process is not None and self._process.poll() is None:
            if any(over) or time.monotonic() - self._started > self.job.limits.wall_s:
                self.limit = "output" if any(over) else "wall"
                self.kill()
            return False
        self._wall_s = self._wall_s or time.monotonic() - self._started
        self.limit = self.limit or ("output" if any(over) else None)
        return True

    def kill(self) -> None:
        """End it, and on Windows what it started."""
        if self._process is None or self._process.poll() is not None:
            return
        if os.name == "nt":
            words = ["taskkill", "/F", "/T", "/PID", str(self._process.pid)]
            subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self._process.kill()
        self._process.wait()

    def result(self, isolation: Isolation) -> RunResult:
        """How it ended; what it used is not known."""
        code = self._process.returncode if self._process is not None else 0
        return RunResult(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            stdout=self._kept(self.stdout),
            stderr=self._kept(self.stderr),
            limit=self.limit,
            cpu_s=0.0,
            wall_s=self._wall_s,
            peak_memory_bytes=0,
            isolation=isolation,
            files={path: content for path in self.job.collect if (content := self._collected(path)) is not None},
        )

    def _kept(self, file: IO[bytes]) -> bytes:
        file.seek(0)
        return file.read(self.job.limits.output_bytes)

    def _collected(self, path: str) -> bytes | None:
        place = self.folder / path
        most = self.job.limits.file_bytes
        if place.resolve() != self.folder.resolve() / path or not place.is_file() or place.stat().st_size > most:
            return None
        return place.read_bytes()
