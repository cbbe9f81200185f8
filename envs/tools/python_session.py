"""A Python interpreter with a state that can be saved, forked and replayed: the list of the cells that were run.

Nothing lives between two calls. Each call runs, in a fresh sandbox, all earlier cells with their output hidden and then
the new one. So what a session is can be written down as text, and two sessions with the same cells are the same.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.tools.python_driver import DONE, RAISED, driver, without_addresses
from rlvr_gym.envs.tools.toolkit import Limits, Tool, ToolError, Toolkit, tool
from rlvr_gym.verifiers.code.pool import Pool, shared_pool
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.sandbox import Limits as RunLimits
from rlvr_gym.verifiers.sandbox import RunResult, RunSpec, SandboxError

LIMITS = RunLimits(cpu_s=2, wall_s=5, output_bytes=2**18)
MAX_CELLS = 20
MAX_SHOWN_CHARS = 3_000
PRELOADED = ("linecache", "random", "traceback", "zlib")
_TOLD = {
    "cpu": "timed out: the cells of a session together may take {cpu_s:g} s of processor time",
    "wall": "timed out: the cells of a session together may take {wall_s:g} s",
    "memory": "out of memory: a session may use {memory_bytes:,} bytes",
    "output": "too much output: a cell may show {output_bytes:,} bytes",
}
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class PythonSession(Toolkit):
    """A tool `python(code)`: names, imports and functions stay from call to call.

    The output is what is printed, the value of a last line that is an expression, and for an exception a short
    traceback. An exception leaves what was done before it, as in a notebook. A cell that ends the interpreter, runs
    into a limit or shows too much is undone, and the session goes on as if it had never been, but for the count of
    cells: so the time that a session can take is bounded by its limits and `max_cells`. Nobody has anything to wait
    for: `time.sleep` returns at once.

    **What can be replayed.** The hash seed, the `random` module and, where a cell names it, `numpy.random` are the same
    in every run. Clocks, `os.urandom`, the order of threads and `id` are not (addresses in what is shown are left out):
    a cell that shows something else when it is run again is named in the output of the call that found it. An earlier
    cell that now ends the interpreter loses the session, which begins anew.

    Args:
        seed: Of the random numbers.
        max_cells: How many cells a session may run, those that are undone included.
        max_code_chars: Longest code of one call.
        sandbox: Name of the sandbox that runs it; see `rlvr_gym.verifiers.sandbox`.
        sandbox_config: Its settings.
        min_isolation: The level of isolation below which nothing is run.
        run_limits: What all cells of a session together may use, over `LIMITS`; see `verifiers.sandbox.Limits`.
        limits: See `Tool`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> session = PythonSession()
        >>> session.python("x = 6"), session.python("x * 7"), session.python("print('bye')")
        ('(no output)', '42', 'bye')
        >>> session.public_state()
        ['x = 6', 'x * 7', "print('bye')"]
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        max_cells: int = MAX_CELLS,
        max_code_chars: int = 20_000,
        sandbox: str = "forkserver",
        sandbox_config: Mapping[str, Any] | None = None,
        min_isolation: str = "confined",
        run_limits: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._seed = check_int("seed", seed, 0, None)
        self._max_cells = check_int("max_cells", max_cells, 1, None)
        self._max_chars = check_int("max_code_chars", max_code_chars, 1, None)
        self._sandbox = sandbox
        self._config = {"min_isolation": min_isolation, **(sandbox_config or {})}
        if sandbox == "forkserver":
            self._config["preload"] = sorted({*PRELOADED, *self._config.get("preload", ())})
        self._run_limits = RunLimits.from_dict({**LIMITS.to_dict(), **(run_limits or {})})
        self._limits = limits
        self._cells: list[list[str]] = []  # code, and a checksum of what it has shown
        self._calls = 0  # cells that were run, those that are undone included
        self._pool()

    def tools(self) -> list[Tool]:
        """See `Toolkit.tools`."""
        found = super().tools()
        return [replace(one, limits=self._limits) for one in found] if self._limits else found

    @tool()
    def python(self, code: str) -> str:
        """Run Python code in a session that keeps its names; gives what is printed and the value of a last expression.

        Args:
            code: The code.
        """
        if len(code) > self._max_chars:
            raise ToolError(f"code may have {self._max_chars:,} characters, this has {len(code):,}")
        if self._calls >= self._max_cells:
            raise ToolError(f"a session may run {self._max_cells} cells, and has")
        result = self._run([cell for cell, _ in self._cells] + [code])
        self._calls += 1
        output = without_addresses(result.stdout)
        lines = _lines(result.stderr, len(self._cells) + 1)
        said = [_shown(output)]
        if changed := self._changed(lines):
            said.append(f"[note: each call runs the earlier cells again, and cell {changed} has shown something else]")
        ended = lines[-1] if len(lines) > len(self._cells) else ""
        whole = ended in (DONE, RAISED) and result.limit is None
        if whole:
            self._cells.append([code, _checksum(output)])
        else:
            said.append(f"[{self._end(result, len(lines))}]")
        text = "\n".join(filter(None, said)) or "(no output)"
        if whole and ended == DONE:
            return text
        raise ToolError(text)

    def get_state(self) -> Any:
        """The cells, each with a checksum of what it has shown, and how many were run."""
        return {"cells": [list(cell) for cell in self._cells], "calls": self._calls}

    def set_state(self, state: Any) -> None:
        """See `Toolkit.set_state`."""
        if not isinstance(state, Mapping) or state.keys() != {"cells", "calls"}:
            raise SnapshotError(f"expected the cells and calls of a session, got {shown(state)}")
        cells, calls = state["cells"], state["calls"]
        if not isinstance(cells, list) or not all(_is_cell(cell) for cell in cells):
            raise SnapshotError(f"expected a list of cells, got {shown(cells)}")
        if type(calls) is not int or calls < len(cells):
            raise SnapshotError(f"calls must be a whole number of at least the cells, got {shown(calls)}")
        self._cells, self._calls = [list(cell) for cell in cells], calls

    def public_state(self) -> Any:
        """The code of the cells."""
        return [cell for cell, _ in self._cells]

    def _pool(self) -> Pool:
        return shared_pool(self._sandbox, self._config)

    def _run(self, cells: list[str]) -> RunResult:
        stdin = json.dumps({"seed": self._seed, "cells": cells})
        [result] = self._pool().run_all([RunSpec(driver(), stdin=stdin, limits=self._run_limits)])
        if isinstance(result, SandboxError):
            raise result
        return result

    def _changed(self, lines: list[str]) -> int:
        """The number of the first cell that has shown something else than before; 0 where none has."""
        both = zip(self._cells, lines, strict=False)
        return next((number for number, (cell, line) in enumerate(both, start=1) if line != cell[1]), 0)

    def _end(self, result: RunResult, told: int) -> str:
        """Why there was no end of the last cell; forgets a session that cannot be replayed."""
        if result.limit is not None:
            why = _TOLD.get(result.limit, f"ran into the limit on {result.limit}").format(**self._run_limits.to_dict())
        elif result.signal is not None:
            why = f"the interpreter was ended by signal {result.signal}"
        else:
            why = f"the interpreter was ended with exit status {result.exit_code}"
        if result.limit is None and told < len(self._cells):
            self._cells = []
            return f"{why} when cell {told + 1} was run again: all is lost, the session begins anew"
        return f"{why}; this cell is undone"


def _lines(report: bytes, cells: int) -> list[str]:
    """What the driver has said of each cell, or what a cell has made of it: at most one line a cell."""
    return report[-100 * cells :].decode("ascii", "replace").splitlines()[-cells:]


def _shown(output: bytes) -> str:
    """The output as text, its middle left out where it is long: what matters stands at its ends."""
    text = output.decode("utf-8", "replace").translate(_CONTROLS).rstrip("\n")
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    head, tail = MAX_SHOWN_CHARS * 2 // 3, MAX_SHOWN_CHARS // 3
    return f"{text[:head]}\n[{len(text) - head - tail:,} characters left out]\n{text[-tail:]}"


def _checksum(output: bytes) -> str:
    return f"{zlib.crc32(output):08x}"


def _is_cell(cell: Any) -> bool:
    return isinstance(cell, list) and len(cell) == 2 and all(isinstance(part, str) for part in cell)
