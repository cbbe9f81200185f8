"""Speed of many environments side by side, of branching, and of the observation check.

    python benchmarks/perf/envs.py [--out benchmarks/perf/results/envs.json] [--only TEXT ...] [--quick]

Episodes of one turn in 64 environments: a reset of all and a step of all, with a wrong answer. The contestants play one
such round each, in an order that is drawn anew each time, in one process. Three ratios to the serial loop: `ratio`, the
median over the repeats of the times of one and the same repeat; `ratio_of_best`, of the shortest rounds, which other
programs on the machine did not interrupt; `cpu_ratio`, as the first but of this process's processor time (that of
AsyncVectorEnv's processes and of sandboxes is elsewhere). The serial loop keeps what it is given, as whoever learns
from it must. `wait` is an arithmetic environment whose verifier answers after 5 ms, as one behind a network does. The
driver (`rlvr_gym.agents.rollout`) plays the same episodes with a policy that costs nothing; its time includes the
records.

Branching: microseconds of one call in the middle of an episode. The check: one observation of 200,000 characters.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import sys

# This folder holds a math.py: the standard library must be found before it.
_FOLDER = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [*(entry for entry in sys.path if os.path.realpath(entry) != _FOLDER), _FOLDER]

import argparse
import asyncio
import copy
import gc
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
from core import machine
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from rlvr_gym.agents import Completion, Play, Policy, rollout
from rlvr_gym.envs import UnicodeText, fork, restore, snapshot
from rlvr_gym.envs.vector import TextVectorEnv

NUM_ENVS = 64
DEFAULT_OUT = Path(__file__).parent / "results" / "envs.json"
PROGRAM = "```python\ndef f(x):\n    return sorted(x)\n```"
CHARACTERS = "".join(map(chr, [*range(32, 0xD800), *range(0xE000, 0x20000)]))

Make = Callable[[], gym.Env[str, str]]


class Workload(NamedTuple):
    """What is played.

    Args:
        make: Makes one environment.
        answer: The action.
        seeded: Whether every reset has a seed, for which Gymnasium builds a new generator.
        repeats: Rounds of each contestant.
        processes: Whether AsyncVectorEnv plays too; 64 processes with a sandbox each are more than a machine is for.
    """

    make: Make
    answer: str
    seeded: bool
    repeats: int
    processes: bool = True


class Wait(gym.Wrapper[str, str, str, str]):
    """A verifier that answers after 5 ms."""

    def step(self, action: str) -> Any:
        """See `gymnasium.Env.step`."""
        time.sleep(0.005)
        return self.env.step(action)


class Constant(Policy):
    """Always the same answer, at no cost."""

    def __init__(self, text: str) -> None:
        self.completion = Completion(text)

    def sample(self, requests: Sequence[Any]) -> list[Completion]:
        """See `Policy.sample`."""
        return [self.completion] * len(requests)


def made(name: str) -> gym.Env[str, str]:
    """A registered environment with its defaults."""
    return gym.make(f"rlvr_gym:rlvr/{name}-v0")


def waiting() -> gym.Env[str, str]:
    """An environment of the workload `wait`."""
    return Wait(made("Arithmetic"))


def workloads(quick: bool) -> dict[str, Workload]:
    """What is played, by name."""
    repeats, slow = (5, 2) if quick else (301, 7)
    return {
        "Arithmetic": Workload(partial(made, "Arithmetic"), "#### 46", False, repeats),
        "Arithmetic, every reset seeded": Workload(partial(made, "Arithmetic"), "#### 46", True, repeats),
        "Countdown": Workload(partial(made, "Countdown"), "<answer>1+2</answer>", False, repeats),
        "wait": Workload(waiting, "#### 46", False, slow),
        "ListFunctions": Workload(partial(made, "ListFunctions"), PROGRAM, False, slow, processes=False),
    }


def serial(workload: Workload, seeds: Callable[[], int | None]) -> Callable[[], None]:
    """One environment after the other."""
    envs = [workload.make() for _ in range(NUM_ENVS)]

    def play() -> None:
        seed = seeds()
        begun = [env.reset(seed=None if seed is None else seed + i) for i, env in enumerate(envs)]
        ended = [env.step(workload.answer) for env in envs]
        del begun, ended

    return play


def vector(env: Any, workload: Workload, seeds: Callable[[], int | None]) -> Callable[[], None]:
    """A vector environment of any make."""
    actions = (workload.answer,) * NUM_ENVS

    def play() -> None:
        env.reset(seed=seeds())
        env.step(actions)

    return play


def driver(workload: Workload, seeds: Callable[[], int | None]) -> Callable[[], None]:
    """The asynchronous driver, with environments that are kept from one call to the next."""
    policy = Constant(workload.answer)
    idle: list[gym.Env[str, str]] = [workload.make() for _ in range(NUM_ENVS)]

    async def episodes() -> None:
        taken = iter(idle)
        seed = seeds()
        plays = [Play(seed=None if seed is None else seed + i) for i in range(NUM_ENVS)]
        async for _ in rollout(partial(next, taken), policy, plays, max_inflight=NUM_ENVS, workers=16):
            pass

    return lambda: asyncio.run(episodes())


def contestants(workload: Workload, stack: ExitStack) -> dict[str, Callable[[], None]]:
    """Who plays, by name: each call is one reset and one step of all."""
    count = iter(range(0, 10**12, NUM_ENVS))

    def seeds() -> int | None:
        return next(count) if workload.seeded else None

    makes = [workload.make] * NUM_ENVS
    envs: dict[str, Any] = {}
    if workload.processes:  # first: its processes are forked before there are threads
        envs["AsyncVectorEnv(shared_memory=False)"] = AsyncVectorEnv(
            makes, shared_memory=False, autoreset_mode=AutoresetMode.DISABLED
        )
    envs["SyncVectorEnv"] = SyncVectorEnv(makes, autoreset_mode=AutoresetMode.DISABLED)
    envs["TextVectorEnv"] = TextVectorEnv(makes)
    envs["TextVectorEnv(workers=0)"] = TextVectorEnv(makes, workers=0)
    envs["TextVectorEnv(workers=8)"] = TextVectorEnv(makes, workers=8)
    for env in envs.values():
        stack.callback(env.close)
    plays = {"serial loop": serial(workload, seeds)}
    plays |= {name: vector(envs[name], workload, seeds) for name in reversed(envs)}
    return plays | {"rollout": driver(workload, seeds)}


def compare(workload: Workload) -> dict[str, Any]:
    """Every contestant on one workload, in turn."""
    with ExitStack() as stack:
        plays = contestants(workload, stack)
        for play in plays.values():
            play()
        gc.collect()
        times: dict[str, list[Time]] = {name: [] for name in plays}
        order = random.Random(0)  # on a busy machine, who plays after somebody that waited is interrupted less
        for _ in range(workload.repeats):
            for name in order.sample(list(plays), len(plays)):
                times[name].append(clocked(plays[name]))
    return {name: summary(found, times["serial loop"]) for name, found in times.items()}


class Time(NamedTuple):
    """Microseconds an episode: on the wall, and of the processor in this process."""

    wall_us: float
    cpu_us: float


def clocked(play: Callable[[], None]) -> Time:
    """What an episode of a round took."""
    wall, cpu = time.perf_counter(), time.process_time()
    play()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Time(wall / NUM_ENVS * 1e6, cpu / NUM_ENVS * 1e6)


def summary(times: Sequence[Time], reference: Sequence[Time]) -> dict[str, Any]:
    """Times an episode, and their ratios to the reference of the same repeat."""
    pairs = list(zip(times, reference, strict=True))
    return {
        "us_per_episode": spread([mine.wall_us for mine in times]),
        "ratio": statistics.median(mine.wall_us / theirs.wall_us for mine, theirs in pairs),
        "ratio_of_best": min(mine.wall_us for mine in times) / min(theirs.wall_us for theirs in reference),
        "cpu_ratio": statistics.median(mine.cpu_us / theirs.cpu_us for mine, theirs in pairs),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, minimum, maximum."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def each_us(call: Callable[[], Any], repeats: int, number: int) -> dict[str, float]:
    """Microseconds of a call: median, minimum and maximum over the repeats, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        for _ in range(number):
            call()
        times.append((time.perf_counter() - started) / number * 1e6)
    return spread(times[1:])


def branching(repeats: int, number: int) -> dict[str, dict[str, float]]:
    """Two turns into an episode of Mastermind, and at the beginning of one of Arithmetic; as `gym.make` wraps them."""
    found = {}
    for name, guesses in (("Mastermind", ["<answer>1122</answer>", "<answer>3456</answer>"]), ("Arithmetic", [])):
        env = made(name)
        env.reset(seed=3)
        for guess in guesses:
            env.step(guess)
        saved = snapshot(env)
        text = json.dumps(saved.to_dict())
        other = made(name)
        calls = {
            "fork": partial(fork, env),
            "fork of 16, each": partial(fork, env, 16),
            "fork, reseed=True": partial(fork, env, reseed=True),
            "snapshot": partial(snapshot, env),
            "snapshot to JSON text": lambda env=env: json.dumps(snapshot(env).to_dict()),
            "restore": partial(restore, other, saved),
            "restore from JSON text": lambda other=other, text=text: restore(other, json.loads(text)),
            "copy.deepcopy, for comparison": partial(copy.deepcopy, env),
        }
        for what, call in calls.items():
            figures = each_us(call, repeats, number)
            scale = 16 if "16" in what else 1
            found[f"{name}: {what}"] = {key: value / scale for key, value in figures.items()}
    return found


def checking(repeats: int) -> dict[str, dict[str, float]]:
    """`contains` of a long observation, with our space and with Gymnasium's over a large character set."""
    ours = UnicodeText()
    theirs = gym.spaces.Text(1_000_000, min_length=0, charset=CHARACTERS)
    text = "".join(CHARACTERS[i * 7919 % len(CHARACTERS)] for i in range(200_000))
    if not (text in ours and text in theirs):
        raise SystemExit("a text is in neither space: the comparison is void")
    size = f"{len(CHARACTERS):,} characters"
    return {
        "UnicodeText.contains, 200,000 characters": each_us(partial(ours.contains, text), repeats, 1000),
        f"Text.contains, 200,000 characters of {size}": each_us(partial(theirs.contains, text), repeats, 3),
        "UnicodeText()": each_us(UnicodeText, repeats, 100),
        f"Text({size})": each_us(partial(gym.spaces.Text, 1_000_000, charset=CHARACTERS), 3, 1),
    }


def show(figures: dict[str, Any]) -> None:
    """Print what was measured."""
    for name, found in figures["vectors"].items():
        print(f"\n{name:<38} {'us/episode':>10} {'best':>10}  {'ratio':>6} {'best':>6} {'cpu':>6}")
        for contestant, values in found.items():
            time_us = values["us_per_episode"]
            ratios = " ".join(f"{values[key]:>6.2f}" for key in ("ratio", "ratio_of_best", "cpu_ratio"))
            print(f"  {contestant:<36} {time_us['median']:>10,.1f} {time_us['min']:>10,.1f}  {ratios}")
    print("\nmicroseconds a call")
    for name, values in {**figures["branching_us"], **figures["checking_us"]}.items():
        print(f"  {name:<60} {values['median']:>12,.2f}  ({values['min']:,.2f} to {values['max']:,.2f})")


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--only", nargs="*", help="workloads whose names begin with one of these")
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    args = parser.parse_args()
    load = [os.getloadavg()]
    chosen = {
        name: workload
        for name, workload in workloads(args.quick).items()
        if args.only is None or name.startswith(tuple(args.only))
    }
    repeats, number = (3, 20) if args.quick else (51, 40)
    figures = {
        "vectors": {name: compare(workload) for name, workload in chosen.items()},
        "branching_us": branching(repeats, number),
        "checking_us": checking(5),
    }
    load.append(os.getloadavg())
    show(figures)
    result = {
        "machine": machine(),
        "num_envs": NUM_ENVS,
        "repeats": {name: workload.repeats for name, workload in chosen.items()},
        "load_average_before_and_after": load,
        **figures,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {args.out}; load average {load[0][0]:.1f} before, {load[1][0]:.1f} after")


if __name__ == "__main__":
    main()
