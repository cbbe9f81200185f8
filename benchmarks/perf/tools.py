"""Tool turns a second, by tool: `env.step` with one call in the middle of an episode.

    python benchmarks/perf/tools.py [--out benchmarks/perf/results/tools.json] [--only TEXT ...] [--quick]

An episode is a reset, which is not timed, and eight turns of one call each, which are; what a turn costs is then all
that a user pays for: reading the call, its check, the tool itself, the log, the result in its format and the anchor.
Beside it the tool alone (`Toolbox.call` of the same calls), which is the floor of a turn. The repeats of all tools are
interleaved in one process; a figure is the median of the repeats. `python` runs in the sandbox, and each cell runs all
before it again; `python, first cell` is the rate of the first turns, and `sandbox` that of the bare sandbox with the
same session of one cell.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import sys

# This folder holds a math.py: the standard library must be found before it.
_FOLDER = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [*(entry for entry in sys.path if os.path.realpath(entry) != _FOLDER), _FOLDER]

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core import machine
from rlvr_gym.envs import ListTaskSet, Task
from rlvr_gym.envs.tool_files import ToolFilesEnv
from rlvr_gym.envs.tool_math import ToolMathEnv
from rlvr_gym.envs.tool_search import ToolSearchEnv
from rlvr_gym.envs.tool_sql import ToolSQLEnv
from rlvr_gym.envs.tool_world import ToolWorldEnv
from rlvr_gym.envs.tools.clock import Clock
from rlvr_gym.envs.tools.notes import Notes
from rlvr_gym.envs.tools.python_driver import driver
from rlvr_gym.envs.tools.python_session import LIMITS, PRELOADED
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import ToolCall
from rlvr_gym.envs.tools.toolkit import Toolkit
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox

TURNS, REPEATS = 8, 7
DEFAULT_OUT = Path(__file__).parent / "results" / "tools.json"


class Small(ToolEnv):
    """Tools that need no task of their own: notes and a clock."""

    def __init__(self) -> None:
        tasks = ListTaskSet([Task.create("Take notes.", {"reference": 1})])
        super().__init__(tasks, make_verifier("number@1"), max_turns=TURNS + 2)

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        """See `ToolEnv.equip`."""
        return {"notes": Notes(), "clock": Clock("2031-06-15T08:00:00")}


class Workload(NamedTuple):
    """One tool.

    Args:
        env: Where it is called.
        calls: What is called in the turns of an episode that has just begun.
        episodes: Episodes of a repeat.
    """

    env: ToolEnv
    calls: Callable[[ToolEnv], Sequence[ToolCall]]
    episodes: int

    def play(self) -> tuple[float, float]:
        """Turns a second through `step`, and calls a second of the toolbox alone."""
        turns = alone = 0.0
        count = 0
        for episode in range(self.episodes):
            calls = self._begun(episode)
            tools = list(self.env.toolbox.tools.values())
            actions = [self.env.call_format.write([call], tools) for call in calls]
            started = time.perf_counter()
            infos = [self.env.step(action)[4] for action in actions]
            turns += time.perf_counter() - started
            refused = [row for info in infos for row in info["tool_calls"] if row["error"]]
            if refused or len(infos) != len(calls):
                raise RuntimeError(f"a call that is timed failed: {refused}")
            count += len(calls)
            calls = self._begun(episode)
            started = time.perf_counter()
            for call in calls:
                self.env.toolbox.call(call)
            alone += time.perf_counter() - started
        return count / turns, count / alone

    def _begun(self, episode: int) -> Sequence[ToolCall]:
        self.env.reset(options={"task_index": episode % min(20, len(self.env.taskset))})
        return self.calls(self.env)


def repeated(*calls: ToolCall) -> Callable[[ToolEnv], Sequence[ToolCall]]:
    """These calls, again and again."""
    return lambda env: [calls[i % len(calls)] for i in range(TURNS)]


def queries(env: ToolEnv) -> Sequence[ToolCall]:
    """The query that solves the task of a database, once a turn."""
    return [ToolCall("sql", {"query": env.task.private["query"]})] * TURNS


def lookups(env: ToolEnv) -> Sequence[ToolCall]:
    """Products of a shop."""
    products = list(env.task.private["database"]["products"])
    return [ToolCall("get_product", {"product": products[i % len(products)]}) for i in range(TURNS)]


def workloads(quick: bool) -> dict[str, Workload]:
    """All tools, by name."""
    many, some, few = (2, 2, 1) if quick else (100, 40, 4)
    call, room = ToolCall, {"max_turns": TURNS + 2}
    sums = [call("calculator", {"expression": f"({i}1234 + 567) * 89 - 12 / 5"}) for i in range(TURNS)]
    cells = [call("python", {"code": f"x = {i}\nprint(x * 7)"}) for i in range(TURNS)]
    notes = [call("write_note", {"name": f"n{i}", "text": "twelve words " * 6}) for i in range(TURNS)]
    dates = [call("add_days", {"date": "2031-06-15", "days": i}) for i in range(TURNS)]
    lines = [call("shell", {"command": f"echo line {i} >> found.txt"}) for i in range(TURNS)]
    asked = [call("search", {"query": f"director of the organisation number {i}"}) for i in range(TURNS)]
    pages = [call("open", {"document": f"d{i + 1}"}) for i in range(TURNS)]
    return {
        "calculator": Workload(ToolMathEnv(**room), repeated(*sums), many),
        "write_note": Workload(Small(), repeated(*notes), many),
        "list_notes": Workload(Small(), repeated(call("list_notes")), many),
        "add_days": Workload(Small(), repeated(*dates), many),
        "shell, find": Workload(
            ToolFilesEnv(**room), repeated(call("shell", {"command": "find . -name '*.log'"})), many
        ),
        "shell, write": Workload(ToolFilesEnv(**room), repeated(*lines), many),
        "search": Workload(ToolSearchEnv(**room), repeated(*asked), some),
        "open": Workload(ToolSearchEnv(**room), repeated(*pages), many),
        "schema": Workload(ToolSQLEnv(**room), repeated(call("schema")), some),
        "sql, read": Workload(ToolSQLEnv(writes=0.0, **room), queries, some),
        "sql, write": Workload(ToolSQLEnv(writes=1.0, **room), queries, some),
        "get_product": Workload(ToolWorldEnv(domain="shop", **room), lookups, some),
        "python": Workload(ToolMathEnv(tools="python", **room), repeated(*cells), few),
        "python, first cell": Workload(ToolMathEnv(tools="python", **room), lambda env: cells[:1], 4 * few),
    }


def sandbox_rate(runs: int) -> float:
    """Runs a second of the default sandbox with a session of one cell."""
    with make_sandbox("forkserver", preload=sorted(PRELOADED)) as sandbox:
        spec = RunSpec(driver(), stdin=json.dumps({"seed": 0, "cells": ["x = 0\nprint(x * 7)"]}), limits=LIMITS)
        sandbox.run(spec)
        started = time.perf_counter()
        for _ in range(runs):
            sandbox.run(spec)
        return runs / (time.perf_counter() - started)


def figures(quick: bool, only: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each tool the medians over the repeats, and the extremes of the turns."""
    chosen = {name: work for name, work in workloads(quick).items() if not only or any(text in name for text in only)}
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in chosen}
    for work in chosen.values():
        work.play()
    for _ in range(2 if quick else REPEATS):
        for name, work in chosen.items():
            seen[name].append(work.play())
    found: dict[str, dict[str, Any]] = {}
    for name, pairs in seen.items():
        turns, alone = (list(rates) for rates in zip(*pairs, strict=True))
        found[name] = {
            "turns_per_s": round(statistics.median(turns), 1),
            "min": round(min(turns), 1),
            "max": round(max(turns), 1),
            "tool_alone_per_s": round(statistics.median(alone), 1),
        }
    if not only or any(text in "sandbox" for text in only):
        rates = [sandbox_rate(2 if quick else 20) for _ in range(2 if quick else REPEATS)]
        found["sandbox"] = {"runs_per_s": round(statistics.median(rates), 1)}
    return found


def main() -> None:
    """Read the command line, measure, print a table, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--only", nargs="*", default=[], help="names or parts of names of tools")
    parser.add_argument("--quick", action="store_true", help="few episodes, to see that it runs")
    args = parser.parse_args()
    found = figures(args.quick, args.only)
    for name, row in found.items():
        print(f"{name:20} " + "  ".join(f"{key} {value:,.0f}" for key, value in row.items()))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(), "load_average": os.getloadavg(), "turns": TURNS, "figures": found}
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
