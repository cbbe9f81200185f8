"""Math verification side by side: `math@1` and the graders of other projects, on the same labelled pairs, on one core.

    python benchmarks/perf/math.py --peers PYTHON [--pairs FILE] [--out benchmarks/perf/results/math.json] [--limit N]

PYTHON is the interpreter of a virtual environment with the peers; each is optional, and one that does not import is
reported and left out:

    pip install math-verify==0.9.0 inspect_ai==0.3.285 antlr4-python3-runtime==4.11.0 pylatexenc==2.10 packaging
    pip install --no-deps gem-llm==0.1.0 skyrl-gym==0.4.0 trl==1.16.0 verl==0.9.1 lm-eval==0.4.13

antlr4 is 4.11 because `sympy.parsing.latex` refuses other versions, and three peers call it. `--no-deps` keeps torch
away: only the module that grades is imported, not the packages around it, so an import time is the least it can be.

One process a grader, pinned to one core, one grader at a time. The first pass over all pairs gives the cold rate, the
latencies and the errors; five further passes give the warm rate, over pairs that the process has seen, so that whoever
caches gains. A grader below 500 a second in its first pass runs them over a fixed sample of 400 pairs; ratios compare
two graders on the same pairs. A pair that keeps a grader for 30 s ends its process, counts as 30 s and is left out of
the next process, as of the warm passes. Graders that take a bare answer get the last box, cut out before the clock
starts. An error is a right answer that was not accepted, whatever was said instead, or a wrong one that was. Workers
that a grader starts share its core; `sympy_loaded` speaks of the grader's own process, not of theirs.
"""

# ruff: noqa: E402
from __future__ import annotations

import os
import sys

# A script's folder leads sys.path, and this file has the name of a standard module: here it would shadow that module.
_FOLDER = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != _FOLDER]
if __name__ == "math":  # imported for it by another script of the folder: the importer returns what sys.modules holds
    del sys.modules["math"]
    __import__("math")

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import logging
import mmap
import platform
import signal
import statistics
import subprocess
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

PASSES, SLOW_PER_S, SAMPLE, WATCHDOG_S, MAX_HUNG = 5, 500, 400, 30.0, 20
OURS = "rlvr-gym math@1"
RIGHT, WRONG, UNDECIDED, UNGRADABLE, HUNG = "right", "wrong", "undecided", "ungradable", "hung"
DATA = Path(os.environ.get("RLVR_GYM_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


class Pair(NamedTuple):
    """A gold, a response that ends in a box, the text of that box, and whether a person would accept it."""

    gold: str
    response: str
    answer: str
    right: bool


Grade = Callable[[Pair], str]
_OPEN = contextlib.ExitStack()  # closed by nobody: the process ends without it


def ours() -> Grade:
    """`make_verifier("math@1")`; tells undecided and ungradable pairs from wrong ones."""
    verify = importlib.import_module("rlvr_gym.verifiers").make_verifier("math@1").verify

    def grade(pair: Pair) -> str:
        verdict = verify(pair.response, pair.gold)
        if verdict.passed:
            return RIGHT
        return UNDECIDED if verdict.reason.code == UNDECIDED else WRONG if verdict.gradable else UNGRADABLE

    return grade


def bare_import(name: str, hollow: str = "", **members: type) -> ModuleType:
    """Import one module without the `__init__` of the packages around it, and with `hollow`, another, only in name."""
    parents = name.split(".")[:-1]
    spec = importlib.util.find_spec(parents[0])
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {parents[0]!r}")
    folder = Path(next(iter(spec.submodule_search_locations)))
    for depth in range(1, len(parents) + 1):
        package = ModuleType(".".join(parents[:depth]))
        package.__path__ = [str(folder.joinpath(*parents[1:depth]))]
        sys.modules.setdefault(package.__name__, package)
    if hollow:
        sys.modules[hollow] = ModuleType(hollow)
        vars(sys.modules[hollow]).update(members)
    return importlib.import_module(name)


def math_verify() -> Grade:
    """Math-Verify with its defaults: alarms of 5 s around each parse and around the comparison."""
    peer = importlib.import_module("math_verify")
    return lambda pair: RIGHT if peer.verify(peer.parse(f"${pair.gold}$"), peer.parse(pair.response)) else WRONG


def trl() -> Grade:
    """TRL's `accuracy_reward`: Math-Verify with settings of its own; None where the gold does not parse."""
    reward = bare_import("trl.rewards.accuracy_rewards").accuracy_reward
    words = {1.0: RIGHT, 0.0: WRONG, None: UNGRADABLE}
    return lambda pair: words[reward([[{"content": pair.response}]], [f"${pair.gold}$"])[0]]


def inspect_ai() -> Grade:
    """Inspect's `math` scorer, in one event loop that stays open; a gold it cannot parse raises, counted as error."""
    scorer = importlib.import_module("inspect_ai.scorer")
    score, words = scorer.math(), {scorer.CORRECT: RIGHT, scorer.INCORRECT: WRONG}
    portal = _OPEN.enter_context(importlib.import_module("anyio.from_thread").start_blocking_portal())

    def grade(pair: Pair) -> str:
        state = SimpleNamespace(output=SimpleNamespace(completion=pair.response))
        return words.get(portal.call(score, state, scorer.Target(pair.gold)).value, UNGRADABLE)

    return grade


def gem(fast: bool) -> Grade:
    """The `boxed_reward_fn` of gem under its alarm of 1 s, as in `MathEnv`, which runs it with fast=False."""
    peer = bare_import("gem.utils.math_grader")
    run, score, timed_out = peer.run_with_timeout_signal, peer.boxed_reward_fn, (None, 0.0)
    return lambda pair: RIGHT if (run(score, (pair.response, pair.gold, fast), {}, 1) or timed_out)[1] else WRONG


def lm_eval() -> Grade:
    """lm-evaluation-harness: `is_equiv` of minerva_math on two normalised answers."""
    peer = bare_import("lm_eval.tasks.minerva_math.utils")
    return lambda pair: RIGHT if peer.is_equiv(*map(peer.normalize_final_answer, (pair.answer, pair.gold))) else WRONG


def verl_prime() -> Grade:
    """The `prime_math` of verl, without a metric module that would bring torch and does not grade."""
    peer = bare_import("verl.utils.reward_score.prime_math", "verl.utils.metric", Metric=object)
    return lambda pair: RIGHT if peer.compute_score(pair.response, pair.gold)[0] else WRONG


def string_score(module: str, dapo: bool) -> Grade:
    """Comparison of normalised strings: as for the MATH data set, or that of DAPO, which reads `Answer: ...`."""
    score = bare_import(module).compute_score
    if dapo:
        return lambda pair: RIGHT if score(f"Answer: {pair.answer}", pair.gold)["acc"] else WRONG
    return lambda pair: RIGHT if score(pair.response, pair.gold) else WRONG


_PARSERS = ("latex2sympy2_extended", "sympy", "antlr4-python3-runtime")
GRADERS: dict[str, tuple[Callable[[], Grade], tuple[str, ...]]] = {
    OURS: (ours, ("rlvr-gym",)),
    "math-verify": (math_verify, ("math-verify", *_PARSERS)),
    "trl accuracy_reward": (trl, ("trl", "math-verify", *_PARSERS)),
    "inspect_ai math": (inspect_ai, ("inspect_ai", *_PARSERS)),
    "gem full": (lambda: gem(fast=False), ("gem-llm", "math-verify", *_PARSERS)),
    "gem fast": (lambda: gem(fast=True), ("gem-llm", "math-verify", *_PARSERS)),
    "lm-eval minerva_math": (lm_eval, ("lm-eval", "sympy", "antlr4-python3-runtime")),
    "verl prime_math": (verl_prime, ("verl", "sympy", "antlr4-python3-runtime")),
    "verl math_reward": (lambda: string_score("verl.utils.reward_score.math_reward", dapo=False), ("verl",)),
    "verl math_dapo": (lambda: string_score("verl.utils.reward_score.math_dapo", dapo=True), ("verl",)),
    "skyrl-gym aime": (lambda: string_score("skyrl_gym.envs.aime.utils", dapo=True), ("skyrl-gym",)),
}


def last_box(response: str) -> str:
    """The text of the last `\\boxed{}`, to the brace that closes it; all of a response without one."""
    rest = response.rpartition("\\boxed{")[2]
    depth = 1
    for end, char in enumerate(rest):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return rest[:end]
    return rest


def spread(count: int, wanted: int) -> list[int]:
    """`wanted` of `count` indices at a fixed stride, or all."""
    return list(range(count)) if wanted >= count else [k * count // wanted for k in range(wanted)]


def read_pairs(path: Path, limit: int) -> list[Pair]:
    """The labelled pairs of a file, at most `limit` of them at a fixed stride."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [Pair(row["gold"], row["response"], last_box(row["response"]), bool(row["label"])) for row in rows]
    return [pairs[i] for i in spread(len(pairs), limit)]


class Run:
    """The passes of one grader in this process; says before each pair that it is alive and which pair it is at."""

    def __init__(self, grade: Grade, pairs: Sequence[Pair], hung: Sequence[int], beat: memoryview) -> None:
        self.grade, self.pairs, self.hung, self.beat = grade, pairs, set(hung), beat

    def one_pass(self, indices: Sequence[int]) -> dict[int, tuple[float, str]]:
        """Seconds and outcome of each pair, but of those that hung."""
        found = {}
        for i in indices:
            if i in self.hung:
                continue
            self.beat[1] = i
            self.beat[0] += 1
            pair, started = self.pairs[i], time.perf_counter()
            try:
                outcome = self.grade(pair)
            except Exception as error:  # noqa: BLE001 - whatever a peer raises is its outcome
                outcome = f"error: {type(error).__name__}"
            found[i] = (time.perf_counter() - started, outcome)
        return found

    def warm(self, indices: Sequence[int]) -> dict[str, Any]:
        """Verifications a second over `PASSES` passes, and their median without those above 1 s."""
        times = [[seconds for seconds, _ in self.one_pass(indices).values()] for _ in range(PASSES)]
        rates = [len(each) / sum(each) for each in times]
        calm = statistics.median(1 / statistics.fmean(s for s in each if s <= 1) for each in times)
        return {"median": statistics.median(rates), "all": rates, "median_below_1_s": calm, "pairs": len(times[0])}

    def figures(self) -> dict[str, Any]:
        """The first pass, then the warm ones."""
        first = dict.fromkeys(self.hung, (WATCHDOG_S, HUNG)) | self.one_pass(range(len(self.pairs)))
        self.hung |= {i for i, (seconds, _) in first.items() if seconds >= WATCHDOG_S}
        ordered = sorted(seconds * 1e6 for seconds, _ in first.values())
        count, cold = len(ordered), len(ordered) / sum(ordered) * 1e6
        sample = self.warm(spread(count, SAMPLE))
        return {
            "cold_per_s": cold,
            "warm_per_s": sample if cold < SLOW_PER_S else self.warm(range(count)),
            "warm_sample_per_s": sample,
            "latency_us": {"p50": ordered[count // 2], "p99": ordered[count * 99 // 100], "max": ordered[-1]},
            "above_1_s": sum(microseconds > 1e6 for microseconds in ordered),
            "false_positives": sum(said == RIGHT and not self.pairs[i].right for i, (_, said) in first.items()),
            "false_negatives": sum(said != RIGHT and self.pairs[i].right for i, (_, said) in first.items()),
            "outcomes": dict(Counter(said for _, said in first.values())),
        }


def child(name: str, pairs: Sequence[Pair], hung: Sequence[int], beat_file: Path) -> None:
    """Measure one grader in this process and print JSON; without pairs, only its import."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    build, packages = GRADERS[name]
    started = time.perf_counter()
    grade = build()
    result: dict[str, Any] = {"import_s": time.perf_counter() - started, "python": platform.python_version()}
    result["versions"] = {package: importlib.metadata.version(package) for package in packages}
    if pairs:
        with beat_file.open("r+b") as file:
            beat = memoryview(mmap.mmap(file.fileno(), 16)).cast("q")
        result |= Run(grade, pairs, hung, beat).figures()
    result["sympy_loaded"] = "sympy" in sys.modules
    print("\n" + json.dumps(result), flush=True)
    os._exit(0)  # a peer's worker threads would keep the process


def watch(process: subprocess.Popen[bytes], beat_file: Path) -> int | None:
    """Wait for a child; one that stays at a pair for `WATCHDOG_S` is killed with its children, the pair returned."""
    count, since = 0, time.monotonic()
    try:
        while process.poll() is None:
            time.sleep(0.2)
            beat, index = memoryview(beat_file.read_bytes()).cast("q")
            if beat != count or not beat:  # it moves on, or it still imports
                count, since = beat, time.monotonic()
            elif time.monotonic() - since > WATCHDOG_S + 2:  # a peer with a limit as long comes first
                return int(index)
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and the workers that it left
        process.wait()


def measure(python: str, name: str, pairs_file: Path, limit: int) -> dict[str, Any]:
    """Run the child of one grader, again without the pair wherever one hangs; `skipped` says why there is no figure."""
    command = [python, __file__, "--child", name, "--pairs", str(pairs_file), "--limit", str(limit)]
    hung: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        beat, out, err = (Path(folder, part) for part in ("beat", "out", "err"))
        while len(hung) <= MAX_HUNG:
            beat.write_bytes(bytes(16))
            arguments = [*command, "--beat", str(beat), "--hung", json.dumps(hung)]
            with out.open("wb") as stdout, err.open("wb") as stderr:
                process = subprocess.Popen(arguments, stdout=stdout, stderr=stderr, start_new_session=True)
                stuck = watch(process, beat)
            if stuck is None:
                lines = (err if process.returncode else out).read_text().splitlines() or [f"exit {process.returncode}"]
                return {"skipped": lines[-1]} if process.returncode else dict(json.loads(lines[-1]))
            hung.append(stuck)
    return {"skipped": f"more than {MAX_HUNG} pairs took more than {WATCHDOG_S:.0f} s each"}


def grader_figures(python: str, name: str, pairs_file: Path, limit: int) -> dict[str, Any]:
    """The figures of one grader; its import time is the median of fresh processes without pairs."""
    imports = [measure(python, name, pairs_file, 0) for _ in range(PASSES)]
    if "skipped" in imports[0]:
        return imports[0]
    return measure(python, name, pairs_file, limit) | {"import_s": statistics.median(i["import_s"] for i in imports)}


def import_seconds() -> dict[str, float]:
    """Wall time of a fresh interpreter that imports our family, over one that does nothing; with bytecode cached."""
    cached = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-P", "-c", "import rlvr_gym.verifiers.math"], check=True, env=cached)
    walls: dict[str, list[float]] = {"pass": [], "import rlvr_gym.verifiers.math": []}
    for code in list(walls) * PASSES:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-P", "-c", code], check=True, env=cached)
        walls[code].append(time.perf_counter() - started)
    empty, ours = (statistics.median(times) for times in walls.values())
    return {"empty_interpreter_s": empty, "import_s": ours - empty}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {"processor": model, "cores": os.cpu_count(), "system": platform.system(), "machine": platform.machine()}


def warm_ratios(measured: dict[str, dict[str, Any]], figure: str) -> dict[str, float]:
    """Our warm rate over each peer's, both on all pairs or both on the sample."""
    ratios = {}
    for name, peer in measured.items() if OURS in measured else ():
        slow = min(peer["cold_per_s"], measured[OURS]["cold_per_s"]) < SLOW_PER_S
        key = "warm_sample_per_s" if slow else "warm_per_s"
        ratios[name] = measured[OURS][key][figure] / peer[key][figure]
    return ratios


def show(graders: dict[str, dict[str, Any]], ratios: dict[str, float]) -> None:
    """Print the table."""
    columns = ("import s", "cold/s", "warm/s", "p50 us", "p99 us", "max us", ">1 s", "FP", "FN", "ours/it")
    print(f"{'grader':<21}" + "".join(f"{column:>11}" for column in columns) + "  other outcomes")
    for name, found in graders.items():
        if "skipped" in found:
            print(f"{name:<21}left out: {found['skipped']}")
            continue
        values = [found["cold_per_s"], found["warm_per_s"]["median"], *found["latency_us"].values()]
        values += [found[key] for key in ("above_1_s", "false_positives", "false_negatives")]
        cells = [f"{found['import_s']:.2f}", *map("{:,.0f}".format, values), f"{ratios.get(name, 0):,.1f}"]
        others = {key: count for key, count in found["outcomes"].items() if key not in (RIGHT, WRONG)}
        print(f"{name:<21}" + "".join(f"{cell:>11}" for cell in cells) + f"  {others or ''}")


def main() -> None:
    """Run the graders one after another, print a table, store JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="interpreter with the other graders")
    parser.add_argument("--pairs", type=Path, default=DATA / "math_pairs" / "pairs.jsonl")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "math.json")
    parser.add_argument("--limit", type=int, default=sys.maxsize, help="this many pairs, to see that it runs")
    parser.add_argument("--child", choices=GRADERS, help=argparse.SUPPRESS)
    parser.add_argument("--hung", default="[]", help=argparse.SUPPRESS)
    parser.add_argument("--beat", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    pairs = read_pairs(args.pairs, args.limit)
    if args.child:
        child(args.child, pairs, json.loads(args.hung), args.beat)
        return
    if not args.peers:
        parser.error("--peers PYTHON is needed: the interpreter of an environment with math-verify and others")
    pythons = {name: sys.executable if name == OURS else args.peers for name in GRADERS}
    graders = {name: grader_figures(python, name, args.pairs, args.limit) for name, python in pythons.items()}
    measured = {name: found for name, found in graders.items() if "skipped" not in found}
    ratios = warm_ratios(measured, "median")
    show(graders, ratios)
    fresh = import_seconds()
    print(f"import rlvr_gym.verifiers.math: {fresh['import_s']:.3f} s over an empty interpreter")
    result = {
        "machine": machine(),
        "pairs": {"file": args.pairs.name, "count": len(pairs), "right": sum(pair.right for pair in pairs)},
        "method": {"warm_passes": PASSES, "sample_below_per_s": SLOW_PER_S, "sample": SAMPLE, "watchdog_s": WATCHDOG_S},
        "import_rlvr_gym_verifiers_math": fresh,
        "graders": graders,
        "warm_ours_over_it": ratios,
        "warm_ours_over_it_below_1_s": warm_ratios(measured, "median_below_1_s"),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
