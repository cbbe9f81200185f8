"""The pass@k runner: tasks x n samples, resumable at any sample.

The seed of a sample is a function of (run seed, task, sample number): samples do not depend on the order, the batch
width or how often the run was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
from rlvr_gym.agents import Episode, Play, Policy, collect, seed_from, tool_totals
from rlvr_gym.agents.lock import only_writer
from rlvr_gym.agents.notices import Notices
from rlvr_gym.benchmarks.curve import Summary, summarise, write_curve_csv
from rlvr_gym.benchmarks.estimators import check_ks, default_ks
from rlvr_gym.benchmarks.folder import RunFolder, RunFolderError, Sample, write_json
from rlvr_gym.envs import Task, TextEnv
from rlvr_gym.verifiers import ConfigError, RlvrError, Verifier

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BenchConfig:
    """What to run.

    Args:
        env: Environment id, for example `"rlvr/Arithmetic-v0"`.
        env_kwargs: Its keywords; JSON.
        policy: Description of the policy; JSON. Part of the run's identity: a folder refuses another policy's samples.
        n: Samples a task.
        ks: Values of k; powers of two up to n by default.
        tasks: Number of different tasks, taken in index order; fewer where the environment has fewer.
        seed: Seed of the samples.
        width: Episodes played at once.

    Raises:
        ConfigError: A count is not positive, or a k exceeds n.
    """

    env: str
    env_kwargs: Mapping[str, Any]
    policy: Mapping[str, Any]
    n: int = 16
    ks: tuple[int, ...] = ()
    tasks: int = 100
    seed: int = 0
    width: int = 256

    def __post_init__(self) -> None:
        for name in ("n", "tasks", "width"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        object.__setattr__(self, "ks", check_ks(tuple(self.ks) or default_ks(self.n), self.n))


def make_env(env_id: str, env_kwargs: Mapping[str, Any]) -> gym.Env[str, str]:
    """Build one environment; ids of other packages are written `module:id`.

    Raises:
        ConfigError: There is no such id, or it refuses a keyword.
    """
    full = env_id if ":" in env_id or not env_id.startswith("rlvr/") else f"rlvr_gym:{env_id}"
    try:
        env: gym.Env[str, str] = gym.make(full, disable_env_checker=True, **env_kwargs)
    except RlvrError:
        raise
    except (gym.error.Error, ImportError, TypeError) as error:  # no such id or package, no such keyword
        raise ConfigError(f"the environment {env_id!r} cannot be made: {error}") from error
    return env


def text_env(env: gym.Env[str, str]) -> TextEnv:
    """The `TextEnv` below the wrappers.

    Raises:
        ConfigError: There is none: the benchmark needs a task set and a verifier.
    """
    if not isinstance(env.unwrapped, TextEnv):
        raise ConfigError(f"{env} is not a TextEnv: the benchmark needs its task set and verifier")
    return env.unwrapped


def bench(
    config: BenchConfig,
    policy: Policy | Callable[[Sequence[Task]], Policy],
    folder: str | Path,
    progress: Progress | None = None,
) -> Summary:
    """Sample, judge, estimate, and write the run folder.

    Args:
        config: What to run.
        policy: Who answers, or a function that builds it from the tasks.
        folder: Where the run lives; the same call again continues it.
        progress: Called with (samples done, samples wanted).

    Returns:
        The summary, also written as `summary.json` and `curve.csv`.

    Raises:
        RunFolderError: The folder holds another run or is damaged.
        FolderBusyError: Another process writes to it.

    Example:
        >>> import tempfile
        >>> from rlvr_gym.agents import ScriptedPolicy
        >>> config = BenchConfig("rlvr/Arithmetic-v0", {"style": "compact"}, {"name": "scripted"}, n=2, tasks=5)
        >>> summary = bench(config, lambda tasks: ScriptedPolicy(tasks, 1.0), tempfile.mkdtemp())
        >>> [(point.k, point.estimate) for point in summary.curve]
        [(1, 1.0), (2, 1.0)]
    """
    env = make_env(config.env, config.env_kwargs)
    base = text_env(env)
    tasks = base.taskset.distinct(config.tasks)
    actor = policy if isinstance(policy, Policy) else policy(tasks)
    run = RunFolder(folder)
    with only_writer(run.path):
        run.open(
            {
                "env": {"id": config.env, "kwargs": dict(config.env_kwargs)},
                "policy": dict(config.policy),
                "verifier": str(base.verifier.id),
                "seed": config.seed,
            },
            n=config.n,
            ks=config.ks,
            tasks=[task.id for task in tasks],
        )
        _fill(run, config, actor, tasks, env, progress)
        return summarise_run(run)


def summarise_run(run: RunFolder) -> Summary:
    """Recompute `summary.json` and `curve.csv` of a run folder from its two source files.

    Raises:
        RunFolderError: It is damaged.
    """
    config = run.config()
    try:
        task_ids, n, ks = config["tasks"], config["n"], tuple(config["ks"])
        wanted = {(task, i) for task in task_ids for i in range(n)}
        samples = [sample for key, sample in run.samples().items() if key in wanted]
        order = {task: place for place, task in enumerate(task_ids)}
        summary = summarise(
            run=run.name,
            env=config["env"]["id"],
            policy=describe_policy(config["policy"]),
            verifier=config["verifier"],
            n=n,
            ks=ks,
            task_ids=task_ids,
            samples=sorted(samples, key=lambda sample: (order[sample.task], sample.sample)),
        )
    except (KeyError, TypeError) as error:
        raise RunFolderError(
            f"{run.path / 'config.json'} is damaged: {error!r}. Start the run in a new folder"
        ) from error
    write_json(run.path / "summary.json", summary.to_dict())
    write_curve_csv(run.path / "curve.csv", [summary])
    return summary


def describe_policy(spec: Mapping[str, Any]) -> str:
    """A policy's description on one line.

    Example:
        >>> describe_policy({"name": "scripted", "p": 0.3})
        'scripted (p=0.3)'
    """
    rest = ", ".join(f"{key}={value}" for key, value in spec.items() if key != "name")
    return f"{spec.get('name', 'policy')} ({rest})" if rest else str(spec.get("name", "policy"))


def rescore(folder: str | Path, out: str | Path, verifier: Verifier | None = None) -> Summary:
    """Judge the stored responses of a run again, without the policy, into a new run folder.

    Args:
        folder: A run folder; it is not changed.
        out: Folder of the new run.
        verifier: Another verifier; by default the environment's own, as it is now.

    Raises:
        ConfigError: `out` is `folder`, or the environment no longer has the run's tasks.
    """
    old, new = RunFolder(folder), RunFolder(out)
    if old.path.resolve() == new.path.resolve():
        raise ConfigError("rescore writes into another folder: the stored run is never changed")
    config = old.config()
    base = text_env(make_env(config["env"]["id"], config["env"]["kwargs"]))
    judge = verifier or base.verifier
    tasks = {task.id: task for task in base.taskset.distinct(len(config["tasks"]))}
    if missing := [task for task in config["tasks"] if task not in tasks]:
        raise ConfigError(f"{len(missing)} tasks of {folder} are not in {config['env']['id']} any more: {missing[0]}")
    identity = {key: config.get(key) for key in ("env", "policy", "seed")} | {"verifier": str(judge.id)}
    stored = old.samples()
    with only_writer(new.path):
        new.open(identity, n=config["n"], ks=config["ks"], tasks=config["tasks"], rescored_from=old.name)
        done = new.samples()
        new.append(
            _rejudged(sample, tasks[sample.task], judge)
            for key, sample in stored.items()
            if key not in done and sample.task in tasks
        )
        return summarise_run(new)


def _rejudged(sample: Sample, task: Task, judge: Verifier) -> Sample:
    verdict = judge.verify(sample.response, task.reference, context={"prompt": task.prompt})
    return Sample(
        task=sample.task,
        sample=sample.sample,
        prompt=sample.prompt,
        response=sample.response,
        passed=verdict.passed if verdict.gradable else None,
        gradable=verdict.gradable,
        score=verdict.score,
        status=verdict.status.value,
        reason=verdict.reason.code,
        extracted=verdict.extracted,
        finish_reason=sample.finish_reason,
        tokens=sample.tokens,
        label=sample.label,
        tools=sample.tools,
    )


def _fill(
    run: RunFolder,
    config: BenchConfig,
    policy: Policy,
    tasks: Sequence[Task],
    env: gym.Env[str, str],
    progress: Progress | None,
) -> None:
    """Play what is missing: absent samples, and those that could not be graded last time."""
    done = {key for key, sample in run.samples().items() if sample.gradable}
    wanted = list(_wanted(config, policy, tasks))
    owed = [(task, i) for task, i in wanted if (task.id, i) not in done]
    if progress is not None:
        progress(len(wanted) - len(owed), len(wanted))
    envs = [env] + [make_env(config.env, config.env_kwargs) for _ in range(min(config.width, len(owed)) - 1)]
    notices = Notices()
    for start in range(0, len(owed), config.width):
        wave = owed[start : start + config.width]
        plays = [
            Play(
                seed_from("env", config.seed, task.id, i) % 2**32,
                seed_from("bench", config.seed, task.id, i),
                i,
                {"task": task},
            )
            for task, i in wave
        ]
        episodes = collect(envs, policy, plays, notices)
        run.append(_sample(task, i, episode) for (task, i), episode in zip(wave, episodes, strict=True))
        if progress is not None:
            progress(len(wanted) - len(owed) + start + len(wave), len(wanted))


def _wanted(config: BenchConfig, policy: Policy, tasks: Sequence[Task]) -> Iterator[tuple[Task, int]]:
    limits = [policy.available(task.prompt) for task in tasks]
    for i in range(config.n):
        for task, limit in zip(tasks, limits, strict=True):
            if limit is None or i < limit:
                yield task, i


def _sample(task: Task, index: int, episode: Episode) -> Sample:
    verdict = episode.verdict
    completion = episode.completion
    return Sample(
        task=task.id,
        sample=index,
        prompt=task.prompt,
        response=completion.text,
        passed=episode.passed,
        gradable=episode.gradable,
        score=verdict.get("score", 0.0),
        status=verdict.get("status", episode.stop_reason),
        reason=verdict["reason"]["code"] if verdict else (episode.error.strip().splitlines() or [""])[-1],
        extracted=verdict.get("extracted"),
        finish_reason=completion.finish_reason,
        tokens=sum(len(turn.completion.token_ids) for turn in episode.turns),
        label=completion.label,
        tools=None if episode.tool_stats is None else tool_totals([episode.tool_stats]),
    )
