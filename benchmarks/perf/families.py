"""Speed of every generator, and of reasoning-gym's for the families that both have, in one run.

    python benchmarks/perf/families.py [--peer PYTHON] [--out benchmarks/perf/results/families.json] [--quick]

A figure is tasks a second on one core: a fresh task is made by `reset`, and one `step` is taken: the reference solution
is judged, in games the first move of it is played. A second figure for games is whole episodes, to the solution. Tasks
are never met twice, so nothing of it is a cache. PYTHON is the
interpreter of an environment with `reasoning-gym`; there an item is made and its oracle's answer is scored, with that
project's defaults. Each figure is the median of five rounds; ours and the peer's take turns. The sizes of the problems
are those of either project's defaults, which the table names: they are not the same problems.
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
import subprocess
import time
from pathlib import Path
from typing import Any

REPEATS = 5
SECONDS = 0.25  # of a round
WHOLE = 10**9
DEFAULT_OUT = Path(__file__).parent / "results" / "families.json"
# Ours and theirs, where the rules are the same.
SAME = {
    "rlvr/Countdown-v0": "countdown",
    "rlvr/Cryptarithm-v0": "cryptarithm",
    "rlvr/Game24-v0": "puzzle24",
    "rlvr/GraphColouring-v0": "graph_color",
    "rlvr/Hanoi-v0": "tower_of_hanoi",
    "rlvr/KnightsKnaves-v0": "knights_knaves",
    "rlvr/NQueens-v0": "n_queens",
    "rlvr/ShortestPath-v0": "shortest_path",
    "rlvr/Sokoban-v0": "sokoban",
    "rlvr/Sudoku-v0": "sudoku",
    "rlvr/Zebra-v0": "zebra_puzzles",
    "rlvr/StringTransform-v0": "string_manipulation",
}


def family_ids() -> list[str]:
    """All ids of a generator with one verifier that runs in this process."""
    from rlvr_gym.envs.knobs import entry_point
    from rlvr_gym.envs.procedural import ProceduralEnv

    from rlvr_gym import env_ids

    made = {one: entry_point(one) for one in env_ids()}
    return [
        one
        for one, entry in made.items()
        if isinstance(entry, type) and issubclass(entry, ProceduralEnv) and entry.card.family != "code"  # type: ignore[union-attr]
    ]


def ours(env_id: str, seconds: float, first: int, turns: int) -> tuple[float, int]:
    """Tasks a second from this index on, playing at most so many turns of each, and how many were played."""
    import gymnasium as gym

    env: Any = gym.make(f"rlvr_gym:{env_id}", disable_env_checker=True, size=10**9).unwrapped
    clock, done = time.perf_counter, 0
    begun = clock()
    while clock() - begun < seconds:
        env.reset(options={"task_index": first + done})
        terminated, passed = False, False
        for move in env.expert(env.task)[:turns]:
            _, _, terminated, _, info = env.step(move)
            passed = info.get("passed", False)
        if terminated and not passed:
            raise SystemExit(f"{env_id}: the solution of task {first + done} does not pass")
        done += 1
    return done / (clock() - begun), done


_PEER = """
import json, sys, time
import reasoning_gym
name, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
data = reasoning_gym.create_dataset(name, size=10**6, seed=seed)
clock, done = time.perf_counter, 0
data[0]
begun = clock()
while clock() - begun < seconds:
    item = data[1 + done]
    data.score_answer(item["answer"], item)
    done += 1
print(json.dumps({"rate": done / (clock() - begun), "version": reasoning_gym.__version__}))
"""


def theirs(python: str, name: str, seconds: float, seed: int) -> dict[str, Any]:
    """Items a second of one of the peer's data sets, with its defaults."""
    done = subprocess.run(
        [python, "-c", _PEER, name, str(seconds), str(seed)], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1][:200]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="interpreter of an environment with reasoning-gym")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to see that it runs")
    args = parser.parse_args()
    from core import machine

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    seconds = SECONDS / 10 if args.quick else SECONDS
    rates: dict[str, list[float]] = {one: [] for one in family_ids()}
    episodes: dict[str, list[float]] = {one: [] for one in rates}
    played = dict.fromkeys(rates, 0)
    peers: dict[str, list[float]] = {}
    errors: dict[str, str] = {}
    peer_version = ""
    for round_ in range(REPEATS):
        for one in rates:
            for found_rates, turns in ((rates, 1), (episodes, WHOLE)):
                rate, done = ours(one, seconds, played[one], turns)
                found_rates[one].append(rate)
                played[one] += done
            if args.peer and one in SAME:
                found = theirs(args.peer, SAME[one], 2 * seconds, round_)
                peer_version = found.get("version", peer_version)
                if "rate" in found:
                    peers.setdefault(one, []).append(found["rate"])
                else:
                    errors[one] = found["error"]
    medians = {one: statistics.median(found) for one, found in rates.items()}
    table = {
        one: {
            "tasks_a_second": medians[one],
            "rounds": rates[one],
            "episodes_a_second": statistics.median(episodes[one]),
        }
        | (
            {
                "peer": SAME[one],
                "peer_items_a_second": statistics.median(peers[one]),
                "ratio": medians[one] / statistics.median(peers[one]),
                "peer_rounds": peers[one],
            }
            if one in peers
            else {}
        )
        | ({"peer_error": errors[one]} if one in errors else {})
        for one in medians
    }
    for one, row in sorted(table.items(), key=lambda item: item[1]["tasks_a_second"]):
        peer = (
            f"  {row['ratio']:6.1f} times {row['peer']} ({row['peer_items_a_second']:,.0f}/s)" if "ratio" in row else ""
        )
        print(f"{one:28} {row['tasks_a_second']:10,.0f}/s {row['episodes_a_second']:10,.0f} episodes/s{peer}")
    middle = statistics.median(medians.values())
    print(f"median of {len(medians)} families: {middle:,.0f}/s")
    stored = {"machine": machine(), "reasoning_gym": peer_version, "median": middle, "families": table}
    args.out.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
