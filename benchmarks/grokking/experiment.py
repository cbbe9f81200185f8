"""The experiment: bases, arms and measurements, each kept in a folder and done once.

    OUT/seed-S/base/            the base and what it can do
    OUT/seed-S/ARM/             a training run as `rlvr train` leaves it, and what the trained model can do

Everything is a function of the plan and the seed. What was interrupted goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch
from rlvr_gym.agents import TrainConfig, Trainer, TransformersPolicy, load_model, recipes
from rlvr_gym.agents.checkpoint import save_model
from rlvr_gym.agents.lock import only_writer
from rlvr_gym.agents.models import LanguageModel, parameter_count
from rlvr_gym.benchmarks.folder import write_json
from rlvr_gym.benchmarks.grokking.base import Lesson, leads_back, lessons, looking, make_base, taught_rightly
from rlvr_gym.benchmarks.grokking.measure import problems, support
from rlvr_gym.benchmarks.grokking.plan import ARMS, Plan
from rlvr_gym.verifiers import ConfigError

FRESH = 64  # samples of each problem that a trained model is asked for
Say = Callable[[str], None]


def grok(plan: Plan, out: Path, *, jobs: int = 1, say: Say = print) -> None:
    """Run what is not there yet.

    Args:
        plan: Settings; those of a folder that was begun must not change, but for its seeds and arms.
        out: The folder.
        jobs: Processes; each computes with one thread.
        say: Told what is done.

    Raises:
        ConfigError: The folder holds an experiment with other settings.
    """
    out.mkdir(parents=True, exist_ok=True)
    with only_writer(out):
        _check_plan(plan, out)
        _spread([partial(_base, plan, out, seed) for seed in plan.seeds], jobs, say)
        _spread([partial(_arm, plan, out, seed, arm) for seed in plan.seeds for arm in plan.arms], jobs, say)


def _check_plan(plan: Plan, out: Path) -> None:
    file = out / "plan.json"
    settings = json.loads(json.dumps(asdict(plan)))
    try:
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else settings
        known = {key: [*before[key], *settings[key]] for key in ("seeds", "arms")}
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{file} is damaged ({error!r}); choose another folder or delete this one") from error
    changed = [key for key in settings if key not in ("seeds", "arms") and before.get(key) != settings[key]]
    if changed:
        told = "; ".join(f"{key}: {before.get(key)!r} there, {settings[key]!r} now" for key in changed)
        raise ConfigError(f"{out} holds an experiment with other settings ({told}); choose another folder")
    settings |= {key: list(dict.fromkeys(values)) for key, values in known.items()}
    write_json(file, settings)


def _spread(tasks: list[Callable[[], str]], jobs: int, say: Say) -> None:
    """Do all of them; a failure of one is raised after the others have ended."""
    if jobs == 1:
        with _one_thread():
            for task in tasks:
                say(task())
        return
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        for done in as_completed([pool.submit(task) for task in tasks]):
            say(done.result())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread, so that any number of jobs gives the same bits; two gain nothing at this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _policy(plan: Plan, lm: LanguageModel) -> TransformersPolicy:
    return TransformersPolicy(lm, max_new_tokens=plan.longest)


def _base(plan: Plan, out: Path, seed: int) -> str:
    """Make a base, check what it was taught, and count what it can do."""
    folder = out / f"seed-{seed}" / "base"
    file = folder / "support.json"
    if not file.exists():
        lm = make_base(plan, seed)
        save_model(folder, lm)
        policy, train, test = _policy(plan, lm), problems(plan, "train"), problems(plan, "test")
        taught = lessons(seed)
        many = -(-(plan.episodes if plan.pooled is None else plan.pooled) // len(train))
        found = {
            "parameters": parameter_count(lm.model),
            "taught": {
                "programs": len(taught),
                "that_lead_back": sum(leads_back(lesson.program) for lesson in taught),
                "that_solve_a_target": _solving(plan, {lesson.program for lesson in taught}),
                "target_prompts": len({lesson.prompt for lesson in taught} & {task.prompt for task in [*train, *test]}),
            },
            "each": support(plan, policy, [*train, *test], plan.samples, seed).to_dict(),
            "pooled": support(plan, policy, train, many, seed + 1).to_dict(),
        }
        told = [Lesson(task.prompt, looking(str(task.solution))) for task in train]
        control = support(plan, _policy(plan, taught_rightly(plan, lm, seed, told)), train, FRESH, seed)
        write_json(file, {**found, "taught_rightly": control.to_dict()})
    each = json.loads(file.read_text(encoding="utf-8"))["each"]
    return f"seed {seed}: base, {each['passed']} of {each['samples']} samples pass"


def _solving(plan: Plan, programs: set[str]) -> int:
    """How many of these programs pass the tests of some target problem."""
    env = plan.target("all")
    targets = [task.reference for split in ("train", "test") for task in problems(plan, split)]
    return sum(any(env.verifier.verify(program, target).passed for target in targets) for program in programs)


def _arm(plan: Plan, out: Path, seed: int, name: str) -> str:
    """Train one arm from the base of its seed, and count what the result can do."""
    folder = out / f"seed-{seed}" / name
    file = folder / "support.json"
    if not file.exists():
        lm = load_model(out / f"seed-{seed}" / "base")
        train, test = problems(plan, "train"), problems(plan, "test")

        def measured(step: int, policy: TransformersPolicy) -> dict[str, float]:
            sides = {"train": train, "test": test}
            return {f"{side}_exact": support(plan, policy, tasks, 8, step).exact_rate for side, tasks in sides.items()}

        trainer = Trainer(
            lambda: plan.target("train"),
            lm,
            recipes.get("grpo", **plan.recipe),
            TrainConfig(**plan.training, eval_every=plan.eval_every, eval_episodes=256, seed=seed),
            folder,
            make_eval_env=lambda: plan.target("test"),
            evaluate=measured,
            reward=ARMS[name].reward,
            schedule=ARMS[name].schedule,
            identity={"plan": asdict(plan), "arm": name},
        )
        trainer.run()
        sides = {"train": train, "test": test}
        after = {side: support(plan, trainer.policy, tasks, FRESH, seed).to_dict() for side, tasks in sides.items()}
        write_json(file, after)
    after = json.loads(file.read_text(encoding="utf-8"))
    rates = ", ".join(f"{split} {each['exact_rate']:.1%}" for split, each in after.items())
    return f"seed {seed}: {name}, right on every tape: {rates}"
