"""How a program ended, as its launcher tells it and as it shows in the end itself."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from rlvr_gym.verifiers.sandbox.base import Job
from rlvr_gym.verifiers.sandbox.spec import RunResult, limit_told


@dataclass(frozen=True)
class Report:
    """What a launcher tells at the end. As it is by default where the program was killed together with its launcher.

    Args:
        code: Exit status, or minus the number of the signal.
        limit: The limit for which it ended the program.
        cpu_s: Processor seconds of the whole tree.
        wall_s: Seconds from start to end.
        peak_memory_bytes: Largest resident size that it saw.
    """

    code: int = -9
    limit: str | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0

    @classmethod
    def read(cls, line: str) -> Report:
        """The inverse of what the launcher writes.

        Raises:
            ValueError: It is no report.

        Example:
            >>> Report.read("9 cpu 1.5 1.6 8192").code
            -9
        """
        status, limit, cpu_s, wall_s, peak = line.split()
        code = os.waitstatus_to_exitcode(int(status))
        return cls(code, None if limit == "-" else limit, float(cpu_s), float(wall_s), int(peak))


def limit_seen(job: Job, result: RunResult) -> str | None:
    """The limit that shows in how a program ended, where nobody had to end it."""
    if result.signal == signal.SIGXCPU or (result.signal == signal.SIGKILL and result.cpu_s >= job.limits.cpu_s):
        return "cpu"
    if result.signal == signal.SIGXFSZ:
        return "file"
    return limit_told(result.stderr) if result.exit_code == 1 and job.language.name == "python" else None
