"""Random play over everything registered, for as long as it is let run: memory flat, nothing left open, no slowdown.

    python benchmarks/soak.py [--minutes 30] [--seed 0] [--every 30] [--out FILE]

Plays episodes with golds, garbage and echoes, in environments made, wrapped, rendered and closed; forks, saves and
restores in the middle of them; opens vector environments of any group size, mode and number of threads, and closes
them or leaves them to the garbage collector; and drives episodes asynchronously. Between the reports a fixed
environment, used from the first second to the last, shows the rate.

Every `--every` seconds a line: memory (of this process, and with the sandboxes' processes), threads, descriptors,
processes, rate. In the end JSON, and the exit status 1 if memory grew, a thread, a descriptor or a process is left, or
the rate fell. The beginning, while caches fill, is not judged. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import os
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from rich.console import Console
from rlvr_gym.agents import Completion, Play, Policy, rollout
from rlvr_gym.envs import TextEnv, fork, restore, snapshot
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.vector import TextVectorEnv

from rlvr_gym import env_ids

GARBAGE = ["", "#### 7", "\\boxed{1}", "<answer>1+2</answer>", "\x00", "\ud800", "π" * 999, "{" * 3000, "9" * 20_000]
PROBE_S = 0.5
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
TurnEnv = gym.Env[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of this process at one moment.

    Args:
        seconds: Since the beginning.
        memory_mib: Memory of this process, without files.
        family_mib: The same with all processes below it.
        blocks: Number of pieces of memory that Python holds.
        threads: Number of threads.
        descriptors: Number of open descriptors.
        processes: Number of processes below this one.
        steps_per_s: Of the fixed environment, a second of processor time.
    """

    seconds: float
    memory_mib: float
    family_mib: float
    blocks: int
    threads: int
    descriptors: int
    processes: int
    steps_per_s: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is still no growth and no fall.

    Args:
        memory_mib: Growth of the median memory, from the second quarter of the readings to the last.
        memory_share: The same as a share of it; the larger of both counts.
        rate: Least share of the rate of the second quarter that the last must have.
    """

    memory_mib: float = 24.0
    memory_share: float = 0.05
    rate: float = 0.7


def judge(readings: Sequence[Reading], idle: Reading, end: Reading, bounds: Bounds) -> list[str]:
    """What went wrong, in words.

    Args:
        readings: Taken while playing.
        idle: Taken after everything was played once and closed.
        end: Taken after everything was closed.
        bounds: What is allowed.

    Example:
        >>> def at(second, memory, rate=1e4, threads=1):
        ...     return Reading(second, memory, memory, 10**6, threads, 5, 0, rate)
        >>> flat = [at(i, 300 - 100 / (i + 1)) for i in range(16)]
        >>> judge(flat, at(0, 200), at(16, 300), Bounds())
        []
        >>> growing = [at(i, 200 + 10 * i, 1e4 / (i + 1)) for i in range(16)]
        >>> for problem in judge(growing, at(0, 200), at(16, 300, threads=3), Bounds()):
        ...     print(problem)
        memory_mib grew from 255 to 335
        family_mib grew from 255 to 335
        threads: 1 before, 3 after
        steps_per_s fell from 1,548 to 690
    """
    quarter = len(readings) // 4
    early, late = readings[quarter : 2 * quarter], readings[-quarter:]
    found = []
    if quarter:
        for name in ("memory_mib", "family_mib"):
            before, after = (statistics.median(getattr(reading, name) for reading in part) for part in (early, late))
            if after - before > max(bounds.memory_mib, bounds.memory_share * before):
                found.append(f"{name} grew from {before:,.0f} to {after:,.0f}")
    for name in ("threads", "descriptors", "processes"):
        before, after = getattr(idle, name), getattr(end, name)
        if after > before:
            found.append(f"{name}: {before} before, {after} after")
    if quarter:
        before, after = (statistics.median(reading.steps_per_s for reading in part) for part in (early, late))
        if after < bounds.rate * before:
            found.append(f"steps_per_s fell from {before:,.0f} to {after:,.0f}")
    return found


class Probe:
    """Two environments that are never closed: single-turn and multi-turn."""

    def __init__(self) -> None:
        # few tasks, so that those that an environment keeps are complete after the first reading
        self.envs = [gym.make(f"rlvr_gym:rlvr/{name}-v0", size=500) for name in ("Arithmetic", "Mastermind")]

    def rate(self) -> float:
        """Steps a second of processor time, both together."""
        until = time.perf_counter() + PROBE_S
        started = time.process_time()
        steps = 0
        while time.perf_counter() < until:
            for env in self.envs:
                env.reset()
                over = False
                while not over:
                    _, _, terminated, truncated, _ = env.step("<answer>1234</answer>")
                    over = terminated or truncated
                    steps += 1
        return steps / (time.process_time() - started)


class Constant(Policy):
    """One answer for all."""

    def __init__(self, text: str) -> None:
        self.completion = Completion(text)

    def sample(self, requests: Sequence[Any]) -> list[Completion]:
        """See `Policy.sample`."""
        return [self.completion] * len(requests)


class Player:
    """Everything that is done at random, counted.

    Args:
        seed: The same seed, the same choices; how many of them fit into the time is the machine's affair.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.deeds: list[Callable[[str], None]] = [self.episodes, self.branches, self.vector, self.driver]

    def once(self) -> None:
        """Every deed with every environment."""
        for env_id in env_ids():
            for deed in self.deeds:
                deed(env_id)

    def play(self) -> None:
        """Any deed with any environment."""
        self.random.choice(self.deeds)(self.random.choice(env_ids()))

    def episodes(self, env_id: str) -> None:
        """A few episodes, with and without seeds, rendered."""
        with closing(self._make(env_id, render_mode=self.random.choice([None, "ansi"]))) as env:
            for _ in range(self.random.randint(1, 5)):
                seed = self.random.choice([None, self.random.getrandbits(31)])
                observation, _ = env.reset(seed=seed)
                for _ in self._turns(env, observation):
                    env.render()
                self.done["episodes"] += 1

    def branches(self, env_id: str) -> None:
        """An episode that is forked, saved, and restored here and elsewhere at each turn."""
        with closing(self._make(env_id)) as env, closing(self._make(env_id)) as other:
            observation, _ = env.reset(seed=self.random.getrandbits(31))
            for _ in self._turns(env, observation):
                for branch in fork(env, self.random.randint(0, 3), reseed=self.random.random() < 0.5):
                    self._end(branch)
                    self.done["forks"] += 1
                restore(other, json.loads(json.dumps(snapshot(env).to_dict())))
                self._end(other)
                self.done["restores"] += 1

    def vector(self, env_id: str) -> None:
        """A vector environment; one in two is closed, the others become garbage."""
        group_size, groups = self.random.randint(1, 3), self.random.randint(1, 3)
        mode = self.random.choice(["Disabled", "NextStep", "SameStep"])
        settings: dict[str, Any] = {"group_size": group_size, "autoreset_mode": mode}
        settings["workers"] = self.random.choice([None, 0, 2])
        vector = gym.make_vec(f"rlvr_gym:{env_id}", group_size * groups, **settings, **sample_settings(env_id))
        if not isinstance(vector, TextVectorEnv):
            raise TypeError(f"{env_id} has no TextVectorEnv: make_vec gave {vector!r}")
        observations, _ = vector.reset(seed=self.random.getrandbits(31))
        for _ in range(4):
            actions = [self._action(env, text) for env, text in zip(vector.envs, observations, strict=True)]
            observations, _, terminated, truncated, _ = vector.step(actions)
            self.done["vector steps"] += vector.num_envs
            over: Any = np.logical_or(terminated, truncated)
            if mode == "Disabled" and over.any():
                observations, _ = vector.reset(options={"reset_mask": over})
        self.done["vectors"] += 1
        if self.random.random() < 0.5:
            vector.close()

    def driver(self, env_id: str) -> None:
        """Episodes, one coroutine each."""
        asyncio.run(self._drive(env_id))

    async def _drive(self, env_id: str) -> None:
        policy = Constant(self.random.choice(GARBAGE))
        plays = [Play(seed=self.random.getrandbits(31)) for _ in range(6)]
        async for _ in rollout(lambda: self._make(env_id), policy, plays, max_inflight=3, workers=2, deadline_s=60.0):
            self.done["driven episodes"] += 1

    def _make(self, env_id: str, **settings: Any) -> TurnEnv:
        self.done["environments"] += 1
        return gym.make(f"rlvr_gym:{env_id}", **settings, **sample_settings(env_id))

    def _turns(self, env: TurnEnv, observation: str) -> Iterator[None]:
        over = False
        while not over:
            yield
            observation, _, terminated, truncated, _ = env.step(self._action(env, observation))
            self.done["steps"] += 1
            over = terminated or truncated

    def _end(self, env: TurnEnv) -> None:
        for _ in self._turns(env, ""):
            pass

    def _action(self, env: TurnEnv, observation: str) -> str:
        base = env.unwrapped
        gold = base.task.solution if isinstance(base, TextEnv) else None
        kind = self.random.random()
        if kind < 0.3 and gold is not None:
            return gold
        return observation if kind < 0.4 else self.random.choice(GARBAGE)


def read(started: float, probe: Probe) -> Reading:
    """The state of this process, after a garbage collection, and after the C library has given back what it kept."""
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)
    time.sleep(0.2)  # threads that were told to end need the interpreter for it
    family = below(os.getpid())
    memory = memory_mib(os.getpid())
    return Reading(
        seconds=round(time.perf_counter() - started, 1),
        memory_mib=round(memory, 1),
        family_mib=round(memory + sum(map(memory_mib, family)), 1),
        blocks=sys.getallocatedblocks(),
        threads=threading.active_count(),
        descriptors=len(os.listdir("/proc/self/fd")),
        processes=len(family),
        steps_per_s=round(probe.rate()),
    )


def below(process: int) -> list[int]:
    """All processes below a process."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended since
            continue
    found: list[int] = []
    level = {process}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found += level
    return found


def memory_mib(process: int) -> float:
    """Memory of a process that is no file's, where pages shared by several count once in all; 0 where it has ended.

    Files are left out because a library counts less for each program of the machine that has it open.
    """
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        return kib(rollup, "Pss_Anon") / 1024
    except PermissionError:  # a sandbox's process, for a user that is not root: shared pages count more than once
        return kib(Path(f"/proc/{process}/status").read_text(), "RssAnon") / 1024
    except OSError:
        return 0.0


def kib(text: str, name: str) -> int:
    """A figure of a page of /proc.

    Example:
        >>> kib("Rss:  12 kB\\nPss_Anon:     34 kB\\n", "Pss_Anon")
        34
    """
    return next((int(row.split()[1]) for row in text.splitlines() if row.startswith(f"{name}:")), 0)


def soak(minutes: float, seed: int, every_s: float, show: Callable[[str], None]) -> dict[str, Any]:
    """Play, read, judge.

    Args:
        minutes: How long.
        seed: Of the choices.
        every_s: Seconds between readings; fewer where that gives less than eight.
        show: Takes a line of report.

    Returns:
        JSON: `passed`, `problems`, the readings and the counts.
    """
    started = time.perf_counter()
    every_s = min(every_s, minutes * 60 / 8)
    player, probe = Player(seed), Probe()
    player.once()
    idle = read(started, probe)
    show(f"all played once in {idle.seconds:.0f} s: {line(idle)}")
    readings: list[Reading] = []
    end_s = time.perf_counter() + minutes * 60
    while (now := time.perf_counter()) < end_s:
        while time.perf_counter() < now + every_s:
            player.play()
        readings.append(read(started, probe))
        show(line(readings[-1]))
    end = read(started, probe)
    problems = judge(readings, idle, end, Bounds())
    show("; ".join(problems) if problems else "nothing grew, nothing was left, the rate held")
    return {
        "passed": not problems,
        "problems": problems,
        "minutes": minutes,
        "seed": seed,
        "bounds": asdict(Bounds()),
        "load_average": os.getloadavg(),
        "done": dict(sorted(player.done.items())),
        "idle": asdict(idle),
        "readings": [asdict(reading) for reading in readings],
        "end": asdict(end),
    }


def line(reading: Reading) -> str:
    """A reading as one line of text."""
    return (
        f"{reading.seconds:7.0f} s  {reading.memory_mib:7.1f} MiB  family {reading.family_mib:7.1f} MiB  "
        f"blocks {reading.blocks:,}  threads {reading.threads}  descriptors {reading.descriptors}  "
        f"processes {reading.processes}  {reading.steps_per_s:,.0f} steps/s"
    )


def main() -> None:
    """Read the command line, soak, store, and say how it went by the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=30.0, help="seconds between reports")
    parser.add_argument("--out", type=Path, help="where the JSON goes; by default only the report is shown")
    args = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        raise SystemExit("soak.py reads /proc, which this system does not have: run it on Linux")
    console = Console(soft_wrap=True, highlight=False, markup=False)
    result = soak(args.minutes, args.seed, args.every, console.print)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        console.print(f"wrote {args.out}")
    sys.exit(0 if result["passed"] else 1)


if __name__ == "__main__":
    main()
