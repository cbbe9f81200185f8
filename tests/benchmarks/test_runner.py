"""The runner against policies whose pass@k is known in closed form, and against being killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rlvr_gym.agents import Completion, Policy, Request, ScriptedPolicy, Spread
from rlvr_gym.benchmarks import BenchConfig, RunFolder, RunFolderError, bench, rescore, summarise_run
from rlvr_gym.envs import Task
from rlvr_gym.verifiers import ConfigError, make_verifier

ENV = "rlvr/Arithmetic-v0"
KWARGS = {"style": "compact", "split": "test"}


def config(**changes: Any) -> BenchConfig:
    return BenchConfig(**{"env": ENV, "env_kwargs": KWARGS, "policy": {"name": "test"}, "n": 8, "tasks": 20, **changes})


def scripted(low: float, high: float) -> Any:
    return lambda tasks: ScriptedPolicy(tasks, Spread(low, high))


def test_curve_meets_the_closed_form(tmp_path: Path) -> None:
    """Mean over tasks of 1 - (1 - p_i)^k, with p_i known. 200 tasks x 64 samples; tolerance four standard errors.

    The standard error of the mean over tasks is at most sqrt(mean of k^2 (1-p)^(2k-2) p (1-p) / n) / sqrt(T).
    """
    policies: list[ScriptedPolicy] = []

    def build(tasks: Sequence[Task]) -> ScriptedPolicy:
        policies.append(ScriptedPolicy(tasks, Spread(0.02, 0.5)))
        return policies[-1]

    summary = bench(config(n=64, tasks=200, ks=(1, 2, 4, 8, 16)), build, tmp_path / "run")
    p = np.array(list(policies[0].probabilities.values()))
    assert summary.included == 200
    for point in summary.curve:
        exact = float((1 - (1 - p) ** point.k).mean())
        slope = point.k * (1 - p) ** (point.k - 1)
        error = float(np.sqrt((slope**2 * p * (1 - p) / 64).mean() / 200))
        assert abs(point.estimate - exact) < 4 * error + 1e-3
        assert point.low < point.estimate < point.high


def test_the_same_call_again_changes_nothing(tmp_path: Path) -> None:
    first = bench(config(), scripted(0.1, 0.9), tmp_path / "run")
    data = (tmp_path / "run" / "samples.jsonl").read_bytes()
    assert bench(config(), scripted(0.1, 0.9), tmp_path / "run") == first
    assert (tmp_path / "run" / "samples.jsonl").read_bytes() == data


def test_growing_n_keeps_the_first_samples(tmp_path: Path) -> None:
    bench(config(n=4), scripted(0.1, 0.9), tmp_path / "grown")
    before = RunFolder(tmp_path / "grown").samples()
    grown = bench(config(n=16), scripted(0.1, 0.9), tmp_path / "grown")
    at_once = bench(config(n=16), scripted(0.1, 0.9), tmp_path / "once")
    assert grown.curve == at_once.curve
    after = RunFolder(tmp_path / "grown").samples()
    assert before.items() <= after.items()
    assert after == RunFolder(tmp_path / "once").samples()


def test_width_and_order_change_nothing(tmp_path: Path) -> None:
    runs = []
    for width in (1, 7, 300):
        bench(config(width=width), scripted(0.1, 0.9), tmp_path / str(width))
        runs.append(RunFolder(tmp_path / str(width)).samples())
    assert runs[0] == runs[1] == runs[2]


class Stopping(Policy):
    """Answers, and is interrupted after some calls, as by Ctrl-C."""

    def __init__(self, inner: Policy, calls: int) -> None:
        self.inner, self.calls = inner, calls

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        if self.calls == 0:
            raise KeyboardInterrupt
        self.calls -= 1
        return self.inner.sample(requests)


def test_an_interrupted_run_continues_and_ends_equal(tmp_path: Path) -> None:
    whole = bench(config(width=16), scripted(0.1, 0.9), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        bench(config(width=16), lambda t: Stopping(ScriptedPolicy(t, Spread(0.1, 0.9)), 4), tmp_path / "cut")
    assert len(RunFolder(tmp_path / "cut").samples()) == 4 * 16
    again = bench(config(width=16), scripted(0.1, 0.9), tmp_path / "cut")
    assert again.curve == whole.curve
    assert (tmp_path / "cut" / "samples.jsonl").read_bytes() == (tmp_path / "whole" / "samples.jsonl").read_bytes()


def test_kill_9_in_the_middle_loses_nothing_that_was_written(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from rlvr_gym.agents import ScriptedPolicy, Spread\n"
        "from rlvr_gym.benchmarks import BenchConfig, bench\n"
        "class Slow(ScriptedPolicy):\n"
        "    def sample(self, requests):\n"
        "        time.sleep(0.02)\n"
        "        return super().sample(requests)\n"
        f"config = BenchConfig({ENV!r}, {KWARGS!r}, {{'name': 'test'}}, n=8, tasks=20, width=3)\n"
        "bench(config, lambda t: Slow(t, Spread(0.1, 0.9)), sys.argv[1])\n"
    )
    run = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", code, str(run)])
    file = run / "samples.jsonl"
    deadline = time.monotonic() + 60
    while (not file.exists() or file.stat().st_size < 4000) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with file.open("ab") as out:  # what a kill inside a write leaves
        out.write(b'{"task": "half a row')
    kept = RunFolder(run).samples()
    assert 0 < len(kept) < 160
    summary = bench(config(width=3), scripted(0.1, 0.9), run)
    assert kept.items() <= RunFolder(run).samples().items()
    assert summary.curve == bench(config(), scripted(0.1, 0.9), tmp_path / "fresh").curve
    assert all(json.loads(line) for line in file.read_text().splitlines())


def test_ungradable_samples_are_counted_apart_and_sampled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rlvr_gym.envs import TextEnv, Transition
    from rlvr_gym.verifiers import Status
    from rlvr_gym.verifiers.verdict import ungradable

    honest = TextEnv.transition

    def broken(self: TextEnv, action: str) -> Transition:
        if int(self.task.id, 16) % 3 == 0:
            return Transition(verdict=ungradable(Status.SANDBOX_ERROR, "down", "the sandbox is down", self.verifier.id))
        if int(self.task.id, 16) % 3 == 1:
            raise MemoryError("no memory")
        return honest(self, action)

    monkeypatch.setattr(TextEnv, "transition", broken)
    bad = bench(config(n=2), lambda t: ScriptedPolicy(t, 1.0), tmp_path / "run")
    monkeypatch.setattr(TextEnv, "transition", honest)
    assert 0 < bad.included < 20
    assert len(bad.incomplete) == 20 - bad.included
    assert bad.ungradable == 2 * len(bad.incomplete)
    assert bad.curve[0].estimate == 1.0  # our failures are no zeros
    assert "left out of every k" in bad.note
    assert {"sandbox_error", "error"} <= set(bad.statuses)
    assert any("MemoryError: no memory" in s.reason for s in RunFolder(tmp_path / "run").samples().values())
    mended = bench(config(n=2), lambda t: ScriptedPolicy(t, 1.0), tmp_path / "run")
    assert (mended.included, mended.ungradable, mended.note) == (20, 0, "")
    assert RunFolder(tmp_path / "run").samples()[(mended_task := bad.incomplete[0].task), 0].passed, mended_task


def test_another_policy_or_environment_is_refused(tmp_path: Path) -> None:
    bench(config(), scripted(0.1, 0.9), tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"holds another run \(policy: .* there"):
        bench(config(policy={"name": "other"}), scripted(0.1, 0.9), tmp_path / "run")
    with pytest.raises(RunFolderError, match="env: "):
        bench(config(env_kwargs={"style": "compact"}), scripted(0.1, 0.9), tmp_path / "run")


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("do not touch")
    with pytest.raises(RunFolderError, match="not empty and not a run folder"):
        bench(config(), scripted(0.1, 0.9), tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "config.json").write_text("{"), "config.json is damaged"),
        (lambda run: (run / "config.json").write_text("[]"), "has format 'list'"),
        (lambda run: (run / "config.json").write_text('{"format": 99}'), "has format 99; this version reads format 1"),
        (
            lambda run: (run / "samples.jsonl").write_text("not a row\n" + '{"task": 1}\n'),
            "samples.jsonl, line 1 is not a sample",
        ),
        (lambda run: (run / "samples.jsonl").write_bytes(b"\x00\xff\n\n"), "line 1 is not a sample"),
    ],
)
def test_a_damaged_folder_is_named(tmp_path: Path, damage: Any, message: str) -> None:
    bench(config(n=1), scripted(0.1, 0.9), tmp_path / "run")
    damage(tmp_path / "run")
    with pytest.raises(RunFolderError, match=message):
        bench(config(n=1), scripted(0.1, 0.9), tmp_path / "run")


def test_a_missing_folder_offers_its_neighbours(tmp_path: Path) -> None:
    bench(config(n=1), scripted(0.1, 0.9), tmp_path / "trained")
    with pytest.raises(RunFolderError, match="did you mean 'trained'"):
        summarise_run(RunFolder(tmp_path / "traned"))


def test_fewer_recordings_than_k_leaves_the_task_out_of_every_k(tmp_path: Path) -> None:
    class Few(ScriptedPolicy):
        def available(self, prompt: str) -> int:
            return 1 if prompt < "5" else 4

    summary = bench(config(n=4), lambda t: Few(t, 1.0), tmp_path / "run")
    assert summary.incomplete
    assert all(c.n == 1 for c in summary.incomplete)
    assert summary.included + len(summary.incomplete) == 20
    none = bench(
        config(n=4, tasks=3), lambda t: type("One", (Few,), {"available": lambda s, p: 1})(t, 1.0), tmp_path / "none"
    )
    assert none.curve == ()
    assert "no task is left, so there is no curve. The largest k that any task supports is 1" in none.note


def test_unanimous_answers_are_reported(tmp_path: Path) -> None:
    assert bench(config(n=4), lambda t: ScriptedPolicy(t, 1.0), tmp_path / "same").unanimous == 1.0
    assert bench(config(n=8), lambda t: ScriptedPolicy(t, 0.5), tmp_path / "mixed").unanimous < 0.5


def test_rescore_judges_again_without_the_policy(tmp_path: Path) -> None:
    run = bench(config(n=4), scripted(0.1, 0.9), tmp_path / "run")
    same = rescore(tmp_path / "run", tmp_path / "again")
    assert same.curve == run.curve
    strict = rescore(tmp_path / "run", tmp_path / "strict", make_verifier("number@1", markers=["boxed"]))
    assert strict.curve[0].estimate == 0.0
    with pytest.raises(ConfigError, match="another folder"):
        rescore(tmp_path / "run", tmp_path / "run")


@pytest.mark.parametrize("field", ["n", "tasks", "width"])
def test_counts_must_be_positive(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field} must be at least 1, got 0"):
        config(**{field: 0})


def test_real_recordings_of_gsm8k_agree_with_every_label(data_dir: Path, tmp_path: Path) -> None:
    """2,640 rows of four models; the verdict equals `is_correct` on each."""
    from rlvr_gym.cli import main

    recorded = data_dir / "recorded" / "gsm8k_model_solutions.jsonl"
    out = tmp_path / "gsm8k"
    status = main(
        ["bench", "rlvr/GSM8K-v0", f"path={data_dir / 'gsm8k' / 'test.jsonl'}", "--policy", f"replay:{recorded}",
         "--by", "model", "--label", "is_correct", "--n", "1", "--tasks", "1319", "--out", str(out)]
    )  # fmt: skip
    assert status == 0
    labels = [json.loads(line) for line in recorded.read_text().splitlines()]
    total = 0
    for model in {row["model"] for row in labels}:
        summary = summarise_run(RunFolder(out / model))
        right = sum(row["is_correct"] for row in labels if row["model"] == model)
        assert summary.agreement is not None
        assert summary.agreement.agreed == summary.agreement.labelled == summary.samples == 660
        assert (summary.included, len(summary.incomplete)) == (660, 659)
        assert summary.curve[0].estimate == pytest.approx(right / 660)
        total += summary.samples
    assert total == 2640


def test_real_recordings_of_math_have_a_curve_and_list_each_disagreement(data_dir: Path, tmp_path: Path) -> None:
    from rlvr_gym.cli import main

    recorded = data_dir / "recorded" / "math_100x8.jsonl"
    out = tmp_path / "math"
    status = main(
        ["bench", "rlvr/MATH-v0", f"path={recorded}", "--policy", f"replay:{recorded}", "--label", "grader_correct",
         "--n", "8", "-k", "1-8", "--out", str(out)]
    )  # fmt: skip
    assert status == 0
    summary = summarise_run(RunFolder(out))
    assert [point.k for point in summary.curve] == list(range(1, 9))
    assert (summary.included, summary.samples) == (100, 800)
    assert summary.agreement is not None
    assert summary.agreement.agreed >= 780
    page = (out / "report.html").read_text()
    disagreements = [s for s in RunFolder(out).samples().values() if s.passed != s.label]
    assert len(disagreements) == 800 - summary.agreement.agreed
    assert all(s.task in page for s in disagreements)
