"""The trainer: it learns, it resumes exactly, it refuses to mix runs, and micro-batches change nothing."""

from __future__ import annotations

import doctest
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="agents need the extra 'agents'")

import gymnasium as gym  # noqa: E402
from rlvr_gym.agents import (  # noqa: E402
    Episode,
    TrainConfig,
    Trainer,
    TransformersPolicy,
    Turn,
    WarmStartConfig,
    build_preset,
    recipes,
    warm_start,
)
from rlvr_gym.agents.checkpoint import CheckpointError, checkpoints  # noqa: E402
from rlvr_gym.agents.models import LanguageModel  # noqa: E402
from rlvr_gym.agents.strategies import Sample  # noqa: E402
from rlvr_gym.agents.tracking import JsonLines, read_json_lines  # noqa: E402
from rlvr_gym.envs import TextEnv, Transition  # noqa: E402
from rlvr_gym.verifiers import ConfigError, MissingExtraError, Status  # noqa: E402
from rlvr_gym.verifiers.verdict import ungradable  # noqa: E402

ALPHABET = "0123456789+="


def make_env() -> gym.Env[str, str]:
    return gym.make("rlvr_gym:rlvr/Arithmetic-v0", digits=1, style="compact", disable_env_checker=True)


def start() -> LanguageModel:
    return build_preset("nano", alphabet=ALPHABET)


def config(**changes: Any) -> TrainConfig:
    settings = {"steps": 6, "prompts": 4, "max_new_tokens": 3, "checkpoint_every": 2, "learning_rate": 1e-3}
    return TrainConfig(**{**settings, **changes})


def trainer(folder: Path, recipe: dict[str, Any] | None = None, **changes: Any) -> Trainer:
    pieces = {"group_size": 4, "kl_coef": 0.01, **(recipe or {})}
    return Trainer(make_env, start, recipes.get("grpo", **pieces), config(**changes), folder)


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six steps without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    trainer(folder, {"updates": 2}).run()
    return folder


def test_six_steps_equal_three_and_three_after_a_restart(whole: Path, tmp_path: Path) -> None:
    trainer(tmp_path, {"updates": 2}, steps=6, checkpoint_every=3)
    first = trainer(tmp_path, {"updates": 2}, steps=6, checkpoint_every=3)
    stop_after(first, 3)
    second = trainer(tmp_path, {"updates": 2}, steps=6, checkpoint_every=3)
    second.run()
    assert weights(tmp_path) == weights(whole)
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


def test_a_reference_that_follows_is_resumed_exactly(tmp_path: Path) -> None:
    pieces = {"reference_every": 1, "reference_decay": 0.5}
    trainer(tmp_path / "whole", pieces, steps=4).run()
    trainer(tmp_path / "parts", pieces, steps=2).run()
    trainer(tmp_path / "parts", pieces, steps=4).run()
    place = "checkpoints/step-000004/reference.safetensors"
    assert (tmp_path / "parts" / place).read_bytes() == (tmp_path / "whole" / place).read_bytes()
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")


def test_a_recipe_that_begins_from_the_base_is_resumed_exactly(tmp_path: Path) -> None:
    """ReST-EM, whose base the whole run keeps in memory and each part reads again."""
    for folder, parts in (("whole", [4]), ("parts", [2, 4])):
        for steps in parts:
            recipe = recipes.get("rest-em", group_size=4, updates=2, filter={})
            Trainer(make_env, start, recipe, config(steps=steps), tmp_path / folder).run()
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert weights(tmp_path / "whole") != (tmp_path / "whole" / "base" / "model.safetensors").read_bytes()


def stop_after(run: Trainer, steps: int) -> None:
    class Stop(Exception):
        pass

    def report(metrics: dict[str, float]) -> None:
        if metrics["step"] == steps + 1:  # one step past the checkpoint, whose record must be written again
            raise Stop

    with pytest.raises(Stop):
        run.run(report)


def test_kill_9_in_the_middle_of_training_resumes_exactly(whole: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_trainer as t\n"
        "t.trainer(pathlib.Path(sys.argv[1]), {'updates': 2}).run(lambda m: time.sleep(0.3))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    deadline = time.monotonic() + 120
    while not checkpoints(tmp_path / "checkpoints") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoints(tmp_path / "checkpoints")
    assert not (tmp_path / "model").exists()
    with (tmp_path / "metrics.jsonl").open("a") as out:
        out.write('{"step": 4, "rew')  # torn by the kill
    trainer(tmp_path, {"updates": 2}).run()
    assert weights(tmp_path) == weights(whole)
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


def test_micro_batches_change_nothing_but_the_last_bits(whole: Path, tmp_path: Path) -> None:
    trainer(tmp_path, {"updates": 2}, micro_batch=3).run()
    from safetensors.torch import load_file

    ours, theirs = (load_file(f / "model" / "model.safetensors") for f in (tmp_path, whole))
    # Adam turns rounding in near-zero gradients into whole steps: compare the first step's figures, not weights.
    assert ours.keys() == theirs.keys()
    rows = zip(read_json_lines(tmp_path / "metrics.jsonl"), read_json_lines(whole / "metrics.jsonl"), strict=True)
    first_ours, first_theirs = next(iter(rows))
    assert first_ours["grad_norm"] == pytest.approx(first_theirs["grad_norm"], rel=1e-4, abs=1e-7)
    assert first_ours["kl"] == pytest.approx(first_theirs["kl"], abs=1e-6)


def test_metrics_are_complete_and_the_ratio_starts_at_one(whole: Path) -> None:
    rows = read_json_lines(whole / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for row in rows:
        assert set(row) == {
            "step", "episodes", "ungradable", "reward_mean", "reward_std", "pass_rate", "tied_groups", "cut_off",
            "passed_groups", "failed_groups",
            "response_tokens", "response_tokens_most", "grad_norm", "entropy", "clip_fraction_low",
            "clip_fraction_high", "kl", "advantage_skew", "logprob_gap", "learning_rate",
        }  # fmt: skip
        assert row["episodes"] == 16
        assert row["logprob_gap"] < 1e-4  # the sampler and the learner agree: one model, one temperature
    assert len(read_json_lines(whole / "timings.jsonl")) == 6
    assert not any("_s" in key and "second" in key for key in rows[0])


def test_leaving_out_rows_without_an_advantage_changes_no_gradient(tmp_path: Path) -> None:
    """Half of the rows have advantage 0; the gradient of all rows equals that of the others under the same counts."""
    run = trainer(tmp_path, {"kl_coef": 0.0, "channels": [{"baseline": "none", "scale": "none"}]}, learning_rate=1e-9)
    completions = run.policy.act([[{"role": "user", "content": f"{i}+{i}="}] for i in range(6)], seeds=range(6))
    paid = zip(completions, (1.0, 0.0, -0.5, 0.0, 0.0, 2.0), strict=True)
    samples = [Sample(Episode("t", (Turn(c, reward, "s"),), True, "answered", {}), 0) for c, reward in paid]
    lessons, _ = run.learner.lessons(samples)
    assert lessons is not None
    assert int(lessons.moving_B.sum()) == 3
    part_norm = run.learner.update(1, lessons)["grad_norm"]
    whole_norm = run.learner.update(1, replace(lessons, moving_B=torch.ones(6, dtype=torch.bool)))["grad_norm"]
    assert part_norm == pytest.approx(whole_norm, rel=1e-4)


def test_only_two_checkpoints_are_kept_and_none_is_partial(whole: Path) -> None:
    assert [path.name for path in checkpoints(whole / "checkpoints")] == ["step-000004", "step-000006"]
    assert not list(whole.rglob("*.partial"))
    assert not list(whole.rglob("*.bin"))
    assert not list(whole.rglob("*.pt"))


def test_a_finished_run_is_not_trained_again(whole: Path) -> None:
    before = weights(whole)
    calls: list[dict[str, float]] = []
    metrics = trainer(whole, {"updates": 2}).run(calls.append)
    assert calls == []
    assert metrics["step"] == 6
    assert weights(whole) == before


def test_steps_may_grow(whole: Path, tmp_path: Path) -> None:
    trainer(tmp_path, steps=2).run()
    trainer(tmp_path, steps=4).run()
    assert [row["step"] for row in read_json_lines(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4]


def test_other_settings_in_the_same_folder_are_refused(whole: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.learning_rate: 0\.001 there, 0\.5 now"):
        trainer(whole, {"updates": 2}, learning_rate=0.5)
    with pytest.raises(ConfigError, match=r"recipe\.clip_high: 0\.2 there, 0\.28 now"):
        trainer(whole, {"updates": 2, "clip_high": 0.28})


def test_settings_that_cannot_be_played_leave_nothing_behind(tmp_path: Path) -> None:
    """What was refused is corrected in the same folder."""
    refused = {
        "a group of 7 cannot be kept of 2 trees with 3 leaves each": recipes.get("tree-grpo", group_size=7),
        "hints are given by the wrapper Hint": recipes.get("ghpo"),
        "at most the size of the group, 16, got 17": recipes.get("arpo", rollout={"name": "branch", "initial": 17}),
    }
    for message, recipe in refused.items():
        with pytest.raises(ConfigError, match=message):
            Trainer(make_env, start, recipe, config(prompts=1), tmp_path / "run")
        assert not (tmp_path / "run").exists()
    corrected = recipes.get("tree-grpo", kl_coef=0.0)
    assert Trainer(make_env, start, corrected, config(steps=1, prompts=2), tmp_path / "run").run()["episodes"] == 12


def test_a_run_that_made_no_step_begins_anew_with_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(seed: int) -> Trainer:
        lm, recipe = build_preset("nano", alphabet=ALPHABET, seed=seed), recipes.get("grpo", group_size=2, kl_coef=0.0)
        return Trainer(make_env, lm, recipe, config(steps=1, prompts=2, seed=seed), tmp_path)

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    first = made(seed=0)
    monkeypatch.setattr(first.policy, "sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    before = (tmp_path / "base" / "model.safetensors").read_bytes()
    assert made(seed=1).run()["step"] == 1
    assert (tmp_path / "base" / "model.safetensors").read_bytes() != before, "its base is another one too"
    with pytest.raises(ConfigError, match=r"train\.seed: 1 there, 0 now"):
        made(seed=0)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    trainer(tmp_path, steps=2).run()
    [folder] = checkpoints(tmp_path / "checkpoints")
    (folder / "optimizer.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(CheckpointError, match="step-000002 is not a usable checkpoint"):
        trainer(tmp_path, steps=4).run()


def test_ungradable_episodes_are_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every verdict a failure of ours the model must not move, however large the step."""

    def down(self: TextEnv, action: str) -> Transition:
        return Transition(verdict=ungradable(Status.SANDBOX_ERROR, "down", "the sandbox is down", self.verifier.id))

    monkeypatch.setattr(TextEnv, "transition", down)
    metrics = trainer(tmp_path, {"kl_coef": 0.0}, steps=2, learning_rate=1.0).run()
    assert (metrics["ungradable"], metrics["episodes"]) == (16, 16)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (
        tmp_path / "base" / "model.safetensors"
    ).read_bytes()


def test_it_learns_a_task_with_a_constant_answer(tmp_path: Path) -> None:
    """GRPO from an untrained model on a task that pays for `7`: from chance (about 1 in 50) to nearly always."""

    class Seven(TextEnv):
        def transition(self, action: str) -> Transition:
            return Transition(verdict=self.verifier.verify(action, 7))

    def make() -> gym.Env[str, str]:
        env = make_env().unwrapped
        assert isinstance(env, TextEnv)
        return Seven(env.taskset, env.verifier)

    recipe = recipes.get("grpo", group_size=32, kl_coef=0.0)
    run = Trainer(
        make,
        start,
        recipe,
        config(steps=60, prompts=4, checkpoint_every=60, max_new_tokens=2, learning_rate=3e-3),
        tmp_path,
    )
    run.run()
    rates = [row["pass_rate"] for row in read_json_lines(tmp_path / "metrics.jsonl")]
    assert rates[0] < 0.1
    assert rates[-1] > 0.9


def test_warm_start_stops_at_the_rate(tmp_path: Path) -> None:
    policy = TransformersPolicy(start(), max_new_tokens=3)
    settings = WarmStartConfig(until=0.15, check_every=10, check_episodes=256, batch_size=64, learning_rate=3e-3)
    seen: list[float] = []
    result = warm_start([make_env()], policy, settings, lambda step, loss, rate: seen.append(rate))
    assert result.reached
    assert result.pass_rate >= 0.15
    assert all(rate < 0.15 for rate in seen[:-1])


def test_warm_start_needs_solutions() -> None:
    from rlvr_gym.envs import ListTaskSet, Task
    from rlvr_gym.verifiers import make_verifier

    env = TextEnv(ListTaskSet([Task.create("1+1=", {"reference": 2})]), make_verifier("number@1"))
    with pytest.raises(ConfigError, match="no reference solution"):
        warm_start([env], TransformersPolicy(start(), max_new_tokens=3), WarmStartConfig(max_steps=1))


TRACES = {
    "tensorboard": "tensorboard/events.out.tfevents.*",
    "wandb": "wandb/offline-run-*",
    "mlflow": "mlruns",
    "trackio": "trackio/*.db",
}


@pytest.mark.parametrize("name", TRACES)
def test_each_tracker_is_told(name: str, tmp_path: Path) -> None:
    """The real programs, where they are installed, writing to files instead of their services."""
    pytest.importorskip(name, reason=f"{name} is not installed")
    places = {
        "MLFLOW_TRACKING_URI": f"file://{tmp_path / 'run' / 'mlruns'}",
        "TRACKIO_DIR": f"{tmp_path / 'run'}/trackio",
    }
    run_alone(
        "t.trainer(pathlib.Path(sys.argv[1]), steps=1, track=(sys.argv[2],)).run()", tmp_path / "run", name, **places
    )
    assert list((tmp_path / "run").glob(TRACES[name]))


def run_alone(code: str, *words: Any, **variables: str) -> None:
    """Run code in a process of its own, with this module as `t`: some of these programs read their settings once."""
    begin = f"import sys, pathlib\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nimport test_trainer as t\n"
    environment = {**os.environ, "WANDB_MODE": "offline", "MLFLOW_ALLOW_FILE_STORE": "true", **variables}
    command = [sys.executable, "-c", begin + code, *map(str, words)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio"])
def test_a_tracker_that_is_not_installed_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"rlvr-gym\[trackers\]"):
        trainer(tmp_path, steps=1, track=(name,)).run()


def test_completions_are_written_for_people(whole: Path) -> None:
    rows = read_json_lines(whole / "completions.jsonl")
    assert [row["step"] for row in rows] == [step for step in range(1, 7) for _ in range(4)]
    first = rows[0]
    assert first["context"].endswith("=")
    assert first["tokens"] >= 1
    assert {"task", "response", "reward", "passed", "stop_reason", "turns", "entropy"} < set(first)


def test_a_run_ends_where_the_evaluation_reaches_its_goal(tmp_path: Path) -> None:
    told: list[int] = []

    def evaluate(step: int, policy: TransformersPolicy) -> dict[str, float]:
        told.append(step)
        return {"eval_more": 7.0, "eval_pass_rate": 0.5}

    settings = config(eval_every=2, eval_episodes=4, stop_at=0.4)
    recipe, more = recipes.get("grpo", group_size=4), {"make_eval_env": make_env, "evaluate": evaluate}
    metrics = Trainer(make_env, start, recipe, settings, tmp_path, **more).run()  # type: ignore[arg-type]
    assert (metrics["step"], metrics["eval_more"], told) == (2, 7.0, [2])
    assert (tmp_path / "model").is_dir()
    assert Trainer(make_env, start, recipe, settings, tmp_path, **more).run()["step"] == 2  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="stop_at must lie in"):
        config(stop_at=0.5)
    with pytest.raises(LookupError, match="did you mean 'wandb'"):
        config(track=("wanbd",))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: config(steps=0), "steps must be at least 1"),
        (lambda: config(learning_rate=-1.0), "must be positive"),
        (lambda: config(decay=2.0), "decay must lie in"),
        (lambda: recipes.get("grpo", group_size=1), "group_size must be at least 2"),
        (lambda: recipes.get("grpo", clip_hgih=0.3), "did you mean 'clip_high'"),
        (lambda: recipes.get("grppo"), "did you mean 'grpo'"),
        (lambda: recipes.get("grpo", updates=0), "updates must be at least 1"),
        (lambda: WarmStartConfig(until=0.0), "until must lie in"),
    ],
)
def test_refused_settings(build: Callable[[], object], message: str) -> None:
    with pytest.raises((ConfigError, LookupError), match=message):
        build()


def test_learning_rate_schedule_by_hand() -> None:
    schedule = config(steps=11, learning_rate=1.0, warmup_steps=2, decay=0.0)
    rates = [schedule.rate_at(step) for step in (1, 2, 6, 11)]
    assert rates == pytest.approx([0.5, 1 - 1 / 11, 1 - 5 / 11, 1 - 10 / 11])


def test_json_lines_drops_later_rows_and_a_torn_line(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    file.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    log = JsonLines(file, keep_until=2)
    log.write({"step": 3, "x": 1})
    log.close()
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"step": 1},
        {"step": 2},
        {"step": 3, "x": 1},
    ]


def test_the_page_of_the_trainer_is_true() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "training.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith(("| `--", "| | `betas`"))]
    named = {word.strip(" `") for row in rows for word in row[2].split(",")} - {"the same"}
    assert named <= set(asdict(TrainConfig(steps=1)))
    assert len(named) > 15
